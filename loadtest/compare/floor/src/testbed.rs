//! The part of the testbed application that the driver uses, found in the text without parsing it.

use std::rc::Rc;

use bytes::Bytes;
use memchr::memchr;

use crate::frame::{self, BINARY, TEXT};
use crate::hub::{Hub, Outlet};

/// One client of the application.
pub(crate) struct Testbed {
    hub: Rc<Hub>,
    outlet: Rc<Outlet>,
    /// The text of an acknowledgement whose attachment is due.
    attachment: Option<Vec<u8>>,
    /// Answers that leave when all that was read has been handled.
    answers: Vec<u8>,
}

impl Testbed {
    pub(crate) fn new(hub: Rc<Hub>, outlet: Rc<Outlet>) -> Self {
        Self { hub, outlet, attachment: None, answers: Vec::new() }
    }

    pub(crate) fn message(&mut self, head: u8, payload: &[u8]) {
        match (head, payload) {
            (TEXT, b"40") => self.answer(TEXT, &[br#"40{"sid":"floorfloorfloorfloor"}"#]),
            (TEXT, [b'4', b'2', event @ ..]) => self.event(event),
            (TEXT, [b'4', b'5', b'1', b'-', event @ ..]) => self.attachment = Some(binary_ack(event)),
            (BINARY, attachment) => {
                let ack = self.attachment.take().expect("an event announces its attachment");
                frame::write(TEXT, &[&ack], &mut self.answers);
                self.answer(BINARY, &[attachment]);
            }
            _ => {}
        }
    }

    /// Sends the answers to what was read at once.
    pub(crate) fn read_all(&mut self) {
        if !self.answers.is_empty() {
            self.outlet.write(&self.answers);
            self.answers = Vec::new();
        }
    }

    fn event(&mut self, event: &[u8]) {
        let (id, args) = split_id(event);
        if let Some(args) = args.strip_prefix(br#"["echo","#) {
            self.answer(TEXT, &[b"43", id, b"[", args]);
        } else if args.starts_with(br#"["bcast""#) {
            self.hub.broadcast(&event_frame(&[b"42", args]));
        } else if let Some(args) = args.strip_prefix(br#"["room",""#) {
            let (room, payload) = split_string(args);
            self.hub.send_to(room, &event_frame(&[br#"42["room""#, payload]));
        } else if let Some(args) = args.strip_prefix(br#"["join",""#) {
            self.hub.join(&self.outlet, split_string(args).0);
            self.answer(TEXT, &[b"43", id, br#"["ok"]"#]);
        }
    }

    fn answer(&mut self, head: u8, pieces: &[&[u8]]) {
        frame::write(head, pieces, &mut self.answers);
        if !self.hub.queues() {
            self.read_all();
        }
    }
}

fn event_frame(pieces: &[&[u8]]) -> Bytes {
    let mut frame = Vec::with_capacity(pieces.iter().map(|piece| piece.len()).sum::<usize>() + 10);
    frame::write(TEXT, pieces, &mut frame);
    frame.into()
}

fn binary_ack(event: &[u8]) -> Vec<u8> {
    let (id, args) = split_id(event);
    let args = args.strip_prefix(br#"["echo","#).expect("nothing else is binary");
    [b"461-", id, b"[", args].concat()
}

fn split_id(event: &[u8]) -> (&[u8], &[u8]) {
    event.split_at(event.iter().take_while(|byte| byte.is_ascii_digit()).count())
}

/// The inside of a string whose opening quote is gone, and what follows its closing quote.
fn split_string(args: &[u8]) -> (&str, &[u8]) {
    let end = memchr(b'"', args).expect("a string ends");
    (std::str::from_utf8(&args[..end]).expect("text is UTF-8"), &args[end + 1..])
}
