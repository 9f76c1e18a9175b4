//! The body of a request. Its length and checksum are computed, and its bytes are only kept if an answer repeats them.

use std::io;

use bytes::{Buf, BytesMut};
use crc32fast::Hasher;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;

use crate::head::{Framing, RequestHead};
use crate::stream::Transport;

/// How many bytes of a body are read at once.
const WINDOW: usize = 256 << 10;

/// The limit of the line with a chunk's size and of a trailer line, in bytes.
const LONGEST_LINE: usize = 16 << 10;

/// The limit of the text that `/echo` repeats, in bytes.
const ECHO_TEXT_LIMIT: u64 = 64 << 10;

/// The properties of a body.
pub(crate) struct ReceivedBody {
    pub(crate) length: u64,
    pub(crate) crc32: u32,
    /// The body itself, if an answer repeats it and it is short enough.
    pub(crate) kept: Option<Vec<u8>>,
}

impl ReceivedBody {
    /// The answer of `/upload`.
    pub(crate) fn receipt(&self) -> Value {
        json!({"bytes": self.length, "crc32": self.crc32})
    }
}

/// Counts a body and computes its checksum, piece by piece.
pub(crate) struct Receiver {
    length: u64,
    hasher: Hasher,
    keep: u64,
    kept: Vec<u8>,
}

impl Receiver {
    /// A receiver for the body after this head.
    pub(crate) fn new(head: &RequestHead) -> Receiver {
        let keep = if head.path() == "/echo" { ECHO_TEXT_LIMIT } else { 0 };
        Receiver { length: 0, hasher: Hasher::new(), keep, kept: Vec::new() }
    }

    pub(crate) fn add(&mut self, piece: &[u8]) {
        self.hasher.update(piece);
        self.length += piece.len() as u64;
        if self.length <= self.keep {
            self.kept.extend_from_slice(piece);
        }
    }

    pub(crate) fn finish(self) -> ReceivedBody {
        let kept = (self.length <= self.keep).then_some(self.kept);
        ReceivedBody { length: self.length, crc32: self.hasher.finalize(), kept }
    }
}

/// Reads the body after a head. At first, `ahead` contains the bytes that were read after the head, and at the end those that
/// were read after the body.
///
/// # Errors
/// Errors of the stream. `UnexpectedEof` if the client closes the connection within the body, `InvalidData` if the framing is
/// invalid.
pub(crate) async fn read(
    stream: &mut impl Transport,
    ahead: &mut BytesMut,
    head: &RequestHead,
) -> io::Result<ReceivedBody> {
    let mut receiver = Receiver::new(head);
    match head.framing().ok_or(io::ErrorKind::InvalidData)? {
        Framing::Length(length) => read_exactly(stream, ahead, length, &mut receiver).await?,
        Framing::Chunked => read_chunks(stream, ahead, &mut receiver).await?,
    }
    Ok(receiver.finish())
}

async fn read_exactly(
    stream: &mut impl Transport,
    ahead: &mut BytesMut,
    length: u64,
    receiver: &mut Receiver,
) -> io::Result<()> {
    let here = ahead.split_to(length.min(ahead.len() as u64) as usize);
    receiver.add(&here);
    let mut left = length - here.len() as u64;
    let mut window = vec![0; left.min(WINDOW as u64) as usize];
    while left > 0 {
        let most = left.min(WINDOW as u64) as usize;
        let count = stream.read(&mut window[..most]).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        receiver.add(&window[..count]);
        left -= count as u64;
    }
    Ok(())
}

/// Reads chunks and trailers (RFC 9112, section 7.1). The trailers of a request are ignored.
async fn read_chunks(stream: &mut impl Transport, ahead: &mut BytesMut, receiver: &mut Receiver) -> io::Result<()> {
    loop {
        let line = read_line(stream, ahead).await?;
        let Ok(httparse::Status::Complete((_, size))) = httparse::parse_chunk_size(&line) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        if size == 0 {
            while !matches!(&read_line(stream, ahead).await?[..], b"\r\n" | b"\n") {}
            return Ok(());
        }
        read_exactly(stream, ahead, size, receiver).await?;
        if read_line(stream, ahead).await?[..] != *b"\r\n" {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

/// The next line, including its line ending.
async fn read_line(stream: &mut impl Transport, ahead: &mut BytesMut) -> io::Result<BytesMut> {
    let mut searched = 0;
    loop {
        if let Some(end) = ahead[searched..].iter().position(|&byte| byte == b'\n') {
            return Ok(ahead.split_to(searched + end + 1));
        }
        searched = ahead.remaining();
        if searched > LONGEST_LINE {
            return Err(io::ErrorKind::InvalidData.into());
        }
        if stream.read_buf(ahead).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}
