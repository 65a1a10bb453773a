//! From polling to WebSocket. Rows E105 to E122, EIO-13 to EIO-16, SLO-07.

use fanfare_proto::engine::{CloseReason, Transport};

use super::server::{Sent, Server, When, body, frame};
use super::{UPGRADE_TIMEOUT, millis, seconds};

/// A polling session whose socket 9 has been probed.
fn probed() -> Server {
    let mut server = Server::polling();
    server.connect_socket(9);
    server.frame(9, "2probe");
    assert_eq!(server.take_sent(), [Sent::Accepted(9), frame(9, "3probe")]);
    server
}

fn upgraded() -> Server {
    let mut server = probed();
    server.frame(9, "5");
    assert_eq!(server.core.transport(), Transport::WebSocket);
    server
}

#[test]
fn a_pending_get_is_released_within_100_ms_of_the_probe() {
    let mut server = Server::polling();
    server.get(1);
    server.connect_socket(9);
    server.advance(seconds(1));
    assert_eq!(server.take_sent(), [Sent::Accepted(9)], "not before the probe");
    server.frame(9, "2probe");
    server.take_sent();
    server.advance(millis(99));
    assert_eq!(server.take_sent(), [], "not at once, or the client would poll in a circle");
    server.advance(millis(1));
    assert_eq!(server.take_sent(), [body(1, &["6"])]);
}

#[test]
fn every_further_get_is_released_too() {
    let mut server = probed();
    for id in 1..50 {
        server.advance(millis(37));
        server.get(id);
        assert_eq!(server.take_sent(), [], "but not at once");
        server.advance(millis(100));
        assert_eq!(server.take_sent(), [body(id, &["6"])]);
    }
    assert_eq!(server.core.transport(), Transport::Polling);
}

#[test]
fn noops_stop_with_the_attempt() {
    let mut server = probed();
    server.drop_socket(9);
    server.get(1);
    server.advance(seconds(20));
    assert_eq!(server.take_sent(), [Sent::SocketClosed(9)]);
    let mut server = upgraded();
    server.advance(seconds(20));
    assert_eq!(server.take_sent(), []);
}

#[test]
fn messages_still_leave_over_polling_while_probing() {
    let mut server = probed();
    server.get(1);
    server.send("a");
    server.send("b");
    assert_eq!(server.take_sent(), [body(1, &["4a"])]);
    server.get(2);
    assert_eq!(server.take_sent(), [body(2, &["4b"])], "in place of a noop");
    server.post(3);
    server.body(&["4up".to_owned()]);
    assert_eq!(server.received, ["up"]);
}

#[test]
fn what_waits_at_the_upgrade_leaves_over_the_websocket_in_order() {
    let mut server = probed();
    let messages: Vec<_> = (0..50).map(|number| number.to_string()).collect();
    messages[..25].iter().for_each(|message| server.send(message));
    server.frame(9, "5");
    messages[25..].iter().for_each(|message| server.send(message));
    let expected: Vec<_> = messages.iter().map(|message| frame(9, &format!("4{message}"))).collect();
    assert_eq!(server.take_sent(), expected);
    messages.iter().for_each(|message| server.frame(9, &format!("4{message}")));
    assert_eq!(server.received, messages);
}

#[test]
fn a_get_that_is_pending_at_the_upgrade_is_answered_without_messages() {
    let mut server = probed();
    server.get(1);
    server.lazy = true;
    server.send("a");
    server.frame(9, "5");
    server.send("b");
    server.run_tasks();
    assert_eq!(server.take_sent(), [frame(9, "4a"), frame(9, "4b"), body(1, &["1"])]);
    assert_eq!(server.closed, []);
}

#[test]
fn a_get_that_the_client_drops_at_the_upgrade_does_no_harm() {
    let mut server = probed();
    server.get(1);
    server.lazy = true;
    server.frame(9, "5");
    server.abort_get();
    server.run_tasks();
    assert_eq!((server.closed.len(), server.take_sent()), (0, vec![]));
    server.send("a");
    server.run_tasks();
    assert_eq!(server.take_sent(), [frame(9, "4a")]);
}

#[test]
fn a_post_that_is_in_flight_at_the_upgrade_is_dropped() {
    let mut server = probed();
    server.post(1);
    server.frame(9, "5");
    server.frame(9, "4behind");
    server.body(&["4before".to_owned()]);
    assert_eq!(server.take_sent(), [Sent::Refused(1, None)]);
    assert_eq!(server.received, ["behind"], "nothing comes out of turn");

    let mut server = probed();
    server.post(1);
    server.frame(9, "5");
    server.abort_post();
    assert_eq!(server.closed, []);
}

#[test]
fn an_upgraded_session_takes_no_requests() {
    let mut server = upgraded();
    server.get(1);
    server.post(2);
    server.connect_socket(3);
    let refused = [Sent::Refused(1, Some(3)), Sent::Refused(2, Some(3)), Sent::Accepted(3), Sent::SocketClosed(3)];
    assert_eq!(server.take_sent(), refused);
    server.send("a");
    assert_eq!(server.take_sent(), [frame(9, "4a")], "the first socket is undisturbed");
}

#[test]
fn of_two_sockets_one_wins() {
    let mut server = probed();
    server.connect_socket(10);
    assert_eq!(server.take_sent(), [Sent::Accepted(10), Sent::SocketClosed(10)]);
    server.frame(10, "2probe");
    server.frame(10, "5");
    assert_eq!(server.core.transport(), Transport::Polling);
    server.frame(9, "5");
    assert_eq!(server.linked_socket(), Some(9));
}

#[test]
fn a_socket_whose_time_is_up_cannot_be_taken_for_the_next() {
    let mut server = probed();
    server.lazy = true;
    server.advance(UPGRADE_TIMEOUT);
    server.connect_socket(10);
    assert_eq!(server.take_sent(), [Sent::Accepted(10), Sent::SocketClosed(10)], "the old one is still there");
    server.frame(9, "5");
    assert_eq!(server.core.transport(), Transport::Polling);
    assert_eq!(server.take_sent(), [Sent::SocketClosed(9)]);
    server.connect_socket(11);
    assert_eq!(server.take_sent(), [Sent::Accepted(11)]);
    server.drop_socket(9);
    server.frame(11, "2probe");
    server.frame(11, "5");
    assert_eq!(server.linked_socket(), Some(11));
}

#[test]
fn probing_twice_is_answered_twice() {
    let mut server = probed();
    server.advance(millis(50));
    server.frame(9, "2probe");
    assert_eq!(server.take_sent(), [frame(9, "3probe")]);
    server.get(1);
    server.advance(millis(50));
    assert_eq!(server.take_sent(), [body(1, &["6"])], "and does not postpone the noop");
}

#[test]
fn a_violated_probe_leaves_the_session_on_polling() {
    for text in ["4hi", "2", "2prob", "2probe2", "3probe", "3", "1", "0{}", "6", "x", "", "bAQ==", "5"] {
        let mut server = Server::polling();
        server.get(1);
        server.connect_socket(9);
        server.frame(9, text);
        assert_eq!(server.take_sent(), [Sent::Accepted(9), Sent::SocketClosed(9)], "{text:?}");
        server.send("a");
        assert_eq!(server.take_sent(), [body(1, &["4a"])], "{text:?}");
        assert!(server.received.is_empty() && server.closed.is_empty(), "{text:?}");
    }
    for text in ["4hi", "2", "3probe", "1", "x"] {
        let mut server = probed();
        server.frame(9, text);
        assert_eq!(server.take_sent(), [Sent::SocketClosed(9)], "{text:?}");
        assert_eq!(server.core.transport(), Transport::Polling);
    }
}

/// The steps of an upgrade; the client keeps polling.
const STEPS: [fn(&mut Server); 5] = [
    |server| server.connect_socket(9),
    |server| server.frame(9, "2probe"),
    |server| server.get(1),
    |server| server.advance(millis(100)),
    |server| server.get(2),
];

/// Ways to abandon one.
const ENDS: [fn(&mut Server); 3] =
    [|server| server.drop_socket(9), |server| server.frame(9, "4?"), |server| server.advance(UPGRADE_TIMEOUT)];

#[test]
fn an_upgrade_abandoned_at_any_point_loses_nothing() {
    for steps in 1..=STEPS.len() {
        for end in ENDS {
            let mut server = Server::polling();
            for (number, step) in STEPS[..steps].iter().enumerate() {
                server.send(&number.to_string());
                step(&mut server);
            }
            end(&mut server);
            assert_eq!((server.probing_socket(), server.core.transport()), (None, Transport::Polling));
            server.send("last");
            if server.pending_get().is_none() {
                server.get(3);
            }
            let mut expected: Vec<_> = (0..steps).map(|number| format!("4{number}")).collect();
            expected.push("4last".to_owned());
            assert_eq!(messages(&server.take_sent()), expected, "abandoned after step {steps}");
            retry(&mut server);
        }
    }
}

fn messages(sent: &[Sent]) -> Vec<String> {
    let packets = sent.iter().flat_map(|sent| match sent {
        Sent::Body(_, packets) => packets.clone(),
        Sent::Frame(_, packet) => vec![packet.clone()],
        _ => Vec::new(),
    });
    packets.filter(|packet| packet.starts_with('4')).collect()
}

/// Another attempt succeeds.
fn retry(server: &mut Server) {
    server.connect_socket(10);
    server.frame(10, "2probe");
    server.frame(10, "5");
    assert_eq!(server.linked_socket(), Some(10));
    assert_eq!(server.closed, []);
}

#[test]
fn an_upgrade_that_takes_too_long_costs_only_its_socket() {
    for probes in [false, true] {
        let mut server = Server::polling();
        server.connect_socket(9);
        if probes {
            server.frame(9, "2probe");
        }
        server.take_sent();
        server.advance(UPGRADE_TIMEOUT - millis(1));
        assert_eq!(server.take_sent(), []);
        server.advance(millis(1));
        assert_eq!(server.take_sent(), [Sent::SocketClosed(9)]);
        assert_eq!(server.closed, []);
    }
}

#[test]
fn a_session_that_ends_while_probing_closes_the_socket() {
    let mut server = probed();
    server.close(When::Flushed);
    assert_eq!(server.take_sent(), [Sent::SocketClosed(9)]);
    server.get(1);
    assert_eq!(server.take_sent(), [body(1, &["6", "1"])]);

    let mut server = probed();
    server.get(1);
    server.close(When::Flushed);
    assert_eq!(server.take_sent(), [body(1, &["1"]), Sent::SocketClosed(9)]);

    let mut server = probed();
    server.post(1);
    server.body(&["1".to_owned()]);
    assert_eq!(server.take_sent(), [Sent::Ok(1), Sent::SocketClosed(9)]);
    assert_eq!(server.reason(), Some(CloseReason::TransportClose));
}

#[test]
fn what_waits_at_the_end_leaves_by_whichever_way_the_client_takes() {
    let closing = || {
        let mut server = probed();
        server.send("a");
        server.close(When::Flushed);
        assert_eq!((server.take_sent(), server.closed.len()), (vec![], 0));
        server
    };
    let mut server = closing();
    server.frame(9, "5");
    assert_eq!(server.take_sent(), [frame(9, "4a"), Sent::SocketClosed(9)]);
    assert_eq!(server.reason(), Some(CloseReason::ForcedClose));

    let mut server = closing();
    server.get(1);
    assert_eq!(server.take_sent(), [body(1, &["4a"])]);
    server.get(2);
    assert_eq!(server.take_sent(), [body(2, &["6", "1"]), Sent::SocketClosed(9)]);
    assert_eq!(server.reason(), Some(CloseReason::ForcedClose));

    let mut server = closing();
    server.drop_socket(9);
    server.get(1);
    server.get(2);
    assert_eq!(server.take_sent(), [Sent::SocketClosed(9), body(1, &["4a"]), body(2, &["6", "1"])]);

    let mut server = closing();
    server.advance(UPGRADE_TIMEOUT);
    assert_eq!(server.take_sent(), [Sent::SocketClosed(9)]);
    server.advance(seconds(20));
    assert_eq!(server.reason(), Some(CloseReason::ForcedClose));
}
