//! How long the phases of an exchange took.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// Phases of the current connection and its current request; none where a phase is not over, or did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Looking the host's name up.
    pub dns: Option<Duration>,
    /// Making the TCP connection, and the proxy's tunnel. Where a server broke off a handshake that offered a session, both connections.
    pub connect: Option<Duration>,
    /// The TLS handshake, likewise.
    pub tls: Option<Duration>,
    /// From the request's start until the system had taken its last byte.
    pub send: Option<Duration>,
    /// From the request's start until the first byte of the response.
    pub first_byte: Option<Duration>,
    /// From the request's start until the end of the response.
    pub total: Option<Duration>,
}

impl Timings {
    /// Adds the time of a step that may be taken more than once. Who watches connections by an [`Observer`](crate::Observer) counts as they do.
    pub fn add(phase: &mut Option<Duration>, step: Duration) {
        *phase = Some(phase.unwrap_or_default() + step);
    }

    /// Begins a request on the same connection.
    pub(crate) fn restart(&mut self) {
        *self = Self { send: None, first_byte: None, total: None, ..*self };
    }

    /// Notes the time of something that happens once for each request.
    pub(crate) fn note(phase: &mut Option<Duration>, since: Instant, now: Instant) {
        if phase.is_none() {
            *phase = Some(now.saturating_duration_since(since));
        }
    }
}

/// [`Timings`] in half the room, as connections keep them: every idle one has some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackedTimings([Option<NonZeroU64>; 6]);

impl PackedTimings {
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut Timings)) {
        let mut timings = Timings::from(*self);
        change(&mut timings);
        *self = timings.into();
    }
}

impl From<Timings> for PackedTimings {
    fn from(timings: Timings) -> Self {
        // One more than the nanoseconds: none took less than no time.
        let packed = |phase: Duration| {
            let nanoseconds = u64::try_from(phase.as_nanos()).unwrap_or(u64::MAX);
            NonZeroU64::MIN.saturating_add(nanoseconds)
        };
        let Timings { dns, connect, tls, send, first_byte, total } = timings;
        Self([dns, connect, tls, send, first_byte, total].map(|phase| phase.map(packed)))
    }
}

impl From<PackedTimings> for Timings {
    fn from(packed: PackedTimings) -> Self {
        let unpacked = |phase: NonZeroU64| Duration::from_nanos(phase.get() - 1);
        let [dns, connect, tls, send, first_byte, total] = packed.0.map(|phase| phase.map(unpacked));
        Self { dns, connect, tls, send, first_byte, total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_timings_say_the_same() {
        let timings = Timings {
            dns: None,
            connect: Some(Duration::ZERO),
            tls: Some(Duration::from_nanos(1)),
            send: Some(Duration::new(3, 141_592_653)),
            first_byte: Some(Duration::from_secs(1_000_000_000)),
            total: Some(Duration::from_nanos(u64::MAX - 1)),
        };
        assert_eq!(Timings::from(PackedTimings::from(timings)), timings);
        assert_eq!(Timings::from(PackedTimings::default()), Timings::default());
        assert!(size_of::<PackedTimings>() * 2 <= size_of::<Timings>());
    }
}
