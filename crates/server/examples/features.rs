//! A server with one of everything, which the tests of the JavaScript clients drive: what a client asks for by an event,
//! the server does, and most often says so in the acknowledgement.
//!
//! Run it with `cargo run -p fanfare --example features -- [OPTION …]`. Options: `--parser msgpack`, `--recovery`,
//! `--cookie`, `--transports polling` or `websocket`, `--ping-interval` and `--ping-timeout` in milliseconds.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use fanfare::{
    Ack, AckArgs, AckError, Auth, BroadcastAckError, ConnectError, Cookie, Data, DisconnectReason, EmitError,
    EventName, HandlerError, Handshake, Listener, Namespace, Parser, RawArgs, Recovery, Server, ServerBuilder, Socket,
    State, Transport, Value,
};
use parking_lot::Mutex;
use serde::Serialize;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Handlers that panic are part of the program; the tests judge what comes of it.
    std::panic::set_hook(Box::new(|_| {}));
    let io = configure(std::env::args().skip(1))?.build()?;
    io.on_connect(async |socket: Socket| connect(&socket));
    guard(&io);
    filter(&io);
    grow(&io);
    let listener = Listener::bind("127.0.0.1:0").await?;
    println!("features listens on http://{}", listener.local_addr()?);
    io.serve(listener).await?;
    Ok(())
}

fn configure(mut args: impl Iterator<Item = String>) -> Result<ServerBuilder, Box<dyn std::error::Error>> {
    let mut builder = Server::builder().state(Ends::default());
    while let Some(option) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{option}: its value is missing"));
        builder = match option.as_str() {
            "--recovery" => builder.connection_state_recovery(Recovery::default()),
            "--cookie" => builder.cookie(Cookie::default()),
            "--parser" if value()? == "msgpack" => builder.parser(Parser::MsgPack),
            "--transports" => builder.transports([transport(&value()?)?]),
            "--ping-interval" => builder.ping_interval(Duration::from_millis(value()?.parse()?)),
            "--ping-timeout" => builder.ping_timeout(Duration::from_millis(value()?.parse()?)),
            _ => return Err(format!("{option}: no such option").into()),
        };
    }
    Ok(builder)
}

fn transport(name: &str) -> Result<Transport, String> {
    let known = [Transport::Polling, Transport::WebSocket].into_iter().find(|transport| transport.as_str() == name);
    known.ok_or_else(|| format!("{name}: no such transport"))
}

fn connect(socket: &Socket) {
    handle_memory(socket);
    handle_echoes(socket);
    handle_questions(socket);
    handle_rooms(socket);
    handle_recording(socket);
    handle_failures(socket);
    handle_ends(socket);
}

/// What the server knows of the client.
fn handle_memory(socket: &Socket) {
    socket.on("handshake", async |handshake: Handshake| Data(handshake));
    socket.on("transport", async |socket: Socket| socket.conn().transport().as_str());
    socket.on("recovered", async |socket: Socket| socket.recovered());
    socket.on("remember", async |socket: Socket, Data(value): Data<Value>| socket.set_data(value));
    socket.on("recall", async |socket: Socket| Data(socket.data::<Value>().as_deref().cloned()));
}

/// Events that come back, and some that come by themselves.
fn handle_echoes(socket: &Socket) {
    socket.on("echo", async |socket: Socket, args: RawArgs, ack: Ack| -> Result<(), EmitError> {
        if ack.is_requested() { ack.send(args) } else { socket.emit("echo", args).await }
    });
    socket.on("grüße 👋", async |socket: Socket, args: RawArgs| socket.emit("grüße 👋", args));
    socket.on("42", async || "a number is a name too");
    socket.once("once", async || "the first time");
    socket.on("send", async |socket: Socket, args: RawArgs| socket.send(args));
    socket.on("volatile", async |socket: Socket, Data(count): Data<u32>| {
        for number in 0..count {
            socket.volatile().emit("tick", &number);
        }
        socket.emit("last tick", ())
    });
}

/// Acknowledgements of the client; what it answers is handed back to it.
fn handle_questions(socket: &Socket) {
    socket.on("ask", async |socket: Socket, args: RawArgs| {
        let AckArgs(answer) = socket.emit_with_ack("question", args).await?;
        Ok::<_, AckError>(answer)
    });
    socket.on("ask within", async |socket: Socket, Data(patience): Data<u64>| {
        let asked = socket.timeout(Duration::from_millis(patience)).emit_with_ack::<Value>("question", ());
        asked.await.map(Data).map_err(|error| HandlerError::for_client(error.to_string()))
    });
    socket.on("ask all", async |namespace: Namespace, Data(room): Data<String>, Data(patience): Data<u64>| {
        let room = namespace.to(room).timeout(Duration::from_millis(patience));
        let (answers, missing) = match room.emit_with_ack::<Value>("question", ()).await {
            Ok(answers) => (answers, 0),
            Err(BroadcastAckError::Incomplete { responses, missing }) => (responses, missing),
            Err(error) => return Err(HandlerError::for_client(error.to_string())),
        };
        Ok(Data(Answers { answers, missing }))
    });
}

#[derive(Serialize)]
struct Answers {
    answers: Vec<Value>,
    missing: usize,
}

/// Rooms, and everything that can be done to the sockets in one.
fn handle_rooms(socket: &Socket) {
    socket.on("join", async |socket: Socket, Data(rooms): Data<Vec<String>>| socket.join(rooms));
    socket.on("leave", async |socket: Socket, Data(room): Data<String>| socket.leave(room));
    socket.on("rooms", async |socket: Socket| socket.rooms());
    socket.on("tell", async |namespace: Namespace, Data(order): Data<Order>, Data(message): Data<Value>| {
        namespace.to(order.rooms).except(order.except).emit("told", &message)
    });
    socket.on("tell others", async |socket: Socket, Data(message): Data<Value>| {
        socket.broadcast().emit("told", &message)
    });
    socket.on("gather", async |namespace: Namespace, Data(from): Data<String>, Data(into): Data<String>| {
        namespace.to(from).sockets_join(into);
    });
    socket.on("dismiss", async |namespace: Namespace, Data(room): Data<String>, Data(close): Data<bool>| {
        namespace.to(room).disconnect_sockets(close);
    });
    socket.on("who", async |namespace: Namespace, Data(room): Data<String>| {
        let sockets = namespace.to(room).fetch_sockets().await?;
        let described =
            sockets.iter().map(|socket| (socket.id().to_owned(), socket.data::<Value>().as_deref().cloned()));
        Ok::<_, HandlerError>(Data(described.collect::<HashMap<_, _>>()))
    });
}

/// Whom a message is for.
#[derive(serde::Deserialize)]
struct Order {
    #[serde(default)]
    rooms: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
}

/// What catch-all handlers see, from `record` to `recorded`.
fn handle_recording(socket: &Socket) {
    socket.on("record", async |socket: Socket| {
        let recording = Recording::default();
        let any = socket.on_any(recording.notes("in"));
        let outgoing = socket.on_any_outgoing(recording.notes("out"));
        socket.once("recorded", move |socket: Socket| {
            socket.off(any);
            socket.off(outgoing);
            ready(Data(recording.0.lock().clone()))
        });
    });
}

/// Directions and names of events.
#[derive(Clone, Default)]
struct Recording(Arc<Mutex<Vec<(&'static str, String)>>>);

impl Recording {
    fn notes(&self, direction: &'static str) -> impl Fn(EventName) -> Ready<()> + Send + Sync + 'static {
        let recording = self.clone();
        move |EventName(name)| {
            recording.0.lock().push((direction, name));
            ready(())
        }
    }
}

/// Handlers that go wrong.
fn handle_failures(socket: &Socket) {
    socket.on("add", async |Data(left): Data<i64>, Data(right): Data<i64>| left + right);
    socket.on("refuse", async || Err::<(), _>(HandlerError::for_client("not today")));
    socket.on("fail", async || Err::<(), _>(std::io::Error::other("a secret of the server")));
    socket.on("panic", async || -> () { panic!("a secret of the server") });
}

/// The end of sockets, and who hears of it: those that `watch` an id, before or after.
fn handle_ends(socket: &Socket) {
    socket.on("watch", async |socket: Socket, State(ends): State<Ends>, Data(id): Data<String>| {
        socket.join(watchers(&id));
        let ended = ends.lock().get(&id).copied();
        if let Some(reason) = ended {
            socket.emit("ended", (&id, reason));
        }
    });
    socket.on_disconnecting(async |socket: Socket, namespace: Namespace| {
        namespace.to(watchers(&socket.id())).emit("ending", (&socket.id(), &socket.rooms()))
    });
    socket.on_disconnect(
        async |socket: Socket, namespace: Namespace, State(ends): State<Ends>, reason: DisconnectReason| {
            ends.lock().insert(socket.id().to_string(), reason.as_str());
            namespace.to(watchers(&socket.id())).emit("ended", (&socket.id(), reason.as_str()))
        },
    );
    socket.on("disconnect me", async |socket: Socket, Data(close): Data<bool>| socket.disconnect(close));
    socket.on("close me", async |socket: Socket| socket.conn().close());
}

/// Why sockets have ended, by their ids.
type Ends = Arc<Mutex<HashMap<String, &'static str>>>;

fn watchers(id: &impl ToString) -> String {
    format!("watchers of {}", id.to_string())
}

/// `/guarded`: for those who know the password; the others hear what is wrong.
fn guard(io: &Server) {
    let guarded = io.of("/guarded");
    guarded.middleware(async |Auth(auth): Auth<Value>| match auth["password"].as_str() {
        Some("open sesame") => Ok(()),
        given => Err(ConnectError::new("wrong password").with_data(&serde_json::json!({ "code": 42, "given": given }))),
    });
    guarded.on_connect(async |socket: Socket| connect(&socket));
}

/// `/filtered`: events whose first argument is `"drop"` get no further than the middleware.
fn filter(io: &Server) {
    io.of("/filtered").on_connect(async |socket: Socket| {
        socket.middleware(async |Data(first): Data<Value>| match first.as_str() {
            Some("drop") => Err(HandlerError::for_client("dropped")),
            _ => Ok(()),
        });
        connect(&socket);
    });
}

/// `/dynamic-1`, `/dynamic-2` and so on, and `/of-NAME` for the one who is so called.
fn grow(io: &Server) {
    let pattern = regex::Regex::new(r"^/dynamic-\d+$").expect("a valid pattern");
    io.of_pattern(pattern).on_connect(async |socket: Socket| {
        socket.emit("welcome", socket.namespace().name());
        connect(&socket);
    });
    let own = io.of_dynamic(async |namespace: String, auth: Value| {
        auth["name"].as_str().is_some_and(|name| namespace == format!("/of-{name}"))
    });
    own.on_connect(async |socket: Socket| connect(&socket));
}
