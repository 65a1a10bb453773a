//! Who is connected, who is in which room, and how something reaches them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::IoSlice;
use std::rc::Rc;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// All connections of the server.
pub(crate) struct Hub {
    flush: bool,
    outlets: RefCell<Vec<Rc<Outlet>>>,
    rooms: RefCell<HashMap<Box<str>, Vec<Rc<Outlet>>>>,
    dirty: RefCell<Vec<Rc<Outlet>>>,
    wake: Notify,
}

/// Where one client is written to.
pub(crate) struct Outlet {
    pub(crate) stream: TcpStream,
    queue: RefCell<Vec<Bytes>>,
    is_dirty: Cell<bool>,
}

impl Hub {
    pub(crate) fn new(flush: bool) -> Self {
        Self {
            flush,
            outlets: RefCell::default(),
            rooms: RefCell::default(),
            dirty: RefCell::default(),
            wake: Notify::new(),
        }
    }

    /// Whether what is sent is queued first.
    pub(crate) fn queues(&self) -> bool {
        self.flush
    }

    pub(crate) fn enter(&self, stream: TcpStream) -> Rc<Outlet> {
        let outlet = Rc::new(Outlet { stream, queue: RefCell::default(), is_dirty: Cell::new(false) });
        self.outlets.borrow_mut().push(outlet.clone());
        outlet
    }

    pub(crate) fn leave(&self, outlet: &Rc<Outlet>) {
        self.outlets.borrow_mut().retain(|other| !Rc::ptr_eq(other, outlet));
        self.rooms.borrow_mut().retain(|_, members| {
            members.retain(|other| !Rc::ptr_eq(other, outlet));
            !members.is_empty()
        });
    }

    pub(crate) fn join(&self, outlet: &Rc<Outlet>, room: &str) {
        self.rooms.borrow_mut().entry(room.into()).or_default().push(outlet.clone());
    }

    /// Delivers a frame to everybody.
    pub(crate) fn broadcast(&self, frame: &Bytes) {
        self.deliver(&self.outlets.borrow(), frame);
    }

    /// Delivers a frame to a room.
    pub(crate) fn send_to(&self, room: &str, frame: &Bytes) {
        if let Some(members) = self.rooms.borrow().get(room) {
            self.deliver(members, frame);
        }
    }

    fn deliver(&self, outlets: &[Rc<Outlet>], frame: &Bytes) {
        if !self.flush {
            outlets.iter().for_each(|outlet| outlet.write(frame));
            return;
        }
        for outlet in outlets {
            outlet.queue.borrow_mut().push(frame.clone());
            if !outlet.is_dirty.replace(true) {
                self.dirty.borrow_mut().push(outlet.clone());
            }
        }
        self.wake.notify_one();
    }

    /// Writes to dirty sockets, each time when everything that could run has run.
    pub(crate) async fn flush_forever(self: Rc<Self>) {
        loop {
            self.wake.notified().await;
            tokio::task::yield_now().await;
            let dirty = self.dirty.take();
            dirty.iter().for_each(|outlet| outlet.flush());
        }
    }
}

impl Outlet {
    /// Writes all of it. A client of the driver never has so much unread that a socket would not take it.
    pub(crate) fn write(&self, bytes: &[u8]) {
        // A client that is gone leaves by itself.
        if let Ok(written) = self.stream.try_write(bytes) {
            assert_eq!(written, bytes.len(), "the socket takes everything");
        }
    }

    fn flush(&self) {
        self.is_dirty.set(false);
        let mut queue = self.queue.borrow_mut();
        for frames in queue.chunks(MOST_SLICES) {
            let mut slices = [IoSlice::new(&[]); MOST_SLICES];
            slices.iter_mut().zip(frames).for_each(|(slice, frame)| *slice = IoSlice::new(frame));
            if let Ok(written) = self.stream.try_write_vectored(&slices[..frames.len()]) {
                assert_eq!(written, frames.iter().map(Bytes::len).sum::<usize>(), "the socket takes everything");
            }
        }
        queue.clear();
    }
}

const MOST_SLICES: usize = 64;
