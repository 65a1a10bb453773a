//! Every decision of a session, one by one.

use super::*;

fn open(transport: Transport) -> (Session, Instant) {
    let now = Instant::now();
    (Session::new(SessionSettings::default(), transport, now), now)
}

fn polling() -> (Session, Instant) {
    open(Transport::Polling)
}

fn probed() -> (Session, Instant) {
    let (mut session, now) = polling();
    assert_eq!(session.handle_upgrade(now), Upgrade::Probe);
    assert_eq!(session.handle_probe(now, &Packet::Ping("probe")), Probe::Pong);
    (session, now)
}

const FLUSHED: WhenClosed = WhenClosed::Flushed { packets_wait: false };

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn a_second_poll_closes_the_session() {
    let (mut session, _) = polling();
    assert_eq!(session.handle_poll(false), Poll::Wait);
    assert_eq!(session.handle_poll(false), Poll::Overlap);
    assert_eq!(session.poll_answer(), Some(Answer::Close));
    assert_eq!(session.poll_closed(), Some(Closed::transport_error("overlap from client")));
    assert_eq!(session.poll_closed(), None);
    assert_eq!(session.handle_poll(false), Poll::Refuse(Refusal::SessionUnknown));
}

#[test]
fn a_second_post_closes_the_session() {
    let (mut session, _) = polling();
    assert_eq!(session.handle_post(), Post::Accept);
    assert_eq!(session.handle_post(), Post::Overlap);
    assert!(session.poll_closed().is_some());
}

#[test]
fn posts_follow_each_other() {
    let (mut session, _) = polling();
    for _ in 0..2 {
        assert_eq!(session.handle_post(), Post::Accept);
        assert!(session.is_receiving_post());
        assert!(session.handle_post_received());
        session.handle_post_end();
    }
    assert_eq!(session.poll_closed(), None);
}

#[test]
fn a_post_is_given_up_when_its_session_closes_or_moves_on() {
    let ends: [fn(&mut Session, Instant); 4] = [
        |session, _| session.handle_error(CloseReason::ParseError.into()),
        |session, now| session.handle_close(FLUSHED, now),
        |session, _| assert_eq!(session.handle_post(), Post::Overlap),
        |session, now| assert_eq!(session.handle_probe(now, &Packet::Upgrade), Probe::Upgraded),
    ];
    for end in ends {
        let (mut session, now) = probed();
        session.handle_post();
        end(&mut session, now);
        assert!(!session.is_receiving_post());
        assert!(!session.handle_post_received());
    }
}

#[test]
fn an_upgrade_in_the_middle_of_a_post_that_is_being_handled_is_a_violation() {
    let (mut session, now) = probed();
    session.handle_post();
    session.handle_post_received();
    assert_eq!(session.handle_probe(now, &Packet::Upgrade), Probe::Abort);
    assert_eq!(session.poll_closed(), None);
}

#[test]
fn an_aborted_poll_closes_the_session() {
    let (mut session, _) = polling();
    session.handle_poll(false);
    session.handle_poll_aborted();
    assert_eq!(session.poll_closed().unwrap().reason, CloseReason::TransportError);
}

#[test]
fn a_server_close_waits_for_the_poll_that_tells_the_client() {
    let (mut session, now) = polling();
    session.handle_close(FLUSHED, now);
    assert_eq!(session.poll_closed(), None);
    assert_eq!(session.handle_post(), Post::Ignore);
    assert_eq!(session.handle_poll(false), Poll::Wait);
    assert_eq!(session.poll_answer(), Some(Answer::NoopClose));
    assert_eq!(session.poll_closed(), Some(CloseReason::ForcedClose.into()));
}

#[test]
fn a_server_close_sends_what_waits_in_answers_of_its_own() {
    let (mut session, now) = polling();
    session.handle_poll(false);
    session.handle_close(WhenClosed::Flushed { packets_wait: true }, now);
    assert_eq!((session.poll_answer(), session.poll_closed()), (None, None));
    session.handle_poll_answered();
    assert_eq!(session.handle_poll(true), Poll::Wait);
    assert_eq!(session.poll_answer(), None);
    session.handle_poll_answered();
    assert_eq!(session.handle_poll(false), Poll::Wait);
    assert_eq!(session.poll_answer(), Some(Answer::NoopClose));
    assert_eq!(session.poll_closed(), Some(CloseReason::ForcedClose.into()));
}

#[test]
fn a_server_close_does_not_wait_for_a_client_that_closes_too() {
    let (mut session, now) = polling();
    session.handle_close(FLUSHED, now);
    assert_eq!(session.handle_post(), Post::Ignore);
    assert_eq!(session.handle_packet(now, &Packet::Message("late")), Input::Handled);
    assert_eq!(session.poll_closed(), None);
    assert_eq!(session.handle_packet(now, &Packet::Close), Input::Handled);
    assert_eq!(session.poll_closed(), Some(CloseReason::ForcedClose.into()));
}

#[test]
fn a_server_close_waits_no_longer_than_30_s() {
    let (mut session, now) = polling();
    session.handle_close(FLUSHED, now);
    assert_eq!(session.handle_timeout(now + seconds(29)), None);
    assert_eq!(session.handle_timeout(now + seconds(30)), Some(Action::Close));
    assert_eq!(session.poll_closed(), Some(CloseReason::ForcedClose.into()));
    assert_eq!(session.poll_timeout(), None);
}

#[test]
fn a_server_close_answers_the_pending_poll() {
    let (mut session, now) = polling();
    session.handle_poll(false);
    session.handle_close(FLUSHED, now);
    assert_eq!(session.poll_answer(), Some(Answer::Close));
    assert_eq!(session.poll_closed(), Some(CloseReason::ForcedClose.into()));
}

#[test]
fn a_client_close_answers_the_pending_poll_with_a_noop() {
    let (mut session, now) = polling();
    session.handle_poll(false);
    assert_eq!(session.handle_packet(now, &Packet::Close), Input::Handled);
    assert_eq!(session.poll_answer(), Some(Answer::Noop));
    assert_eq!(session.poll_closed(), Some(CloseReason::TransportClose.into()));
    assert_eq!(session.handle_packet(now, &Packet::Message("late")), Input::Handled);
}

#[test]
fn packets_that_only_a_server_sends_close_the_session() {
    for packet in [Packet::Open(""), Packet::Ping(""), Packet::Upgrade, Packet::Noop] {
        let (mut session, now) = open(Transport::WebSocket);
        assert_eq!(session.handle_packet(now, &packet), Input::Handled);
        assert!(session.poll_closed().is_some(), "{packet:?}");
    }
}

#[test]
fn a_probe_releases_the_pending_poll_every_100_ms() {
    let (mut session, now) = probed();
    for round in 1..=3 {
        session.handle_poll(false);
        assert_eq!(session.poll_answer(), None);
        let due = now + millis(100 * round);
        assert_eq!(session.poll_timeout(), Some(due));
        assert_eq!(session.handle_timeout(due), Some(Action::AnswerPoll));
        assert_eq!(session.poll_answer(), Some(Answer::Noop));
        session.handle_poll_answered();
    }
}

#[test]
fn an_upgraded_session_refuses_polling() {
    let (mut session, now) = probed();
    assert_eq!(session.handle_probe(now, &Packet::Upgrade), Probe::Upgraded);
    assert_eq!(session.transport(), Transport::WebSocket);
    assert_eq!(session.handle_poll(false), Poll::Refuse(Refusal::BadRequest));
    assert_eq!(session.handle_post(), Post::Refuse(Refusal::BadRequest));
    assert_eq!(session.handle_upgrade(now), Upgrade::Occupied);
    assert_eq!(session.poll_closed(), None);
}

#[test]
fn a_poll_pending_when_the_upgrade_completes_is_released() {
    let (mut session, now) = probed();
    session.handle_poll(false);
    session.handle_probe(now, &Packet::Upgrade);
    assert_eq!(session.poll_answer(), Some(Answer::Close));
    assert_eq!(session.poll_closed(), None);
}

#[test]
fn a_session_that_has_moved_ends_without_a_word() {
    let (mut session, now) = probed();
    session.handle_poll(false);
    session.handle_probe(now, &Packet::Upgrade);
    session.handle_moved();
    assert!(!session.is_open());
    assert_eq!(session.poll_answer(), Some(Answer::Close), "a poll that is left is released");
    session.handle_poll_answered();
    assert_eq!(session.handle_poll(false), Poll::Refuse(Refusal::BadRequest));
    assert_eq!(session.handle_post(), Post::Refuse(Refusal::BadRequest));
    assert_eq!(session.handle_upgrade(now), Upgrade::Occupied);
    session.handle_error(CloseReason::ParseError.into());
    session.handle_close(WhenClosed::AtOnce, now);
    assert_eq!((session.poll_closed(), session.poll_timeout()), (None, None));
    assert_eq!(session.handle_timeout(now + seconds(100)), None);
}

#[test]
fn a_poll_can_be_released() {
    let (mut session, _) = polling();
    session.handle_release();
    assert_eq!(session.handle_poll(false), Poll::Wait);
    assert_eq!(session.poll_answer(), None);
    session.handle_release();
    assert_eq!(session.poll_answer(), Some(Answer::Noop));
    assert_eq!(session.poll_closed(), None);
}

#[test]
fn requests_dropped_behind_an_upgrade_do_no_harm() {
    let (mut session, now) = probed();
    session.handle_poll(false);
    session.handle_post();
    session.handle_probe(now, &Packet::Upgrade);
    session.handle_poll_aborted();
    session.handle_post_aborted();
    assert_eq!(session.poll_closed(), None);
    assert!(session.is_open() && !session.is_polled());
}

#[test]
fn a_violated_probe_leaves_the_session_on_polling() {
    let violations = [
        Packet::Upgrade,
        Packet::Message("hi"),
        Packet::Ping(""),
        Packet::Ping("probe2"),
        Packet::Pong("probe"),
        Packet::Binary(vec![1].into()),
        Packet::Close,
        Packet::Noop,
        Packet::Open("{}"),
    ];
    for packet in violations {
        let (mut session, now) = polling();
        session.handle_upgrade(now);
        assert_eq!(session.handle_probe(now, &packet), Probe::Abort, "{packet:?}");
        assert_eq!(session.handle_poll(false), Poll::Wait);
        assert_eq!(session.handle_upgrade(now), Upgrade::Occupied, "the old socket is still there");
        session.handle_upgrade_aborted();
        assert_eq!(session.handle_upgrade(now), Upgrade::Probe, "it may try again");
    }
}

#[test]
fn only_one_websocket_at_a_time_probes() {
    let (mut session, now) = probed();
    assert_eq!(session.handle_upgrade(now), Upgrade::Occupied);
    session.handle_upgrade_aborted();
    assert_eq!(session.handle_upgrade(now), Upgrade::Probe);
}

#[test]
fn a_probe_that_never_completes_is_aborted_and_does_not_stop_the_heartbeat() {
    let (mut session, now) = probed();
    assert_eq!(session.handle_timeout(now + seconds(10)), Some(Action::AbortUpgrade));
    assert_eq!(session.handle_probe(now, &Packet::Upgrade), Probe::Abort);
    assert_eq!(session.handle_timeout(now + seconds(25)), Some(Action::SendPing));
    assert_eq!(session.handle_timeout(now + seconds(45)), Some(Action::Close));
    assert_eq!(session.poll_closed(), Some(CloseReason::PingTimeout.into()));
}

#[test]
fn a_ping_out_during_the_upgrade_still_times_out() {
    let (mut session, now) = polling();
    assert_eq!(session.handle_timeout(now + seconds(25)), Some(Action::SendPing));
    session.handle_upgrade(now + seconds(26));
    session.handle_probe(now + seconds(26), &Packet::Ping("probe"));
    session.handle_probe(now + seconds(26), &Packet::Upgrade);
    assert_eq!(session.handle_timeout(now + seconds(45)), Some(Action::Close));
}

#[test]
fn closing_while_probing_ends_the_probe() {
    let (mut session, now) = probed();
    session.handle_close(FLUSHED, now);
    assert_eq!(session.handle_probe(now, &Packet::Upgrade), Probe::Abort);
    session.handle_poll(false);
    assert_eq!(session.poll_answer(), Some(Answer::NoopClose));
}

#[test]
fn where_nothing_is_sent_before_the_upgrade_the_first_noop_comes_soon() {
    let (mut session, now) = polling();
    session.set_waits_for_upgrade(true);
    session.handle_poll(false);
    assert_eq!(session.handle_upgrade(now), Upgrade::Probe);
    assert_eq!(session.handle_probe(now, &Packet::Ping("probe")), Probe::Pong);
    assert_eq!(session.handle_timeout(now + millis(9)), None, "the client gets its answer first");
    assert_eq!(session.handle_timeout(now + millis(10)), Some(Action::AnswerPoll));
    session.handle_poll_answered();
    session.handle_poll(false);
    assert_eq!(session.poll_timeout(), Some(now + millis(110)), "if not, it does not poll in a circle");
}

#[test]
fn what_waits_at_a_close_while_probing_may_go_over_the_websocket() {
    let (mut session, now) = probed();
    session.handle_close(WhenClosed::Flushed { packets_wait: true }, now);
    assert!(!session.is_open() && session.is_probing());
    assert_eq!(session.poll_closed(), None);
    assert_eq!(session.handle_probe(now, &Packet::Upgrade), Probe::Upgraded);
    assert_eq!(session.poll_closed(), Some(CloseReason::ForcedClose.into()));
}

#[test]
fn what_waits_at_a_close_while_probing_may_still_be_polled() {
    let (mut session, now) = probed();
    session.handle_close(WhenClosed::Flushed { packets_wait: true }, now);
    assert_eq!(session.handle_timeout(now + millis(100)), Some(Action::AnswerPoll));
    assert_eq!(session.handle_timeout(now + seconds(10)), Some(Action::AbortUpgrade));
    assert_eq!(session.poll_timeout(), Some(now + seconds(30)));
    session.handle_poll(false);
    assert_eq!(session.poll_answer(), Some(Answer::NoopClose));
    assert_eq!(session.poll_closed(), Some(CloseReason::ForcedClose.into()));
}

#[test]
fn discarding_closes_at_once() {
    let (mut session, now) = polling();
    session.handle_close(WhenClosed::AtOnce, now);
    assert_eq!(session.poll_closed(), Some(CloseReason::ForcedClose.into()));
}
