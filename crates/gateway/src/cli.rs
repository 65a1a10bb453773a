//! What a user can say on the command line and in the environment.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::app::App;

/// A Socket.IO node: clients connect to it by WebSocket and HTTP long-polling.
///
/// Without arguments it serves a chat on http://localhost:3000.
#[derive(Clone, Debug, Parser)]
#[command(name = "fanfare", version)]
#[allow(rustdoc::bare_urls, reason = "it is read in a terminal")]
pub(crate) struct Options {
    /// The address to listen on
    #[arg(long, env = "FANFARE_LISTEN", default_value = "0.0.0.0:3000", value_name = "HOST:PORT")]
    pub(crate) listen: String,

    /// The path of all Socket.IO requests
    #[arg(long, env = "FANFARE_PATH", default_value = "/socket.io/")]
    pub(crate) path: String,

    /// An origin whose pages may connect, such as https://example.com; may be given several times; `*` for all
    #[arg(long, env = "FANFARE_CORS_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    pub(crate) cors_origin: Vec<String>,

    /// What the node does with its clients
    #[arg(long, env = "FANFARE_APP", value_enum, default_value_t = App::Demo)]
    pub(crate) app: App,

    /// Time between a pong and the next ping
    #[arg(long, env = "FANFARE_PING_INTERVAL", default_value = "25s", value_parser = duration, value_name = "DURATION")]
    pub(crate) ping_interval: Duration,

    /// Time a client has to answer a ping
    #[arg(long, env = "FANFARE_PING_TIMEOUT", default_value = "20s", value_parser = duration, value_name = "DURATION")]
    pub(crate) ping_timeout: Duration,

    /// Time a client has to complete an upgrade to WebSocket
    #[arg(long, env = "FANFARE_UPGRADE_TIMEOUT", default_value = "10s", value_parser = duration, value_name = "DURATION")]
    pub(crate) upgrade_timeout: Duration,

    /// Time a client has to join its first namespace
    #[arg(long, env = "FANFARE_CONNECT_TIMEOUT", default_value = "45s", value_parser = duration, value_name = "DURATION")]
    pub(crate) connect_timeout: Duration,

    /// Time a client may take none of what waits for it
    #[arg(long, env = "FANFARE_WRITE_TIMEOUT", default_value = "10s", value_parser = duration, value_name = "DURATION")]
    pub(crate) write_timeout: Duration,

    /// Largest message and polling body, in bytes
    #[arg(long, env = "FANFARE_MAX_PAYLOAD", default_value_t = 1_000_000, value_name = "BYTES")]
    pub(crate) max_payload: usize,

    /// Worker threads; as many as there are cores unless given
    #[arg(long, env = "FANFARE_WORKERS", value_name = "THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,

    /// What is logged: error, warn, info, debug, trace, or filters such as info,fanfare_engine=debug
    #[arg(long, env = "FANFARE_LOG", default_value = "info", value_name = "FILTER", value_parser = filter)]
    pub(crate) log: String,
}

impl Options {
    /// What the user has asked for; or the program is over, with this code, for the user has asked for help or made a
    /// mistake.
    pub(crate) fn from_command_line() -> Result<Self, ExitCode> {
        Self::try_parse().map_err(|error| {
            if error.use_stderr() {
                complain(&one_line(&error));
                return ExitCode::from(MISTAKE);
            }
            let _ = error.print();
            ExitCode::SUCCESS
        })
    }
}

/// Says why the program does not start, in one line.
pub(crate) fn complain(message: &str) {
    // Where nobody hears it, the exit code has to do.
    let _ = writeln!(std::io::stderr(), "fanfare: {message}");
}

/// The option that the user knows for one of the server.
pub(crate) fn name_of(option: &str) -> String {
    match option {
        "max_http_buffer_size" => "--max-payload".to_owned(),
        "cors" => "--cors-origin".to_owned(),
        other => format!("--{}", other.replace('_', "-")),
    }
}

/// What clap says in several paragraphs, without what everybody knows.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let telling =
        paragraphs.filter(|paragraph| !["Usage:", "For more"].iter().any(|start| paragraph.starts_with(start)));
    let line = telling.collect::<Vec<_>>().join("; ");
    line.strip_prefix("error: ").map(str::to_owned).unwrap_or(line)
}

/// The exit code when the user has made a mistake.
pub(crate) const MISTAKE: u8 = 2;

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it as 25s or 300ms"))
}

fn filter(text: &str) -> Result<String, String> {
    match text.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn mistakes_are_named_in_one_line() {
        let check = |args: &[&str], expected: &str| {
            let args = ["fanfare"].iter().chain(args);
            assert_eq!(one_line(&Options::try_parse_from(args).unwrap_err()), expected);
        };
        check(&["--lissen", "x"], "unexpected argument '--lissen' found; tip: a similar argument exists: '--listen'");
        check(
            &["--ping-timeout", "25"],
            "invalid value '25' for '--ping-timeout <DURATION>': time unit needed, for example 25sec or 25ms; \
             write it as 25s or 300ms",
        );
        check(&["--app", "x"], "invalid value 'x' for '--app <APP>' [possible values: demo, testbed]");
        check(&["--workers", "0"], "invalid value '0' for '--workers <THREADS>': 0 is not in 1..=1024");
        check(&["--listen"], "a value is required for '--listen <HOST:PORT>' but none was supplied");
    }

    #[test]
    fn options_of_the_server_have_the_names_the_user_knows() {
        assert_eq!(name_of("ping_interval"), "--ping-interval");
        assert_eq!(name_of("max_http_buffer_size"), "--max-payload");
    }

    #[test]
    fn durations_are_written_with_their_unit() {
        assert_eq!(duration("25s"), Ok(Duration::from_secs(25)));
        assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
        assert!(duration("25").unwrap_err().contains("write it as 25s or 300ms"));
    }
}
