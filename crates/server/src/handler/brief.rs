//! Texts of clients in the log.

use std::fmt;

/// A text that may come from a client, as it stands in the log: quoted, escaped and cut.
pub(super) struct Brief<'a>(pub(super) &'a str);

impl fmt::Debug for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.floor_char_boundary(MAX_BYTES);
        fmt::Debug::fmt(&self.0[..end], f)?;
        if end == self.0.len() { Ok(()) } else { write!(f, " of {} bytes", self.0.len()) }
    }
}

const MAX_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_is_one_short_line() {
        let check = |text: &str, expected: &str| assert_eq!(format!("{:?}", Brief(text)), expected);
        check("say", r#""say""#);
        check("a\nb\u{1b}[31m\"", r#""a\nb\u{1b}[31m\"""#);
        check(&"é".repeat(1000), &format!(r#""{}" of 2000 bytes"#, "é".repeat(128)));
    }
}
