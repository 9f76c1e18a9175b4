//! Keeps a client alive for the users of the raw bytes of its connection.

use std::sync::{Arc, Mutex, PoisonError};

use crate::view::{Connection, Holder};

/// The state that the handles of one connection share. It drops its reference to the client when the connection is over: a handle of a
/// closed connection keeps nothing else alive, and two clients with handles of each other's connections do not keep each other alive
/// forever.
#[derive(Debug)]
pub(crate) struct Hold<C> {
    pub(crate) connection: Connection,
    /// The client, or `None` when the connection is over. The lock is only held briefly.
    client: Mutex<Option<Arc<C>>>,
}

impl<C> Hold<C> {
    pub(crate) fn new(connection: Connection, client: Arc<C>) -> Self {
        Self { connection, client: Mutex::new(Some(client)) }
    }

    pub(crate) fn client(&self) -> Option<Arc<C>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<C: std::fmt::Debug + Send + Sync> Holder for Hold<C> {
    /// The caller must hold no lock: dropping the client drops its connection, which may be a script's stream.
    fn let_go(&self) {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(client);
    }
}
