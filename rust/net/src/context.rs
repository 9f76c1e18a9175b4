//! The environment of connections in one value: the clock, the resolver, the worker threads and the observer. Nothing is in a static
//! variable, so a test, or a program with two environments, can have its own.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime};

use crate::input::{Input, SpareBuffers};
use crate::lanes::{LOOK_UP_LIMITS, Lane, PROCESSOR_LIMITS};
use crate::linger::Linger;
use crate::observer::{Observer, Observers, StoredExchange};
use crate::resolve::{Ask, Clock, Resolver};
use crate::tls::{Configs, WallClock, World};

/// Looks up the addresses of a name. The error says why there are none.
pub type AskForAddresses = dyn Fn(&str) -> Result<Vec<SocketAddr>, String> + Send + Sync;

/// The environment of connections: the clock, the resolver, the worker threads and the observer.
pub struct Context {
    clock: Clock,
    resolver: Resolver,
    tls: Configs,
    observers: Observers,
    spare_buffers: Arc<SpareBuffers>,
}

impl Context {
    /// Returns the context of the process, with the clock and resolver of the system.
    pub fn shared() -> &'static Arc<Context> {
        static SHARED: LazyLock<Arc<Context>> = LazyLock::new(|| Arc::new(Context::new(Instant::now, None)));
        &SHARED
    }

    /// Creates a separate context. `clock` returns the current time. `resolver` returns the addresses of a name, or why there are none.
    /// It is called on a worker and can take its time. The ports of the addresses are ignored. `None` means the resolver of the system.
    pub fn new(clock: impl Fn() -> Instant + Send + Sync + 'static, resolver: Option<Box<AskForAddresses>>) -> Self {
        let clock: Clock = Arc::new(clock);
        let ask =
            resolver.map(|resolver| -> Ask { Arc::new(move |name| resolver(name).map(Arc::from).map_err(Arc::from)) });
        Self {
            resolver: Resolver::new(Lane::new(LOOK_UP_LIMITS), clock.clone(), ask),
            tls: Self::configs(&clock, Arc::new(SystemTime::now)),
            observers: Observers::default(),
            spare_buffers: Arc::default(),
            clock,
        }
    }

    /// Uses this clock instead of the system's for the dates of certificates and the lifetimes of TLS sessions.
    #[must_use]
    pub fn with_wall_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.tls = Self::configs(&self.clock, Arc::new(clock));
        self
    }

    fn configs(clock: &Clock, wall: WallClock) -> Configs {
        // This lane is for work that takes longer than a frame but always ends.
        let (lane, linger) = (Lane::new(PROCESSOR_LIMITS), Arc::new(Linger::new(clock.clone())));
        Configs::new(World { lane, linger, wall })
    }

    /// Returns the current time.
    pub fn now(&self) -> Instant {
        (self.clock)()
    }

    /// Sets the observer. It replaces the previous one.
    pub fn set_observer(&self, observer: Option<Arc<dyn Observer>>) {
        self.observers.set(observer);
    }

    /// Returns whether there is an observer.
    pub fn is_observed(&self) -> bool {
        self.observers.is_there()
    }

    /// Notifies the observer of an exchange that took place without a connection.
    pub fn tell_stored(&self, exchange: &StoredExchange<'_>) {
        if self.is_observed() {
            self.observers.stored_exchange(exchange);
        }
    }

    pub(crate) fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    pub(crate) fn tls(&self) -> &Configs {
        &self.tls
    }

    /// Creates a buffer for received data.
    pub(crate) fn input(&self) -> Input {
        Input::with(self.spare_buffers.clone())
    }

    pub(crate) fn observers(&self) -> &Observers {
        &self.observers
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}
