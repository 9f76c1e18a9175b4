//! What a connection is waiting for, and the wait of a loop that drives many connections.

use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use socket2::Socket;

pub use crate::interest::Interest;
use crate::poller::{Events, Poller};

/// A socket that can be watched. It stays open as long as it is watched.
#[derive(Clone, Debug)]
pub struct Source(Arc<Socket>);

impl Source {
    pub(crate) fn new(socket: Arc<Socket>) -> Self {
        Self(socket)
    }

    #[cfg(unix)]
    pub(crate) fn socket(&self) -> &Socket {
        &self.0
    }

    /// Returns whether both are the same socket.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Collects what is being waited for. Pass it to the `wait_for` methods, then to [`Pause::wait`](crate::Pause::wait), or to a loop that
/// drives many connections.
#[derive(Debug)]
pub struct Wait {
    waker: Waker,
    sources: Vec<(Source, Interest)>,
    deadline: Option<Instant>,
    ready: bool,
    ask_again: Option<Duration>,
}

impl Wait {
    /// Creates an empty `Wait`. Workers whose result is awaited call `waker`.
    pub fn new(waker: &Waker) -> Self {
        Self { waker: waker.clone(), sources: Vec::new(), deadline: None, ready: false, ask_again: None }
    }

    /// Waits for a socket. A socket can be added again, for another interest too.
    pub(crate) fn socket(&mut self, source: Source, interest: Interest) {
        // Not every system can watch one socket twice.
        match self.sources.iter_mut().find(|(known, _)| known.is_same(&source)) {
            Some((_, known)) if *known != interest => *known = Interest::Both,
            Some(_) => {}
            None => self.sources.push((source, interest)),
        }
    }

    /// Waits at most until `deadline`. The earliest deadline counts.
    pub fn until(&mut self, deadline: Instant) {
        self.deadline = Some(self.deadline.map_or(deadline, |earlier| earlier.min(deadline)));
    }

    /// Notes that there is already something to do.
    pub fn now(&mut self) {
        self.ready = true;
    }

    /// Notes that something cannot be watched and must be asked again after this time.
    pub fn ask_again(&mut self, after: Duration) {
        self.ask_again = Some(self.ask_again.map_or(after, |sooner| sooner.min(after)));
    }

    /// Returns the waker that helper threads call.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Returns the sockets that are being waited for.
    pub fn sources(&self) -> &[(Source, Interest)] {
        &self.sources
    }

    /// Returns whether there is already something to do.
    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Returns whether only events of the system end the wait: nothing is ready yet, and everything can be watched.
    pub fn is_watched(&self) -> bool {
        !self.ready && self.ask_again.is_none() && !self.sources.is_empty()
    }

    /// Returns how long to sleep at most. `None` means no limit.
    pub fn longest(&self, now: Instant) -> Option<Duration> {
        if self.ready {
            return Some(Duration::ZERO);
        }
        let until_deadline = self.deadline.map(|deadline| deadline.saturating_duration_since(now));
        match (until_deadline, self.ask_again) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}

/// The wait of a loop: epoll, kqueue or IOCP, and a way for other threads to end it. Sockets stay registered between the waits. To wait for
/// different sockets each time, use [`Pause`](crate::Pause).
#[derive(Debug)]
pub struct Ready {
    sleeper: Arc<Sleeper>,
    events: Events,
}

/// The waiting thread, from the view of the threads that wake it.
#[derive(Debug)]
struct Sleeper {
    poller: Poller,
    /// One of the three states below. An awake thread need not be woken.
    state: AtomicU8,
}

const AWAKE: u8 = 0;
const ASLEEP: u8 = 1;
/// The waker was called since the thread was last awake: the thread does not fall asleep, or is being woken.
const WOKEN: u8 = 2;

impl Ready {
    /// Creates the wait. It uses up to three file descriptors.
    pub fn new() -> io::Result<Self> {
        let sleeper = Sleeper { poller: Poller::new()?, state: AtomicU8::new(AWAKE) };
        Ok(Self { sleeper: Arc::new(sleeper), events: Events::default() })
    }

    /// Returns a waker that ends the current wait, or the next one. Code that keeps the waker, such as a name lookup that hangs, does not
    /// keep file descriptors open.
    pub fn waker(&self) -> Waker {
        Waker::from(Arc::new(Notify(Arc::downgrade(&self.sleeper))))
    }

    /// Watches a socket until the result is dropped. Each [`Watch::rearm`] allows one event, which contains `key`. Returns an error if the
    /// socket is already being watched, or if `key` is `usize::MAX`, which the systems use themselves.
    pub fn watch(&self, source: &Source, interest: Interest, key: usize) -> io::Result<Watch> {
        if key == usize::MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.sleeper.poller.add(&source.0, interest, key)?;
        Ok(Watch { sleeper: self.sleeper.clone(), source: source.clone(), key })
    }

    /// Sleeps until a watched socket is ready, the waker was called, or `longest` has passed. `ready` receives the keys.
    pub fn wait_for_watches(&mut self, longest: Option<Duration>, ready: impl FnMut(usize)) -> io::Result<()> {
        let falls_asleep =
            self.sleeper.state.compare_exchange(AWAKE, ASLEEP, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        let longest = if falls_asleep { longest } else { Some(Duration::ZERO) };
        let waited = self.sleeper.poller.wait(&mut self.events, longest);
        // Calls of the waker from here on affect the next wait. This is a swap and not a store, so that everything that the last caller did
        // before its call is visible from here on.
        self.sleeper.state.swap(AWAKE, Ordering::SeqCst);
        match waited {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            waited => {
                waited?;
                self.events.keys().for_each(ready);
            }
        }
        Ok(())
    }
}

/// A watched socket. See [`Ready::watch`].
#[derive(Debug)]
pub struct Watch {
    sleeper: Arc<Sleeper>,
    source: Source,
    key: usize,
}

impl Watch {
    /// Asks for the next event.
    pub fn rearm(&self, interest: Interest) -> io::Result<()> {
        self.sleeper.poller.modify(&self.source.0, interest, self.key)
    }

    /// Returns the key of its events.
    pub fn key(&self) -> usize {
        self.key
    }

    /// Returns the socket.
    pub fn source(&self) -> &Source {
        &self.source
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // This fails if the system has already removed the socket.
        let _ = self.sleeper.poller.delete(&self.source.0);
    }
}

/// Ends the wait of a poller, if it still exists.
struct Notify(Weak<Sleeper>);

impl Wake for Notify {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let Some(sleeper) = self.0.upgrade() else { return };
        if sleeper.state.swap(WOKEN, Ordering::SeqCst) == ASLEEP {
            // If this fails, the wait still ends at its deadline.
            let _ = sleeper.poller.notify();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpStream;
    use std::thread;

    use super::*;
    use crate::loopback;

    const LONG: Duration = Duration::from_secs(60);

    fn pair() -> (Source, TcpStream) {
        let (near, far) = loopback::pair();
        (Source::new(Arc::new(near)), far)
    }

    #[test]
    fn a_waker_that_outlives_its_wait_keeps_no_file_descriptors() {
        let ready = Ready::new().unwrap();
        let (waker, poller) = (ready.waker(), Arc::downgrade(&ready.sleeper));
        drop(ready);
        assert!(poller.upgrade().is_none());
        waker.wake();
    }

    #[test]
    fn who_is_awake_when_it_is_woken_does_not_sleep_the_next_time_and_sleeps_the_time_after() {
        let mut ready = Ready::new().unwrap();
        let waker = ready.waker();
        waker.wake_by_ref();
        waker.wake_by_ref();
        ready.wait_for_watches(None, |_| unreachable!()).unwrap();
        let (source, mut far) = pair();
        let _watch = ready.watch(&source, Interest::Read, 7).unwrap();
        far.write_all(b"x").unwrap();
        let mut keys = Vec::new();
        ready.wait_for_watches(Some(LONG), |key| keys.push(key)).unwrap();
        assert_eq!(keys, [7]);
    }

    #[test]
    fn of_many_threads_that_leave_something_and_wake_it_none_is_missed() {
        const THREADS: usize = 8;
        const EACH: usize = 2000;
        let mut ready = Ready::new().unwrap();
        let left = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (waker, left) = (ready.waker(), left.clone());
                thread::spawn(move || {
                    for _ in 0..EACH {
                        left.fetch_add(1, Ordering::SeqCst);
                        waker.wake_by_ref();
                    }
                })
            })
            .collect();
        let mut found = 0;
        while found < THREADS * EACH {
            // It would wait for ever for one that was missed.
            ready.wait_for_watches(None, |_| unreachable!()).unwrap();
            found += left.swap(0, Ordering::SeqCst);
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }

    #[test]
    fn the_earliest_deadline_counts_and_one_that_is_past_is_none_to_sleep_for() {
        let waker = Waker::noop();
        let now = Instant::now();
        let mut wait = Wait::new(waker);
        assert_eq!(wait.longest(now), None);
        wait.until(now + LONG);
        wait.until(now + 2 * LONG);
        assert_eq!(wait.longest(now), Some(LONG));
        wait.ask_again(LONG / 2);
        assert_eq!(wait.longest(now), Some(LONG / 2));
        assert_eq!(wait.longest(now + 2 * LONG), Some(Duration::ZERO));
    }

    #[test]
    fn a_socket_that_is_watched_already_and_a_key_that_no_event_can_have_are_refused_and_change_nothing() {
        let mut ready = Ready::new().unwrap();
        let (source, mut far) = pair();
        let watch = ready.watch(&source, Interest::Read, 7).unwrap();
        assert_eq!(ready.watch(&source, Interest::Read, 8).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let (other, _other_far) = pair();
        assert_eq!(ready.watch(&other, Interest::Write, usize::MAX).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        far.write_all(b"x").unwrap();
        let mut keys = Vec::new();
        ready.wait_for_watches(Some(LONG), |key| keys.push(key)).unwrap();
        assert_eq!(keys, [7]);
        drop(watch);
        let _again = ready.watch(&source, Interest::Read, 8).unwrap();
        ready.wait_for_watches(Some(LONG), |key| keys.push(key)).unwrap();
        assert_eq!(keys, [7, 8]);
    }

    #[test]
    fn a_watch_says_which_socket_is_ready_once_for_each_time_it_is_armed() {
        let mut ready = Ready::new().unwrap();
        let (first, mut far) = pair();
        let (second, _other_far) = pair();
        let watches =
            [ready.watch(&first, Interest::Read, 7).unwrap(), ready.watch(&second, Interest::Read, 8).unwrap()];
        far.write_all(b"x").unwrap();
        let mut keys = |longest| {
            let mut keys = Vec::new();
            ready.wait_for_watches(Some(longest), |key| keys.push(key)).unwrap();
            keys
        };
        assert_eq!(keys(LONG), [7]);
        assert_eq!(keys(Duration::ZERO), [0; 0], "it is not armed");
        watches[0].rearm(Interest::Read).unwrap();
        assert_eq!(keys(LONG), [7]);
    }
}
