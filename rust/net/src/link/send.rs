//! Sends a request, head and body, and tracks how much has been written.

use std::fmt;
use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use http_protocol::{ChunkEncoder, Method};

use super::Link;
use crate::body::Body;
use crate::error::{Error, ErrorKind, describe};
use crate::observer::{Content, Event};
use crate::proxy::header_lines;
use crate::timings::PackedTimings;
use crate::transport::write_some;

/// The maximum number of bytes that one call writes, so that a fast peer cannot delay a frame.
const WRITE_PER_CALL: usize = 16 * 1024 * 1024;
/// A larger request can take a noticeable time to leave the system. For a smaller one, that time is negligible compared with a timeout.
const SLOW_TO_LEAVE: u64 = 64 * 1024;
/// The number of bytes that are read from a [`Body::Reader`] at once.
const PIECE: usize = 64 * 1024;

/// A request as the caller describes it. It contains no route: a request always follows the route of its link.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The part of the URL after the host, or the whole URL.
    pub url: &'a str,
    /// The header lines, in the form `Name: value`.
    pub headers: &'a [&'a str],
    /// The value of `User-Agent`, unless a header line sets it.
    pub user_agent: &'a str,
}

/// Omits the values of headers and the URL, which may contain secrets.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Link {
    /// Checks a request and begins to send it. A failure of the connection is reported with the response. An error here is a mistake of
    /// the caller, or says that the connection is over.
    pub fn begin(&mut self, request: &Request<'_>, body: Body, now: Instant) -> Result<(), Error> {
        let host = match &self.route {
            Some(route) => route.host.header_value(),
            None => self.host.clone().unwrap_or_else(|| "localhost".to_owned()),
        };
        let proxy_prefix = self.route.as_ref().map(|route| route.proxy_prefix()).unwrap_or_default();
        let for_proxy = self.route.as_ref().and_then(|route| route.proxy_authorization());
        // The peer that is asked for a tunnel is a proxy, too.
        let reader_is_proxy =
            request.method == Method::Connect || self.route.as_ref().is_some_and(|route| route.leads_to_proxy());
        let headers = header_lines(request.headers, reader_is_proxy, for_proxy.as_deref());
        let length = body.length();
        let (head, facts) = http_protocol::Request {
            method: request.method,
            url: request.url,
            headers: &headers,
            body_length: length,
            host: &host,
            user_agent: request.user_agent,
            proxy_prefix: &proxy_prefix,
        }
        .encode()?;
        if self.is_sending() {
            let what = "the last request already has its response, but is still being sent; send the rest first";
            return Err(Error::misuse(what));
        }
        if self.connection.is_idle() || self.connection.over().is_some() {
            self.check_idle()?;
        }
        self.connection.begin(facts)?;
        self.exchanges += 1;
        self.observe(Event::Request { method: request.method, body: length });
        self.show(|| Content::RequestHead(&head));
        self.head_len = head.len() as u64;
        self.bytes_sent = 0;
        self.unsent = 0;
        self.began = now;
        self.last_activity = now;
        self.timings.restart();
        let mut outgoing = Outgoing::new(head, body, length);
        // Usually, the whole request is written at once.
        if !self.go_on_sending(&mut outgoing, now) {
            self.outgoing = Some(Box::new(outgoing));
        }
        Ok(())
    }

    /// Writes as much of the request as the stream accepts. A write error is kept for later, because the server may have responded
    /// before.
    pub fn send(&mut self, now: Instant) {
        if let Some(mut outgoing) = self.outgoing.take()
            && !self.go_on_sending(&mut outgoing, now)
        {
            self.outgoing = Some(outgoing);
        }
    }

    /// Returns whether nothing is left to send, because everything was written or writing failed.
    fn go_on_sending(&mut self, outgoing: &mut Outgoing, now: Instant) -> bool {
        let before = self.bytes_sent;
        let written = self.write_from(outgoing, now);
        if self.bytes_sent > before {
            self.observe(Event::Sent { bytes: self.bytes_sent - before });
        }
        match written {
            Ok(()) if outgoing.is_written() => {
                PackedTimings::note(&mut self.timings.send, self.began, now);
            }
            Ok(()) => return false,
            Err(NotWritten::Stream(error)) => {
                self.write_error = Some(Arc::new(error));
                self.connection.abandon_request();
            }
            Err(NotWritten::Body(error)) => {
                let kind = ErrorKind::RequestBody(body_failed(&error));
                self.failure = Some(self.failed_because(self.phase(), kind, Some(Arc::new(error))));
                self.connection.abandon_request();
            }
        }
        true
    }

    /// Writes until the stream accepts no more, everything is written, or the limit of one call is reached.
    fn write_from(&mut self, outgoing: &mut Outgoing, now: Instant) -> Result<(), NotWritten> {
        let mut left = WRITE_PER_CALL;
        outgoing.is_starved = false;
        while !outgoing.is_written() && left > 0 {
            let (head, body) = match outgoing.next() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    outgoing.is_starved = true;
                    return Ok(());
                }
                next => next.map_err(NotWritten::Body)?,
            };
            let body = &body[..body.len().min(left.saturating_sub(head.len()))];
            match write_some(&mut *self.stream, head, body) {
                Ok(count) => {
                    let of_body = &body[..count.saturating_sub(head.len())];
                    if !of_body.is_empty() {
                        self.show(|| Content::RequestBody(of_body));
                    }
                    outgoing.advance(count);
                    self.bytes_sent += count as u64;
                    self.last_activity = now;
                    self.unsent = if self.bytes_sent > SLOW_TO_LEAVE { usize::MAX } else { 0 };
                    left = left.saturating_sub(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(NotWritten::Stream(error)),
            }
        }
        Ok(())
    }

    /// Drops the rest of the request.
    pub(super) fn give_up_request(&mut self) {
        self.outgoing = None;
        self.connection.abandon_request();
    }
}

/// Returns a reader's own error unchanged, because it is a sentence, and makes a sentence from an error of the system.
fn body_failed(error: &io::Error) -> String {
    match error.get_ref() {
        Some(sentence) => sentence.to_string(),
        None => format!("the request body cannot be read: {}", describe(error)),
    }
}

/// The reason why no more of a request can be written.
enum NotWritten {
    /// The stream fails.
    Stream(io::Error),
    /// The body cannot be read.
    Body(io::Error),
}

/// A request that is being sent.
pub(super) struct Outgoing {
    head: Vec<u8>,
    head_written: usize,
    payload: Payload,
    /// Whether the reader of the body has no data yet. The link then waits for the reader instead of the stream.
    pub(super) is_starved: bool,
}

enum Payload {
    /// The bytes of the body. `whole` is the length that the head announces.
    Bytes {
        bytes: Box<dyn AsRef<[u8]> + Send>,
        written: usize,
        whole: usize,
    },
    Reader(Box<Reading>),
}

/// A body that is read in pieces.
struct Reading {
    reader: Box<dyn Read + Send>,
    extent: Extent,
    /// The last piece. `written..end` contains its unwritten part with framing.
    piece: Vec<u8>,
    written: usize,
    end: usize,
}

/// How the end of the body is determined.
enum Extent {
    /// `left` of `whole` bytes have not been read.
    Length { left: u64, whole: u64 },
    /// The encoder, or `None` after the last piece contains the end.
    Chunked(Option<ChunkEncoder>),
}

impl Outgoing {
    /// Creates the request. `length` is the length that the head announces.
    pub(super) fn new(head: Vec<u8>, body: Body, length: Option<u64>) -> Self {
        let payload = match body {
            Body::Bytes(bytes) => Payload::Bytes { bytes, written: 0, whole: length.unwrap_or_default() as usize },
            Body::Reader { reader, .. } => {
                let extent = match length {
                    Some(whole) => Extent::Length { left: whole, whole },
                    None => Extent::Chunked(Some(ChunkEncoder::default())),
                };
                Payload::Reader(Box::new(Reading { reader, extent, piece: Vec::new(), written: 0, end: 0 }))
            }
        };
        Self { head, head_written: 0, payload, is_starved: false }
    }

    /// Returns the next bytes of the head and of the body. Both are empty when everything is written. An error is one of the reader of the
    /// body.
    pub(super) fn next(&mut self) -> io::Result<(&[u8], &[u8])> {
        let head = &self.head[self.head_written..];
        let body = match &mut self.payload {
            Payload::Bytes { bytes, written, whole } => match (**bytes).as_ref() {
                bytes if bytes.len() == *whole => &bytes[*written..],
                _ => return Err(io::Error::other("the length of the request body changed while it was sent")),
            },
            Payload::Reader(reading) => match reading.next() {
                Ok(piece) => piece,
                // The head does not wait for the body.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !head.is_empty() => &[],
                Err(error) => return Err(error),
            },
        };
        Ok((head, body))
    }

    /// Notes that `count` bytes of the result of [`next`](Self::next) were written.
    pub(super) fn advance(&mut self, count: usize) {
        let of_head = count.min(self.head.len() - self.head_written);
        self.head_written += of_head;
        match &mut self.payload {
            Payload::Bytes { written, .. } => *written += count - of_head,
            Payload::Reader(reading) => reading.written += count - of_head,
        }
    }

    /// Whether everything is written, as far as that is known without reading more.
    pub(super) fn is_written(&self) -> bool {
        self.head_written == self.head.len()
            && match &self.payload {
                Payload::Bytes { written, whole, .. } => written == whole,
                Payload::Reader(reading) => reading.is_over(),
            }
    }
}

impl Reading {
    fn next(&mut self) -> io::Result<&[u8]> {
        if self.written == self.end && !self.is_over() {
            self.read()?;
        }
        Ok(&self.piece[self.written..self.end])
    }

    fn is_over(&self) -> bool {
        self.written == self.end && matches!(self.extent, Extent::Length { left: 0, .. } | Extent::Chunked(None))
    }

    fn read(&mut self) -> io::Result<()> {
        const START: usize = ChunkEncoder::LONGEST;
        let room = match self.extent {
            Extent::Length { left, .. } => left.min(PIECE as u64) as usize,
            Extent::Chunked(_) => PIECE,
        };
        (self.written, self.end) = (0, 0);
        // Leave space for the framing before the bytes.
        if self.piece.len() < START + room {
            self.piece.resize(START + room, 0);
        }
        let count = uninterrupted(&mut *self.reader, &mut self.piece[START..START + room])?.min(room);
        match &mut self.extent {
            Extent::Length { left, whole } if count == 0 => {
                let message = format!("the request body ended after {} of {whole} bytes", *whole - *left);
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
            Extent::Length { left, .. } => {
                *left -= count as u64;
                (self.written, self.end) = (START, START + count);
            }
            Extent::Chunked(encoder) if count == 0 => {
                let end = encoder.take().map(ChunkEncoder::end).unwrap_or_default();
                self.piece[..end.len()].copy_from_slice(end);
                self.end = end.len();
            }
            Extent::Chunked(encoder) => {
                let before = encoder.as_mut().map(|encoder| encoder.chunk(count)).unwrap_or_default();
                self.piece[START - before.len()..START].copy_from_slice(&before);
                (self.written, self.end) = (START - before.len(), START + count);
            }
        }
        Ok(())
    }
}

/// Treats a panic of the reader as an error, so that the request is abandoned properly.
fn uninterrupted(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let broken = |_| Err(io::Error::other("the reader of the request body panicked, which is a bug in that reader"));
    loop {
        match catch_unwind(AssertUnwindSafe(|| reader.read(buffer))).unwrap_or_else(broken) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns `bytes` in pieces of `size`, with a pause before each.
    struct Slow {
        bytes: Vec<u8>,
        size: usize,
        paused: bool,
    }

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.paused = !self.paused;
            if self.paused {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let count = self.size.min(buffer.len()).min(self.bytes.len());
            buffer[..count].copy_from_slice(&self.bytes[..count]);
            self.bytes.drain(..count);
            Ok(count)
        }
    }

    fn slow(bytes: &[u8], size: usize) -> Box<Slow> {
        Box::new(Slow { bytes: bytes.to_vec(), size, paused: false })
    }

    fn outgoing(head: Vec<u8>, body: Body) -> Outgoing {
        let length = body.length();
        Outgoing::new(head, body, length)
    }

    /// Writes the whole request, at most `most` bytes at a time.
    fn written(mut outgoing: Outgoing, most: usize) -> Result<Vec<u8>, String> {
        let mut wire = Vec::new();
        while !outgoing.is_written() {
            let count = match outgoing.next() {
                Ok((head, body)) => {
                    let next = [head, body].concat();
                    let count = next.len().min(most);
                    wire.extend_from_slice(&next[..count]);
                    count
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.to_string()),
            };
            outgoing.advance(count);
        }
        Ok(wire)
    }

    #[test]
    fn the_debug_form_of_a_request_has_no_secret_in_it() {
        let headers = ["Authorization: Bearer secret"];
        let url = "http://user:secret@host/?key=secret";
        let request = Request { method: Method::Get, url, headers: &headers, user_agent: "" };
        assert_eq!(format!("{request:?}"), "Request { method: Get, .. }");
    }

    #[test]
    fn a_body_that_the_system_cannot_read_is_a_sentence_without_a_number() {
        let error = io::Error::from_raw_os_error(rustix::io::Errno::ACCESS.raw_os_error());
        assert_eq!(body_failed(&error), "the request body cannot be read: permission denied");
        assert_eq!(body_failed(&io::Error::other("the file was changed")), "the file was changed");
    }

    #[test]
    fn every_kind_of_body_goes_out_whole_however_little_is_written_at_once() {
        let body = b"0123456789";
        for most in [1, 2, 3, 7, 100] {
            for size in [1, 4, 100] {
                let known = Body::Reader { reader: slow(body, size), length: Some(10) };
                assert_eq!(written(outgoing(b"head:".to_vec(), known), most).unwrap(), b"head:0123456789");
                let bytes = Body::Bytes(Box::new(body.to_vec()));
                assert_eq!(written(outgoing(b"head:".to_vec(), bytes), most).unwrap(), b"head:0123456789");
            }
            let unknown = Body::Reader { reader: slow(body, 4), length: None };
            let wire = written(outgoing(b"head:".to_vec(), unknown), most).unwrap();
            assert_eq!(wire, b"head:4\r\n0123\r\n4\r\n4567\r\n2\r\n89\r\n0\r\n\r\n");
        }
    }

    #[test]
    fn a_body_that_ends_early_is_an_error_and_more_than_was_said_is_not_sent() {
        let short = Body::Reader { reader: slow(b"0123", 4), length: Some(10) };
        let error = written(outgoing(Vec::new(), short), 100).unwrap_err();
        assert_eq!(error, "the request body ended after 4 of 10 bytes");
        let long = Body::Reader { reader: slow(b"0123456789", 4), length: Some(6) };
        assert_eq!(written(outgoing(Vec::new(), long), 100).unwrap(), b"012345");
    }
}
