//! JSON as JavaScript reads and writes it.
//!
//! Incoming text is checked once, without building values; arguments are deserialised
//! later, straight from the same text, into the types a handler asks for.

mod check;
mod number;
mod scan;
mod string;
mod tokens;

pub(crate) use number::{number_text, push_number};
pub(crate) use string::{push_string, unescape};
pub(crate) use tokens::{JsonError, Token, Tokens};

/// How deep arrays and objects may nest. Source: `limits.md`; serde_json's own limit is the same.
pub const MAX_DEPTH: u32 = 128;
