//! What holds for any input: decoding undoes encoding, both parsers mean the same, nothing makes a decoder panic.

mod exchange;
mod exercise;
mod given;

mod hostile;
mod json;
mod numbers;
mod payloads;
mod round_trip;
mod strings;
mod transcode;

use proptest::test_runner::Config;

/// How often each property is tried. A failure is told with the input that caused it, and no file is kept.
fn tries(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}
