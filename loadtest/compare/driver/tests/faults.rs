//! The driver notices what a server does wrong.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use compare::crowd::Crowd;
use compare::failure::Failure;
use compare::scenarios::Broadcasts;

#[test]
fn a_faultless_server_passes() {
    let (result, reordered) = broadcast(|_, texts| texts);
    assert!(result.unwrap() >= 2 * IN_FLIGHT as u64);
    assert_eq!(reordered, 0);
}

#[test]
fn a_lost_message_fails() {
    let (result, _) = broadcast(|turn, mut texts| {
        if turn == 1 {
            texts.pop();
        }
        texts
    });
    assert!(matches!(result, Err(Failure::Lost { .. })), "{result:?}");
}

#[test]
fn a_doubled_message_fails() {
    let (result, _) = broadcast(|turn, mut texts| {
        if turn == 1 {
            texts.push(texts[0].clone());
        }
        texts
    });
    assert!(matches!(result, Err(Failure::Doubled { client: VICTIM, .. })), "{result:?}");
}

#[test]
fn reordered_messages_are_counted() {
    let (result, reordered) = broadcast(|turn, mut texts| {
        if turn == 1 {
            texts.swap(0, 1);
        }
        texts
    });
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(reordered, 1);
}

#[test]
fn an_altered_byte_fails() {
    for at in [0, 12, 70] {
        let (result, _) = broadcast(|turn, mut texts| {
            if turn == 1 {
                texts[2][at] ^= 1;
            }
            texts
        });
        assert!(matches!(result, Err(Failure::Altered { client: VICTIM, .. })), "byte {at}: {result:?}");
    }
}

#[test]
fn a_message_that_nobody_sent_fails() {
    let (result, _) = broadcast(|turn, mut texts| {
        if turn == 1 {
            texts.push(br#"42["bcast",999999,"hello"]"#.to_vec());
        }
        texts
    });
    assert!(matches!(result, Err(Failure::Altered { client: VICTIM, .. })), "{result:?}");
}

#[test]
fn a_server_that_falls_silent_fails() {
    let (result, _) = broadcast(|turn, texts| if turn == 1 { Vec::new() } else { texts });
    assert!(matches!(result, Err(Failure::Lost { missing: IN_FLIGHT, .. })), "{result:?}");
}

/// Broadcasts to two clients of a server that does to the second one's messages what it is told, each time with as many
/// messages as are in flight. Returns what the driver says, and how many it saw out of order.
fn broadcast(fault: impl Fn(usize, Vec<Vec<u8>>) -> Vec<Vec<u8>> + Send) -> (Result<u64, Failure>, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || serve(&listener, fault));
        let result = drive(address);
        result.map_or_else(|failure| (Err(failure), 0), |(deliveries, reordered)| (Ok(deliveries), reordered))
    })
}

fn drive(address: SocketAddr) -> Result<(u64, u64), Failure> {
    let mut crowd = Crowd::of(address, 2)?;
    let mut broadcasts = Broadcasts::new(2).patience(Duration::from_millis(300));
    let deliveries = broadcasts.run(&mut crowd, IN_FLIGHT, Duration::from_millis(50))?;
    Ok((deliveries, broadcasts.reordered()))
}

/// Serves two clients until the first is gone.
fn serve(listener: &TcpListener, fault: impl Fn(usize, Vec<Vec<u8>>) -> Vec<Vec<u8>>) {
    let mut streams: Vec<_> = (0..2).map(|_| listener.accept().unwrap().0).collect();
    streams.iter_mut().for_each(open);
    let (mut unread, mut texts, mut turn) = (Vec::new(), Vec::new(), 0);
    while read(&mut streams[0], &mut unread) {
        while let Some(text) = take(&mut unread) {
            texts.push(text);
            if texts.len() == IN_FLIGHT {
                let texts = std::mem::take(&mut texts);
                // The driver has hung up if it has seen enough.
                let _ = streams[0].write_all(&frames(&texts));
                let _ = streams[1].write_all(&frames(&fault(turn, texts)));
                turn += 1;
            }
        }
    }
}

/// Does what there is to do before a client has joined.
fn open(stream: &mut TcpStream) {
    let mut unread = Vec::new();
    while !unread.ends_with(b"\r\n\r\n") {
        assert!(read(stream, &mut unread));
    }
    stream.write_all(SWITCHING.as_bytes()).unwrap();
    stream.write_all(&frames(&[b"0{}".to_vec()])).unwrap();
    unread.clear();
    while take(&mut unread).is_none() {
        assert!(read(stream, &mut unread));
    }
    stream.write_all(&frames(&[b"40{}".to_vec()])).unwrap();
}

fn read(stream: &mut TcpStream, unread: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4096];
    let len = stream.read(&mut buffer).unwrap_or(0);
    unread.extend_from_slice(&buffer[..len]);
    len > 0
}

/// Takes a short masked text.
fn take(unread: &mut Vec<u8>) -> Option<Vec<u8>> {
    let len = usize::from(unread.get(1)? & 0x7f);
    let frame = unread.get(..6 + len)?;
    let text = frame[6..].iter().zip(frame[2..6].iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    unread.drain(..6 + len);
    Some(text)
}

fn frames(texts: &[Vec<u8>]) -> Vec<u8> {
    texts.iter().flat_map(|text| [&[0x81, text.len() as u8], &text[..]].concat()).collect()
}

const IN_FLIGHT: usize = 4;

/// The client whose messages are meddled with.
const VICTIM: usize = 1;

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
