//! One connection of the `http` or `https` listener: request after request, each to whoever writes
//! its answer.

use std::io;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use crc32fast::Hasher;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::by_hand;
use crate::gate;
use crate::head::{RequestHead, end_of_head};
use crate::routes::ReceivedBody;

/// Bytes of a request's head; a longer one is hyper's to refuse.
const MAX_HEAD: usize = 256 << 10;

/// Bytes of a body that are read at once.
const WINDOW: u64 = 256 << 10;

/// How long a finished connection waits for the client to end too: what is not sent when the socket is closed is left to the
/// system, which gives up on clients that read slowly.
const LINGER: Duration = Duration::from_secs(300);

/// A TCP or TLS stream.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for S {}

/// Serves the connection until either side ends it.
///
/// # Errors
/// What the stream or hyper reported. There is nobody to tell: the client is gone or broke the
/// protocol.
pub(crate) async fn serve(stream: impl Transport) -> io::Result<()> {
    let mut stream = stream;
    let mut ahead = BytesMut::new();
    while let Some(head_length) = read_head(&mut stream, &mut ahead).await? {
        let head = RequestHead::parse(&ahead[..head_length]);
        let keep_alive = match head.as_ref().and_then(by_hand::find) {
            Some(route) => {
                let head = head.expect("a route was found for it");
                ahead.advance(head_length);
                let body = receive_body(&mut stream, &mut ahead, head.body_length()).await?;
                let body_was_read = body.is_some();
                by_hand::answer(route, &head, body, &mut stream, &mut ahead).await? && body_was_read
            }
            None => {
                let returned = gate::one_exchange(stream, ahead, head_length, head).await.map_err(io::Error::other)?;
                stream = returned.stream;
                ahead = returned.ahead;
                returned.keep_alive
            }
        };
        if !keep_alive {
            return end(stream).await;
        }
    }
    stream.shutdown().await
}

/// Reads until a head is complete, or too long, and returns the length of it; `None` if the client
/// ended.
async fn read_head(stream: &mut impl Transport, ahead: &mut BytesMut) -> io::Result<Option<usize>> {
    let mut searched = 0;
    loop {
        if let Some(length) = end_of_head(ahead, searched) {
            return Ok(Some(length));
        }
        if ahead.len() > MAX_HEAD {
            return Ok(Some(ahead.len()));
        }
        searched = ahead.len();
        ahead.reserve(16 << 10);
        if stream.read_buf(ahead).await? == 0 {
            return Ok(None);
        }
    }
}

/// Receives the body of a request, which is added up and not stored. `None` if its end cannot be known.
async fn receive_body(
    stream: &mut impl Transport,
    ahead: &mut BytesMut,
    length: Option<u64>,
) -> io::Result<Option<ReceivedBody>> {
    let Some(length) = length else { return Ok(None) };
    let mut hasher = Hasher::new();
    let here = ahead.split_to(length.min(ahead.len() as u64) as usize);
    hasher.update(&here);
    let mut left = length - here.len() as u64;
    let mut window = vec![0; left.min(WINDOW) as usize];
    while left > 0 {
        let count = stream.read(&mut window[..left.min(WINDOW) as usize]).await?;
        if count == 0 {
            return Ok(None);
        }
        hasher.update(&window[..count]);
        left -= count as u64;
    }
    Ok(Some(ReceivedBody { length, crc32: hasher.finalize(), kept: None }))
}

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
