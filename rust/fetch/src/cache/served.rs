//! A response from the cache, as an exchange like those of the network.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_net::{Body, Error, Framing, Received, Request, Response, Route, Timings, TlsInfo, Wait};

use super::entry::Entry;
use crate::exchange::Exchange;

/// See the module.
pub(crate) struct Served {
    entry: Entry,
    /// The number of body bytes that were read.
    given: usize,
    /// The timings of the confirmation, if there was one.
    timings: Timings,
}

impl Served {
    /// Creates an exchange that responds with this entry.
    pub(crate) fn new(entry: Entry) -> Self {
        Self { entry, given: 0, timings: Timings::default() }
    }

    /// Creates an exchange for an entry that the server confirmed in the exchange `by`.
    pub(crate) fn confirmed(entry: Entry, by: &dyn Exchange) -> Self {
        Self { timings: by.timings(), ..Self::new(entry) }
    }
}

impl Exchange for Served {
    fn begin(&mut self, _: &Request<'_>, _: Body, _: Instant) -> Result<(), Error> {
        Ok(())
    }

    fn receive_head(&mut self, _: Instant) -> Result<Option<Response>, Error> {
        let framing = Framing::Length(self.entry.body().len() as u64);
        Ok(Some(Response { head: self.entry.head.clone(), framing }))
    }

    fn receive(&mut self, room: &mut [u8], _: Instant) -> Result<Received, Error> {
        let left = &self.entry.body()[self.given..];
        let bytes = left.len().min(room.len());
        room[..bytes].copy_from_slice(&left[..bytes]);
        self.given += bytes;
        Ok(Received { bytes, is_over: bytes == left.len() })
    }

    fn send(&mut self, _: Instant) {}

    fn wait_for(&self, reading: bool, wait: &mut Wait) {
        if reading {
            wait.now();
        }
    }

    fn silent_at(&self, _: Duration) -> Option<Instant> {
        None
    }

    fn check_silence(&mut self, _: Duration, _: Instant) -> Result<(), Error> {
        Ok(())
    }

    fn bytes_sent(&self) -> u64 {
        0
    }

    fn body_bytes_sent(&self) -> u64 {
        0
    }

    fn is_sending(&self) -> bool {
        false
    }

    fn timings(&self) -> Timings {
        self.timings
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        None
    }

    fn route(&self) -> Option<&Arc<Route>> {
        None
    }

    fn is_reusable(&self) -> bool {
        false
    }

    fn check_idle(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn bare(self: Box<Self>) -> Box<dyn Exchange> {
        self
    }
}
