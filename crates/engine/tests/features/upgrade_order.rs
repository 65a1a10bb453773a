//! No message is lost, doubled or overtaken while a session moves to WebSocket. Rows E108 and E109.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fanfare_engine::{Engine, Message, Session, Transport};
use fanfare_testkit::{Http, Polling, WebSocket};
use http_body_util::{BodyExt as _, Empty};
use tower::ServiceExt as _;

use crate::server::{Heard, Server, eventually, millis, polled};

#[tokio::test]
async fn while_it_probes_messages_still_go_over_polling() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let mut get = polling.start_poll().await;
    polled(&session).await;
    let _websocket = server.probe(&polling).await;
    session.send(Message::Text("during the probe")).unwrap();
    let mut text = get.response().await.text().to_owned();
    if text == "6" {
        text = polling.poll().await.text().to_owned();
    }
    assert_eq!(text, "4during the probe");
    assert_eq!(polling.send(&["4up"]).await.text(), "ok");
    assert_eq!(server.text().await, "up");
}

#[tokio::test]
async fn a_poll_that_was_under_way_when_the_probe_was_answered_is_not_held() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let _websocket = server.probe(&polling).await;
    // Time passes only where something waits for it.
    tokio::time::pause();
    for delay in [0, 10].map(millis) {
        let began = tokio::time::Instant::now();
        let get = http::Request::get(polling.target("polling")).body(Empty::<Bytes>::new()).unwrap();
        let send = async {
            tokio::time::sleep(delay).await;
            session.send(Message::Text("hi")).unwrap();
        };
        let (response, ()) = tokio::join!(server.engine.service().oneshot(get), send);
        assert_eq!(response.unwrap().into_body().collect().await.unwrap().to_bytes(), "4hi");
        assert!(began.elapsed() <= delay + millis(5), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn what_waits_leaves_over_the_new_transport_in_order() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let mut websocket = server.probe(&polling).await;
    for n in 0..50 {
        session.send(Message::Text(&n.to_string())).unwrap();
    }
    websocket.send("5").await;
    assert_eq!(server.heard().await, Heard::Upgraded(Transport::WebSocket));
    for n in 50..100 {
        session.send(Message::Text(&n.to_string())).unwrap();
    }
    for n in 0..100 {
        assert_eq!(websocket.text().await, format!("4{n}"));
    }
}

#[tokio::test]
async fn a_client_that_moves_is_read_from_though_it_has_much_to_take() {
    let mut server = Server::echo(Engine::builder().max_outbox_size(100_000)).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    session.send(Message::Text(&"x".repeat(50_000))).unwrap();
    // It has been sent before the probe, and is held: the client is to poll first.
    let mut post = Http::connect(server.address).await;
    post.send_request("POST", &polling.target("polling"), &[], b"4before the probe").await;
    let mut websocket = server.probe(&polling).await;
    // But it polls no more: it waits for this answer, and then moves.
    assert_eq!(post.response().await.text(), "ok");
    assert_eq!(server.text().await, "before the probe");
    assert_eq!(polling.send(&["4during the probe"]).await.text(), "ok");
    assert_eq!(server.text().await, "during the probe");
    websocket.send("5").await;
    assert_eq!(server.heard().await, Heard::Upgraded(Transport::WebSocket));
    assert_eq!(websocket.text().await.len(), 50_001);
    assert_eq!(websocket.text().await, "4before the probe");
    assert_eq!(websocket.text().await, "4during the probe");
}

/// Sends fifty messages, with pauses in which others have their turn.
async fn stream(session: Session) {
    for n in 0..50 {
        session.send(Message::Text(&format!("down {n}"))).unwrap();
        tokio::task::yield_now().await;
    }
}

/// A client as the official one: it polls and posts while it probes, lets both come to their end, and only then says `5`.
struct Client {
    polling: Polling,
    received: Vec<String>,
    sent: usize,
}

impl Client {
    fn receive(&mut self, packets: impl IntoIterator<Item = String>) {
        self.received.extend(packets.into_iter().filter_map(|packet| packet.strip_prefix('4').map(str::to_owned)));
    }

    fn next(&mut self) -> String {
        self.sent += 1;
        format!("4up {}", self.sent - 1)
    }

    async fn post(&mut self) {
        let (first, second) = (self.next(), self.next());
        assert_eq!(self.polling.send(&[&first, &second]).await.text(), "ok");
    }

    /// Uses polling until the probe is answered and the poll under way has ended.
    async fn upgrade(&mut self, server: &Server) -> WebSocket {
        let mut get = self.polling.start_poll().await;
        self.post().await;
        let packets = get.response().await;
        self.receive(packets.text().split('\x1e').map(str::to_owned));
        let mut get = self.polling.start_poll().await;
        let mut websocket = WebSocket::connect(server.address, &self.polling.target("websocket")).await;
        websocket.send("2probe").await;
        self.post().await;
        assert_eq!(websocket.text().await, "3probe");
        self.post().await;
        let packets = get.response().await;
        self.receive(packets.text().split('\x1e').map(str::to_owned));
        websocket.send("5").await;
        websocket
    }
}

async fn check_one_client(server: &Server) {
    let mut client = Client { polling: server.polling().await, received: Vec::new(), sent: 0 };
    let session = server.engine.session(client.polling.sid().parse().unwrap()).unwrap();
    let streaming = tokio::spawn(stream(session.clone()));
    let mut websocket = client.upgrade(server).await;
    while client.sent < 50 {
        let next = client.next();
        websocket.send(&next).await;
    }
    while client.received.len() < 100 {
        let packet = websocket.text().await;
        client.receive([packet]);
    }
    streaming.await.unwrap();
    let (down, up): (Vec<_>, Vec<_>) = client.received.into_iter().partition(|text| text.starts_with("down"));
    assert_eq!(down, (0..50).map(|n| format!("down {n}")).collect::<Vec<_>>());
    assert_eq!(up, (0..50).map(|n| format!("up {n}")).collect::<Vec<_>>());
    assert!(session.is_open());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_messages_each_way_arrive_once_and_in_order_in_every_session() {
    let server = Server::echo(Engine::builder()).await;
    let clients = (0..20).map(|_| check_one_client(&server));
    futures_util::future::join_all(clients).await;
    assert_eq!(server.metric("fanfare_upgrades_total", "completed"), 20);
}

#[tokio::test]
async fn messages_on_the_new_transport_come_behind_those_of_the_last_post() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    server.opened().await;
    let mut websocket = server.probe(&polling).await;
    let mut post = Http::connect(server.address).await;
    post.send_request("POST", &polling.target("polling"), &[], b"4post").await;
    assert_eq!(post.response().await.text(), "ok");
    websocket.send("5").await;
    websocket.send("4websocket").await;
    assert_eq!(server.text().await, "post");
    assert_eq!(server.heard().await, Heard::Upgraded(Transport::WebSocket));
    assert_eq!(server.text().await, "websocket");
    eventually("no poll is left", || server.metric("fanfare_outbox_bytes", "") == 0).await;
}

/// Handles messages slowly, and notices when two are handled at once.
struct Watch {
    busy: AtomicBool,
    overlaps: AtomicUsize,
}

impl Watch {
    fn handle(&self) {
        if self.busy.swap(true, Ordering::AcqRel) {
            self.overlaps.fetch_add(1, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_micros(200));
        self.busy.store(false, Ordering::Release);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_both_transports_are_never_handled_at_once() {
    let body = ["4post"; 20].join("\x1e");
    let [upgrade, message] = ["5", "4websocket"].map(|text| WebSocket::frame(0x81, text.as_bytes()));
    for _ in 0..20 {
        let watch = Arc::new(Watch { busy: AtomicBool::new(false), overlaps: AtomicUsize::new(0) });
        let watching = watch.clone();
        let server = Server::custom(Engine::builder(), |_| {}, move |_, _| watching.handle()).await;
        let polling = server.polling().await;
        let mut websocket = server.probe(&polling).await;
        // The client upgrades without waiting for the answer to its POST.
        let mut post = Http::connect(server.address).await;
        post.send_request("POST", &polling.target("polling"), &[], body.as_bytes()).await;
        websocket.send_raw(&[&upgrade[..], &message.repeat(20)].concat()).await;
        post.response().await;
        // Whether it has moved or not, it is over now.
        let _ = websocket.try_send_raw(&WebSocket::frame(0x81, b"1")).await;
        websocket.closed().await;
        assert_eq!(watch.overlaps.load(Ordering::Relaxed), 0);
    }
}
