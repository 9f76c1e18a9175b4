//! The TLS sessions that can be resumed (RFC 8446 §2.2, RFC 5246 §7.3). The sessions of a server that refuses them are removed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::NamedGroup;
use rustls::client::{ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

/// The maximum number of servers whose sessions are kept.
const SERVERS: usize = 256;

/// Creates the store for the sessions of all connections with equal options.
pub(super) fn shared() -> Arc<ClientSessionMemoryCache> {
    Arc::new(ClientSessionMemoryCache::new(SERVERS))
}

/// The access of one connection to the store.
#[derive(Debug)]
pub(super) struct Sessions {
    shared: Arc<ClientSessionMemoryCache>,
    /// Whether no session is offered, even if there is one.
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

    /// Removes the sessions of a server. A server does not have to resume a session, but one that aborts the handshake would do so as long
    /// as sessions are offered (RFC 5246 §7.2.2).
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
