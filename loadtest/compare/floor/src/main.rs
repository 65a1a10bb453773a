//! What no Socket.IO server can do with less.
//!
//! A server on one thread of tokio with just enough of Engine.IO and Socket.IO over WebSocket for the driver to talk to it:
//! it joins every client to the main namespace, acknowledges `echo` and `join`, and delivers `bcast` and `room`. It checks
//! nothing, bounds nothing, has no heartbeat and no timeouts.
//!
//! - `floor` writes one shared buffer to each socket as soon as there is something to deliver: one write per delivery.
//! - `floor --flush` puts it into a queue per socket; one flusher walks the list of dirty sockets and writes all that has
//!   gathered for each in one vectored write. Answers to what was read at once leave together, too.

mod frame;
mod hub;
mod peer;
mod testbed;
mod upgrade;

use std::rc::Rc;

use clap::Parser;
use tokio::net::TcpSocket;
use tokio::task::LocalSet;

use hub::Hub;

#[derive(Parser)]
struct Options {
    /// Queue what is to be sent, and let a flusher write it
    #[arg(long)]
    flush: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let hub = Rc::new(Hub::new(Options::parse().flush));
    LocalSet::new().run_until(serve(hub)).await
}

async fn serve(hub: Rc<Hub>) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind("127.0.0.1:0".parse().expect("it is an address"))?;
    let listener = socket.listen(BACKLOG)?;
    println!("floor listens on http://{}", listener.local_addr()?);
    tokio::task::spawn_local(hub.clone().flush_forever());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::task::spawn_local(peer::serve(hub.clone(), stream));
    }
}

const BACKLOG: u32 = 1024;
