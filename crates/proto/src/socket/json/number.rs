//! Numbers as JavaScript writes them. Source: ECMAScript, "Number::toString".

use std::fmt::Write as _;

/// Appends a number as `JSON.stringify` does: `1` for 1.0, `1e+21`, and `null` for what is no number.
pub(crate) fn push_number(out: &mut Vec<u8>, shortest: impl std::fmt::LowerExp, is_finite: bool) {
    if !is_finite {
        out.extend_from_slice(b"null");
        return;
    }
    // Rust writes the same shortest digits as JavaScript, only never where the point belongs.
    let mut scientific = Scientific::default();
    write!(scientific, "{shortest:e}").expect("a number has at most 24 characters");
    scientific.push_to(out);
}

/// A number as JavaScript's `String` writes it, which has names for what is no number.
pub(crate) fn number_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let mut text = Vec::new();
    push_number(&mut text, number, true);
    String::from_utf8(text).expect("digits are ASCII")
}

/// `-d.ddde-ddd`, without allocation.
#[derive(Default)]
struct Scientific {
    text: [u8; 32],
    len: usize,
}

impl std::fmt::Write for Scientific {
    fn write_str(&mut self, part: &str) -> std::fmt::Result {
        let end = self.len + part.len();
        self.text.get_mut(self.len..end).ok_or(std::fmt::Error)?.copy_from_slice(part.as_bytes());
        self.len = end;
        Ok(())
    }
}

impl Scientific {
    fn push_to(&self, out: &mut Vec<u8>) {
        let text = std::str::from_utf8(&self.text[..self.len]).expect("digits are ASCII");
        let (mantissa, exponent) = text.split_once('e').expect("written with an exponent");
        let exponent: i32 = exponent.parse().expect("a small integer");
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa),
        };
        let digits: Vec<u8> = mantissa.bytes().filter(|&byte| byte != b'.').collect();
        if negative && digits != b"0" {
            out.push(b'-');
        }
        push_digits(out, &digits, exponent + 1);
    }
}

/// Lays out digits whose decimal point stands behind the first `point` of them.
fn push_digits(out: &mut Vec<u8>, digits: &[u8], point: i32) {
    let len = i32::try_from(digits.len()).expect("at most 17 digits");
    match point {
        _ if len <= point && point <= 21 => {
            out.extend_from_slice(digits);
            out.resize(out.len() + usize::try_from(point - len).unwrap_or(0), b'0');
        }
        1..=21 => {
            let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap_or(0));
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
        -5..=0 => {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + usize::try_from(-point).unwrap_or(0), b'0');
            out.extend_from_slice(digits);
        }
        _ => {
            out.push(digits[0]);
            if len > 1 {
                out.push(b'.');
                out.extend_from_slice(&digits[1..]);
            }
            let sign = if point > 0 { '+' } else { '-' };
            out.extend_from_slice(format!("e{sign}{}", (point - 1).abs()).as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(number: f64, expected: &str) {
        let mut out = Vec::new();
        push_number(&mut out, number, number.is_finite());
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        check(0.0, "0");
        check(-0.0, "0");
        check(1.0, "1");
        check(-1.5, "-1.5");
        check(100.0, "100");
        check(0.1, "0.1");
        check(123.456, "123.456");
        check(0.000001, "0.000001");
        check(0.0000001, "1e-7");
        check(1.25e-9, "1.25e-9");
        check(1e20, "100000000000000000000");
        check(1e21, "1e+21");
        check(1.7976931348623157e308, "1.7976931348623157e+308");
        check(5e-324, "5e-324");
        check(18446744073709552000.0, "18446744073709552000");
        check(f64::NAN, "null");
        check(f64::NEG_INFINITY, "null");
    }

    #[test]
    fn texts_have_names_for_what_is_no_number() {
        let check = |number, expected: &str| assert_eq!(number_text(number), expected);
        check(-1.50, "-1.5");
        check(-0.0, "0");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "Infinity");
        check(f64::NEG_INFINITY, "-Infinity");
    }
}
