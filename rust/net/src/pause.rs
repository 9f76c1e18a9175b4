//! Sleeps for one [`Wait`]. On Unix, each sleep is one system call, because nothing is registered: each `poll()` gets the list of sockets.
//! Elsewhere, the sockets are registered for the time of the sleep.

use std::io;
use std::task::Waker;
use std::time::{Duration, Instant};

#[cfg(unix)]
use self::polled::Bell;
#[cfg(not(unix))]
use self::registered::Bell;
use crate::ready::Wait;

/// Sleeps for one [`Wait`] at a time, each with its own sockets. Another thread can end the sleep.
#[derive(Debug)]
pub struct Pause(Bell);

impl Pause {
    /// Creates a `Pause`. It uses up to three file descriptors.
    pub fn new() -> io::Result<Self> {
        Bell::new().map(Self)
    }

    /// Returns a waker that ends the current wait, or the next one. The waker keeps no file descriptors open.
    pub fn waker(&self) -> Waker {
        self.0.waker()
    }

    /// Sleeps until something that `wait` waits for happens, or until the waker is called.
    pub fn wait(&mut self, wait: &Wait, now: Instant) -> io::Result<()> {
        match wait.longest(now) {
            Some(Duration::ZERO) => Ok(()),
            longest => self.0.wait(wait, longest),
        }
    }
}

#[cfg(unix)]
mod polled {
    use std::io::{self, Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::{Arc, Weak};
    use std::task::{Wake, Waker};
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use crate::poller::LONGEST;
    use crate::ready::{Interest, Wait};

    #[derive(Debug)]
    pub(super) struct Bell(Arc<Ends>);

    /// Two connected sockets. A byte that is written to one wakes the thread that sleeps on the other. A thread that rings keeps both open:
    /// a write to a socket whose other end is closed can raise a signal that ends the game.
    #[derive(Debug)]
    struct Ends {
        near: UnixStream,
        far: UnixStream,
    }

    impl Bell {
        pub(super) fn new() -> io::Result<Self> {
            let (near, far) = UnixStream::pair()?;
            near.set_nonblocking(true)?;
            far.set_nonblocking(true)?;
            Ok(Self(Arc::new(Ends { near, far })))
        }

        pub(super) fn waker(&self) -> Waker {
            Waker::from(Arc::new(Ring(Arc::downgrade(&self.0))))
        }

        pub(super) fn wait(&mut self, wait: &Wait, longest: Option<Duration>) -> io::Result<()> {
            let mut watched = Vec::with_capacity(wait.sources().len() + 1);
            watched.push(PollFd::new(&self.0.near, PollFlags::IN));
            watched.extend(wait.sources().iter().map(|(source, interest)| {
                let flags = match interest {
                    Interest::Read => PollFlags::IN,
                    Interest::Write => PollFlags::OUT,
                    Interest::Both => PollFlags::IN | PollFlags::OUT,
                };
                PollFd::new(source.socket(), flags)
            }));
            let longest = longest.map(|longest| longest.min(LONGEST));
            let longest = longest.map(Timespec::try_from).transpose().map_err(io::Error::other)?;
            match poll(&mut watched, longest.as_ref()) {
                Err(rustix::io::Errno::INTR) => return Ok(()),
                waited => waited?,
            };
            let was_rung = !watched[0].revents().is_empty();
            drop(watched);
            // Several calls of the waker wake the thread only once.
            while was_rung && (&self.0.near).read(&mut [0; 64]).is_ok_and(|count| count == 64) {}
            Ok(())
        }
    }

    struct Ring(Weak<Ends>);

    impl Wake for Ring {
        fn wake(self: Arc<Self>) {
            self.wake_by_ref();
        }

        fn wake_by_ref(self: &Arc<Self>) {
            if let Some(ends) = self.0.upgrade() {
                ends.ring();
            }
        }
    }

    impl Ends {
        fn ring(&self) {
            // If the socket is full, it already contains enough bytes to wake the thread.
            let _ = (&self.far).write(&[0]);
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn who_rings_while_the_bell_is_dropped_writes_to_no_closed_socket() {
            let bell = Bell::new().unwrap();
            // A waker that runs in another thread has just found the bell.
            let found = Arc::downgrade(&bell.0).upgrade().unwrap();
            drop(bell);
            assert_eq!((&found.far).write(&[0]).unwrap(), 1);
            let freed = Arc::downgrade(&found);
            drop(found);
            assert!(freed.upgrade().is_none());
        }
    }
}

/// The tests also run it on Unix.
#[cfg(any(test, not(unix)))]
mod registered {
    use std::io;
    use std::task::Waker;
    use std::time::Duration;

    use crate::ready::{Ready, Wait, Watch};

    #[derive(Debug)]
    pub(super) struct Bell(Ready);

    impl Bell {
        pub(super) fn new() -> io::Result<Self> {
            Ready::new().map(Self)
        }

        pub(super) fn waker(&self) -> Waker {
            self.0.waker()
        }

        pub(super) fn wait(&mut self, wait: &Wait, longest: Option<Duration>) -> io::Result<()> {
            let sources = wait.sources().iter().enumerate();
            let watches: Vec<Watch> = sources
                .map(|(key, (source, interest))| self.0.watch(source, *interest, key))
                .collect::<io::Result<_>>()?;
            let waited = self.0.wait_for_watches(longest, |_| {});
            drop(watches);
            waited
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::Shutdown;
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::loopback;
    use crate::ready::{Interest, Source};
    use crate::transport::{Probe, Stream as _, TcpStream};

    const LONG: Duration = Duration::from_secs(60);

    /// The common methods of both kinds of `Bell`.
    trait Sleeps {
        fn waker(&self) -> Waker;
        fn wait(&mut self, wait: &Wait) -> io::Result<()>;
    }

    impl Sleeps for Pause {
        fn waker(&self) -> Waker {
            self.waker()
        }
        fn wait(&mut self, wait: &Wait) -> io::Result<()> {
            self.wait(wait, Instant::now())
        }
    }

    impl Sleeps for registered::Bell {
        fn waker(&self) -> Waker {
            self.waker()
        }
        fn wait(&mut self, wait: &Wait) -> io::Result<()> {
            self.wait(wait, wait.longest(Instant::now()))
        }
    }

    fn each(test: impl Fn(&mut dyn Sleeps)) {
        test(&mut Pause::new().unwrap());
        test(&mut registered::Bell::new().unwrap());
    }

    fn pair() -> (Source, Arc<socket2::Socket>, std::net::TcpStream) {
        let (near, far) = loopback::pair();
        let near = Arc::new(near);
        (Source::new(Arc::clone(&near)), near, far)
    }

    #[test]
    fn a_wait_ends_when_bytes_come_when_more_come_and_at_the_end() {
        each(|sleeps| {
            let (source, near, mut far) = pair();
            let mut ends_when_read = |expected: usize| {
                let mut wait = Wait::new(&sleeps.waker());
                wait.socket(source.clone(), Interest::Read);
                wait.until(Instant::now() + LONG);
                sleeps.wait(&wait).unwrap();
                assert_eq!((&*near).read(&mut [0; 8]).unwrap(), expected);
            };
            for _ in 0..3 {
                far.write_all(b"x").unwrap();
                ends_when_read(1);
            }
            far.shutdown(Shutdown::Write).unwrap();
            ends_when_read(0);
        });
    }

    #[test]
    fn a_byte_out_of_band_wakes_nobody_who_then_finds_nothing() {
        each(|sleeps| {
            let (near, far) = loopback::pair();
            let mut stream = TcpStream::new(near);
            socket2::SockRef::from(&far).send_out_of_band(b"!").unwrap();
            let mut wait = Wait::new(&sleeps.waker());
            stream.wait_for(Interest::Read, &mut wait);
            wait.until(Instant::now() + Duration::from_millis(100));
            let mut woken = 0;
            // On Windows, the byte is data. Elsewhere, it is never read.
            while wait.longest(Instant::now()) != Some(Duration::ZERO) && stream.probe().unwrap() == Probe::Quiet {
                sleeps.wait(&wait).unwrap();
                woken += 1;
            }
            assert!(woken <= 3, "{woken}");
        });
    }

    #[test]
    fn a_socket_that_is_waited_for_twice_wakes_for_either_reason() {
        each(|sleeps| {
            for (first, second) in [(Interest::Read, Interest::Write), (Interest::Read, Interest::Read)] {
                let (source, _near, mut far) = pair();
                let mut wait = Wait::new(&sleeps.waker());
                wait.socket(source.clone(), first);
                wait.socket(source.clone(), second);
                if first == second {
                    far.write_all(b"x").unwrap();
                }
                wait.until(Instant::now() + LONG);
                sleeps.wait(&wait).unwrap();
                assert!(wait.longest(Instant::now()) > Some(Duration::ZERO), "it is ready, not late");
                assert_eq!(wait.sources().len(), 1);
            }
        });
    }

    #[test]
    fn a_socket_with_room_is_ready_to_be_written_to() {
        each(|sleeps| {
            let (source, _near, _far) = pair();
            for interest in [Interest::Write, Interest::Both] {
                let mut wait = Wait::new(&sleeps.waker());
                wait.socket(source.clone(), interest);
                sleeps.wait(&wait).unwrap();
            }
        });
    }

    #[test]
    fn another_thread_ends_a_wait_that_has_no_deadline_and_only_that() {
        each(|sleeps| {
            let (source, _near, _far) = pair();
            for _ in 0..3 {
                let waker = sleeps.waker();
                let other = thread::spawn(move || (0..100).for_each(|_| waker.wake_by_ref()));
                let mut wait = Wait::new(&sleeps.waker());
                wait.socket(source.clone(), Interest::Read);
                sleeps.wait(&wait).unwrap();
                other.join().unwrap();
            }
            // The last call of the waker may wake the thread once more.
            let (mut woken, mut wait) = (0, Wait::new(&sleeps.waker()));
            wait.until(Instant::now() + Duration::from_millis(50));
            while wait.longest(Instant::now()) != Some(Duration::ZERO) {
                sleeps.wait(&wait).unwrap();
                woken += 1;
            }
            assert!(woken <= 3, "{woken}");
        });
    }

    #[test]
    fn what_is_ready_already_and_a_deadline_that_is_past_are_not_waited_for() {
        each(|sleeps| {
            let waker = sleeps.waker();
            let mut wait = Wait::new(&waker);
            wait.now();
            sleeps.wait(&wait).unwrap();
            let mut wait = Wait::new(&waker);
            wait.until(Instant::now());
            sleeps.wait(&wait).unwrap();
        });
    }

    #[test]
    fn a_waker_that_outlives_its_wait_does_nothing() {
        let waker = Pause::new().unwrap().waker();
        waker.wake();
    }
}
