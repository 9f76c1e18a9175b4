//! One thread at a time makes a session ready, and the others wait. Meanwhile, the engine may run code of a script, which may make a
//! request of its own with the same session or another one. So a thread does not wait if the threads would then wait for each other.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// See the module. No lock is held while a session is made ready.
pub(crate) struct Readying(u64);

/// When this is dropped, the next thread can enter.
pub(crate) struct Turn<'a>(&'a Readying);

/// The threads that have entered or wait, for all sessions together. A thread can have entered several sessions, and waits for at most one.
#[derive(Default)]
struct Threads {
    inside: HashMap<u64, ThreadId>,
    waiting: HashMap<ThreadId, u64>,
}

/// Locked only for moments.
static THREADS: LazyLock<Mutex<Threads>> = LazyLock::new(Mutex::default);
static OVER: Condvar = Condvar::new();

impl Threads {
    /// Returns whether `thread` is `other` or waits for it, directly or through more threads. This ends, because no thread starts to wait
    /// for itself.
    fn waits_for(&self, mut thread: ThreadId, other: ThreadId) -> bool {
        while thread != other {
            let next = self.waiting.get(&thread).and_then(|number| self.inside.get(number));
            let Some(next) = next else { return false };
            thread = *next;
        }
        true
    }
}

impl Default for Readying {
    fn default() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

impl Readying {
    /// Waits until no other thread is inside. Returns `None` if this thread is inside already, or if the thread inside waits for this one.
    pub(crate) fn enter(&self) -> Option<Turn<'_>> {
        let this = thread::current().id();
        let mut threads = lock();
        while let Some(inside) = threads.inside.get(&self.0) {
            if threads.waits_for(*inside, this) {
                return None;
            }
            threads.waiting.insert(this, self.0);
            threads = OVER.wait(threads).unwrap_or_else(PoisonError::into_inner);
            threads.waiting.remove(&this);
        }
        threads.inside.insert(self.0, this);
        Some(Turn(self))
    }
}

fn lock() -> MutexGuard<'static, Threads> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        lock().inside.remove(&self.0.0);
        OVER.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;

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

    #[test]
    fn threads_that_would_wait_for_each_other_in_a_circle_do_not_wait() {
        for count in 2..5 {
            let sessions: Vec<_> = (0..count).map(|_| Readying::default()).collect();
            let (all_are_in, refused) = (Barrier::new(count), AtomicUsize::new(0));
            thread::scope(|scope| {
                for number in 0..count {
                    let (sessions, all_are_in, refused) = (&sessions, &all_are_in, &refused);
                    scope.spawn(move || {
                        let _own = sessions[number].enter().unwrap();
                        all_are_in.wait();
                        // A script that runs meanwhile does this.
                        let others = sessions[(number + 1) % count].enter();
                        refused.fetch_add(usize::from(others.is_none()), Ordering::SeqCst);
                    });
                }
            });
            assert_eq!(refused.load(Ordering::SeqCst), 1, "of {count}, the one that would have closed the circle");
            assert!(sessions.iter().all(|session| session.enter().is_some()));
        }
    }

    #[test]
    fn a_thread_that_is_in_waits_for_another_session_if_nothing_waits_for_it() {
        let (first, second) = (Readying::default(), Readying::default());
        thread::scope(|scope| {
            let turn = second.enter().unwrap();
            let waiting = scope.spawn(|| {
                let _own = first.enter().unwrap();
                second.enter().is_some()
            });
            while !lock().waiting.contains_key(&waiting.thread().id()) {
                thread::yield_now();
            }
            drop(turn);
            assert!(waiting.join().unwrap());
        });
    }
}
