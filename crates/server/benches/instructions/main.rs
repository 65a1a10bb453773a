//! The hottest paths, one at a time, for a tool that counts instructions: `make bench-check`.
//!
//! `instructions NAME COUNT` goes through a path so many times; without arguments it lists the names. What a path costs is
//! the difference between two runs of different counts, so that setting it up costs nothing.

mod codecs;
mod sockets;

use std::process::ExitCode;

/// A path: its name, and what sets it up and goes through it so many times.
type Path = (&'static str, fn(u64));

const PATHS: [Path; 12] = [
    ("decode a small event", codecs::decode_small_event),
    ("decode an event with an attachment", codecs::decode_attachment),
    ("decode 4 kB of JSON", codecs::decode_4kb),
    ("encode a small event", codecs::encode_small_event),
    ("encode a small event as MessagePack", codecs::encode_msgpack),
    ("carry a broadcast to another node", codecs::cluster_classic),
    ("carry a broadcast to another node, sharded", codecs::cluster_sharded),
    ("emit to 1,000 sockets", sockets::emit_to_all),
    ("emit to a room of 5", sockets::emit_to_room),
    ("join and leave a room", sockets::join_and_leave),
    ("acknowledge an event over polling", sockets::polling_round_trip),
    ("acknowledge an event over WebSocket", sockets::websocket_round_trip),
];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let Some(name) = args.next() else {
        PATHS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    let path = PATHS.iter().find(|(known, _)| *known == name);
    match (path, args.next().and_then(|count| count.parse().ok())) {
        (Some((_, run)), Some(count)) => {
            run(count);
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("usage: instructions [NAME COUNT]");
            ExitCode::FAILURE
        }
    }
}
