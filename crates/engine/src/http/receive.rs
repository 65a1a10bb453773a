//! Receives the body of a POST, in bounds of size and time.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;
use tokio::time::Instant;

use super::service::RequestBody;
use crate::config::Config;

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The connection broke.
    Broken,
    /// The session is closed, or has moved to WebSocket.
    Unwanted,
    TooLarge,
    TooSlow,
}

impl Unreadable {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Broken | Self::Unwanted => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
        }
    }

    /// What the client did wrong, for the metrics.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Unwanted => None,
            Self::Broken => Some("body_broken"),
            Self::TooLarge => Some("body_too_large"),
            Self::TooSlow => Some("body_too_slow"),
        }
    }
}

/// Whether a body is known to be too large before it comes.
pub(crate) fn declares_too_much(config: &Config, headers: &HeaderMap) -> bool {
    let declared = headers.get(CONTENT_LENGTH).and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
    declared.is_some_and(|len| len > config.max_payload_bytes as u64)
}

/// Reads a body, in bounds of size and time.
pub(crate) async fn collect(config: &Config, mut body: RequestBody) -> Result<Bytes, Unreadable> {
    let started = Instant::now();
    let mut collected = Vec::new();
    let mut first = None;
    loop {
        let len = collected.len() + first.as_ref().map_or(0, Bytes::len);
        let deadline = started + allowed_time(len, config.limits.body_timeout);
        let frame = match tokio::time::timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return Err(Unreadable::Broken),
            Ok(None) => return Ok(first.unwrap_or_else(|| collected.into())),
            Err(_) => return Err(Unreadable::TooSlow),
        };
        let Ok(data) = frame.into_data() else { continue };
        if len + data.len() > config.max_payload_bytes {
            return Err(Unreadable::TooLarge);
        }
        // Nearly every body comes in one piece, which needs no copy.
        if len == 0 {
            first = Some(data);
        } else {
            collected.extend_from_slice(&first.take().unwrap_or_default());
            collected.extend_from_slice(&data);
        }
    }
}

/// How long a body may have taken when so many bytes have come: a while, and then a second for each kilobyte.
fn allowed_time(len: usize, limit: Duration) -> Duration {
    limit.min(BODY_GRACE + Duration::from_secs(len as u64 / MIN_BYTES_PER_SECOND))
}

/// A slow start, or a lost packet, is no attack.
const BODY_GRACE: Duration = Duration::from_secs(10);

/// Source: `limits.md`.
const MIN_BYTES_PER_SECOND: u64 = 1000;
