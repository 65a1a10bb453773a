//! Events with their acknowledgements.

use std::time::{Duration, Instant};

use super::{Meter, Run};
use crate::crowd::{Crowd, PATIENCE};
use crate::failure::Failure;
use crate::frame;
use crate::ledger::Ledger;
use crate::servers::Setting;

pub(super) fn run(run: &mut Run) -> Result<(), Failure> {
    let server = run.start(&Setting::default())?;
    let mut crowd = Crowd::of(server.address(), CLIENTS)?;
    for (row, payload, in_flight) in [
        ("echo", Payload::Text(format!("\"{}\"", "x".repeat(62))), 1),
        ("echo-8", Payload::Text(format!("\"{}\"", "x".repeat(62))), 8),
        ("echo-json", Payload::Text(document()), 1),
        ("echo-binary", Payload::Binary((0..4096_u32).map(|at| at as u8).collect()), 1),
    ] {
        if !run.wants(row) {
            continue;
        }
        let mut echoes = Echoes::new(crowd.len(), payload);
        echoes.run(&mut crowd, in_flight, run.warm_up())?;
        let meter = Meter::start([&server])?;
        let acknowledged = echoes.run(&mut crowd, in_flight, run.time())?;
        run.spent(row, &meter, acknowledged, echoes.reordered())?;
    }
    Ok(())
}

/// What is sent to be sent back.
pub(crate) enum Payload {
    /// JSON.
    Text(String),
    /// One attachment.
    Binary(Vec<u8>),
}

/// What every client sends, and what it gets for it.
pub(crate) struct Echoes {
    ledgers: Vec<Ledger>,
    payload: Payload,
    next: u64,
}

impl Echoes {
    pub(crate) fn new(clients: usize, payload: Payload) -> Self {
        Self { ledgers: (0..clients).map(|_| Ledger::new(1)).collect(), payload, next: 0 }
    }

    /// Echoes for some time, always so many in flight for each client, and returns how many were acknowledged.
    pub(crate) fn run(&mut self, crowd: &mut Crowd, in_flight: usize, time: Duration) -> Result<u64, Failure> {
        let (before, end) = (self.next, Instant::now() + time);
        for client in 0..crowd.len() {
            let mut frames = Vec::new();
            (0..in_flight).for_each(|_| self.write(client, &mut frames));
            crowd.send(client, &frames)?;
        }
        let mut waiting = crowd.len();
        while waiting > 0 {
            crowd.turn(TURN, &mut |client, message, answers| {
                self.ledgers[client].arrived(0, message)?;
                // A text that announces an attachment is half of an answer.
                let is_whole = self.ledgers[client].complete().is_multiple_of(self.payload.messages());
                if is_whole && Instant::now() < end {
                    if !self.ledgers[client].has_room(self.payload.messages() as usize) {
                        return Err(Failure::Overtaken { client });
                    }
                    self.write(client, answers);
                } else if self.ledgers[client].in_flight() == 0 {
                    waiting -= 1;
                }
                Ok(())
            })?;
            if end.elapsed() > PATIENCE {
                let missing = self.ledgers.iter().map(Ledger::missing).sum();
                return Err(Failure::Lost { missing, patience: PATIENCE });
            }
        }
        Ok(self.next - before)
    }

    /// Writes one event and notes what it is answered with.
    fn write(&mut self, client: usize, frames: &mut Vec<u8>) {
        let (id, ledger) = (self.next, &mut self.ledgers[client]);
        self.next += 1;
        match &self.payload {
            Payload::Text(payload) => {
                frame::text(format!(r#"42{id}["echo",{payload}]"#).as_bytes(), frames);
                ledger.expect_text(format!("43{id}[{payload}]"));
            }
            Payload::Binary(payload) => {
                frame::text(format!(r#"451-{id}["echo",{PLACEHOLDER}]"#).as_bytes(), frames);
                frame::binary(payload, frames);
                ledger.expect_text(format!("461-{id}[{PLACEHOLDER}]"));
                ledger.expect_binary(payload.as_slice());
            }
        }
    }

    pub(crate) fn reordered(&self) -> u64 {
        self.ledgers.iter().map(Ledger::reordered).sum()
    }
}

impl Payload {
    /// WebSocket messages of one answer.
    fn messages(&self) -> u64 {
        match self {
            Self::Text(_) => 1,
            Self::Binary(_) => 2,
        }
    }
}

/// A document of about 4 kB, as applications send them. Its keys are sorted, for some servers sort them.
fn document() -> String {
    let people: Vec<_> = (0..32)
        .map(|id| {
            format!(
                r#"{{"active":{},"email":"person{id}@example.com","id":{id},"name":"Person {id}","scores":[{},{},{}],"tags":["lobby","chat","new"]}}"#,
                id % 2 == 0,
                id * 7,
                id * 11,
                id * 13
            )
        })
        .collect();
    format!(r#"{{"next":null,"people":[{}],"total":32}}"#, people.join(","))
}

const CLIENTS: usize = 50;
const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":0}"#;
const TURN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_json_of_4_kb() {
        let document = document();
        serde_json::from_str::<serde_json::Value>(&document).unwrap();
        assert!((3900..4300).contains(&document.len()), "{} bytes", document.len());
    }
}
