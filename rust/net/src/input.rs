//! Received bytes that are not used yet.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::transport::Stream;

/// The size of one read, in bytes. It is large enough that the cost of system calls does not matter, and small enough for the cache of the
/// processor.
const READ: usize = 64 * 1024;
/// The maximum number of buffers that a context keeps for the next reads of its links.
const SPARE: usize = 16;
/// The maximum number of remaining bytes that are moved to a smaller buffer while more bytes are awaited.
const LEFT_OVER: usize = READ / 4;

/// Unused buffers. They are empty: data of one connection never gets to another one.
#[derive(Default)]
pub(crate) struct SpareBuffers(Mutex<Vec<Vec<u8>>>);

impl SpareBuffers {
    fn take(&self) -> Option<Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, buffer: Vec<u8>) {
        let mut spare = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.len() == READ && spare.len() < SPARE {
            spare.push(buffer);
        }
    }
}

/// A buffer that is filled from a stream at its end and consumed at its start. An empty one uses no memory, so an idle client needs none.
#[derive(Default)]
pub(crate) struct Input {
    /// Received bytes are in `start..end`. The rest is free, unless the buffer is shorter than a read.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// The end of the part that was written to since the buffer was taken.
    used: usize,
    /// The place where buffers are taken from and returned to. `None` if this input allocates its own.
    spare: Option<Arc<SpareBuffers>>,
}

impl Input {
    /// Creates an empty input that takes its buffer from `spare`.
    pub(crate) fn with(spare: Arc<SpareBuffers>) -> Self {
        Self { buffer: Vec::new(), start: 0, end: 0, used: 0, spare: Some(spare) }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Returns the same bytes for decryption in place.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Drops the first `count` bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.end - self.start);
        self.start = (self.start + count).min(self.end);
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Reads once from `stream`. `wanted` is the number of bytes that are needed in total. Returns how many bytes were read. 0 means the end
    /// of the stream.
    pub(crate) fn fill(&mut self, stream: &mut dyn Stream, wanted: usize) -> io::Result<usize> {
        self.make_room(wanted);
        let received = stream.read(&mut self.buffer[self.end..]);
        match received {
            Ok(count) => {
                self.end += count;
                self.used = self.used.max(self.end);
            }
            Err(_) => self.shrink(),
        }
        received
    }

    /// Releases the memory that its bytes do not need, while more are awaited.
    pub(crate) fn shrink(&mut self) {
        if self.is_empty() {
            return self.release();
        }
        if self.buffer.len() < READ || self.bytes().len() > LEFT_OVER {
            return;
        }
        let left = self.bytes().to_vec();
        let end = left.len();
        self.give_back();
        (self.buffer, self.start, self.end) = (left, 0, end);
    }

    /// Returns whether the last read filled the buffer, so that more data may be waiting.
    pub(crate) fn is_full(&self) -> bool {
        self.end == self.buffer.len()
    }

    /// Releases the memory if the buffer is empty.
    pub(crate) fn release(&mut self) {
        if self.is_empty() && !self.buffer.is_empty() {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let used = std::mem::take(&mut self.used);
        if let Some(spare) = &self.spare {
            buffer[..used].fill(0);
            spare.keep(buffer);
        }
    }

    fn make_room(&mut self, wanted: usize) {
        let held = self.end - self.start;
        if self.buffer.len() < READ {
            let spare = self.spare.as_ref().and_then(|spare| spare.take());
            let left = std::mem::replace(&mut self.buffer, spare.unwrap_or_else(|| vec![0; READ]));
            self.buffer[..held].copy_from_slice(&left[self.start..self.end]);
            (self.start, self.end, self.used) = (0, held, held);
        }
        if self.start > 0 && (self.is_full() || self.start + wanted > self.buffer.len()) {
            self.buffer.copy_within(self.start..self.end, 0);
            self.start = 0;
            self.end = held;
        }
        // Grows only if one element, such as a head or a chunk, is larger than a read, and only with what has arrived: a server can announce
        // a large chunk and send it byte by byte.
        let needed = wanted.min(2 * held).max(held + 1);
        if needed > self.buffer.len() {
            self.buffer.resize(needed.max(self.buffer.len() * 2), 0);
        }
    }
}

/// Does not print the received data.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Input({} bytes)", self.bytes().len())
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.start = 0;
        self.end = 0;
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Probe;

    struct Endless;

    impl Stream for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(7);
            Ok(buffer.len())
        }
        fn write(&mut self, _: &[u8], _: &[u8]) -> io::Result<usize> {
            Ok(0)
        }
        fn probe(&mut self) -> io::Result<Probe> {
            Ok(Probe::Data)
        }
    }

    /// Returns one byte, and notes how much space there was for it.
    struct Byte {
        offered: usize,
    }

    impl Stream for Byte {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.offered = buffer.len();
            buffer[0] = 7;
            Ok(1)
        }
        fn write(&mut self, _: &[u8], _: &[u8]) -> io::Result<usize> {
            Ok(0)
        }
        fn probe(&mut self) -> io::Result<Probe> {
            Ok(Probe::Data)
        }
    }

    struct Quiet;

    impl Stream for Quiet {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }
        fn write(&mut self, _: &[u8], _: &[u8]) -> io::Result<usize> {
            Ok(0)
        }
        fn probe(&mut self) -> io::Result<Probe> {
            Ok(Probe::Quiet)
        }
    }

    #[test]
    fn bytes_move_only_when_there_is_no_room_behind_them() {
        let mut input = Input::default();
        input.fill(&mut Endless, 1).unwrap();
        assert!(input.is_full());
        input.consume(READ - 10);
        assert_eq!(input.fill(&mut Endless, 100).unwrap(), READ - 10);
        assert_eq!(input.bytes().len(), READ);
    }

    #[test]
    fn the_debug_form_of_what_was_received_is_its_length() {
        let mut input = Input::default();
        input.fill(&mut Endless, 1).unwrap();
        assert_eq!(format!("{input:?}"), format!("Input({READ} bytes)"));
    }

    #[test]
    fn a_larger_element_makes_the_buffer_grow_with_what_came() {
        let mut input = Input::default();
        let mut reads = 0;
        while input.bytes().len() < 256 * READ {
            input.fill(&mut Endless, 256 * READ).unwrap();
            reads += 1;
        }
        assert!(reads <= 10, "{reads}");
    }

    #[test]
    fn what_is_only_announced_takes_no_room() {
        let mut input = Input::default();
        for held in 0..100 {
            assert_eq!(input.bytes().len(), held);
            let mut byte = Byte { offered: 0 };
            input.fill(&mut byte, 256 * READ).unwrap();
            assert!(byte.offered <= READ, "{} for {held}", byte.offered);
            assert!(input.fill(&mut Quiet, 256 * READ).is_err());
            assert!(input.buffer.capacity() <= 2 * (held + 1));
        }
    }

    #[test]
    fn an_empty_buffer_gives_its_memory_back() {
        let mut input = Input::default();
        input.fill(&mut Endless, 1).unwrap();
        input.consume(READ);
        input.release();
        assert_eq!(input.buffer.capacity(), 0);
    }

    #[test]
    fn what_is_left_while_more_is_awaited_keeps_no_more_memory_than_it_needs() {
        let spare = Arc::new(SpareBuffers::default());
        let mut input = Input::with(spare.clone());
        input.fill(&mut Endless, 1).unwrap();
        input.consume(READ - 10);
        assert!(input.fill(&mut Quiet, 1).is_err());
        assert_eq!((input.buffer.capacity(), input.bytes()), (10, &[7; 10][..]));
        assert_eq!(spare.take().map(|buffer| buffer.iter().all(|&byte| byte == 0)), Some(true), "it is to be had");
        input.consume(3);
        assert_eq!(input.fill(&mut Endless, 1).unwrap(), READ - 7);
        assert_eq!(input.bytes(), [7; READ]);
    }

    #[test]
    fn what_one_connection_received_is_in_no_buffer_of_the_next() {
        let spare = Arc::new(SpareBuffers::default());
        let mut input = Input::with(spare.clone());
        input.fill(&mut Endless, 1).unwrap();
        input.consume(READ);
        input.release();
        assert_eq!(spare.take().map(|buffer| buffer.iter().all(|&byte| byte == 0)), Some(true));
    }
}
