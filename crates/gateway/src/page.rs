//! The page of the demo, built into the program.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::app::App;

/// The routes beside the Socket.IO path, which the page is told.
pub(crate) fn router(app: App, path: &str) -> Router {
    match app {
        App::Demo => {
            let page = index(path);
            let index = Router::new().route("/", get(async move || answer(HTML, page)));
            FILES.iter().fold(index, |router, file| {
                router.route(file.path, get(async || answer(file.content_type, file.content)))
            })
        }
        App::Testbed => Router::new(),
    }
}

/// What to tell a user who has started the program.
pub(crate) fn hint(app: App) -> &'static str {
    match app {
        App::Demo => "  (open it in two browsers)",
        App::Testbed => "",
    }
}

/// The page, with the path of Socket.IO in its head.
fn index(path: &str) -> String {
    let path = path.replace('&', "&amp;").replace('"', "&quot;");
    include_str!("../demo/index.html").replace("{{path}}", &path)
}

fn answer(content_type: &'static str, content: impl IntoResponse) -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, content)
}

struct File {
    path: &'static str,
    content_type: &'static str,
    content: &'static str,
}

/// A file of the page, by its path below `demo`, which is also the one it is served at.
macro_rules! file {
    ($path:literal, $content_type:expr) => {
        File { path: $path, content_type: $content_type, content: include_str!(concat!("../demo", $path)) }
    };
}

const FILES: &[File] = &[
    file!("/style.css", CSS),
    file!("/style/composer.css", CSS),
    file!("/style/head.css", CSS),
    file!("/style/motion.css", CSS),
    file!("/style/side.css", CSS),
    file!("/style/talk.css", CSS),
    file!("/style/width.css", CSS),
    file!("/style/wire.css", CSS),
    file!("/icon.svg", "image/svg+xml"),
    file!("/app.js", JAVASCRIPT),
    file!("/chat.js", JAVASCRIPT),
    file!("/connection.js", JAVASCRIPT),
    file!("/identity.js", JAVASCRIPT),
    file!("/outbox.js", JAVASCRIPT),
    file!("/picture.js", JAVASCRIPT),
    file!("/wire.js", JAVASCRIPT),
    file!("/view/composer.js", JAVASCRIPT),
    file!("/view/connection.js", JAVASCRIPT),
    file!("/view/dom.js", JAVASCRIPT),
    file!("/view/format.js", JAVASCRIPT),
    file!("/view/message.js", JAVASCRIPT),
    file!("/view/messages.js", JAVASCRIPT),
    file!("/view/people.js", JAVASCRIPT),
    file!("/view/rooms.js", JAVASCRIPT),
    file!("/view/scroll.js", JAVASCRIPT),
    file!("/view/wire.js", JAVASCRIPT),
];

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Everything comes from this server, pictures that were received from the page itself. No text ever becomes markup or a
/// script: browsers refuse the ways in which a page could do that.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' blob:; object-src 'none'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";
