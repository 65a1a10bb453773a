//! The driver notices what a server does wrong.

mod server;

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use compare::crowd::Crowd;
use compare::failure::Failure;
use compare::scenarios::Broadcasts;
use server::{IN_FLIGHT, beside, frames};

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
    let deliver = move |turn, texts, stream: &mut TcpStream| drop(stream.write_all(&frames(&fault(turn, texts))));
    let result = beside(deliver, drive);
    result.map_or_else(|failure| (Err(failure), 0), |(deliveries, reordered)| (Ok(deliveries), reordered))
}

fn drive(address: SocketAddr) -> Result<(u64, u64), Failure> {
    let mut crowd = Crowd::of(address, 2)?;
    let mut broadcasts = Broadcasts::new(2).patience(Duration::from_millis(300));
    let deliveries = broadcasts.run(&mut crowd, IN_FLIGHT, Duration::from_millis(50))?;
    Ok((deliveries, broadcasts.reordered()))
}

/// The client whose messages are meddled with.
const VICTIM: usize = 1;
