//! Any bytes of a WebSocket client: a size of chunks, a limit, then frames. Row WS-31.
#![no_main]

mod model;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [chunk, limit, frames @ ..] = data else { return };
    model::check(frames, (*chunk).into(), usize::from(*limit) * 16);
});
