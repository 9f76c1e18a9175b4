//! Shared code of all listeners: how long a stream may last, and how it ends.

use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The time limit of a fault, an upgraded connection or an idle `raw` connection.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// How long a finished connection waits for the client to end its side. After a close, the operating system sends the remaining
/// bytes, and it gives up on slow clients.
const LINGER: Duration = Duration::from_secs(300);

/// A TCP or TLS stream.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for S {}

/// Ends the connection so that the client gets all bytes. A close with unread bytes would send a reset, which can overtake the
/// answer (RFC 9112, section 9.6).
pub(crate) async fn end(mut stream: impl Transport) -> io::Result<()> {
    stream.shutdown().await?;
    let mut sink = tokio::io::sink();
    match timeout(LINGER, tokio::io::copy(&mut stream, &mut sink)).await {
        Ok(drained) => drained.map(drop),
        Err(_) => Ok(()),
    }
}

/// Closes the connection with a reset, even if bytes are still to be sent or read.
pub(crate) fn reset(stream: TcpStream) -> io::Result<()> {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))
}

/// Discards all bytes until the client ends the connection.
pub(crate) async fn until_the_client_ends(stream: &mut TcpStream) -> io::Result<()> {
    tokio::io::copy(stream, &mut tokio::io::sink()).await.map(drop)
}
