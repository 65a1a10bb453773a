//! The answers of the protocol.

use fanfare_proto::engine::Refusal;
use http::header::{ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use super::Body;

/// An empty answer.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response
}

/// An empty answer, after which the connection closes: what comes on it cannot be trusted, or is not wanted.
pub(crate) fn closing(status: StatusCode) -> Response<Body> {
    let mut response = empty(status);
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A session is polled with GET and POST only.
pub(super) fn wrong_method() -> Response<Body> {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
    response
}

/// A refusal, with its code and message as JSON.
pub(super) fn refusal(refusal: &Refusal) -> Response<Body> {
    let mut response = Response::new(Body::from(refusal.body()));
    *response.status_mut() = StatusCode::from_u16(refusal.status()).expect("400 or 403");
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The server has as many clients as it may have, of this address or altogether.
pub(crate) fn busy() -> Response<Body> {
    let mut response = closing(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// A polling answer.
pub(super) fn polling(content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Sends a client that polls elsewhere: nothing has come, and the connection closes.
pub(crate) fn noop() -> Response<Body> {
    let mut response = polling(PAYLOAD_TYPE, "6");
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// What a GET is answered with.
pub(super) const PAYLOAD_TYPE: &str = "text/plain; charset=UTF-8";

/// What a POST is answered with.
pub(super) const OK_TYPE: &str = "text/html";
