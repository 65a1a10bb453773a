//! The server that the test suite of `engine.io-client` expects.
//!
//! Run it with `cargo run -p fanfare-engine --example client_suite -- 3000`, then the suite against that port.

use std::time::Duration;

use fanfare_engine::{Connection, Denied, Engine, Handshake, Listener, Message, Received, Session};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(3000), |port| port.parse())?;
    let engine = Engine::builder()
        .ping_interval(Duration::from_millis(500))
        .max_http_buffer_size(100)
        .allow_request(async |handshake: Handshake| match handshake.query_value("deny") {
            Some(_) => Err(Denied::from("denied by the query")),
            None => Ok(()),
        })
        .initial_headers(|headers, _| {
            for cookie in COOKIES {
                headers.append(SET_COOKIE, HeaderValue::from_static(cookie));
            }
        })
        .build(|session: &Session| {
            let _ = session.send(Message::Text("hi"));
            Suite
        })?;
    let listener = Listener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}{}", listener.local_addr()?, engine.path());
    listener.serve(engine.service()).await?;
    Ok(())
}

struct Suite;

impl Connection for Suite {
    fn message(&self, session: &Session, received: Received<'_>) {
        let _ = match received.message {
            Message::Text("give binary") => session.send(Message::Binary(&[0, 1, 2, 3, 4])),
            Message::Text("give utf8") => session.send(Message::Text("пойду спать всем спокойной ночи")),
            Message::Text("sendHeaders") => {
                let headers = received.request.map(|request| headers_as_json(&request.headers));
                session.send(Message::Text(&headers.unwrap_or_default()))
            }
            message => session.send(message),
        };
    }
}

fn headers_as_json(headers: &HeaderMap) -> String {
    let pairs = headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned().into()));
    serde_json::Value::Object(pairs.collect()).to_string()
}

const COOKIES: [&str; 4] = [
    "1=1; Max-Age=86400",
    "2=2; Path=/; HttpOnly; Secure; SameSite=Strict",
    "3=3; Max-Age=0",
    "4=4; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
];
