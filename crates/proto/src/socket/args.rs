//! The arguments of events and acknowledgements.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use smallvec::SmallVec;

use super::encoder::{EncodeError, Parser};
use super::json::Tokens;
use super::{msgpack, transcode};

/// Arguments as they were received: checked, but not yet turned into values.
#[derive(Clone, Copy, Debug)]
pub enum Args<'a> {
    /// JSON values with commas between them, with the attachments that their placeholders stand for.
    Json {
        /// The values.
        text: &'a str,
        /// The attachments; without any, objects that look like placeholders are plain data.
        attachments: &'a [Bytes],
    },
    /// MessagePack values, one behind the other.
    MsgPack(&'a [u8]),
}

/// Gives out arguments one by one.
#[derive(Clone, Debug)]
pub struct ArgsReader<'a> {
    args: Args<'a>,
    /// Over the JSON text.
    tokens: Tokens<'a>,
    /// Bytes of MessagePack that have been given out.
    position: usize,
    /// Arguments that have been given out.
    count: usize,
}

/// Arguments that outlive the message they came in; they can be passed on as they are.
///
/// ```
/// use fanfare_proto::socket::RawArgs;
///
/// let args = RawArgs::of(&(1, "two")).unwrap();
/// let mut reader = args.as_args().reader();
/// assert_eq!(reader.next::<u8>(), Some(Ok(1)));
/// assert_eq!(reader.next::<String>(), Some(Ok("two".to_owned())));
/// assert_eq!(reader.next::<u8>(), None);
/// ```
#[derive(Clone, Debug)]
pub struct RawArgs {
    data: RawData,
}

#[derive(Clone, Debug)]
enum RawData {
    Json { text: Box<str>, attachments: SmallVec<[Bytes; 1]> },
    MsgPack(Box<[u8]>),
}

/// An argument that is not of the type that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("argument {index}: {message}")]
pub struct ArgError {
    /// Which argument, counted from 0.
    pub index: usize,
    /// What is wrong with it.
    pub message: String,
}

impl ArgError {
    /// There is no such argument.
    pub fn missing(index: usize) -> Self {
        Self { index, message: "it is missing".to_owned() }
    }
}

impl<'a> Args<'a> {
    /// No arguments.
    pub const NONE: Args<'static> = Args::Json { text: "", attachments: &[] };

    /// Starts giving out arguments, from the first.
    pub fn reader(&self) -> ArgsReader<'a> {
        let text = match *self {
            Self::Json { text, .. } => text,
            Self::MsgPack(_) => "",
        };
        ArgsReader { args: *self, tokens: Tokens::of_items(text), position: 0, count: 0 }
    }

    /// The first argument alone, if there is one.
    pub fn first(&self) -> Option<Self> {
        match *self {
            Self::Json { text, attachments } => {
                let item = Tokens::of_items(text).skip_value()?;
                Some(Self::Json { text: &text[item], attachments })
            }
            Self::MsgPack(bytes) => msgpack::value(bytes).ok().map(|value| Self::MsgPack(value.bytes)),
        }
    }

    /// Copies the arguments so that they can be kept.
    pub fn to_raw(&self) -> RawArgs {
        let data = match *self {
            Self::Json { text, attachments } => RawData::Json { text: text.into(), attachments: attachments.into() },
            Self::MsgPack(bytes) => RawData::MsgPack(bytes.into()),
        };
        RawArgs { data }
    }

    #[cfg(test)]
    pub(super) fn show(&self) -> String {
        match self {
            Self::Json { text, .. } => (*text).to_owned(),
            Self::MsgPack(bytes) => format!("{bytes:02x?}"),
        }
    }
}

impl<'a> ArgsReader<'a> {
    /// The next argument; `None` when there is no more.
    #[expect(clippy::should_implement_trait, reason = "every argument has a type of its own")]
    pub fn next<T: DeserializeOwned>(&mut self) -> Option<Result<T, ArgError>> {
        let index = self.count;
        let value = match self.args {
            Args::Json { text, attachments } => read_json(text, attachments, &mut self.tokens)?,
            Args::MsgPack(bytes) => read_msgpack(bytes, &mut self.position)?,
        };
        self.count += 1;
        Some(value.map_err(|message| ArgError { index, message }))
    }

    /// The arguments that have not been given out yet.
    pub fn rest(&self) -> Args<'a> {
        match self.args {
            Args::Json { text, attachments } => {
                let rest = text[self.tokens.position()..].trim_start();
                Args::Json { text: rest.strip_prefix(',').unwrap_or(rest), attachments }
            }
            Args::MsgPack(bytes) => Args::MsgPack(&bytes[self.position..]),
        }
    }

    /// How many arguments have been given out.
    pub fn count(&self) -> usize {
        self.count
    }
}

fn read_json<T: DeserializeOwned>(
    text: &str,
    attachments: &[Bytes],
    tokens: &mut Tokens<'_>,
) -> Option<Result<T, String>> {
    let value = &text[tokens.skip_value()?];
    if attachments.is_empty() {
        match serde_json::from_str(value) {
            // The text has been checked, so this is what JavaScript reads and serde_json does not: half of a
            // surrogate pair, or a number that is out of range.
            Err(error) if error.is_syntax() => {}
            read => return Some(read.map_err(|error| error.to_string())),
        }
    }
    // JSON has no bytes; MessagePack has, and serde reads it just the same.
    let packed = transcode::json_to_msgpack(value, attachments);
    Some(rmp_serde::from_slice(&packed).map_err(|error| error.to_string()))
}

fn read_msgpack<T: DeserializeOwned>(bytes: &[u8], position: &mut usize) -> Option<Result<T, String>> {
    let rest = bytes.get(*position..).filter(|rest| !rest.is_empty())?;
    let value = match msgpack::value(rest) {
        Ok(value) => value,
        Err(error) => return Some(Err(error.to_string())),
    };
    *position += value.bytes.len();
    let plain = value.without_extensions();
    Some(rmp_serde::from_slice(&plain).map_err(|error| error.to_string()))
}

impl RawArgs {
    /// Writes arguments down, to be kept or passed on.
    pub fn of(args: &(impl EmitArgs + ?Sized)) -> Result<Self, EncodeError> {
        // MessagePack has bytes, so that nothing stands beside it.
        let (mut out, mut attachments) = (Vec::new(), Vec::new());
        args.write(&mut ArgsWriter::new(Parser::MsgPack, &mut out, &mut attachments))?;
        Ok(Self { data: RawData::MsgPack(out.into()) })
    }

    /// The arguments.
    pub fn as_args(&self) -> Args<'_> {
        match &self.data {
            RawData::Json { text, attachments } => Args::Json { text, attachments },
            RawData::MsgPack(bytes) => Args::MsgPack(bytes),
        }
    }
}

/// What can be sent as the arguments of an event or an acknowledgement.
///
/// A reference is one argument, a tuple is several, `()` is none:
///
/// ```
/// use fanfare_proto::socket::{EmitArgs, Parser};
///
/// fn text(args: impl EmitArgs) -> String {
///     let packet = Parser::Json.encode_event("/", None, "e", &args, None).unwrap();
///     String::from_utf8(packet.head.as_slice().to_vec()).unwrap()
/// }
/// assert_eq!(text(()), r#"2["e"]"#);
/// assert_eq!(text("one"), r#"2["e","one"]"#);
/// assert_eq!(text(&[1, 2]), r#"2["e",[1,2]]"#);
/// assert_eq!(text((1, "two", &[3])), r#"2["e",1,"two",[3]]"#);
/// ```
///
/// What serialises as bytes (`bytes::Bytes`, `serde_bytes`) travels as binary, at any depth.
pub trait EmitArgs {
    /// Writes the arguments.
    fn write(&self, out: &mut ArgsWriter<'_>) -> Result<(), EncodeError>;
}

/// Where [`EmitArgs`] are written to.
#[derive(Debug)]
pub struct ArgsWriter<'a> {
    parser: Parser,
    out: &'a mut Vec<u8>,
    attachments: &'a mut Vec<Bytes>,
    /// Items in the array so far, event name included.
    items: u32,
}

impl<'a> ArgsWriter<'a> {
    pub(crate) fn new(parser: Parser, out: &'a mut Vec<u8>, attachments: &'a mut Vec<Bytes>) -> Self {
        Self { parser, out, attachments, items: 0 }
    }

    /// Writes one argument.
    pub fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        match self.parser {
            Parser::Json => {
                self.separate();
                transcode::write_json(self.out, self.attachments, value)?;
            }
            Parser::MsgPack => transcode::write_msgpack(self.out, value)?,
        }
        self.items += 1;
        Ok(())
    }

    /// Writes arguments that were received, as they are. They have to come first where they hold attachments,
    /// since their placeholders count from 0.
    pub fn push_raw(&mut self, args: Args<'_>) -> Result<(), EncodeError> {
        match (self.parser, args) {
            (Parser::Json, Args::Json { text, attachments }) if self.attachments.is_empty() => {
                let items = text.trim_ascii();
                if !items.is_empty() {
                    // Of what is long, nothing is copied again because a bracket follows.
                    self.out.reserve(items.len() + 2);
                    self.separate();
                    self.out.extend_from_slice(items.as_bytes());
                    // One or more: JSON only asks whether a comma is due.
                    self.items += 1;
                }
                self.attachments.extend_from_slice(attachments);
                Ok(())
            }
            (Parser::MsgPack, Args::MsgPack(bytes)) => {
                self.out.extend_from_slice(bytes);
                self.items += msgpack::count(bytes);
                Ok(())
            }
            (Parser::Json, Args::MsgPack(bytes)) => self.push_msgpack(bytes),
            _ => {
                let mut args = args.reader();
                while let Some(value) = args.next::<super::Value>() {
                    self.push(&value.map_err(|error| EncodeError(error.to_string()))?)?;
                }
                Ok(())
            }
        }
    }

    /// Writes MessagePack values as JSON.
    fn push_msgpack(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let mut cursor = msgpack::Cursor::new(bytes);
        while !cursor.rest().is_empty() {
            self.separate();
            let mut binaries = transcode::Binaries::Attach(self.attachments);
            transcode::push_json(self.out, &mut cursor, &mut binaries)
                .map_err(|error| EncodeError(error.to_string()))?;
            self.items += 1;
        }
        Ok(())
    }

    pub(crate) fn items(&self) -> u32 {
        self.items
    }

    fn separate(&mut self) {
        if self.items > 0 {
            self.out.push(b',');
        }
    }
}

impl<T: Serialize + ?Sized> EmitArgs for &T {
    fn write(&self, out: &mut ArgsWriter<'_>) -> Result<(), EncodeError> {
        out.push(*self)
    }
}

impl EmitArgs for Args<'_> {
    fn write(&self, out: &mut ArgsWriter<'_>) -> Result<(), EncodeError> {
        out.push_raw(*self)
    }
}

impl EmitArgs for RawArgs {
    fn write(&self, out: &mut ArgsWriter<'_>) -> Result<(), EncodeError> {
        out.push_raw(self.as_args())
    }
}

impl EmitArgs for () {
    fn write(&self, _: &mut ArgsWriter<'_>) -> Result<(), EncodeError> {
        Ok(())
    }
}

macro_rules! tuples_are_several_arguments {
    ($($name:ident)+) => {
        impl<$($name: Serialize),+> EmitArgs for ($($name,)+) {
            fn write(&self, out: &mut ArgsWriter<'_>) -> Result<(), EncodeError> {
                #[expect(non_snake_case, reason = "a type parameter names its value too")]
                let ($($name,)+) = self;
                $(out.push($name)?;)+
                Ok(())
            }
        }
    };
}

tuples_are_several_arguments!(A);
tuples_are_several_arguments!(A B);
tuples_are_several_arguments!(A B C);
tuples_are_several_arguments!(A B C D);
tuples_are_several_arguments!(A B C D E);
tuples_are_several_arguments!(A B C D E F);
tuples_are_several_arguments!(A B C D E F G);
tuples_are_several_arguments!(A B C D E F G H);

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Args<'_> {
        Args::Json { text, attachments: &[] }
    }

    #[test]
    fn arguments_come_one_by_one_in_their_types() {
        let mut args = json(r#" 1 ,"two", {"three":[3]} ,null"#).reader();
        assert_eq!(args.next::<u8>(), Some(Ok(1)));
        assert_eq!(args.next::<String>(), Some(Ok("two".to_owned())));
        assert_eq!(args.next::<serde_json::Value>(), Some(Ok(serde_json::json!({"three": [3]}))));
        assert_eq!(args.next::<Option<u8>>(), Some(Ok(None)));
        assert_eq!(args.next::<u8>(), None);
        assert_eq!(args.count(), 4);
    }

    #[test]
    fn the_rest_can_be_had() {
        let mut args = json("1 , 2,3").reader();
        args.next::<u8>();
        let mut rest = args.rest().reader();
        assert_eq!((rest.next::<u8>(), rest.next::<u8>(), rest.next::<u8>()), (Some(Ok(2)), Some(Ok(3)), None));
        let mut args = Args::MsgPack(&[1, 2]).reader();
        args.next::<u8>();
        assert_eq!(args.rest().reader().next::<u8>(), Some(Ok(2)));
    }

    #[test]
    fn a_wrong_type_is_an_error_that_names_the_argument() {
        let mut args = json("1,\"x\"").reader();
        args.next::<u8>();
        let error = args.next::<u8>().unwrap().unwrap_err();
        assert_eq!(error.index, 1);
        assert!(error.to_string().starts_with("argument 1: invalid type: string \"x\""), "{error}");
    }

    #[test]
    fn numbers_keep_their_last_digit() {
        let mut args = json("4.2361206810516987e98,5.593509954263016e173").reader();
        assert_eq!(args.next::<f64>(), Some(Ok(4.2361206810516987e98)));
        assert_eq!(args.next::<f64>(), Some(Ok(5.593509954263016e173)));
    }

    #[test]
    fn what_only_javascript_reads_is_read() {
        let mut args = json(r#""a\ud83d","\ude00",1e400,{"\ud83d":[-1e999]},"\ud83d""#).reader();
        assert_eq!(args.next::<String>(), Some(Ok("a\u{fffd}".to_owned())));
        assert_eq!(args.next::<Option<String>>(), Some(Ok(Some("\u{fffd}".to_owned()))));
        assert_eq!(args.next::<f64>(), Some(Ok(f64::INFINITY)));
        let object: std::collections::HashMap<String, Vec<f64>> = args.next().unwrap().unwrap();
        assert_eq!(object["\u{fffd}"], [f64::NEG_INFINITY]);
        assert!(args.next::<u8>().unwrap().is_err());
    }

    #[test]
    fn there_may_be_none() {
        assert_eq!(Args::NONE.reader().next::<u8>(), None);
        assert_eq!(json("  ").reader().next::<u8>(), None);
        assert_eq!(Args::MsgPack(&[]).reader().next::<u8>(), None);
    }

    #[test]
    fn binary_arguments_are_bytes_at_any_depth() {
        #[derive(serde::Deserialize)]
        struct Picture {
            name: String,
            data: Vec<Bytes>,
        }
        let attachments = [Bytes::from_static(b"abc")];
        let args =
            Args::Json { text: r#"{"name":"x","data":[{"_placeholder":true,"num":0}]}"#, attachments: &attachments };
        let picture: Picture = args.reader().next().unwrap().unwrap();
        assert_eq!((picture.name.as_str(), &picture.data[..]), ("x", &attachments[..]));
    }

    #[test]
    fn arguments_can_be_written_down() {
        let raw = RawArgs::of(&(1, "two", Bytes::from_static(b"three"))).unwrap();
        let mut args = raw.as_args().reader();
        assert_eq!((args.next::<u8>(), args.next::<String>()), (Some(Ok(1)), Some(Ok("two".to_owned()))));
        assert_eq!((args.next::<Bytes>(), args.next::<u8>()), (Some(Ok(Bytes::from_static(b"three"))), None));
        assert!(RawArgs::of(&()).unwrap().as_args().reader().next::<u8>().is_none());
    }

    #[test]
    fn msgpack_arguments_come_one_by_one() {
        // 1, "two", undefined (as notepack 2 writes it), {"a": bin 01}
        let bytes = b"\x01\xa3two\xd4\x00\x00\x81\xa1a\xc4\x01\x01";
        let mut args = Args::MsgPack(bytes).reader();
        assert_eq!(args.next::<u8>(), Some(Ok(1)));
        assert_eq!(args.next::<String>(), Some(Ok("two".to_owned())));
        assert_eq!(args.next::<Option<u8>>(), Some(Ok(None)));
        let map: std::collections::HashMap<String, Bytes> = args.next().unwrap().unwrap();
        assert_eq!(map["a"], Bytes::from_static(&[1]));
        assert_eq!(args.next::<u8>(), None);
    }
}
