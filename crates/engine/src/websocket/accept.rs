//! The WebSocket handshake. Source: RFC 6455, section 4.2.

use fastwebsockets::upgrade::UpgradeFut;
use http::header::{SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use hyper::upgrade::OnUpgrade;

use super::{Driver, Stream, WebSocket};
use crate::Engine;
use crate::http::Body;

/// A WebSocket handshake that can be accepted.
#[derive(Debug)]
pub(crate) struct Acceptance {
    response: Response<Body>,
    on_upgrade: OnUpgrade,
}

impl Acceptance {
    /// Checks the headers of a handshake; returns the answer to one that is wrong.
    pub(crate) fn check(parts: &mut Parts) -> Result<Self, Response<Body>> {
        if parts.headers.get(SEC_WEBSOCKET_VERSION).map(HeaderValue::as_bytes) != Some(b"13") {
            let mut response = failure(StatusCode::UPGRADE_REQUIRED);
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            return Err(response);
        }
        if !has_key(&parts.headers) {
            return Err(failure(StatusCode::BAD_REQUEST));
        }
        // Without it, the server in front of us cannot upgrade, or this is no HTTP/1.1.
        let Some(on_upgrade) = parts.extensions.remove::<OnUpgrade>() else {
            return Err(failure(StatusCode::BAD_REQUEST));
        };
        let mut request = Request::new(());
        request.headers_mut().clone_from(&parts.headers);
        let accepted = fastwebsockets::upgrade::upgrade(&mut request);
        let Ok((response, _)): Result<(_, UpgradeFut), _> = accepted else {
            return Err(failure(StatusCode::BAD_REQUEST));
        };
        let mut response = response.map(|_| Body::default());
        if let Some(protocol) = first_protocol(&parts.headers) {
            response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        Ok(Self { response, on_upgrade })
    }

    /// What it is answered with.
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Has it answered with other headers.
    pub(crate) fn set_headers(&mut self, headers: HeaderMap) {
        *self.response.headers_mut() = headers;
    }

    /// The answer, and what resolves to the connection once that is out.
    pub(crate) fn into_parts(self) -> (Response<Body>, OnUpgrade) {
        (self.response, self.on_upgrade)
    }

    /// Hands the socket to a driver as soon as the answer is out; returns the answer.
    pub(crate) fn spawn(self, driver: Driver) -> Response<Body> {
        tokio::spawn(async move {
            match self.on_upgrade.await {
                Ok(upgraded) => {
                    let (stream, early) = Stream::from_upgraded(upgraded);
                    // In a task of its own, since this one has room for everything that came before.
                    tokio::spawn(driver.run(stream, early));
                }
                Err(_) => driver.give_up(),
            }
        });
        self.response
    }

    /// Closes the socket as soon as the answer is out: its session has another one. Returns the answer.
    pub(crate) fn turn_away(self, engine: &Engine) -> Response<Body> {
        engine.0.metrics.error("second_websocket");
        let counted = engine.0.count_websocket();
        let timeout = engine.0.config.limits.write_timeout;
        tokio::spawn(async move {
            if let Ok(upgraded) = self.on_upgrade.await {
                let (stream, _) = Stream::from_upgraded(upgraded);
                let _ = tokio::time::timeout(timeout, WebSocket::turn_away(stream)).await;
            }
            drop(counted);
        });
        self.response
    }
}

fn failure(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    response.headers_mut().insert(http::header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Whether there is one key, 16 bytes in base64.
fn has_key(headers: &HeaderMap) -> bool {
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let key = keys.next().map(HeaderValue::as_bytes).unwrap_or_default();
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    keys.next().is_none() && key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(is_base64)
}

/// The first of the protocols that the client offers, as the reference answers it.
fn first_protocol(headers: &HeaderMap) -> Option<HeaderValue> {
    let offered = headers.get(SEC_WEBSOCKET_PROTOCOL)?.as_bytes();
    let first = offered.split(|&byte| byte == b',').next()?.trim_ascii();
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    (!first.is_empty() && first.iter().all(is_token)).then(|| HeaderValue::from_bytes(first).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(headers: &[(&str, &str)]) -> StatusCode {
        let mut builder = Request::builder();
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let mut parts = builder.body(()).unwrap().into_parts().0;
        Acceptance::check(&mut parts).unwrap_err().status()
    }

    #[test]
    fn other_versions_are_told_the_right_one() {
        let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(status(&[key]), StatusCode::UPGRADE_REQUIRED);
        for version in ["12", "7", "99", "", "13, 8"] {
            assert_eq!(status(&[key, ("sec-websocket-version", version)]), StatusCode::UPGRADE_REQUIRED, "{version}");
        }
    }

    #[test]
    fn malformed_keys_are_refused() {
        let version = ("sec-websocket-version", "13");
        for key in ["", "x", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ====", "dGhl=HNhbXBsZSBub25jZQ=="] {
            assert_eq!(status(&[version, ("sec-websocket-key", key)]), StatusCode::BAD_REQUEST, "{key}");
        }
        let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(status(&[version, key, key]), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn the_first_protocol_is_taken() {
        let check = |offered: &'static str, expected: Option<&'static str>| {
            let headers = HeaderMap::from_iter([(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(offered))]);
            assert_eq!(first_protocol(&headers), expected.map(HeaderValue::from_static), "{offered}");
        };
        check("a, b", Some("a"));
        check("graphql-ws", Some("graphql-ws"));
        check("a b, c", None);
        check("", None);
    }
}
