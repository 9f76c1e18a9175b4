//! The array that the last read gave out, used again for the next one once the script has dropped it.
//!
//! A new array costs as much as reading into it: the engine finds memory for it and fills it with zeros. A script that drops
//! each chunk before it reads the next, as most do, needs one array for a whole body, and all its clients need the same one.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use godot::builtin::PackedByteArray;

/// Lengths of which an array is worth keeping, in bytes. New ones below are cheap; those above would hold much memory.
const LENGTHS: std::ops::RangeInclusive<usize> = 8 << 10..=4 << 20;

/// How many reads do without after one whose script had kept its array: getting hold of that one has copied it.
const AFTER_A_COPY: u32 = 64;

static SPARE: Mutex<Option<Spare>> = Mutex::new(None);
static TO_SKIP: AtomicU32 = AtomicU32::new(0);

struct Spare(PackedByteArray);

// SAFETY: its memory is shared with a script's array by an atomic count of references, and copied before it is written if that
// count says so.
unsafe impl Send for Spare {}

/// The spare array with this length and any contents, if there is one and nobody else has it.
pub(crate) fn take(length: usize) -> Option<PackedByteArray> {
    if !LENGTHS.contains(&length) || is_to_be_skipped() {
        return None;
    }
    let Spare(mut array) = lock().take()?;
    let at = array.as_slice().as_ptr();
    if array.as_mut_slice().as_ptr() != at {
        TO_SKIP.store(AFTER_A_COPY, Ordering::Relaxed);
    }
    if array.len() != length {
        array.resize(length);
    }
    Some(array)
}

/// Remembers an array that is given out now, or was not needed.
pub(crate) fn keep(array: &PackedByteArray) {
    if LENGTHS.contains(&array.len()) && TO_SKIP.load(Ordering::Relaxed) == 0 {
        *lock() = Some(Spare(array.clone()));
    }
}

/// Gives the memory back.
pub(crate) fn release() {
    let spare = lock().take();
    drop(spare);
}

fn is_to_be_skipped() -> bool {
    TO_SKIP.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

fn lock() -> MutexGuard<'static, Option<Spare>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}
