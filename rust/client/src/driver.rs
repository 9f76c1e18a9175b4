//! Blocking mode: sleeps on connections that themselves never block, until there is something to do or the client is closed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use http_net::{Pause, Wait};

/// How long to sleep if the system has no file descriptors left for a wait.
const NAP: Duration = Duration::from_millis(1);

/// Lets calls sleep independently of each other: the client's own calls, and those that wait for its raw bytes. It uses no file descriptors
/// before the first sleep.
#[derive(Debug, Default)]
pub(crate) struct Driver {
    /// Kept for the next call that sleeps, while the client is in use.
    spare: Mutex<Option<Bed>>,
}

/// What one call at a time sleeps on.
#[derive(Debug)]
struct Bed {
    pause: Pause,
    /// Wakes the call that sleeps on it, or the next one.
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
    /// The wakers of all sleeping calls.
    wakers: Mutex<Vec<Waker>>,
}

impl Driver {
    /// Sleeps until something that `fill` adds happens, or `cancel` is set.
    pub(crate) fn wait(&self, cancel: &Cancel, now: Instant, fill: impl FnOnce(&mut Wait)) {
        self.sleep(self.prepare(cancel, fill), cancel, now);
    }

    /// Prepares a sleep with what `fill` adds to the wait. Returns `None` if the system has no file descriptors left. Pass the result to
    /// [`sleep`](Self::sleep) in any case.
    pub(crate) fn prepare(&self, cancel: &Cancel, fill: impl FnOnce(&mut Wait)) -> Option<Sleeper> {
        let spare = lock(&self.spare).take();
        let bed = spare.or_else(Bed::new)?;
        let mut wait = Wait::new(&bed.waker);
        fill(&mut wait);
        lock(&cancel.wakers).push(bed.waker.clone());
        Some(Sleeper { bed, wait })
    }

    pub(crate) fn sleep(&self, sleeper: Option<Sleeper>, cancel: &Cancel, now: Instant) {
        let Some(Sleeper { mut bed, wait }) = sleeper else { return thread::sleep(NAP) };
        // If it is set later, the waker has already been added.
        if !cancel.is_set() && bed.pause.wait(&wait, now).is_err() {
            thread::sleep(NAP);
        }
        lock(&cancel.wakers).retain(|waker| !waker.will_wake(&bed.waker));
        let mut spare = lock(&self.spare);
        // If it is set later, the closing call releases the spare.
        let extra = if cancel.is_set() { Some(bed) } else { spare.replace(bed) };
        drop(spare);
        drop(extra);
    }

    /// Releases the file descriptors. Calls that still sleep release their own.
    pub(crate) fn rest(&self) {
        let spare = lock(&self.spare).take();
        drop(spare);
    }
}

impl Bed {
    fn new() -> Option<Self> {
        let pause = Pause::new().ok()?;
        Some(Self { waker: pause.waker(), pause })
    }
}

impl Cancel {
    pub(crate) fn set(&self) {
        self.is_set.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Returns whether a call sleeps or is about to sleep.
    pub(crate) fn has_sleepers(&self) -> bool {
        !lock(&self.wakers).is_empty()
    }

    /// Wakes all sleeping calls, so that they check the connection again.
    pub(crate) fn wake(&self) {
        lock(&self.wakers).iter().for_each(Waker::wake_by_ref);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set.load(Ordering::SeqCst)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn has_spare(driver: &Driver) -> bool {
        lock(&driver.spare).is_some()
    }

    #[test]
    fn what_a_call_slept_on_is_kept_for_the_next_and_given_back_at_the_end() {
        let (driver, cancel, now) = (Driver::default(), Cancel::default(), Instant::now());
        driver.wait(&cancel, now, Wait::now);
        driver.wait(&cancel, now, Wait::now);
        assert!(has_spare(&driver));
        driver.rest();
        assert!(!has_spare(&driver));
    }

    #[test]
    fn a_call_that_is_woken_by_the_end_leaves_nothing_behind() {
        let (driver, cancel) = (Arc::new(Driver::default()), Arc::new(Cancel::default()));
        let sleeping = driver.prepare(&cancel, |_| {});
        let sleeper = thread::spawn({
            let (driver, cancel) = (driver.clone(), cancel.clone());
            move || driver.sleep(sleeping, &cancel, Instant::now())
        });
        cancel.set();
        driver.rest();
        sleeper.join().expect("no panic");
        assert!(!has_spare(&driver));
    }
}
