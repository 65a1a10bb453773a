//! A server for two clients that does what a test tells it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Serves while something is driven: the first client gets every text that it has sent, `IN_FLIGHT` at a time, and with
/// the second one's connection and these texts is done what `deliver` does, which is told how often that was before.
pub(crate) fn beside<T>(
    deliver: impl Fn(usize, Vec<Vec<u8>>, &mut TcpStream) + Send,
    drive: impl FnOnce(SocketAddr) -> T,
) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || serve(&listener, deliver));
        drive(address)
    })
}

/// Texts as a server frames them.
pub(crate) fn frames(texts: &[Vec<u8>]) -> Vec<u8> {
    texts.iter().flat_map(|text| [&[0x81, text.len() as u8], &text[..]].concat()).collect()
}

/// Serves two clients until the first is gone.
fn serve(listener: &TcpListener, deliver: impl Fn(usize, Vec<Vec<u8>>, &mut TcpStream)) {
    let [mut first, mut second] = [(); 2].map(|()| open(listener.accept().unwrap().0));
    let (mut unread, mut texts, mut turn) = (Vec::new(), Vec::new(), 0);
    while read(&mut first, &mut unread) {
        while let Some(text) = take(&mut unread) {
            texts.push(text);
            if texts.len() == IN_FLIGHT {
                let texts = std::mem::take(&mut texts);
                // The driver has hung up if it has seen enough.
                let _ = first.write_all(&frames(&texts));
                deliver(turn, texts, &mut second);
                turn += 1;
            }
        }
    }
}

/// Does what there is to do before a client has joined.
fn open(mut stream: TcpStream) -> TcpStream {
    let mut unread = Vec::new();
    while !unread.ends_with(b"\r\n\r\n") {
        assert!(read(&mut stream, &mut unread));
    }
    stream.write_all(SWITCHING.as_bytes()).unwrap();
    stream.write_all(&frames(&[b"0{}".to_vec()])).unwrap();
    unread.clear();
    while take(&mut unread).is_none() {
        assert!(read(&mut stream, &mut unread));
    }
    stream.write_all(&frames(&[b"40{}".to_vec()])).unwrap();
    stream
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

/// How many broadcasts the driver has to have on their way.
pub(crate) const IN_FLIGHT: usize = 4;

const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
