//! What every listener does with a stream: how long it may last, and how it ends.

use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest that a fault, an upgraded connection or an idle `raw` connection lasts.
pub(crate) const LONGEST: Duration = Duration::from_secs(60);

/// How long a finished connection waits for the client to end too: what is not sent when the socket is closed is left to the
/// system, which gives up on clients that read slowly.
const LINGER: Duration = Duration::from_secs(300);

/// A TCP or TLS stream.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for S {}

/// Ends the connection so that the client gets everything: closing with unread bytes would send a
/// reset, which can overtake the answer (RFC 9112, section 9.6).
pub(crate) async fn end(mut stream: impl Transport) -> io::Result<()> {
    stream.shutdown().await?;
    let mut sink = tokio::io::sink();
    match timeout(LINGER, tokio::io::copy(&mut stream, &mut sink)).await {
        Ok(drained) => drained.map(drop),
        Err(_) => Ok(()),
    }
}

/// Closes with a reset, whatever is still to be sent or read.
pub(crate) fn reset(stream: TcpStream) -> io::Result<()> {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))
}

/// Reads and forgets until the client ends the connection.
pub(crate) async fn until_the_client_ends(stream: &mut TcpStream) -> io::Result<()> {
    tokio::io::copy(stream, &mut tokio::io::sink()).await.map(drop)
}
