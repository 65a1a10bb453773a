//! A Socket.IO server, protocol 5 over Engine.IO 4: the official clients cannot tell it from the reference server.
//!
//! ```no_run
//! use fanfare::{Data, Server, Socket};
//!
//! # #[tokio::main]
//! # async fn main() -> std::io::Result<()> {
//! let io = Server::new();
//! io.on_connect(async |socket: Socket| {
//!     socket.broadcast().emit("joined", &socket.id());
//!     socket.on("say", async |socket: Socket, Data(text): Data<String>| {
//!         socket.to("lobby").emit("said", &text);
//!         "delivered" // the acknowledgement
//!     });
//!     socket.join("lobby");
//! });
//! io.listen("0.0.0.0:3000").await
//! # }
//! ```
//!
//! Names and defaults are those of the Socket.IO documentation, shapes are Rust's: handlers are async functions whose
//! parameters say what they need, builders check their options, and what a handler returns is the acknowledgement.
//!
//! - [`Server`], [`ServerBuilder`]: the server and its options. It serves on its own port, or as a tower
//!   [service](Server::service) or [layer](Server::layer) in any hyper or axum application.
//! - [`Namespace`], [`ParentNamespace`], [`Socket`]: whom one talks to. [`BroadcastOperator`]: to whom of them.
//! - Parameters of handlers: [`Socket`], [`Server`], [`Namespace`], [`Data`], [`RawArgs`], [`Ack`], [`Auth`],
//!   [`State`], [`Handshake`], [`EventName`], [`DisconnectReason`], [`DisconnectDescription`].
//! - [`adapter`]: what carries everything to other nodes. Redis is the `fanfare-redis` crate's.
//!
//! What is below, polling, WebSocket, heartbeats, is the [`engine`]'s.
//!
//! # For those who know Socket.IO
//!
//! | in its documentation | here |
//! |---|---|
//! | `new Server({ pingInterval: 10000 })` | [`Server::builder()`](Server::builder)`.ping_interval(…).build()?` |
//! | `io.on("connection", (socket) => …)` | [`io.on_connect`](Namespace::on_connect)`(async \|socket: Socket\| …)` |
//! | `io.use((socket, next) => …)` | [`io.middleware`](Namespace::middleware)`(async \|…\| Ok(()))` |
//! | `io.of("/admin")`, `io.of(/^\/a/)`, `io.of((name, auth, next) => …)` | [`of`](Server::of), [`of_pattern`](Server::of_pattern), [`of_dynamic`](Server::of_dynamic) |
//! | `socket.emit("e", 1, "two")` | [`socket.emit`](Socket::emit)`("e", (1, "two"))` |
//! | `socket.emit("e", object)` | `socket.emit("e", &object)` |
//! | `await socket.timeout(1000).emitWithAck("e")` | `socket.timeout(second).emit_with_ack("e", ()).await` |
//! | `socket.on("e", (a, b, callback) => callback(c))` | [`socket.on`](Socket::on)`("e", async \|Data(a), Data(b)\| c)` |
//! | `socket.on("disconnect", (reason) => …)` | [`socket.on_disconnect`](Socket::on_disconnect)`(async \|reason: DisconnectReason\| …)` |
//! | `socket.use(([event, ...args], next) => …)` | [`socket.middleware`](Socket::middleware)`(async \|…\| Ok(()))` |
//! | `socket.onAny`, `socket.onAnyOutgoing`, `socket.offAny` | [`on_any`](Socket::on_any), [`on_any_outgoing`](Socket::on_any_outgoing), [`off`](Socket::off) |
//! | `io.to("a").except("b").emit("e")` | [`io.to`](Namespace::to)`("a").except("b").emit("e", ())` |
//! | `io.in("a")` | `io.to("a")` or [`io.within`](Namespace::within)`("a")` |
//! | `socket.broadcast.emit("e")` | [`socket.broadcast()`](Socket::broadcast)`.emit("e", ())` |
//! | `io.local`, `.volatile`, `.compress(false)` | [`io.local()`](Namespace::local), `.volatile()`, `.compress(false)` |
//! | `io.socketsJoin`, `io.disconnectSockets`, `io.fetchSockets` | [`sockets_join`](Namespace::sockets_join), [`disconnect_sockets`](Namespace::disconnect_sockets), [`fetch_sockets`](Namespace::fetch_sockets) |
//! | `socket.handshake.auth.token` | [`Auth`]`(auth): Auth<Credentials>` as a parameter, or `socket.handshake().auth()["token"]` |
//! | `socket.data.user = user` | [`socket.set_data`](Socket::set_data)`(user)` |
//! | `socket.rooms`, `socket.id`, `socket.nsp`, `socket.conn` | [`rooms()`](Socket::rooms), [`id()`](Socket::id), [`namespace()`](Socket::namespace), [`conn()`](Socket::conn) |
//! | `io.serverSideEmit("e")`, `io.on("e", …)` | [`server_side_emit`](Namespace::server_side_emit), [`io.on`](Namespace::on) |
//! | `io.engine.clientsCount` | [`io.engine()`](Server::engine)`.clients_count()` |
//! | `io.close()` | [`io.close()`](Server::close)`.await` |

pub mod adapter;

mod ack;
mod broadcast;
mod builder;
mod client;
mod client_bundle;
mod emit;
mod handler;
mod handshake;
mod metrics;
mod namespace;
mod remote;
mod room;
mod server;
mod socket;

pub use ack::{Ack, AckArgs, AckError, AckFuture, FromAck, ServerReply};
pub use adapter::RoomEvent;
pub use broadcast::{BroadcastAckError, BroadcastAcks, BroadcastOperator};
pub use builder::{Recovery, ServerBuilder};
pub use client::Conn;
pub use client_bundle::ClientBundle;
pub use emit::{EmitError, Emitted};
/// The Engine.IO server below.
pub use fanfare_engine as engine;
pub use fanfare_engine::{ConfigError, Cookie, Cors, Denied, Listener, ListenerHandle, SameSite, Transport};
pub use fanfare_proto::ids::SocketId;
pub use fanfare_proto::socket::{
    ArgError, Args, ArgsReader, ArgsWriter, EmitArgs, EncodeError, Number, Parser, RawArgs, Value,
};
pub use handler::{
    Auth, ConnectContext, ConnectError, ConnectHandler, Data, DisconnectContext, DisconnectDescription,
    DisconnectHandler, EventContext, EventHandler, EventMiddleware, EventName, ExtractError, Failure, FailureKind,
    FromConnect, FromDisconnect, FromEvent, FromServerEvent, FromSocket, HandlerError, IntoReply, Middleware,
    ServerEventContext, ServerEventHandler, State,
};
pub use handshake::Handshake;
pub use namespace::{Namespace, ParentNamespace, ParentOperator};
/// What [`Server::of_pattern`] takes.
pub use regex::Regex;
pub use remote::{RemoteAck, RemoteOperator, RemoteSocket, RemoteSocketData};
pub use room::{IntoRooms, Room, Rooms};
pub use server::Server;
pub use socket::{AnyData, DisconnectReason, ListenerId, Socket, SocketData, SocketOperator};
