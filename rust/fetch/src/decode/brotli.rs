//! Brotli, with windows up to 16 MiB. The large-window extension is not a part of the coding (RFC 7932 §9.1).

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::chain::{Moved, Unpack};
use super::{Coding, DecodeError};

pub(super) struct Brotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    is_done: bool,
}

impl Default for Brotli {
    fn default() -> Self {
        let alloc = StandardAlloc::default;
        Self { state: BrotliState::new_strict(alloc(), alloc(), alloc()), is_done: false }
    }
}

impl Unpack for Brotli {
    fn unpack(&mut self, input: &[u8], room: &mut [u8]) -> Result<Moved, DecodeError> {
        if self.is_done {
            return Ok(Moved::default());
        }
        let (mut in_left, mut read) = (input.len(), 0);
        let (mut room_left, mut written) = (room.len(), 0);
        let mut total = 0;
        let result = BrotliDecompressStream(
            &mut in_left,
            &mut read,
            input,
            &mut room_left,
            &mut written,
            room,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure => return Err(DecodeError::Damaged(Coding::Brotli)),
            BrotliResult::ResultSuccess => self.is_done = true,
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
        }
        Ok(Moved { read, written })
    }

    fn may_end(&self) -> bool {
        self.is_done
    }
}
