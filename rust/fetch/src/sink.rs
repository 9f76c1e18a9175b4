//! The destination of a body: memory, the owner of a task in chunks, the event parser, or the disk.

use std::sync::Arc;

use crate::events::{Limits, Parser, Reconnection};
use crate::failure::Failure;
use crate::part::PartFile;
use crate::response::{Buffer, ResultCode};
use crate::task::{Notice, Shared};

/// See the module.
pub(crate) enum Sink<B> {
    /// The whole body is kept in memory.
    Memory(Memory<B>),
    /// The body is passed on as it arrives.
    Chunks,
    /// The events in the body are passed on as they arrive.
    Events(Box<EventStream>),
    /// The body is written to a file.
    File(Box<PartFile>),
}

/// A body in memory.
pub(crate) struct Memory<B> {
    body: B,
    filled: usize,
    /// Whether the last read filled its whole buffer.
    comes_fast: bool,
    /// The length of the body. `None` if it is not known.
    expected: Option<u64>,
    limit: Option<u64>,
}

/// An event stream, over any number of responses.
pub(crate) struct EventStream {
    pub(crate) parser: Parser,
    pub(crate) reconnection: Reconnection,
    /// Whether any response was a stream. If so, the stream is requested again after its connection ends.
    pub(crate) was_opened: bool,
    /// Whether a response that is a stream is being read.
    pub(crate) is_open: bool,
}

/// The maximum number of bytes that are allocated at once for a body of known length. Most bodies fit, and a server cannot make many calls
/// allocate much memory by its announcement alone.
const WHOLE: usize = 64 << 10;
/// The number of bytes that are allocated ahead of a body that arrives fast. The memory is filled with zeros first, so it would be in use
/// while nothing arrives. A body that arrives slowly has no memory ahead: its data is copied from the scratch buffer.
const AHEAD: usize = 256 << 10;
/// The number of bytes that are parsed at once. All events in them are passed on, however many there are.
const OF_EVENTS: usize = 16 << 10;

impl<B: Buffer> Sink<B> {
    /// Stores the bytes that `read` writes to its buffer, and returns their number. `scratch` is the buffer of the worker.
    pub(crate) fn fill(
        &mut self,
        scratch: &mut [u8],
        task: &Arc<Shared<B>>,
        read: impl FnOnce(&mut [u8]) -> Result<usize, Failure>,
    ) -> Result<usize, Failure> {
        match self {
            Self::Memory(memory) => memory.fill(scratch, read),
            Self::File(part) => part.fill(scratch, read),
            Self::Chunks => {
                let count = read(scratch)?;
                if count > 0 {
                    // Copy the data, so that a small chunk does not hold a large array.
                    let mut chunk = B::with_len(count);
                    chunk.as_mut_slice().copy_from_slice(&scratch[..count]);
                    task.tell(Notice::Chunk(chunk));
                }
                Ok(count)
            }
            Self::Events(stream) => {
                let scratch = &mut scratch[..OF_EVENTS];
                let count = read(scratch)?;
                let mut input = &scratch[..count];
                while let Some(event) = stream.parser.next(&mut input)? {
                    task.tell(Notice::Event(event));
                }
                if let Some(retry) = stream.parser.take_retry() {
                    stream.reconnection.set_retry(retry);
                }
                Ok(count)
            }
        }
    }

    /// Returns whether the owner of the task takes the data, so that too much can wait for it.
    pub(crate) fn is_given_out(&self) -> bool {
        matches!(self, Self::Chunks | Self::Events(_))
    }

    /// Returns the maximum output of the decoder. `None` means no limit.
    pub(crate) fn limit(&self) -> Option<u64> {
        match self {
            Self::Memory(memory) => memory.limit,
            _ => None,
        }
    }

    /// Returns the complete body, or an empty one if it is not kept in memory.
    pub(crate) fn take_body(&mut self) -> B {
        match self {
            Self::Memory(memory) => memory.take(),
            _ => B::with_len(0),
        }
    }
}

impl<B: Buffer> Memory<B> {
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Self { body: B::with_len(0), filled: 0, comes_fast: false, expected: None, limit }
    }

    /// Starts a new body. `expected` is its length, if it is known.
    pub(crate) fn begin(&mut self, expected: Option<u64>) -> Result<(), Failure> {
        *self = Self { expected, ..Self::new(self.limit) };
        match (self.limit, expected) {
            (Some(limit), Some(expected)) if expected > limit => Err(over(limit)),
            _ => Ok(()),
        }
    }

    fn fill(
        &mut self,
        scratch: &mut [u8],
        read: impl FnOnce(&mut [u8]) -> Result<usize, Failure>,
    ) -> Result<usize, Failure> {
        let most = self.expected.or(self.limit.map(|limit| limit.saturating_add(1)));
        let left =
            most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(self.filled));
        if self.filled == self.body.as_slice().len() {
            if self.expected.is_some() && self.filled == 0 && left <= WHOLE {
                self.body = B::with_len(left);
            } else if self.comes_fast {
                self.body.set_len(self.filled + AHEAD.min(left));
            }
        }
        let (from, scratch_len) = (self.filled, scratch.len().min(left));
        let ahead = self.body.as_slice().len() - from;
        let count = if ahead > 0 {
            let count = read(&mut self.body.as_mut_slice()[from..])?;
            self.comes_fast = count == AHEAD;
            count
        } else {
            let count = read(&mut scratch[..scratch_len])?;
            self.append(&scratch[..count]);
            self.comes_fast = count == scratch.len();
            count
        };
        self.filled += count;
        match self.limit {
            Some(limit) if self.filled as u64 > limit => Err(over(limit)),
            _ => Ok(count),
        }
    }

    /// Appends the bytes, and allocates exactly as much as they need.
    fn append(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.filled {
            0 => self.body = B::with_len(bytes.len()),
            filled => self.body.set_len(filled + bytes.len()),
        }
        self.body.as_mut_slice()[self.filled..].copy_from_slice(bytes);
    }

    fn take(&mut self) -> B {
        let mut body = std::mem::replace(&mut self.body, B::with_len(0));
        if body.as_slice().len() > self.filled {
            body.set_len(self.filled);
        }
        self.filled = 0;
        body
    }
}

fn over(limit: u64) -> Failure {
    let sentence = format!("the body has more than {limit} bytes, which is the limit (body_size_limit)");
    Failure::new(ResultCode::BodySizeLimitExceeded, sentence)
}

impl EventStream {
    pub(crate) fn new() -> Self {
        Self {
            parser: Parser::new(Limits::default(), ""),
            reconnection: Reconnection::default(),
            was_opened: false,
            is_open: false,
        }
    }

    /// Starts a new response that is a stream.
    pub(crate) fn open(&mut self) {
        let last_id = self.parser.last_id().to_owned();
        self.parser = Parser::new(Limits::default(), &last_id);
        self.reconnection.opened();
        (self.was_opened, self.is_open) = (true, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fills the buffer with as many of the bytes as fit.
    fn fill(memory: &mut Memory<Vec<u8>>, bytes: &[u8]) -> Result<usize, Failure> {
        memory.fill(&mut vec![0; AHEAD], |room| {
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            Ok(count)
        })
    }

    #[test]
    fn a_body_in_memory_takes_the_room_that_it_needs_and_is_as_long_as_what_came() {
        for expected in [None, Some(100), Some(1_000_000)] {
            let mut memory = Memory::<Vec<u8>>::new(None);
            memory.begin(expected).unwrap();
            let body: Vec<u8> = (0..expected.unwrap_or(1_000_000) as u32).map(|at| at as u8).collect();
            let mut at = 0;
            while at < body.len() {
                at += fill(&mut memory, &body[at..]).unwrap();
            }
            assert_eq!(memory.take(), body);
        }
    }

    #[test]
    fn a_server_that_announces_much_makes_no_room_for_it() {
        let mut memory = Memory::<Vec<u8>>::new(None);
        memory.begin(Some(1 << 40)).unwrap();
        fill(&mut memory, b"x").unwrap();
        assert_eq!(memory.body.len(), 1);
    }

    #[test]
    fn a_body_that_comes_slowly_has_no_room_ahead_of_it_however_long_it_is() {
        for expected in [None, Some(1 << 30)] {
            let mut memory = Memory::<Vec<u8>>::new(None);
            memory.begin(expected).unwrap();
            for _ in 0..100 {
                fill(&mut memory, &[0; 16 << 10]).unwrap();
                assert_eq!(fill(&mut memory, b"").unwrap(), 0);
                assert_eq!(memory.body.len(), memory.filled);
            }
        }
    }

    #[test]
    fn a_body_that_comes_fast_is_received_in_its_place_until_it_slows_down() {
        let mut memory = Memory::<Vec<u8>>::new(None);
        memory.begin(None).unwrap();
        let whole = vec![0; AHEAD];
        for reads in 1..10 {
            assert_eq!(fill(&mut memory, &whole).unwrap(), AHEAD);
            assert_eq!(memory.body.len(), reads * AHEAD);
        }
        fill(&mut memory, &whole[1..]).unwrap();
        assert_eq!(memory.body.len() - memory.filled, 1, "there was room for all of it");
        fill(&mut memory, b"x").unwrap();
        fill(&mut memory, b"x").unwrap();
        assert_eq!(memory.body.len(), memory.filled);
    }

    #[test]
    fn a_body_of_as_many_bytes_as_the_limit_is_taken_and_one_of_more_is_not() {
        for (len, fits) in [(100, true), (101, false)] {
            let mut memory = Memory::<Vec<u8>>::new(Some(100));
            assert_eq!(memory.begin(Some(len)).is_ok(), fits);
            memory.begin(None).unwrap();
            assert_eq!(fill(&mut memory, &vec![0; len as usize]).is_ok(), fits);
        }
    }
}
