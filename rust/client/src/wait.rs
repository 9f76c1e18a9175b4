//! Sleeping until a socket is ready, a deadline passes, or the client is closed by another thread.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::Socket;

/// How long one sleep lasts before it looks whether the client was closed: the most that `close()` in another thread lets a
/// blocked call go on, and far below a frame.
const SLICE: Duration = Duration::from_millis(5);

/// Tells a blocked call that its client was closed.
#[derive(Debug, Default)]
pub(crate) struct Cancel(AtomicBool);

impl Cancel {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What a call waits for on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Bytes to read, or the end.
    Read,
    /// Room to write.
    Write,
    /// Either.
    Both,
}

/// How long to sleep at most, given a deadline: a slice, or what is left.
pub(crate) fn slice(deadline: Option<Instant>) -> Duration {
    deadline.map_or(SLICE, |deadline| deadline.saturating_duration_since(Instant::now()).min(SLICE))
}

/// Sleeps until one of the sockets is ready, or `longest` has passed. Says whether one is ready.
pub(crate) fn wait_for<'a>(
    sockets: impl Iterator<Item = &'a Socket>,
    interest: Interest,
    longest: Duration,
) -> io::Result<bool> {
    let flags = match interest {
        Interest::Read => PollFlags::IN,
        Interest::Write => PollFlags::OUT,
        Interest::Both => PollFlags::IN | PollFlags::OUT,
    };
    let mut watched: Vec<PollFd<'_>> = sockets.map(|socket| PollFd::new(socket, flags)).collect();
    // What a nanosecond is counted in differs from system to system; each can count a second's.
    let timeout = Timespec { tv_sec: longest.as_secs() as i64, tv_nsec: longest.subsec_nanos() as _ };
    match poll(&mut watched, Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
