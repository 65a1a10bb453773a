//! The configuration as it is in effect, as a file that could be read again, without secrets.

use std::fmt::Write as _;

use toml::Value;

use super::file::is_key;
use super::{Config, Origin, command};

impl Config {
    /// One line for each option, with where it comes from.
    pub(crate) fn show(&self) -> String {
        let mut lines = String::new();
        for arg in command().get_arguments().filter(|arg| is_key(arg)) {
            let id = arg.get_id().as_str();
            let values: Vec<_> = self.matches.get_raw(id).into_iter().flatten().collect();
            let values: Vec<_> = values.iter().map(|value| value.to_string_lossy()).collect();
            let is_list = matches!(arg.get_action(), clap::ArgAction::Append);
            let shown = match &values[..] {
                [] if is_list => "[]".to_owned(),
                [] => continue,
                [value] if !is_list => scalar(value),
                values => format!("[{}]", values.iter().map(|value| text(value)).collect::<Vec<_>>().join(", ")),
            };
            let written = writeln!(lines, "{id} = {shown}  # {}", self.describe(id, arg.get_env()));
            written.expect("memory takes what is written to it");
        }
        lines
    }

    fn describe(&self, id: &str, variable: Option<&std::ffi::OsStr>) -> String {
        match self.origin(id) {
            Origin::Flag => format!("--{}", id.replace('_', "-")),
            Origin::Environment => variable.unwrap_or_default().to_string_lossy().into_owned(),
            Origin::File(path) => path.display().to_string().replace(char::is_control, "?"),
            Origin::Default => "default".to_owned(),
        }
    }
}

/// A whole number or truth value as such, everything else as text.
fn scalar(value: &str) -> String {
    let is_number = value.parse::<i64>().is_ok_and(|number| number.to_string() == value);
    if is_number || matches!(value, "true" | "false") { value.to_owned() } else { text(value) }
}

fn text(value: &str) -> String {
    Value::String(fanfare_redis::redacted(value)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_read_again_and_has_no_secrets() {
        let config = Config::parse([
            "fanfare",
            "--redis=redis://user:hunter2@one:6379/",
            "--redis=rediss://:hunter2@two",
            "--require-redis",
            "--cors-origin=https://a.example",
            "--node-id=0042",
        ]);
        let shown = config.unwrap().show();
        assert!(!shown.contains("hunter2") && !shown.contains("user"), "{shown}");
        for line in [
            r#"redis = ["redis://…@one:6379/", "rediss://…@two"]  # --redis"#,
            r#"listen = "0.0.0.0:3000"  # default"#,
            "require_redis = true  # --require-redis",
            r#"cors_origin = ["https://a.example"]  # --cors-origin"#,
            r#"node_id = "0042"  # --node-id"#,
            "trusted_proxy = []  # default",
            "max_payload = 1000000  # default",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{line} is not in\n{shown}");
        }
        shown.parse::<toml::Table>().expect("it is TOML");
    }
}
