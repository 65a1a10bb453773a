//! Carries bytes between the socket of a client and the node that owns its session.

use std::future::{Future as _, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use fanfare_proto::engine::peer::TakeOver;
use tokio::time::Sleep;

use super::channel::{Channel, Incoming};
use super::{GRACE, patience};
use crate::clock::now;
use crate::config::Config;
use crate::websocket::{Stream, with_buffer};

/// A socket at one end, a channel at the other. It knows nothing of what it carries.
pub(super) struct Pump {
    stream: Stream,
    channel: Arc<Channel>,
    /// What has been read from the client and not been sent on.
    up: Bytes,
    /// What has come from the owner and not been written.
    down: Bytes,
    /// Whether more may come from the client.
    reads: bool,
    owner: Owner,
    /// How long the owner may be silent: less than a heartbeat is not possible.
    silence: Duration,
    /// How long the client may take for the rest, once the owner has closed.
    write_timeout: Duration,
    /// The owner has closed, and the timer runs for the client.
    is_ending: bool,
    timer: Pin<Box<Sleep>>,
}

/// How far the owner's side has come.
#[derive(Debug, PartialEq, Eq)]
enum Owner {
    Open,
    /// It sends no more; the socket is shut down behind the rest.
    Ended,
    ShutDown,
    /// It is over; the socket is closed behind the rest.
    Closed,
    /// It has given the session away.
    Gives(Box<TakeOver>),
}

/// The relay is over, or the client's connection broke.
struct Over;

/// What is to be gone on with, on this node.
pub(super) struct Handover {
    pub(super) session: Box<TakeOver>,
    /// The socket, and what has been read from it and not been sent on; none where it broke.
    pub(super) client: Option<(Stream, Bytes)>,
}

impl Pump {
    pub(super) fn new(stream: Stream, early: Bytes, channel: Arc<Channel>, config: &Config) -> Self {
        let silence = patience(config).max(config.session.upgrade_timeout + GRACE);
        let timer = Box::pin(tokio::time::sleep(silence));
        let write_timeout = config.limits.write_timeout;
        let (down, owner) = (Bytes::new(), Owner::Open);
        Self { stream, channel, up: early, down, reads: true, owner, silence, write_timeout, is_ending: false, timer }
    }

    /// Runs until the relay is over, or the owner gives the session away.
    pub(super) async fn run(mut self) -> Option<Handover> {
        poll_fn(|cx| self.poll(cx)).await;
        let Owner::Gives(session) = self.owner else { return None };
        let client = self.down.is_empty().then_some((self.stream, self.up));
        Some(Handover { session, client })
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_down(cx).is_ready() || self.poll_up(cx).is_ready() {
            return Poll::Ready(());
        }
        // It may have closed behind what the client does not take.
        if self.channel.poll_closed(cx) && !std::mem::replace(&mut self.is_ending, true) {
            self.timer.as_mut().reset((now() + self.write_timeout).into());
        }
        self.poll_timer(cx)
    }

    /// Ready when nothing more comes down.
    fn poll_down(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        loop {
            while !self.down.is_empty() {
                match self.stream.write(cx, &[IoSlice::new(&self.down)]) {
                    Ok(written) => self.down.advance(written),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                    Err(_) => return Poll::Ready(Over),
                }
            }
            match self.owner {
                Owner::Closed | Owner::Gives(_) => return Poll::Ready(Over),
                Owner::Ended => {
                    if ready!(self.stream.poll_shutdown(cx)).is_err() {
                        return Poll::Ready(Over);
                    }
                    self.owner = Owner::ShutDown;
                }
                Owner::Open | Owner::ShutDown => ready!(self.poll_owner(cx)),
            }
        }
    }

    /// Ready when something has come from the owner.
    fn poll_owner(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.channel.poll_next(cx)) {
            Incoming::Bytes(bytes) => self.down = bytes,
            Incoming::End => self.owner = Owner::Ended,
            Incoming::Closed => self.owner = Owner::Closed,
            Incoming::TakeOver(session) => self.owner = Owner::Gives(session),
        }
        Poll::Ready(())
    }

    /// Ready when the client's connection broke.
    fn poll_up(&mut self, cx: &mut Context<'_>) -> Poll<Over> {
        while self.reads && !matches!(self.owner, Owner::Closed | Owner::Gives(_)) {
            if self.up.is_empty() {
                match ready!(self.poll_client(cx)) {
                    Ok(bytes) if bytes.is_empty() => {
                        self.reads = false;
                        self.channel.shut_down();
                    }
                    Ok(bytes) => self.up = bytes,
                    Err(_) => return Poll::Ready(Over),
                }
            } else {
                match ready!(self.channel.poll_send(cx, &[IoSlice::new(&self.up)])) {
                    Ok(sent) => self.up.advance(sent),
                    // What the owner has sent before it went is still for the client.
                    Err(_) => self.reads = false,
                }
            }
        }
        Poll::Pending
    }

    /// Reads no more than can be sent on.
    fn poll_client(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let room = ready!(self.channel.poll_room(cx));
        let stream = &mut self.stream;
        with_buffer(|buffer| {
            let room = room.min(buffer.len());
            let len = ready!(stream.poll_read(cx, &mut buffer[..room]))?;
            Poll::Ready(Ok(Bytes::copy_from_slice(&buffer[..len])))
        })
    }

    /// Ready when the owner has been silent for too long, or the client does not take the rest.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let until = self.channel.heard() + self.silence;
            if self.is_ending || until <= now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(until.into());
        }
        Poll::Pending
    }
}
