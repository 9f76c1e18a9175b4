//! deflate: zlib, or the same data without the zlib header. The first two bytes tell which.

use flate2::Decompress;

use super::chain::{Moved, Unpack};
use super::gzip::inflated;
use super::{Coding, DecodeError};

#[derive(Default)]
pub(super) struct Deflate {
    state: State,
}

#[derive(Default)]
enum State {
    /// Nothing yet.
    #[default]
    Start,
    /// One byte, which is not enough to tell.
    First(u8),
    /// The first two bytes, and how many of them were passed to the decoder.
    Header(Decompress, [u8; 2], usize),
    In(Decompress),
    /// Data after the end is skipped, as in browsers.
    Behind,
}

impl Unpack for Deflate {
    fn unpack(&mut self, input: &[u8], room: &mut [u8]) -> Result<Moved, DecodeError> {
        match &mut self.state {
            State::Start => {
                let [first, ..] = input else { return Ok(Moved::default()) };
                self.state = State::First(*first);
                Ok(Moved { read: 1, written: 0 })
            }
            State::First(first) => {
                let [second, ..] = input else { return Ok(Moved::default()) };
                let header = [*first, *second];
                self.state = State::Header(Decompress::new(is_zlib(header)), header, 0);
                Ok(Moved { read: 1, written: 0 })
            }
            State::Header(inflate, header, fed) => {
                let (moved, is_end) = inflated(inflate, &header[*fed..], room, Coding::Deflate)?;
                *fed += moved.read;
                if *fed == header.len() || is_end {
                    self.state = match std::mem::replace(&mut self.state, State::Behind) {
                        State::Header(inflate, ..) if !is_end => State::In(inflate),
                        _ => State::Behind,
                    };
                } else if moved == Moved::default() {
                    return Err(DecodeError::Damaged(Coding::Deflate));
                }
                // These two bytes were already counted as read.
                let moved = Moved { read: 0, ..moved };
                if moved.written > 0 { Ok(moved) } else { self.unpack(input, room) }
            }
            State::In(inflate) => {
                let (moved, is_end) = inflated(inflate, input, room, Coding::Deflate)?;
                if is_end {
                    self.state = State::Behind;
                }
                Ok(moved)
            }
            State::Behind => Ok(Moved { read: input.len(), written: 0 }),
        }
    }

    fn may_end(&self) -> bool {
        matches!(self.state, State::Behind)
    }
}

/// Returns whether this is a zlib header (RFC 1950 §2.2): the method is deflate, and the check bits are right.
fn is_zlib([first, second]: [u8; 2]) -> bool {
    first & 0x0f == 8 && first >> 4 <= 7 && (u16::from(first) << 8 | u16::from(second)).is_multiple_of(31)
}
