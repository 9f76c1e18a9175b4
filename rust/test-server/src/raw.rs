//! The `raw` listener: exact replies that the client specifies, and the faults.
//!
//! This module finds the end of a head and the target in its first line. It knows nothing else about HTTP, so it can send any
//! invalid reply.

use std::io;
use std::time::Duration;

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::faults::{self, After};
use crate::head::{Query, RequestHead, take_only_the_head};
use crate::stream::{LONGEST, end, reset, until_the_client_ends};

/// The limit of a request's head, in bytes. The target contains the specified reply.
const MAX_HEAD: usize = 8 << 20;

/// The pause between the pieces of a split reply, unless the request sets one. It is long enough for the client to receive the
/// pieces separately.
const BETWEEN_PIECES: Duration = Duration::from_millis(1);

/// Serves the connection until the client or a reply ends it, or until nothing has come for a minute.
///
/// # Errors
/// Errors of the socket. The caller ignores them.
pub(crate) async fn serve(mut stream: TcpStream) -> io::Result<()> {
    if timeout(LONGEST, is_tls(&stream)).await?? {
        return timeout(LONGEST, until_the_client_ends(&mut stream)).await?;
    }
    while let Some(bytes) = timeout(LONGEST, take_only_the_head(&mut stream, MAX_HEAD)).await?? {
        let Some(head) = lenient_head(&bytes) else { return Ok(()) };
        let after = match timeout(LONGEST, reply(&head, &mut stream)).await {
            Ok(after) => after?,
            Err(_) => After::Close,
        };
        match after {
            // The unread body of this request comes before the next head.
            After::KeepOpen => skip(&mut stream, head.body_length().unwrap_or(0)).await?,
            After::Close => return end(stream).await,
            After::Reset => return reset(stream),
        }
    }
    Ok(())
}

/// Whether the connection starts with a TLS handshake. Its random bytes can contain a blank line and look like a head.
async fn is_tls(stream: &TcpStream) -> io::Result<bool> {
    const HANDSHAKE: u8 = 22;
    let mut first = [0];
    Ok(stream.peek(&mut first).await? == 1 && first[0] == HANDSHAKE)
}

async fn skip(stream: &mut TcpStream, length: u64) -> io::Result<()> {
    tokio::io::copy(&mut stream.take(length), &mut tokio::io::sink()).await.map(drop)
}

async fn reply(head: &RequestHead, stream: &mut TcpStream) -> io::Result<After> {
    let query = head.query();
    if head.path() == "/reply" {
        return dictated(&query, stream).await;
    }
    let fault = head.path().strip_prefix("/fault/").unwrap_or_default();
    match faults::play(fault, &query, head, stream).await? {
        Some(after) => Ok(after),
        None => {
            stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 22\r\n\r\nthere is no such fault").await?;
            Ok(After::KeepOpen)
        }
    }
}

async fn dictated(query: &Query, stream: &mut TcpStream) -> io::Result<After> {
    let url_safe = GeneralPurpose::new(
        &URL_SAFE,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let Ok(bytes) = url_safe.decode(query.text("b64").unwrap_or_default()) else {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 23\r\n\r\n\"b64\" is not base64url.\n").await?;
        return Ok(After::KeepOpen);
    };
    let delay = query.millis("delay_ms", 0).max(BETWEEN_PIECES);
    let split = match query.number("split", 0) {
        0 => bytes.len().max(1),
        size => size,
    };
    for (index, piece) in bytes.chunks(split).enumerate() {
        if index > 0 {
            sleep(delay).await;
        }
        stream.write_all(piece).await?;
    }
    if query.flag("reset") {
        // A reset can overtake bytes that the client has not read yet.
        sleep(query.millis("ms", 50)).await;
        return Ok(After::Reset);
    }
    Ok(if query.flag("close") { After::Close } else { After::KeepOpen })
}

/// Parses as much of a head as possible. It need not be HTTP, because tests also send invalid requests.
fn lenient_head(bytes: &[u8]) -> Option<RequestHead> {
    RequestHead::parse(bytes).or_else(|| {
        let first_line = bytes.split(|&byte| byte == b'\n').next()?;
        let mut words = first_line.split(|&byte| byte == b' ').map(|word| String::from_utf8_lossy(word).into_owned());
        Some(RequestHead { method: words.next()?, target: words.next()?, version: "HTTP/1.1", fields: Vec::new() })
    })
}
