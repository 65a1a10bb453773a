//! Writes the tables of the tests as files, for the fuzz targets to start from: `seeds DIRECTORY`.

use std::path::Path;
use std::{env, fs, io};

#[path = "../tests/vectors/main.rs"]
#[allow(dead_code, unused_imports, reason = "only the tables matter here")]
mod vectors;

use vectors::show::Message;
use vectors::{acks, binary, connecting, engine_packets, events, json, malformed, msgpack, payloads};

fn main() -> io::Result<()> {
    let directory = env::args_os().nth(1).expect("usage: seeds DIRECTORY");
    let write = |target, seeds: Vec<Vec<u8>>| write(&Path::new(&directory).join(target), &seeds);
    write("engine_packet", packets())?;
    write("engine_payload", payloads::FROM_CLIENT.iter().map(|(text, _)| bytes(text)).collect())?;
    write("socket_messages", socket_texts().chain(socket_sequences()).collect())?;
    write("socket_msgpack", msgpack_packets())?;
    write("args", args())?;
    write("transcode", json::VALUES.iter().map(|(text, _)| bytes(text)).collect())?;
    write("json", json::VALUES.iter().map(|(text, _)| text).chain(json::REFUSED).map(bytes).collect())
}

fn write(directory: &Path, seeds: &[Vec<u8>]) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(directory.join(format!("table-{number}")), seed)?;
    }
    Ok(())
}

fn bytes(text: impl AsRef<str>) -> Vec<u8> {
    text.as_ref().as_bytes().to_vec()
}

fn packets() -> Vec<Vec<u8>> {
    let forms = engine_packets::TEXT_FORMS.iter().chain(engine_packets::LENIENT_FORMS).map(|(text, _)| text);
    let errors = engine_packets::UNKNOWN_TYPES.iter().chain(engine_packets::BAD_BASE64);
    forms.chain(errors).map(bytes).collect()
}

fn socket_texts() -> impl Iterator<Item = Vec<u8>> {
    let tables = [connecting::FROM_CLIENT, events::FROM_CLIENT, acks::FROM_CLIENT];
    let sound = tables.into_iter().flatten().map(|(text, _)| text);
    let refused = [connecting::REFUSED, events::REFUSED, acks::REFUSED, malformed::UNKNOWN_TYPES].into_iter().flatten();
    let counts = binary::BAD_COUNTS.iter().map(|head| format!("{head}[\"e\"]"));
    let placeholders = binary::BAD_PLACEHOLDERS.iter().map(|args| format!("51-[\"e\",{args}]"));
    sound.chain(refused).map(bytes).chain(counts.chain(placeholders).map(bytes))
}

/// Messages with record separators between them, binary ones behind a `b`.
fn socket_sequences() -> impl Iterator<Item = Vec<u8>> {
    let message = |message: &Message| match message {
        Message::Text(text) => bytes(text),
        Message::Binary(data) => [b"b", *data].concat(),
    };
    binary::FROM_CLIENT.iter().map(move |(messages, _)| {
        let messages: Vec<_> = messages.iter().map(message).collect();
        messages.join(&0x1e)
    })
}

fn msgpack_packets() -> Vec<Vec<u8>> {
    let sound = msgpack::FROM_CLIENT.iter().map(|(bytes, _)| bytes.to_vec());
    let head = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1e";
    let broken = msgpack::BAD_VALUES.iter().map(|value| [head, *value].concat());
    sound.chain(broken).collect()
}

/// A number of attachments, then arguments of either parser.
fn args() -> Vec<Vec<u8>> {
    let texts = json::VALUES.iter().map(|(text, _)| bytes(format!("\0{text},{text}")));
    let placeholders = binary::BAD_PLACEHOLDERS.iter().map(|args| bytes(format!("\x01{args}")));
    let msgpack = msgpack::BAD_VALUES.iter().map(|value| [b"\0", *value].concat());
    texts.chain(placeholders).chain(msgpack).collect()
}
