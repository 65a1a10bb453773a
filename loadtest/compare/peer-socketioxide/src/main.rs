//! The testbed application on socketioxide and axum.

use std::error::Error;
use std::time::Duration;

use clap::Parser;
use rmpv::Value;
use socketioxide::SocketIo;
use socketioxide::adapter::Adapter;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::layer::SocketIoLayer;
use socketioxide_redis::{RedisAdapter, RedisAdapterCtr};
use tokio::net::TcpListener;

#[derive(Parser)]
struct Options {
    /// Threads that serve
    #[arg(long, default_value_t = 1)]
    workers: usize,

    /// Milliseconds between pings
    #[arg(long, default_value_t = 25_000)]
    ping_interval: u64,

    /// The port of the Redis that connects it with others
    #[arg(long)]
    redis: Option<u16>,
}

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(options.workers).enable_all().build()?;
    // What `block_on` runs does not run on a worker.
    runtime.block_on(async { tokio::spawn(serve(options)).await? })
}

async fn serve(options: Options) -> Result<(), Box<dyn Error + Send + Sync>> {
    let builder = SocketIo::builder().ping_interval(Duration::from_millis(options.ping_interval));
    if let Some(port) = options.redis {
        let client = redis::Client::open(format!("redis://127.0.0.1:{port}?protocol=resp3"))?;
        let adapter = RedisAdapterCtr::new_with_redis(&client).await?;
        let (layer, io) = builder.with_adapter::<RedisAdapter<_>>(adapter).build_layer();
        io.ns("/", install).await?;
        listen(layer).await
    } else {
        let (layer, io) = builder.build_layer();
        io.ns("/", install);
        listen(layer).await
    }
}

async fn listen<A: Adapter>(layer: SocketIoLayer<A>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("socketioxide listens on http://{}", listener.local_addr()?);
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true)));
    Ok(axum::serve(listener, axum::Router::new().layer(layer)).await?)
}

async fn install<A: Adapter>(socket: SocketRef<A>) {
    // Always with an acknowledgement: a handler cannot ask whether one is waited for.
    socket.on("echo", async |Data::<Value>(data), ack: AckSender<A>| {
        let _ = ack.send(&data);
    });
    socket.on("join", async |socket: SocketRef<A>, Data::<String>(room), ack: AckSender<A>| {
        socket.join(room);
        let _ = ack.send("ok");
    });
    socket.on("leave", async |socket: SocketRef<A>, Data::<String>(room), ack: AckSender<A>| {
        socket.leave(room);
        let _ = ack.send("ok");
    });
    socket.on("say", async |socket: SocketRef<A>, Data::<(String, Value)>((room, message)), ack: AckSender<A>| {
        let _ = socket.to(room).emit("said", &message).await;
        let _ = ack.send("ok");
    });
    socket.on("bcast", async |io: SocketIo<A>, Data::<(Value, Value)>(data)| {
        let _ = io.emit("bcast", &data).await;
    });
    socket.on("room", async |io: SocketIo<A>, Data::<(String, Value)>((room, payload))| {
        let _ = io.to(room).emit("room", &payload).await;
    });
}
