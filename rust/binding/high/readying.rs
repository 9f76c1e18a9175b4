//! One thread at a time makes a session ready, and the others wait. The engine may print an error meanwhile, and the script that is told of it
//! may be the one that asks for the next request: that thread does not wait for itself.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// See the module. No lock is held while a session is made ready.
#[derive(Default)]
pub(crate) struct Readying {
    /// The thread that does it now.
    thread: Mutex<Option<ThreadId>>,
    over: Condvar,
}

/// Lets the next thread in when it goes.
pub(crate) struct Turn<'a>(&'a Readying);

impl Readying {
    /// Waits until no other thread is in. None if this one is.
    pub(crate) fn enter(&self) -> Option<Turn<'_>> {
        let this = thread::current().id();
        let mut inside = self.lock();
        while let Some(thread) = *inside {
            if thread == this {
                return None;
            }
            inside = self.over.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
        *inside = Some(this);
        Some(Turn(self))
    }

    fn lock(&self) -> MutexGuard<'_, Option<ThreadId>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
        self.0.over.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn threads_come_in_one_by_one_and_none_waits_for_itself() {
        let (readying, inside, entered) = (Readying::default(), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        let turn = readying.enter();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        assert!(turn.is_some() && readying.enter().is_none());
                        entered.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(entered.load(Ordering::SeqCst), 800);
        assert!(readying.enter().is_some());
    }
}
