//! The sessions that servers let resume (RFC 8446 §2.2, RFC 5246 §7.3), and forgetting those of a server that refuses them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::NamedGroup;
use rustls::client::{ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// Servers whose sessions are kept.
const SERVERS: usize = 256;

/// The sessions of all connections with equal options.
pub(super) fn shared() -> Arc<ClientSessionMemoryCache> {
    Arc::new(ClientSessionMemoryCache::new(SERVERS))
}

/// What one connection sees of them.
#[derive(Debug)]
pub(super) struct Sessions {
    shared: Arc<ClientSessionMemoryCache>,
    /// Nothing is offered, whatever there is.
    withheld: bool,
    offered: AtomicBool,
}

impl Sessions {
    pub(super) fn new(shared: Arc<ClientSessionMemoryCache>, withheld: bool) -> Self {
        Self { shared, withheld, offered: AtomicBool::new(false) }
    }

    /// Whether the server was asked to resume a session.
    pub(super) fn were_offered(&self) -> bool {
        self.offered.load(Ordering::Relaxed)
    }

    /// A server need not resume, but one that breaks the handshake off would do so for as long as there are sessions of it (RFC 5246
    /// §7.2.2).
    pub(super) fn forget(&self, server: &ServerName<'static>) {
        self.shared.remove_tls12_session(server);
        while self.shared.take_tls13_ticket(server).is_some() {}
    }

    fn offer<T>(&self, found: impl FnOnce() -> Option<T>) -> Option<T> {
        let session = if self.withheld { None } else { found() };
        if session.is_some() {
            self.offered.store(true, Ordering::Relaxed);
        }
        session
    }
}

impl ClientSessionStore for Sessions {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.shared.set_kx_hint(server, group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.shared.kx_hint(server)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.shared.set_tls12_session(server, session);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.offer(|| self.shared.tls12_session(server))
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.shared.remove_tls12_session(server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, session: Tls13ClientSessionValue) {
        self.shared.insert_tls13_ticket(server, session);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.offer(|| self.shared.take_tls13_ticket(server))
    }
}
