//! Reuses the array that the last read returned, once the script has dropped it.
//!
//! A new array costs as much as reading into it: the engine allocates memory and fills it with zeros. Most scripts drop each
//! chunk before they read the next. They need one array for a whole body, and all clients can share it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use godot::builtin::PackedByteArray;

/// The lengths of arrays that are worth keeping, in bytes. Shorter arrays are cheap to create, and longer ones would hold much
/// memory.
const LENGTHS: std::ops::RangeInclusive<usize> = 8 << 10..=4 << 20;

/// How many reads skip the spare array after one read found that the script had kept it. Taking such an array copies it.
const AFTER_A_COPY: u32 = 64;

static SPARE: Mutex<Option<Spare>> = Mutex::new(None);
static TO_SKIP: AtomicU32 = AtomicU32::new(0);

struct Spare(PackedByteArray);

// SAFETY: the array shares its memory with a script's array by an atomic reference count. If the memory is shared, a write copies
// it first.
unsafe impl Send for Spare {}

/// Takes the spare array and gives it this length. Its contents are arbitrary. None if there is no spare array, or this read
/// skips it. An array that the script still has is copied.
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

/// Remembers an array that is returned to a script now, or that was not needed.
pub(crate) fn keep(array: &PackedByteArray) {
    if LENGTHS.contains(&array.len()) && TO_SKIP.load(Ordering::Relaxed) == 0 {
        *lock() = Some(Spare(array.clone()));
    }
}

/// Frees the spare array.
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
