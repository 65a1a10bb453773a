//! The WebSocket transport: handshake, frames, and what ends it. Rows E88 to E100 and E104.

use fanfare_engine::{CloseReason, Engine, Message};
use fanfare_testkit::{Frame, Http, WebSocket};

use crate::server::{Heard, Server, error, expect_plain_close, millis};

const TARGET: &str = "/engine.io/?EIO=4&transport=websocket";

#[tokio::test]
async fn the_handshake_is_answered_with_these_headers_and_no_others() {
    let server = Server::start(Engine::builder()).await;
    let mut connection = Http::connect(server.address).await;
    connection.send_request("GET", TARGET, &WebSocket::HANDSHAKE, b"").await;
    let mut response = connection.response().await;
    assert_eq!(response.status, 101);
    response.headers.retain(|(name, _)| name != "date");
    response.headers.sort();
    let headers: Vec<_> = response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    // The answer to the key of the example in RFC 6455, section 1.3.
    let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    let expected = [("connection", "upgrade"), ("sec-websocket-accept", accept), ("upgrade", "websocket")];
    assert_eq!(headers, expected);
}

#[tokio::test]
async fn the_first_subprotocol_is_taken_and_extensions_are_not() {
    let server = Server::start(Engine::builder()).await;
    let mut headers = WebSocket::HANDSHAKE.to_vec();
    headers.push(("sec-websocket-protocol", "chat.v2, chat.v1"));
    headers.push(("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"));
    let mut connection = Http::connect(server.address).await;
    connection.send_request("GET", TARGET, &headers, b"").await;
    let response = connection.response().await;
    assert_eq!((response.status, response.header("sec-websocket-protocol")), (101, Some("chat.v2")));
    assert_eq!(response.header("sec-websocket-extensions"), None);
}

#[tokio::test]
async fn handshakes_of_other_versions_and_without_a_key_are_refused() {
    let server = Server::start(Engine::builder()).await;
    let upgrade = [("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")];
    let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    for (rest, status) in [
        (&[("sec-websocket-version", "13"), key][..], 101),
        (&[("sec-websocket-version", "12"), key], 426),
        (&[key], 426),
        (&[("sec-websocket-version", "13")], 400),
        (&[("sec-websocket-version", "13"), ("sec-websocket-key", "c2hvcnQ=")], 400),
    ] {
        let headers = [&upgrade, rest].concat();
        let mut connection = Http::connect(server.address).await;
        connection.send_request("GET", TARGET, &headers, b"").await;
        let response = connection.response().await;
        assert_eq!(response.status, status, "{rest:?}");
        let version = (status == 426).then_some("13");
        assert_eq!(response.header("sec-websocket-version"), version);
    }
}

#[tokio::test]
async fn a_packet_is_a_text_frame_and_a_binary_message_a_bare_one() {
    let mut server = Server::echo(Engine::builder()).await;
    let mut websocket = server.websocket().await;
    server.opened().await;
    for text in ["hello", "", "utf8 — ü€😀", &"long".repeat(50_000)] {
        websocket.send(&format!("4{text}")).await;
        assert_eq!(websocket.text().await, format!("4{text}"));
        assert_eq!(server.text().await, text);
    }
    for data in [vec![1, 2, 3, 4], Vec::new(), vec![0xff; 200_000]] {
        websocket.send_binary(&data).await;
        assert_eq!(websocket.binary().await, data);
        assert_eq!(server.heard().await, Heard::Binary(data));
    }
}

#[tokio::test]
async fn a_text_frame_may_hold_binary_data_in_base64() {
    let mut server = Server::echo(Engine::builder()).await;
    let mut websocket = server.websocket().await;
    server.opened().await;
    for text in ["bAQIDBA==", "bAQIDBA"] {
        websocket.send(text).await;
        assert_eq!(server.heard().await, Heard::Binary(vec![1, 2, 3, 4]), "{text}");
        assert_eq!(websocket.binary().await, [1, 2, 3, 4]);
    }
}

#[tokio::test]
async fn a_client_that_asks_for_base64_gets_it() {
    let server = Server::echo(Engine::builder()).await;
    let mut websocket = server.websocket_with("&b64=1").await;
    websocket.send_binary(&[1, 2, 3, 4]).await;
    assert_eq!(websocket.text().await, "bAQIDBA==");
    websocket.send("bAQIDBA==").await;
    assert_eq!(websocket.text().await, "bAQIDBA==");
    websocket.send("4text").await;
    assert_eq!(websocket.text().await, "4text");

    let polling = server.polling().await;
    let mut upgrading = WebSocket::connect(server.address, &format!("{}&b64=1", polling.target("websocket"))).await;
    upgrading.send("2probe").await;
    assert_eq!(upgrading.text().await, "3probe");
    upgrading.send("5").await;
    upgrading.send_binary(&[1, 2, 3, 4]).await;
    assert_eq!(upgrading.text().await, "bAQIDBA==");
}

#[tokio::test]
async fn a_message_may_have_as_many_bytes_as_the_limit_says() {
    let mut server = Server::echo(Engine::builder().max_http_buffer_size(100)).await;
    let mut websocket = server.websocket().await;
    let euros = format!("4{}", "€".repeat(33));
    websocket.send(&euros).await;
    assert_eq!(websocket.text().await, euros);
    websocket.send_binary(&[0; 100]).await;
    assert_eq!(websocket.binary().await, [0; 100]);
    websocket.send(&format!("{euros}!")).await;
    assert_eq!(websocket.closed().await, Some(Some(1009)));
    server.expect_closed("transport error", Some("Max payload size exceeded")).await;
}

/// Checks how a frame ends the session: the code of the close frame, and the reason.
async fn check_end(frame: Vec<u8>, code: Option<u16>, reason: &str, description: Option<&str>) {
    let mut server = Server::start(Engine::builder()).await;
    let mut websocket = server.websocket().await;
    websocket.send_raw(&frame).await;
    assert_eq!(websocket.closed().await, Some(code), "{frame:x?}");
    server.expect_closed(reason, description).await;
}

#[tokio::test]
async fn each_violation_ends_the_session_with_its_code() {
    let text = |text: &str| WebSocket::frame(0x81, text.as_bytes());
    for packet in ["abc", "", "9", "0", "5", "6", "b!"] {
        check_end(text(packet), None, "parse error", None).await;
    }
    for ping in ["2", "2probe"] {
        check_end(text(ping), None, "transport error", Some("invalid heartbeat direction")).await;
    }
    check_end(WebSocket::frame(0x81, b"4\xff"), Some(1007), "transport error", Some("invalid UTF-8")).await;
    let violated = Some("WebSocket protocol violated");
    check_end(WebSocket::frame(0x83, b"4"), Some(1002), "transport error", violated).await;
    check_end(b"\x81\x014".to_vec(), Some(1002), "transport error", violated).await;
}

#[tokio::test]
async fn a_client_may_end_its_session_in_every_way() {
    let mut server = Server::start(Engine::builder()).await;
    let mut packet = server.websocket().await;
    packet.send("1").await;
    expect_plain_close(&mut packet).await;
    server.expect_closed("transport close", None).await;

    for (payload, code) in [(&b""[..], None), (b"\x03\xe8bye", Some(1000)), (b"\x0f\xa0", Some(4000))] {
        let mut frame = server.websocket().await;
        frame.send_frame(0x88, payload).await;
        assert_eq!(frame.recv().await, Some(Frame::Close(code)));
        assert_eq!(frame.recv().await, None);
        server.expect_closed("transport close", None).await;
    }

    drop(server.websocket().await);
    server.expect_closed("transport close", None).await;
}

#[tokio::test]
async fn unasked_pongs_and_those_of_websocket_are_ignored() {
    let mut server = Server::echo(Engine::builder()).await;
    let mut websocket = server.websocket().await;
    server.opened().await;
    websocket.send("3").await;
    websocket.send("3probe").await;
    websocket.send_frame(0x8a, b"pong").await;
    websocket.send_frame(0x89, b"ping").await;
    assert_eq!(websocket.recv().await, Some(Frame::Pong(b"ping".to_vec())));
    websocket.send("4hi").await;
    assert_eq!(websocket.text().await, "4hi");
}

#[tokio::test]
async fn a_server_that_closes_says_so_behind_what_it_has_sent() {
    let mut server = Server::start(Engine::builder()).await;
    let mut websocket = server.websocket().await;
    let session = server.opened().await;
    for n in 0..100 {
        session.send(Message::Text(&n.to_string())).unwrap();
    }
    session.close();
    for n in 0..100 {
        assert_eq!(websocket.text().await, format!("4{n}"));
    }
    expect_plain_close(&mut websocket).await;
    assert_eq!(server.heard().await, Heard::Closed(CloseReason::ForcedClose.into()));
}

#[tokio::test]
async fn an_upgrade_to_polling_is_refused() {
    let server = Server::start(Engine::builder()).await;
    let refused = WebSocket::try_connect(server.address, "/engine.io/?EIO=4&transport=polling", &[]).await;
    let refused = refused.unwrap_err();
    assert_eq!((refused.status, refused.text()), (400, &*error(3, "Bad request")));
}

#[tokio::test]
async fn frames_may_come_right_behind_the_handshake() {
    let server = Server::echo(Engine::builder()).await;
    let mut connection = Http::connect(server.address).await;
    let mut request = format!("GET {TARGET} HTTP/1.1\r\nhost: test\r\n").into_bytes();
    for (name, value) in WebSocket::HANDSHAKE {
        request.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    request.extend(b"\r\n");
    request.extend(WebSocket::frame(0x81, b"4early"));
    request.extend(WebSocket::frame(0x82, &[1, 2, 3]));
    // The beginning of one more: a text frame of one byte, and a quarter of its mask.
    request.extend(b"\x81\x81\x34");
    connection.send(&request).await;
    assert_eq!(connection.response().await.status, 101);
    let mut websocket = WebSocket::from(connection);
    assert!(websocket.text().await.starts_with("0{"));
    assert_eq!(websocket.text().await, "4early");
    assert_eq!(websocket.binary().await, [1, 2, 3]);
    websocket.send_raw(&[0, 0, 0, 0x34 ^ b'4']).await;
    assert_eq!(websocket.text().await, "4");
}

#[tokio::test]
async fn pings_and_pongs_pass_through_heavy_traffic() {
    let options = Engine::builder().ping_interval(millis(50)).ping_timeout(millis(5000));
    let mut server = Server::start(options).await;
    let mut websocket = server.websocket().await;
    let session = server.opened().await;
    let message = "x".repeat(10_000);
    let (mut messages, mut pings) = (0, 0);
    while pings < 5 {
        if session.is_writable() {
            for _ in 0..20 {
                session.send(Message::Text(&message)).unwrap();
            }
        }
        match websocket.text().await.as_str() {
            "2" => {
                pings += 1;
                websocket.send("3").await;
                websocket.send(&format!("4{message}")).await;
            }
            text => messages += usize::from(text.len() == message.len() + 1),
        }
    }
    assert!(messages > 5, "{messages}");
    assert!(session.is_open());
}
