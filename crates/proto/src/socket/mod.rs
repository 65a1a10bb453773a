//! Socket.IO protocol 5: what travels in the messages of an Engine.IO session.
//!
//! Incoming: a [`Decoder`] turns messages into [`Packet`]s, whose arguments an [`ArgsReader`] gives out one
//! by one, in the types the caller asks for. Outgoing: a [`Parser`] writes a whole packet, ready to be
//! framed by a transport, from anything that implements [`EmitArgs`].

mod args;
mod attachment;
mod decoder;
mod encoder;
pub(crate) mod json;
pub(crate) mod msgpack;
mod packet;
mod placeholders;
pub(crate) mod transcode;
mod value;

pub use args::{ArgError, Args, ArgsReader, ArgsWriter, EmitArgs, RawArgs};
pub use decoder::{Assembled, Decoded, Decoder, DecoderLimits};
pub use encoder::{ConnectReply, EncodeError, Encoded, Parser};
pub use json::MAX_DEPTH;
pub use packet::{Body, DecodeError, Packet, RESERVED_EVENTS};
pub use value::{Number, Value};
