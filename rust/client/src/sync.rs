//! The lock that the [`gate`](crate::gate) is built on, in a file of its own: tests/gate_model.rs puts one in its place that tries
//! every order of threads.

pub(crate) use std::sync::{Mutex, MutexGuard};

/// Tells the calling thread from every other.
pub(crate) fn this_thread() -> usize {
    thread_local! {
        static HERE: u8 = const { 0 };
    }
    HERE.with(|here| std::ptr::from_ref(here) as usize)
}
