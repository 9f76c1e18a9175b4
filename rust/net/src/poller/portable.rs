//! kqueue, IOCP and others, with the crate `polling`.

use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use socket2::Socket;

use super::LONGEST;
use crate::interest::Interest;

/// The maximum number of events of one wait.
const MOST_EVENTS: NonZeroUsize = NonZeroUsize::new(256).unwrap();

#[derive(Debug)]
pub(crate) struct Poller(polling::Poller);

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        polling::Poller::new().map(Self)
    }

    /// Watches a socket for one event. The caller keeps the socket open until [`delete`](Self::delete).
    #[allow(unsafe_code, reason = "a socket must be added before it is watched, and removed before it is closed")]
    pub(crate) fn add(&self, socket: &Socket, interest: Interest, key: usize) -> io::Result<()> {
        // SAFETY: the only caller is a watch, which keeps the socket open, and removes it from the poller before it drops it.
        let added = unsafe { self.0.add(socket, event(interest, key)) };
        if added.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::AlreadyExists) {
            // With kqueue and IOCP, the crate remembers a socket that the system refused. Then it would refuse the next one with its number.
            let _ = self.0.delete(socket);
        }
        added
    }

    /// Watches a socket for another event.
    pub(crate) fn modify(&self, socket: &Socket, interest: Interest, key: usize) -> io::Result<()> {
        self.0.modify(socket, event(interest, key))
    }

    pub(crate) fn delete(&self, socket: &Socket) -> io::Result<()> {
        self.0.delete(socket)
    }

    pub(crate) fn wait(&self, events: &mut Events, longest: Option<Duration>) -> io::Result<()> {
        events.0.clear();
        self.0.wait(&mut events.0, longest.map(|longest| longest.min(LONGEST))).map(drop)
    }

    /// Ends the current wait, or the next one.
    pub(crate) fn notify(&self) -> io::Result<()> {
        self.0.notify()
    }
}

fn event(interest: Interest, key: usize) -> polling::Event {
    match interest {
        Interest::Read => polling::Event::readable(key),
        Interest::Write => polling::Event::writable(key),
        Interest::Both => polling::Event::all(key),
    }
}

/// The events of a wait.
#[derive(Debug)]
pub(crate) struct Events(polling::Events);

impl Default for Events {
    fn default() -> Self {
        Self(polling::Events::with_capacity(MOST_EVENTS))
    }
}

impl Events {
    /// Returns the keys of the sockets that are ready.
    pub(crate) fn keys(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().map(|event| event.key)
    }
}
