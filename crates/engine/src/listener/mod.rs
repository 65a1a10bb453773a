//! A hardened HTTP/1.1 listener for programs that have no server of their own.

mod connection;
mod guard;
mod metrics;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tower_service::Service;

use crate::http::BodyError;
pub(crate) use connection::Connection;
use connection::Serving;
use metrics::Metrics;
pub(crate) use metrics::Place;

/// Accepts connections and serves any tower service on them, within bounds that no client can overstep.
///
/// A request head may have 16 KiB and 100 headers and take 10 s; a connection that says nothing for 10 s is
/// closed; what is no HTTP gets 400. See [`Engine::service`](crate::Engine::service) for an example.
#[derive(Debug)]
#[must_use]
pub struct Listener {
    listener: TcpListener,
    max_connections: usize,
    head_timeout: Duration,
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
        TcpListener::bind(address).await.map(Self::new)
    }

    /// Takes a socket that is bound already.
    pub fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            max_connections: 100_000,
            head_timeout: Duration::from_secs(10),
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
        self.head_timeout = timeout;
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
        let mut ending = self.shutdown.subscribe();
        let serving = Serving::new(service, self.head_timeout, self.metrics.clone(), self.shutdown.subscribe());
        let tls = self.tls.map(TlsAcceptor::from);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = shutdown(&mut ending) => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.metrics.accept_failed(&error);
                    tokio::time::sleep(pause_after(&error)).await;
                    continue;
                }
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                self.metrics.rejected.inc();
                tokio::spawn(turn_away(stream));
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

/// Answers a connection that is one too many, without reading what it wants.
async fn turn_away(stream: TcpStream) {
    const ANSWER: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let ended = async {
        stream.writable().await?;
        stream.try_write(ANSWER)?;
        linger(&stream).await
    };
    let _ = tokio::time::timeout(LINGER, ended).await;
}

/// Ends the sending side and reads until the client does the same: what it has sent and nobody has read would
/// otherwise reset the connection, and the answer with it.
async fn linger(stream: &TcpStream) -> io::Result<()> {
    socket2::SockRef::from(stream).shutdown(std::net::Shutdown::Write)?;
    loop {
        stream.readable().await?;
        match stream.try_read(&mut [0; 1024]) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
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

const GRACE: Duration = Duration::from_secs(5);
const LINGER: Duration = Duration::from_secs(1);
