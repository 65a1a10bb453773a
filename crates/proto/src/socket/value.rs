//! A value of any shape, binary data included.

use std::fmt;
use std::ops::Index;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::args::ArgError;
use super::encoder::EncodeError;
use super::transcode;

/// Whatever a client can send as one argument: JSON, and binary data at any depth.
///
/// For code that cannot know the shape; where it is known, a type of your own is faster and clearer.
///
/// ```
/// use fanfare_proto::socket::Value;
///
/// let value = Value::from(serde_json::json!({"user": {"name": "ann", "age": 7}}));
/// assert_eq!(value["user"]["name"].as_str(), Some("ann"));
/// assert_eq!(value["user"]["age"].as_f64(), Some(7.0));
/// assert_eq!(value["no"]["such"], Value::Null);
/// assert_eq!(value["user"]["age"].read(), Ok(7));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// `null`, and JavaScript's `undefined`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// Binary data: `Buffer`, `ArrayBuffer`, typed arrays, `Blob` and `File` in JavaScript.
    Binary(Bytes),
    /// An array.
    Array(Vec<Self>),
    /// An object, its keys in the order they came.
    Object(Vec<(String, Self)>),
}

/// A number, exact where an integer fits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer of any sign that fits.
    Integer(i64),
    /// A larger integer.
    Unsigned(u64),
    /// Any other number.
    Float(f64),
}

impl Value {
    /// Writes any value down.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        // Through MessagePack, which has bytes; JSON has not.
        let mut packed = Vec::new();
        transcode::write_msgpack(&mut packed, value)?;
        rmp_serde::from_slice(&packed).map_err(|error| EncodeError(error.to_string()))
    }

    /// Reads it as a type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ArgError> {
        let read = rmp_serde::to_vec(self).map_err(|error| error.to_string());
        let read = read.and_then(|packed| rmp_serde::from_slice(&packed).map_err(|error| error.to_string()));
        read.map_err(|message| ArgError { index: 0, message })
    }

    /// The member of an object, or `None` for any other value. Of two with one name the last counts, as in JavaScript.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text, when this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when this is one, rounded as JavaScript rounds it.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number.as_f64()),
            _ => None,
        }
    }

    /// The bytes, when this is binary data.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The items, when this is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }
}

impl Number {
    /// The number as JavaScript holds it.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Integer(number) => number as f64,
            Self::Unsigned(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

/// The member of an object; `Null` where there is none, as in JavaScript.
impl Index<&str> for Value {
    type Output = Self;

    fn index(&self, key: &str) -> &Self {
        self.get(key).unwrap_or(&Self::Null)
    }
}

/// The item of an array; `Null` where there is none, as in JavaScript.
impl Index<usize> for Value {
    type Output = Self;

    fn index(&self, index: usize) -> &Self {
        self.as_array().and_then(|items| items.get(index)).unwrap_or(&Self::Null)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Number::Integer(number))
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).map_or(Number::Unsigned(number), Number::Integer))
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(Number::Float(number))
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<Self>> for Value {
    fn from(items: Vec<Self>) -> Self {
        Self::Array(items)
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        Self::deserialize(value).expect("every JSON value is a value")
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(Number::Integer(number)) => serializer.serialize_i64(*number),
            Self::Number(Number::Unsigned(number)) => serializer.serialize_u64(*number),
            Self::Number(Number::Float(number)) => serializer.serialize_f64(*number),
            Self::String(text) => serializer.serialize_str(text),
            Self::Binary(bytes) => serializer.serialize_bytes(bytes),
            Self::Array(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| seq.serialize_element(item))?;
                seq.end()
            }
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                members.iter().try_for_each(|(key, value)| map.serialize_entry(key, value))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Value, E> {
        Ok(Bytes::copy_from_slice(bytes).into())
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Value, E> {
        Ok(Bytes::from(bytes).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_json_survives_in_order() {
        let text = r#"{"z":1,"a":[null,true,-2,1.5,18446744073709551615,"é"],"":{}}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
    }

    #[test]
    fn any_type_can_be_written_down_and_read() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct User {
            name: String,
            picture: Bytes,
        }
        let user = User { name: "ann".to_owned(), picture: Bytes::from_static(&[1, 2]) };
        let value = Value::of(&user).unwrap();
        assert_eq!(value["picture"].as_bytes(), Some(&user.picture));
        assert_eq!(value.read(), Ok(user));
        assert!(value.read::<u8>().is_err());
    }

    #[test]
    fn indexing_is_forgiving() {
        let value = Value::from(serde_json::json!({"a": ["x", 2]}));
        assert_eq!(value["a"][0].as_str(), Some("x"));
        assert_eq!(value["a"][1].as_f64(), Some(2.0));
        assert_eq!(value["b"]["c"][7], Value::Null);
    }

    #[test]
    fn of_two_members_with_one_name_the_last_counts() {
        let value: Value = serde_json::from_str(r#"{"a":1,"a":2}"#).unwrap();
        assert_eq!(value["a"].as_f64(), Some(2.0));
    }
}
