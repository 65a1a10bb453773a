//! How a request finds its session and its transport. Source: the reference server's order of checks.

use fanfare_proto::engine::{Refusal, Transport, Upgrade};
use fanfare_proto::ids::Sid;
use fastwebsockets::upgrade::is_upgrade_request;
use http::header::{ORIGIN, SET_COOKIE};
use http::request::Parts;
use http::{Extensions, Method, Request, Response};

use super::address::{PeerAddr, Secure, client_address};
use super::cors::may_open_websocket;
use super::query::Query;
use super::service::RequestBody;
use super::{Body, polling, response};
use crate::config::Denied;
use crate::engine::{NotOpened, Whereabouts};
use crate::peers::{self, Arrival};
use crate::session::Session;
use crate::websocket::{Acceptance, Driver};
use crate::{Engine, Handshake};

/// Answers one request of the engine's path.
pub(super) async fn answer(engine: &Engine, request: Request<RequestBody>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if let Some(response) = engine.0.config.intercept.as_ref().and_then(|intercept| intercept(&parts)) {
        return response;
    }
    let request = Request::from_parts(parts, body);
    route(engine, request).await.unwrap_or_else(|refusal| refuse(engine, &refusal))
}

/// Answers a polling request of an open session that has come to another node.
pub(crate) async fn answer_polling(session: &Session, request: Request<RequestBody>) -> Response<Body> {
    let engine = Engine(session.engine().clone());
    polling::answer(session, request).await.unwrap_or_else(|refusal| refuse(&engine, &refusal))
}

/// Turns a request away.
pub(crate) fn refuse(engine: &Engine, refusal: &Refusal) -> Response<Body> {
    engine.0.metrics.refused(refusal.name());
    tracing::debug!(reason = refusal.name(), "request refused");
    response::refusal(refusal)
}

async fn route(engine: &Engine, request: Request<RequestBody>) -> Result<Response<Body>, Refusal> {
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let transport = query.transport(&engine.0.config.transports)?;
    if request.headers().get_all(ORIGIN).iter().count() > 1 || query.jsonp {
        return Err(Refusal::BadRequest);
    }
    match query.sid {
        Some(sid) => named(engine, sid.map_err(|()| Refusal::SessionUnknown)?, request, transport, &query).await,
        None => handshake(engine, request, transport, &query).await,
    }
}

/// A request that names its session.
async fn named(
    engine: &Engine,
    sid: Sid,
    request: Request<RequestBody>,
    transport: Transport,
    query: &Query,
) -> Result<Response<Body>, Refusal> {
    let whereabouts = engine.0.find(sid);
    if let Whereabouts::Unknown = whereabouts {
        return Err(Refusal::SessionUnknown);
    }
    let is_upgrade = is_upgrade_request(&request);
    if is_upgrade != (transport == Transport::WebSocket) || !query.is_version_4 {
        return Err(Refusal::BadRequest);
    }
    match whereabouts {
        Whereabouts::Here(session) if is_upgrade => upgrade(engine, &session, request, query.base64),
        Whereabouts::Here(session) => polling::answer(&session, request).await,
        Whereabouts::Elsewhere(peers) if is_upgrade => {
            let arrival = match arrive(engine, request)? {
                Ok((acceptance, extensions)) => Arrival { sid, acceptance, base64: query.base64, extensions },
                Err(response) => return Ok(response),
            };
            peers::upgrade(engine, &peers, arrival).await
        }
        Whereabouts::Elsewhere(peers) => peers::forward(engine, &peers, sid, request).await,
        // It has its WebSocket, on another node.
        Whereabouts::Moved if is_upgrade => {
            let arrived = arrive(engine, request)?;
            Ok(arrived.map_or_else(|response| response, |(acceptance, _)| acceptance.turn_away(engine)))
        }
        Whereabouts::Moved | Whereabouts::Unknown => Err(Refusal::BadRequest),
    }
}

/// A request that opens a session.
async fn handshake(
    engine: &Engine,
    request: Request<RequestBody>,
    transport: Transport,
    query: &Query,
) -> Result<Response<Body>, Refusal> {
    if request.method() != Method::GET {
        return Err(Refusal::BadHandshakeMethod);
    }
    if is_upgrade_request(&request) != (transport == Transport::WebSocket) {
        return Err(Refusal::BadRequest);
    }
    let (mut parts, _) = request.into_parts();
    let acceptance = match transport {
        Transport::Polling => None,
        Transport::WebSocket => match accept(engine, &mut parts)? {
            Ok(acceptance) => Some(acceptance),
            Err(response) => return Ok(response),
        },
    };
    let handshake = describe(engine, &mut parts);
    if let Some(allow) = &engine.0.config.allow_request {
        allow(handshake.clone()).await.map_err(|Denied(message)| Refusal::Forbidden(message.into()))?;
    }
    if !query.is_version_4 {
        return Err(Refusal::UnsupportedProtocol);
    }
    let opened = engine.0.open(transport, handshake);
    let session = match opened {
        Ok(session) => session,
        Err(NotOpened::TooMany | NotOpened::Closed) => {
            engine.0.metrics.error("too_many_sessions");
            return Ok(response::busy());
        }
    };
    let mut response = match acceptance {
        None => polling::first_answer(&session, &parts.headers).await,
        Some(acceptance) => {
            let driver = Driver::open(session.clone(), query.base64);
            acceptance.spawn(driver)
        }
    };
    finish_headers(&session, &mut response, transport);
    Ok(response)
}

/// A WebSocket that wants to take over a polling session.
fn upgrade(
    engine: &Engine,
    session: &Session,
    request: Request<RequestBody>,
    base64: bool,
) -> Result<Response<Body>, Refusal> {
    let acceptance = match arrive(engine, request)? {
        Ok((acceptance, _)) => acceptance,
        Err(response) => return Ok(response),
    };
    let mut response = match session.handle_upgrade() {
        Upgrade::Probe => acceptance.spawn(Driver::probe(session.clone(), base64)),
        Upgrade::Occupied => acceptance.turn_away(engine),
        Upgrade::Refuse(refusal) => return Err(refusal),
    };
    if let Some(hook) = &engine.0.config.headers {
        hook(response.headers_mut(), session.handshake());
    }
    Ok(response)
}

/// Checks the request of a WebSocket for a session that is there.
fn arrive(
    engine: &Engine,
    request: Request<RequestBody>,
) -> Result<Result<(Acceptance, Extensions), Response<Body>>, Refusal> {
    if request.method() != Method::GET || !engine.0.may_upgrade() {
        return Err(Refusal::BadRequest);
    }
    let (mut parts, _) = request.into_parts();
    Ok(accept(engine, &mut parts)?.map(|acceptance| {
        parts.extensions.remove::<PeerAddr>();
        parts.extensions.remove::<Secure>();
        (acceptance, parts.extensions)
    }))
}

/// Checks a WebSocket handshake and its origin.
fn accept(engine: &Engine, parts: &mut Parts) -> Result<Result<Acceptance, Response<Body>>, Refusal> {
    let config = &engine.0.config;
    if !may_open_websocket(parts, config.cors.as_ref(), config.allow_missing_origin) {
        return Err(Refusal::Forbidden("Origin is not allowed".into()));
    }
    let acceptance = Acceptance::check(parts);
    if acceptance.is_err() {
        engine.0.metrics.error("websocket_handshake");
    }
    Ok(acceptance)
}

/// What the application hears of the request.
fn describe(engine: &Engine, parts: &mut Parts) -> Handshake {
    let peer = parts.extensions.remove::<PeerAddr>().map(|PeerAddr(peer)| peer.ip());
    let address = client_address(peer, &parts.headers, &engine.0.config.trusted_proxies);
    let secure = parts.extensions.remove::<Secure>().is_some();
    Handshake::new(parts, address, secure)
}

/// The cookie and the hooks of the first answer of a session.
fn finish_headers(session: &Session, response: &mut Response<Body>, transport: Transport) {
    let config = &session.engine().config;
    let headers = response.headers_mut();
    let cookie = config.cookie.as_ref().filter(|_| transport == Transport::Polling);
    if let Some(cookie) = cookie.and_then(|cookie| cookie.header(session.sid())) {
        headers.append(SET_COOKIE, cookie);
    }
    for hook in [&config.initial_headers, &config.headers].into_iter().flatten() {
        hook(headers, session.handshake());
    }
}
