//! Locks that are passed on whatever happened under them.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a lock, also one that somebody panicked under: all that ours guard is whole between two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
