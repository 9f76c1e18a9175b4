//! Where a body goes: into memory, to a task's owner piece by piece, through the parser of events, or to the disk.

use std::sync::Arc;

use crate::events::{Limits, Parser, Reconnection};
use crate::failure::Failure;
use crate::part::PartFile;
use crate::response::{Buffer, ResultCode};
use crate::task::{Notice, Shared};

/// See the module.
pub(crate) enum Sink<B> {
    /// All of it is kept.
    Memory(Memory<B>),
    /// It is given out as it comes.
    Chunks,
    /// So are the events in it.
    Events(Box<EventStream>),
    /// It becomes a file.
    File(Box<PartFile>),
}

/// A body in memory.
pub(crate) struct Memory<B> {
    body: B,
    filled: usize,
    /// The last read filled all that it could.
    comes_fast: bool,
    /// How long the body will be; none if that is not known.
    expected: Option<u64>,
    limit: Option<u64>,
}

/// A stream of events, over any number of responses.
pub(crate) struct EventStream {
    pub(crate) parser: Parser,
    pub(crate) reconnection: Reconnection,
    /// One response was a stream: the task goes on until it is ended.
    pub(crate) was_opened: bool,
    /// A response that is a stream is being read.
    pub(crate) is_open: bool,
}

/// Up to so many bytes are made room for at once if the server says that they will come: more than most bodies have, less than what it
/// can have many calls hold by its word alone.
const WHOLE: usize = 64 << 10;
/// What is made room for ahead of a body that comes fast, in bytes. Room is filled with zeros first, so it takes memory while nothing comes:
/// one that comes slowly has none, and what is read of it is copied to its place.
const AHEAD: usize = 256 << 10;
/// What is parsed at once, in bytes: all events in it are given out, however many they are.
const OF_EVENTS: usize = 16 << 10;

impl<B: Buffer> Sink<B> {
    /// Takes in what `read` puts into the room that it is given, and says how much that was. `scratch` is room of the worker's.
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
                    // A copy, so that small chunks do not each hold a large array.
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

    /// Whether its owner takes what it is given, so that it can be too much.
    pub(crate) fn is_given_out(&self) -> bool {
        matches!(self, Self::Chunks | Self::Events(_))
    }

    /// How much its decoder may make; none if it is no matter how much.
    pub(crate) fn limit(&self) -> Option<u64> {
        match self {
            Self::Memory(memory) => memory.limit,
            _ => None,
        }
    }

    /// The body, if it is kept, at its end.
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

    /// Begins anew, with a body that will have this length if it is known.
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

    /// Makes room for just this, behind all that there is.
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

    /// A response with a stream came.
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

    /// Receives what there is room for.
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
