//! The files of the JavaScript client.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use fanfare_engine::Body;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, VARY,
};
use http::request::Parts;
use http::{Method, Response, StatusCode};

/// The files of the JavaScript client, from the npm package `socket.io-client`, served as the reference serves them:
/// `socket.io.js`, `socket.io.min.js`, `socket.io.esm.min.js` and `socket.io.msgpack.min.js`, each with its map.
///
/// ```
/// use fanfare::{ClientBundle, Server};
///
/// let script = "/*! Socket.IO v4.8.1 */".into();
/// let bundle = ClientBundle::from_files([("socket.io.js", script)]).expect("it is the client");
/// let io = Server::builder().client_bundle(bundle).build().unwrap(); // serves /socket.io/socket.io.js
/// ```
#[derive(Clone)]
pub struct ClientBundle(Arc<Inner>);

struct Inner {
    etag: HeaderValue,
    files: HashMap<&'static str, File>,
}

struct File {
    plain: Bytes,
    is_map: bool,
    /// Each made when a browser first asks for it.
    compressed: [OnceLock<Bytes>; CODINGS.len()],
}

impl ClientBundle {
    /// Takes files that are at hand, by their names; others than those of the client are left out. `None` if there are no
    /// scripts of the client among them.
    pub fn from_files<'a>(files: impl IntoIterator<Item = (&'a str, Bytes)>) -> Option<Self> {
        let known = |name: &str| FILES.into_iter().find(|file| *file == name);
        let files = files.into_iter().filter_map(|(name, plain)| {
            let name = known(name)?;
            Some((name, File { plain, is_map: name.ends_with(".map"), compressed: Default::default() }))
        });
        let files: HashMap<_, _> = files.collect();
        let version = files.values().find_map(|file| version(&file.plain))?;
        let etag = HeaderValue::from_str(&format!("\"{version}\"")).ok()?;
        Some(Self(Arc::new(Inner { etag, files })))
    }

    /// Reads the files of a folder, the `dist` folder of the npm package.
    pub fn from_dir(folder: impl AsRef<Path>) -> io::Result<Self> {
        let folder = folder.as_ref();
        let mut files = Vec::new();
        for name in FILES {
            match std::fs::read(folder.join(name)) {
                Ok(content) => files.push((name, Bytes::from(content))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Self::from_files(files).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Looks for the npm package in the current folder and those above it.
    pub(crate) fn discover() -> Option<Self> {
        let here = std::env::current_dir().ok()?;
        let folders = here.ancestors().flat_map(|folder| PACKAGES.map(|package| folder.join(package)));
        let found: PathBuf = folders.into_iter().find(|folder| folder.join(FILES[0]).is_file())?;
        Self::from_dir(found).ok()
    }

    /// The answer to a request for one of the files; `None` for anything else.
    pub(crate) fn answer(&self, request: &Parts) -> Option<Response<Body>> {
        let name = request.uri.path().rsplit('/').next()?;
        let file = self.0.files.get(name).filter(|_| matches!(request.method, Method::GET | Method::HEAD))?;
        let mut response = Response::new(Body::default());
        response.headers_mut().insert(ETAG, self.0.etag.clone());
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=0"));
        if request.headers.get(IF_NONE_MATCH).is_some_and(|known| self.is_current(known)) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Some(response);
        }
        let content_type = if file.is_map { "application/json" } else { "application/javascript" };
        let content_type = HeaderValue::from_str(&format!("{content_type}; charset=utf-8")).ok()?;
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
        let content = match accepted(request) {
            Some(index) => {
                response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(CODINGS[index].0));
                file.compressed[index].get_or_init(|| (CODINGS[index].1)(&file.plain).into()).clone()
            }
            None => file.plain.clone(),
        };
        Some(response.map(|_| Body::from(content)))
    }

    fn is_current(&self, known: &HeaderValue) -> bool {
        let weak = known.as_bytes().strip_prefix(b"W/").unwrap_or(known.as_bytes());
        weak == self.0.etag.as_bytes()
    }
}

type Compress = fn(&[u8]) -> Vec<u8>;

/// The codings, the best first.
const CODINGS: [(&str, Compress); 3] = [("br", brotli), ("gzip", gzip), ("deflate", deflate)];

/// The best coding that a client takes.
fn accepted(request: &Parts) -> Option<usize> {
    let accepts = request.headers.get(ACCEPT_ENCODING)?.to_str().ok()?;
    let takes = |name: &str| {
        accepts.split(',').any(|coding| {
            let (coding, weight) = coding.split_once(';').unwrap_or((coding, ""));
            coding.trim().eq_ignore_ascii_case(name) && weight.trim().strip_prefix("q=") != Some("0")
        })
    };
    CODINGS.iter().position(|(name, _)| takes(name))
}

fn brotli(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, BROTLI_QUALITY, 22);
    encoder.write_all(plain).expect(IN_MEMORY);
    drop(encoder);
    out
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect(IN_MEMORY)
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect(IN_MEMORY)
}

const IN_MEMORY: &str = "memory takes what is written to it";

/// Nearly as small as the best, and made in a moment.
const BROTLI_QUALITY: u32 = 6;

/// The version in the comment at the head of a script: `* Socket.IO v4.8.1`.
fn version(script: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&script[..script.len().min(200)]).into_owned();
    let (_, version) = head.split_once("Socket.IO v")?;
    Some(
        version
            .chars()
            .take_while(|character| character.is_ascii_alphanumeric() || ".-".contains(*character))
            .collect(),
    )
}

const FILES: [&str; 8] = [
    "socket.io.js",
    "socket.io.js.map",
    "socket.io.min.js",
    "socket.io.min.js.map",
    "socket.io.esm.min.js",
    "socket.io.esm.min.js.map",
    "socket.io.msgpack.min.js",
    "socket.io.msgpack.min.js.map",
];

const PACKAGES: [&str; 2] = ["node_modules/socket.io-client/dist", "node_modules/socket.io/client-dist"];

impl fmt::Debug for ClientBundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBundle").field("etag", &self.0.etag).field("files", &self.0.files.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    const SCRIPT: &[u8] = b"/*!\n * Socket.IO v4.8.4\n * (c) */\nconsole.log('hi');";

    fn bundle() -> ClientBundle {
        let files = [("socket.io.js", SCRIPT), ("socket.io.js.map", b"{}"), ("evil.js", b"")];
        let files = files.map(|(name, content)| (name, Bytes::from_static(content)));
        ClientBundle::from_files(files).unwrap()
    }

    fn answer(path: &str, header: Option<(&str, &str)>) -> Option<Response<Body>> {
        let mut request = Request::get(path);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        bundle().answer(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn files_are_served_with_type_and_version() {
        let response = answer("/socket.io/socket.io.js?buster=1", None).unwrap();
        assert_eq!(response.headers()[CONTENT_TYPE], "application/javascript; charset=utf-8");
        assert_eq!(response.headers()[ETAG], "\"4.8.4\"");
        let response = answer("/socket.io/socket.io.js.map", None).unwrap();
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json; charset=utf-8");
    }

    #[test]
    fn nothing_else_is_served() {
        for path in ["/socket.io/", "/socket.io/evil.js", "/socket.io/socket.io.min.js", "/socket.io/../Cargo.toml"] {
            assert!(answer(path, None).is_none(), "{path}");
        }
    }

    #[test]
    fn what_the_browser_has_is_not_sent_again() {
        for etag in ["\"4.8.4\"", "W/\"4.8.4\""] {
            let response = answer("/socket.io/socket.io.js", Some(("if-none-match", etag))).unwrap();
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
        }
        let response = answer("/socket.io/socket.io.js", Some(("if-none-match", "\"4.8.3\""))).unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }

    #[test]
    fn the_best_coding_is_taken() {
        let check = |accepts, coding: Option<&str>| {
            let response = answer("/socket.io/socket.io.js", Some(("accept-encoding", accepts))).unwrap();
            assert_eq!(response.headers().get(CONTENT_ENCODING).map(|coding| coding.to_str().unwrap()), coding);
        };
        check("gzip, deflate, br", Some("br"));
        check("gzip;q=0.5, deflate", Some("gzip"));
        check("br;q=0, deflate", Some("deflate"));
        check("identity", None);
    }
}
