//! What hyper leaves unchecked in a request head.

use std::sync::Arc;

use http::header::{HOST, TRANSFER_ENCODING};
use http::{Request, Version};
use http_body::Body;
use parking_lot::Mutex;

/// The bytes of a connection that belong to heads, to see these as they were sent.
///
/// A request with both `Content-Length` and `Transfer-Encoding` is how one request is smuggled inside another past
/// a proxy. hyper drops one of the two without a trace, so the raw bytes have to be looked at. To find heads among them,
/// bodies are skipped by their length; nothing may follow a chunked one, whose end only hyper knows.
#[derive(Clone, Debug, Default)]
pub(super) struct RawHeads(Arc<Mutex<Recorded>>);

#[derive(Debug, Default)]
struct Recorded {
    /// What has come since the last whole head and its body.
    bytes: Vec<u8>,
    /// Bytes of that body that are still to come.
    body: u64,
    /// The body is a chunked one.
    chunked: bool,
    /// More has come than can be kept, so that heads can no longer be told from bodies.
    overrun: bool,
}

/// A head that is in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checked {
    /// The connection has to close behind the answer.
    pub(super) is_last: bool,
}

impl RawHeads {
    /// Bytes have been read.
    pub(super) fn record(&self, bytes: &[u8]) {
        let mut recorded = self.0.lock();
        let body = recorded.body.min(bytes.len() as u64);
        recorded.body -= body;
        let rest = &bytes[body as usize..];
        recorded.overrun |= recorded.bytes.len() + rest.len() > MAX_RECORDED;
        if !recorded.overrun {
            recorded.bytes.extend_from_slice(rest);
        }
    }

    /// Whether a head has begun and not ended.
    pub(super) fn is_mid_head(&self) -> bool {
        !self.0.lock().bytes.is_empty()
    }

    /// Whether the client may be saying something that nobody has read.
    pub(super) fn is_mid_request(&self) -> bool {
        let recorded = self.0.lock();
        !recorded.bytes.is_empty() || recorded.body > 0 || recorded.chunked || recorded.overrun
    }

    /// Whether the head that has begun does so like this.
    pub(super) fn starts_with(&self, prefix: &[u8]) -> bool {
        self.0.lock().bytes.starts_with(prefix)
    }

    /// A head has been parsed: says what is wrong with it, if anything.
    pub(super) fn check<B: Body>(&self, request: &Request<B>) -> Result<Checked, &'static str> {
        let body = request.body().size_hint().exact();
        let head = self.take_head(body).ok_or("overrun")?;
        if has_bare_newline(&head) {
            return Err("bare_newline");
        }
        let hosts = request.headers().get_all(HOST).iter().count();
        if hosts > 1 || (hosts == 0 && request.version() == Version::HTTP_11) {
            return Err("host");
        }
        if request.headers().contains_key(TRANSFER_ENCODING) && has_content_length(&head) {
            return Err("smuggling");
        }
        Ok(Checked { is_last: body.is_none() })
    }

    /// Takes out the first head, and what has come of the body behind it.
    fn take_head(&self, body: Option<u64>) -> Option<Vec<u8>> {
        let mut recorded = self.0.lock();
        if recorded.overrun {
            return None;
        }
        let mut head = std::mem::take(&mut recorded.bytes);
        // Empty lines in front of a request are not part of it.
        let start = head.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(0);
        let end = head[start..].windows(4).position(|window| window == b"\r\n\r\n");
        let rest = head.split_off(end.map_or(head.len(), |end| start + end + 4));
        (recorded.body, recorded.chunked) = (body.unwrap_or(0), body.is_none());
        drop(recorded);
        self.record(&rest);
        Some(head)
    }
}

/// A line that ends without a carriage return, which not everybody takes for the end of a line.
fn has_bare_newline(head: &[u8]) -> bool {
    head.first() == Some(&b'\n') || head.windows(2).any(|pair| pair[1] == b'\n' && pair[0] != b'\r')
}

fn has_content_length(head: &[u8]) -> bool {
    head.split(|&byte| byte == b'\n').any(|line| {
        line.split(|&byte| byte == b':').next().is_some_and(|name| name.eq_ignore_ascii_case(b"content-length"))
    })
}

/// As much as hyper reads ahead: a head, and beginnings of pipelined ones.
const MAX_RECORDED: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::{Empty, Full, StreamBody};

    use super::*;

    const FINE: Result<Checked, &str> = Ok(Checked { is_last: false });

    fn request(body: &'static str) -> Request<Full<Bytes>> {
        Request::post("/").header(HOST, "x").body(Full::from(body)).unwrap()
    }

    /// A request whose body has no length, as hyper presents a chunked one.
    fn chunked() -> Request<impl Body> {
        let frames = futures_util::stream::empty::<Result<http_body::Frame<Bytes>, std::io::Error>>();
        Request::post("/").header(HOST, "x").header(TRANSFER_ENCODING, "chunked").body(StreamBody::new(frames)).unwrap()
    }

    #[test]
    fn two_lengths_are_noticed_whatever_is_in_front_of_them() {
        let in_front: [(&str, &'static str); 4] = [
            ("", ""),
            ("POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n", "ok"),
            ("POST / HTTP/1.1\r\ncontent-length: 8\r\n\r\n", "ab\r\n\r\ncd"),
            ("\r\n\r\nPOST / HTTP/1.1\r\ncontent-length: 4\r\n\r\n", "\r\n\r\n"),
        ];
        for (head, body) in in_front {
            let heads = RawHeads::default();
            let smuggling =
                "\r\n\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nCONTENT-LENGTH: 5\r\n\r\n0\r\n\r\n";
            for byte in [head, body, smuggling].concat().as_bytes() {
                heads.record(&[*byte]);
            }
            if !head.is_empty() {
                assert_eq!(heads.check(&request(body)), FINE, "{head}");
            }
            assert_eq!(heads.check(&chunked()), Err("smuggling"), "{head}");
        }
    }

    #[test]
    fn what_a_body_says_is_no_header() {
        let heads = RawHeads::default();
        heads.record(b"POST / HTTP/1.1\r\ncontent-length: 20\r\n\r\n\r\n");
        assert_eq!(heads.check(&request("\r\ncontent-length: 5\n")), FINE);
        assert!(!heads.is_mid_head() && heads.is_mid_request(), "the body has begun");
        heads.record(b"content-length: 5\n");
        assert!(!heads.is_mid_head() && !heads.is_mid_request(), "the body has ended");
        heads.record(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(heads.is_mid_head());
        assert_eq!(heads.check(&chunked()), Ok(Checked { is_last: true }));
        assert!(heads.is_mid_request(), "nobody knows where it ends");
    }

    #[test]
    fn chunks_alone_are_fine() {
        let heads = RawHeads::default();
        heads.record(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nx-content-length: 5\r\n\r\n");
        assert_eq!(heads.check(&chunked()), Ok(Checked { is_last: true }));
    }

    #[test]
    fn there_is_one_host() {
        let head = b"GET / HTTP/1.1\r\n\r\n";
        let check = |request: &Request<Empty<Bytes>>| {
            let heads = RawHeads::default();
            heads.record(head);
            heads.check(request)
        };
        let with = |version, hosts: usize| {
            let builder = (0..hosts).fold(Request::get("/").version(version), |builder, _| builder.header(HOST, "x"));
            check(&builder.body(Empty::new()).unwrap())
        };
        assert_eq!(with(Version::HTTP_11, 0), Err("host"));
        assert_eq!(with(Version::HTTP_11, 1), FINE);
        assert_eq!(with(Version::HTTP_11, 2), Err("host"));
        assert_eq!(with(Version::HTTP_10, 0), FINE);
        assert_eq!(with(Version::HTTP_10, 2), Err("host"));
    }

    #[test]
    fn lines_end_in_one_way() {
        let check = |head: &str| {
            let heads = RawHeads::default();
            heads.record(head.as_bytes());
            heads.check(&request(""))
        };
        assert_eq!(check("POST / HTTP/1.1\r\nhost: x\r\n\r\n"), FINE);
        assert_eq!(check("POST / HTTP/1.1\nhost: x\r\n\r\n"), Err("bare_newline"));
        assert_eq!(check("POST / HTTP/1.1\r\nhost: x\n\n"), Err("bare_newline"));
        assert_eq!(check("\nPOST / HTTP/1.1\r\nhost: x\r\n\r\n"), Err("bare_newline"));
    }

    #[test]
    fn bodies_are_not_kept_and_a_flood_is_refused() {
        let heads = RawHeads::default();
        heads.record(b"POST / HTTP/1.1\r\nhost: x\r\n\r\n");
        let body = "x".repeat(100_000).leak();
        assert_eq!(heads.check(&request(body)), FINE);
        heads.record(body.as_bytes());
        assert!(!heads.is_mid_head());
        for _ in 0..100 {
            heads.record(&[b'y'; 1000]);
        }
        assert!(heads.0.lock().bytes.len() <= MAX_RECORDED);
        assert_eq!(heads.check(&request("")), Err("overrun"));
    }
}
