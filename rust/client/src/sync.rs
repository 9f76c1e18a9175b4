//! The lock of the [`gate`](crate::gate), in a separate file: tests/gate_model.rs replaces it with one that tries every order of threads.

pub(crate) use std::sync::{Mutex, MutexGuard};

/// Returns a number that identifies the calling thread.
pub(crate) fn this_thread() -> usize {
    thread_local! {
        static HERE: u8 = const { 0 };
    }
    HERE.with(|here| std::ptr::from_ref(here) as usize)
}
