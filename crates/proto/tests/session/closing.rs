//! How sessions end. Rows E76, E79 to E81, E96, E98, E133, EIO-04.

use fanfare_proto::engine::CloseReason;

use super::server::{Sent, Server, When, body, frame};
use super::{millis, seconds};

#[test]
fn a_client_that_closes_gets_a_noop_on_its_get() {
    let mut server = Server::polling();
    server.get(1);
    server.post(2);
    server.body(&["1", "4behind"].map(str::to_owned));
    assert_eq!(server.take_sent(), [Sent::Ok(2), body(1, &["6"])]);
    assert_eq!(server.reason(), Some(CloseReason::TransportClose));
    assert!(server.received.is_empty());
    server.get(3);
    server.post(4);
    server.connect_socket(5);
    let unknown = [3, 4, 5].map(|id| Sent::Refused(id, Some(1)));
    assert_eq!(server.take_sent(), unknown);
}

#[test]
fn a_server_that_closes_answers_the_pending_get() {
    for when in [When::Flushed, When::AtOnce] {
        let mut server = Server::polling();
        server.get(1);
        server.close(when);
        assert_eq!(server.take_sent(), [body(1, &["1"])]);
        assert_eq!(server.reason(), Some(CloseReason::ForcedClose));
    }
}

#[test]
fn a_server_that_closes_tells_so_on_the_next_get() {
    let mut server = Server::polling();
    server.close(When::Flushed);
    assert_eq!(server.closed, []);
    server.post(1);
    server.connect_socket(2);
    assert_eq!(server.take_sent(), [Sent::Ok(1), Sent::Accepted(2), Sent::SocketClosed(2)]);
    server.advance(millis(29_999));
    server.get(3);
    assert_eq!(server.take_sent(), [body(3, &["6", "1"])]);
    assert_eq!(server.reason(), Some(CloseReason::ForcedClose));
}

#[test]
fn a_server_that_closes_does_not_wait_for_ever() {
    let mut server = Server::polling();
    server.close(When::Flushed);
    server.advance(millis(29_999));
    assert_eq!(server.closed, []);
    server.advance(millis(1));
    assert_eq!(server.reason(), Some(CloseReason::ForcedClose));
    server.get(1);
    assert_eq!(server.take_sent(), [Sent::Refused(1, Some(1))]);
}

#[test]
fn what_was_sent_before_the_end_still_arrives() {
    let mut server = Server::polling();
    server.send("a");
    server.send("b");
    server.close(When::Flushed);
    server.send("too late");
    server.get(1);
    assert_eq!(server.take_sent(), [body(1, &["4a", "4b"])]);
    server.get(2);
    assert_eq!(server.take_sent(), [body(2, &["6", "1"])]);

    let mut server = Server::websocket();
    server.lazy = true;
    server.send("a");
    server.close(When::Flushed);
    server.send("too late");
    assert_eq!(server.take_sent(), [frame(0, "4a"), Sent::SocketClosed(0)]);
}

#[test]
fn closing_at_once_drops_what_waits() {
    let mut server = Server::polling();
    server.send("a");
    server.close(When::AtOnce);
    server.get(1);
    assert_eq!(server.take_sent(), [Sent::Refused(1, Some(1))]);
    assert_eq!(server.reason(), Some(CloseReason::ForcedClose));
}

#[test]
fn the_first_reason_is_the_reason() {
    let mut server = Server::websocket();
    server.frame(0, "1");
    server.close(When::Flushed);
    server.close(When::AtOnce);
    server.drop_socket(0);
    server.advance(seconds(100));
    assert_eq!(server.closed, [CloseReason::TransportClose.into()]);
    assert_eq!(server.take_sent(), [Sent::SocketClosed(0)]);
}

#[test]
fn a_websocket_that_goes_ends_its_session() {
    let mut server = Server::websocket();
    server.frame(0, "4a");
    server.drop_socket(0);
    server.frame(0, "4b");
    assert_eq!(server.reason(), Some(CloseReason::TransportClose));
    assert_eq!(server.received, ["a"]);
}
