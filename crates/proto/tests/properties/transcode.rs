//! JSON and MessagePack mean the same.

use bytes::Bytes;
use fanfare_proto::socket::{Args, Parser, Value};
use proptest::prelude::*;

use super::exchange::{All, Content, decoder, deliver, values};
use super::given::{self, all_same, same};
use super::tries;

/// What a client of this parser receives.
fn received(parser: Parser, args: &[Value]) -> Vec<Value> {
    let packet = parser.encode_ack("/", 0, &All(args)).unwrap();
    match deliver(&mut decoder(parser), &packet).unwrap().body {
        Content::Ack { args, .. } => args,
        other => panic!("an acknowledgement was sent: {other:?}"),
    }
}

proptest! {
    #![proptest_config(tries(500))]

    #[test]
    fn clients_of_both_parsers_receive_the_same(args in given::args()) {
        prop_assume!(!args.iter().any(given::looks_like_a_placeholder));
        let (json, msgpack) = (received(Parser::Json, &args), received(Parser::MsgPack, &args));
        prop_assert!(all_same(&json, &msgpack), "{:?} {:?}", json, msgpack);
    }

    // Arguments that come with attachments are read by way of MessagePack, all others from their text.
    #[test]
    fn an_argument_reads_the_same_beside_an_attachment(value in given::plain_value()) {
        prop_assume!(!given::looks_like_a_placeholder(&value));
        let text = serde_json::to_string(&value).unwrap();
        let attachments = [Bytes::from_static(b"x")];
        let alone = values(&Args::Json { text: &text, attachments: &[] });
        let beside = values(&Args::Json { text: &text, attachments: &attachments });
        prop_assert!(all_same(&alone, &beside), "{:?} {:?}", alone, beside);
        prop_assert!(same(&alone[0], &value), "{:?}", alone);
    }

    #[test]
    fn a_refusal_carries_the_same_data(data in given::plain_value()) {
        let text = serde_json::to_string(&data).unwrap();
        let packet = Parser::MsgPack.encode_connect_error("/", "no", Some(&text));
        let packet: Value = rmp_serde::from_slice(packet.as_slice()).unwrap();
        prop_assert!(same(&packet["data"]["data"], &data), "{:?}", packet);
        prop_assert_eq!(packet["data"]["message"].as_str(), Some("no"));
    }

    #[test]
    fn authentication_is_the_same_in_both(data in given::plain_value()) {
        let auth = Value::Object(vec![("a".to_owned(), data)]);
        let packet = Value::Object(vec![
            ("type".to_owned(), Value::from(0_u64)),
            ("nsp".to_owned(), Value::from("/")),
            ("data".to_owned(), auth.clone()),
        ]);
        let mut decoder = decoder(Parser::MsgPack);
        let bytes = rmp_serde::to_vec(&packet).unwrap();
        let Ok(fanfare_proto::socket::Decoded::Packet(packet)) = decoder.handle_binary(&bytes) else {
            panic!("a CONNECT was sent");
        };
        let fanfare_proto::socket::Body::Connect { auth: Some(received) } = packet.body else {
            panic!("a CONNECT was sent");
        };
        let received: Value = serde_json::from_str(&received).unwrap();
        prop_assert!(same(&received, &auth), "{:?}", received);
    }
}
