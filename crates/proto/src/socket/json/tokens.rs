//! A strict JSON tokenizer that allocates nothing.

use std::ops::Range;

use super::MAX_DEPTH;

/// Reads one JSON text token by token and checks its grammar on the way.
///
/// It accepts what `JSON.parse` accepts, up to [`MAX_DEPTH`]; the nesting is one bit a level, so even
/// the deepest hostile text costs no memory. Strings and numbers are returned as they stand.
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'a> {
    text: &'a str,
    position: usize,
    /// One bit a level, the innermost lowest: 1 is an object, 0 an array.
    nesting: u128,
    depth: u32,
    expect: Expect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    BeginArray,
    EndArray,
    BeginObject,
    EndObject,
    /// A key, between its quotes, escapes not resolved.
    Key(&'a str),
    /// A string, between its quotes, escapes not resolved.
    String(&'a str),
    Number(&'a str),
    Bool(bool),
    Null,
}

/// A token, and where its content stands: that of a string without the quotes.
struct Step {
    kind: Kind,
    content: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    BeginArray,
    EndArray,
    BeginObject,
    EndObject,
    Key,
    String,
    Number,
    True,
    False,
    Null,
}

/// Where a text stops being JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JsonError {
    #[error("invalid JSON at byte {0}")]
    Syntax(usize),
    #[error("JSON is nested deeper than {MAX_DEPTH}")]
    TooDeep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Value,
    /// Behind `[`.
    ValueOrEnd,
    /// Behind `{`.
    KeyOrEnd,
    /// Behind `,` in an object.
    Key,
    /// Behind a value in an array or object.
    CommaOrEnd,
    /// Behind the outermost value.
    End,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, position: 0, nesting: 0, depth: 0, expect: Expect::Value }
    }

    /// Over values with commas between them, that is the inside of an array, which has been checked before.
    pub(crate) fn of_items(text: &'a str) -> Self {
        Self { depth: 1, expect: Expect::ValueOrEnd, ..Self::new(text) }
    }

    /// The bytes that the next of the [items](Self::of_items) takes up; `None` behind the last.
    pub(crate) fn next_item(&mut self) -> Option<Range<usize>> {
        self.skip_value().ok()
    }

    /// Where the next token is looked for, in bytes.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// The next token; `None` at the end of the text.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Token<'a>>, JsonError> {
        let Some(Step { kind, content }) = self.step()? else { return Ok(None) };
        let content = &self.text[content];
        Ok(Some(match kind {
            Kind::BeginArray => Token::BeginArray,
            Kind::EndArray => Token::EndArray,
            Kind::BeginObject => Token::BeginObject,
            Kind::EndObject => Token::EndObject,
            Kind::Key => Token::Key(content),
            Kind::String => Token::String(content),
            Kind::Number => Token::Number(content),
            Kind::True => Token::Bool(true),
            Kind::False => Token::Bool(false),
            Kind::Null => Token::Null,
        }))
    }

    /// Passes over the next token. Inlined, so that whoever only checks a text pays for nothing else.
    #[inline(always)]
    fn step(&mut self) -> Result<Option<Step>, JsonError> {
        loop {
            self.skip_whitespace();
            let Some(&byte) = self.text.as_bytes().get(self.position) else {
                return if self.expect == Expect::End { Ok(None) } else { Err(self.error()) };
            };
            let step = match (byte, self.expect) {
                (b',', Expect::CommaOrEnd) => {
                    self.position += 1;
                    self.expect = if self.in_object() { Expect::Key } else { Expect::Value };
                    continue;
                }
                (b']', Expect::ValueOrEnd | Expect::CommaOrEnd) if !self.in_object() => self.close(Kind::EndArray),
                (b'}', Expect::KeyOrEnd | Expect::CommaOrEnd) if self.in_object() => self.close(Kind::EndObject),
                (b'"', Expect::Key | Expect::KeyOrEnd) => self.key()?,
                (_, Expect::Value | Expect::ValueOrEnd) => self.value(byte)?,
                _ => return Err(self.error()),
            };
            return Ok(Some(step));
        }
    }

    /// Passes over one whole value; returns the bytes it takes up.
    pub(crate) fn skip_value(&mut self) -> Result<Range<usize>, JsonError> {
        self.skip_separators();
        let (start, depth) = (self.position, self.depth);
        loop {
            self.step()?.ok_or(JsonError::Syntax(self.position))?;
            if self.depth == depth {
                return Ok(start..self.position);
            }
        }
    }

    /// Checks what is left of the text.
    pub(crate) fn finish(mut self) -> Result<(), JsonError> {
        while self.step()?.is_some() {}
        Ok(())
    }

    /// Moves to where the next value begins: over white space and one comma.
    fn skip_separators(&mut self) {
        self.skip_whitespace();
        if self.expect == Expect::CommaOrEnd && self.text.as_bytes().get(self.position) == Some(&b',') {
            self.position += 1;
            self.expect = if self.in_object() { Expect::Key } else { Expect::Value };
            self.skip_whitespace();
        }
    }

    #[inline(always)]
    fn value(&mut self, first: u8) -> Result<Step, JsonError> {
        let step = match first {
            b'"' => Step { kind: Kind::String, content: self.string()? },
            b'[' => return self.open(Kind::BeginArray),
            b'{' => return self.open(Kind::BeginObject),
            b't' => self.literal("true", Kind::True)?,
            b'f' => self.literal("false", Kind::False)?,
            b'n' => self.literal("null", Kind::Null)?,
            _ => Step { kind: Kind::Number, content: self.number()? },
        };
        self.after_value();
        Ok(step)
    }

    fn open(&mut self, kind: Kind) -> Result<Step, JsonError> {
        if self.depth == MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        let object = kind == Kind::BeginObject;
        self.nesting = self.nesting << 1 | u128::from(object);
        self.depth += 1;
        self.expect = if object { Expect::KeyOrEnd } else { Expect::ValueOrEnd };
        Ok(self.bracket(kind))
    }

    fn close(&mut self, kind: Kind) -> Step {
        self.nesting >>= 1;
        self.depth -= 1;
        self.after_value();
        self.bracket(kind)
    }

    fn bracket(&mut self, kind: Kind) -> Step {
        self.position += 1;
        Step { kind, content: self.position..self.position }
    }

    fn after_value(&mut self) {
        self.expect = if self.depth == 0 { Expect::End } else { Expect::CommaOrEnd };
    }

    #[inline(always)]
    fn key(&mut self) -> Result<Step, JsonError> {
        let content = self.string()?;
        self.skip_whitespace();
        if self.text.as_bytes().get(self.position) != Some(&b':') {
            return Err(self.error());
        }
        self.position += 1;
        self.expect = Expect::Value;
        Ok(Step { kind: Kind::Key, content })
    }

    /// Reads a string from its opening quote on; returns what stands between the quotes.
    #[inline(always)]
    fn string(&mut self) -> Result<Range<usize>, JsonError> {
        let bytes = self.text.as_bytes();
        let start = self.position + 1;
        let mut at = start;
        loop {
            at += plain_prefix(&bytes[at..]);
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => at += escape_len(&bytes[at..]).ok_or(JsonError::Syntax(at))?,
                _ => return Err(JsonError::Syntax(at)),
            }
        }
        self.position = at + 1;
        Ok(start..at)
    }

    #[inline(always)]
    fn number(&mut self) -> Result<Range<usize>, JsonError> {
        let bytes = &self.text.as_bytes()[self.position..];
        let len = number_len(bytes).ok_or_else(|| self.error())?;
        let start = self.position;
        self.position += len;
        Ok(start..self.position)
    }

    fn literal(&mut self, word: &str, kind: Kind) -> Result<Step, JsonError> {
        if !self.text.as_bytes()[self.position..].starts_with(word.as_bytes()) {
            return Err(self.error());
        }
        let start = self.position;
        self.position += word.len();
        Ok(Step { kind, content: start..self.position })
    }

    #[inline]
    fn skip_whitespace(&mut self) {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.position), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.position += 1;
        }
    }

    fn in_object(&self) -> bool {
        self.nesting & 1 == 1
    }

    fn error(&self) -> JsonError {
        JsonError::Syntax(self.position)
    }
}

/// How many bytes stand before the first quote, backslash or control character.
#[inline(always)]
fn plain_prefix(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        let special = special_bytes(u64::from_le_bytes(*chunk));
        if special != 0 {
            return at + special.trailing_zeros() as usize / 8;
        }
        at += chunk.len();
    }
    let is_special = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    at + bytes[at..].iter().take_while(|&&byte| !is_special(byte)).count()
}

/// Marks the quotes, backslashes and control characters of eight bytes, each by its highest bit. The lowest mark is right; a
/// borrow may leave wrong ones above it.
#[inline(always)]
fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xFF;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let quotes = below(word ^ (ONES * u64::from(b'"')), 1);
    let backslashes = below(word ^ (ONES * u64::from(b'\\')), 1);
    (below(word, 0x20) | quotes | backslashes) & (ONES * 0x80)
}

/// How many bytes the escape sequence at the start takes.
fn escape_len(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => bytes.get(2..6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}

/// How many bytes the number at the start takes.
fn number_len(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let some_digits = |from: usize| Some(digits(from)).filter(|&count| count > 0);
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    at += match bytes.get(at)? {
        b'0' => 1,
        _ => some_digits(at)?,
    };
    if bytes.get(at) == Some(&b'.') {
        at += 1 + some_digits(at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at += some_digits(at)?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), JsonError> {
        Tokens::new(text).finish()
    }

    #[test]
    fn what_javascript_parses_passes() {
        for text in [
            "0",
            "-0",
            "-12.5e+10",
            "1E5",
            "\"\"",
            "\"\\ud83d\"",
            "\"a\\u00e9\\n\\/\"",
            "\"\u{7f}€😀\u{2028}\"",
            "[]",
            "{}",
            " [ 1 , { \"a\" : null } ] \r\n\t",
            "{\"__proto__\":{},\"\":[true,false]}",
            "{\"a\":1,\"a\":2}",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_javascript_refuses_is_refused() {
        for text in [
            "",
            " ",
            "[",
            "]",
            "{",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{1:1}",
            "{\"a\":1]",
            "[1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "-",
            "0x10",
            "NaN",
            "Infinity",
            "undefined",
            "tru",
            "truex",
            "'a'",
            "\"",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"\\u12\"",
            "\"\n\"",
            "\"\0\"",
            "1 1",
            "[] []",
            "\u{feff}1",
            "\u{a0}1",
            "/**/1",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(&nested(128)), Ok(()));
        assert_eq!(check(&nested(129)), Err(JsonError::TooDeep));
        assert_eq!(check(&"{\"a\":".repeat(200_000)), Err(JsonError::TooDeep));
    }

    #[test]
    fn tokens_come_in_order() {
        let mut tokens = Tokens::new(r#"{"k\n":[1,"s",true,null]}"#);
        let mut seen = Vec::new();
        while let Some(token) = tokens.next().unwrap() {
            seen.push(token);
        }
        use Token::{BeginArray, BeginObject, Bool, EndArray, EndObject, Key, Null, Number, String};
        let expected =
            [BeginObject, Key("k\\n"), BeginArray, Number("1"), String("s"), Bool(true), Null, EndArray, EndObject];
        assert_eq!(seen, expected);
    }

    #[test]
    fn values_can_be_skipped() {
        let text = r#"["a", {"b":[1]} ,3]"#;
        let mut tokens = Tokens::new(text);
        tokens.next().unwrap();
        let spans: Vec<_> = (0..3).map(|_| &text[tokens.skip_value().unwrap()]).collect();
        assert_eq!(spans, ["\"a\"", r#"{"b":[1]}"#, "3"]);
        assert!(tokens.skip_value().is_err());
    }

    #[test]
    fn long_strings_are_scanned_to_their_end() {
        for len in 0..70 {
            let text = format!("\"{}\\\"{}\"", "x".repeat(len), "y".repeat(len));
            assert_eq!(check(&text), Ok(()));
            assert!(check(&format!("\"{}\u{1}\"", "x".repeat(len))).is_err());
        }
    }

    #[test]
    fn the_first_special_byte_is_found_wherever_it_stands() {
        for byte in 0..=255_u8 {
            let is_special = byte < 0x20 || byte == b'"' || byte == b'\\';
            for at in 0..20 {
                let mut bytes = [b'!'; 20];
                bytes[at] = byte;
                bytes[19] = b'"';
                assert_eq!(plain_prefix(&bytes), if is_special { at } else { 19 }, "{byte} at {at}");
            }
        }
    }
}
