//! The body of a request whose connection broke on another node.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;

use crate::http::BodyError;

/// Breaks at once, as the connection did.
pub(super) struct BrokenBody;

impl http_body::Body for BrokenBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(Some(Err("the connection broke on another node".into())))
    }
}
