//! epoll, and an eventfd that ends its wait.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use socket2::Socket;

use super::LONGEST;
use crate::interest::Interest;

/// The key of the eventfd. No socket has it.
const WAKE: u64 = u64::MAX;
/// The maximum number of events of one wait.
const MOST_EVENTS: usize = 256;

#[derive(Debug)]
pub(crate) struct Poller {
    epoll: OwnedFd,
    /// It reports each write once, so that nobody has to read it.
    wake: OwnedFd,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE), EventFlags::IN | EventFlags::ET)?;
        Ok(Self { epoll, wake })
    }

    /// Watches a socket for one event. The caller keeps the socket open until [`delete`](Self::delete).
    pub(crate) fn add(&self, socket: &Socket, interest: Interest, key: usize) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(key as u64), flags(interest))?)
    }

    /// Watches a socket for another event.
    pub(crate) fn modify(&self, socket: &Socket, interest: Interest, key: usize) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, socket, EventData::new_u64(key as u64), flags(interest))?)
    }

    pub(crate) fn delete(&self, socket: &Socket) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, socket)?)
    }

    /// Waits for at most `longest`, rounded up to a millisecond.
    pub(crate) fn wait(&self, events: &mut Events, longest: Option<Duration>) -> io::Result<()> {
        events.0.clear();
        let longest = longest.and_then(|longest| Timespec::try_from(whole_milliseconds(longest.min(LONGEST))).ok());
        let mut room = [const { MaybeUninit::<Event>::uninit() }; MOST_EVENTS];
        let (found, _) = epoll::wait(&self.epoll, &mut room[..], longest.as_ref())?;
        events.0.extend(found.iter().map(|event| event.data.u64()));
        Ok(())
    }

    /// Ends the current wait, or the next one.
    pub(crate) fn notify(&self) -> io::Result<()> {
        rustix::io::write(&self.wake, &1_u64.to_ne_bytes())?;
        Ok(())
    }
}

/// Rounds up, because another wait would have to follow one that ends too early.
fn whole_milliseconds(time: Duration) -> Duration {
    let rest = time.subsec_nanos() % 1_000_000;
    if rest == 0 { time } else { time + Duration::from_nanos(u64::from(1_000_000 - rest)) }
}

/// The flags do not contain `PRI`: out-of-band data is not read, so on an idle connection it would end every wait.
fn flags(interest: Interest) -> EventFlags {
    let what = match interest {
        Interest::Read => EventFlags::IN,
        Interest::Write => EventFlags::OUT,
        Interest::Both => EventFlags::IN | EventFlags::OUT,
    };
    what | EventFlags::ONESHOT
}

/// The events of a wait.
#[derive(Debug, Default)]
pub(crate) struct Events(Vec<u64>);

impl Events {
    /// Returns the keys of the sockets that are ready.
    pub(crate) fn keys(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().filter(|key| **key != WAKE).map(|key| *key as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loopback;

    #[test]
    fn a_byte_out_of_band_ends_no_wait_because_nothing_reads_it() {
        let poller = Poller::new().unwrap();
        let ((urgent, urgent_far), (usual, usual_far)) = (loopback::pair(), loopback::pair());
        let (urgent_far, usual_far) = (Socket::from(urgent_far), Socket::from(usual_far));
        for interest in [Interest::Read, Interest::Both] {
            poller.add(&urgent, Interest::Read, 7).unwrap();
            poller.add(&usual, interest, 8).unwrap();
            urgent_far.send_out_of_band(b"!").unwrap();
            usual_far.send(b"x").unwrap();
            let mut events = Events::default();
            poller.wait(&mut events, Some(Duration::from_secs(60))).unwrap();
            assert_eq!(events.keys().collect::<Vec<_>>(), [8]);
            poller.delete(&urgent).unwrap();
            poller.delete(&usual).unwrap();
        }
    }

    #[test]
    fn a_wait_lasts_to_the_millisecond_behind_its_end() {
        for (micros, millis) in [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (2_000_000, 2000)] {
            assert_eq!(whole_milliseconds(Duration::from_micros(micros)), Duration::from_millis(millis));
        }
    }
}
