//! A strict JSON tokenizer that allocates nothing.

use std::ops::Range;

use super::{MAX_DEPTH, check, scan};

/// Reads one JSON text token by token and checks its grammar on the way.
///
/// It accepts what `JSON.parse` accepts, up to [`MAX_DEPTH`]; the nesting is one bit a level, so even
/// the deepest hostile text costs no memory. Strings and numbers are returned as they stand. Whole values, of which
/// nobody wants the tokens, are left to [`check`], which is several times as fast.
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

    /// Passes over the next token.
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

    /// Passes over one whole value; returns the bytes it takes up, or `None` where none is due, as behind the last of the
    /// [items](Self::of_items), or it is not sound.
    pub(crate) fn skip_value(&mut self) -> Option<Range<usize>> {
        self.skip_separators();
        if !matches!(self.expect, Expect::Value | Expect::ValueOrEnd) {
            return None;
        }
        let behind = check::value(self.rest(), MAX_DEPTH - self.depth)?;
        self.after_value();
        Some(self.pass(behind))
    }

    /// Checks what is left of the text.
    pub(crate) fn finish(mut self) -> Result<(), JsonError> {
        // A value whose parts are wrong is still due: its tokens tell what is wrong.
        self.skip_value();
        while self.step()?.is_some() {}
        Ok(())
    }

    /// Checks what is left of a text that is one array, of which one item or none has been read; returns what stands in
    /// front of its closing bracket.
    pub(crate) fn finish_array(mut self) -> Result<&'a str, JsonError> {
        let levels = MAX_DEPTH - self.depth;
        let behind = match self.expect {
            Expect::CommaOrEnd => check::more_items(self.rest(), levels),
            _ => check::array(self.rest(), levels + 1),
        };
        match behind.filter(|behind| behind.is_empty() || scan::spaces(behind) == Some(&[])) {
            Some(behind) => Ok(&self.text[self.position..self.text.len() - behind.len() - 1]),
            // The tokens tell what is wrong.
            None => loop {
                self.step()?.ok_or(self.error())?;
            },
        }
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
    fn string(&mut self) -> Result<Range<usize>, JsonError> {
        let behind = scan::string(&self.rest()[1..]).ok_or(self.error())?;
        let span = self.pass(behind);
        Ok(span.start + 1..span.end - 1)
    }

    fn number(&mut self) -> Result<Range<usize>, JsonError> {
        let behind = scan::number(self.rest()).ok_or(self.error())?;
        Ok(self.pass(behind))
    }

    fn literal(&mut self, word: &str, kind: Kind) -> Result<Step, JsonError> {
        let behind = self.rest().strip_prefix(word.as_bytes()).ok_or(self.error())?;
        Ok(Step { kind, content: self.pass(behind) })
    }

    fn skip_whitespace(&mut self) {
        if let Some(..=b' ') = self.rest().first()
            && let Some(behind) = scan::spaces(self.rest())
        {
            self.pass(behind);
        }
    }

    /// What has not been read yet.
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.position..]
    }

    /// Moves to what is left behind a part of the text; returns where that part stands.
    fn pass(&mut self, behind: &[u8]) -> Range<usize> {
        let start = std::mem::replace(&mut self.position, self.text.len() - behind.len());
        start..self.position
    }

    fn in_object(&self) -> bool {
        self.nesting & 1 == 1
    }

    fn error(&self) -> JsonError {
        JsonError::Syntax(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole values are judged as their tokens are, and arrays as other values.
    fn check(text: &str) -> Result<(), JsonError> {
        let mut tokens = Tokens::new(text);
        let by_token = loop {
            match tokens.next() {
                Ok(Some(_)) => {}
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        assert_eq!(Tokens::new(text).finish(), by_token, "{text}");
        let mut array = Tokens::new(text);
        if let Ok(Some(Token::BeginArray)) = array.next() {
            assert_eq!(array.finish_array().map(drop), by_token, "{text}");
        }
        by_token
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
        assert!(tokens.skip_value().is_none());
    }

    #[test]
    fn long_strings_are_scanned_to_their_end() {
        for len in 0..70 {
            let text = format!("\"{}\\\"{}\"", "x".repeat(len), "y".repeat(len));
            assert_eq!(check(&text), Ok(()));
            assert!(check(&format!("\"{}\u{1}\"", "x".repeat(len))).is_err());
        }
    }
}
