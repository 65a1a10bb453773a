//! What HTTP long-polling does with a session.

use std::task::{Context, Poll};
use std::time::Duration;

use fanfare_proto::engine as proto;
use http::request::Parts;

use super::{Body, Session, State};
use crate::clock::{STALL, now};

/// The request that carries a packet over polling.
#[derive(Clone, Copy)]
pub(crate) struct Post<'a> {
    pub(crate) head: &'a Parts,
    /// Whether its last packet ends the session.
    pub(crate) is_farewell: bool,
}

impl Session {
    /// A GET has come. It may be ahead of the clock: a session whose time is up is over for it too.
    pub(crate) fn handle_poll(&self) -> proto::Poll {
        let now = now();
        self.update(|state| {
            let overdue = state.core.poll_timeout().map(|at| now.saturating_duration_since(at));
            if overdue.is_some_and(|overdue| overdue < STALL) {
                self.handle_deadlines(state, now);
            }
            let packets_wait = !state.outbox.is_empty();
            state.core.handle_poll(packets_wait)
        })
    }

    pub(crate) fn handle_poll_aborted(&self) {
        self.update(State::poll_aborted);
    }

    /// The connection of the pending GET has to end.
    pub(crate) fn release_poll(&self) {
        self.update(|state| state.core.handle_release());
    }

    /// The body that answers the pending GET, as soon as there is one.
    pub(crate) fn poll_body(&self, cx: &mut Context<'_>) -> Poll<Body> {
        let max_bytes = self.0.engine.config.max_payload_bytes;
        let body = self.update(|state| state.poll_body(cx.waker(), max_bytes));
        if body.is_ready() {
            self.notify_drained();
        }
        body
    }

    pub(crate) fn handle_post(&self) -> proto::Post {
        self.update(|state| state.core.handle_post())
    }

    /// Ready once the POST that is being received is no longer wanted.
    pub(crate) fn poll_post_unwanted(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.0.state.lock().poll_receiving_post(cx.waker()) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }

    pub(crate) fn handle_post_received(&self) -> bool {
        self.update(|state| state.core.handle_post_received())
    }

    pub(crate) fn handle_post_end(&self) {
        self.update(|state| state.core.handle_post_end());
    }

    pub(crate) fn handle_post_aborted(&self) {
        self.update(|state| state.core.handle_post_aborted());
    }

    /// A GET has come, which may be ahead of the `5` of its client: one that has been answered its probe polls no more. Unless
    /// it was under way by then, and has to be answered before there is a `5`: it is, as soon as there is something to say.
    pub(crate) async fn await_upgrade(&self) {
        self.catch_up(|state| !state.core.is_probed() || !state.outbox.is_empty()).await;
    }

    /// A POST has come with which the client leaves. It may be ahead of the GET that is to tell it so.
    pub(crate) async fn await_poll(&self) {
        self.catch_up(|state| state.core.is_polled() || !state.core.is_open()).await;
    }

    /// Waits a moment for something that the client has sent first, over another connection, to arrive here too.
    async fn catch_up(&self, has_arrived: impl Fn(&State) -> bool) {
        let deadline = now() + OVERTAKING;
        while !has_arrived(&self.0.state.lock()) && now() < deadline {
            tokio::time::sleep(OVERTAKING / 20).await;
        }
    }
}

/// How far one connection of a client may be ahead of another, where the order matters.
const OVERTAKING: Duration = Duration::from_millis(40);
