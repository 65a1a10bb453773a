//! GET requests of polling sessions: what their answers hold, and when they come. Rows E58 to E67, E82 and E140.

use fanfare_engine::{Buffer, Engine, Frame, Message};
use fanfare_testkit::Http;

use crate::server::{Server, error, eventually, millis, polled};

#[tokio::test]
async fn an_answer_has_these_headers_and_no_others() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    server.opened().await.send(Message::Text("€")).unwrap();
    let mut response = polling.poll().await;
    assert_eq!((response.status, response.text()), (200, "4€"));
    response.headers.retain(|(name, _)| name != "date");
    response.headers.sort();
    let headers: Vec<_> = response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected =
        [("cache-control", "no-store"), ("content-length", "4"), ("content-type", "text/plain; charset=UTF-8")];
    assert_eq!(headers, expected);
}

#[tokio::test]
async fn old_browsers_are_told_not_to_take_answers_for_scripts() {
    let server = Server::echo(Engine::builder()).await;
    let agents = [
        ("Mozilla/4.0 (compatible;MSIE 8.0;Windows NT 6.0)", Some("0")),
        ("Mozilla/5.0 (Windows NT 6.3; Trident/7.0; rv:11.0) like Gecko", Some("0")),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", None),
    ];
    for (agent, expected) in agents {
        let polling = server.polling().await;
        let agent = [("user-agent", agent)];
        for (method, body) in [("POST", &b"4hi"[..]), ("GET", b"")] {
            let response = Http::request(server.address, method, &polling.target("polling"), &agent, body).await;
            assert_eq!(response.header("x-xss-protection"), expected, "{method} {agent:?}");
        }
    }
}

#[tokio::test]
async fn packets_are_joined_by_separators_and_binary_data_is_base64() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    for message in [Message::Text("hello"), Message::Text(""), Message::Binary(&[1, 2, 3, 4]), Message::Binary(&[])] {
        session.send(message).unwrap();
    }
    session.send(Message::Text("utf8 — ü€😀")).unwrap();
    assert_eq!(polling.poll().await.text(), "4hello\x1e4\x1ebAQIDBA==\x1eb\x1e4utf8 — ü€😀");
}

#[tokio::test]
async fn everything_that_waits_leaves_in_one_answer() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    for n in 0..1000 {
        session.send(Message::Text(&n.to_string())).unwrap();
    }
    let expected: Vec<_> = (0..1000).map(|n| format!("4{n}")).collect();
    assert_eq!(polling.packets().await, expected);
}

#[tokio::test]
async fn an_answer_holds_no_more_than_a_client_may_send_but_for_a_single_larger_message() {
    let mut server = Server::start(Engine::builder().max_http_buffer_size(20)).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    for text in ["123456789", "1234567", "x", "y", &"larger".repeat(10), "z"] {
        session.send(Message::Text(text)).unwrap();
    }
    // 10 + 1 + 8 bytes are less than 20 and leave no room for two more.
    assert_eq!(polling.packets().await, ["4123456789", "41234567"]);
    assert_eq!(polling.packets().await, ["4x", "4y"]);
    assert_eq!(polling.packets().await, [format!("4{}", "larger".repeat(10))]);
    assert_eq!(polling.packets().await, ["4z"]);
    // Exactly 20 bytes fit.
    session.send(Message::Text("123456789")).unwrap();
    session.send(Message::Text("12345678")).unwrap();
    assert_eq!(polling.packets().await, ["4123456789", "412345678"]);
}

#[tokio::test]
async fn messages_that_belong_together_are_not_torn_apart() {
    let mut server = Server::start(Engine::builder().max_http_buffer_size(10)).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let text = |text: &str| Frame::Text(Buffer::from(text.as_bytes()));
    let pair = server.engine.encode([text("together"), text("always")], false);
    session.send(Message::Text("first")).unwrap();
    session.send_encoded(&pair).unwrap();
    assert_eq!(polling.packets().await, ["4first"]);
    assert_eq!(polling.packets().await, ["4together", "4always"]);
}

#[tokio::test]
async fn megabytes_go_out_whatever_a_client_may_send() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let text = "x".repeat(3_000_000);
    session.send(Message::Text(&text)).unwrap();
    assert_eq!(polling.packets().await, [format!("4{text}")]);
    session.send(Message::Binary(&vec![0; 3_000_000])).unwrap();
    assert_eq!(polling.poll().await.body, [b"b".to_vec(), b"A".repeat(4_000_000)].concat());
}

#[tokio::test]
async fn a_get_waits_until_there_is_something_to_say() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let mut get = polling.start_poll().await;
    polled(&session).await;
    session.send(Message::Text("at last")).unwrap();
    assert_eq!(get.response().await.text(), "4at last");
    let beating = Server::start(Engine::builder().ping_interval(millis(50))).await;
    assert_eq!(beating.polling().await.poll().await.text(), "2", "with nothing to say, there is still the ping");
}

#[tokio::test]
async fn requests_may_share_a_connection_or_have_one_each() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let mut connection = Http::connect(server.address).await;
    for n in 0..3 {
        session.send(Message::Text(&n.to_string())).unwrap();
        connection.send_request("GET", &polling.target("polling"), &[], b"").await;
        assert_eq!(connection.response().await.text(), format!("4{n}"));
        connection.send_request("POST", &polling.target("polling"), &[], b"4up").await;
        assert_eq!(connection.response().await.text(), "ok");
        assert_eq!(server.text().await, "up");
    }
    for n in 0..3 {
        session.send(Message::Text(&n.to_string())).unwrap();
        let mut connection = Http::connect(server.address).await;
        connection.send_request("GET", &polling.target("polling"), &[("connection", "close")], b"").await;
        let response = connection.response().await;
        assert_eq!((response.text(), response.header("connection")), (&*format!("4{n}"), Some("close")));
        assert!(connection.is_closed().await);
    }
    assert!(session.is_open());
}

#[tokio::test]
async fn a_second_get_is_refused_and_ends_the_session() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let mut first = polling.start_poll().await;
    polled(&session).await;
    let second = polling.poll().await;
    assert_eq!((second.status, second.text()), (400, ""));
    let first = first.response().await;
    assert_eq!((first.status, first.text()), (200, "1"));
    server.expect_closed("transport error", Some("overlap from client")).await;
    assert_eq!(polling.poll().await.text(), error(1, "Session ID unknown"));
    assert_eq!(server.metric("fanfare_client_errors_total", "overlapping_get"), 1);
}

#[tokio::test]
async fn a_get_that_its_client_drops_ends_the_session() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let get = polling.start_poll().await;
    polled(&session).await;
    drop(get);
    server.expect_closed("transport error", Some("poll connection closed prematurely")).await;
    let next = polling.poll().await;
    assert_eq!((next.status, next.text()), (400, &*error(1, "Session ID unknown")));
    eventually("the session is forgotten", || server.engine.clients_count() == 0).await;
}

#[tokio::test]
async fn base64_by_request_changes_nothing_over_polling() {
    let mut server = Server::start(Engine::builder()).await;
    let open = server.request("GET", "?EIO=4&transport=polling&b64=1", &[]).await;
    assert_eq!(open.status, 200);
    let session = server.opened().await;
    session.send(Message::Text("text")).unwrap();
    session.send(Message::Binary(&[1, 2, 3, 4])).unwrap();
    let target = format!("?EIO=4&transport=polling&b64=1&sid={}", session.sid().as_str());
    assert_eq!(server.request("GET", &target, &[]).await.text(), "4text\x1ebAQIDBA==");
}
