//! Decoding undoes encoding, with both parsers.

use std::collections::BTreeMap;

use bytes::Bytes;
use fanfare_proto::socket::{ConnectReply, Encoded, Parser, Value};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::exchange::{All, Content, Received, decoder, deliver, receive, values};
use super::given::{self, all_same, looks_like_a_placeholder};
use super::tries;

fn parser() -> impl Strategy<Value = Parser> {
    prop_oneof![Just(Parser::Json), Just(Parser::MsgPack)]
}

/// Whether a packet means what was meant by its sender.
fn is_unambiguous(packet: &Encoded, args: &[Value]) -> bool {
    packet.attachments.is_empty() || !args.iter().any(looks_like_a_placeholder)
}

proptest! {
    #![proptest_config(tries(400))]

    #[test]
    fn events_arrive_as_they_were_sent(
        parser in parser(), namespace in given::namespace(), id in given::optional_id(), name in given::event_name(), args in given::args(),
    ) {
        let packet = parser.encode_event(&namespace, id, &name, &All(&args), None).unwrap();
        prop_assume!(is_unambiguous(&packet, &args));
        let received = deliver(&mut decoder(parser), &packet).unwrap();
        prop_assert_eq!(&received.namespace, &namespace);
        let Content::Event { name: received_name, args: received_args, id: received_id } = received.body else {
            panic!("an event was sent");
        };
        prop_assert_eq!((received_name, received_id), (name, id));
        prop_assert!(all_same(&received_args, &args), "{:?}", received_args);
    }

    #[test]
    fn acknowledgements_arrive_as_they_were_sent(
        parser in parser(), namespace in given::namespace(), id in given::id(), args in given::args(),
    ) {
        let packet = parser.encode_ack(&namespace, id, &All(&args)).unwrap();
        prop_assume!(is_unambiguous(&packet, &args));
        let received = deliver(&mut decoder(parser), &packet).unwrap();
        prop_assert_eq!(&received.namespace, &namespace);
        let Content::Ack { args: received_args, id: received_id } = received.body else {
            panic!("an acknowledgement was sent");
        };
        prop_assert_eq!(received_id, Some(id));
        prop_assert!(all_same(&received_args, &args), "{:?}", received_args);
    }

    #[test]
    fn typed_arguments_arrive_in_their_types(parser in parser(), args in (record(), record(), given::text())) {
        let packet = parser.encode_event("/", None, "e", &args, None).unwrap();
        let mut reader = parser.args(packet.head.as_slice(), packet.args.clone(), &packet.attachments).reader();
        prop_assert_eq!(reader.next::<String>(), Some(Ok("e".to_owned())));
        prop_assert_eq!(reader.next::<Record>(), Some(Ok(args.0)));
        prop_assert_eq!(reader.next::<Record>(), Some(Ok(args.1)));
        prop_assert_eq!(reader.rest().reader().next::<String>(), Some(Ok(args.2.clone())));
        prop_assert_eq!(reader.next::<String>(), Some(Ok(args.2)));
        prop_assert_eq!(reader.next::<Value>(), None);
    }

    #[test]
    fn a_value_holds_any_type(record in record()) {
        let value = Value::of(&record).unwrap();
        prop_assert_eq!(value.read::<Record>(), Ok(record));
    }

    #[test]
    fn arguments_can_be_passed_on_whichever_parser_they_came_from(
        parser in parser(), onward in parser(), args in given::args(), offset in proptest::option::of("[a-z]{1,8}"),
    ) {
        let packet = parser.encode_ack("/", 0, &All(&args)).unwrap();
        prop_assume!(is_unambiguous(&packet, &args));
        prop_assume!(!args.iter().any(looks_like_a_placeholder));
        let raw = parser.args(packet.head.as_slice(), packet.args.clone(), &packet.attachments).to_raw();
        let passed_on = onward.encode_event("/", None, "e", &raw, offset.as_deref()).unwrap();
        let received = deliver(&mut decoder(onward), &passed_on).unwrap();
        let Content::Event { args: mut received_args, .. } = received.body else { panic!("an event was sent") };
        if let Some(offset) = offset {
            prop_assert_eq!(received_args.pop(), Some(Value::from(offset)));
        }
        prop_assert!(all_same(&received_args, &args), "{:?}", received_args);
        prop_assert!(all_same(&values(&raw.as_args()), &args));
    }

    #[test]
    fn packets_come_out_in_the_order_they_went_in(parser in parser(), packets in vec((given::event_name(), given::args()), 0..6)) {
        let mut decoder = decoder(parser);
        for (name, args) in &packets {
            let packet = parser.encode_event("/", None, name, &All(args), None).unwrap();
            prop_assume!(is_unambiguous(&packet, args));
            let Content::Event { name: received, .. } = deliver(&mut decoder, &packet).unwrap().body else {
                panic!("an event was sent");
            };
            prop_assert_eq!(&received, name);
        }
    }

    #[test]
    fn control_packets_arrive_as_they_were_sent(parser in parser(), namespace in given::namespace(), message in given::text()) {
        let mut decoder = decoder(parser);
        let ids = ConnectReply { sid: "wZX3oN0bSVIhsaknAAAI", pid: Some("oSO0OpakMV_3jnilAAAA") };
        let auth = serde_json::json!({"sid": ids.sid, "pid": ids.pid});
        for (frame, body) in [
            (parser.encode_connect(&namespace, ids), Content::Connect(Some(auth))),
            (parser.encode_disconnect(&namespace), Content::Disconnect),
            (parser.encode_connect_error(&namespace, &message, Some("[null]")), Content::ConnectError),
        ] {
            let expected = Received { namespace: namespace.clone(), body };
            prop_assert_eq!(receive(&mut decoder, &frame), Ok(Some(expected)));
        }
    }
}

proptest! {
    #![proptest_config(tries(60))]

    #[test]
    fn binary_data_arrives_from_any_depth(parser in parser(), data in given::bytes(), path in vec(any::<bool>(), 0..126)) {
        let nest = |inner, object: &bool| match object {
            true => Value::Object(vec![("a".to_owned(), Value::Null), ("b".to_owned(), inner)]),
            false => Value::Array(vec![Value::Bool(false), inner]),
        };
        let args = [path.iter().fold(Value::from(data), nest)];
        let packet = parser.encode_event("/", Some(1), "e", &All(&args), None).unwrap();
        let Content::Event { args: received, .. } = deliver(&mut decoder(parser), &packet).unwrap().body else {
            panic!("an event was sent");
        };
        prop_assert_eq!(&received[..], &args[..]);
    }
}

/// What an application may send, one of each kind of type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Record {
    name: String,
    count: i32,
    large: u64,
    ratio: f64,
    yes: bool,
    picture: Bytes,
    frames: Vec<Bytes>,
    maybe: Option<i8>,
    by_name: BTreeMap<String, (u8, String)>,
    kind: Kind,
    nothing: (),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Text(String),
    Fields { x: i16, y: Option<bool> },
}

fn record() -> impl Strategy<Value = Record> {
    let kind = prop_oneof![
        Just(Kind::Unit),
        given::text().prop_map(Kind::Text),
        (any::<i16>(), any::<Option<bool>>()).prop_map(|(x, y)| Kind::Fields { x, y }),
    ];
    let scalars = (given::text(), any::<i32>(), any::<u64>(), given::number(), any::<bool>(), any::<Option<i8>>());
    let rest =
        (given::bytes(), vec(given::bytes(), 0..3), btree_map(given::text(), (any::<u8>(), given::text()), 0..3), kind);
    (scalars, rest).prop_map(|((name, count, large, ratio, yes, maybe), (picture, frames, by_name, kind))| Record {
        name,
        count,
        large,
        // Zero has a sign in Rust, and none in JSON.
        ratio: ratio + 0.0,
        yes,
        picture,
        frames,
        maybe,
        by_name,
        kind,
        nothing: (),
    })
}
