//! The files of the JavaScript client.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use fanfare::{ClientBundle, Cors};
use fanfare_testkit::{Http, Response};

use crate::support::Node;

/// A folder like the `dist` folder of the npm package, which goes with the test.
struct Dist(PathBuf);

const SCRIPTS: [&str; 4] = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];

impl Dist {
    fn new() -> Self {
        let dist = Self::empty();
        for name in SCRIPTS {
            dist.write(name, &script(name));
            dist.write(&format!("{name}.map"), "{\"version\":3}");
        }
        dist.write("secret.js", "/* Socket.IO v0.0.0 */");
        dist
    }

    fn empty() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("fanfare-dist-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.0.join(name), content).unwrap();
    }
}

impl Drop for Dist {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn script(name: &str) -> String {
    format!("/*!\n * Socket.IO v4.8.1\n */\n// {name}\n{}", "console.log('hello');\n".repeat(100))
}

async fn node() -> Node {
    let bundle = ClientBundle::from_dir(&Dist::new().0).unwrap();
    Node::with(|builder| builder.client_bundle(bundle)).await
}

async fn get(node: &Node, target: &str, headers: &[(&str, &str)]) -> Response {
    Http::request(node.address, "GET", target, headers, b"").await
}

#[tokio::test]
async fn all_files_of_the_client_are_served() {
    let node = node().await;
    for name in SCRIPTS {
        let response = get(&node, &format!("/socket.io/{name}"), &[]).await;
        assert_eq!((response.status, response.text()), (200, script(name).as_str()));
        assert_eq!(response.header("content-type"), Some("application/javascript; charset=utf-8"));
        assert_eq!(response.header("cache-control"), Some("public, max-age=0"));
        assert_eq!(response.header("etag"), Some("\"4.8.1\""));
        let response = get(&node, &format!("/socket.io/{name}.map"), &[]).await;
        assert_eq!((response.status, response.text()), (200, "{\"version\":3}"));
        assert_eq!(response.header("content-type"), Some("application/json; charset=utf-8"));
        assert_eq!(response.header("etag"), Some("\"4.8.1\""));
    }
}

#[tokio::test]
async fn a_query_does_not_matter_to_a_file() {
    let node = node().await;
    assert_eq!(get(&node, "/socket.io/socket.io.js?buster=1&EIO=4", &[]).await.status, 200);
}

#[tokio::test]
async fn everything_else_goes_to_the_engine() {
    let node = node().await;
    for target in ["/socket.io/secret.js", "/socket.io/socket.io.mjs", "/socket.io/", "/socket.io/%2e%2e/Cargo.toml"] {
        let response = get(&node, target, &[]).await;
        assert_eq!(
            (response.status, response.text()),
            (400, r#"{"code":0,"message":"Transport unknown"}"#),
            "{target}"
        );
    }
    assert_eq!(Http::post(node.address, "/socket.io/socket.io.js", b"x").await.status, 400);
    assert_eq!(get(&node, "/socket.io.js", &[]).await.status, 404);
}

#[tokio::test]
async fn what_the_browser_has_is_not_sent_again() {
    let node = node().await;
    for (known, status) in [("\"4.8.1\"", 304), ("W/\"4.8.1\"", 304), ("\"4.8.0\"", 200), ("4.8.1", 200)] {
        let response = get(&node, "/socket.io/socket.io.js", &[("if-none-match", known)]).await;
        assert_eq!((response.status, response.body.is_empty()), (status, status == 304), "{known}");
        assert_eq!(response.header("etag"), Some("\"4.8.1\""));
    }
}

#[tokio::test]
async fn files_are_compressed_for_those_who_can_take_it() {
    let node = node().await;
    for (accepted, coding) in [
        ("gzip, deflate, br", Some("br")),
        ("gzip, deflate", Some("gzip")),
        ("deflate", Some("deflate")),
        ("br;q=0, gzip;q=0.5", Some("gzip")),
        ("identity", None),
    ] {
        let response = get(&node, "/socket.io/socket.io.js", &[("accept-encoding", accepted)]).await;
        assert_eq!(response.header("content-encoding"), coding, "{accepted}");
        let mut text = String::new();
        let read = match coding {
            Some("br") => brotli::Decompressor::new(&response.body[..], 4096).read_to_string(&mut text),
            Some("gzip") => flate2::read::GzDecoder::new(&response.body[..]).read_to_string(&mut text),
            Some("deflate") => flate2::read::ZlibDecoder::new(&response.body[..]).read_to_string(&mut text),
            _ => (&response.body[..]).read_to_string(&mut text),
        };
        assert_eq!((read.unwrap(), text), (script("socket.io.js").len(), script("socket.io.js")), "{accepted}");
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_may_read_them() {
    let bundle = ClientBundle::from_dir(&Dist::new().0).unwrap();
    let node = Node::with(|builder| builder.client_bundle(bundle).cors(Cors::origins(["https://good.example"]))).await;
    let response = get(&node, "/socket.io/socket.io.js", &[("origin", "https://good.example")]).await;
    assert_eq!(response.header("access-control-allow-origin"), Some("https://good.example"));
    let response = get(&node, "/socket.io/socket.io.js", &[("origin", "https://evil.example")]).await;
    assert_eq!((response.status, response.header("access-control-allow-origin")), (200, None));
    // So they may poll.
    let handshake = "/socket.io/?EIO=4&transport=polling";
    let response = get(&node, handshake, &[("origin", "https://good.example")]).await;
    assert_eq!(response.header("access-control-allow-origin"), Some("https://good.example"));
}

#[tokio::test]
async fn without_cors_no_header_says_anything() {
    let node = node().await;
    let response = get(&node, "/socket.io/socket.io.js", &[("origin", "https://good.example")]).await;
    assert!(response.headers.iter().all(|(name, _)| !name.starts_with("access-control")), "{response:?}");
}

#[tokio::test]
async fn files_are_served_only_if_they_are_to_be() {
    let node = Node::with(|builder| builder.serve_client(false)).await;
    let response = get(&node, "/socket.io/socket.io.js", &[]).await;
    assert_eq!((response.status, response.text()), (400, r#"{"code":0,"message":"Transport unknown"}"#));
    let bundle = ClientBundle::from_dir(&Dist::new().0).unwrap();
    let node = Node::with(|builder| builder.client_bundle(bundle).path("/chat/")).await;
    assert_eq!(get(&node, "/chat/socket.io.js", &[]).await.status, 200);
    assert_eq!(get(&node, "/socket.io/socket.io.js", &[]).await.status, 404);
}

#[tokio::test]
async fn a_folder_without_the_client_is_an_error() {
    let dist = Dist::empty();
    dist.write("index.js", "/* Socket.IO v4.8.1 */");
    assert_eq!(ClientBundle::from_dir(&dist.0).unwrap_err().kind(), std::io::ErrorKind::NotFound);
    assert!(ClientBundle::from_dir("/no/such/folder").is_err());
    // One file will do.
    dist.write("socket.io.min.js", &script("socket.io.min.js"));
    assert!(ClientBundle::from_dir(&dist.0).is_ok());
}
