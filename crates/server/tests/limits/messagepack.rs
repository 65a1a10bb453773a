//! The same in MessagePack, as `socket.io-msgpack-parser` writes it.

use fanfare::{Parser, Server};
use fanfare_testkit::{Client, Frame, WebSocket};
use serde_json::{Value, json};

use crate::node::handle;

/// A server that speaks MessagePack, and a canary that does.
struct Node {
    io: Server,
    address: std::net::SocketAddr,
    canary: Client,
}

impl Node {
    async fn start() -> Self {
        let io = Server::builder().parser(Parser::MsgPack).build().unwrap();
        io.on_connect(handle);
        io.of("/other").on_connect(handle);
        let listener = fanfare::Listener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn({
            let io = io.clone();
            async move { io.serve(listener).await }
        });
        let canary = connect(address).await;
        Self { io, address, canary }
    }

    async fn expect_undisturbed(&mut self) {
        let answer = ask(&mut self.canary, 1, json!(["echo", "canary"])).await;
        assert_eq!(answer, json!({"type": 3, "nsp": "/", "id": 1, "data": ["canary"]}));
    }

    fn violations(&self, kind: &str) -> u64 {
        let families = self.io.registry().gather();
        let violations = families.iter().filter(|family| family.name() == "fanfare_protocol_violations_total");
        let of_kind = violations
            .flat_map(|family| family.get_metric())
            .filter(|metric| metric.get_label().iter().any(|label| label.value() == kind));
        of_kind.map(|metric| metric.get_counter().get_value() as u64).sum()
    }

    /// Sends bytes as a client that is connected, and checks that it is closed for it.
    async fn expect_closed(&self, kind: &str, packet: &[u8]) {
        let before = self.violations(kind);
        let mut client = connect(self.address).await;
        client.websocket.send_binary(packet).await;
        assert!(client.closed().await, "{packet:02x?}");
        assert_eq!(self.violations(kind), before + 1, "{packet:.100?}");
    }
}

async fn connect(address: std::net::SocketAddr) -> Client {
    let mut client = Client::open(address).await;
    client.websocket.send_binary(&pack(&json!({"type": 0, "nsp": "/"}))).await;
    let answer = unpack(&client.websocket.binary().await);
    assert_eq!((&answer["type"], &answer["nsp"]), (&json!(0), &json!("/")));
    client
}

/// Sends an event and returns the packet that answers it.
async fn ask(client: &mut Client, id: u64, data: Value) -> Value {
    client.websocket.send_binary(&pack(&json!({"type": 2, "nsp": "/", "id": id, "data": data}))).await;
    unpack(&client.websocket.binary().await)
}

fn pack(value: &Value) -> Vec<u8> {
    rmp_serde::to_vec(value).unwrap()
}

fn unpack(bytes: &[u8]) -> Value {
    rmp_serde::from_slice(bytes).unwrap()
}

/// An event whose only argument is these bytes.
fn event_with(argument: &[u8]) -> Vec<u8> {
    let mut packet = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa4echo".to_vec();
    packet.extend_from_slice(argument);
    packet
}

/// SIO-37, as SIO-01 to SIO-04, SIO-08 to SIO-10, SIO-12, SIO-14
#[tokio::test]
async fn packets_that_make_no_sense_close_the_connection() {
    let mut node = Node::start().await;
    for packet in [
        json!(null),
        json!(2),
        json!("2"),
        json!([]),
        json!({}),
        json!({"type": 2, "data": ["echo"]}),
        json!({"nsp": "/", "data": ["echo"]}),
        json!({"type": 7, "nsp": "/", "data": ["echo"]}),
        json!({"type": 5, "nsp": "/", "data": ["echo"]}),
        json!({"type": -1, "nsp": "/", "data": ["echo"]}),
        json!({"type": 2.5, "nsp": "/", "data": ["echo"]}),
        json!({"type": "2", "nsp": "/", "data": ["echo"]}),
        json!({"type": null, "nsp": "/", "data": ["echo"]}),
        json!({"type": 2, "nsp": 1, "data": ["echo"]}),
        json!({"type": 2, "nsp": null, "data": ["echo"]}),
        json!({"type": 2, "nsp": ["/"], "data": ["echo"]}),
        json!({"type": 2, "nsp": "/"}),
        json!({"type": 2, "nsp": "/", "data": null}),
        json!({"type": 2, "nsp": "/", "data": {}}),
        json!({"type": 2, "nsp": "/", "data": "echo"}),
        json!({"type": 2, "nsp": "/", "data": []}),
        json!({"type": 2, "nsp": "/", "data": [null]}),
        json!({"type": 2, "nsp": "/", "data": [{}]}),
        json!({"type": 2, "nsp": "/", "data": [["echo"]]}),
        json!({"type": 2, "nsp": "/", "data": ["connect"]}),
        json!({"type": 2, "nsp": "/", "data": ["disconnecting"]}),
        json!({"type": 2, "nsp": "/", "data": ["echo"], "id": -1}),
        json!({"type": 2, "nsp": "/", "data": ["echo"], "id": 1.5}),
        json!({"type": 2, "nsp": "/", "data": ["echo"], "id": "1"}),
        json!({"type": 2, "nsp": "/", "data": ["echo"], "id": 9_007_199_254_740_992_u64}),
        json!({"type": 0, "nsp": "/other", "data": []}),
        json!({"type": 0, "nsp": "/other", "data": "token"}),
        json!({"type": 1, "nsp": "/", "data": 1}),
        json!({"type": 3, "nsp": "/", "id": 1, "data": {}}),
        json!({"type": 0, "nsp": format!("/{}", "n".repeat(255))}),
    ] {
        node.expect_closed("packet", &pack(&packet)).await;
    }
    node.expect_closed("second_connect", &pack(&json!({"type": 0, "nsp": "/"}))).await;
    node.expect_closed("connect_error", &pack(&json!({"type": 4, "nsp": "/", "data": {"message": "no"}}))).await;
    node.expect_closed("namespace", &pack(&json!({"type": 2, "nsp": "/other", "data": ["echo"]}))).await;
    node.expect_undisturbed().await;
}

/// SIO-37: broken bytes, depth, declared lengths
#[tokio::test]
async fn bytes_that_lie_close_the_connection() {
    let mut node = Node::start().await;
    let mut trailing = pack(&json!({"type": 2, "nsp": "/", "data": ["echo"]}));
    trailing.push(0xc0);
    let whole = event_with(b"\x01");
    for packet in [
        b"".to_vec(),
        b"\xc1".to_vec(),
        trailing,
        whole[..whole.len() - 1].to_vec(),
        event_with(b"\xc1"),
        event_with(b"\xdd\xff\xff\xff\xff"),
        event_with(b"\xdc\xff\xff\x01"),
        event_with(b"\xdf\xff\xff\xff\xff\xa1a"),
        event_with(b"\xdb\xff\xff\xff\xffabc"),
        event_with(b"\xc6\x7f\xff\xff\xff"),
        event_with(b"\xc9\xff\xff\xff\xff\x01"),
        event_with(b"\xa5abc"),
        event_with(&[0x91; 1000]),
        event_with(&[0x91; 480_000]),
        event_with(&b"\x81\xa1a".repeat(200_000)),
        b"\x83\xa4type\x02\xa3nsp\xa2/\xff\xa4data\x91\xa4echo".to_vec(),
        b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xa4ech\xff".to_vec(),
        b"\xdf\xff\xff\xff\xff\xa4type\x02".to_vec(),
    ] {
        node.expect_closed("packet", &packet).await;
    }
    // Text is no MessagePack.
    let mut client = connect(node.address).await;
    client.send(r#"2["echo"]"#).await;
    assert!(client.closed().await);
    node.expect_undisturbed().await;
}

/// SIO-37, as SIO-05, SIO-11, SIO-12, SIO-13, SIO-16, SIO-24
#[tokio::test]
async fn what_is_odd_and_legal_works() {
    let mut node = Node::start().await;
    let mut client = connect(node.address).await;
    let odd = json!({"__proto__": {"a": 1}, "": null, "_placeholder": true, "num": 0, "deep": [[[[{}]]]]});
    for (id, value) in [(0, odd), (u64::from(u32::MAX), json!("😀\u{0}")), ((1 << 53) - 1, json!([1.5, -7, 1e300]))] {
        let answer = ask(&mut client, id, json!(["echo", value])).await;
        assert_eq!((&answer["id"], &answer["data"]), (&json!(id), &json!([value])));
    }
    for packet in [json!({"type": 3, "nsp": "/", "id": 99, "data": []}), json!({"type": 3, "nsp": "/", "data": [1]})] {
        client.websocket.send_binary(&pack(&packet)).await;
    }
    client.websocket.send_binary(&event_with(b"\xc4\x03\x01\x02\xff")).await;
    let answer = client.websocket.binary().await;
    assert!(answer.windows(5).any(|bytes| bytes == b"\xc4\x03\x01\x02\xff"), "{answer:02x?}");
    client.websocket.send_binary(&pack(&json!({"type": 0, "nsp": "/nowhere"}))).await;
    let refusal = unpack(&client.websocket.binary().await);
    assert_eq!(refusal, json!({"type": 4, "nsp": "/nowhere", "data": {"message": "Invalid namespace"}}));
    node.expect_undisturbed().await;
}

/// SIO-37, as SIO-32
#[tokio::test]
async fn two_hundred_mutations_close_their_connection_or_change_nothing() {
    let mut node = Node::start().await;
    let mut random = crate::mutations::Random::new(0xfa11);
    let start = pack(&json!({"type": 2, "nsp": "/", "id": 7, "data": ["echo", {"a": [1, 2.5, "x"]}, null]}));
    let probe = pack(&json!({"type": 2, "nsp": "/", "id": 999, "data": ["echo", "alive"]}));
    let alive = json!({"type": 3, "nsp": "/", "id": 999, "data": ["alive"]});
    for _ in 0..200 {
        let mut client = connect(node.address).await;
        let mut packet = start.clone();
        let at = random.below(packet.len());
        packet[at] = random.below(256) as u8;
        let frames = [WebSocket::frame(0x82, &packet), WebSocket::frame(0x82, &probe)].concat();
        client.websocket.send_raw(&frames).await;
        loop {
            match client.websocket.recv().await {
                None | Some(Frame::Close(_)) => break,
                Some(Frame::Binary(bytes)) if rmp_serde::from_slice::<Value>(&bytes).is_ok_and(|it| it == alive) => {
                    break;
                }
                Some(_) => {}
            }
        }
    }
    node.expect_undisturbed().await;
}
