//! Receiving a body: straight from the stream into the caller's array where the framing allows it.

use std::io;

use http_protocol::BodyStep;

use crate::body::ByteBuffer;
use crate::connector::describe;
use crate::link::{Ended, Failure, Link, Patience};

/// What [`Link::read_available`] gives out at most in one call, in bytes.
const AVAILABLE: usize = 16 * 1024 * 1024;
/// What one read makes room for at most, in bytes, and at least.
const AVAILABLE_AT_FIRST: usize = 256 * 1024;
const AVAILABLE_AT_LEAST: usize = 16 * 1024;

impl Link {
    /// One chunk of a chunked body if it has at most `size` bytes, else at most `size` bytes. Without blocking, what is not there
    /// is not waited for; with it, the call returns when all of that is there or the body is over. Bytes that came before a
    /// failure are given out first; the failure follows in the next call.
    pub(crate) fn read_chunk<B: ByteBuffer>(&mut self, size: usize, patience: Patience<'_>) -> Result<B, Failure> {
        self.raise_failure()?;
        let mut whole = size;
        loop {
            match self.next_body(whole, size)? {
                Next::Over => return self.finish_sending(patience).map(|_| B::with_len(0)),
                Next::Data(len) => {
                    let behind = if self.input.bytes().len() == len && self.ended.is_none() { size - len } else { 0 };
                    let direct = self.connection.direct(whole).min(behind as u64) as usize;
                    return self.take(len, direct, patience);
                }
                // The rest of this chunk will not come; what there is of it is given out.
                Next::Missing if self.ended.is_some() && whole > 0 => whole = 0,
                Next::Missing if self.ended.is_some() => return self.end_body().map(|()| B::with_len(0)),
                Next::Missing => {
                    let direct = self.connection.direct(whole).min(size as u64) as usize;
                    if direct == 0 || !self.input.is_empty() {
                        match self.fill_input(patience) {
                            Ok(true) => continue,
                            Ok(false) => return Ok(B::with_len(0)),
                            Err(failure) => return self.last_before(failure, size, patience),
                        }
                    }
                    let room = self.useful(direct, patience);
                    let mut data: B = self.take(0, room, patience)?;
                    if !data.as_mut_slice().is_empty() || self.ended.is_none() || !self.connection.is_in_body() {
                        return Ok(data);
                    }
                }
            }
        }
    }

    /// All bytes of the body that have arrived, up to [`AVAILABLE`]; chunk boundaries do not show. Blocking waits for the first of
    /// them.
    pub(crate) fn read_available<B: ByteBuffer>(&mut self, patience: Patience<'_>) -> Result<B, Failure> {
        self.raise_failure()?;
        let mut data = B::with_len(0);
        let mut filled = 0;
        let result = self.collect(&mut data, &mut filled, patience);
        data.set_len(filled);
        match result {
            Err(failure) if filled > 0 => self.failure = Some(failure),
            result => result?,
        }
        Ok(data)
    }

    fn collect<B: ByteBuffer>(
        &mut self,
        data: &mut B,
        filled: &mut usize,
        patience: Patience<'_>,
    ) -> Result<(), Failure> {
        let mut framing = 0;
        // What had arrived when the call began. What comes while it copies is for the next call: a fast server would hold a frame up.
        let mut due = None;
        while *filled + framing < AVAILABLE {
            let patience = Patience { blocking: patience.blocking && *filled == 0, ..patience };
            match self.next_body(0, AVAILABLE - *filled)? {
                Next::Over if *filled > 0 => return Ok(()),
                Next::Over => return self.finish_sending(patience).map(drop),
                Next::Data(len) => {
                    room(data, *filled, len)[..len].copy_from_slice(&self.input.bytes()[..len]);
                    self.input.consume(len);
                    *filled += len;
                }
                Next::Missing if self.ended.is_some() => return self.end_body(),
                Next::Missing => {
                    let left = *due.get_or_insert_with(|| self.stream.waiting().unwrap_or(AVAILABLE));
                    if left == 0 && *filled > 0 {
                        return Ok(());
                    }
                    let direct = self.connection.direct(0).min((AVAILABLE - *filled) as u64) as usize;
                    let count = if direct == 0 || !self.input.is_empty() {
                        let before = self.input.bytes().len();
                        if !self.fill_input(patience)? {
                            return Ok(());
                        }
                        let count = self.input.bytes().len() - before;
                        framing += count;
                        count
                    } else {
                        let wanted = left.clamp(AVAILABLE_AT_LEAST, AVAILABLE_AT_FIRST).min(direct);
                        let count = self.read_direct(&mut room(data, *filled, wanted)[..wanted], 1, patience)?;
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

    /// What there is of a chunk whose rest did not come in time.
    fn last_before<B: ByteBuffer>(
        &mut self,
        failure: Failure,
        size: usize,
        patience: Patience<'_>,
    ) -> Result<B, Failure> {
        let Next::Data(len) = self.next_body(0, size)? else { return Err(failure) };
        let data = self.take(len, 0, patience)?;
        self.failure = Some(failure);
        Ok(data)
    }

    /// How much room to make for `direct` bytes: large arrays cost more to make than to fill, so no more than what waits.
    fn useful(&mut self, direct: usize, patience: Patience<'_>) -> usize {
        if patience.blocking || direct <= AVAILABLE_AT_FIRST {
            return direct;
        }
        self.stream.waiting().map_or(direct, |waiting| waiting.clamp(AVAILABLE_AT_FIRST, direct))
    }

    /// `buffered` bytes of the input, and up to `direct` bytes read straight behind them.
    fn take<B: ByteBuffer>(&mut self, buffered: usize, direct: usize, patience: Patience<'_>) -> Result<B, Failure> {
        let mut data = B::with_len(buffered + direct);
        let mut filled = buffered;
        data.as_mut_slice()[..buffered].copy_from_slice(&self.input.bytes()[..buffered]);
        self.input.consume(buffered);
        if direct > 0 {
            match self.read_direct(&mut data.as_mut_slice()[buffered..], direct, patience) {
                Ok(count) => filled += count,
                Err(failure) if buffered > 0 => self.failure = Some(failure),
                Err(failure) => return Err(failure),
            }
            data.set_len(filled);
        }
        if filled > 0 {
            self.settle();
        }
        Ok(data)
    }

    /// Reads body past the input into `buffer`. Blocking waits until there are `least` bytes. Says how many came.
    fn read_direct(&mut self, buffer: &mut [u8], least: usize, patience: Patience<'_>) -> Result<usize, Failure> {
        let mut filled = 0;
        let mut noted = 0;
        let mut result = Ok(());
        while filled < buffer.len() && self.ended.is_none() && result.is_ok() {
            match self.stream.read(&mut buffer[filled..]) {
                Ok(0) => self.ended = Some(Ended::Cleanly),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if filled >= least || !patience.blocking {
                        break;
                    }
                    if filled > noted {
                        self.touch();
                        noted = filled;
                    }
                    result = self.check_timeout(patience).and_then(|()| self.sleep(patience));
                }
                Err(error) => self.ended = Some(Ended::With(error)),
            }
        }
        if filled > noted {
            self.touch();
        } else if filled == 0 && result.is_ok() && self.ended.is_none() {
            result = self.check_timeout(patience);
        }
        self.connection.advance(filled);
        match result {
            Err(failure) if filled > 0 => self.failure = Some(failure),
            result => result?,
        }
        Ok(filled)
    }

    /// Reads once into the input. Says whether to look at it again: something came, or the stream ended.
    fn fill_input(&mut self, patience: Patience<'_>) -> Result<bool, Failure> {
        loop {
            match self.input.fill(&mut *self.stream, self.connection.wanted()) {
                Ok(0) => self.ended = Some(Ended::Cleanly),
                Ok(_) => self.touch(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.check_timeout(patience)?;
                    if patience.blocking {
                        self.sleep(patience)?;
                        continue;
                    }
                    return Ok(false);
                }
                Err(error) => self.ended = Some(Ended::With(error)),
            }
            return Ok(true);
        }
    }

    fn next_body(&mut self, whole: usize, most: usize) -> Result<Next, Failure> {
        let step = self.connection.next_body(self.input.bytes(), whole, most);
        match step.map_err(|error| Failure::Lost(error.to_string()))? {
            BodyStep::Data { skip, len } => {
                self.input.consume(skip);
                Ok(Next::Data(len))
            }
            BodyStep::NeedMore { skip } => {
                self.input.consume(skip);
                Ok(Next::Missing)
            }
            BodyStep::Done { skip } => {
                self.input.consume(skip);
                self.finish();
                Ok(Next::Over)
            }
        }
    }

    /// Bytes were given out: if they were the last, the body ends now and not with another, empty, read.
    fn settle(&mut self) {
        let is_over_with_stream = self.connection.ends_with_connection()
            && self.input.is_empty()
            && matches!(self.ended, Some(Ended::Cleanly));
        let settled = if is_over_with_stream { self.end_body() } else { self.next_body(0, 0).map(drop) };
        if let Err(failure) = settled {
            self.failure = Some(failure);
        }
    }

    /// The stream ended and the input is used up: that ends the body, or cuts it short.
    fn end_body(&mut self) -> Result<(), Failure> {
        let until_close = self.connection.ends_with_connection();
        let ended = self.connection.end(self.input.bytes());
        match (&self.ended, ended) {
            (Some(Ended::With(error)), Ok(())) if until_close => {
                Err(Failure::Lost(format!("the connection broke in the middle of the body: {}", describe(error))))
            }
            (Some(Ended::Cleanly), Ok(())) if until_close && self.write_error.is_some() => {
                let error = self.write_error.take().map(|error| describe(&error)).unwrap_or_default();
                Err(Failure::Lost(format!("the connection broke in the middle of the body: {error}")))
            }
            (Some(Ended::With(error)), Err(cut_short)) => {
                Err(Failure::Lost(format!("{cut_short} ({})", describe(error))))
            }
            (_, Err(cut_short)) => Err(Failure::Lost(cut_short.to_string())),
            (_, Ok(())) => {
                self.finish();
                Ok(())
            }
        }
    }

    /// The failure that the last call found behind the bytes it gave out.
    fn raise_failure(&mut self) -> Result<(), Failure> {
        match self.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}

/// What the input holds of the body.
enum Next {
    /// This many bytes at its start.
    Data(usize),
    /// Not enough.
    Missing,
    /// The body is over.
    Over,
}

/// The part of `data` behind its first `filled` bytes, with room for at least `wanted` more.
fn room<B: ByteBuffer>(data: &mut B, filled: usize, wanted: usize) -> &mut [u8] {
    let len = data.as_mut_slice().len();
    if len == 0 {
        *data = B::with_len(wanted);
    } else if len < filled + wanted {
        data.set_len((filled + wanted).max(len * 2).min(AVAILABLE.max(filled + wanted)));
    }
    &mut data.as_mut_slice()[filled..]
}
