//! The driver lets clients fall behind and be disconnected for it, and notices what a server does wrong meanwhile.

mod server;

use std::io::Write as _;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use compare::crowd::Crowd;
use compare::failure::Failure;
use compare::scenarios::{Broadcasts, Laggards};
use server::{IN_FLIGHT, beside, frames};

#[test]
fn a_client_that_catches_up_passes() {
    let left = fall_behind(|_, texts, stream| stream.write_all(&frames(&texts)).unwrap());
    assert_eq!(left.unwrap(), 0);
}

#[test]
fn a_client_that_is_disconnected_on_its_way_passes() {
    for cut in [0, 1, 40, 1000] {
        let left = fall_behind(|turn, texts, stream| {
            let frames = frames(&texts);
            if turn == 1 {
                stream.write_all(&frames[..cut.min(frames.len())]).unwrap();
                stream.shutdown(Shutdown::Both).unwrap();
            } else {
                // Nothing more goes there.
                let _ = stream.write_all(&frames);
            }
        });
        assert_eq!(left.unwrap(), 1, "{cut} bytes");
    }
}

#[test]
fn a_close_frame_is_a_goodbye() {
    let left = fall_behind(|turn, texts, stream| {
        let close = [0x88, 2, 0x03, 0xf0];
        let _ = if turn == 1 { stream.write_all(&close) } else { stream.write_all(&frames(&texts)) };
    });
    assert_eq!(left.unwrap(), 1);
}

#[test]
fn a_gap_a_repetition_disorder_and_an_altered_byte_fail() {
    check_fault("gap", |texts| drop(texts.remove(1)));
    check_fault("repetition", |texts| texts.insert(1, texts[0].clone()));
    check_fault("disorder", |texts| texts.swap(0, 1));
    for at in [0, 12, 70] {
        check_fault("altered byte", |texts| texts[2][at] ^= 1);
    }
}

#[test]
fn a_server_that_forgets_a_client_fails() {
    let left = fall_behind(|turn, texts, stream| {
        if turn == 0 {
            stream.write_all(&frames(&texts)).unwrap();
        }
    });
    assert!(matches!(left, Err(Failure::Lost { .. })), "{left:?}");
}

fn check_fault(name: &str, fault: impl Fn(&mut Vec<Vec<u8>>) + Send) {
    let left = fall_behind(move |turn, mut texts, stream| {
        if turn == 1 {
            fault(&mut texts);
        }
        // The driver has hung up if it has seen enough.
        let _ = stream.write_all(&frames(&texts));
    });
    assert!(matches!(left, Err(Failure::Altered { client: 0, .. })), "{name}: {left:?}");
}

/// Broadcasts to one client that reads everything and to a laggard, to whom this delivers; says what the driver makes of what
/// the laggard got.
fn fall_behind(deliver: impl Fn(usize, Vec<Vec<u8>>, &mut TcpStream) + Send) -> Result<usize, Failure> {
    beside(deliver, drive)
}

fn drive(address: SocketAddr) -> Result<usize, Failure> {
    let mut crowd = Crowd::of(address, 1)?;
    let mut laggards = Laggards::connect(address, 1)?.patience(Duration::from_millis(300));
    let mut sent = [Broadcasts::new(1).followers(1)];
    for most in [2, 20, 200] {
        sent[0].run(&mut crowd, IN_FLIGHT, Duration::from_millis(10))?;
        laggards.sip(most, &mut sent)?;
    }
    laggards.catch_up(&mut sent)
}
