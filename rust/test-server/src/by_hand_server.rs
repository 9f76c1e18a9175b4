//! One connection of the `http` or `https` listener. The code here reads one request after the other and writes the answers.

use std::io::{self, Write};
use std::time::SystemTime;

use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use hyper::header::CONNECTION;
use hyper::{Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::body::Pieces;
use crate::head::{RequestHead, end_of_head};
use crate::received::{self, ReceivedBody};
use crate::stream::{Transport, end};
use crate::{by_hand, routes};

/// The limit of a request's head, in bytes.
const MAX_HEAD: usize = 1 << 20;

/// How many bytes of an answer are collected before they are sent.
const BATCH: usize = 64 << 10;

/// Serves the connection until either side ends it.
///
/// # Errors
/// Errors of the stream. The caller ignores them, because the client is gone.
pub(crate) async fn serve(mut stream: impl Transport) -> io::Result<()> {
    let mut ahead = BytesMut::new();
    while let Some(head_length) = read_head(&mut stream, &mut ahead).await? {
        let head = RequestHead::parse(&ahead[..head_length]);
        ahead.advance(head_length);
        let keep_alive = match head {
            Some(head) => one_exchange(&mut stream, &mut ahead, &head).await?,
            None => refuse(&mut stream).await?,
        };
        if !keep_alive {
            return end(stream).await;
        }
    }
    stream.shutdown().await
}

/// Reads until a head is complete or too long, and returns its length. `None` if the client has closed the connection.
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

/// Reads the body after the head, and answers. Returns whether the connection stays open.
async fn one_exchange(stream: &mut impl Transport, ahead: &mut BytesMut, head: &RequestHead) -> io::Result<bool> {
    if head.has_token("expect", "100-continue") && ahead.is_empty() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        stream.flush().await?;
    }
    let body = match received::read(stream, ahead, head).await {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return refuse(stream).await,
        body => body?,
    };
    match by_hand::find(head) {
        Some(route) => by_hand::answer(route, head, &body, stream, ahead).await,
        None => answer(head, &body, stream).await,
    }
}

/// Answers a request that is not HTTP.
async fn refuse(stream: &mut impl Transport) -> io::Result<bool> {
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").await?;
    Ok(false)
}

/// Writes the answer of a common route.
async fn answer(head: &RequestHead, body: &ReceivedBody, stream: &mut impl Transport) -> io::Result<bool> {
    let (parts, mut body) = routes::answer(head, body).await.into_parts();
    let says_close = parts.headers.get(CONNECTION).is_some_and(|value| value == "close");
    let has_body = !matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let is_chunked = body.length().is_none() && head.version == "HTTP/1.1";
    let keep_alive = head.keeps_alive() && !says_close;

    let mut batch = status_and_fields(&Response::from_parts(parts, ()))?;
    match body.length() {
        Some(length) if has_body => write!(batch, "Content-Length: {length}\r\n")?,
        None if is_chunked => batch.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        _ => {}
    }
    if !keep_alive && !says_close {
        batch.extend_from_slice(b"Connection: close\r\n");
    }
    write!(batch, "Date: {}\r\n\r\n", httpdate::fmt_http_date(SystemTime::now()))?;
    if has_body && head.method != "HEAD" {
        write_body(stream, &mut batch, &mut body, is_chunked).await?;
    }
    stream.write_all(&batch).await?;
    stream.flush().await?;
    Ok(keep_alive)
}

/// Writes the names of fields in the spelling of most servers.
fn status_and_fields(response: &Response<()>) -> io::Result<Vec<u8>> {
    let status = response.status();
    let mut head = Vec::with_capacity(256);
    write!(head, "HTTP/1.1 {} {}\r\n", status.as_str(), status.canonical_reason().unwrap_or("Unknown"))?;
    for (name, value) in response.headers() {
        for (index, word) in name.as_str().split('-').enumerate() {
            if index > 0 {
                head.push(b'-');
            }
            let (first, rest) = word.split_at(word.len().min(1));
            head.extend_from_slice(first.to_ascii_uppercase().as_bytes());
            head.extend_from_slice(rest.as_bytes());
        }
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    Ok(head)
}

/// Writes `batch` and the body. The last bytes stay in `batch`.
async fn write_body(
    stream: &mut impl Transport,
    batch: &mut Vec<u8>,
    body: &mut Pieces,
    is_chunked: bool,
) -> io::Result<()> {
    loop {
        if body.is_paced() || batch.len() > BATCH {
            stream.write_all(batch).await?;
            stream.flush().await?;
            batch.clear();
        }
        let Some(Ok(Ok(piece))) = body.frame().await.map(|frame| frame.map(|frame| frame.into_data())) else { break };
        if is_chunked {
            write!(batch, "{:x}\r\n", piece.len())?;
            batch.extend_from_slice(&piece);
            batch.extend_from_slice(b"\r\n");
        } else if piece.len() > BATCH {
            // A large piece is not worth a copy.
            stream.write_all(batch).await?;
            batch.clear();
            stream.write_all(&piece).await?;
        } else {
            batch.extend_from_slice(&piece);
        }
    }
    if is_chunked {
        batch.extend_from_slice(b"0\r\n\r\n");
    }
    Ok(())
}
