//! Blocking mode: sleeping, on top of connections that never wait, until there is something to do or the client is closed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use http_net::{Pause, Wait};

/// How long to sleep where the system has no file descriptors left to wait with.
const NAP: Duration = Duration::from_millis(1);

/// Has calls sleep, each of them by itself: a client's own, and those that wait for its bytes. It takes no file descriptors before the first
/// time.
#[derive(Debug, Default)]
pub(crate) struct Driver {
    /// For the next call that sleeps, while the client is used.
    spare: Mutex<Option<Bed>>,
}

/// What one call sleeps on at a time.
#[derive(Debug)]
struct Bed {
    pause: Pause,
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
        let spare = lock(&self.spare).take();
        let bed = spare.or_else(Bed::new)?;
        let mut wait = Wait::new(&bed.waker);
        fill(&mut wait);
        lock(&cancel.wakers).push(bed.waker.clone());
        Some(Sleeper { bed, wait })
    }

    pub(crate) fn sleep(&self, sleeper: Option<Sleeper>, cancel: &Cancel, now: Instant) {
        let Some(Sleeper { mut bed, wait }) = sleeper else { return thread::sleep(NAP) };
        // Whoever sets it later finds the waker.
        if !cancel.is_set() && bed.pause.wait(&wait, now).is_err() {
            thread::sleep(NAP);
        }
        lock(&cancel.wakers).retain(|waker| !waker.will_wake(&bed.waker));
        let mut spare = lock(&self.spare);
        // Whoever sets it later gives back what is spare.
        let extra = if cancel.is_set() { Some(bed) } else { spare.replace(bed) };
        drop(spare);
        drop(extra);
    }

    /// Gives the file descriptors back. Calls that still sleep do so themselves.
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
