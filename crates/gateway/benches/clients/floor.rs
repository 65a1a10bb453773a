//! What no server can do with less: write to every socket, and nothing else.

use std::io::{BufRead as _, Write as _, stdin};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// Accepts clients, then writes each line of its input to all of them, as the text frame of a WebSocket.
pub(crate) fn run(clients: usize) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    println!("floor listens on http://{}", listener.local_addr().expect("it is bound"));
    let mut streams: Vec<TcpStream> =
        listener.incoming().take(clients).map(|stream| stream.expect("a client")).collect();
    for line in stdin().lock().lines().map_while(Result::ok) {
        let len = u8::try_from(line.len()).ok().filter(|len| *len < 126).expect("the line is short");
        let frame = [&[0x81, len], line.as_bytes()].concat();
        streams.iter_mut().for_each(|stream| stream.write_all(&frame).expect("the client reads"));
    }
}
