//! A hardened HTTP/1.1 listener for programs that have no server of their own.

mod connection;
mod farewell;
mod guard;
mod metrics;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tower_service::Service;

use crate::http::BodyError;
pub(crate) use connection::Connection;
use connection::{Serving, Timeouts};
use metrics::Metrics;
pub(crate) use metrics::Place;

/// Accepts connections and serves any tower service on them, within bounds that no client can overstep.
///
/// A request head may have 16 KiB and 100 headers and take 10 s; a connection that says nothing for 10 s is
/// closed, and so is one whose client takes nothing of an answer for 10 s; what is no HTTP gets 400. See [`Engine::service`](crate::Engine::service) for an example.
#[derive(Debug)]
#[must_use]
pub struct Listener {
    listener: TcpListener,
    max_connections: usize,
    timeouts: Timeouts,
    tls: Option<Arc<ServerConfig>>,
    metrics: Metrics,
    shutdown: watch::Sender<bool>,
}

/// Ends a [`Listener`] from elsewhere.
#[derive(Clone, Debug)]
pub struct ListenerHandle {
    shutdown: watch::Sender<bool>,
}

impl ListenerHandle {
    /// Accepts no more connections, and closes those that are between two requests.
    pub fn shutdown(&self) {
        self.shutdown.send_replace(true);
    }
}

impl Listener {
    /// Binds an address, such as `0.0.0.0:3000`.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        socket2::SockRef::from(&listener).listen(BACKLOG)?;
        Ok(Self::new(listener))
    }

    /// Takes a socket that is bound already.
    pub fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            max_connections: 100_000,
            timeouts: Timeouts { head: Duration::from_secs(10), write: Duration::from_secs(10) },
            tls: None,
            metrics: Metrics::default(),
            shutdown: watch::Sender::new(false),
        }
    }

    /// The address it listens on.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Connections at a time; more are answered with 503 at once. Default: 100 000.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.max_connections = connections;
        self
    }

    /// How long a request head may take, and a connection may say nothing. Default: 10 s.
    pub fn head_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.head = timeout;
        self
    }

    /// How long a client may take nothing of an answer. Default: 10 s.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.write = timeout;
        self
    }

    /// Speaks TLS. The configuration should offer `http/1.1` by ALPN, or nothing.
    pub fn tls(mut self, config: Arc<ServerConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// Registers what it counts.
    pub fn registry(self, registry: &prometheus::Registry) -> Self {
        self.metrics.register(registry);
        self
    }

    /// What ends it from elsewhere.
    pub fn handle(&self) -> ListenerHandle {
        ListenerHandle { shutdown: self.shutdown.clone() }
    }

    /// Serves until [`ListenerHandle::shutdown`]; returns when the connections have ended, or after 5 s.
    pub async fn serve<S, B>(self, service: S) -> io::Result<()>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<BodyError>,
        B: http_body::Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BodyError>,
    {
        let places = Arc::new(Semaphore::new(self.max_connections));
        let turned_away = Arc::new(Semaphore::new(farewell::MAX_TURNED_AWAY));
        let mut ending = self.shutdown.subscribe();
        let serving = Serving::new(service, self.timeouts, self.metrics.clone(), self.shutdown.subscribe());
        let tls = self.tls.map(TlsAcceptor::from);
        let mut warned: Option<Instant> = None;
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = shutdown(&mut ending) => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.metrics.failed("accept");
                    let pause = pause_after(&error);
                    if !pause.is_zero() && warned.is_none_or(|at| at.elapsed() >= WARNING_INTERVAL) {
                        warned = Some(Instant::now());
                        tracing::warn!(%error, "cannot accept connections for the moment");
                    }
                    tokio::time::sleep(pause).await;
                    continue;
                }
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                self.metrics.rejected.inc();
                farewell::turn_away(stream, turned_away.clone().try_acquire_owned().ok());
                continue;
            };
            // Without it the kernel holds small packets back; a message should leave when it is sent.
            let _ = stream.set_nodelay(true);
            let place = self.metrics.hold(place);
            let serving = serving.clone();
            // Tasks of two kinds, since room for TLS would make every one five times as large.
            match &tls {
                None => tokio::spawn(serving.serve(stream, place, peer, false)),
                Some(tls) => tokio::spawn(serve_tls(serving, tls.clone(), stream, place, peer)),
            };
        }
        drop(self.listener);
        let all = u32::try_from(self.max_connections).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(GRACE, places.acquire_many(all)).await;
        Ok(())
    }
}

async fn serve_tls<S, B>(serving: Serving<S>, tls: TlsAcceptor, stream: TcpStream, place: Place, peer: SocketAddr)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BodyError>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    match tokio::time::timeout(serving.head_timeout(), tls.accept(stream)).await {
        Ok(Ok(stream)) => serving.serve(stream, place, peer, true).await,
        Ok(Err(error)) => {
            serving.metrics().failed("tls");
            tracing::debug!(%peer, %error, "TLS handshake failed");
        }
        Err(_) => serving.metrics().failed("tls_timeout"),
    }
}

/// Waits until the listener is to end.
async fn shutdown(ending: &mut watch::Receiver<bool>) {
    let _ = ending.wait_for(|&ending| ending).await;
}

/// Out of descriptors, there is nothing to do but to wait until somebody leaves. Other errors belong to one
/// connection that is gone already.
fn pause_after(error: &io::Error) -> Duration {
    match error.kind() {
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused => {
            Duration::ZERO
        }
        _ => Duration::from_millis(100),
    }
}

/// Connections that may wait to be accepted, such as those of everybody who comes back after a node is gone. The kernel
/// drops what is over it, and clients try again after a second. It allows no more than `net.core.somaxconn` itself.
const BACKLOG: i32 = 65_535;

const GRACE: Duration = Duration::from_secs(5);

/// How often it is logged that there are no descriptors left: each client that leaves makes room for one.
const WARNING_INTERVAL: Duration = Duration::from_secs(60);
