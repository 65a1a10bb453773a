//! Arguments that nobody has checked: reading them gives values or errors, never a panic and never without end.
#![no_main]

use std::collections::HashMap;

use bytes::Bytes;
use fanfare_proto::socket::{Args, Value};
use serde::de::DeserializeOwned;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&count, rest)) = data.split_first() else { return };
    read(&Args::MsgPack(rest), rest.len());
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let attachments = vec![Bytes::from_static(b"attachment"); usize::from(count % 3)];
    read(&Args::Json { text, attachments: &attachments }, text.len());
});

fn read(args: &Args<'_>, most: usize) {
    read_as::<Value>(args, most);
    read_as::<serde_json::Value>(args, most);
    read_as::<Option<String>>(args, most);
    read_as::<(u8, Bytes)>(args, most);
    read_as::<HashMap<String, f32>>(args, most);
    read_as::<Vec<Option<i64>>>(args, most);
}

fn read_as<T: DeserializeOwned>(args: &Args<'_>, most: usize) {
    let mut reader = args.reader();
    while let Some(value) = reader.next::<T>() {
        let _ = reader.rest();
        // MessagePack that is broken stays where it is; an application stops at the first argument it cannot read.
        if value.is_err() && matches!(args, Args::MsgPack(_)) {
            return;
        }
        assert!(reader.count() <= most, "more arguments than bytes");
    }
}
