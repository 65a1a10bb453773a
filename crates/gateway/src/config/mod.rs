//! What a user can say: flags, environment, a file, in falling precedence, and the defaults.

mod file;
mod options;
mod show;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use file::File;
pub(crate) use options::{AdapterKind, Command, Options};

/// The options, and where each of them comes from.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) options: Options,
    matches: ArgMatches,
    file: Option<File>,
}

/// Where the value of an option comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    Flag,
    Environment,
    File(PathBuf),
    Default,
}

impl Config {
    /// What the user has asked for; or the program is over, with this code, for the user has asked for help or made a
    /// mistake.
    pub(crate) fn from_user() -> Result<Self, ExitCode> {
        Self::parse(std::env::args_os()).map_err(|mistake| match mistake {
            Mistake::Parse(error) if !error.use_stderr() => {
                let _ = error.print();
                ExitCode::SUCCESS
            }
            Mistake::Parse(error) => {
                complain(&one_line(&error));
                ExitCode::from(MISTAKE)
            }
            Mistake::File(message) => {
                complain(&message);
                ExitCode::from(MISTAKE)
            }
        })
    }

    fn parse<T: Into<std::ffi::OsString> + Clone>(args: impl IntoIterator<Item = T>) -> Result<Self, Mistake> {
        let args: Vec<T> = args.into_iter().collect();
        let matches = command().try_get_matches_from(args.clone())?;
        let Some(path) = matches.get_one::<PathBuf>("config").cloned() else {
            let options = Options::from_arg_matches(&matches)?;
            return Ok(Self { options, matches, file: None });
        };
        // What the file says takes the place of the defaults, so that everything else comes before it.
        let file = File::read(path, &command()).map_err(Mistake::File)?;
        let matches = file
            .values()
            .iter()
            .fold(command(), |command, (id, values)| command.mut_arg(id, |arg| arg.default_values(values)));
        let matches = matches.try_get_matches_from(args)?;
        let options = Options::from_arg_matches(&matches)?;
        Ok(Self { options, matches, file: Some(file) })
    }

    /// What to call an option of the server or the adapter when its value is wrong: as the user has said it.
    pub(crate) fn name_of(&self, option: &str) -> String {
        let id = match option {
            "max_http_buffer_size" => "max_payload",
            "max_sessions_per_address" => "max_connections_per_address",
            "cors" => "cors_origin",
            "url" => "redis",
            "kind" => "adapter",
            "prefix" => "redis_prefix",
            "ca_certificates" => "redis_ca",
            other => other,
        };
        match self.origin(id) {
            Origin::File(path) => format!("{}: {id}", path.display()),
            _ => format!("--{}", id.replace('_', "-")),
        }
    }

    fn origin(&self, id: &str) -> Origin {
        match self.matches.try_contains_id(id).is_ok().then(|| self.matches.value_source(id)).flatten() {
            Some(ValueSource::CommandLine) => Origin::Flag,
            Some(ValueSource::EnvVariable) => Origin::Environment,
            _ => self
                .file
                .as_ref()
                .filter(|file| file.values().contains_key(id))
                .map_or(Origin::Default, |file| Origin::File(file.path().to_owned())),
        }
    }
}

/// Why the program does not start.
#[derive(Debug)]
enum Mistake {
    /// In a flag or the environment; or the user asks for help.
    Parse(clap::Error),
    /// In the file.
    File(String),
}

impl From<clap::Error> for Mistake {
    fn from(error: clap::Error) -> Self {
        Self::Parse(error)
    }
}

/// The command line. Options may stand before a subcommand and behind it.
fn command() -> clap::Command {
    Options::command().mut_args(|arg| arg.global(true))
}

/// Says why the program does not start, in one line.
pub(crate) fn complain(message: &str) {
    // Where nobody hears it, the exit code has to do.
    let _ = writeln!(std::io::stderr(), "fanfare: {message}");
}

/// What clap says in several paragraphs, without what everybody knows, and without passwords.
fn one_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let paragraphs = text
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().map(fanfare_redis::redacted).collect::<Vec<_>>().join(" "));
    let telling =
        paragraphs.filter(|paragraph| !["Usage:", "For more"].iter().any(|start| paragraph.starts_with(start)));
    let line = telling.collect::<Vec<_>>().join("; ");
    line.strip_prefix("error: ").map(str::to_owned).unwrap_or(line)
}

/// The exit code when the user has made a mistake.
pub(crate) const MISTAKE: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn mistakes_are_named_in_one_line() {
        let check = |args: &[&str], expected: &str| match Config::parse(["fanfare"].iter().chain(args)) {
            Err(Mistake::Parse(error)) => assert_eq!(one_line(&error), expected),
            other => panic!("{other:?}"),
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
        check(&["redis://me:secret@host"], "unrecognized subcommand 'redis://…@host'");
    }

    #[test]
    fn options_have_the_names_the_user_knows() {
        let config = Config::parse(["fanfare"]).unwrap();
        assert_eq!(config.name_of("ping_interval"), "--ping-interval");
        assert_eq!(config.name_of("max_http_buffer_size"), "--max-payload");
        assert_eq!(config.name_of("url"), "--redis");
    }

    #[test]
    fn options_may_stand_before_a_subcommand_and_behind_it() {
        for args in [["fanfare", "--app", "testbed", "check-config"], ["fanfare", "check-config", "--app", "testbed"]] {
            let config = Config::parse(args).unwrap();
            assert_eq!(config.options.app, crate::app::App::Testbed);
            assert_eq!(config.origin("app"), Origin::Flag);
            assert!(matches!(config.options.command, Some(Command::CheckConfig)));
        }
    }
}
