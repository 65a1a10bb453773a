//! Engine.IO v4, "Handshake", and the errors of the reference server. Rows E26, E28 to E38, E43 to E45, EIO-22, SEC-03.

use std::time::Duration;

use fanfare_proto::engine::{CloseReason, Open, Refusal, SessionSettings, Transport};
use fanfare_proto::ids::{NodeId, Sid, SocketId};

fn open(sid: Sid) -> Open {
    let settings = SessionSettings::default();
    Open {
        sid,
        may_upgrade: true,
        ping_interval: settings.ping_interval,
        ping_timeout: settings.ping_timeout,
        max_payload_bytes: 1_000_000,
    }
}

fn sid() -> Sid {
    Sid::from_random(NodeId::from_random([0xff; 3]), [0xfb; 15])
}

#[test]
fn the_open_packet_is_that_of_the_reference_server() {
    let expected = r#"0{"sid":"____-_v7-_v7-_v7-_v7-_v7","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
    assert_eq!(open(sid()).encode(), expected);
}

#[test]
fn the_open_packet_is_json_with_exactly_five_keys() {
    let packet = Open {
        may_upgrade: false,
        ping_interval: Duration::from_millis(300),
        ping_timeout: Duration::from_millis(200),
        max_payload_bytes: 1,
        ..open(sid())
    };
    let text = packet.encode();
    let json: serde_json::Value = serde_json::from_str(text.strip_prefix('0').expect("an open packet")).unwrap();
    let expected = serde_json::json!({
        "sid": sid().as_str(), "upgrades": [], "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1
    });
    assert_eq!(json, expected);
}

#[test]
fn defaults_are_those_of_the_reference_server() {
    let SessionSettings { ping_interval, ping_timeout, upgrade_timeout } = SessionSettings::default();
    let millis = [ping_interval, ping_timeout, upgrade_timeout].map(|duration| duration.as_millis());
    assert_eq!(millis, [25_000, 20_000, 10_000]);
}

#[test]
fn ids_are_url_safe_and_of_fixed_length() {
    for random in [[0; 15], [0xff; 15], [0xfb; 15]] {
        let sid = Sid::from_random(NodeId::from_random([random[0]; 3]), random);
        let socket = SocketId::from_random(random);
        for (id, len) in [(sid.as_str(), 24), (socket.as_str(), 20)] {
            assert_eq!(id.len(), len);
            assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{id}");
        }
        assert_eq!(sid.as_str().parse(), Ok(sid));
        assert_eq!(socket.as_str().parse(), Ok(socket));
        assert!(socket.as_str().parse::<Sid>().is_err(), "a public id is no session's");
    }
}

/// Rows E28 to E38: the refusal, its status, code and message.
const REFUSALS: &[(Refusal, u16, u8, &str)] = &[
    (Refusal::TransportUnknown, 400, 0, "Transport unknown"),
    (Refusal::SessionUnknown, 400, 1, "Session ID unknown"),
    (Refusal::BadHandshakeMethod, 400, 2, "Bad handshake method"),
    (Refusal::BadRequest, 400, 3, "Bad request"),
    (Refusal::FORBIDDEN, 403, 4, "Forbidden"),
    (Refusal::Forbidden(std::borrow::Cow::Borrowed("not \"today\"\n<b>")), 403, 4, "not \"today\"\n<b>"),
    (Refusal::UnsupportedProtocol, 400, 5, "Unsupported protocol version"),
];

#[test]
fn refusals_are_those_of_the_reference_server() {
    for (refusal, status, code, message) in REFUSALS {
        assert_eq!((refusal.status(), refusal.code()), (*status, *code), "{refusal}");
        assert_eq!(refusal.to_string(), *message);
        let body: serde_json::Value = serde_json::from_str(&refusal.body()).unwrap();
        assert_eq!(body, serde_json::json!({"code": code, "message": message}));
        assert!(refusal.body().starts_with(&format!("{{\"code\":{code},\"message\":")), "keys in this order");
        assert!(!refusal.name().is_empty() && !refusal.name().contains(char::is_whitespace), "{}", refusal.name());
    }
}

#[test]
fn transports_and_close_reasons_have_the_names_of_the_reference_server() {
    assert_eq!([Transport::Polling, Transport::WebSocket].map(Transport::as_str), ["polling", "websocket"]);
    let reasons = [
        (CloseReason::TransportError, "transport error"),
        (CloseReason::TransportClose, "transport close"),
        (CloseReason::ForcedClose, "forced close"),
        (CloseReason::PingTimeout, "ping timeout"),
        (CloseReason::ParseError, "parse error"),
        (CloseReason::SlowConsumer, "slow consumer"),
    ];
    for (reason, name) in reasons {
        assert_eq!(reason.to_string(), name);
    }
}
