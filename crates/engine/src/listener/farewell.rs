//! The end of a connection.

use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

/// Says what is still to be said, and ends the sending side. If the client may be sending, reads until it ends its side
/// too: what nobody has read would otherwise reset the connection, and the answer with it.
pub(super) async fn say<T: AsyncRead + AsyncWrite + Unpin>(mut stream: T, answer: &[u8], is_sending: bool) {
    let said = async {
        stream.write_all(answer).await?;
        stream.shutdown().await?;
        let mut unwanted = [0; 4096];
        while is_sending && stream.read(&mut unwanted).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    let _ = tokio::time::timeout(LINGER, said).await;
}

/// Answers a connection that is one too many, without reading what it wants. Where too many of them are being answered,
/// there is no permit, and the answer may get lost.
pub(super) fn turn_away(stream: TcpStream, permit: Option<OwnedSemaphorePermit>) {
    match permit {
        Some(permit) => {
            tokio::spawn(async move {
                say(stream, BUSY, true).await;
                drop(permit);
            });
        }
        None => drop(SockRef::from(&stream).send(BUSY)),
    }
}

/// Connections over the limit that are answered with care at a time.
pub(super) const MAX_TURNED_AWAY: usize = 256;

const BUSY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

const LINGER: Duration = Duration::from_secs(1);
