//! What a WebSocket does with a session.

use std::io::{self, IoSlice};
use std::task::Waker;

use fanfare_proto::engine::{CloseReason, Closed, Upgrade};

use super::{LinkStatus, Session, WebSocketLink};
use crate::clock::now;
use crate::outgoing::Outgoing;

impl Session {
    pub(crate) fn handle_upgrade(&self) -> Upgrade {
        self.update(|state| {
            let upgrade = state.core.handle_upgrade(now());
            if let (Upgrade::Probe, Some(delay)) = (&upgrade, &mut state.delay) {
                delay.extend(now(), self.0.engine.config.delayed_connection);
            }
            upgrade
        })
    }

    pub(crate) fn handle_upgrade_aborted(&self) {
        self.update(|state| state.core.handle_upgrade_aborted());
    }

    /// Whether a probing WebSocket may go on; if so, it is woken when it no longer may.
    pub(crate) fn poll_probing(&self, waker: &Waker) -> bool {
        self.0.state.lock().poll_probing(waker)
    }

    /// The WebSocket of the session is there.
    pub(crate) fn attach(&self, link: WebSocketLink) {
        self.update(|state| state.link(link));
    }

    /// The socket is gone.
    pub(crate) fn detach(&self) {
        self.0.state.lock().detach();
    }

    /// The driver's turn, see [`State::poll_link`].
    pub(crate) fn poll_link(
        &self,
        driver: &Waker,
        write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> LinkStatus {
        if let Some(status) = self.poll_link_quietly(driver) {
            return status;
        }
        let limits = &self.0.engine.config.limits;
        let status = self.update(|state| state.poll_link(driver, limits, write));
        self.notify_drained();
        status
    }

    /// The driver's turn where it has nothing to do but read, which is most of the time.
    fn poll_link_quietly(&self, driver: &Waker) -> Option<LinkStatus> {
        let state = self.0.state.lock();
        let is_quiet = self.is_calm() && state.is_fluent_for(driver);
        is_quiet.then(|| LinkStatus { closed: false, drained: state.outbox.is_empty(), congested: false })
    }

    /// The code for the close frame.
    pub(crate) fn close_code(&self) -> Option<u16> {
        self.0.state.lock().close_code
    }

    /// Answers a WebSocket ping.
    pub(crate) fn pong(&self, payload: &[u8]) {
        let pong = Outgoing::pong(payload, &self.0.engine.budget);
        self.update(|state| state.pong(pong, &self.0.engine.config.limits));
    }

    /// The client has closed its WebSocket in good order.
    pub(crate) fn handle_client_close(&self, code: Option<u16>) {
        self.update(|state| {
            state.close_code = code;
            state.core.handle_error(CloseReason::TransportClose.into());
        });
    }

    /// Closes with a WebSocket close code.
    pub(crate) fn handle_websocket_error(&self, closed: Closed, code: u16) {
        self.update(|state| {
            state.close_code = Some(code);
            state.core.handle_error(closed);
        });
    }
}
