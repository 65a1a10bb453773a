//! WebSocket frames that are wrong: the table "Bad WebSocket frames" from WS-07 on.

use std::time::Duration;

use fanfare_testkit::{Frame, WebSocket};
use socket2::SockRef;
use tokio::io::AsyncWriteExt as _;

use crate::Node;

const MAX_PAYLOAD: u64 = 1_000_000;

/// WS-07 to WS-11, WS-13: sends bytes as a client and expects to be closed with a code.
#[tokio::test]
async fn violations_of_the_protocol_close_with_1002() {
    let mut node = Node::start().await;
    let frame = WebSocket::frame;
    let mut cases = vec![
        ("WS-07 unmasked", vec![0x81, 2, b'4', b'x']),
        ("WS-07 unmasked ping", vec![0x89, 0]),
        ("WS-08 RSV1", frame(0xc1, b"4x")),
        ("WS-08 RSV2", frame(0xa1, b"4x")),
        ("WS-08 RSV3", frame(0x91, b"4x")),
        ("WS-10 long ping", frame(0x89, &[0; 126])),
        ("WS-10 long close", frame(0x88, &[3; 200])),
        ("WS-10 ping in fragments", frame(0x09, b"x")),
        ("WS-10 close in fragments", frame(0x08, b"\x03\xe8")),
        ("WS-11 continuation without a start", frame(0x80, b"x")),
        ("WS-11 continuation without a start, not the last", frame(0x00, b"x")),
        ("WS-11 text inside fragments", [frame(0x01, b"4x"), frame(0x81, b"4y")].concat()),
        ("WS-11 binary inside fragments", [frame(0x02, b"x"), frame(0x82, b"y")].concat()),
        ("WS-13 close of one byte", frame(0x88, b"\x03")),
    ];
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        cases.push(("WS-09 reserved opcode", frame(0x80 | opcode, b"x")));
    }
    for code in [0u16, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535] {
        cases.push(("WS-13 illegal close code", frame(0x88, &code.to_be_bytes())));
    }
    for (name, bytes) in cases {
        closes(&mut node, &bytes, 1002, name).await;
    }
    assert_eq!(node.count("fanfare_client_errors_total", "frame"), 36);
    node.is_well().await;
}

/// WS-12, WS-13.
#[tokio::test]
async fn text_that_is_no_utf_8_closes_with_1007() {
    let mut node = Node::start().await;
    let frame = WebSocket::frame;
    let begun = |payload: &[u8]| {
        // The header declares more than what comes: it is not waited for.
        let mut bytes = frame(0x81, &[payload, &[b'x'; 90]].concat());
        bytes.truncate(6 + payload.len());
        bytes
    };
    for bytes in [
        frame(0x81, b"4\xff"),
        frame(0x81, b"4\xc3"),
        frame(0x81, b"4\xed\xa0\x80"),
        frame(0x81, b"4\xc0\x80"),
        frame(0x81, b"4\xf4\x90\x80\x80"),
        [frame(0x01, b"4\xe2\x82"), frame(0x80, b"\xff")].concat(),
        [frame(0x01, b"4\xe2\x82"), frame(0x80, b"")].concat(),
        [frame(0x01, b"4\xe2"), frame(0x00, b"\x82"), frame(0x00, b"x")].concat(),
        begun(b"4\xff"),
        begun(b"4x\xe2\x28"),
        frame(0x88, b"\x03\xe8\xff"),
    ] {
        closes(&mut node, &bytes, 1007, "").await;
    }
    // A character may be split anywhere.
    let mut websocket = node.open_websocket().await;
    websocket.send_raw(&[frame(0x01, b"4\xe2"), frame(0x00, b"\x82"), frame(0x80, b"\xac")].concat()).await;
    assert_eq!(websocket.text().await, "4€");
    node.is_well().await;
}

/// WS-15, WS-16, WS-17.
#[tokio::test]
async fn what_is_too_large_closes_with_1009_before_it_is_stored() {
    let mut node = Node::start().await;
    let header = |first: u8, len: u64| [&[first, 0xff][..], &len.to_be_bytes(), &[1, 2, 3, 4]].concat();
    for len in [MAX_PAYLOAD + 1, 20 * MAX_PAYLOAD, 1 << 30, 1 << 32, 1 << 40, 1 << 62, (1 << 63) - 1] {
        closes(&mut node, &header(0x81, len), 1009, "one frame").await;
        closes(&mut node, &header(0x02, len), 1009, "a first fragment").await;
        let second = [WebSocket::frame(0x02, b"x"), header(0x80, len)].concat();
        closes(&mut node, &second, 1009, "a second fragment").await;
    }
    closes(&mut node, &header(0x82, 1 << 63), 1002, "the highest bit").await;
    closes(&mut node, &header(0x82, u64::MAX), 1002, "all bits").await;
    // The sum counts, and the fragment that oversteps it is not waited for.
    let fragments = [vec![WebSocket::frame(0x02, &[0; 100_000])], vec![WebSocket::frame(0x00, &[0; 100_000]); 8]];
    let sum = [fragments.concat().concat(), header(0x80, 100_001 - 8 * 64)].concat();
    closes(&mut node, &sum, 1009, "the sum").await;
    // What is allowed is taken.
    let mut websocket = node.open_websocket().await;
    websocket.send_binary(&vec![7; MAX_PAYLOAD as usize]).await;
    assert_eq!(websocket.binary().await.len(), MAX_PAYLOAD as usize);
    node.is_well().await;
}

/// WS-18: what one fragment costs is counted, so that many small ones are a large message. How much memory that takes
/// is measured in `tests/resources`.
#[tokio::test]
async fn too_many_fragments_close_with_1009() {
    let mut node = Node::start().await;
    let fragments = [WebSocket::frame(0x02, b"x"), WebSocket::frame(0x00, b"x").repeat(59_999)].concat();
    closes(&mut node, &fragments, 1009, "").await;
    let empty = [WebSocket::frame(0x02, b""), WebSocket::frame(0x00, b"").repeat(59_999)].concat();
    closes(&mut node, &empty, 1009, "").await;
    node.is_well().await;
}

/// WS-14, WS-27.
#[tokio::test]
async fn closing_is_answered_and_nothing_behind_it_is_read() {
    let mut node = Node::start().await;
    let close = |payload: &[u8]| WebSocket::frame(0x88, payload);
    for (frame, code) in [
        (close(b"\x03\xe8"), Some(1000)),
        (close(b"\x03\xe9going away"), Some(1001)),
        (close(b"\x0f\xa0my own"), Some(4000)),
        (close(b""), None),
    ] {
        let mut websocket = node.open_websocket().await;
        websocket.send_raw(&[&frame, &WebSocket::frame(0x81, b"4behind")[..], b"\xff\xff\xff"].concat()).await;
        assert_eq!(websocket.recv().await, Some(Frame::Close(code)));
        // The server does not wait for the client to close its side.
        assert_eq!(websocket.recv().await, None);
        node.ends_with("transport close").await;
    }
    assert_eq!(node.count("fanfare_messages_received_total", ""), 0);
    node.counts("fanfare_connections", "", 1).await;
    node.is_well().await;
}

/// WS-20.
#[tokio::test]
async fn a_byte_at_a_time_is_fine() {
    let mut node = Node::start().await;
    let mut websocket = node.open_websocket().await;
    let frames = [
        WebSocket::frame(0x01, b"4one b"),
        WebSocket::frame(0x89, b"ping"),
        WebSocket::frame(0x80, b"yte at a time"),
        WebSocket::frame(0x82, &[5; 200]),
    ];
    for byte in frames.concat() {
        websocket.send_raw(&[byte]).await;
    }
    assert_eq!(websocket.recv().await, Some(Frame::Pong(b"ping".to_vec())));
    assert_eq!(websocket.text().await, "4one byte at a time");
    assert_eq!(websocket.binary().await, [5; 200]);
    node.is_well().await;
}

/// WS-28.
#[tokio::test]
async fn pings_are_answered_between_fragments() {
    let mut node = Node::start().await;
    let mut websocket = node.open_websocket().await;
    let payload = [9; 125];
    let frames = [
        WebSocket::frame(0x01, b"4in "),
        WebSocket::frame(0x89, &payload),
        WebSocket::frame(0x00, b"three "),
        WebSocket::frame(0x89, b""),
        WebSocket::frame(0x8a, b"nobody asked"),
        WebSocket::frame(0x80, b"pieces"),
    ];
    websocket.send_raw(&frames.concat()).await;
    assert_eq!(websocket.recv().await, Some(Frame::Pong(payload.to_vec())));
    assert_eq!(websocket.recv().await, Some(Frame::Pong(Vec::new())));
    assert_eq!(websocket.text().await, "4in three pieces");
    node.is_well().await;
}

/// WS-24.
#[tokio::test]
async fn a_connection_that_breaks_in_mid_frame_ends_with_a_transport_error() {
    let mut node = Node::start().await;
    let cuts: [&[u8]; 5] =
        [b"\x81", b"\x81\xfe\x01", b"\x81\x85\x01\x02", b"\x81\x85\x01\x02\x03\x04x", b"\x01\x81\0\0\0\x004"];
    for i in 0..100 {
        let mut websocket = node.open_websocket().await;
        websocket.send_raw(cuts[i % cuts.len()]).await;
        let mut stream = websocket.into_stream();
        if i % 2 == 0 {
            SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("it is a TCP socket");
        } else {
            stream.shutdown().await.expect("it is open");
        }
        drop(stream);
        node.ends_with("transport error").await;
    }
    node.counts("fanfare_connections", "", 1).await;
    node.is_well().await;
}

/// WS-25.
#[tokio::test]
async fn a_half_closed_connection_is_closed() {
    let mut node = Node::start().await;
    let websocket = node.open_websocket().await;
    let mut stream = websocket.into_stream();
    stream.shutdown().await.expect("it is open");
    node.ends_with("transport close").await;
    let mut rest = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await.expect("it is closed in good order");
    assert_eq!(rest, b"\x88\x00");
    node.is_well().await;
}

/// Checks that bytes of a client close its session with this code.
async fn closes(node: &mut Node, bytes: &[u8], code: u16, name: &str) {
    let mut websocket = node.open_websocket().await;
    // The server may have closed before all of it is out.
    let _ = websocket.try_send_raw(bytes).await;
    assert_eq!(websocket.closed().await, Some(Some(code)), "{name} {:x?}", &bytes[..bytes.len().min(20)]);
    node.ends_with("transport error").await;
}
