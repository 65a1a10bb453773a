//! A WebSocket that another node holds, as a stream of bytes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::channel::{Channel, Incoming};

/// The owner's end of a relay. Its end closes the socket.
pub(super) struct RelayStream {
    channel: Arc<Channel>,
    /// What has come and has not been read.
    rest: Bytes,
    /// No more will come.
    ended: bool,
}

impl RelayStream {
    pub(super) fn new(channel: Arc<Channel>) -> Self {
        Self { channel, rest: Bytes::new(), ended: false }
    }
}

impl AsyncRead for RelayStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ended {
            return Poll::Ready(Ok(()));
        }
        if self.rest.is_empty() {
            self.rest = match ready!(self.channel.poll_next(cx)) {
                Incoming::Bytes(bytes) => bytes,
                Incoming::End => {
                    self.ended = true;
                    return Poll::Ready(Ok(()));
                }
                Incoming::Closed | Incoming::TakeOver(_) => {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
            };
        }
        let len = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest[..len]);
        self.rest.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for RelayStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.channel.poll_send(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.channel.poll_send(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.channel.shut_down();
        Poll::Ready(Ok(()))
    }
}

impl Drop for RelayStream {
    fn drop(&mut self) {
        // Only owners give sessions away.
        drop(self.channel.close());
    }
}
