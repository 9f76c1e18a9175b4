//! Logs what connections do with the crate `log`: phases at `debug`, failures at `warn`, numbers of bytes at `trace`.

use http_net::{ConnectionId, Event, Observer};
use log::{debug, trace, warn};

/// An [`Observer`] that writes to `log`, with the target `http_client`. Pass it to
/// [`Context::set_observer`](http_net::Context::set_observer).
#[derive(Clone, Copy, Debug, Default)]
pub struct LogObserver;

impl Observer for LogObserver {
    fn event(&self, connection: ConnectionId, event: &Event<'_>) {
        let id = connection.get();
        match event {
            Event::Failed(error) => warn!(target: "http_client", "connection {id}: {error}"),
            Event::Sent { .. } | Event::Received { .. } => trace!(target: "http_client", "connection {id}: {event:?}"),
            Event::Secured(tls) => {
                debug!(target: "http_client", "connection {id}: {} with {}", tls.version, tls.cipher_suite);
            }
            _ => debug!(target: "http_client", "connection {id}: {event:?}"),
        }
    }
}
