//! The configuration file: TOML, with the names of the flags as keys.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction};
use toml::Value;

/// A file that has been read. What it says has been checked.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    values: BTreeMap<String, Vec<String>>,
}

impl File {
    /// Reads a file; the message says what is wrong with it, and where.
    pub(super) fn read(path: PathBuf, command: &clap::Command) -> Result<Self, String> {
        let name = path.display();
        let text = std::fs::read_to_string(&path).map_err(|error| format!("--config {name}: {error}"))?;
        let values = parse(&text, command).map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { path, values })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The values of each option, as they would be written behind its flag.
    pub(super) fn values(&self) -> &BTreeMap<String, Vec<String>> {
        &self.values
    }
}

fn parse(text: &str, command: &clap::Command) -> Result<BTreeMap<String, Vec<String>>, String> {
    let table: toml::Table = text.parse().map_err(|error| syntax(text, &error))?;
    let values = table.into_iter().map(|(key, value)| {
        let arg = find(command, &key)?;
        let values = to_flags(value, arg).map_err(|reason| format!("{key}: {reason}"))?;
        check(&values, arg).map_err(|reason| format!("{key}: {reason}"))?;
        Ok((key, values))
    });
    values.collect()
}

/// What TOML says is wrong, in one line.
fn syntax(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {message}", before.matches('\n').count() + 1),
        None => message,
    }
}

/// The option of a key.
fn find<'a>(command: &'a clap::Command, key: &str) -> Result<&'a Arg, String> {
    command.get_arguments().find(|arg| is_key(arg) && arg.get_id() == key).ok_or_else(|| {
        let mut keys: Vec<_> =
            command.get_arguments().filter(|arg| is_key(arg)).map(|arg| arg.get_id().as_str()).collect();
        keys.sort_unstable();
        format!("there is no key {key:?}; there are {}", keys.join(", "))
    })
}

/// Whether an option can be in a file; which file that is cannot.
pub(super) fn is_key(arg: &Arg) -> bool {
    arg.get_long().is_some() && !["config", "help", "version"].contains(&arg.get_id().as_str())
}

/// A value as it would be written behind the flag: several, where there may be several.
fn to_flags(value: Value, arg: &Arg) -> Result<Vec<String>, &'static str> {
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Integer(number) => Ok(vec![number.to_string()]),
        Value::Boolean(value) => Ok(vec![value.to_string()]),
        Value::Array(items) if matches!(arg.get_action(), ArgAction::Append) => {
            let items = items.into_iter().map(|item| match item {
                Value::String(text) => Ok(text),
                _ => Err("it is a list of strings"),
            });
            items.collect()
        }
        Value::Array(_) => Err("it is one value, not a list"),
        Value::Float(_) | Value::Datetime(_) | Value::Table(_) => {
            Err("it is a string, a whole number or true or false")
        }
    }
}

/// Checks values as if they had been given with the flag.
fn check(values: &[String], arg: &Arg) -> Result<(), String> {
    let long = arg.get_long().expect("every key is a flag");
    // Neither the environment nor the command line can hide that the file is wrong.
    let alone = clap::Command::new("file").no_binary_name(true).arg(arg.clone().env(None));
    for value in values {
        alone
            .clone()
            .try_get_matches_from([format!("--{long}={value}")])
            .map_err(|error| format!("{:?} is not allowed; {}", fanfare_redis::redacted(value), allowed(&error)))?;
    }
    Ok(())
}

/// What a value may be, from what clap says of a wrong one.
fn allowed(error: &clap::Error) -> String {
    match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(reason), _) => reason.to_string(),
        (None, Some(ContextValue::Strings(values))) => format!("it is one of {}", values.join(", ")),
        _ => super::one_line(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, Vec<String>)>, String> {
        parse(text, &super::super::command()).map(|values| values.into_iter().collect())
    }

    #[test]
    fn keys_are_flags() {
        let check = |text: &str, key: &str, values: &[&str]| {
            let values = values.iter().map(|&value| value.to_owned()).collect();
            assert_eq!(read(text), Ok(vec![(key.to_owned(), values)]), "{text}");
        };
        check(r#"ping_interval = "5s""#, "ping_interval", &["5s"]);
        check("max_payload = 2_000", "max_payload", &["2000"]);
        check("require_redis = true", "require_redis", &["true"]);
        check(
            r#"cors_origin = ["https://a.example", "https://b.example"]"#,
            "cors_origin",
            &["https://a.example", "https://b.example"],
        );
        check("cors_origin = \"*\" # all", "cors_origin", &["*"]);
    }

    #[test]
    fn mistakes_are_named() {
        let check = |text: &str, told: &str| {
            let error = read(text).expect_err(text);
            assert!(error.contains(told) && !error.contains('\n'), "{text}: {error}");
        };
        check("pingInterval = \"5s\"", "there is no key \"pingInterval\"; there are adapter, admin_listen,");
        check("config = \"x\"", "there is no key \"config\"");
        check("help = true", "there is no key \"help\"");
        check("ping_interval = 5", "ping_interval: \"5\" is not allowed; time unit needed");
        check("ping_interval = [\"5s\"]", "ping_interval: it is one value, not a list");
        check("ping_interval = 5.5", "ping_interval: it is a string, a whole number or true or false");
        check("adapter = \"kafka\"", "adapter: \"kafka\" is not allowed; it is one of memory, redis, redis-sharded");
        check("workers = 0", "workers: \"0\" is not allowed; 0 is not in 1..=1024");
        check("require_redis = \"maybe\"", "require_redis: \"maybe\" is not allowed; it is one of true, false");
        check("trusted_proxy = [\"10.0.0.0/99\"]", "trusted_proxy: \"10.0.0.0/99\" is not allowed;");
        check("node_id = \"abc\"", "node_id: \"abc\" is not allowed; it has 4 letters");
        check("[redis]\nurl = \"x\"", "redis: it is a string");
        check("app = \"demo\"\nlisten = \n", "line 2: ");
    }
}
