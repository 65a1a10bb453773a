//! A node that does what its clients tell it, so that a test can have any node of a cluster do anything.
//!
//! Run it with `cargo run -p fanfare-redis --example cluster_node -- redis://127.0.0.1/ classic`, or `sharded` instead of
//! `classic`. It prints the address it listens on. A client emits `do` with an operation and its arguments and gets the
//! outcome as the acknowledgement.

use std::time::Duration;

use fanfare::{
    ArgsWriter, BroadcastAckError, BroadcastOperator, Data, EmitArgs, EncodeError, HandlerError, Listener, Namespace,
    Server, Socket, Value,
};
use fanfare_redis::{Kind, RedisAdapter, SubscriptionMode};
use serde::Deserialize;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "redis://127.0.0.1/".to_owned());
    let kind = match args.next().as_deref() {
        Some("sharded") => Kind::Sharded(SubscriptionMode::Dynamic),
        _ => Kind::Classic,
    };
    let adapter = RedisAdapter::builder(url).kind(kind).requests_timeout(Duration::from_secs(2)).connect().await?;
    let io = Server::builder().adapter(adapter).build()?;
    for namespace in ["/", "/admin"] {
        io.of(namespace).on_connect(async |socket: Socket| {
            socket.on("join", async |socket: Socket, Data(room): Data<String>| socket.join(room));
            socket.on("data", async |socket: Socket, Data(data): Data<Value>| socket.set_data(data));
            socket.on("do", perform);
        });
        io.of(namespace).on("question", async |Data(question): Data<Value>| Data(question));
        io.of(namespace).on("note", async |namespace: Namespace, Data(note): Data<Value>| {
            namespace.local().emit("note", &note);
        });
    }
    let listener = Listener::bind("127.0.0.1:0").await?;
    println!("listens on http://{}", listener.local_addr()?);
    io.serve(listener).await?;
    Ok(())
}

/// An operation, and whom it is for.
#[derive(Deserialize)]
struct Operation {
    op: String,
    #[serde(default)]
    to: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    rooms: Vec<String>,
    #[serde(default)]
    args: Vec<Value>,
    timeout: Option<u64>,
}

async fn perform(socket: Socket, Data(operation): Data<Operation>) -> Result<Data<Value>, HandlerError> {
    let whom = operation.whom(&socket);
    let args = All(&operation.args);
    Ok(Data(match operation.op.as_str() {
        "emit" => {
            whom.emit("event", args).await?;
            Value::Null
        }
        "ask" => answers(whom.emit_with_ack::<Value>("question", args).await),
        "join" => {
            whom.sockets_join(&operation.rooms[..]);
            Value::Null
        }
        "leave" => {
            whom.sockets_leave(&operation.rooms[..]);
            Value::Null
        }
        "disconnect" => {
            whom.disconnect_sockets(false);
            Value::Null
        }
        "fetch" => {
            let sockets = whom.fetch_sockets().await?;
            let describe = |socket: &fanfare::RemoteSocket| {
                let rooms = socket.rooms().iter().map(|room| Value::from(room.as_str())).collect::<Vec<_>>();
                let data = socket.data::<Value>().map(|data| (*data).clone()).unwrap_or_default();
                Value::Object(vec![
                    ("id".to_owned(), socket.id().into()),
                    ("rooms".to_owned(), rooms.into()),
                    ("data".to_owned(), data),
                    ("query".to_owned(), socket.handshake()["query"].clone()),
                ])
            };
            sockets.iter().map(describe).collect::<Vec<_>>().into()
        }
        "rooms" => {
            let rooms = socket.namespace().all_rooms().await?;
            rooms.iter().map(|room| Value::from(room.as_str())).collect::<Vec<_>>().into()
        }
        "count" => (socket.namespace().server_count().await? as u64).into(),
        "note" => {
            socket.namespace().server_side_emit("note", &operation.args[0]).await?;
            Value::Null
        }
        "servers" => match socket.namespace().server_side_emit_with_ack("question", &operation.args[0]).await {
            Ok(answers) => answers.into(),
            Err(error) => error.to_string().into(),
        },
        other => return Err(HandlerError::for_client(format!("there is no operation {other}"))),
    }))
}

impl Operation {
    fn whom(&self, socket: &Socket) -> BroadcastOperator {
        let mut whom = socket.namespace().to(&self.to[..]).except(&self.except[..]);
        if self.flags.iter().any(|flag| flag == "broadcast") {
            whom = whom.except(socket.id());
        }
        if self.flags.iter().any(|flag| flag == "volatile") {
            whom = whom.volatile();
        }
        match self.timeout {
            Some(millis) => whom.timeout(Duration::from_millis(millis)),
            None => whom,
        }
    }
}

/// As many arguments as there are values.
struct All<'a>(&'a [Value]);

impl EmitArgs for All<'_> {
    fn write(&self, out: &mut ArgsWriter<'_>) -> Result<(), EncodeError> {
        self.0.iter().try_for_each(|value| out.push(value))
    }
}

fn answers(answers: Result<Vec<Value>, BroadcastAckError<Value>>) -> Value {
    match answers {
        Ok(answers) => answers.into(),
        Err(BroadcastAckError::Incomplete { responses, .. }) => {
            Value::Object(vec![("timeout".to_owned(), true.into()), ("responses".to_owned(), responses.into())])
        }
        Err(error) => error.to_string().into(),
    }
}
