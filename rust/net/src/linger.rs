//! What streams took before they were dropped, on its way out. A system sends what a socket holds after its program has closed it; what a
//! stream holds itself, as TLS does, is sent from here in the same way.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::lanes::lock;
use crate::ready::{Interest, Ready, Wait};
use crate::resolve::Clock;
use crate::transport::{NAP, Stream, write_some};

/// How long a peer has to take the rest.
const PATIENCE: Duration = Duration::from_secs(15);
/// Streams that are sent on at a time. With one more, the one that has waited longest for its peer loses its rest: peers that take nothing
/// are not in the way of others.
const MOST: usize = 64;

/// The rests of the streams of one context.
pub(crate) struct Linger {
    clock: Clock,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// For the thread to take over.
    new: Vec<Rest>,
    /// In all, with those that the thread has.
    count: usize,
    /// Of the thread, while there is one.
    waker: Option<std::task::Waker>,
}

struct Rest {
    stream: Box<dyn Stream>,
    bytes: Vec<u8>,
    sent: usize,
    until: Option<Instant>,
}

impl Linger {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, shared: Arc::default() }
    }

    /// Has `bytes` sent through `stream`, which is then closed. Returns at once.
    pub(crate) fn send(&self, stream: Box<dyn Stream>, bytes: Vec<u8>) {
        let rest = Rest { stream, bytes, sent: 0, until: (self.clock)().checked_add(PATIENCE) };
        let mut shared = lock(&self.shared);
        shared.count += 1;
        shared.new.push(rest);
        let too_many = shared.take_too_many();
        match &shared.waker {
            Some(waker) => {
                waker.wake_by_ref();
                drop(shared);
            }
            None => self.start_thread(shared),
        }
        // What lies below may be a stream whose own rest comes here.
        drop(too_many);
    }

    fn start_thread(&self, mut shared: std::sync::MutexGuard<'_, Shared>) {
        let (clock, of_thread) = (self.clock.clone(), self.shared.clone());
        let started = Ready::new().and_then(|ready| {
            shared.waker = Some(ready.waker());
            let work = move || send_rests(&clock, &of_thread, ready);
            thread::Builder::new().name("HTTPClientRust".to_owned()).spawn(work)
        });
        if started.is_err() {
            // The system has no thread or file descriptor left.
            let lost = std::mem::take(&mut *shared);
            drop(shared);
            drop(lost);
        }
    }
}

impl Shared {
    /// Takes those that are too many even if the thread had none.
    fn take_too_many(&mut self) -> Vec<Rest> {
        let too_many = self.new.len().saturating_sub(MOST);
        self.count -= too_many;
        self.new.drain(..too_many).collect()
    }
}

impl fmt::Debug for Linger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linger").field("count", &lock(&self.shared).count).finish()
    }
}

/// What the thread does, until there is nothing left to send.
fn send_rests(clock: &Clock, shared: &Mutex<Shared>, mut ready: Ready) {
    let mut rests: Vec<Rest> = Vec::new();
    loop {
        let now = clock();
        let (left, done) = rests.into_iter().partition(|rest: &Rest| !rest.is_done(now));
        rests = left;
        drop::<Vec<_>>(done);
        let mut place = lock(shared);
        let new = std::mem::take(&mut place.new);
        place.count = (rests.len() + new.len()).min(MOST);
        if place.count == 0 {
            place.waker = None;
            return;
        }
        drop(place);
        rests.extend(new);
        // The first have waited longest.
        let too_many = rests.len().saturating_sub(MOST);
        drop(rests.drain(..too_many));
        rests.iter_mut().for_each(Rest::send);
        if rests.iter().any(|rest| rest.is_done(now)) {
            continue;
        }
        let mut wait = Wait::new(&ready.waker());
        for rest in &rests {
            rest.stream.wait_for(Interest::Write, &mut wait);
            rest.until.iter().for_each(|&until| wait.until(until));
        }
        if ready.wait(&wait, now).is_err() {
            thread::sleep(NAP);
        }
    }
}

impl Rest {
    fn send(&mut self) {
        let sending = catch_unwind(AssertUnwindSafe(|| {
            while self.sent < self.bytes.len() {
                match write_some(&mut *self.stream, &self.bytes[self.sent..], &[]) {
                    Ok(count) => self.sent += count,
                    Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
                }
            }
            true
        }));
        if !sending.unwrap_or(false) {
            self.sent = self.bytes.len();
        }
    }

    fn is_done(&self, now: Instant) -> bool {
        self.sent >= self.bytes.len() || self.until.is_some_and(|until| now >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{self, MemoryStream};

    #[test]
    fn peers_that_take_nothing_are_not_in_the_way_of_one_that_does() {
        let linger = Linger::new(Arc::new(Instant::now));
        let send = |room: usize| -> MemoryStream {
            let (near, far) = memory::pair(room);
            linger.send(Box::new(near), vec![7; 100]);
            far
        };
        let takes_nothing: Vec<_> = (0..3 * MOST).map(|_| send(10)).collect();
        let takes_all = send(1000);
        // It waits for the thread, which has 15 seconds before it gives the others up.
        let mut came = takes_all.take();
        for _ in 0..500 {
            if came.len() == 100 {
                break;
            }
            thread::sleep(Duration::from_millis(10));
            came.extend(takes_all.take());
        }
        assert_eq!(came.len(), 100);
        drop(takes_nothing);
    }
}
