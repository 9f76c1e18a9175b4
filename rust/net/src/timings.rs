//! How long the phases of an exchange took.

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
