//! The connection below a WebSocket.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use rustix::net::{self, RecvFlags, SendAncillaryBuffer, SendFlags};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::listener::{Connection, Place};

/// A connection after its upgrade.
pub(crate) enum Stream {
    /// A plain socket, which anybody may write to, and its place at the listener, if that is ours.
    Tcp { socket: Arc<TcpStream>, _place: Option<Place> },
    /// Anything else, TLS for one: only its task can write.
    Other { stream: Pin<Box<dyn AsyncStream>>, _place: Option<Place> },
}

pub(crate) trait AsyncStream: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> AsyncStream for T {}

impl Stream {
    /// Unwraps what hyper has upgraded; returns the bytes it has read too much. They are copied, since even none of them
    /// would keep the whole read buffer of the HTTP connection.
    pub(crate) fn from_upgraded(upgraded: Upgraded) -> (Self, Vec<u8>) {
        // The listener of this crate, without TLS and with it.
        let upgraded = match upgraded.downcast::<TokioIo<Connection<TcpStream>>>() {
            Ok(parts) => {
                let (stream, place) = parts.io.into_inner().into_parts();
                return (Self::tcp(stream, Some(place)), parts.read_buf.to_vec());
            }
            Err(upgraded) => upgraded,
        };
        let upgraded = match upgraded.downcast::<TokioIo<Connection<TlsStream<TcpStream>>>>() {
            Ok(parts) => {
                let (stream, place) = parts.io.into_inner().into_parts();
                return (Self::other(stream, Some(place)), parts.read_buf.to_vec());
            }
            Err(upgraded) => upgraded,
        };
        // hyper by itself.
        let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => return (Self::tcp(parts.io.into_inner(), None), parts.read_buf.to_vec()),
            Err(upgraded) => upgraded,
        };
        // axum, and others that serve with hyper-util.
        match hyper_util::server::conn::auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
            Ok(parts) => (Self::tcp(parts.io.into_inner(), None), parts.read_buf.to_vec()),
            Err(upgraded) => (Self::other(TokioIo::new(upgraded), None), Vec::new()),
        }
    }

    fn tcp(socket: TcpStream, place: Option<Place>) -> Self {
        Self::Tcp { socket: Arc::new(socket), _place: place }
    }

    pub(crate) fn other(stream: impl AsyncStream + 'static, place: Option<Place>) -> Self {
        Self::Other { stream: Box::pin(stream), _place: place }
    }

    /// The socket, where others than the task may write.
    pub(crate) fn shared(&self) -> Option<Arc<TcpStream>> {
        match self {
            Self::Tcp { socket, .. } => Some(socket.clone()),
            Self::Other { .. } => None,
        }
    }

    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp { socket, .. } => loop {
                ready!(socket.poll_read_ready(cx))?;
                match read_now(socket, buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return Poll::Ready(result),
                }
            },
            Self::Other { stream, .. } => {
                let mut buffer = ReadBuf::new(buffer);
                ready!(stream.as_mut().poll_read(cx, &mut buffer))?;
                Poll::Ready(Ok(buffer.filled().len()))
            }
        }
    }

    /// Writes what the connection takes now; the task is woken when it takes more.
    pub(crate) fn write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.poll_write(cx, slices) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp { socket, .. } => loop {
                ready!(socket.poll_write_ready(cx))?;
                match socket.try_write_vectored(slices) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return Poll::Ready(result),
                }
            },
            Self::Other { stream, .. } => {
                let written = ready!(stream.as_mut().poll_write_vectored(cx, slices))?;
                // TLS keeps what it has encrypted until it is flushed.
                let _ = stream.as_mut().poll_flush(cx)?;
                Poll::Ready(Ok(written))
            }
        }
    }

    /// Lets out what a layer below has kept, and ends the sending side.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp { socket, .. } => Poll::Ready(SockRef::from(&**socket).shutdown(std::net::Shutdown::Write)),
            Self::Other { stream, .. } => stream.as_mut().poll_shutdown(cx),
        }
    }
}

/// Writes what a socket takes now, whoever calls it.
///
/// It does not ask the runtime first: the socket nearly always takes everything, and what the runtime knows about it is
/// one more line to fetch from memory. Where the socket takes nothing, its task goes on, which does ask.
///
/// The C library is not asked either: it would make a point of each call where threads can be cancelled.
pub(crate) fn write_now(socket: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let sent = match slices {
        [one] => net::send(socket, one, SendFlags::NOSIGNAL),
        several => net::sendmsg(socket, several, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL),
    };
    sent.map_err(io::Error::from)
}

/// Reads what has come.
///
/// A read that does not fill the buffer has emptied the socket. The runtime is told so at once, instead of by another
/// read that finds nothing; it hears of everything that comes later.
fn read_now(socket: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    let mut last = None;
    let read = socket.try_io(Interest::READABLE, || match net::recv(socket, &mut *buffer, RecvFlags::empty())?.0 {
        len if TELLS_OF_NEWS && (1..buffer.len()).contains(&len) => {
            last = Some(len);
            Err(io::ErrorKind::WouldBlock.into())
        }
        len => Ok(len),
    });
    last.map_or(read, Ok)
}

/// Whether the system says when there is something new to read, even if nobody has asked in vain before.
const TELLS_OF_NEWS: bool = cfg!(any(target_os = "linux", target_os = "android", target_vendor = "apple"));

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::net::SocketAddr;

    use axum::Router;
    use fanfare_testkit::WebSocket;
    use http::{Request, Response};
    use hyper::server::conn::http1;
    use hyper_util::service::TowerToHyperService;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

    use super::*;
    use crate::Listener;
    use crate::http::Body;
    use crate::websocket::Acceptance;

    /// Accepts a handshake, and tells whether others may write to the socket of the connection.
    async fn accept<B>(request: Request<B>, shared: UnboundedSender<bool>) -> Result<Response<Body>, Infallible> {
        let (response, on_upgrade) = Acceptance::check(&mut request.into_parts().0).expect("a handshake").into_parts();
        tokio::spawn(async move {
            let (stream, _) = Stream::from_upgraded(on_upgrade.await.expect("an upgrade"));
            shared.send(stream.shared().is_some()).expect("somebody wants to know");
        });
        Ok(response)
    }

    async fn check(address: SocketAddr, mut shared: UnboundedReceiver<bool>) {
        let _websocket = WebSocket::connect(address, "/").await;
        assert_eq!(shared.recv().await, Some(true));
    }

    async fn bind() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        (listener, address)
    }

    #[tokio::test]
    async fn the_socket_below_our_listener_is_found() {
        let ((listener, address), (tells, told)) = (bind().await, unbounded_channel());
        let service = tower::service_fn(move |request: Request<_>| accept(request, tells.clone()));
        tokio::spawn(Listener::new(listener).serve(service));
        check(address, told).await;
    }

    #[tokio::test]
    async fn the_socket_below_hyper_is_found() {
        let ((listener, address), (tells, told)) = (bind().await, unbounded_channel());
        let service = tower::service_fn(move |request: Request<_>| accept(request, tells.clone()));
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            let service = TowerToHyperService::new(service);
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await
        });
        check(address, told).await;
    }

    #[tokio::test]
    async fn the_socket_below_axum_is_found() {
        let ((listener, address), (tells, told)) = (bind().await, unbounded_channel());
        let router = Router::new().fallback(move |request: axum::extract::Request| accept(request, tells));
        tokio::spawn(axum::serve(listener, router).into_future());
        check(address, told).await;
    }
}
