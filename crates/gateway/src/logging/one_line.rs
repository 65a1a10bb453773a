//! One event, one line.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

/// Writes every event in one line, whatever is in it: a client that gets a line break into a message must not write a
/// line that looks like one of ours.
#[derive(Debug)]
pub(super) struct OneLine<W>(pub(super) W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for OneLine<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line(self.0.make_writer())
    }
}

/// Takes one event, in one write.
#[derive(Debug)]
pub(super) struct Line<W>(W);

impl<W: Write> Write for Line<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let line = event.strip_suffix(b"\n").unwrap_or(event);
        if line.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
            self.0.write_all(&escaped(line))?;
        } else {
            self.0.write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn escaped(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len() + 16);
    for &byte in line {
        match byte {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            _ => out.push(byte),
        }
    }
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_the_line_breaks_it() {
        let check = |event: &str, expected: &str| {
            let mut out = Vec::new();
            assert_eq!(Line(&mut out).write(event.as_bytes()).unwrap(), event.len());
            assert_eq!(std::str::from_utf8(&out).unwrap(), expected);
        };
        check("info started\n", "info started\n");
        check("name a\nerror forged\r\n", "name a\\nerror forged\\r\n");
    }
}
