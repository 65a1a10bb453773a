//! What other nodes tell and ask a namespace.

use std::borrow::Cow;
use std::sync::Arc;

use fanfare::adapter::{AckCollector, AckEvent, Broadcast, Scope, Selection};
use fanfare::{RawArgs, ServerReply, Value};
use fanfare_proto::cluster::{Event, EventArgs, Flags, Incoming, OneSocket, Opts, Request, Requester, Response};

use super::convert::{describe, selection, to_rooms};
use super::{Inner, Waiting};
use crate::subscriber::Listener;

impl Listener for Inner {
    fn message(&self, channel: &str, payload: &[u8]) {
        let Some(adapter) = self.me.upgrade() else { return };
        let incoming = adapter.node.lock().handle_message(channel, payload, |room| adapter.local.has_room(room));
        let metrics = adapter.hub.metrics();
        let ignored = match incoming {
            Ok(Incoming::Request(request, requester)) => return adapter.handle_request(request, requester),
            Ok(Incoming::ClientCount(id, count)) => {
                if let Some(Waiting::Acks(collector)) = adapter.waiting.lock().get(&*id) {
                    collector.add_clients(usize::try_from(count).unwrap_or(usize::MAX));
                }
                return;
            }
            Ok(Incoming::Ack(id, args)) => {
                if let Some(Waiting::Acks(collector)) = adapter.waiting.lock().get(&*id) {
                    collector.add_response(args.to_raw());
                }
                return;
            }
            Ok(Incoming::Answered(id, gathered)) => {
                if let Some(Waiting::Gathered(waiting)) = adapter.waiting.lock().remove(&*id) {
                    // Whoever has stopped waiting does not want it.
                    let _ = waiting.send(gathered);
                }
                return;
            }
            Ok(Incoming::Gathering) => return,
            Ok(Incoming::Unasked) => "unasked",
            Ok(Incoming::Own) => "own",
            Ok(Incoming::Nobody) => "nobody",
            Ok(Incoming::Foreign) => "foreign",
            Err(malformed) => {
                metrics.malformed.with_label_values(&[malformed.name()]).inc();
                return tracing::debug!(%malformed, "a message of another node was dropped");
            }
        };
        metrics.ignored.with_label_values(&[ignored]).inc();
    }
}

impl Inner {
    fn handle_request(self: &Arc<Self>, request: Request<'_>, requester: Option<Requester>) {
        match (request, requester) {
            (Request::Broadcast { event, opts, unwanted_ack, .. }, requester) => {
                self.handle_broadcast(&event, &opts, unwanted_ack, requester);
            }
            (Request::SocketsJoin { opts, rooms }, _) => {
                self.local.sockets_join(&selection(&opts), &to_rooms(&rooms));
            }
            (Request::SocketsLeave { opts, rooms }, _) => {
                self.local.sockets_leave(&selection(&opts), &to_rooms(&rooms));
            }
            (Request::DisconnectSockets { opts, close }, _) => {
                self.local.disconnect_sockets(&selection(&opts), close);
            }
            (Request::ServerSideEmit { event, .. }, requester) => self.handle_server_side_emit(&event, requester),
            (request, Some(requester)) => self.answer(request, &requester),
            // A question without a way to answer it.
            (_, None) => {}
        }
    }

    fn handle_broadcast(
        self: &Arc<Self>,
        event: &Event<'_>,
        opts: &Opts<'_>,
        unwanted_ack: bool,
        requester: Option<Requester>,
    ) {
        let scope = Scope { selection: selection(opts), ..Scope::default() };
        let Flags { volatile, compress, .. } = opts.flags;
        let broadcast = Broadcast {
            name: &event.name,
            args: &event.args,
            scope: &scope,
            volatile,
            compress: compress.unwrap_or(true),
        };
        let sent = match requester {
            Some(requester) => {
                let collector = self.forwarding(requester);
                let sent = self.local.broadcast_with_ack(&broadcast, &collector);
                // The sockets owe their answers as long as somebody holds the collector.
                let timeout = opts.flags.timeout.unwrap_or(self.hub.requests_timeout());
                self.hub.spawn(async move { drop(tokio::time::timeout(timeout, collector.completed()).await) });
                sent
            }
            None if unwanted_ack => self.local.broadcast_with_ack(&broadcast, &AckCollector::new(1)),
            None => self.local.encode(&broadcast, None).map(|packet| self.local.broadcast(&broadcast, &packet).tell()),
        };
        if let Err(error) = sent {
            self.hub.metrics().malformed.with_label_values(&["event"]).inc();
            tracing::debug!(%error, "an event of another node was dropped");
        }
    }

    /// Tells another node how many sockets its broadcast has reached, and what each of them answers.
    fn forwarding(&self, requester: Requester) -> AckCollector {
        let adapter = self.me.clone();
        AckCollector::forwarding(move |event| {
            let Some(adapter) = adapter.upgrade() else { return };
            let response = match &event {
                AckEvent::Clients(count) => Response::ClientCount(*count as u64),
                AckEvent::Response(args) => Response::Ack(args.as_args()),
            };
            adapter.respond(&requester, &response);
        })
    }

    fn handle_server_side_emit(&self, event: &Event<'_>, requester: Option<Requester>) {
        let EventArgs::Received(args) = event.args else { return };
        let reply = requester.map(|requester| {
            let adapter = self.me.clone();
            let reply = move |answer: Value| {
                if let (Some(adapter), Ok(answer)) = (adapter.upgrade(), RawArgs::of(&(&answer,))) {
                    adapter.respond(&requester, &Response::ServerSideEmit(answer.as_args()));
                }
            };
            Box::new(reply) as ServerReply
        });
        self.local.handle_server_event(&event.name, &args, reply);
    }

    fn answer(&self, request: Request<'_>, requester: &Requester) {
        let response = match request {
            Request::FetchSockets { opts, .. } => {
                let sockets = self.local.fetch_sockets(&selection(&opts));
                Response::Sockets(sockets.into_iter().map(describe).collect())
            }
            Request::AllRooms { .. } => {
                let sockets = self.local.sockets(&Selection::default());
                let rooms = self.local.rooms().into_iter().map(|(room, _)| Cow::Owned(room.to_string()));
                let own = sockets.iter().map(|socket| Cow::Owned(socket.id().to_string()));
                Response::Rooms(own.chain(rooms).collect())
            }
            Request::SocketIds { rooms, .. } => {
                let selection = Selection { rooms: to_rooms(&rooms), ..Selection::default() };
                let sockets = self.local.sockets(&selection);
                Response::SocketIds(sockets.iter().map(|socket| Cow::Owned(socket.id().to_string())).collect())
            }
            Request::OneSocket { socket, what, .. } => {
                let Some(socket) = socket.parse().ok().and_then(|id| self.local.socket(id)) else { return };
                match what {
                    OneSocket::Join(room) => drop(socket.join(&*room)),
                    OneSocket::Leave(room) => socket.leave(&*room),
                    OneSocket::Disconnect(close) => socket.disconnect(close),
                }
                Response::Done
            }
            _ => return,
        };
        self.respond(requester, &response);
    }
}
