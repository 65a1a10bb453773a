//! Placeholders: the objects of a packet that its attachments stand for. Source: Socket.IO v5, "Packet encoding".

use smallvec::{SmallVec, smallvec};

use super::json::{Token, Tokens};
use super::packet::DecodeError;

/// Checks what is left of a payload: that it is sound, and holds one placeholder for each attachment and nothing but sound
/// placeholders.
pub(super) fn check(mut tokens: Tokens<'_>, attachments: usize) -> Result<(), DecodeError> {
    let mut seen: SmallVec<[bool; 16]> = smallvec![false; attachments];
    let mut object = Candidate::default();
    let mut key = "";
    while let Some(token) = tokens.next()? {
        match token {
            Token::Key(name) => {
                object.keys += 1;
                key = name;
                continue;
            }
            // There is nothing else in a placeholder.
            Token::BeginObject | Token::BeginArray if object.flag => return Err(DecodeError::IllegalAttachments),
            Token::BeginObject => object = Candidate::default(),
            Token::EndObject => {
                if object.flag {
                    let slot = object.index().and_then(|index| seen.get_mut(index));
                    let slot = slot.filter(|seen| !**seen).ok_or(DecodeError::IllegalAttachments)?;
                    *slot = true;
                }
                object = Candidate::NOT_EMPTY;
            }
            Token::EndArray => object = Candidate::NOT_EMPTY,
            Token::Bool(true) if key == "_placeholder" => object.flag = true,
            Token::Number(number) if key == "num" => object.number = number.parse().ok(),
            _ => {}
        }
        key = "";
    }
    if seen.contains(&false) {
        return Err(DecodeError::IllegalAttachments);
    }
    Ok(())
}

/// The innermost object so far, which may turn out to be `{"_placeholder":true,"num":n}`.
#[derive(Default)]
struct Candidate {
    keys: usize,
    flag: bool,
    number: Option<usize>,
}

impl Candidate {
    /// One that an array or another object stands in.
    const NOT_EMPTY: Self = Self { keys: 2, flag: false, number: None };

    /// The attachment it stands for; none when there is more in it than the two keys.
    fn index(&self) -> Option<usize> {
        self.number.filter(|_| self.keys == 2)
    }
}
