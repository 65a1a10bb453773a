//! Namespaces that come into being when a client asks for them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use fanfare_proto::socket::{EmitArgs, Value};
use parking_lot::RwLock;
use regex::Regex;

use super::{Hooks, Namespace};
use crate::broadcast::{Audience, BroadcastOperator};
use crate::handler::{ConnectHandler, Middleware, connect_handler, middleware};
use crate::room::IntoRooms;

/// The parent of namespaces that are made when a client first asks for one. What is registered here is copied to each
/// of them when it is made.
///
/// ```
/// use fanfare::{Regex, Server, Socket};
///
/// let io = Server::new();
/// let rooms = io.of_pattern(Regex::new("^/room-.+$").unwrap());
/// rooms.on_connect(async |socket: Socket| {
///     socket.join("everybody");
/// });
/// rooms.to("everybody").emit("hello", "in all rooms");
/// ```
#[derive(Clone)]
pub struct ParentNamespace(Arc<Inner>);

struct Inner {
    matcher: Matcher,
    hooks: RwLock<Hooks>,
    children: RwLock<Vec<Namespace>>,
}

/// Which names a parent namespace answers to.
#[derive(Clone)]
pub(crate) enum Matcher {
    Pattern(Regex),
    Function(MatchFunction),
}

pub(crate) type MatchFunction = Arc<dyn Fn(String, Value) -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

impl Matcher {
    pub(crate) fn function<F, Fut>(matches: F) -> Self
    where
        F: Fn(String, Value) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        Self::Function(Arc::new(move |name, auth| Box::pin(matches(name, auth))))
    }
}

impl ParentNamespace {
    pub(crate) fn new(matcher: Matcher) -> Self {
        Self(Arc::new(Inner { matcher, hooks: RwLock::default(), children: RwLock::default() }))
    }

    /// Handles new sockets of the namespaces, see [`Namespace::on_connect`].
    pub fn on_connect<P: 'static>(&self, handler: impl ConnectHandler<P>) -> &Self {
        self.0.hooks.write().connect.push(connect_handler(handler));
        self
    }

    /// Decides who may connect to the namespaces, see [`Namespace::middleware`].
    pub fn middleware<P: 'static>(&self, decide: impl Middleware<P>) -> &Self {
        self.0.hooks.write().middlewares.push(middleware(decide));
        self
    }

    /// The namespaces that exist.
    pub fn children(&self) -> Vec<Namespace> {
        self.0.children.read().clone()
    }

    /// Sends an event to everybody in all of the namespaces.
    pub fn emit(&self, event: &str, args: impl EmitArgs) {
        self.everybody().emit(event, args);
    }

    /// Sends a `message` event to everybody in all of the namespaces.
    pub fn send(&self, args: impl EmitArgs) {
        self.emit("message", args);
    }

    /// Those in these rooms, in all of the namespaces.
    pub fn to(&self, rooms: impl IntoRooms) -> ParentOperator {
        self.everybody().to(rooms)
    }

    /// Everybody but those in these rooms, in all of the namespaces.
    pub fn except(&self, rooms: impl IntoRooms) -> ParentOperator {
        self.everybody().except(rooms)
    }

    /// Everybody on this node.
    pub fn local(&self) -> ParentOperator {
        self.everybody().local()
    }

    /// Everybody who can take what is sent at once.
    pub fn volatile(&self) -> ParentOperator {
        self.everybody().volatile()
    }

    fn everybody(&self) -> ParentOperator {
        ParentOperator { parent: self.clone(), audience: Audience::default() }
    }

    /// Whether it answers to a name, as far as that can be said without waiting.
    pub(crate) fn matches_pattern(&self, name: &str) -> bool {
        matches!(&self.0.matcher, Matcher::Pattern(pattern) if pattern.is_match(name))
    }

    /// Whether it answers to a name that a client has asked for.
    pub(crate) async fn matches(&self, name: &str, auth: &Value) -> bool {
        let function = match &self.0.matcher {
            Matcher::Pattern(pattern) => return pattern.is_match(name),
            Matcher::Function(function) => function.clone(),
        };
        function(name.to_owned(), auth.clone()).await
    }

    pub(crate) fn hooks(&self) -> Hooks {
        self.0.hooks.read().clone()
    }

    pub(crate) fn adopt(&self, child: &Namespace) {
        self.0.children.write().push(child.clone());
    }

    pub(crate) fn disown(&self, child: &Namespace) {
        self.0.children.write().retain(|known| known != child);
    }
}

/// Whom in the children of a parent namespace something is for.
#[derive(Clone, Debug)]
#[must_use = "nothing is sent before emit is called"]
pub struct ParentOperator {
    parent: ParentNamespace,
    audience: Audience,
}

impl ParentOperator {
    /// Also those in these rooms.
    pub fn to(mut self, rooms: impl IntoRooms) -> Self {
        self.audience.add_rooms(rooms);
        self
    }

    /// Not those in these rooms.
    pub fn except(mut self, rooms: impl IntoRooms) -> Self {
        self.audience.except_rooms(rooms);
        self
    }

    /// Only sockets of this node.
    pub fn local(mut self) -> Self {
        self.audience.scope.local = true;
        self
    }

    /// Not to clients that cannot take it at once.
    pub fn volatile(mut self) -> Self {
        self.audience.volatile = true;
        self
    }

    /// Sends an event.
    pub fn emit(&self, event: &str, args: impl EmitArgs) {
        for child in self.parent.children() {
            BroadcastOperator::with_audience(&child, self.audience.clone()).emit_ref(event, &args);
        }
    }
}

impl fmt::Debug for ParentNamespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParentNamespace").field("children", &self.children()).finish()
    }
}
