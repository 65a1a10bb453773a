//! From the types of HTTP to those of messages between nodes, and back.

use bytes::Bytes;
use fanfare_proto::engine::peer;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};

use super::broken::BrokenBody;
use crate::http::{Body, PeerAddr, RequestBody, Secure};

pub(super) fn headers_to(headers: &HeaderMap) -> peer::Headers {
    let pairs =
        headers.iter().map(|(name, value)| (name.as_str().to_owned(), Bytes::copy_from_slice(value.as_bytes())));
    pairs.collect()
}

/// `None` when there is a name or a value that cannot stand in a header.
pub(super) fn headers_from(headers: peer::Headers) -> Option<HeaderMap> {
    let pairs = headers.into_iter().map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_maybe_shared(value).ok()?))
    });
    let pairs: Option<Vec<_>> = pairs.collect();
    let mut headers = HeaderMap::new();
    for (name, value) in pairs? {
        headers.try_append(name, value).ok()?;
    }
    Some(headers)
}

pub(super) fn request_to(sid: fanfare_proto::ids::Sid, parts: &Parts, body: Option<Bytes>) -> peer::Request {
    peer::Request {
        sid,
        method: parts.method.as_str().to_owned(),
        target: parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
        headers: headers_to(&parts.headers),
        peer: parts.extensions.get::<PeerAddr>().map(|&PeerAddr(peer)| peer),
        secure: parts.extensions.get::<Secure>().is_some(),
        body,
    }
}

pub(super) fn request_from(request: peer::Request) -> Option<Request<RequestBody>> {
    let body = match request.body {
        Some(body) => Full::new(body).map_err(|never| match never {}).boxed_unsync(),
        None => BrokenBody.boxed_unsync(),
    };
    let mut converted = Request::builder().method(&*request.method).uri(request.target).body(body).ok()?;
    *converted.headers_mut() = headers_from(request.headers)?;
    if let Some(peer) = request.peer {
        converted.extensions_mut().insert(PeerAddr(peer));
    }
    if request.secure {
        converted.extensions_mut().insert(Secure);
    }
    Some(converted)
}

pub(super) fn response_to(response: Response<Body>) -> peer::Response {
    let (parts, body) = response.into_parts();
    peer::Response { status: parts.status.as_u16(), headers: headers_to(&parts.headers), body: body.into_bytes() }
}

pub(super) fn response_from(response: peer::Response) -> Option<Response<Body>> {
    let mut converted = Response::new(Body::from(response.body));
    *converted.status_mut() = StatusCode::from_u16(response.status).ok()?;
    *converted.headers_mut() = headers_from(response.headers)?;
    Some(converted)
}

#[cfg(test)]
mod tests {
    use fanfare_proto::ids::{NodeId, Sid};

    use super::*;

    #[test]
    fn a_request_comes_out_as_it_went_in() {
        let sid = Sid::from_random(NodeId::from_random([0; 3]), [0; 15]);
        let request = Request::post("/engine.io/?EIO=4&x=%20")
            .header("x-twice", "a")
            .header("x-twice", HeaderValue::from_bytes(b"\xff").unwrap())
            .extension(PeerAddr("127.0.0.1:7".parse().unwrap()))
            .extension(Secure);
        let sent = request_to(sid, &request.body(()).unwrap().into_parts().0, Some(Bytes::from_static(b"4hi")));
        let (parts, _) = request_from(sent.clone()).unwrap().into_parts();
        assert_eq!(request_to(sid, &parts, Some(Bytes::from_static(b"4hi"))), sent);
    }

    #[test]
    fn what_cannot_stand_in_a_message_is_refused() {
        let headers = |name: &str, value: &'static [u8]| vec![(name.to_owned(), Bytes::from_static(value))];
        for bad in [headers("", b""), headers("a b", b""), headers("a", b"x\r\ny: z"), headers("é", b"")] {
            assert_eq!(headers_from(bad.clone()), None, "{bad:?}");
            let response = peer::Response { status: 200, headers: bad, body: Bytes::new() };
            assert!(response_from(response).is_none());
        }
        for status in [0, 99, 1000] {
            assert!(response_from(peer::Response { status, headers: Vec::new(), body: Bytes::new() }).is_none());
        }
        let sid = Sid::from_random(NodeId::from_random([0; 3]), [0; 15]);
        let request = |method: &str, target: &str| {
            let (method, target) = (method.to_owned(), target.to_owned());
            peer::Request { sid, method, target, headers: Vec::new(), peer: None, secure: false, body: None }
        };
        assert!(request_from(request("G T", "/")).is_none());
        assert!(request_from(request("GET", "/ \n")).is_none());
        assert!(request_from(request("GET", "/")).is_some());
    }
}
