//! The options of an engine: what they change, and which values they refuse. Rows E01 to E24.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fanfare_engine::{
    Cookie, Cors, Denied, Engine, EngineBuilder, Handshake, Listener, Message, MessageRate, NodeId, SameSite, Session,
    Transport,
};
use fanfare_testkit::{Http, Polling, WebSocket};

use crate::server::{Server, error, millis, record};

/// Checks how a handshake below a target is answered by an engine of this path.
async fn check_path(options: EngineBuilder, targets: &[(&str, u16)]) {
    let server = Server::start(options).await;
    for (target, status) in targets {
        let response = Http::get(server.address, &format!("{target}?EIO=4&transport=polling")).await;
        assert_eq!(response.status, *status, "{} {target}", server.engine.path());
        assert_eq!(response.body.is_empty(), *status == 404, "{target}");
    }
}

#[tokio::test]
async fn everything_below_the_path_belongs_to_the_engine() {
    let targets = [
        ("/engine.io/", 200),
        ("/engine.io/anything/else/", 200),
        ("/engine.io/default", 200),
        ("/engine.io", 404),
        ("/engine.iox/", 404),
        ("/Engine.io/", 404),
        ("/other/engine.io/", 404),
        ("/", 404),
    ];
    check_path(Engine::builder(), &targets).await;
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_path_is_added_where_it_is_missing() {
    for path in ["/chat", "/chat/"] {
        check_path(Engine::builder().path(path), &[("/chat/", 200), ("/chat", 404), ("/engine.io/", 404)]).await;
    }
    check_path(Engine::builder().path("/a/b.c"), &[("/a/b.c/", 200), ("/a/", 404)]).await;
    check_path(Engine::builder().path("/"), &[("/", 200), ("/anything", 200)]).await;
}

#[tokio::test]
async fn durations_and_sizes_are_told_to_the_client() {
    let options = Engine::builder()
        .ping_interval(millis(1500))
        .ping_timeout(Duration::from_secs(7))
        .max_http_buffer_size(1 << 20);
    let server = Server::start(options).await;
    let open = server.request("GET", "?EIO=4&transport=polling", &[]).await;
    assert!(
        open.text().ends_with(r#","pingInterval":1500,"pingTimeout":7000,"maxPayload":1048576}"#),
        "{}",
        open.text()
    );
}

#[tokio::test]
async fn a_transport_that_is_not_enabled_is_unknown() {
    let polling = Server::start(Engine::builder().transports([Transport::Polling])).await;
    let open = polling.request("GET", "?EIO=4&transport=polling", &[]).await;
    assert!(open.text().contains(r#""upgrades":[]"#), "{}", open.text());
    let refused = WebSocket::try_connect(polling.address, "/engine.io/?EIO=4&transport=websocket", &[]).await;
    assert_eq!(refused.unwrap_err().text(), error(0, "Transport unknown"));

    let websocket = Server::start(Engine::builder().transports([Transport::WebSocket])).await;
    let refused = websocket.request("GET", "?EIO=4&transport=polling", &[]).await;
    assert_eq!((refused.status, refused.text()), (400, &*error(0, "Transport unknown")));
    websocket.websocket().await;
}

#[tokio::test]
async fn where_upgrades_are_not_allowed_none_is_offered_and_none_succeeds() {
    let server = Server::echo(Engine::builder().allow_upgrades(false)).await;
    let open = server.request("GET", "?EIO=4&transport=polling", &[]).await;
    assert!(open.text().contains(r#""upgrades":[]"#), "{}", open.text());
    let polling = server.polling().await;
    let refused = WebSocket::try_connect(server.address, &polling.target("websocket"), &[]).await.unwrap_err();
    assert_eq!((refused.status, refused.text()), (400, &*error(3, "Bad request")));
    polling.send(&["4still here"]).await;
    assert_eq!(polling.packets().await, ["4still here"]);
    server.websocket().await;
}

#[tokio::test]
async fn the_application_decides_once_who_is_let_in() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let options = Engine::builder().allow_request(move |handshake: Handshake| {
        counter.fetch_add(1, Ordering::Relaxed);
        async move {
            // It may take its time.
            tokio::time::sleep(millis(5)).await;
            match handshake.header("x-token") {
                Some("secret") => Ok(()),
                _ => Err(Denied::from(format!("not you, {}", handshake.query_value("name").unwrap_or_default()))),
            }
        }
    });
    let mut server = Server::echo(options).await;
    let target = "?EIO=4&transport=polling&name=J%C3%B6rg";
    let denied = server.request("GET", target, &[]).await;
    assert_eq!((denied.status, denied.text()), (403, &*error(4, "not you, Jörg")));
    let denied = WebSocket::try_connect(server.address, "/engine.io/?EIO=4&transport=websocket", &[]).await;
    let denied = denied.unwrap_err();
    assert_eq!((denied.status, denied.text()), (403, &*error(4, "not you, ")));
    assert_eq!(asked.load(Ordering::Relaxed), 2);

    let let_in = server.request("GET", target, &[("x-token", "secret")]).await;
    assert_eq!(let_in.status, 200);
    let sid = server.opened().await.sid();
    let target = format!("?EIO=4&transport=polling&sid={}", sid.as_str());
    assert_eq!(Http::post(server.address, &format!("/engine.io/{target}"), b"4hi").await.text(), "ok");
    assert_eq!(server.request("GET", &target, &[]).await.text(), "4hi");
    let upgrade = format!("/engine.io/?EIO=4&transport=websocket&sid={}", sid.as_str());
    WebSocket::connect(server.address, &upgrade).await;
    assert_eq!(asked.load(Ordering::Relaxed), 3, "later requests are not asked about");
}

#[tokio::test]
async fn what_is_sent_at_the_start_comes_right_behind_the_open_packet() {
    let greet = |session: &Session| {
        session.send(Message::Text("hello")).unwrap();
        session.send(Message::Binary(&[1, 2, 3, 4])).unwrap();
    };
    let server = Server::greet(Engine::builder(), greet).await;
    let body = server.request("GET", "?EIO=4&transport=polling", &[]).await;
    let (open, rest) = body.text().split_once('\x1e').unwrap();
    assert!(open.starts_with("0{") && open.ends_with('}'), "{open}");
    assert_eq!(rest, "4hello\x1ebAQIDBA==");
    let mut websocket = server.websocket().await;
    assert_eq!(websocket.text().await, "4hello");
    assert_eq!(websocket.binary().await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn the_engine_knows_its_sessions() {
    let node: NodeId = "node".parse().unwrap();
    let mut server = Server::start(Engine::builder().node_id(node)).await;
    let engine = server.engine.clone();
    assert_eq!((engine.clients_count(), engine.path(), engine.node_id()), (0, "/engine.io/", node));
    let polling = server.polling().await;
    let first = server.opened().await;
    let websocket = server.websocket().await;
    let second = server.opened().await;
    assert_eq!(engine.clients_count(), 2);
    assert_eq!(engine.session(first.sid()), Some(first.clone()));
    assert_eq!(first.sid().as_str(), polling.sid());
    assert_eq!((first.transport(), second.transport()), (Transport::Polling, Transport::WebSocket));
    assert!(engine.sessions().contains(&first) && engine.sessions().contains(&second));
    drop(websocket);
    server.expect_closed("transport close", None).await;
    assert_eq!((engine.clients_count(), engine.session(second.sid())), (1, None));
}

#[tokio::test]
async fn an_engine_outlives_its_listener() {
    let (engine, mut heard) = record(Engine::builder(), |_| {}, |_, _| {});
    let mut polling = Vec::new();
    for _ in 0..2 {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let (address, handle) = (listener.local_addr().unwrap(), listener.handle());
        let serving = tokio::spawn(listener.serve(engine.service()));
        polling.push(Polling::open(address, "/engine.io/").await);
        heard.recv().await.unwrap();
        handle.shutdown();
        serving.await.unwrap().unwrap();
    }
    assert_eq!(engine.clients_count(), 2);
}

#[test]
fn wrong_values_are_refused_with_what_is_allowed() {
    fn check(options: EngineBuilder, expected: &str) {
        let (option, _) = expected.split_once(':').unwrap();
        let error = options.build(|_: &Session| Ignore).expect_err(expected);
        assert_eq!((error.to_string().as_str(), error.option), (expected, option));
    }
    let options = Engine::builder;
    let duration = "is not allowed; it is between 1 ms and 24 h";
    check(options().ping_interval(Duration::ZERO), &format!("ping_interval: 0ns {duration}"));
    check(options().ping_timeout(Duration::from_micros(999)), &format!("ping_timeout: 999µs {duration}"));
    check(options().upgrade_timeout(Duration::from_secs(86_401)), &format!("upgrade_timeout: 86401s {duration}"));
    check(options().write_timeout(Duration::MAX), &format!("write_timeout: {:?} {duration}", Duration::MAX));
    check(options().body_timeout(Duration::ZERO), &format!("body_timeout: 0ns {duration}"));
    check(options().max_http_buffer_size(0), "max_http_buffer_size: 0 is not allowed; it is at least 1");
    check(options().max_outbox_size(0), "max_outbox_size: 0 is not allowed; it is at least 1");
    check(options().max_outboxes_size(0), "max_outboxes_size: 0 is not allowed; it is at least 1");
    check(options().max_packets_per_payload(0), "max_packets_per_payload: 0 is not allowed; it is at least 1");
    check(options().transports([]), "transports: [] is not allowed; name at least one");
    let path = "is not allowed; it begins with `/` and has no query, `%` or space";
    for wrong in ["chat", "/a b", "/a?b", "/a#b", "/a%20b", "/ä"] {
        check(options().path(wrong), &format!("path: {wrong}/ {path}"));
    }
    let rate = MessageRate { per_second: 1, burst: 0 };
    check(options().message_rate(rate), &format!("message_rate: {rate:?} is not allowed; both numbers are at least 1"));
    let cors = Cors::any().credentials(true);
    let named = "name the origins, or use Cors::mirror()";
    check(options().cors(cors), &format!("cors: any origin with credentials is not allowed; {named}"));
    let origin = "is not allowed; an origin is scheme://host[:port], without a path";
    check(options().cors(Cors::origins(["https://a.org", "b.org"])), &format!("cors: b.org {origin}"));
    let name = "is not allowed; a name has letters, digits and `-`, `_`, `.`";
    for wrong in ["", "a b", "a=b", "a;b", "ä"] {
        check(options().cookie(Cookie::named(wrong)), &format!("cookie: {wrong} {name}"));
    }
    let attribute = "is not allowed; an attribute has no `;` and no control character";
    check(options().cookie(Cookie::default().path(Some("/; Secure"))), &format!("cookie: /; Secure {attribute}"));
    check(options().cookie(Cookie::default().domain("a\n.org")), &format!("cookie: a\n.org {attribute}"));
    let insecure = Cookie::default().same_site(Some(SameSite::None));
    check(
        options().cookie(insecure),
        "cookie: SameSite=None is not allowed; browsers take it together with Secure only",
    );
}

#[test]
fn the_bounds_of_the_options_are_allowed() {
    let options = Engine::builder()
        .ping_interval(millis(1))
        .ping_timeout(Duration::from_secs(86_400))
        .max_http_buffer_size(1)
        .max_packets_per_payload(1)
        .transports([Transport::WebSocket])
        .cookie(Cookie::named("io").same_site(Some(SameSite::None)).secure(true))
        .cors(Cors::mirror().credentials(true));
    assert!(options.build(|_: &Session| Ignore).is_ok());
}

struct Ignore;

impl fanfare_engine::Connection for Ignore {
    fn message(&self, _: &Session, _: fanfare_engine::Received<'_>) {}
}
