//! zstd: frame behind frame, with windows up to 8 MiB.

use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

use super::chain::{Moved, Unpack};
use super::{Coding, DecodeError};

pub(super) struct Zstd {
    /// None if there was no memory for it.
    context: Option<DCtx<'static>>,
    /// The last frame was whole, and all of it was given out.
    is_between: bool,
    /// The last call filled its room, so there may be more to give out without more input.
    has_filled_room: bool,
}

/// 8 MiB (RFC 9659 §3).
const WINDOW_BITS: u32 = 23;

impl Default for Zstd {
    fn default() -> Self {
        let mut context = DCtx::try_create();
        if let Some(made) = &mut context
            && made.set_parameter(DParameter::WindowLogMax(WINDOW_BITS)).is_err()
        {
            context = None;
        }
        Self { context, is_between: true, has_filled_room: false }
    }
}

impl Unpack for Zstd {
    fn unpack(&mut self, input: &[u8], room: &mut [u8]) -> Result<Moved, DecodeError> {
        let Some(context) = &mut self.context else { return Err(DecodeError::WindowTooLarge) };
        // The library takes calls that have nothing to do for a loop without an end, and fails.
        if input.is_empty() && (self.is_between || !self.has_filled_room) {
            return Ok(Moved::default());
        }
        let most = room.len();
        let (mut from, mut to) = (InBuffer::around(input), OutBuffer::around(room));
        let left = context.decompress_stream(&mut to, &mut from).map_err(|code| match get_error_name(code) {
            "Frame requires too much memory for decoding" => DecodeError::WindowTooLarge,
            _ => DecodeError::Damaged(Coding::Zstd),
        })?;
        self.is_between = left == 0;
        self.has_filled_room = to.pos() == most;
        Ok(Moved { read: from.pos, written: to.pos() })
    }

    fn may_end(&self) -> bool {
        self.is_between
    }
}
