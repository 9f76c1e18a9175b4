//! Decompresses bodies with several codings, and applies the limits for all of them.

use super::brotli::Brotli;
use super::deflate::Deflate;
use super::gzip::Gzip;
use super::zstd::Zstd;
use super::{Coding, DecodeError};

/// Decompresses one body.
///
/// Call [`Decoder::step`] with the data that has arrived and was not read yet, until it returns [`State::NeedsInput`]. When the whole
/// body is in the input, call it with `is_last` until it returns [`State::Done`].
pub struct Decoder {
    /// Outermost first. It was applied last.
    stages: Vec<Stage>,
    limit: Option<u64>,
    /// How many bytes of the body were read.
    read: u64,
}

/// The result of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The number of input bytes that were read.
    pub read: usize,
    /// The number of body bytes at the start of `room`.
    pub written: usize,
    /// What to do next.
    pub state: State,
}

/// What a decoder is waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing: call again.
    Working,
    /// More of the body.
    NeedsInput,
    /// Nothing more: the body was complete, and all of it was returned.
    Done,
}

/// The number of bytes that a coding has read from its input and written to its buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) read: usize,
    pub(super) written: usize,
}

/// One coding.
pub(super) trait Unpack: Send {
    /// Reads and writes as much as possible. No progress is an error if there is input.
    fn unpack(&mut self, input: &[u8], room: &mut [u8]) -> Result<Moved, DecodeError>;

    /// Returns whether the input may end here.
    fn may_end(&self) -> bool;
}

struct Stage {
    coding: Coding,
    unpack: Box<dyn Unpack>,
    /// Output that the next stage has not read yet: `room[start..end]`. Empty for the last stage.
    room: Vec<u8>,
    start: usize,
    end: usize,
    /// Whether there was any input. Without input, the body is empty in every coding.
    had_input: bool,
    written: u64,
    is_done: bool,
}

/// The size of the buffer between two codings.
const ROOM: usize = 32 << 10;

/// The maximum number of bytes by which the data between two codings may exceed the final result. Data that was compressed twice for good
/// reasons is smaller in between than at the end. Other data only keeps the processor busy.
const MOST_BETWEEN: u64 = 1 << 20;

/// The maximum input of one step, so that the time for a step is limited even if it has no output.
const MOST_INPUT: usize = 256 << 10;

impl Decoder {
    /// Creates a decoder for a body with these codings, in the order in which they were applied. The result of each coding can have at
    /// most `limit` bytes. The body itself can have a little more, because data that cannot be compressed grows a little.
    pub fn new(codings: &[Coding], limit: Option<u64>) -> Self {
        let mut stages: Vec<Stage> = codings.iter().rev().map(|coding| Stage::new(*coding)).collect();
        if let Some(last) = stages.last_mut() {
            last.room = Vec::new();
        }
        Self { stages, limit, read: 0 }
    }

    /// Decompresses a part: reads from `input` and writes to the start of `room`, which must not be empty. `is_last` means that the body
    /// ends with `input`. Each coding processes only as much as fits into its buffer, so a step is always short.
    pub fn step(&mut self, input: &[u8], is_last: bool, room: &mut [u8]) -> Result<Step, DecodeError> {
        let (shown, is_last) = match input.get(..MOST_INPUT) {
            Some(start) if input.len() > MOST_INPUT => (start, false),
            _ => (input, is_last),
        };
        let Some(last) = self.stages.len().checked_sub(1) else { return Ok(copy(input, is_last, room)) };
        let mut step = Step { read: 0, written: 0, state: State::NeedsInput };
        for at in 0..=last {
            let (before, from) = self.stages.split_at_mut(at);
            let stage = &mut from[0];
            let (source, source_ends) = match before.last() {
                Some(stage) => (&stage.room[stage.start..stage.end], stage.is_done),
                None => (shown, is_last),
            };
            let moved =
                if at == last { stage.run(source, source_ends, room)? } else { stage.fill(source, source_ends)? };
            if let Some(limit) = self.limit.filter(|limit| stage.written > *limit) {
                return Err(DecodeError::TooLarge { limit });
            }
            let Some(moved) = moved else { continue };
            step.state = State::Working;
            match before.last_mut() {
                Some(stage) => stage.start += moved.read,
                None => step.read = moved.read,
            }
            if at == last {
                step.written = moved.written;
            }
        }
        self.read += step.read as u64;
        // A larger body contains padding, which can be endless: empty members, or data after the end.
        let most_read = |limit: u64| limit.saturating_add(limit / 16).saturating_add(MOST_BETWEEN);
        if self.limit.is_some_and(|limit| self.read > most_read(limit)) {
            return Err(DecodeError::Hollow);
        }
        let given = self.stages[last].written;
        if self.stages[..last].iter().any(|stage| stage.written > given.saturating_add(MOST_BETWEEN)) {
            return Err(DecodeError::Hollow);
        }
        if self.stages[last].is_done {
            step.state = State::Done;
        }
        Ok(step)
    }
}

impl Stage {
    fn new(coding: Coding) -> Self {
        let unpack: Box<dyn Unpack> = match coding {
            Coding::Gzip => Box::new(Gzip::default()),
            Coding::Deflate => Box::new(Deflate::default()),
            Coding::Brotli => Box::new(Brotli::default()),
            Coding::Zstd => Box::new(Zstd::default()),
        };
        Self { coding, unpack, room: vec![0; ROOM], start: 0, end: 0, had_input: false, written: 0, is_done: false }
    }

    /// Decodes into its own buffer when the buffer is empty.
    fn fill(&mut self, source: &[u8], source_ends: bool) -> Result<Option<Moved>, DecodeError> {
        if self.start < self.end {
            return Ok(None);
        }
        let mut room = std::mem::take(&mut self.room);
        let moved = self.run(source, source_ends, &mut room);
        self.room = room;
        (self.start, self.end) = (0, moved.as_ref().map_or(0, |moved| moved.unwrap_or_default().written));
        moved
    }

    /// Decodes into `room`. Returns `None` if there was nothing to do.
    fn run(&mut self, source: &[u8], source_ends: bool, room: &mut [u8]) -> Result<Option<Moved>, DecodeError> {
        if self.is_done || room.is_empty() {
            return Ok(None);
        }
        self.had_input |= !source.is_empty();
        let moved = if self.had_input { self.unpack.unpack(source, room)? } else { Moved::default() };
        self.written += moved.written as u64;
        if moved != Moved::default() {
            return Ok(Some(moved));
        }
        match (source.is_empty(), source_ends) {
            (true, true) if self.had_input && !self.unpack.may_end() => Err(DecodeError::Truncated(self.coding)),
            (true, true) => {
                self.is_done = true;
                Ok(Some(moved))
            }
            (true, false) => Ok(None),
            // There is input, but no progress.
            (false, _) => Err(DecodeError::Damaged(self.coding)),
        }
    }
}

/// Copies a body without codings.
fn copy(input: &[u8], is_last: bool, room: &mut [u8]) -> Step {
    let count = input.len().min(room.len());
    room[..count].copy_from_slice(&input[..count]);
    let state = match count {
        0 if is_last && input.is_empty() => State::Done,
        0 => State::NeedsInput,
        _ => State::Working,
    };
    Step { read: count, written: count, state }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let codings: Vec<Coding> = self.stages.iter().map(|stage| stage.coding).collect();
        f.debug_struct("Decoder").field("stages", &codings).field("limit", &self.limit).finish()
    }
}
