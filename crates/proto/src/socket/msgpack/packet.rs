//! A whole Socket.IO packet as one MessagePack map: `{type, nsp, data, id}`.

use std::borrow::Cow;

use rmp::encode::{write_array_len, write_map_len, write_str, write_uint};

use super::cursor::{Cursor, Head};
use crate::socket::args::Args;
use crate::socket::json;
use crate::socket::packet::{Body, DecodeError, Packet, check_ack_id, check_event_name, check_namespace};
use crate::socket::transcode;

/// Reads a packet of a client.
pub(crate) fn decode_packet(bytes: &[u8]) -> Result<Packet<'_>, DecodeError> {
    let fields = Fields::read(bytes)?;
    let namespace = fields.namespace.ok_or(DecodeError::InvalidPayload)?;
    check_namespace(namespace)?;
    let body = match (fields.kind.ok_or(DecodeError::InvalidPayload)?, fields.data) {
        (0, data) => Body::Connect { auth: data.map(connect_payload).transpose()? },
        (1, None) => Body::Disconnect,
        (2, Some(data)) => event(data, fields.id)?,
        (3, Some(data)) => ack(data, fields.id)?,
        (4, _) => Body::ConnectError,
        (0..=4, _) => return Err(DecodeError::InvalidPayload),
        (other, _) => return Err(DecodeError::UnknownType(other.to_string())),
    };
    Ok(Packet { namespace: Cow::Borrowed(namespace), body })
}

/// What stands before the items of an event or acknowledgement: everything up to their array's header.
pub(crate) fn prefix(packet_type: u8, id: Option<u64>, items: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(24);
    write(write_map_len(&mut out, if id.is_some() { 4 } else { 3 }));
    push_type(&mut out, packet_type);
    write(write_str(&mut out, "data"));
    write(write_array_len(&mut out, items));
    out
}

/// What stands behind the items.
pub(crate) fn push_suffix(out: &mut Vec<u8>, namespace: &str, id: Option<u64>) {
    push_namespace(out, namespace);
    if let Some(id) = id {
        write(write_str(out, "id"));
        write(write_uint(out, id));
    }
}

/// Appends a packet that carries the given JSON, or nothing.
pub(crate) fn push_control(out: &mut Vec<u8>, packet_type: u8, namespace: &str, payload: &str) {
    write(write_map_len(out, if payload.is_empty() { 2 } else { 3 }));
    push_type(out, packet_type);
    push_namespace(out, namespace);
    if !payload.is_empty() {
        write(write_str(out, "data"));
        out.extend_from_slice(&transcode::json_to_msgpack(payload, &[]));
    }
}

fn push_type(out: &mut Vec<u8>, packet_type: u8) {
    write(write_str(out, "type"));
    write(write_uint(out, packet_type.into()));
}

fn push_namespace(out: &mut Vec<u8>, namespace: &str) {
    write(write_str(out, "nsp"));
    write(write_str(out, namespace));
}

/// Writing to memory cannot fail.
fn write<T, E: std::fmt::Debug>(written: Result<T, E>) {
    written.expect("memory takes what is written to it");
}

/// The fields that matter; `undefined` is as good as absent.
#[derive(Default)]
struct Fields<'a> {
    kind: Option<u64>,
    namespace: Option<&'a str>,
    data: Option<&'a [u8]>,
    id: Option<u64>,
}

impl<'a> Fields<'a> {
    /// Reads and checks all of a packet, in one go.
    fn read(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let Head::Map(len) = cursor.head()? else {
            return Err(DecodeError::InvalidPayload);
        };
        let mut fields = Self::default();
        for _ in 0..len {
            let mut whole = cursor;
            let key = cursor.head()?;
            // Nobody asks for such a key, but its members are none of the packet.
            if let Head::Array(_) | Head::Map(_) = key {
                whole.skip(1)?;
                cursor = whole;
            }
            let value = cursor.rest();
            cursor.skip(1)?;
            fields.set(key, &value[..value.len() - cursor.rest().len()])?;
        }
        if !cursor.rest().is_empty() {
            return Err(DecodeError::InvalidPayload);
        }
        Ok(fields)
    }

    fn set(&mut self, key: Head<'a>, value: &'a [u8]) -> Result<(), DecodeError> {
        let head = Cursor::new(value).head()?;
        // JavaScript's `undefined`, as the client's MessagePack library writes it.
        if let Head::Ext { kind: 0, data: [_], fixed: true } = head {
            return Ok(());
        }
        match (key, head) {
            (Head::Str("type"), Head::Unsigned(kind)) => self.kind = Some(kind),
            (Head::Str("nsp"), Head::Str(name)) => self.namespace = Some(name),
            (Head::Str("id"), Head::Unsigned(id)) => self.id = Some(check_ack_id(id)?),
            (Head::Str("data"), _) => self.data = Some(value),
            (Head::Str("type" | "nsp" | "id"), _) => return Err(DecodeError::InvalidPayload),
            _ => {}
        }
        Ok(())
    }
}

fn connect_payload(data: &[u8]) -> Result<Cow<'static, str>, DecodeError> {
    let Head::Map(_) = Cursor::new(data).head()? else {
        return Err(DecodeError::InvalidPayload);
    };
    transcode::msgpack_to_json(data).map(Cow::Owned)
}

fn event(data: &[u8], id: Option<u64>) -> Result<Body<'_>, DecodeError> {
    let mut cursor = Cursor::new(data);
    let Head::Array(1..) = cursor.head()? else {
        return Err(DecodeError::InvalidPayload);
    };
    let name = match cursor.head()? {
        Head::Str(name) => Cow::Borrowed(name),
        Head::Unsigned(number) => json::number_text(number as f64).into(),
        Head::Integer(number) => json::number_text(number as f64).into(),
        Head::Float(number) => json::number_text(number).into(),
        _ => return Err(DecodeError::InvalidPayload),
    };
    check_event_name(&name)?;
    let args = Args::MsgPack(cursor.rest());
    Ok(Body::Event { name, args, id })
}

fn ack(data: &[u8], id: Option<u64>) -> Result<Body<'_>, DecodeError> {
    let mut cursor = Cursor::new(data);
    let Head::Array(_) = cursor.head()? else {
        return Err(DecodeError::InvalidPayload);
    };
    let args = Args::MsgPack(cursor.rest());
    Ok(Body::Ack { id, args })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::{ConnectReply, Parser};

    fn packet(json: serde_json::Value) -> Vec<u8> {
        rmp_serde::to_vec(&json).unwrap()
    }

    fn refused(json: serde_json::Value) {
        let bytes = packet(json.clone());
        assert!(decode_packet(&bytes).is_err(), "{json}");
    }

    #[test]
    fn packets_of_the_javascript_client_decode() {
        let connect = b"\x83\xa4type\x00\xa4data\xd4\x00\x00\xa3nsp\xa1/";
        assert!(matches!(decode_packet(connect).unwrap().body, Body::Connect { auth: None }));
        let connect = b"\x83\xa4type\x00\xa4data\xd4\x00\x07\xa3nsp\xa1/";
        assert!(matches!(decode_packet(connect).unwrap().body, Body::Connect { auth: None }), "whatever is in it");

        let bytes = packet(serde_json::json!({"type": 0, "data": {"a": 1.5}, "nsp": "/x"}));
        let decoded = decode_packet(&bytes).unwrap();
        let Body::Connect { auth } = decoded.body else { panic!("a CONNECT") };
        assert_eq!((&*decoded.namespace, auth.as_deref()), ("/x", Some(r#"{"a":1.5}"#)));

        let bytes = packet(serde_json::json!({
            "type": 2, "data": ["e", 1], "options": {"compress": true}, "id": 7, "nsp": "/"
        }));
        let Body::Event { name, args, id } = decode_packet(&bytes).unwrap().body else { panic!("an event") };
        assert_eq!((&*name, id, args.reader().next::<u8>()), ("e", Some(7), Some(Ok(1))));

        for (number, text) in [(1.5, "1.5"), (-1.0, "-1")] {
            let bytes = packet(serde_json::json!({"type": 2, "data": [number], "nsp": "/"}));
            let Body::Event { name, .. } = decode_packet(&bytes).unwrap().body else { panic!("an event") };
            assert_eq!(name, text);
        }
    }

    #[test]
    fn malformed_packets_are_refused() {
        use serde_json::json;
        refused(json!(1));
        refused(json!({"type": 2, "data": ["e"]}));
        refused(json!({"type": 2, "nsp": "/"}));
        refused(json!({"type": 2, "data": {}, "nsp": "/"}));
        refused(json!({"type": 2, "data": [], "nsp": "/"}));
        refused(json!({"type": 2, "data": [null], "nsp": "/"}));
        refused(json!({"type": 2, "data": ["disconnect"], "nsp": "/"}));
        refused(json!({"type": 2, "data": ["e"], "nsp": 1}));
        refused(json!({"type": "2", "data": ["e"], "nsp": "/"}));
        refused(json!({"type": 2, "data": ["e"], "nsp": "/", "id": -1}));
        refused(json!({"type": 2, "data": ["e"], "nsp": "/", "id": 1.5}));
        refused(json!({"type": 2, "data": ["e"], "nsp": "/", "id": 9007199254740992_u64}));
        refused(json!({"type": 5, "data": ["e"], "nsp": "/"}));
        refused(json!({"type": 0, "data": [], "nsp": "/"}));
        refused(json!({"type": 0, "data": null, "nsp": "/"}));
        refused(json!({"type": 1, "data": 1, "nsp": "/"}));
        refused(json!({"type": 3, "data": 1, "nsp": "/"}));
        let mut trailing = packet(json!({"type": 1, "nsp": "/"}));
        assert!(decode_packet(&trailing).is_ok());
        trailing.push(0);
        assert!(decode_packet(&trailing).is_err());
    }

    #[test]
    fn a_field_nobody_knows_may_have_any_name() {
        let decode = |key: &[u8]| {
            decode_packet(&[b"\x84\xa4type\x02\xa3nsp\xa1/", key, b"\x00\xa4data\x91\xa1e"].concat()).is_ok()
        };
        for key in [&b"\x07"[..], b"\xc0", b"\x90", b"\x91\x01", b"\x81\xa4type\x92\x01\x02"] {
            assert!(decode(key), "{key:x?}");
        }
        for key in [&b"\xc1"[..], b"\x91", b"\x81\x01", b"\xdd\x69\x64\xd4\x00"] {
            assert!(!decode(key), "{key:x?}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let parser = Parser::MsgPack;
        let event = parser.encode_event("/a", Some(3), "e", &(1, "x"), Some("off")).unwrap();
        let decoded: serde_json::Value = rmp_serde::from_slice(event.head.as_slice()).unwrap();
        assert_eq!(decoded, serde_json::json!({"type": 2, "data": ["e", 1, "x", "off"], "nsp": "/a", "id": 3}));
        let reply = ConnectReply { sid: "s", pid: None };
        let connect = parser.encode_connect("/", reply);
        let decoded: serde_json::Value = rmp_serde::from_slice(connect.as_slice()).unwrap();
        assert_eq!(decoded, serde_json::json!({"type": 0, "nsp": "/", "data": {"sid": "s"}}));
        let disconnect = parser.encode_disconnect("/");
        let decoded: serde_json::Value = rmp_serde::from_slice(disconnect.as_slice()).unwrap();
        assert_eq!(decoded, serde_json::json!({"type": 1, "nsp": "/"}));
    }
}
