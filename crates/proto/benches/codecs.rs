//! How long packets take to be read and written: `cargo bench -p fanfare-proto`.

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fanfare_proto::engine::{Packet, payload};
use fanfare_proto::socket::{Args, Decoded, Decoder, DecoderLimits, EmitArgs, Encoded, Parser};
use serde::{Deserialize, Serialize};

criterion_main!(codecs);

criterion_group! {
    name = codecs;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = engine_packets, decoding, extraction, encoding
}

fn engine_packets(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine");
    let binary = payload::binary_text(&[7; 1000]);
    let several = ["4hello"; 10].join("\x1e");
    group.bench_function("message", |b| b.iter(|| Packet::parse(black_box("4hello")).is_ok()));
    group.bench_function("base64 of 1 kB", |b| b.iter(|| Packet::parse(black_box(&binary)).is_ok()));
    group.bench_function("payload of 10 messages", |b| {
        b.iter(|| payload::decode(black_box(&several), 1024).map(|packets| packets.filter(Result::is_ok).count()));
    });
    group.finish();
}

fn decoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    let mut texts = Decoder::new(Parser::Json, DecoderLimits::default());
    let mut text = |name: &str, text: &str| {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| texts.handle_text(black_box(text)).is_ok()));
    };
    text("small event", r#"2["say","hello",42]"#);
    text("small event of a namespace, with acknowledgement", r#"2/chat,17["say",{"text":"hello","number":42}]"#);
    text("acknowledgement", r#"317["delivered"]"#);
    text("4 kB of JSON", &text_of(&encode(Parser::Json, &catalogue())));

    let binary = encode(Parser::Json, &(picture(),));
    let head = text_of(&binary);
    group.throughput(Throughput::Bytes(1000));
    group.bench_function("event with an attachment of 1 kB", |b| {
        let mut decoder = Decoder::new(Parser::Json, DecoderLimits::default());
        b.iter(|| {
            let incomplete = decoder.handle_text(black_box(&head)).is_ok();
            match decoder.handle_binary(&binary.attachments[0]) {
                Ok(Decoded::Assembled(assembled)) => {
                    black_box(assembled.packet());
                    incomplete
                }
                _ => panic!("the packet has one attachment"),
            }
        });
    });

    let mut packs = Decoder::new(Parser::MsgPack, DecoderLimits::default());
    let mut pack = |name: &str, args: &dyn EmitArgs| {
        let packet = encode(Parser::MsgPack, args);
        group.throughput(Throughput::Bytes(packet.head.as_slice().len() as u64));
        group.bench_function(name, |b| b.iter(|| packs.handle_binary(black_box(packet.head.as_slice())).is_ok()));
    };
    pack("small event in MessagePack", &("hello", 42));
    pack("catalogue in MessagePack", &catalogue());
    pack("1 kB of bytes in MessagePack", &(picture(),));
    group.finish();
}

/// From arguments that are decoded to the types of a handler.
fn extraction(c: &mut Criterion) {
    let mut group = c.benchmark_group("extract");
    for (parser, name) in PARSERS {
        let small = encode(parser, &("hello", 42));
        let large = encode(parser, &catalogue());
        let (small, large) = (args(parser, &small, &[]), args(parser, &large, &[]));
        group.bench_function(format!("a string and a number from {name}"), |b| {
            b.iter(|| {
                let mut args = black_box(small).reader();
                (args.next::<String>(), args.next::<u32>())
            });
        });
        group.bench_function(format!("a catalogue from {name}"), |b| {
            b.iter(|| black_box(large).reader().next::<Vec<Item>>());
        });
    }
    let binary = encode(Parser::Json, &(picture(),));
    let attachments = [picture()];
    let binary = args(Parser::Json, &binary, &attachments);
    group.bench_function("bytes from an attachment", |b| b.iter(|| black_box(binary).reader().next::<Bytes>()));
    group.finish();
}

fn encoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    for (parser, name) in PARSERS {
        let mut event = |what: &str, args: &dyn EmitArgs| {
            group.bench_function(format!("{what} as {name}"), |b| b.iter(|| encode(parser, black_box(args))));
        };
        event("small event", &("hello", 42));
        event("catalogue", &catalogue());
        event("1 kB of bytes", &(picture(),));
        group.bench_function(format!("acknowledgement as {name}"), |b| {
            b.iter(|| parser.encode_ack("/", black_box(17), &"delivered"));
        });
    }
    let received = text_of(&encode(Parser::Json, &catalogue()));
    let received = Args::Json { text: &received[r#"2["say","#.len()..received.len() - 1], attachments: &[] };
    group.bench_function("catalogue as it was received", |b| b.iter(|| encode(Parser::Json, black_box(&received))));
    group.finish();
}

#[derive(Clone, Deserialize, Serialize)]
struct Item {
    id: u64,
    name: String,
    price: f64,
    tags: Vec<String>,
    available: bool,
}

/// One argument, which takes about 4 kB as JSON.
fn catalogue() -> impl EmitArgs {
    let item = |id: u64| Item {
        id: id * 1_000_003,
        name: format!("Übergröße \"{id}\" – a name that needs a look at every character"),
        price: id as f64 * 1.37,
        tags: vec!["new".to_owned(), "with\ttab".to_owned()],
        available: id.is_multiple_of(2),
    };
    ((0..26).map(item).collect::<Vec<_>>(),)
}

fn picture() -> Bytes {
    Bytes::from_static(&[7; 1000])
}

fn encode(parser: Parser, args: &(impl EmitArgs + ?Sized)) -> Encoded {
    parser.encode_event("/", None, "say", args, None).expect("everything here can be encoded")
}

fn text_of(packet: &Encoded) -> String {
    String::from_utf8(packet.head.as_slice().to_vec()).expect("JSON is text")
}

/// The arguments of a packet, without the name of the event.
fn args<'a>(parser: Parser, packet: &'a Encoded, attachments: &'a [Bytes]) -> Args<'a> {
    let mut args = parser.args(packet.head.as_slice(), packet.args.clone(), attachments).reader();
    assert!(matches!(args.next::<String>(), Some(Ok(_))), "the name comes first");
    args.rest()
}

const PARSERS: [(Parser, &str); 2] = [(Parser::Json, "JSON"), (Parser::MsgPack, "MessagePack")];
