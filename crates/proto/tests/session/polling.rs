//! HTTP long-polling. Rows E63 to E68, E74 to E78, EIO-08 to EIO-10.

use fanfare_proto::engine::{CloseReason, Closed};

use super::seconds;
use super::server::{Sent, Server, body};

#[test]
fn what_waits_goes_out_in_one_answer() {
    let mut server = Server::polling();
    for message in ["a", "b", "c"] {
        server.send(message);
    }
    server.get(1);
    assert_eq!(server.take_sent(), [body(1, &["4a", "4b", "4c"])]);
    server.get(2);
    server.advance(seconds(20));
    assert_eq!(server.take_sent(), [], "an idle GET is held");
    server.send("d");
    server.send("e");
    server.get(3);
    assert_eq!(server.take_sent(), [body(2, &["4d"]), body(3, &["4e"])]);
}

#[test]
fn packets_of_a_post_are_handled_in_order() {
    let mut server = Server::polling();
    server.post(1);
    server.body(&["4a", "3", "4b", "bAQ==", "4"].map(str::to_owned));
    assert_eq!(server.take_sent(), [Sent::Ok(1)]);
    assert_eq!(server.received, ["a", "b", "AQ==", ""]);
    assert_eq!(server.closed, []);
}

#[test]
fn overlapping_gets_end_the_session() {
    let mut server = Server::polling();
    server.get(1);
    server.get(2);
    server.get(3);
    assert_eq!(server.take_sent(), [Sent::Refused(2, None), body(1, &["1"]), Sent::Refused(3, Some(1))]);
    assert_eq!(server.closed, [Closed::transport_error("overlap from client")]);
}

#[test]
fn overlapping_posts_end_the_session() {
    let mut server = Server::polling();
    server.get(1);
    server.post(2);
    server.post(3);
    assert_eq!(server.take_sent(), [Sent::Refused(3, None), body(1, &["1"])]);
    assert_eq!(server.closed, [Closed::transport_error("data request overlap from client")]);
    server.body(&["4late".to_owned()]);
    assert!(server.received.is_empty());
}

#[test]
fn a_dropped_request_ends_the_session() {
    let mut server = Server::polling();
    server.get(1);
    server.abort_get();
    server.get(2);
    assert_eq!(server.take_sent(), [Sent::Refused(2, Some(1))]);
    assert_eq!(server.closed, [Closed::transport_error("poll connection closed prematurely")]);

    let mut server = Server::polling();
    server.get(1);
    server.post(2);
    server.abort_post();
    assert_eq!(server.take_sent(), [body(1, &["1"])]);
    assert_eq!(server.closed, [Closed::transport_error("data request connection closed prematurely")]);
}

#[test]
fn what_is_no_packet_of_a_client_ends_the_session() {
    for (packet, reason) in [
        ("0{}", CloseReason::ParseError),
        ("2", CloseReason::TransportError),
        ("2probe", CloseReason::TransportError),
        ("5", CloseReason::ParseError),
        ("6", CloseReason::ParseError),
        ("", CloseReason::ParseError),
        ("abc", CloseReason::ParseError),
    ] {
        let mut server = Server::polling();
        server.get(1);
        server.post(2);
        server.body(&["4before", packet, "4behind"].map(str::to_owned));
        assert_eq!(server.reason(), Some(reason), "{packet}");
        assert_eq!(server.received, ["before"], "{packet}");
        assert_eq!(server.take_sent(), [Sent::Ok(2), body(1, &["1"])], "{packet}");
    }
}

#[test]
fn twenty_thousand_pongs_are_ignored() {
    let mut server = Server::polling();
    for _ in 0..20 {
        server.post(1);
        server.body(&vec!["3".to_owned(); 1000]);
    }
    assert_eq!(server.closed, []);
    server.advance(super::INTERVAL);
    server.get(2);
    assert_eq!(server.take_sent().last(), Some(&body(2, &["2"])), "and do not postpone the ping");
}
