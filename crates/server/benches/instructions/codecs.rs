//! Packets and messages that are read and written.

use std::hint::black_box;

use fanfare_proto::cluster::{Classic, Event, Incoming, Node, Opts, Request, Sharded, SubscriptionMode, Wire};
use fanfare_proto::socket::{Decoded, Decoder, DecoderLimits, Encoded, Parser};

pub(crate) fn decode_small_event(count: u64) {
    decode(r#"2["say","hello",42]"#, count);
}

pub(crate) fn decode_4kb(count: u64) {
    let item = r#"{"id":1000003,"name":"All mimsy were the \"borogoves\" é","price":1.37,"tags":["new",null]}"#;
    decode(&format!(r#"2["say",[{}]]"#, [item; 44].join(",")), count);
}

fn decode(text: &str, count: u64) {
    let mut decoder = Decoder::new(Parser::Json, DecoderLimits::default());
    for _ in 0..count {
        assert!(decoder.handle_text(black_box(text)).is_ok());
    }
}

pub(crate) fn decode_attachment(count: u64) {
    let mut decoder = Decoder::new(Parser::Json, DecoderLimits::default());
    for _ in 0..count {
        assert!(decoder.handle_text(black_box(r#"51-["say",{"_placeholder":true,"num":0}]"#)).is_ok());
        let Ok(Decoded::Assembled(assembled)) = decoder.handle_binary(black_box(&[7; 1000])) else {
            panic!("the packet has one attachment")
        };
        black_box(assembled.packet());
    }
}

pub(crate) fn encode_small_event(count: u64) {
    (0..count).for_each(|_| drop(black_box(encode(Parser::Json))));
}

pub(crate) fn encode_msgpack(count: u64) {
    (0..count).for_each(|_| drop(black_box(encode(Parser::MsgPack))));
}

fn encode(parser: Parser) -> Encoded {
    parser.encode_event("/", None, "say", black_box(&("hello", 42)), None).expect("it can be encoded")
}

pub(crate) fn cluster_classic(count: u64) {
    carry(count, |uid| Wire::Classic(Classic::node("socket.io", "/", uid)));
}

pub(crate) fn cluster_sharded(count: u64) {
    carry(count, |uid| Wire::Sharded(Sharded::node("socket.io", "/", uid, SubscriptionMode::Dynamic)));
}

fn carry(count: u64, wire: impl Fn(&str) -> Wire) {
    let (from, mut to) = (wire("aaaaaa"), Node::new(wire("bbbbbb")));
    for _ in 0..count {
        let opts = Opts { rooms: vec!["lobby".into()], ..Opts::default() };
        let event = Event::emit("say", black_box(&("hello", 42)));
        let request = Request::Broadcast { event, opts, id: None, unwanted_ack: false };
        let publish = from.request(&request).expect("it can be written");
        let incoming = to.handle_message(&publish.channel, &publish.payload, |_| true);
        assert!(matches!(incoming, Ok(Incoming::Request(Request::Broadcast { .. }, _))));
    }
}
