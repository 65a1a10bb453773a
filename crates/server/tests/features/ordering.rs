//! In which order things happen.

use bytes::Bytes;
use fanfare::{Data, Server, Socket, State};
use fanfare_testkit::Client;

use crate::support::{Gate, Journal, Node};

#[tokio::test]
async fn handlers_start_in_the_order_of_the_events_and_run_to_their_first_await() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on(
            "slow",
            async |State(journal): State<Journal>, State(gate): State<Gate>, Data(name): Data<String>| {
                journal.note(format!("{name} starts"));
                gate.pass().await;
                journal.note(format!("{name} ends"));
            },
        );
        socket.on("quick", async |State(journal): State<Journal>, Data(name): Data<String>| journal.note(name));
    });
    let mut client = node.client().await;
    for event in [r#"["slow","a"]"#, r#"["quick","b"]"#, r#"["slow","c"]"#, r#"["quick","d"]"#] {
        client.emit(event).await;
    }
    node.journal.expect(["a starts", "b", "c starts", "d"]).await;
    node.gate.open();
    node.journal.expect(["a ends"]).await;
    node.gate.open();
    node.journal.expect(["c ends"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_events_is_handled_in_order() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("e", async |State(journal): State<Journal>, Data(number): Data<u32>| journal.note(number));
    });
    let mut client = node.client().await;
    let (polling, _) = node.polling_client().await;
    for number in 0..500 {
        client.emit(&format!(r#"["e",{number}]"#)).await;
    }
    for number in 0..500 {
        assert_eq!(node.journal.next().await, number.to_string());
    }
    let packets: Vec<_> = (0..500).map(|number| format!(r#"42["e",{number}]"#)).collect();
    polling.send(&packets.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for number in 0..500 {
        assert_eq!(node.journal.next().await, number.to_string());
    }
}

/// Sends in every way there is to one socket, and returns what should arrive.
fn send_in_all_ways(io: &Server, socket: &Socket) -> Vec<String> {
    socket.emit("1", ());
    io.emit("2", ());
    socket.emit("3", &Bytes::from_static(b"three"));
    io.to("room").emit("4", ());
    socket.to("nobody").emit("not it", ());
    io.to(socket.id()).emit("5", ());
    drop(socket.emit_with_ack::<()>("6", ()));
    drop(io.emit_with_ack::<()>("7", ()));
    io.local().emit("8", &Bytes::from_static(b"eight"));
    socket.compress(false).emit("9", ());
    [
        r#"42["1"]"#,
        r#"42["2"]"#,
        r#"451-["3",{"_placeholder":true,"num":0}]"#,
        "bdGhyZWU=",
        r#"42["4"]"#,
        r#"42["5"]"#,
        r#"420["6"]"#,
        r#"421["7"]"#,
        r#"451-["8",{"_placeholder":true,"num":0}]"#,
        "bZWlnaHQ=",
        r#"42["9"]"#,
    ]
    .map(str::to_owned)
    .to_vec()
}

#[tokio::test]
async fn whatever_a_program_sends_to_a_client_arrives_in_that_order() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.join("room");
    });
    let mut client = node.client().await;
    for packet in send_in_all_ways(&node.io, &node.io.sockets()[0]) {
        match packet.strip_prefix('b') {
            Some(_) => drop(client.websocket.binary().await),
            None => assert_eq!(client.websocket.text().await, packet),
        }
    }
}

#[tokio::test]
async fn whatever_a_program_sends_to_a_polling_client_arrives_in_that_order() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.join("room");
    });
    let (client, _) = node.polling_client().await;
    let expected = send_in_all_ways(&node.io, &node.io.sockets()[0]);
    assert_eq!(client.packets().await, expected);
}

/// Several tasks send, each to the socket and to everybody by turns, text and binary.
async fn send_from_tasks(io: &Server, socket: &Socket) {
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (io, socket) = (io.clone(), socket.clone());
            tokio::spawn(async move {
                for number in 0..EVENTS {
                    let data = Bytes::from(format!("{task}/{number}"));
                    match number % 3 {
                        0 => drop(socket.emit("e", (task, number))),
                        1 => drop(io.emit("e", (task, number))),
                        _ => drop(io.emit("e", (task, number, &data))),
                    }
                    if number % 10 == 0 {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

const TASKS: usize = 4;
const EVENTS: usize = 150;

/// Checks one event of several tasks: each task's come in order, and attachments right behind their packet.
struct Checker([usize; TASKS]);

impl Checker {
    /// Returns the attachment that has to follow.
    fn check(&mut self, packet: &str) -> Option<String> {
        let task = packet.split_once(r#""e","#).expect(packet).1[..1].parse::<usize>().expect("a digit");
        let number = self.0[task];
        self.0[task] += 1;
        let (expected, attachment) = match number % 3 {
            0 | 1 => (format!(r#"42["e",{task},{number}]"#), None),
            _ => (
                format!(r#"451-["e",{task},{number},{{"_placeholder":true,"num":0}}]"#),
                Some(format!("{task}/{number}")),
            ),
        };
        assert_eq!(packet, expected);
        attachment
    }

    fn is_done(&self) -> bool {
        self.0 == [EVENTS; TASKS]
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_each_of_several_tasks_sends_arrives_in_its_order() {
    let node = Node::start().await;
    let mut client = node.client().await;
    send_from_tasks(&node.io, &node.io.sockets()[0]).await;
    let mut checker = Checker([0; TASKS]);
    while !checker.is_done() {
        if let Some(attachment) = checker.check(&client.websocket.text().await) {
            assert_eq!(client.websocket.binary().await, attachment.as_bytes());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn so_it_does_for_a_polling_client() {
    let node = Node::start().await;
    let (client, _) = node.polling_client().await;
    let socket = node.io.sockets().remove(0);
    let io = node.io.clone();
    let sending = tokio::spawn(async move { send_from_tasks(&io, &socket).await });
    let mut checker = Checker([0; TASKS]);
    let mut attachment: Option<String> = None;
    while !checker.is_done() || attachment.is_some() {
        for packet in client.packets().await {
            match attachment.take() {
                Some(expected) => assert_eq!(packet, format!("b{}", base64(&expected))),
                None => attachment = checker.check(&packet),
            }
        }
    }
    sending.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_client_sees_nothing_before_it_is_connected() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| socket.emit("own", ()));
    let io = node.io.clone();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let broadcasting = tokio::spawn(async move {
        while stopped.try_recv().is_err() {
            io.emit("to all", ());
            tokio::task::yield_now().await;
        }
    });
    for _ in 0..50 {
        // It panics if anything but the answer to its CONNECT comes first.
        let mut client = Client::connect(node.address).await;
        while client.event().await != r#"["own"]"# {}
    }
    stop.send(()).unwrap();
    broadcasting.await.unwrap();
}

/// Enough of it for the attachments of these tests.
fn base64(text: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let chunks = text.as_bytes().chunks(3).map(|chunk| {
        let bits = chunk.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        let character = |index: usize| match index <= chunk.len() {
            true => char::from(ALPHABET[(bits >> (18 - 6 * index) & 63) as usize]),
            false => '=',
        };
        (0..4).map(character).collect::<String>()
    });
    chunks.collect()
}
