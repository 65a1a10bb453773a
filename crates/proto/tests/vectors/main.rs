//! What the protocol texts and the reference server say, as tables: one for each section.
//!
//! "Rows" such as S07 or SIO-19 are those of `features.md` and `limits.md`; where they part, `limits.md` decides.
//! The tables are constants, because fuzzing starts from them, too.

pub(crate) mod acks;
pub(crate) mod binary;
pub(crate) mod connecting;
pub(crate) mod engine_packets;
pub(crate) mod events;
mod handshake;
pub(crate) mod json;
pub(crate) mod malformed;
pub(crate) mod msgpack;
pub(crate) mod payloads;
mod sample_session;
pub(crate) mod show;
