//! Identifiers: exactly the right number of URL-safe characters, which are kept as they are.
#![no_main]

use fanfare_proto::ids::{NodeId, Sid, SocketId};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let safe = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let expected = |len: usize| (safe && text.len() == len).then_some(text);
    assert_eq!(text.parse::<NodeId>().ok().as_ref().map(NodeId::as_str), expected(4));
    assert_eq!(text.parse::<SocketId>().ok().as_ref().map(SocketId::as_str), expected(20));
    let sid = text.parse::<Sid>();
    assert_eq!(sid.as_ref().ok().map(Sid::as_str), expected(24));
    if let Ok(sid) = sid {
        assert_eq!(sid.node().as_str(), &text[..4]);
        assert!(!format!("{sid:?}").contains(text), "a secret is never shown whole");
    }
    let json = serde_json::to_string(text).expect("text is JSON");
    assert_eq!(serde_json::from_str::<SocketId>(&json).is_ok(), expected(20).is_some());
});
