//! The routes that only the `http` and `https` listeners have, because hyper cannot write these answers.
//!
//! hyper derives the size of chunks from the pieces that it gets, and each chunk has a cost. It sends trailers only to clients
//! that ask with `TE`. It never sends an HTTP/1.1 body without a length. The only interim answers that it sends are 100 and 101.
//! It is also slow enough to distort a benchmark of small exchanges.

use std::io::{self, Write};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use crate::content::{BLOCK, block};
use crate::head::RequestHead;
use crate::received::ReceivedBody;
use crate::routes::{BINARY, HELLO, JSON, TEXT, parse_length};
use crate::stream::{LONGEST, Transport};

/// How many bytes are written at once.
const BATCH: usize = 256 << 10;

/// The largest chunk, in bytes. A chunk of this size crosses the end of the block at most once.
const LARGEST_CHUNK: usize = BLOCK;

/// The largest head that `/small` creates, in bytes, and its largest number of fields.
const LARGEST_HEAD: usize = 1 << 20;

/// An answer that this module writes.
pub(crate) enum Route {
    Chunked { length: u64, size: usize, delay: Duration },
    UntilClose { length: u64 },
    File { length: u64, cut: u64 },
    Events { count: u64, retry: u64 },
    Small { length: usize, fields: usize, size: usize },
    Trailers,
    EarlyHints,
    UpgradeEcho,
    Upload,
}

/// The route for this request, if it belongs to this module. All these routes need HTTP/1.1.
pub(crate) fn find(head: &RequestHead) -> Option<Route> {
    if head.version != "HTTP/1.1" {
        return None;
    }
    let query = head.query();
    let segments: Vec<&str> = head.path().split('/').skip(1).collect();
    Some(match segments[..] {
        ["chunked", length] => Route::Chunked {
            length: parse_length(length)?,
            size: query.number("size", 16384).clamp(1, LARGEST_CHUNK),
            delay: query.millis("delay_ms", 0),
        },
        ["until-close", length] => Route::UntilClose { length: parse_length(length)? },
        ["file", length] => Route::File { length: parse_length(length)?, cut: query.number("cut", u64::MAX).max(1) },
        ["events"] => Route::Events { count: query.number("count", 3), retry: query.number("retry", 10) },
        ["small", length] => Route::Small {
            length: parse_length(length)?.min(BLOCK as u64) as usize,
            fields: query.number("fields", 13).clamp(1, LARGEST_HEAD),
            size: query.number("size", 20).min(LARGEST_HEAD),
        },
        ["trailers"] => Route::Trailers,
        ["early-hints"] => Route::EarlyHints,
        ["upgrade-echo"] => Route::UpgradeEcho,
        ["upload"] => Route::Upload,
        _ => return None,
    })
}

/// Writes the answer. Returns whether the connection stays open. `body` describes the body of the request, and `ahead` has the
/// bytes that the client sent after it.
pub(crate) async fn answer(
    route: Route,
    head: &RequestHead,
    body: &ReceivedBody,
    stream: &mut impl Transport,
    ahead: &mut BytesMut,
) -> io::Result<bool> {
    let with_body = head.method != "HEAD";
    let mut keep_alive = head.keeps_alive();
    let mut fields = String::new();
    if !keep_alive || matches!(route, Route::UntilClose { .. } | Route::Events { .. }) {
        keep_alive = false;
        fields.push_str("Connection: close\r\n");
    }
    match route {
        Route::Chunked { length, size, delay } => {
            fields.push_str("Transfer-Encoding: chunked\r\n");
            write_head(stream, BINARY, &fields).await?;
            if with_body {
                write_chunks(stream, length, size, delay).await?;
            }
        }
        Route::UntilClose { length } => {
            write_head(stream, BINARY, &fields).await?;
            if with_body {
                write_repeated_block(stream, length).await?;
            }
        }
        Route::File { length, cut } => {
            let from = rest_of_file(head, length);
            let left = length.saturating_sub(from.unwrap_or(0));
            let sent = left.min(cut);
            keep_alive &= sent == left;
            let (status, range) = match from {
                Some(_) if left == 0 => ("416 Range Not Satisfiable", format!("Content-Range: bytes */{length}\r\n")),
                Some(from) => {
                    ("206 Partial Content", format!("Content-Range: bytes {from}-{}/{length}\r\n", length - 1))
                }
                None => ("200 OK", "Accept-Ranges: bytes\r\n".to_owned()),
            };
            let etag = etag(length);
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: {BINARY}\r\nETag: {etag}\r\n{range}Content-Length: {left}\r\n{fields}\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            if with_body {
                write_block_from(stream, from.unwrap_or(0), sent).await?;
            }
        }
        Route::Events { count, retry } => {
            write_head(stream, "text/event-stream", &fields).await?;
            let last: u64 = head.field("last-event-id").and_then(|id| id.parse().ok()).unwrap_or(0);
            let events = (last + 1..=last + count).map(|id| format!("id: {id}\ndata: event {id}\n\n"));
            let text = format!("retry: {retry}\n\n{}", events.collect::<String>());
            stream.write_all(text.as_bytes()).await?;
        }
        Route::Small { length, fields: count, size } => {
            let mut reply = small_head(length, count, size, keep_alive);
            if with_body {
                reply.extend_from_slice(&block()[..length]);
            }
            stream.write_all(&reply).await?;
        }
        Route::Trailers => {
            fields.push_str("Transfer-Encoding: chunked\r\nTrailer: X-Checksum, X-Lines\r\n");
            write_head(stream, TEXT, &fields).await?;
            if with_body {
                let checksum = crc32fast::hash(HELLO.as_bytes());
                let size = HELLO.len();
                let body = format!("{size:x}\r\n{HELLO}\r\n0\r\nX-Checksum: {checksum:08x}\r\nX-Lines: 1\r\n\r\n");
                stream.write_all(body.as_bytes()).await?;
            }
        }
        Route::EarlyHints => {
            let hints = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload; as=style\r\n\r\n";
            stream.write_all(hints.as_bytes()).await?;
            stream.flush().await?;
            write_hello(stream, &fields, with_body).await?;
        }
        Route::Upload => {
            let receipt = body.receipt().to_string();
            fields.push_str(&format!("Content-Length: {}\r\n", receipt.len()));
            write_head(stream, JSON, &fields).await?;
            if with_body {
                stream.write_all(receipt.as_bytes()).await?;
            }
        }
        Route::UpgradeEcho if head.has_token("upgrade", "echo") => {
            stream
                .write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
                .await?;
            // The time limit is for clients that forget the connection. It is not an error.
            return timeout(LONGEST, echo(stream, ahead)).await.unwrap_or(Ok(())).map(|()| false);
        }
        Route::UpgradeEcho => {
            let head = "HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: echo\r\nContent-Length: 0\r\n";
            stream.write_all(format!("{head}{fields}\r\n").as_bytes()).await?;
        }
    }
    stream.flush().await?;
    Ok(keep_alive)
}

async fn write_head(stream: &mut impl Transport, content_type: &str, fields: &str) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n{fields}\r\n");
    stream.write_all(head.as_bytes()).await
}

/// A head with `count` fields. One of them is `Content-Length`, and the values of the others have `size` bytes.
fn small_head(length: usize, count: usize, size: usize, keep_alive: bool) -> Vec<u8> {
    let mut head = Vec::with_capacity(256 + count.saturating_mul(size + 16) + length);
    head.extend_from_slice(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n").as_bytes());
    if !keep_alive {
        head.extend_from_slice(b"Connection: close\r\n");
    }
    let value = vec![b'v'; size];
    for number in 1..count {
        head.extend_from_slice(format!("X-Field-{number}: ").as_bytes());
        head.extend_from_slice(&value);
        head.extend_from_slice(b"\r\n");
        if head.len() > LARGEST_HEAD {
            break;
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

async fn write_hello(stream: &mut impl Transport, fields: &str, with_body: bool) -> io::Result<()> {
    let fields = format!("{fields}Content-Length: {}\r\n", HELLO.len());
    write_head(stream, TEXT, &fields).await?;
    if with_body {
        stream.write_all(HELLO.as_bytes()).await?;
    }
    Ok(())
}

async fn write_repeated_block(stream: &mut impl Transport, length: u64) -> io::Result<()> {
    write_block_from(stream, 0, length).await
}

/// Writes `length` bytes of the repeated block, starting at `from`.
async fn write_block_from(stream: &mut impl Transport, from: u64, length: u64) -> io::Result<()> {
    let (mut at, mut left) = (from, length);
    while left > 0 {
        let start = (at % BLOCK as u64) as usize;
        let piece = left.min((BLOCK - start) as u64) as usize;
        stream.write_all(&block()[start..start + piece]).await?;
        (at, left) = (at + piece as u64, left - piece as u64);
    }
    Ok(())
}

/// Identifies one of the files of `/file`.
fn etag(length: u64) -> String {
    format!("\"file-{length}\"")
}

/// The position from which a client wants the rest of a file: `Range: bytes=N-`, unless `If-Range` names another file (RFC 9110,
/// section 13.1.5).
fn rest_of_file(head: &RequestHead, length: u64) -> Option<u64> {
    let from = head.field("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()?;
    let is_same = head.field("if-range").is_none_or(|validator| validator == etag(length));
    Some(from).filter(|_| is_same)
}

/// Writes `length` bytes of the repeated block in chunks of `size` bytes. The last chunk can be smaller.
///
/// A buffer collects the chunks. This costs one copy and makes small chunks as fast as large ones. With a delay, each chunk is
/// sent alone.
async fn write_chunks(stream: &mut impl Transport, length: u64, size: usize, delay: Duration) -> io::Result<()> {
    let mut batch = Vec::with_capacity(BATCH + LARGEST_CHUNK.min(size) + 16);
    let full_size_line = format!("{size:x}\r\n");
    let mut sent = 0;
    while sent < length {
        let chunk = (length - sent).min(size as u64) as usize;
        if chunk == size {
            batch.extend_from_slice(full_size_line.as_bytes());
        } else {
            write!(batch, "{chunk:x}\r\n")?;
        }
        let start = (sent % BLOCK as u64) as usize;
        let before_the_end = chunk.min(BLOCK - start);
        batch.extend_from_slice(&block()[start..start + before_the_end]);
        batch.extend_from_slice(&block()[..chunk - before_the_end]);
        batch.extend_from_slice(b"\r\n");
        sent += chunk as u64;
        if !delay.is_zero() {
            sleep(delay).await;
            stream.write_all(&batch).await?;
            stream.flush().await?;
            batch.clear();
        } else if batch.len() >= BATCH {
            stream.write_all(&batch).await?;
            batch.clear();
        }
    }
    batch.extend_from_slice(b"0\r\n\r\n");
    stream.write_all(&batch).await
}

async fn echo(stream: &mut impl Transport, ahead: &mut BytesMut) -> io::Result<()> {
    loop {
        while ahead.has_remaining() {
            stream.write_all_buf(ahead).await?;
        }
        stream.flush().await?;
        ahead.reserve(16 << 10);
        if stream.read_buf(ahead).await? == 0 {
            return Ok(());
        }
    }
}
