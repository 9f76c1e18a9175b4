//! gzip: one or more members, each with its own checksum.

use flate2::{Decompress, FlushDecompress, Status};

use super::chain::{Moved, Unpack};
use super::{Coding, DecodeError};

#[derive(Default)]
pub(super) struct Gzip {
    state: State,
    /// Whether a member was complete.
    has_member: bool,
}

#[derive(Default)]
enum State {
    /// Before a member, or at the end.
    #[default]
    Between,
    In(Decompress),
    /// The data after the last member is not a member. Servers append line breaks and zeros. gzip itself and browsers skip them.
    Behind,
}

/// The first byte of every member.
const MAGIC: u8 = 0x1f;

/// The maximum window size, in bits. flate2 detects the gzip header.
const WINDOW_BITS: u8 = 15;

impl Unpack for Gzip {
    fn unpack(&mut self, input: &[u8], room: &mut [u8]) -> Result<Moved, DecodeError> {
        if let (State::Between, [first, ..]) = (&self.state, input) {
            self.state = match *first {
                MAGIC => State::In(Decompress::new_gzip(WINDOW_BITS)),
                _ if self.has_member => State::Behind,
                _ => return Err(DecodeError::Damaged(Coding::Gzip)),
            };
        }
        match &mut self.state {
            State::Between => Ok(Moved::default()),
            State::Behind => Ok(Moved { read: input.len(), written: 0 }),
            State::In(inflate) => {
                let (moved, is_end) = inflated(inflate, input, room, Coding::Gzip)?;
                if is_end {
                    (self.state, self.has_member) = (State::Between, true);
                }
                Ok(moved)
            }
        }
    }

    fn may_end(&self) -> bool {
        !matches!(self.state, State::In(_))
    }
}

/// Calls flate2 once. Returns whether its stream has ended.
pub(super) fn inflated(
    inflate: &mut Decompress,
    input: &[u8],
    room: &mut [u8],
    coding: Coding,
) -> Result<(Moved, bool), DecodeError> {
    let (read, written) = (inflate.total_in(), inflate.total_out());
    let status = inflate.decompress(input, room, FlushDecompress::None).map_err(|_| DecodeError::Damaged(coding))?;
    // Neither number exceeds the length of a slice.
    let moved = Moved { read: (inflate.total_in() - read) as usize, written: (inflate.total_out() - written) as usize };
    Ok((moved, status == Status::StreamEnd))
}
