//! zstd: one or more frames, with windows up to 8 MiB.

use zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

use super::chain::{Moved, Unpack};
use super::{Coding, DecodeError};

pub(super) struct Zstd {
    /// `None` if there was not enough memory.
    context: Option<DCtx<'static>>,
    /// Whether the last frame was complete and all of its data was returned.
    is_between: bool,
    /// Whether the last call filled its buffer. There can be more output without more input.
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
        // The library fails if it is called without anything to do, because it takes this for an endless loop.
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
