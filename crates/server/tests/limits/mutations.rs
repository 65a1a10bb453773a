//! Packets with mistakes that nobody thought of.

use std::time::Duration;

use fanfare::Server;
use fanfare_testkit::{Client, Frame, WebSocket};

use crate::node::Node;

/// SIO-32
#[tokio::test]
async fn four_hundred_mutations_close_their_connection_or_change_nothing() {
    let mut node = Node::build(Server::builder().connect_timeout(Duration::from_secs(2))).await;
    let mut random = Random::new(0x5eed);
    let (mut closed, mut alive) = (0, 0);
    for round in 0..400 {
        let mut client = Client::open(node.address).await;
        client.websocket.send("40").await;
        let mut packet = PACKETS[round % PACKETS.len()].as_bytes().to_vec();
        for _ in 0..=random.below(3) {
            random.mutate(&mut packet);
        }
        // Text has to be UTF-8 for anybody to look at it.
        let packet = String::from_utf8_lossy(&packet).into_owned();
        client.websocket.send_raw(&WebSocket::frame(0x81, packet.as_bytes())).await;
        client.websocket.send_raw(&WebSocket::frame(0x82, &[1, 2])).await;
        client.websocket.send(r#"42999["echo","alive"]"#).await;
        match outcome(&mut client).await {
            Outcome::Closed => closed += 1,
            Outcome::Alive => alive += 1,
        }
        if round % 50 == 0 {
            node.expect_undisturbed().await;
        }
    }
    assert_eq!(closed + alive, 400);
    assert!(closed > 100, "most mistakes are noticed: {closed}");
    assert_eq!(node.metric("fanfare_handler_failures_total", Some("panicked")), 0);
    node.expect_undisturbed().await;
}

enum Outcome {
    Closed,
    Alive,
}

/// Whether the connection has been closed, or answers what came behind the mutation.
async fn outcome(client: &mut Client) -> Outcome {
    loop {
        match client.websocket.recv().await {
            None | Some(Frame::Close(_)) => return Outcome::Closed,
            Some(Frame::Text(text)) if text == r#"43999["alive"]"# => return Outcome::Alive,
            Some(_) => {}
        }
    }
}

/// What mutations start from, with the `4` of Engine.IO.
const PACKETS: [&str; 10] = [
    r#"42["echo",{"a":[1,2.5,"x\n"]},null]"#,
    r#"4213["echo","é\u00e9"]"#,
    r#"42/other,["echo"]"#,
    r#"451-7["echo",{"_placeholder":true,"num":0}]"#,
    r#"461-7[{"_placeholder":true,"num":0}]"#,
    r#"4312["answer"]"#,
    r#"40/admin,{"token":"secret"}"#,
    r#"41"#,
    r#"42["join","room"]"#,
    "3",
];

/// Numbers that are the same in every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn mutate(&mut self, packet: &mut Vec<u8>) {
        const TELLING: &[u8] = b"0123456789[]{}\",:-/\\_ \x00\x1e\x7ftfn";
        let at = self.below(packet.len().max(1));
        let telling = TELLING[self.below(TELLING.len())];
        match self.below(5) {
            0 if !packet.is_empty() => packet[at] = telling,
            1 if !packet.is_empty() => drop(packet.remove(at)),
            2 => packet.truncate(at),
            3 => packet.extend_from_within(at.min(packet.len())..),
            _ => packet.insert(at.min(packet.len()), telling),
        }
    }
}
