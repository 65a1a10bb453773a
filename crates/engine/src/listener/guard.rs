//! What hyper leaves unchecked in a request head.

use std::sync::Arc;

use http::header::{HOST, TRANSFER_ENCODING};
use http::{Request, Version};
use parking_lot::Mutex;

/// The newest bytes of a connection, kept to see heads as they were sent.
///
/// A request with both `Content-Length` and `Transfer-Encoding` is how one request is smuggled inside another past
/// a proxy. hyper drops one of the two without a trace, so the raw bytes have to be looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct RawHeads(Arc<Mutex<Vec<u8>>>);

impl RawHeads {
    /// Bytes have been read.
    pub(super) fn record(&self, bytes: &[u8]) {
        let mut recorded = self.0.lock();
        let newest = &bytes[bytes.len().saturating_sub(MAX_RECORDED)..];
        let excess = (recorded.len() + newest.len()).saturating_sub(MAX_RECORDED);
        recorded.drain(..excess);
        recorded.extend_from_slice(newest);
    }

    /// Whether anything has come since the last whole head.
    pub(super) fn is_mid_head(&self) -> bool {
        !self.0.lock().is_empty()
    }

    /// Whether what has come since the last whole head begins like this.
    pub(super) fn starts_with(&self, prefix: &[u8]) -> bool {
        self.0.lock().starts_with(prefix)
    }

    /// A head has been parsed: says what is wrong with it.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), &'static str> {
        let raw = self.take_head();
        let hosts = request.headers().get_all(HOST).iter().count();
        if request.version() == Version::HTTP_11 && hosts != 1 {
            return Err("host");
        }
        if request.headers().contains_key(TRANSFER_ENCODING) && has_content_length(&raw) {
            return Err("smuggling");
        }
        Ok(())
    }

    /// Takes the bytes up to the end of the first head out.
    fn take_head(&self) -> Vec<u8> {
        let mut recorded = self.0.lock();
        let end = recorded.windows(4).position(|window| window == b"\r\n\r\n").map_or(recorded.len(), |at| at + 4);
        let rest = recorded.split_off(end);
        std::mem::replace(&mut *recorded, rest)
    }
}

fn has_content_length(head: &[u8]) -> bool {
    head.split(|&byte| byte == b'\n').any(|line| {
        line.split(|&byte| byte == b':').next().is_some_and(|name| name.eq_ignore_ascii_case(b"content-length"))
    })
}

/// As much as a head may have.
const MAX_RECORDED: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<()> {
        let mut builder = Request::post("/").header(HOST, "x");
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).unwrap()
    }

    #[test]
    fn two_lengths_are_noticed_also_behind_another_request() {
        let heads = RawHeads::default();
        heads
            .record(b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\nokPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n");
        assert_eq!(heads.check(&request(&[])), Ok(()));
        heads.record(b"CONTENT-LENGTH: 5\r\n\r\n");
        assert!(heads.is_mid_head());
        assert_eq!(heads.check(&request(&[("transfer-encoding", "chunked")])), Err("smuggling"));
        assert!(!heads.is_mid_head());
    }

    #[test]
    fn chunks_alone_are_fine() {
        let heads = RawHeads::default();
        heads.record(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nx-content-length: 5\r\n\r\n");
        assert_eq!(heads.check(&request(&[("transfer-encoding", "chunked")])), Ok(()));
    }

    #[test]
    fn there_is_one_host() {
        let heads = RawHeads::default();
        assert_eq!(heads.check(&request(&[("host", "y")])), Err("host"));
        assert_eq!(heads.check(&Request::get("/").body(()).unwrap()), Err("host"));
    }

    #[test]
    fn only_the_newest_bytes_are_kept() {
        let heads = RawHeads::default();
        for _ in 0..100 {
            heads.record(&[b'x'; 1000]);
        }
        heads.record(&[b'y'; 100_000]);
        assert_eq!(heads.0.lock().len(), MAX_RECORDED);
    }
}
