//! Blocking mode: sleeping, on top of connections that never wait, until there is something to do or the client is closed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use http_net::{Ready, Wait};

/// How long to sleep where the system has no file descriptors left to wait with.
const NAP: Duration = Duration::from_millis(1);

/// Has calls sleep, each of them by itself: a client's own, and those that wait for its bytes. It takes no file descriptors before the first
/// time.
#[derive(Debug, Default)]
pub(crate) struct Driver {
    /// For the next calls that sleep.
    spare: Mutex<Vec<Bed>>,
}

/// What one call sleeps on at a time.
#[derive(Debug)]
struct Bed {
    ready: Ready,
    /// Wakes who sleeps there, or the next one.
    waker: Waker,
}

/// A call that is about to sleep.
#[derive(Debug)]
pub(crate) struct Sleeper {
    bed: Bed,
    wait: Wait,
}

/// Tells the calls on one connection that their client was closed.
#[derive(Debug, Default)]
pub(crate) struct Cancel {
    is_set: AtomicBool,
    /// Of all calls that sleep.
    wakers: Mutex<Vec<Waker>>,
}

impl Driver {
    /// Sleeps until something of what `fill` asks for has happened, or `cancel` is set.
    pub(crate) fn wait(&self, cancel: &Cancel, now: Instant, fill: impl FnOnce(&mut Wait)) {
        self.sleep(self.prepare(cancel, fill), cancel, now);
    }

    /// What `fill` asks for. None where the system has no file descriptors left. To be given to [`sleep`](Self::sleep) in any case.
    pub(crate) fn prepare(&self, cancel: &Cancel, fill: impl FnOnce(&mut Wait)) -> Option<Sleeper> {
        let bed = lock(&self.spare).pop().or_else(Bed::new)?;
        let mut wait = Wait::new(&bed.waker);
        fill(&mut wait);
        lock(&cancel.wakers).push(bed.waker.clone());
        Some(Sleeper { bed, wait })
    }

    pub(crate) fn sleep(&self, sleeper: Option<Sleeper>, cancel: &Cancel, now: Instant) {
        let Some(Sleeper { bed, wait }) = sleeper else { return thread::sleep(NAP) };
        // Whoever sets it later finds the waker.
        if !cancel.is_set() && bed.ready.wait(&wait, now).is_err() {
            thread::sleep(NAP);
        }
        lock(&cancel.wakers).retain(|waker| !waker.will_wake(&bed.waker));
        lock(&self.spare).push(bed);
    }
}

impl Bed {
    fn new() -> Option<Self> {
        let ready = Ready::new().ok()?;
        Some(Self { waker: ready.waker(), ready })
    }
}

impl Cancel {
    pub(crate) fn set(&self) {
        self.is_set.store(true, Ordering::SeqCst);
        lock(&self.wakers).iter().for_each(Waker::wake_by_ref);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::SeqCst)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
