//! What keeps a client alive for who has the bytes of its connection.

use std::sync::{Arc, Mutex, PoisonError};

use crate::view::{Connection, Holder};

/// What the handles of one connection share. It lets go of the client when the connection is over: whoever keeps a dead one keeps
/// nothing else, and two clients that were given each other's connections do not keep each other for ever.
#[derive(Debug)]
pub(crate) struct Hold<C> {
    pub(crate) connection: Connection,
    /// None once the connection is over. Locked for moments only.
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
    /// Whoever calls it has no lock: with the client goes its connection, which may be a script's stream.
    fn let_go(&self) {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(client);
    }
}
