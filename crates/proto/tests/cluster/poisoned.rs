//! Messages that other programs have made up: what a Node.js server delivers is delivered, and nothing else happens,
//! whatever becomes of a Node.js server.

use fanfare_proto::cluster::{
    Classic, EventArgs, Incoming, Malformed, Node, Opts, Request, Sharded, SubscriptionMode, Wire,
};
use fanfare_proto::socket::Parser;
use serde_json::Value as Json;

use crate::notation::{cases, frames, unhex};

#[test]
fn what_is_delivered_by_others_is_delivered_here() {
    for case in published() {
        if case["outcome"] == "delivered" {
            check_delivered(&case);
        }
    }
}

#[test]
fn what_is_handled_by_others_is_handled_here() {
    for case in published().filter(|case| case["outcome"] == "handled") {
        let incoming = incoming(&case).unwrap_or_else(|error| panic!("{}: {error}", case["id"]));
        let (Incoming::Request(Request::ServerSideEmit { .. } | Request::FetchSockets { .. }, _)
        | Incoming::Request(Request::Broadcast { .. }, Some(_))) = incoming.0
        else {
            panic!("{}: {:?}", case["id"], incoming.0)
        };
    }
}

#[test]
fn what_is_ignored_by_others_reaches_nobody_here() {
    for case in published().filter(|case| case["outcome"] == "ignored") {
        let reached = match incoming(&case) {
            Ok(Received(Incoming::Request(Request::Broadcast { opts, .. }, _))) => reaches(&opts),
            Ok(Received(Incoming::Request(..))) => true,
            _ => false,
        };
        assert!(!reached, "{}", case["id"]);
    }
}

#[test]
fn what_breaks_others_is_counted_and_dropped() {
    let mut poisonous = 0;
    for case in published().filter(|case| case["outcome"] == "SERVER PROCESS CRASHED") {
        assert!(incoming(&case).is_err(), "{}", case["id"]);
        poisonous += 1;
    }
    assert!(poisonous > 10, "only {poisonous} cases");
}

#[test]
fn packets_that_lose_others_their_clients_do_no_harm() {
    for case in published().filter(|case| case["outcome"] == "client lost") {
        match incoming(&case) {
            Ok(Received(Incoming::Request(Request::Broadcast { event, .. }, _))) => {
                // What old emitters call a binary event is an event like any other.
                assert!(case["id"].as_str().is_some_and(|id| id.starts_with("classic-type5")), "{}", case["id"]);
                assert_eq!(event.name, "hello");
            }
            Ok(Received(other)) => panic!("{}: {other:?}", case["id"]),
            Err(_) => {}
        }
    }
}

#[test]
fn no_cut_or_change_of_a_message_does_harm() {
    for case in published() {
        let payload = unhex(case["payload_hex"].as_str().expect("a payload"));
        let channel = case["channel"].as_str().expect("a channel");
        for end in 0..payload.len() {
            let _ = node(&case).handle_message(channel, &payload[..end], |_| true);
            let mut changed = payload.clone();
            changed[end] ^= 0x55;
            let _ = node(&case).handle_message(channel, &changed, |_| true);
        }
    }
}

struct Received<'a>(Incoming<'a>);

fn published() -> impl Iterator<Item = Json> {
    cases("interop").into_iter().filter(|case| case["channel"].is_string() && case["payload_hex"].is_string())
}

fn node(case: &Json) -> Node {
    let mode = case["mode"].as_str().expect("a mode");
    Node::new(if mode.starts_with("sharded") {
        Wire::Sharded(Sharded::node("socket.io", "/", "0123456789abcdef", SubscriptionMode::Dynamic))
    } else {
        // The uid of the server that was sent these messages, and in one case its own words.
        Wire::Classic(Classic::node("socket.io", "/", "q--SSq"))
    })
}

/// Gives a case to a node that has one client, in the room `r1`.
fn incoming(case: &Json) -> Result<Received<'static>, Malformed> {
    let payload = unhex(case["payload_hex"].as_str().expect("a payload"));
    let channel = case["channel"].as_str().expect("a channel");
    node(case).handle_message(channel, payload.leak(), |room| room == "r1").map(Received)
}

fn check_delivered(case: &Json) {
    let id = case["id"].as_str().expect("an id");
    let Ok(Received(Incoming::Request(Request::Broadcast { event, opts, id: ack, unwanted_ack }, _))) = incoming(case)
    else {
        panic!("{id} was not delivered")
    };
    assert!(reaches(&opts), "{id}");
    let EventArgs::Received(args) = event.args else { panic!("it was received") };
    let packet = Parser::Json.encode_event("/", None, &event.name, &args, None).expect("it can be written");
    let mut sent = vec![Ok(String::from_utf8(packet.head.as_slice().to_vec()).expect("text"))];
    sent.extend(packet.attachments.into_iter().map(Err));
    let mut received = frames(&case["client_frames"]);
    if ack.is_some() || unwanted_ack {
        // The acknowledgement id is the server's own.
        received[0] = received[0].clone().map(|text| format!("2[{}", text.split_once('[').expect("an array").1));
    }
    assert!(sent == received || OTHER_FRAMES.contains(&id), "{id}: {sent:?} is not {received:?}");
}

/// Whether something is for the one client.
fn reaches(opts: &Opts<'_>) -> bool {
    opts.rooms.is_empty() || opts.rooms.iter().any(|room| room == "r1")
}

/// A key that JavaScript objects cannot have stays where it is, and so does an integer that its numbers cannot tell apart:
/// clients in JavaScript read it as Node.js would have written it.
const OTHER_FRAMES: [&str; 3] =
    ["classic-rust-rmpv-proto-key", "classic-rust-u64-max-i64-min", "classic-rust-serde-json-value"];
