//! Compressed polling answers. Rows E12, E83 and E84.

use std::io::Read as _;

use fanfare_engine::{Buffer, Engine, EngineBuilder, Frame, Message};
use fanfare_testkit::{Http, Response};
use flate2::read::{GzDecoder, ZlibDecoder};

use crate::server::Server;

/// What a client that takes these codings gets for one message of a length.
async fn answer(options: EngineBuilder, accept: &str, len: usize, compress: bool) -> Response {
    let mut server = Server::start(options).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let text = Frame::Text(Buffer::from(&*b"x".repeat(len - 1)));
    session.send_encoded(&server.engine.encode([text], compress)).unwrap();
    Http::request(server.address, "GET", &polling.target("polling"), &[("accept-encoding", accept)], b"").await
}

/// Checks that an answer is compressed, or is not, and holds the message all the same.
fn check(response: &Response, coding: Option<&str>, len: usize) {
    assert_eq!(response.header("content-encoding"), coding);
    assert_eq!(response.header("content-type"), Some("text/plain; charset=UTF-8"));
    assert_eq!(response.header("content-length"), Some(&*response.body.len().to_string()));
    let mut text = String::new();
    match coding {
        Some("gzip") => GzDecoder::new(&response.body[..]).read_to_string(&mut text).unwrap(),
        Some("deflate") => ZlibDecoder::new(&response.body[..]).read_to_string(&mut text).unwrap(),
        _ => (&response.body[..]).read_to_string(&mut text).unwrap(),
    };
    assert_eq!(text, format!("4{}", "x".repeat(len - 1)));
    assert_eq!(response.body.len() < len, coding.is_some(), "{} bytes", response.body.len());
}

#[tokio::test]
async fn the_first_coding_that_a_client_names_is_taken() {
    for (accept, coding) in [
        ("gzip, deflate, br", Some("gzip")),
        ("deflate, gzip", Some("deflate")),
        ("br, deflate;q=0.1", Some("deflate")),
        ("GZIP", Some("gzip")),
        ("gzip;q=0", None),
        ("br", None),
        ("identity", None),
    ] {
        check(&answer(Engine::builder(), accept, 2000, true).await, coding, 2000);
    }
}

#[tokio::test]
async fn only_answers_of_some_size_are_compressed() {
    check(&answer(Engine::builder(), "gzip", 1024, true).await, Some("gzip"), 1024);
    check(&answer(Engine::builder(), "gzip", 1023, true).await, None, 1023);
    check(&answer(Engine::builder().http_compression(Some(50)), "gzip", 50, true).await, Some("gzip"), 50);
    check(&answer(Engine::builder().http_compression(None), "gzip", 2000, true).await, None, 2000);
}

#[tokio::test]
async fn a_message_that_is_not_worth_it_is_not_compressed_unless_another_is() {
    check(&answer(Engine::builder(), "gzip", 2000, false).await, None, 2000);

    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let noise = Frame::Text(Buffer::from(&*b"x".repeat(2000)));
    session.send_encoded(&server.engine.encode([noise], false)).unwrap();
    session.send(Message::Text("worth it")).unwrap();
    let accept = [("accept-encoding", "gzip")];
    let response = Http::request(server.address, "GET", &polling.target("polling"), &accept, b"").await;
    assert_eq!(response.header("content-encoding"), Some("gzip"));
}

#[tokio::test]
async fn the_handshake_and_answers_to_posts_are_not_compressed() {
    let mut server = Server::start(Engine::builder().http_compression(Some(1))).await;
    let accept = [("accept-encoding", "gzip")];
    let open = server.request("GET", "?EIO=4&transport=polling", &accept).await;
    assert_eq!(open.header("content-encoding"), None);
    let target = format!("/engine.io/?EIO=4&transport=polling&sid={}", server.opened().await.sid().as_str());
    let posted = Http::request(server.address, "POST", &target, &accept, b"4hi").await;
    assert_eq!((posted.text(), posted.header("content-encoding")), ("ok", None));
}
