//! epoll, and an eventfd that ends its wait.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use socket2::Socket;

use crate::interest::Interest;

/// The eventfd's key; no socket has it.
const WAKE: u64 = u64::MAX;
/// So many events one wait takes in.
const MOST_EVENTS: usize = 256;
/// One wait lasts this long at most, which is little enough for the system's counter of milliseconds.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
    /// It tells of each write once, so that nobody has to read it.
    wake: OwnedFd,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN | EventFlags::ET)?;
        Ok(Self { epoll, wake })
    }

    /// Awaits one event of a socket. Whoever calls it keeps the socket open until [`delete`](Self::delete).
    pub(crate) fn add(&self, socket: &Socket, interest: Interest, key: usize) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(key as u64), flags(interest))?)
    }

    /// Awaits another event of a socket.
    pub(crate) fn modify(&self, socket: &Socket, interest: Interest, key: usize) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(key as u64), flags(interest))?)
    }

    pub(crate) fn delete(&self, socket: &Socket) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, socket)?)
    }

    /// Waits for `longest` at most, to the next millisecond.
    pub(crate) fn wait(&self, events: &mut Events, longest: Option<Duration>) -> io::Result<()> {
        events.0.clear();
        let longest = longest.and_then(|longest| Timespec::try_from(whole_milliseconds(longest.min(LONGEST))).ok());
        let mut room = [const { MaybeUninit::<Event>::uninit() }; MOST_EVENTS];
        let (found, _) = epoll::wait(&self.epoll, &mut room[..], longest.as_ref())?;
        events.0.extend(found.iter().map(|event| event.data.u64()));
        Ok(())
    }

    /// Ends the wait that runs, or the next one.
    pub(crate) fn notify(&self) -> io::Result<()> {
        rustix::io::write(&self.wake, &1_u64.to_ne_bytes())?;
        Ok(())
    }
}

/// A wait that ends before its time would only be followed by another.
fn whole_milliseconds(time: Duration) -> Duration {
    let rest = time.subsec_nanos() % 1_000_000;
    if rest == 0 { time } else { time + Duration::from_nanos(u64::from(1_000_000 - rest)) }
}

/// A byte out of band is nothing to read: nobody takes it, so its event (`PRI`) would come again and again.
fn flags(interest: Interest) -> EventFlags {
    let what = match interest {
        Interest::Read => EventFlags::IN,
        Interest::Write => EventFlags::OUT,
        Interest::Both => EventFlags::IN | EventFlags::OUT,
    };
    what | EventFlags::ONESHOT
}

/// What a wait has found.
#[derive(Default)]
pub(crate) struct Events(Vec<u64>);

impl Events {
    /// The keys of sockets that are ready.
    pub(crate) fn keys(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().filter(|key| **key != WAKE).map(|key| *key as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_lasts_to_the_millisecond_behind_its_end() {
        for (micros, millis) in [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (2_000_000, 2000)] {
            assert_eq!(whole_milliseconds(Duration::from_micros(micros)), Duration::from_millis(millis));
        }
    }
}
