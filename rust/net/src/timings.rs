//! The durations of the phases of an exchange.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// The durations of the phases of a connection and its current request. A value is `None` if the phase has not finished or did not take
/// place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// The name lookup.
    pub dns: Option<Duration>,
    /// The TCP connection and the tunnel of a proxy. If a server aborted a handshake that offered a session, both connections count.
    pub connect: Option<Duration>,
    /// The TLS handshake, counted in the same way.
    pub tls: Option<Duration>,
    /// From the start of the request until its last byte was passed to the operating system.
    pub send: Option<Duration>,
    /// From the start of the request until the first byte of the response.
    pub first_byte: Option<Duration>,
    /// From the start of the request until the end of the response.
    pub total: Option<Duration>,
}

impl Timings {
    /// Adds the time of a step that can take place more than once. An [`Observer`](crate::Observer) can use this function to count in the
    /// same way as connections.
    pub fn add(phase: &mut Option<Duration>, step: Duration) {
        *phase = Some(phase.unwrap_or_default() + step);
    }
}

/// [`Timings`] in half the memory. Every idle connection keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PackedTimings {
    dns: Packed,
    connect: Packed,
    tls: Packed,
    pub(crate) send: Packed,
    pub(crate) first_byte: Packed,
    pub(crate) total: Packed,
}

/// The duration of a phase in nanoseconds plus one, because a phase can take no time. `None` if it has not ended.
type Packed = Option<NonZeroU64>;

fn packed(phase: Duration) -> NonZeroU64 {
    NonZeroU64::MIN.saturating_add(u64::try_from(phase.as_nanos()).unwrap_or(u64::MAX))
}

impl PackedTimings {
    /// Begins a request on the same connection.
    pub(crate) fn restart(&mut self) {
        (self.send, self.first_byte, self.total) = (None, None, None);
    }

    /// Notes the time of an event that happens once for each request.
    pub(crate) fn note(phase: &mut Packed, since: Instant, now: Instant) {
        phase.get_or_insert_with(|| packed(now.saturating_duration_since(since)));
    }
}

impl From<Timings> for PackedTimings {
    fn from(timings: Timings) -> Self {
        let Timings { dns, connect, tls, send, first_byte, total } = timings;
        let [dns, connect, tls, send, first_byte, total] =
            [dns, connect, tls, send, first_byte, total].map(|phase| phase.map(packed));
        Self { dns, connect, tls, send, first_byte, total }
    }
}

impl From<PackedTimings> for Timings {
    fn from(packed: PackedTimings) -> Self {
        let unpacked = |phase: NonZeroU64| Duration::from_nanos(phase.get() - 1);
        let PackedTimings { dns, connect, tls, send, first_byte, total } = packed;
        let [dns, connect, tls, send, first_byte, total] =
            [dns, connect, tls, send, first_byte, total].map(|phase| phase.map(unpacked));
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
