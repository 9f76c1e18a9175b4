//! How long the phases of an exchange took.

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
