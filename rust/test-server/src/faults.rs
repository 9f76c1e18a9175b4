//! The faults of the `raw` listener. Each one imitates a broken, hostile or unlucky server.

use std::io::{self, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::content::pseudo_random;
use crate::head::{Query, RequestHead};
use crate::stream::until_the_client_ends;

/// How many milliseconds pass before a reset, so that the client can read the bytes before it.
const BEFORE_RESET: u64 = 50;

/// The number of zeros in the gzip bomb.
const BOMB: usize = 10 << 20;

/// The largest header that a client can request, in MiB.
const MOST_MEGABYTES: usize = 1024;

const GOOD_REPLY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const HALF_A_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Unfin";
const CHUNKED_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const CUT_BODY_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
const TOO_LARGE: &[u8] = b"HTTP/1.1 413 Content Too Large\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\
    Connection: close\r\n\r\ntoo large\n";

/// What happens to the connection after a reply.
pub(crate) enum After {
    /// The server reads the next request.
    KeepOpen,
    /// The server ends its side, and waits for the client to end the other one.
    Close,
    /// The server sends a reset.
    Reset,
}

/// Plays the fault with this name. `None` if there is none. The caller ends it after a minute.
pub(crate) async fn play(
    name: &str,
    query: &Query,
    head: &RequestHead,
    stream: &mut TcpStream,
) -> io::Result<Option<After>> {
    Ok(Some(match name {
        "never-answers" => stall(stream, b"").await?,
        "stop-in-head" => stall(stream, HALF_A_HEAD).await?,
        "stop-in-chunk" => stall(stream, &[CHUNKED_HEAD, b"5\r\nhello\r\n100\r\nonly this"].concat()).await?,
        "stop-between-chunks" => stall(stream, &[CHUNKED_HEAD, b"5\r\nhello\r\n"].concat()).await?,
        "drip" => drip(stream, query.millis("ms", 50)).await?,
        "reset-at-once" => After::Reset,
        "reset-in-head" => reset_after(stream, HALF_A_HEAD, query).await?,
        "reset-in-body" => reset_after(stream, &[CUT_BODY_HEAD, &[b'x'; 400]].concat(), query).await?,
        "reset-in-chunk" => reset_after(stream, &[CHUNKED_HEAD, b"64\r\nonly this"].concat(), query).await?,
        "half-close" => {
            stream.write_all(GOOD_REPLY).await?;
            stream.shutdown().await?;
            until_the_client_ends(stream).await?;
            After::Close
        }
        "early-413" => {
            stream.write_all(TOO_LARGE).await?;
            sleep(query.millis("ms", BEFORE_RESET)).await;
            // The kernel sends a reset if a socket is closed with unread data, such as the request's body. Here, a request
            // without a body also gets a reset.
            After::Reset
        }
        "early-413-keep-reading" => {
            stream.write_all(TOO_LARGE).await?;
            until_the_client_ends(stream).await?;
            After::Close
        }
        "two-responses" => {
            stream.write_all(&[GOOD_REPLY, GOOD_REPLY].concat()).await?;
            After::KeepOpen
        }
        "data-after-end" => {
            stream.write_all(&[GOOD_REPLY, b" and this belongs to nothing"].concat()).await?;
            After::KeepOpen
        }
        "body-cut-short" => {
            stream.write_all(&[CUT_BODY_HEAD, &[b'x'; 400]].concat()).await?;
            After::Close
        }
        "megabytes-of-header" => megabytes_of_header(stream, query.number("mb", 4).min(MOST_MEGABYTES)).await?,
        "endless-1xx" => {
            let interim = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
            endless(stream, interim, query).await?
        }
        "endless-small-chunks" => {
            stream.write_all(CHUNKED_HEAD).await?;
            endless(stream, b"1\r\nx\r\n", query).await?
        }
        "length-max" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n").await?;
            loop {
                stream.write_all(b"x").await?;
                sleep(query.millis("ms", 50).max(Duration::from_millis(1))).await;
            }
        }
        "gzip-bomb" => {
            let bomb = gzip_bomb()?;
            let fields = format!("Content-Encoding: gzip\r\nContent-Length: {}\r\n", bomb.len());
            stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{fields}\r\n").as_bytes()).await?;
            if head.method != "HEAD" {
                stream.write_all(&bomb).await?;
            }
            After::KeepOpen
        }
        "garbage" => {
            let count = query.number("bytes", 4096_usize).min(16 << 20);
            stream.write_all(&pseudo_random(query.number("seed", 1), count)).await?;
            After::Close
        }
        "idle-close" => {
            stream.write_all(GOOD_REPLY).await?;
            sleep(query.millis("ms", 50)).await;
            After::Close
        }
        _ => return Ok(None),
    }))
}

/// Sends these bytes and then nothing, until the client gives up.
async fn stall(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<After> {
    stream.write_all(bytes).await?;
    until_the_client_ends(stream).await?;
    Ok(After::Close)
}

async fn drip(stream: &mut TcpStream, pause: Duration) -> io::Result<After> {
    for byte in GOOD_REPLY {
        sleep(pause).await;
        stream.write_all(&[*byte]).await?;
    }
    Ok(After::KeepOpen)
}

async fn reset_after(stream: &mut TcpStream, bytes: &[u8], query: &Query) -> io::Result<After> {
    stream.write_all(bytes).await?;
    sleep(query.millis("ms", BEFORE_RESET)).await;
    Ok(After::Reset)
}

async fn megabytes_of_header(stream: &mut TcpStream, megabytes: usize) -> io::Result<After> {
    let name = "X-Padding: ";
    let field = format!("{name}{}\r\n", "p".repeat(1024 - name.len() - 2));
    let mebibyte = field.repeat(1024);
    stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
    for _ in 0..megabytes {
        stream.write_all(mebibyte.as_bytes()).await?;
    }
    stream.write_all(b"Content-Length: 0\r\n\r\n").await?;
    Ok(After::KeepOpen)
}

/// Repeats `piece` as fast as the client reads, or once every `delay_ms`. Ends when the client closes the connection.
async fn endless(stream: &mut TcpStream, piece: &[u8], query: &Query) -> io::Result<After> {
    let delay = query.millis("delay_ms", 0);
    let batch = if delay.is_zero() { piece.repeat(256) } else { piece.to_vec() };
    loop {
        stream.write_all(&batch).await?;
        if !delay.is_zero() {
            sleep(delay).await;
        }
    }
}

fn gzip_bomb() -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; BOMB])?;
    encoder.finish()
}
