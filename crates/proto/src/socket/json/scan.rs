//! The smallest parts of JSON: strings, numbers and white space.
//!
//! Every function takes what is left of a text and returns what is left behind the part it passes over, or `None` where
//! that part is missing.

/// Passes over a string from behind its opening quote.
#[inline(always)]
pub(super) fn string(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let Some(chunk) = rest.first_chunk() else { return end_of_string(rest) };
        let special = special_bytes(chunk);
        if special == 0 {
            rest = &rest[8..];
            continue;
        }
        rest = &rest[special.trailing_zeros() as usize / 8..];
        match rest {
            [b'"', behind @ ..] => return Some(behind),
            _ => rest = escape(rest)?,
        }
    }
}

/// The same, where fewer than eight bytes are left of the text.
#[cold]
fn end_of_string(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        match rest {
            [b'"', behind @ ..] => return Some(behind),
            [b'\\' | ..b' ', ..] => rest = escape(rest)?,
            [_, behind @ ..] => rest = behind,
            [] => return None,
        }
    }
}

/// How many bytes of a string stand before the first quote, backslash or control character, of eight at most.
#[inline(always)]
pub(super) fn plain_prefix(chunk: &[u8; 8]) -> usize {
    special_bytes(chunk).trailing_zeros() as usize / 8
}

/// Marks the quotes, backslashes and control characters, each by its highest bit. The lowest mark is right; a borrow may
/// leave wrong ones above it.
#[inline(always)]
fn special_bytes(chunk: &[u8; 8]) -> u64 {
    const ONES: u64 = u64::MAX / 0xFF;
    let word = u64::from_le_bytes(*chunk);
    // A quote stands behind the control characters and the space, and is made to change places with the space.
    let quotes_and_controls = (word ^ (ONES * 2)).wrapping_sub(ONES * 0x21);
    let backslashes = (word ^ (ONES * u64::from(b'\\'))).wrapping_sub(ONES);
    (quotes_and_controls | backslashes) & !word & (ONES * 0x80)
}

#[inline(always)]
fn escape(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', behind @ ..] => Some(behind),
        _ => unicode_escape(rest),
    }
}

#[inline(never)]
fn unicode_escape(rest: &[u8]) -> Option<&[u8]> {
    let digits = rest.strip_prefix(b"\\u")?;
    let (unit, behind) = digits.split_first_chunk::<4>()?;
    unit.iter().all(u8::is_ascii_hexdigit).then_some(behind)
}

/// Passes over a number.
pub(super) fn number(rest: &[u8]) -> Option<&[u8]> {
    match rest.strip_prefix(b"-").unwrap_or(rest) {
        [b'0', behind @ ..] => fraction_and_exponent(behind),
        [b'1'..=b'9', behind @ ..] => number_behind_digit(behind),
        _ => None,
    }
}

/// Passes over what is left of a number behind its first digit, which is not 0.
#[inline(always)]
pub(super) fn number_behind_digit(rest: &[u8]) -> Option<&[u8]> {
    match digits(rest) {
        rest @ [b'.' | b'e' | b'E', ..] => fraction_and_exponent(rest),
        rest => Some(rest),
    }
}

#[inline(never)]
fn fraction_and_exponent(mut rest: &[u8]) -> Option<&[u8]> {
    if let [b'.', behind @ ..] = rest {
        rest = some_digits(behind)?;
    }
    if let [b'e' | b'E', behind @ ..] = rest {
        let [b'+' | b'-', behind @ ..] = behind else { return some_digits(behind) };
        rest = some_digits(behind)?;
    }
    Some(rest)
}

fn some_digits(rest: &[u8]) -> Option<&[u8]> {
    let [b'0'..=b'9', behind @ ..] = rest else { return None };
    Some(digits(behind))
}

#[inline(always)]
fn digits(rest: &[u8]) -> &[u8] {
    let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    &rest[count..]
}

/// Passes over white space.
#[inline(never)]
pub(super) fn spaces(rest: &[u8]) -> Option<&[u8]> {
    let count = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    if count == 0 { None } else { Some(&rest[count..]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_special_byte_is_found_wherever_it_stands() {
        for byte in 0..=255_u8 {
            let is_special = byte < 0x20 || byte == b'"' || byte == b'\\';
            for at in 0..8 {
                let mut bytes = [b'!'; 8];
                bytes[at] = byte;
                assert_eq!(plain_prefix(&bytes), if is_special { at } else { 8 }, "{byte} at {at}");
            }
        }
    }
}
