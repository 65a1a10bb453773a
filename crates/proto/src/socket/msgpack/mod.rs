//! MessagePack, as `socket.io-msgpack-parser` writes it.

mod cursor;
mod packet;

pub(crate) use cursor::{Cursor, Head, count, value};
pub(crate) use packet::{decode_packet, prefix, push_control, push_suffix};
