//! Connections to Redis that publish and listen, as those of nodes do. Source: the Redis serialization protocol.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use crate::crowd::PATIENCE;
use crate::failure::{Failure, excerpt};

/// How nodes of a cluster use Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    /// Every node listens to every channel, by one pattern.
    Classic,
    /// A channel for a room, and those listen who have somebody there.
    Sharded,
}

/// Some connections that publish, and some that listen.
pub(super) struct PubSub {
    publishers: Vec<TcpStream>,
    listeners: Vec<TcpStream>,
    command: Vec<u8>,
    /// What Redis answers to the command.
    reply: Vec<u8>,
    /// What it sends to each of those who listen.
    push: Vec<u8>,
    buffer: Vec<u8>,
}

impl PubSub {
    /// Connects to Redis, and listens; the messages have so many bytes.
    pub(super) fn open(
        redis: SocketAddr,
        topic: Topic,
        publishers: usize,
        listeners: usize,
        bytes: usize,
    ) -> Result<Self, Failure> {
        let message = "x".repeat(bytes);
        let (subscribe, publish, push) = match topic {
            Topic::Classic => ("PSUBSCRIBE", "PUBLISH", array(&["pmessage", PATTERN, CHANNEL, &message])),
            Topic::Sharded => ("SSUBSCRIBE", "SPUBLISH", array(&["smessage", CHANNEL, &message])),
        };
        let to = if topic == Topic::Classic { PATTERN } else { CHANNEL };
        let listen = |_| {
            let mut stream = connect(redis)?;
            stream.write_all(&array(&[subscribe, to]))?;
            let confirmed = subscribed(&subscribe.to_ascii_lowercase(), to, 1);
            expect(&mut stream, &confirmed, &mut Vec::new()).map(|()| stream)
        };
        Ok(Self {
            publishers: (0..publishers).map(|_| connect(redis)).collect::<Result<_, _>>()?,
            listeners: (0..listeners).map(listen).collect::<Result<_, Failure>>()?,
            command: array(&[publish, CHANNEL, &message]),
            reply: format!(":{listeners}\r\n").into_bytes(),
            push,
            buffer: Vec::new(),
        })
    }

    /// Everybody who publishes sends one message, and everybody who listens gets all of them. Returns how many they were.
    pub(super) fn publish(&mut self) -> Result<u64, Failure> {
        let Self { publishers, listeners, command, reply, push, buffer } = self;
        publishers.iter_mut().try_for_each(|publisher| publisher.write_all(command))?;
        publishers.iter_mut().try_for_each(|publisher| expect(publisher, reply, buffer))?;
        let pushes = push.repeat(publishers.len());
        listeners.iter_mut().try_for_each(|listener| expect(listener, &pushes, buffer))?;
        Ok(publishers.len() as u64)
    }
}

/// Lets a new connection listen to all of these channels, as a node does whose clients are in so many rooms.
pub(super) fn listen_to_rooms(redis: SocketAddr, rooms: usize) -> Result<TcpStream, Failure> {
    const AT_A_TIME: usize = 100;
    let mut stream = connect(redis)?;
    let numbers: Vec<_> = (0..rooms).collect();
    for some in numbers.chunks(AT_A_TIME) {
        let (mut commands, mut confirmed) = (Vec::new(), Vec::new());
        for number in some {
            let channel = format!("socket.io#/#room-{number}#");
            commands.extend(array(&["SSUBSCRIBE", &channel]));
            confirmed.extend(subscribed("ssubscribe", &channel, number + 1));
        }
        stream.write_all(&commands)?;
        expect(&mut stream, &confirmed, &mut Vec::new())?;
    }
    Ok(stream)
}

fn connect(redis: SocketAddr) -> Result<TcpStream, Failure> {
    let stream = TcpStream::connect(redis)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads exactly this.
fn expect(stream: &mut TcpStream, expected: &[u8], buffer: &mut Vec<u8>) -> Result<(), Failure> {
    buffer.resize(expected.len(), 0);
    stream.read_exact(buffer)?;
    if buffer == expected {
        return Ok(());
    }
    Err(Failure::Altered { client: 0, message: excerpt(buffer), expected: excerpt(expected) })
}

/// An array of strings.
fn array(parts: &[&str]) -> Vec<u8> {
    let strings = parts.iter().map(|part| format!("${}\r\n{part}\r\n", part.len()));
    let head = format!("*{}\r\n", parts.len());
    [head].into_iter().chain(strings).collect::<String>().into_bytes()
}

/// The answer to a subscription: the connection has so many of them now.
fn subscribed(word: &str, to: &str, count: usize) -> Vec<u8> {
    format!("*3\r\n${}\r\n{word}\r\n${}\r\n{to}\r\n:{count}\r\n", word.len(), to.len()).into_bytes()
}

/// As the nodes call them.
const PATTERN: &str = "socket.io#/#*";
const CHANNEL: &str = "socket.io#/#room-1234#";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_written_as_the_specification_has_it() {
        assert_eq!(array(&["hello", "world"]), b"*2\r\n$5\r\nhello\r\n$5\r\nworld\r\n");
        assert_eq!(subscribed("psubscribe", "a*", 1), b"*3\r\n$10\r\npsubscribe\r\n$2\r\na*\r\n:1\r\n");
    }
}
