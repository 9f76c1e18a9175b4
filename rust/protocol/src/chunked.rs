//! Decodes the chunked transfer coding (RFC 9112 §7.1) without copying the input.

use std::ops::Range;

use crate::error::{Excerpt, PeerError};
use crate::fields::{Fields, trim_whitespace};
use crate::{head, limits};

/// Decodes one chunked body.
#[derive(Debug)]
pub(crate) struct ChunkedDecoder {
    state: State,
    /// The number of body bytes that have been returned.
    delivered: u64,
    trailers: Fields,
    /// The number of bytes that the trailer section may still use.
    trailer_budget: usize,
}

#[derive(Debug)]
enum State {
    /// A chunk-size line comes next.
    Size,
    /// `left` bytes of the chunk come next. `left` is never 0.
    Data { left: u64, started: bool },
    /// The data of the chunk has ended; CR LF comes next.
    DataEnd,
    /// The last chunk has been read; trailer lines and an empty line come next.
    Trailers,
    /// The body has ended.
    Done,
}

/// The meaning of the next bytes of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Skip `skip` bytes; the next `len` bytes are body data.
    Data { skip: usize, len: usize },
    /// Skip `skip` bytes; what follows has not arrived completely.
    NeedMore { skip: usize },
    /// Skip `skip` bytes; the body has ended.
    Done { skip: usize },
}

impl ChunkedDecoder {
    pub(crate) fn new(trailer_budget: usize) -> Self {
        Self { state: State::Size, delivered: 0, trailers: Fields::default(), trailer_budget }
    }

    /// Examines `input` and returns what to do with its first bytes. A chunk of up to `whole` bytes is returned in one piece, after all of
    /// it has arrived. A larger chunk is returned in pieces of up to `most` bytes.
    pub(crate) fn step(&mut self, input: &[u8], whole: usize, most: usize) -> Result<Step, PeerError> {
        let mut skip = 0;
        loop {
            let rest = &input[skip..];
            match self.state {
                State::Size => {
                    let Some(line) = line(rest, |line| PeerError::ChunkSize { line })? else {
                        return Ok(Step::NeedMore { skip });
                    };
                    skip += line.len() + 2;
                    let size = chunk_size(line)?;
                    let total = self.delivered.checked_add(size).filter(|&total| total <= limits::BODY_BYTES);
                    if total.is_none() {
                        return Err(PeerError::ChunkSize { line: Excerpt::line(line) });
                    }
                    self.state = match size {
                        0 => State::Trailers,
                        left => State::Data { left, started: false },
                    };
                }
                State::Data { left, started } => {
                    let arrived = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    let in_one_piece = !started && left <= whole as u64;
                    let len = if in_one_piece { arrived } else { arrived.min(most) };
                    if len == 0 || (in_one_piece && (arrived as u64) < left) {
                        return Ok(Step::NeedMore { skip });
                    }
                    self.advance(len);
                    return Ok(Step::Data { skip, len });
                }
                State::DataEnd => match rest {
                    [] | [b'\r'] => return Ok(Step::NeedMore { skip }),
                    [b'\r', b'\n', ..] => {
                        skip += 2;
                        self.state = State::Size;
                    }
                    _ => return Err(PeerError::ChunkEnd { seen: Excerpt::start(&rest[..rest.len().min(2)]) }),
                },
                State::Trailers => {
                    let Some(line) = line(rest, |line| PeerError::Field { line })? else {
                        return Ok(Step::NeedMore { skip });
                    };
                    skip += line.len() + 2;
                    self.trailer_budget =
                        self.trailer_budget.checked_sub(line.len() + 2).ok_or(PeerError::HeaderTooLarge)?;
                    if line.is_empty() {
                        self.state = State::Done;
                    } else {
                        head::parse_trailer(line, &mut self.trailers)?;
                    }
                }
                State::Done => return Ok(Step::Done { skip }),
            }
        }
    }

    /// Returns the range of the next chunk in `input`, if it has at most `whole` bytes and another chunk begins after it. In all other
    /// cases the result is `None`, nothing changes, and [`step`](Self::step) must decide.
    pub(crate) fn held_chunk(&mut self, input: &[u8], whole: usize) -> Option<Range<usize>> {
        let (start, size) = match (&self.state, input) {
            (State::Data { left, started: false }, _) => (0, *left),
            (State::Size, _) | (State::DataEnd, [b'\r', b'\n', ..]) => {
                let skip = if matches!(self.state, State::Size) { 0 } else { 2 };
                let line = line(&input[skip..], |line| PeerError::ChunkSize { line }).ok()??;
                (skip + line.len() + 2, chunk_size(line).ok()?)
            }
            _ => return None,
        };
        let size = usize::try_from(size).ok().filter(|size| (1..=whole).contains(size))?;
        let end = start.checked_add(size)?;
        let [b'\r', b'\n', b'1'..=b'9' | b'a'..=b'f' | b'A'..=b'F', ..] = input.get(end..)? else { return None };
        let delivered = self.delivered.checked_add(size as u64).filter(|&total| total <= limits::BODY_BYTES)?;
        self.delivered = delivered;
        self.state = State::DataEnd;
        Some(start..end)
    }

    /// Returns how many bytes of the chunk can be read directly to their destination, bypassing the input. This is the rest of a chunk that
    /// is returned in pieces, and otherwise 0.
    pub(crate) fn direct(&self, whole: usize) -> u64 {
        match self.state {
            State::Data { left, started } if started || left > whole as u64 => left,
            _ => 0,
        }
    }

    /// Notes that `len` bytes of the chunk were returned.
    pub(crate) fn advance(&mut self, len: usize) {
        let State::Data { left, .. } = self.state else { return };
        let left = left.saturating_sub(len as u64);
        self.delivered = self.delivered.saturating_add(len as u64);
        self.state = if left == 0 { State::DataEnd } else { State::Data { left, started: true } };
    }

    /// Returns how many bytes the input must contain before the next step can succeed, as far as that is known.
    pub(crate) fn wanted(&self) -> usize {
        match self.state {
            State::Data { left, started: false } => usize::try_from(left).unwrap_or(usize::MAX),
            _ => 1,
        }
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.delivered
    }

    pub(crate) fn take_trailers(&mut self) -> Fields {
        std::mem::take(&mut self.trailers)
    }
}

/// Returns the first line of `input` without its CR LF, or `None` if its end has not arrived. Only CR LF ends a line, and a tab is the only
/// control character allowed in it: differences between lenient readers make smuggling possible.
fn line(input: &[u8], malformed: impl Fn(Excerpt) -> PeerError) -> Result<Option<&[u8]>, PeerError> {
    const LONGEST: usize = limits::CHUNKED_LINE_BYTES;
    let visible = &input[..input.len().min(LONGEST + 2)];
    let Some(end) = visible.iter().position(|&byte| byte == b'\n') else {
        return if visible.len() == LONGEST + 2 { Err(PeerError::ChunkedLineTooLong) } else { Ok(None) };
    };
    let is_clean = |line: &[u8]| line.iter().all(|&byte| byte == b'\t' || !byte.is_ascii_control());
    match visible[..end].strip_suffix(b"\r") {
        Some(line) if is_clean(line) => Ok(Some(line)),
        _ => Err(malformed(Excerpt::start(&visible[..=end]))),
    }
}

/// Returns the size in a chunk-size line: hexadecimal digits, white space that some servers add, and an extension, which is ignored.
fn chunk_size(line: &[u8]) -> Result<u64, PeerError> {
    let malformed = || PeerError::ChunkSize { line: Excerpt::line(line) };
    let digits = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    let after = trim_whitespace(&line[digits..]);
    if digits == 0 || digits > limits::CHUNK_SIZE_DIGITS || !(after.is_empty() || after[0] == b';') {
        return Err(malformed());
    }
    let size = line[..digits].iter().fold(0, |size, &digit| {
        let value = char::from(digit).to_digit(16).unwrap_or_default();
        size << 4 | u64::from(value)
    });
    if size > limits::BODY_BYTES { Err(malformed()) } else { Ok(size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_size_is_hexadecimal_with_an_optional_extension() {
        for (line, size) in [("0", 0), ("a", 10), ("FF", 255), ("5;a=b", 5), ("5 ; x", 5), ("5\t", 5)] {
            assert_eq!(chunk_size(line.as_bytes()), Ok(size), "{line:?}");
        }
        for line in ["", ";", " 5", "5 5", "0x5", "g", "00000000000000005", "8000000000000000", "5x"] {
            assert!(chunk_size(line.as_bytes()).is_err(), "{line:?}");
        }
    }

    #[test]
    fn a_chunk_that_fits_waits_until_all_of_it_is_there() {
        let mut decoder = ChunkedDecoder::new(100);
        assert_eq!(decoder.step(b"5\r\nhel", 5, 5), Ok(Step::NeedMore { skip: 3 }));
        assert_eq!(decoder.wanted(), 5);
        assert_eq!(decoder.step(b"hello", 5, 5), Ok(Step::Data { skip: 0, len: 5 }));
        assert_eq!(decoder.step(b"\r\n0\r\n\r\nX", 5, 5), Ok(Step::Done { skip: 7 }));
    }

    #[test]
    fn a_chunk_that_is_held_with_another_behind_it_is_what_a_step_would_give() {
        let wire = b"3\r\nabc\r\n2;x=y\r\nde\r\n5\r\nfghij\r\n0\r\nA: b\r\n\r\n";
        for whole in [1, 2, 3, 5, 100] {
            for end in 0..=wire.len() {
                let (mut plain, mut quick) = (ChunkedDecoder::new(100), ChunkedDecoder::new(100));
                let (mut at, mut found) = ((0, 0), (Vec::new(), Vec::new()));
                while let Ok(Step::Data { skip, len }) = plain.step(&wire[at.0..end], whole, whole) {
                    found.0.push(&wire[at.0 + skip..at.0 + skip + len]);
                    at.0 += skip + len;
                }
                loop {
                    let before = format!("{quick:?}");
                    if let Some(chunk) = quick.held_chunk(&wire[at.1..end], whole) {
                        found.1.push(&wire[at.1 + chunk.start..at.1 + chunk.end]);
                        at.1 += chunk.end;
                        continue;
                    }
                    assert_eq!(format!("{quick:?}"), before, "none changes nothing");
                    let Ok(Step::Data { skip, len }) = quick.step(&wire[at.1..end], whole, whole) else { break };
                    found.1.push(&wire[at.1 + skip..at.1 + skip + len]);
                    at.1 += skip + len;
                }
                assert_eq!(found.0, found.1, "{end} {whole}");
                assert_eq!(plain.delivered(), quick.delivered());
            }
        }
    }

    #[test]
    fn a_chunk_is_held_only_if_it_cannot_be_the_last_and_is_well_formed() {
        for wire in ["3\r\nabc\r\n0\r\n\r\n", "3\r\nabc\r\n", "3\r\nabcX\n5", "3\r\nab", "0\r\n\r\n1", "g\r\n", "3", ""]
        {
            assert_eq!(ChunkedDecoder::new(100).held_chunk(wire.as_bytes(), 100), None, "{wire:?}");
        }
        assert_eq!(ChunkedDecoder::new(100).held_chunk(b"3\r\nabc\r\n1", 100), Some(3..6));
        assert_eq!(
            ChunkedDecoder::new(100).held_chunk(b"3\r\nabc\r\n1", 2),
            None,
            "larger than what is given out in one piece"
        );
    }

    #[test]
    fn a_larger_chunk_comes_in_pieces() {
        let mut decoder = ChunkedDecoder::new(100);
        assert_eq!(decoder.step(b"5\r\nhel", 4, 4), Ok(Step::Data { skip: 3, len: 3 }));
        assert_eq!(decoder.direct(4), 2);
        decoder.advance(2);
        assert_eq!(decoder.direct(4), 0);
        assert_eq!(decoder.step(b"\r\n", 4, 4), Ok(Step::NeedMore { skip: 2 }));
    }
}
