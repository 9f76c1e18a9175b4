//! Receives a body, directly from the stream into the caller's array where the framing allows it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use http_protocol::BodyStep;

use super::Link;
use crate::body::ByteBuffer;
use crate::error::{Error, ErrorKind, Phase};
use crate::observer::{ConnectionId, Content, Event};
use crate::timings::PackedTimings;
use crate::transport::{Ending, repeated};

/// The maximum number of bytes that [`Link::read_available`] returns in one call.
const AVAILABLE: usize = 16 * 1024 * 1024;
/// The maximum and minimum space, in bytes, that one read allocates.
const AVAILABLE_AT_FIRST: usize = 256 * 1024;
const AVAILABLE_AT_LEAST: usize = 16 * 1024;

/// A buffer for a part of a body, and how much of it is filled. [`Link::fill`] adds data to it, and [`Link::give_out`] returns its data.
pub struct Piece<B> {
    data: B,
    filled: usize,
    whole: usize,
    /// The link and the exchange to which the piece belongs.
    of: (ConnectionId, u64),
}

/// Omits the bytes.
impl<B> fmt::Debug for Piece<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Piece({} of {} bytes)", self.filled, self.whole)
    }
}

impl<B> Piece<B> {
    /// Returns whether the buffer is full.
    pub fn is_full(&self) -> bool {
        self.filled == self.whole
    }

    /// Returns whether the buffer is empty.
    pub fn is_empty(&self) -> bool {
        self.filled == 0
    }
}

impl Link {
    /// Begins to read one chunk of a chunked body if it has at most `size` bytes, or up to `size` bytes otherwise, and fills the piece
    /// with the available data. Returns `None` if nothing is available, or if such a chunk has not arrived completely. An empty piece
    /// means the end of the body. A size of 0 counts as 1. `whole` allocates space for the whole piece, and otherwise only for the
    /// available data.
    pub fn read_chunk<B: ByteBuffer>(
        &mut self,
        size: usize,
        whole: bool,
        now: Instant,
    ) -> Result<Option<Piece<B>>, Error> {
        self.raise_failure()?;
        // With a size of 0, the call would only collect input, as long as there is some.
        let size = size.max(1);
        let mut in_one = size;
        loop {
            match self.next_body(in_one, size, now)? {
                Next::Over => {
                    self.finish_sending(now);
                    self.raise_failure()?;
                    return Ok(Some(Piece { data: B::with_len(0), filled: 0, whole: 0, of: self.exchange() }));
                }
                Next::Data(len) => {
                    let behind = if self.input.bytes().len() == len && self.ended.is_none() { size - len } else { 0 };
                    let direct = self.connection.direct(in_one).min(behind as u64) as usize;
                    return self.take(len, direct, now).map(Some);
                }
                // The rest of this chunk will not arrive. The available part is returned.
                Next::Missing if self.ended.is_some() && in_one > 0 => in_one = 0,
                Next::Missing if self.ended.is_some() => self.end_body(now)?,
                Next::Missing => {
                    let direct = self.connection.direct(in_one).min(size as u64) as usize;
                    if direct == 0 || !self.input.is_empty() {
                        if self.fill_input(now) {
                            continue;
                        }
                        return Ok(None);
                    }
                    let room = if whole { direct } else { self.useful(direct) };
                    let piece: Piece<B> = self.take(0, room, now)?;
                    if !piece.is_empty() {
                        return Ok(Some(piece));
                    }
                    if self.ended.is_none() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Returns the next chunk of a chunked body if it has at most `size` bytes, and if it and the beginning of another chunk have already
    /// arrived. This is the fast path for small chunks: it receives nothing, ends nothing and needs no time. Otherwise it returns `None`
    /// and changes nothing. Call [`read_chunk`](Self::read_chunk) then.
    pub fn held_chunk<B: ByteBuffer>(&mut self, size: usize) -> Option<B> {
        if self.failure.is_some() || self.outgoing.is_some() {
            return None;
        }
        let chunk = self.connection.held_chunk(self.input.bytes(), size)?;
        let mut data = B::with_len(chunk.len());
        data.as_mut_slice().copy_from_slice(&self.input.bytes()[chunk.clone()]);
        self.input.consume(chunk.end);
        self.is_lacking = false;
        self.note_received(data.as_mut_slice());
        self.tell_received();
        Some(data)
    }

    /// Returns the available part of a chunk whose rest will not arrive, or `None` if there is none. The next call returns `failure`.
    pub fn rest_before<B: ByteBuffer>(&mut self, failure: Error, size: usize, now: Instant) -> Result<B, Error> {
        match self.next_body(0, size, now)? {
            Next::Data(len) => {
                let piece = self.take(len, 0, now)?;
                let data = self.give_out(piece, now);
                self.failure = Some(failure);
                Ok(data)
            }
            _ => Err(failure),
        }
    }

    /// Reads more of the body into a piece. A failure is returned by the next read. A piece of another body receives nothing.
    pub fn fill<B: ByteBuffer>(&mut self, piece: &mut Piece<B>, now: Instant) {
        if piece.of != self.exchange() || !self.input.is_empty() {
            return;
        }
        // Not more than the rest of the body: other calls may have read from it in the meantime.
        let left = (piece.whole - piece.filled) as u64;
        let end = piece.filled + self.connection.direct(0).min(left) as usize;
        let count = self.read_direct(&mut piece.data.as_mut_slice()[piece.filled..end], now);
        piece.filled += count;
    }

    /// Returns the data of a piece. If it was the last data of the body, the body ends now and not with another, empty read.
    pub fn give_out<B: ByteBuffer>(&mut self, mut piece: Piece<B>, now: Instant) -> B {
        if piece.filled < piece.data.as_mut_slice().len() {
            piece.data.set_len(piece.filled);
        }
        if piece.filled > 0 && piece.of == self.exchange() {
            self.note_received(piece.data.as_mut_slice());
            self.tell_received();
            self.settle(now);
        }
        piece.data
    }

    fn exchange(&self) -> (ConnectionId, u64) {
        (self.id, self.exchanges)
    }

    /// Returns a failure with the next read, after the data that is returned now.
    pub fn fail_later(&mut self, failure: Error) {
        self.failure.get_or_insert(failure);
    }

    /// Returns whether the stream has ended.
    pub fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Returns whether the stream has ended and all received data was used.
    pub fn is_exhausted(&self) -> bool {
        self.ended.is_some() && self.input.is_empty()
    }

    /// Reads all body data that has arrived, up to 16 MiB, regardless of chunk boundaries.
    pub fn read_available<B: ByteBuffer>(&mut self, now: Instant) -> Result<B, Error> {
        self.raise_failure()?;
        let mut data = B::with_len(0);
        let mut filled = 0;
        let result = self.collect(&mut data, &mut filled, now);
        data.set_len(filled);
        self.tell_received();
        match result {
            Err(failure) if filled > 0 => self.failure = Some(failure),
            result => result?,
        }
        Ok(data)
    }

    fn collect<B: ByteBuffer>(&mut self, data: &mut B, filled: &mut usize, now: Instant) -> Result<(), Error> {
        let mut framing = 0;
        // Only the data that had arrived when the call began is read. Data that arrives during the call is left for the next one, so that a
        // fast server cannot delay a frame.
        let mut due = None;
        while *filled + framing < AVAILABLE {
            match self.next_body(0, AVAILABLE - *filled, now)? {
                Next::Over if *filled > 0 => return Ok(()),
                Next::Over => {
                    self.finish_sending(now);
                    return self.raise_failure();
                }
                Next::Data(len) => {
                    let place = &mut room(data, *filled, len)[..len];
                    place.copy_from_slice(&self.input.bytes()[..len]);
                    self.input.consume(len);
                    self.note_received(place);
                    *filled += len;
                }
                Next::Missing if self.ended.is_some() => return self.end_body(now),
                Next::Missing => {
                    let left = *due.get_or_insert_with(|| self.stream.waiting().unwrap_or(AVAILABLE));
                    if left == 0 && *filled > 0 {
                        return Ok(());
                    }
                    let direct = self.connection.direct(0).min((AVAILABLE - *filled) as u64) as usize;
                    let count = if direct == 0 || !self.input.is_empty() {
                        let before = self.input.bytes().len();
                        if !self.fill_input(now) {
                            return Ok(());
                        }
                        let count = self.input.bytes().len() - before;
                        framing += count;
                        count
                    } else {
                        let wanted = left.clamp(AVAILABLE_AT_LEAST, AVAILABLE_AT_FIRST).min(direct);
                        let place = &mut room(data, *filled, wanted)[..wanted];
                        let count = self.read_direct(place, now);
                        self.note_received(&place[..count]);
                        *filled += count;
                        if count < wanted && self.ended.is_none() {
                            return Ok(());
                        }
                        count
                    };
                    due = Some(left.saturating_sub(count));
                }
            }
        }
        Ok(())
    }

    /// Returns how much space to allocate for `direct` bytes. Allocating a large array costs more than filling it, so the space is limited
    /// to the bytes that are waiting.
    fn useful(&mut self, direct: usize) -> usize {
        if direct <= AVAILABLE_AT_FIRST {
            return direct;
        }
        self.stream.waiting().map_or(direct, |waiting| waiting.clamp(AVAILABLE_AT_FIRST, direct))
    }

    /// Takes `buffered` bytes from the input, and reads up to `direct` bytes after them directly from the stream.
    fn take<B: ByteBuffer>(&mut self, buffered: usize, direct: usize, now: Instant) -> Result<Piece<B>, Error> {
        let mut data = B::with_len(buffered + direct);
        data.as_mut_slice()[..buffered].copy_from_slice(&self.input.bytes()[..buffered]);
        self.input.consume(buffered);
        let mut piece = Piece { data, filled: buffered, whole: buffered + direct, of: self.exchange() };
        if direct > 0 {
            self.fill(&mut piece, now);
        }
        Ok(piece)
    }

    /// Reads body data directly from the stream into `buffer`, as far as it is available. Returns the number of bytes.
    pub(super) fn read_direct(&mut self, buffer: &mut [u8], now: Instant) -> usize {
        let mut filled = 0;
        while filled < buffer.len() && self.ended.is_none() {
            match self.stream.read(&mut buffer[filled..]) {
                Ok(0) => self.ended = Some(Ending::Clean),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.input.release();
                    break;
                }
                Err(error) => self.ended = Some(Ending::Error(error)),
            }
        }
        if filled > 0 {
            self.touch(now);
        }
        self.connection.advance(filled);
        filled
    }

    /// Reads once into the input. Returns whether the input must be examined again, because data arrived or the stream ended.
    pub(super) fn fill_input(&mut self, now: Instant) -> bool {
        match self.input.fill(&mut *self.stream, self.connection.wanted()) {
            Ok(0) => self.ended = Some(Ending::Clean),
            Ok(_) => self.touch(now),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) => self.ended = Some(Ending::Error(error)),
        }
        true
    }

    pub(super) fn next_body(&mut self, whole: usize, most: usize, now: Instant) -> Result<Next, Error> {
        match self.connection.next_body(self.input.bytes(), whole, most) {
            Err(error) => Err(self.failed(Phase::Body, ErrorKind::Malformed(error))),
            Ok(BodyStep::Data { skip, len }) => {
                self.input.consume(skip);
                self.is_lacking = false;
                Ok(Next::Data(len))
            }
            Ok(BodyStep::NeedMore { skip }) => {
                self.input.consume(skip);
                // With both sizes 0, the call only checks for the end, and shows nothing about the available data.
                self.is_lacking = (whole, most) != (0, 0);
                Ok(Next::Missing)
            }
            Ok(BodyStep::Done { skip }) => {
                self.input.consume(skip);
                self.finish(now);
                Ok(Next::Over)
            }
        }
    }

    /// Ends the body if the returned bytes were its last.
    fn settle(&mut self, now: Instant) {
        let is_over_with_stream = self.connection.ends_with_connection()
            && self.input.is_empty()
            && matches!(self.ended, Some(Ending::Clean));
        let settled = if is_over_with_stream { self.end_body(now) } else { self.next_body(0, 0, now).map(drop) };
        if let Err(failure) = settled {
            self.failure = Some(failure);
        }
    }

    /// The stream has ended and the input is used up. This ends the body, or cuts it short.
    pub(super) fn end_body(&mut self, now: Instant) -> Result<(), Error> {
        let until_close = self.connection.ends_with_connection();
        let error = match &self.ended {
            Some(Ending::Error(error)) => Some(Arc::new(repeated(error))),
            // The end may have the same cause as the write error.
            _ if until_close => self.write_error.take(),
            _ => None,
        };
        match (self.connection.end(self.input.bytes()), error) {
            (Ok(()), Some(error)) if until_close => {
                Err(self.failed_because(Phase::Body, ErrorKind::Broken, Some(error)))
            }
            (Ok(()), _) => {
                self.finish(now);
                Ok(())
            }
            (Err(cut_short), error) => Err(self.failed_because(Phase::Body, ErrorKind::BodyCutShort(cut_short), error)),
        }
    }

    /// Ends the response. If the request has not been sent completely, [`finish_sending`](Self::finish_sending) ends the exchange.
    fn finish(&mut self, now: Instant) {
        self.input.release();
        if self.outgoing.is_none() {
            self.complete(now);
        }
    }

    /// Continues to send the request after its response is complete. Returns whether nothing is left to send: an exchange ends when both
    /// are complete.
    pub(super) fn finish_sending(&mut self, now: Instant) -> bool {
        self.send(now);
        if self.outgoing.is_none() {
            self.complete(now);
        }
        self.outgoing.is_none()
    }

    fn complete(&mut self, now: Instant) {
        if self.timings.total.is_none() {
            PackedTimings::note(&mut self.timings.total, self.began, now);
            self.tell_received();
            self.observe(Event::Complete);
        }
    }

    /// Passes the returned bytes to the observer, and counts them.
    pub(super) fn note_received(&mut self, bytes: &[u8]) {
        self.show(|| Content::ResponseBody(bytes));
        self.untold += bytes.len() as u64;
    }

    /// Notifies the observer of the number of returned bytes. Call it before the event of the end or of a failure.
    pub(super) fn tell_received(&mut self) {
        let bytes = std::mem::take(&mut self.untold);
        if bytes > 0 {
            self.observe(Event::Received { bytes });
        }
    }

    /// Returns the failure that the last call found after the bytes that it returned.
    pub(super) fn raise_failure(&mut self) -> Result<(), Error> {
        self.failure.take().map_or(Ok(()), Err)
    }
}

/// What the input contains of the body.
pub(super) enum Next {
    /// The first bytes of the input are body data. Contains their number.
    Data(usize),
    /// More input is needed.
    Missing,
    /// The body has ended.
    Over,
}

/// Returns the part of `data` after its first `filled` bytes, with space for at least `wanted` more.
fn room<B: ByteBuffer>(data: &mut B, filled: usize, wanted: usize) -> &mut [u8] {
    let len = data.as_mut_slice().len();
    if len == 0 {
        *data = B::with_len(wanted);
    } else if len < filled + wanted {
        data.set_len((filled + wanted).max(len * 2).min(AVAILABLE.max(filled + wanted)));
    }
    &mut data.as_mut_slice()[filled..]
}

#[cfg(test)]
mod tests {
    use http_protocol::Method;

    use super::*;
    use crate::link::asked;
    use crate::{Body, Context, Request, memory};

    #[test]
    fn a_piece_that_was_kept_past_its_body_takes_nothing_of_the_next() {
        let (near, far) = memory::pair(1 << 20);
        let now = Instant::now();
        let mut link = Link::over(Context::shared().clone(), Box::new(near), None, now);
        let request = Request { method: Method::Get, url: "/", headers: &[], user_agent: "" };
        let mut kept = None;
        for body in ["first", "other"] {
            link.begin(&request, Body::empty(), now).unwrap();
            far.push(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
            assert!(link.receive_head(now).unwrap().is_some());
            far.push(&body.as_bytes()[..3]);
            let mut piece: Piece<Vec<u8>> = link.read_chunk(5, true, now).unwrap().expect("a part");
            far.push(&body.as_bytes()[3..]);
            if let Some(mut kept) = kept.take() {
                link.fill(&mut kept, now);
                assert_eq!(link.give_out(kept, now), b"fir");
            } else {
                let rest: Vec<u8> = link.read_available(now).unwrap();
                assert_eq!(rest, b"st");
                kept = Some(piece);
                continue;
            }
            link.fill(&mut piece, now);
            assert_eq!(link.give_out(piece, now), body.as_bytes());
        }
        assert!(link.is_idle());
    }

    #[test]
    fn a_read_of_no_bytes_gathers_no_input_but_reads_one() {
        let now = Instant::now();
        let (mut link, far) = asked(now);
        far.push(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n");
        assert!(link.receive_head(now).unwrap().is_some());
        far.push(&[7; 200_000]);
        let piece = link.read_chunk(0, false, now).unwrap().expect("a byte");
        assert_eq!(link.give_out::<Vec<u8>>(piece, now), [7]);
        assert!(link.input.is_empty());
    }
}
