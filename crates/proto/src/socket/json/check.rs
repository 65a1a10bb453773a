//! Passes over whole JSON values, and that is how incoming text is checked.
//!
//! Nothing is kept but what is left of the text: every function takes it and returns what is left behind that which it
//! passes over, or `None` where the text is not JSON. Containers call themselves, at most [`MAX_DEPTH`](super::MAX_DEPTH)
//! times. What `JSON.stringify` has next is always looked for first, and white space only where that is missing.

use super::scan::{number, number_behind_digit, plain_prefix, spaces, string};

/// Passes over a value and the white space before it; so many levels of arrays and objects may be in it.
#[inline(always)]
pub(super) fn value(rest: &[u8], levels: u32) -> Option<&[u8]> {
    match rest {
        [b'"', inside @ ..] => string(inside),
        [b'1'..=b'9', behind @ ..] => number_behind_digit(behind),
        [b'{', ..] => object(rest, levels),
        [b'[', inside @ ..] => array(inside, levels),
        _ => rarer_value(rest, levels),
    }
}

#[inline(never)]
fn rarer_value(rest: &[u8], levels: u32) -> Option<&[u8]> {
    match rest {
        [b't', b'r', b'u', b'e', behind @ ..]
        | [b'f', b'a', b'l', b's', b'e', behind @ ..]
        | [b'n', b'u', b'l', b'l', behind @ ..] => Some(behind),
        [b'0' | b'-', ..] => number(rest),
        _ => value(spaces(rest)?, levels),
    }
}

/// Passes over an object.
#[inline(never)]
fn object(mut rest: &[u8], levels: u32) -> Option<&[u8]> {
    let levels = levels.checked_sub(1)?;
    if !matches!(rest, [_, b'"', ..]) {
        let inside = &rest[1..];
        if let [b'}', behind @ ..] = spaces(inside).unwrap_or(inside) {
            return Some(behind);
        }
    }
    loop {
        // Here stands the `{` or a comma.
        rest = match short_key(rest) {
            Some(behind) => behind,
            None => key(&rest[1..])?,
        };
        rest = value(rest, levels)?;
        loop {
            match rest {
                [b',', ..] => break,
                [b'}', behind @ ..] => return Some(behind),
                _ => rest = spaces(rest)?,
            }
        }
    }
}

/// Passes over one byte, a key of at most eight and its colon, without white space: what nearly every key is, in few steps.
#[inline(always)]
fn short_key(rest: &[u8]) -> Option<&[u8]> {
    let [_, b'"', name @ ..] = rest.first_chunk::<12>()? else { return None };
    let len = plain_prefix(name.first_chunk()?);
    let is_key = name[len] == b'"' && name[len + 1] == b':';
    is_key.then(|| &rest[len + 4..])
}

/// Passes over any key and its colon.
#[inline(never)]
fn key(mut rest: &[u8]) -> Option<&[u8]> {
    rest = loop {
        match rest {
            [b'"', inside @ ..] => break string(inside)?,
            _ => rest = spaces(rest)?,
        }
    };
    loop {
        match rest {
            [b':', behind @ ..] => return Some(behind),
            _ => rest = spaces(rest)?,
        }
    }
}

/// Passes over an array from behind its `[`.
#[inline(always)]
pub(super) fn array(mut rest: &[u8], levels: u32) -> Option<&[u8]> {
    let levels = levels.checked_sub(1)?;
    if let [..=b' ' | b']', ..] = rest {
        rest = spaces(rest).unwrap_or(rest);
        if let [b']', behind @ ..] = rest {
            return Some(behind);
        }
    }
    items(rest, levels)
}

/// Passes over one or more items of an array and its `]`.
#[inline(never)]
fn items(mut rest: &[u8], levels: u32) -> Option<&[u8]> {
    loop {
        rest = value(rest, levels)?;
        rest = loop {
            match rest {
                [b',', behind @ ..] => break behind,
                [b']', behind @ ..] => return Some(behind),
                _ => rest = spaces(rest)?,
            }
        }
    }
}

/// Passes over what is left of an array behind one of its items.
pub(super) fn more_items(mut rest: &[u8], levels: u32) -> Option<&[u8]> {
    loop {
        match rest {
            [b',', behind @ ..] => return items(behind, levels),
            [b']', behind @ ..] => return Some(behind),
            _ => rest = spaces(rest)?,
        }
    }
}
