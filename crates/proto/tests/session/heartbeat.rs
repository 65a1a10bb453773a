//! The heartbeat. Rows E118, E122 to E129, EIO-17, SLO-04.

use fanfare_proto::engine::CloseReason;

use super::server::{Sent, Server, body, frame};
use super::{INTERVAL, TIMEOUT, millis, seconds};

#[test]
fn pings_leave_one_interval_after_each_pong() {
    let mut server = Server::websocket();
    server.advance(INTERVAL);
    assert_eq!(server.take_sent(), [frame(0, "2")]);
    for late in [millis(0), seconds(3), TIMEOUT - millis(1)] {
        server.advance(late);
        server.frame(0, "3");
        server.advance(INTERVAL - millis(1));
        assert_eq!(server.take_sent(), []);
        server.advance(millis(1));
        assert_eq!(server.take_sent(), [frame(0, "2")]);
    }
}

#[test]
fn a_silent_client_is_gone_after_interval_and_timeout() {
    for mut server in [Server::polling(), Server::websocket()] {
        server.advance(INTERVAL + TIMEOUT - millis(1));
        assert_eq!(server.closed, []);
        server.advance(millis(1));
        assert_eq!(server.reason(), Some(CloseReason::PingTimeout));
    }
}

#[test]
fn a_client_that_polls_but_does_not_answer_is_gone() {
    let mut server = Server::polling();
    server.get(1);
    server.advance(INTERVAL);
    assert_eq!(server.take_sent(), [body(1, &["2"])], "the ping comes alone");
    server.get(2);
    server.advance(TIMEOUT);
    assert_eq!(server.take_sent(), [body(2, &["1"])]);
    assert_eq!(server.reason(), Some(CloseReason::PingTimeout));
    server.get(3);
    assert_eq!(server.take_sent(), [Sent::Refused(3, Some(1))]);
}

#[test]
fn messages_prove_that_a_client_lives_only_once() {
    let mut server = Server::websocket();
    server.advance(INTERVAL);
    for _ in 0..10 {
        server.advance(TIMEOUT / 2);
        server.frame(0, "4busy");
    }
    assert_eq!(server.reason(), Some(CloseReason::PingTimeout));
    assert_eq!(server.received.len(), 2, "before its timeout, counted from the first");
}

#[test]
fn a_process_that_did_not_run_blames_nobody() {
    let mut server = Server::websocket();
    server.stall(INTERVAL * 10);
    assert_eq!(server.take_sent(), [frame(0, "2")]);
    server.advance(TIMEOUT - millis(1));
    server.frame(0, "3");
    server.advance(INTERVAL);
    assert_eq!(server.closed, []);
}

#[test]
fn a_dead_peer_is_detected_at_every_point_of_an_upgrade() {
    for step in 0..5 {
        let mut server = Server::polling();
        server.get(1);
        server.advance(seconds(1));
        let steps: [&dyn Fn(&mut Server); 4] = [
            &|server| server.connect_socket(2),
            &|server| server.frame(2, "2probe"),
            &|server| server.advance(millis(100)),
            &|server| server.frame(2, "5"),
        ];
        steps[..step].iter().for_each(|step| step(&mut server));
        server.advance_to(server.opened + INTERVAL + TIMEOUT);
        assert_eq!(server.reason(), Some(CloseReason::PingTimeout), "silent after step {step}");
        assert_eq!((server.pending_get(), server.probing_socket(), server.linked_socket()), (None, None, None));
    }
}

#[test]
fn a_ping_that_is_out_during_an_upgrade_is_still_due() {
    let mut server = Server::polling();
    server.get(1);
    server.advance(INTERVAL);
    server.connect_socket(2);
    server.frame(2, "2probe");
    server.frame(2, "5");
    server.advance(TIMEOUT - millis(1));
    assert_eq!(server.closed, []);
    server.advance(millis(1));
    assert_eq!(server.reason(), Some(CloseReason::PingTimeout));
}

#[test]
fn a_ping_can_be_answered_over_the_new_transport() {
    let mut server = Server::polling();
    server.get(1);
    server.advance(INTERVAL);
    server.connect_socket(2);
    server.frame(2, "2probe");
    server.frame(2, "5");
    server.frame(2, "3");
    server.take_sent();
    server.advance(INTERVAL - millis(1));
    assert_eq!(server.take_sent(), []);
    server.advance(millis(1));
    assert_eq!(server.take_sent(), [frame(2, "2")]);
}

#[test]
fn a_ping_that_waits_leaves_over_the_new_transport() {
    let mut server = Server::polling();
    server.advance(INTERVAL);
    server.send("a");
    server.connect_socket(1);
    server.frame(1, "2probe");
    server.frame(1, "5");
    let expected = [Sent::Accepted(1), frame(1, "3probe"), frame(1, "2"), frame(1, "4a")];
    assert_eq!(server.take_sent(), expected);
}
