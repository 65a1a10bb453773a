//! Anything that can be sent: values, names, namespaces, ids.

use bytes::Bytes;
use fanfare_proto::socket::{Number, RESERVED_EVENTS, Value};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// A value of any shape, with binary data anywhere in it.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    leaf(true).prop_recursive(6, 40, 6, nest)
}

/// A value of any shape without binary data.
pub(crate) fn plain_value() -> impl Strategy<Value = Value> {
    leaf(false).prop_recursive(6, 40, 6, nest)
}

fn nest(inner: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    prop_oneof![vec(inner.clone(), 0..6).prop_map(Value::Array), vec((key(), inner), 0..6).prop_map(Value::Object),]
}

fn leaf(binary: bool) -> BoxedStrategy<Value> {
    let plain = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        number().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    if binary { prop_oneof![3 => plain, 1 => bytes().prop_map(Value::from)].boxed() } else { plain.boxed() }
}

/// A finite number, many of them whole.
pub(crate) fn number() -> impl Strategy<Value = f64> {
    let finite = any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |number| number.is_finite());
    prop_oneof![finite, any::<i32>().prop_map(f64::from), (-1000_i32..1000).prop_map(|number| f64::from(number) / 8.0)]
}

pub(crate) fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

/// Text, often with what has to be escaped in it.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[\\x00-\\x7f\u{2028}é😀]{0,20}"]
}

/// The name of a member; sometimes one that means something to somebody.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => text(),
        1 => prop::sample::select(vec!["_placeholder", "num", "__proto__", "constructor", "", "0"]).prop_map(str::to_owned),
    ]
}

pub(crate) fn event_name() -> impl Strategy<Value = String> {
    text().prop_filter("reserved", |name| !RESERVED_EVENTS.contains(&name.as_str()))
}

/// A namespace that the text form can hold: with a slash in front, without a comma, not too long.
pub(crate) fn namespace() -> impl Strategy<Value = String> {
    prop_oneof![Just("/".to_owned()), "/[^,]{0,60}"].prop_filter("too long", |name| name.len() <= 255)
}

pub(crate) fn id() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..1000, 0..1_u64 << 53]
}

pub(crate) fn optional_id() -> impl Strategy<Value = Option<u64>> {
    option::of(id())
}

pub(crate) fn args() -> impl Strategy<Value = Vec<Value>> {
    vec(value(), 0..5)
}

/// Whether a client would take an object in here for a placeholder, which no encoder can prevent.
pub(crate) fn looks_like_a_placeholder(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(looks_like_a_placeholder),
        Value::Object(members) => {
            members.iter().any(|(key, value)| key == "_placeholder" && *value == Value::Bool(true))
                || members.iter().any(|(_, value)| looks_like_a_placeholder(value))
        }
        _ => false,
    }
}

/// Whether two values are the same to JavaScript, where integers that both sides hold exactly are compared exactly.
pub(crate) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => same_number(*one, *other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let same = |(one, other): (&(String, Value), &(String, Value))| one.0 == other.0 && same(&one.1, &other.1);
            one.len() == other.len() && one.iter().zip(other).all(same)
        }
        _ => one == other,
    }
}

fn same_number(one: Number, other: Number) -> bool {
    match (one, other) {
        (Number::Float(_), _) | (_, Number::Float(_)) => one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}

pub(crate) fn all_same(ones: &[Value], others: &[Value]) -> bool {
    ones.len() == others.len() && ones.iter().zip(others).all(|(one, other)| same(one, other))
}
