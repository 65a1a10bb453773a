//! The page of the demo, built into the program.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::app::App;

/// The routes beside the Socket.IO path.
pub(crate) fn router(app: App) -> Router {
    match app {
        App::Demo => {
            PAGE.iter().fold(Router::new(), |router, file| router.route(file.path, get(async || file.answer())))
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

struct File {
    path: &'static str,
    content_type: &'static str,
    content: &'static str,
}

impl File {
    fn answer(&self) -> impl IntoResponse + use<> {
        let headers = [
            (CONTENT_TYPE, self.content_type),
            (CACHE_CONTROL, "no-cache"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        (headers, self.content)
    }
}

const PAGE: &[File] = &[
    File { path: "/", content_type: "text/html; charset=utf-8", content: include_str!("../demo/index.html") },
    File { path: "/style.css", content_type: "text/css; charset=utf-8", content: include_str!("../demo/style.css") },
    File { path: "/app.js", content_type: "text/javascript; charset=utf-8", content: include_str!("../demo/app.js") },
];

/// Everything comes from this server, pictures that were received from the page itself.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' blob: data:";
