//! Asks a running node how it is, for images that hold nothing else to ask with.

use std::io::{self, Read as _, Write as _};
use std::iter;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::ExitCode;
use std::time::Duration;

use crate::config::complain;

/// Asks the node whose administration listens at this address, if it does anywhere; says why it is not well.
pub(crate) fn check(address: Option<&str>, path: &str) -> ExitCode {
    let Some(address) = address else {
        complain("with --admin-listen none, a node cannot be asked how it is");
        return ExitCode::FAILURE;
    };
    match ask(address, path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("http://{address}{path}: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// An error unless the answer is 200.
fn ask(address: &str, path: &str) -> io::Result<()> {
    // The address may be the one that stands for all; a connection to it reaches this machine.
    let address = address.to_socket_addrs()?.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    match answer.split_whitespace().nth(1) {
        Some("200") => Ok(()),
        Some(_) => Err(io::Error::other(told(&answer))),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The status of an answer and what its body says, in one line.
fn told(answer: &str) -> String {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.lines().next().and_then(|line| line.split_once(' ')).map_or("", |(_, status)| status);
    iter::once(status).chain(body.split_whitespace()).collect::<Vec<_>>().join(" ")
}

const TIMEOUT: Duration = Duration::from_secs(2);

const MAX_ANSWER_BYTES: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn only_a_200_is_healthy() {
        let check = |answer: &'static str, expected: Result<(), &str>| {
            let result = ask_one_that_answers(answer);
            assert_eq!(result.map_err(|error| error.to_string()), expected.map_err(str::to_owned), "{answer:?}");
        };
        check("HTTP/1.1 200 OK\r\n\r\nok\n", Ok(()));
        check("HTTP/1.1 503 Service Unavailable\r\n\r\nredis\nis away\n", Err("503 Service Unavailable redis is away"));
        check("HTTP/1.1 404 Not Found\r\n\r\n", Err("404 Not Found"));
        check("", Err("unexpected end of file"));
    }

    #[test]
    fn a_node_that_is_not_there_is_not_healthy() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(ask(&address.to_string(), "/healthz").unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    /// What is asked must be the path, whatever is answered.
    fn ask_one_that_answers(answer: &'static str) -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let node = thread::spawn(move || {
            let mut stream = BufReader::new(listener.accept().unwrap().0);
            let head: Vec<_> =
                stream.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
            stream.get_mut().write_all(answer.as_bytes()).unwrap();
            head
        });
        let result = ask(&address, "/readyz");
        assert_eq!(node.join().unwrap()[0], "GET /readyz HTTP/1.1");
        result
    }
}
