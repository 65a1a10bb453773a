//! The HTTP request that asks for a WebSocket, and its answer. Source: RFC 6455, section 4.2.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use memchr::memmem;
use sha1::{Digest as _, Sha1};

/// The answer to a request, if the request is whole.
pub(crate) fn answer(request: &[u8]) -> Option<Vec<u8>> {
    memmem::find(request, b"\r\n\r\n")?;
    let key = memmem::find(request, KEY)? + KEY.len();
    let end = key + memchr::memchr(b'\r', &request[key..])?;
    let digest = Sha1::new().chain_update(&request[key..end]).chain_update(GUID).finalize();
    let accept = BASE64_STANDARD.encode(digest);
    Some(format!("{SWITCHING}{accept}\r\n\r\n").into_bytes())
}

/// As the driver writes it.
const KEY: &[u8] = b"Sec-WebSocket-Key: ";
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const SWITCHING: &str =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ";
