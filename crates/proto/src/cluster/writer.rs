//! Writes one message between nodes, in either form, its members in the order in which they are given.

use crate::socket::json::push_string;

/// The form of a message or of what goes into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    MsgPack,
}

/// Writes one value.
#[derive(Debug)]
pub(super) struct Writer {
    form: Form,
    out: Vec<u8>,
}

/// Writes the members of an object, of which there are at most 15.
#[derive(Debug)]
pub(super) struct Members<'a> {
    writer: &'a mut Writer,
    /// Where the header stands, for MessagePack: the count is filled in at the end.
    start: usize,
    count: u8,
}

impl Writer {
    pub(super) fn new(form: Form) -> Self {
        Self { form, out: Vec::with_capacity(TYPICAL_LEN) }
    }

    /// Writes a whole message.
    pub(super) fn message(form: Form, write: impl FnOnce(&mut Members<'_>)) -> Vec<u8> {
        let mut writer = Self::new(form);
        writer.object(write);
        writer.out
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    pub(super) fn object(&mut self, write: impl FnOnce(&mut Members<'_>)) {
        let start = self.out.len();
        self.out.push(match self.form {
            Form::Json => b'{',
            Form::MsgPack => FIX_MAP,
        });
        let mut members = Members { writer: self, start, count: 0 };
        write(&mut members);
        let count = members.count;
        match self.form {
            Form::Json => self.out.push(b'}'),
            Form::MsgPack => {
                assert!(count < 16, "no message has more members");
                self.out[start] = FIX_MAP | count;
            }
        }
    }

    pub(super) fn string(&mut self, text: &str) {
        match self.form {
            Form::Json => push_string(&mut self.out, text),
            Form::MsgPack => written(rmp::encode::write_str(&mut self.out, text)),
        }
    }

    pub(super) fn number(&mut self, number: u64) {
        match self.form {
            Form::Json => self.out.extend_from_slice(number.to_string().as_bytes()),
            Form::MsgPack => written(rmp::encode::write_uint(&mut self.out, number)),
        }
    }

    pub(super) fn bool(&mut self, value: bool) {
        match self.form {
            Form::Json => self.out.extend_from_slice(if value { b"true" } else { b"false" }),
            Form::MsgPack => written(rmp::encode::write_bool(&mut self.out, value)),
        }
    }

    pub(super) fn strings(&mut self, texts: impl ExactSizeIterator<Item: AsRef<str>>) {
        self.begin_array(texts.len());
        for (index, text) in texts.enumerate() {
            if index > 0 && self.form == Form::Json {
                self.out.push(b',');
            }
            self.string(text.as_ref());
        }
        self.end_array();
    }

    /// An array of items that have been written in the form of the message, in JSON with commas between them.
    pub(super) fn items(&mut self, count: u32, items: &[u8]) {
        self.begin_array(count as usize);
        self.out.extend_from_slice(items);
        self.end_array();
    }

    /// A value that has been written in the form of the message.
    pub(super) fn raw(&mut self, value: &[u8]) {
        self.out.extend_from_slice(value);
    }

    /// Begins a tuple, whose values follow one by one. MessagePack only.
    pub(super) fn begin_tuple(&mut self, len: usize) {
        debug_assert_eq!(self.form, Form::MsgPack, "JSON would need commas");
        self.begin_array(len);
    }

    fn begin_array(&mut self, len: usize) {
        match self.form {
            Form::Json => self.out.push(b'['),
            Form::MsgPack => {
                let len = u32::try_from(len).expect("memory holds fewer");
                written(rmp::encode::write_array_len(&mut self.out, len));
            }
        }
    }

    fn end_array(&mut self) {
        if self.form == Form::Json {
            self.out.push(b']');
        }
    }
}

impl Members<'_> {
    /// The name of the next member; its value is to be written behind it.
    pub(super) fn member(&mut self, name: &str) -> &mut Writer {
        if self.writer.form == Form::Json && self.count > 0 {
            self.writer.out.push(b',');
        }
        debug_assert!(self.start < self.writer.out.len(), "inside of the object");
        self.count += 1;
        self.writer.string(name);
        if self.writer.form == Form::Json {
            self.writer.out.push(b':');
        }
        self.writer
    }
}

/// Writing to memory cannot fail.
fn written<T, E: std::fmt::Debug>(result: Result<T, E>) {
    result.expect("memory takes what is written to it");
}

const FIX_MAP: u8 = 0x80;
const TYPICAL_LEN: usize = 192;

#[cfg(test)]
mod tests {
    use super::*;

    fn write(form: Form) -> Vec<u8> {
        Writer::message(form, |members| {
            members.member("a").number(300);
            members.member("b").object(|members| {
                members.member("c").strings(["x", "y\""].iter());
                members.member("d").bool(true);
            });
            members.member("e").strings(std::iter::empty::<&str>());
        })
    }

    #[test]
    fn both_forms_say_the_same() {
        let json = write(Form::Json);
        assert_eq!(std::str::from_utf8(&json).unwrap(), r#"{"a":300,"b":{"c":["x","y\""],"d":true},"e":[]}"#);
        let packed: serde_json::Value = rmp_serde::from_slice(&write(Form::MsgPack)).unwrap();
        assert_eq!(packed, serde_json::from_slice::<serde_json::Value>(&json).unwrap());
    }
}
