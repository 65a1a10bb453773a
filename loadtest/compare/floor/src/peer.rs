//! The task of one connection: it reads.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::rc::Rc;

use tokio::net::TcpStream;

use crate::frame::{self, Frame};
use crate::hub::{Hub, Outlet};
use crate::testbed::Testbed;
use crate::upgrade;

/// Serves a client until it is gone.
pub(crate) async fn serve(hub: Rc<Hub>, stream: TcpStream) {
    let mut unread = Vec::new();
    while unread.is_empty() || upgrade::answer(&unread).is_none() {
        if !read(&stream, &mut unread).await {
            return;
        }
    }
    let answer = upgrade::answer(&unread).expect("it is whole");
    let outlet = hub.enter(stream);
    outlet.write(&answer);
    let mut open = Vec::new();
    frame::write(frame::TEXT, &[OPEN], &mut open);
    outlet.write(&open);
    receive(&hub, &outlet).await;
    hub.leave(&outlet);
}

async fn receive(hub: &Rc<Hub>, outlet: &Rc<Outlet>) {
    let mut testbed = Testbed::new(hub.clone(), outlet.clone());
    let mut unread = Vec::new();
    while read(&outlet.stream, &mut unread).await {
        let mut start = 0;
        while let Some(Frame { head, payload }) = frame::take(&mut unread, start) {
            start = payload.end;
            testbed.message(head, &unread[payload]);
        }
        unread.drain(..start);
        if unread.is_empty() {
            unread = Vec::new();
        }
        testbed.read_all();
    }
}

/// Reads what there is. A connection that waits holds no buffer.
async fn read(stream: &TcpStream, unread: &mut Vec<u8>) -> bool {
    loop {
        if stream.readable().await.is_err() {
            return false;
        }
        let read = BUFFER.with_borrow_mut(|buffer| {
            let read = stream.try_read(buffer);
            if let Ok(len) = read {
                unread.extend_from_slice(&buffer[..len]);
            }
            read
        });
        match read {
            Ok(0) => return false,
            Ok(_) => return true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
    }
}

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; 64 << 10].into());
}

const OPEN: &[u8] =
    br#"0{"sid":"floorfloorfloorfloor","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
