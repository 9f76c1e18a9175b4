//! Sends the data that streams accepted before they were dropped. The system sends the data that a socket holds after the program has
//! closed it. This module does the same for data that a stream itself holds, as TLS does.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::lanes::lock;
use crate::pause::Pause;
use crate::ready::{Interest, Wait};
use crate::resolve::Clock;
use crate::transport::{NAP, Stream, write_some};

/// How long a peer has to receive the rest.
const PATIENCE: Duration = Duration::from_secs(15);
/// The maximum number of streams at a time. If there are more, the stream that has waited longest loses its data, so that peers that
/// receive nothing do not block others.
const MOST: usize = 64;

/// The unsent data of the dropped streams of one context.
pub(crate) struct Linger {
    clock: Clock,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// Streams that the thread has not taken over yet.
    new: Vec<Rest>,
    /// The number of all streams, including those of the thread.
    count: usize,
    /// The waker of the thread, while there is one.
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

    /// Sends `bytes` through `stream` in the background, and then closes it. Returns immediately.
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
        // Drop these streams without the lock: a stream below one of them may call this function in turn.
        drop(too_many);
    }

    fn start_thread(&self, mut shared: std::sync::MutexGuard<'_, Shared>) {
        let (clock, of_thread) = (self.clock.clone(), self.shared.clone());
        let started = Pause::new().and_then(|pause| {
            shared.waker = Some(pause.waker());
            let work = move || send_rests(&clock, &of_thread, pause);
            thread::Builder::new().name("HTTPClientRust".to_owned()).spawn(work)
        });
        if started.is_err() {
            // The system has no more threads or file descriptors.
            let lost = std::mem::take(&mut *shared);
            drop(shared);
            drop(lost);
        }
    }
}

impl Shared {
    /// Takes the streams that exceed the limit even without those of the thread.
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

/// The loop of the thread. It ends when there is nothing left to send.
fn send_rests(clock: &Clock, shared: &Mutex<Shared>, mut pause: Pause) {
    let _ending = Ending(shared);
    let mut rests: Vec<Rest> = Vec::new();
    loop {
        let now = clock();
        let (left, done) = rests.into_iter().partition(|rest: &Rest| !rest.is_done(now));
        rests = left;
        give_up(done);
        let mut place = lock(shared);
        let new = std::mem::take(&mut place.new);
        place.count = (rests.len() + new.len()).min(MOST);
        if place.count == 0 {
            place.waker = None;
            return;
        }
        drop(place);
        rests.extend(new);
        // The first streams have waited longest.
        let too_many = rests.len().saturating_sub(MOST);
        give_up(rests.drain(..too_many).collect());
        rests.iter_mut().for_each(Rest::send);
        let mut wait = Wait::new(&pause.waker());
        rests.iter_mut().for_each(|rest| rest.wait_for(&mut wait));
        if rests.iter().any(|rest| rest.is_done(now)) {
            continue;
        }
        if pause.wait(&wait, now).is_err() {
            thread::sleep(NAP);
        }
    }
}

/// Drops all streams, even if one of them panics: a stream can be any implementation.
fn give_up(rests: Vec<Rest>) {
    for rest in rests {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(rest)));
    }
}

/// Ends the thread. After a panic, the waiting streams are lost, and the next call of `send` starts another thread.
struct Ending<'a>(&'a Mutex<Shared>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let lost = std::mem::take(&mut *lock(self.0));
            give_up(lost.new);
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

    fn wait_for(&mut self, wait: &mut Wait) {
        self.until.iter().for_each(|&until| wait.until(until));
        if catch_unwind(AssertUnwindSafe(|| self.stream.wait_for(Interest::Write, wait))).is_err() {
            self.sent = self.bytes.len();
        }
    }

    fn is_done(&self, now: Instant) -> bool {
        self.sent >= self.bytes.len() || self.until.is_some_and(|until| now >= until)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::memory::{self, MemoryStream};
    use crate::transport::Probe;

    /// Much longer than any step of these tests takes.
    const LONG: Duration = Duration::from_secs(120);

    /// A stream that stores the written bytes, and panics in the call named by `panics_at`.
    struct Fragile {
        taken: Arc<Mutex<Vec<u8>>>,
        panics_at: &'static str,
    }

    impl Fragile {
        fn pass(&self, step: &str) {
            assert!(step != self.panics_at, "a test's own");
        }
    }

    impl Stream for Fragile {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }

        fn write(&mut self, head: &[u8], _: &[u8]) -> io::Result<usize> {
            self.pass("write");
            if self.panics_at == "wait_for" {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            lock(&self.taken).extend_from_slice(head);
            Ok(head.len())
        }

        fn probe(&mut self) -> io::Result<Probe> {
            Ok(Probe::Quiet)
        }

        fn wait_for(&self, _: Interest, wait: &mut Wait) {
            self.pass("wait_for");
            wait.ask_again(NAP);
        }
    }

    impl Drop for Fragile {
        fn drop(&mut self) {
            if !thread::panicking() {
                self.pass("drop");
            }
        }
    }

    fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
        let started = Instant::now();
        while !is_so() {
            assert!(started.elapsed() < LONG, "{what}");
            thread::yield_now();
        }
    }

    /// Sends `hello` through a stream, and returns where the written bytes are stored.
    fn send(linger: &Linger, panics_at: &'static str) -> Arc<Mutex<Vec<u8>>> {
        let taken = Arc::<Mutex<Vec<u8>>>::default();
        linger.send(Box::new(Fragile { taken: taken.clone(), panics_at }), b"hello".to_vec());
        taken
    }

    #[test]
    fn a_stream_that_panics_costs_nobody_else_the_rest_and_leaves_nothing_behind() {
        for panics_at in ["write", "wait_for", "drop"] {
            let linger = Linger::new(Arc::new(Instant::now));
            let lost = send(&linger, panics_at);
            let taken = send(&linger, "");
            wait_until(panics_at, || *lock(&taken) == b"hello");
            wait_until(panics_at, || Arc::strong_count(&lost) == 1 && lock(&linger.shared).count == 0);
        }
    }

    #[test]
    fn after_a_panic_of_the_thread_the_next_rest_is_sent_by_another() {
        let is_broken = Arc::new(AtomicBool::new(true));
        let (of_clock, here) = (is_broken.clone(), thread::current().id());
        let linger = Linger::new(Arc::new(move || {
            assert!(thread::current().id() == here || !of_clock.load(Ordering::SeqCst), "a test's own");
            Instant::now()
        }));
        let lost = send(&linger, "");
        wait_until("the thread ends", || Arc::strong_count(&lost) == 1);
        is_broken.store(false, Ordering::SeqCst);
        let taken = send(&linger, "");
        wait_until("another is started", || *lock(&taken) == b"hello");
    }

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
        // Waits for the thread, which abandons the other streams after 15 seconds.
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
