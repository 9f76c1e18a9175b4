//! The world around connections, in one value: what time it is, who looks names up, which threads work, who watches. Nothing of it is in a
//! static, so that a test, or a program with two worlds, has its own.

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

/// Is asked for the addresses of a name; the error is why there are none.
pub type AskForAddresses = dyn Fn(&str) -> Result<Vec<SocketAddr>, String> + Send + Sync;

/// See the module.
pub struct Context {
    clock: Clock,
    resolver: Resolver,
    tls: Configs,
    observers: Observers,
    spare_buffers: Arc<SpareBuffers>,
}

impl Context {
    /// The one of the process: the system's clock and resolver.
    pub fn shared() -> &'static Arc<Context> {
        static SHARED: LazyLock<Arc<Context>> = LazyLock::new(|| Arc::new(Context::new(Instant::now, None)));
        &SHARED
    }

    /// A world of one's own. `clock` says what time it is; `resolver`, what addresses a name has, or why none: it is called on a worker, and may
    /// take its time. The ports of addresses are not looked at. None is the system's.
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

    /// Has the dates of certificates and the lifetimes of TLS sessions go by this clock in the place of the system's.
    #[must_use]
    pub fn with_wall_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.tls = Self::configs(&self.clock, Arc::new(clock));
        self
    }

    fn configs(clock: &Clock, wall: WallClock) -> Configs {
        // Work that takes longer than a frame and ends.
        let (lane, linger) = (Lane::new(PROCESSOR_LIMITS), Arc::new(Linger::new(clock.clone())));
        Configs::new(World { lane, linger, wall })
    }

    /// What time it is.
    pub fn now(&self) -> Instant {
        (self.clock)()
    }

    /// Has somebody watch, in the place of who watched before.
    pub fn set_observer(&self, observer: Option<Arc<dyn Observer>>) {
        self.observers.set(observer);
    }

    /// Whether somebody watches.
    pub fn is_observed(&self) -> bool {
        self.observers.is_there()
    }

    /// Tells who watches of an exchange that took place without a connection.
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

    /// Room to receive into.
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
