//! What the protocol texts and the reference server say, as tables: one for each section.
//!
//! "Rows" such as S07 or SIO-19 are those of `features.md` and `limits.md`; where they part, `limits.md` decides.
//! The tables are constants, because fuzzing starts from them, too.

mod acks;
mod binary;
mod connecting;
mod engine_packets;
mod events;
mod handshake;
mod json;
mod malformed;
mod msgpack;
mod payloads;
mod sample_session;
mod show;
