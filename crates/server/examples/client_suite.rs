//! The server that the test suite of `socket.io-client` expects.
//!
//! Run it with `cargo run -p fanfare --example client_suite -- 3210`, then the suite against that port.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fanfare::engine::Handshake as Request;
use fanfare::{Ack, AckArgs, AckError, ConnectError, Data, Handshake, Recovery, Server, Socket, Value};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(3210), |port| port.parse())?;
    let io = Server::builder()
        .ping_interval(Duration::from_secs(2))
        .connection_state_recovery(Recovery::default())
        .allow_request(async |_: Request| {
            // Some tests count on a handshake that takes longer than a timeout of zero.
            tokio::time::sleep(Duration::from_millis(10)).await;
            Ok(())
        })
        .build()?;
    io.middleware(async |handshake: Handshake| match handshake.query("fail").as_deref() {
        None | Some("") => Ok(()),
        Some(_) => Err(ConnectError::new("Auth failed (main namespace)")),
    });
    io.on_connect(async |socket: Socket| {
        handle_texts(&socket);
        handle_acks(&socket);
        handle_binary(&socket);
    });
    io.of("/foo").on_connect(async |socket: Socket| {
        socket.on("getId", async |socket: Socket| Data(socket.id()));
    });
    io.of("/abc").on_connect(async |socket: Socket| socket.emit("handshake", &socket.handshake()));
    for name in ["/timeout_socket", "/valid", "/asd"] {
        io.of(name);
    }
    io.of("/no").middleware(async || Err::<(), _>(ConnectError::new("Auth failed (custom namespace)")));
    println!("listening on http://127.0.0.1:{port}{}", io.engine().path());
    io.listen(("127.0.0.1", port)).await?;
    Ok(())
}

fn handle_texts(socket: &Socket) {
    socket.on("hi", async |socket: Socket| socket.emit("hi", ()));
    socket.on("getDate", async |socket: Socket| socket.emit("takeDate", &date()));
    socket.on("getDateObj", async |socket: Socket| socket.emit("takeDateObj", &serde_json::json!({ "date": date() })));
    socket.on("getUtf8", async |socket: Socket| {
        for text in ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"] {
            socket.emit("takeUtf8", text);
        }
    });
    socket.on("false", async |socket: Socket| socket.emit("false", &false));
}

fn handle_acks(socket: &Socket) {
    socket.on("echo", async |Data(value): Data<Value>, ack: Ack| ack.send(&value));
    socket.on("ack", async |socket: Socket| {
        let AckArgs(answer) = socket.emit_with_ack("ack", ()).await?;
        let mut answer = answer.as_args().reader();
        let number = answer.next::<Value>().and_then(Result::ok).and_then(|number| number.as_f64());
        let object = answer.next::<Value>().and_then(Result::ok).unwrap_or_default();
        if number == Some(5.0) && object["test"] == Value::from(true) {
            socket.emit("got it", ());
        }
        Ok::<(), AckError>(())
    });
    socket.on("getAckDate", async |_: Data<Value>, ack: Ack| ack.send(&date()));
    socket.on("getHandshake", async |socket: Socket, ack: Ack| ack.send(&socket.handshake()));
    socket.on("getId", async |socket: Socket| Data(socket.id()));
}

fn handle_binary(socket: &Socket) {
    socket.on("doge", async |socket: Socket| socket.emit("doge", &Bytes::from_static(b"asdfasdf")));
    socket.on("buffa", async |socket: Socket, Data(value): Data<Value>| {
        if value.as_bytes().is_some() {
            socket.emit("buffack", ());
        }
    });
    socket.on("jsonbuff", async |socket: Socket, Data(value): Data<Value>| {
        let texts = (value["hello"].as_str(), value["goodbye"].as_str());
        if texts == (Some("lol"), Some("gotcha")) && value["message"].as_bytes().is_some() {
            socket.emit("jsonbuff-ack", ());
        }
    });
    socket.on("abuff1", async |socket: Socket, Data(value): Data<Value>| {
        if value.as_bytes().is_some() {
            socket.once("abuff2", async |socket: Socket| socket.emit("abuff2-ack", ()));
        }
    });
}

/// The present, as JavaScript writes a date into JSON.
fn date() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    fanfare_proto::dates::iso_string(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
