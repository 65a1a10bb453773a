//! How the captured messages are written down. See `vectors/README.md`.

use bytes::Bytes;
use fanfare_proto::socket::{Args, Value};
use serde_json::Value as Json;

/// A file of captured messages.
pub(crate) fn cases(file: &str) -> Vec<Json> {
    let path = format!("{}/tests/cluster/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let file: Json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
    file["cases"].as_array().expect("a file has cases").clone()
}

/// The bytes of a hexadecimal text.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("two hexadecimal digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

/// A value as it is written down, as a program would see it: dates as text, `undefined` as null.
pub(crate) fn value(json: &Json) -> Value {
    match json {
        Json::Array(items) => items.iter().map(value).collect::<Vec<_>>().into(),
        Json::Object(members) => match members.iter().next() {
            Some((key, Json::String(hex))) if key == "$bin" => Value::Binary(unhex(hex).into()),
            Some((key, number)) if key == "$f64" || key == "$f32" => float(number),
            Some((key, Json::String(digits))) if key == "$int" => integer(digits),
            Some((key, Json::Array(pairs))) if key == "$map" => {
                Value::Object(pairs.iter().map(|pair| (name(&pair[0]), value(&pair[1]))).collect())
            }
            Some((key, Json::Array(parts))) if key == "$ext" => extension(parts),
            _ => Value::Object(members.iter().map(|(key, member)| (key.clone(), value(member))).collect()),
        },
        plain => Value::from(plain.clone()),
    }
}

/// All arguments.
pub(crate) fn values(args: &Args<'_>) -> Vec<Value> {
    let mut reader = args.reader();
    std::iter::from_fn(|| reader.next()).map(|value| value.expect("a value takes anything")).collect()
}

fn name(key: &Json) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}

fn float(number: &Json) -> Value {
    Value::from(match number.as_str() {
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        Some(_) => -0.0,
        None => number.as_f64().expect("a number"),
    })
}

fn integer(digits: &str) -> Value {
    match digits.parse::<u64>() {
        Ok(number) => number.into(),
        Err(_) => digits.parse::<i64>().expect("an integer").into(),
    }
}

/// What an extension means, by decoding it alone.
fn extension(parts: &[Json]) -> Value {
    let (kind, data) = (parts[0].as_i64().expect("a type"), unhex(parts[1].as_str().expect("its data")));
    let mut bytes = match data.len() {
        1 => vec![0xd4],
        4 => vec![0xd6],
        8 => vec![0xd7],
        len => vec![0xc7, u8::try_from(len).expect("it is short")],
    };
    bytes.push(i8::try_from(kind).expect("a byte").cast_unsigned());
    bytes.extend(data);
    values(&Args::MsgPack(&bytes)).remove(0)
}

/// Whether two values are the same for JavaScript, which knows one kind of number.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            let (left, right) = (left.as_f64(), right.as_f64());
            left == right || left.is_nan() && right.is_nan()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        // `undefined` members may be there as null, or not at all.
        (Value::Object(left), Value::Object(right)) => {
            let all =
                |one: &[(String, Value)], other: &Value| one.iter().all(|(key, value)| same(value, &other[&**key]));
            all(left, &Value::Object(right.clone())) && all(right, &Value::Object(left.clone()))
        }
        _ => left == right,
    }
}

/// The frames a client received, text as text, binary data as bytes.
pub(crate) fn frames(list: &Json) -> Vec<Result<String, Bytes>> {
    let frame = |frame: &Json| match frame {
        Json::String(text) => Ok(text.clone()),
        binary => Err(unhex(binary["$bin"].as_str().expect("text or binary data")).into()),
    };
    list.as_array().map(|frames| frames.iter().map(frame).collect()).unwrap_or_default()
}
