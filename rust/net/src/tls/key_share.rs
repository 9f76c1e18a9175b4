//! The client's half of a key exchange. A worker creates it during the name lookup and the connection: within a frame, it would take longer
//! than the rest of the start of a handshake.

use std::fmt;
use std::sync::Mutex;

use rustls::crypto::{ActiveKeyExchange, CompletedKeyExchange, CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::{Error, NamedGroup, ProtocolVersion};

use crate::lanes::{Lane, lock};

/// The group for which a `ClientHello` offers a share, and a prepared share.
pub(super) struct KeyShares {
    group: &'static dyn SupportedKxGroup,
    ready: Mutex<Ready>,
}

struct Ready {
    /// The prepared share. It is used only once, like every share.
    share: Option<Box<dyn ActiveKeyExchange>>,
    is_being_made: bool,
}

impl KeyShares {
    /// Creates the group. rustls requires `'static` groups, so this memory is never freed: a few dozen bytes for each context.
    pub(super) fn new() -> &'static Self {
        Box::leak(Box::new(Self {
            group: aws_lc_rs::default_provider().kx_groups[0],
            ready: Mutex::new(Ready { share: None, is_being_made: false }),
        }))
    }

    /// Makes handshakes with this provider use a prepared share, if there is one.
    pub(super) fn offer_in(&'static self, provider: &mut CryptoProvider) {
        if let Some(first) = provider.kx_groups.iter_mut().find(|group| group.name() == self.group.name()) {
            *first = self;
        }
    }

    /// Creates a share for the next handshake on a worker, unless there is one.
    pub(super) fn prepare(&'static self, lane: &Lane) {
        let mut ready = lock(&self.ready);
        if ready.share.is_none() && !ready.is_being_made {
            ready.is_being_made = true;
            drop(ready);
            lane.spawn(|| {
                let making = Making(&self.ready);
                // A failure here occurs in the handshake too, which reports it.
                let share = self.group.start().ok();
                lock(making.0).share = share;
            });
        }
    }
}

/// Marks the creation of a share as finished when it is dropped, also after a panic.
struct Making(&'static Mutex<Ready>);

impl Drop for Making {
    fn drop(&mut self) {
        lock(self.0).is_being_made = false;
    }
}

impl SupportedKxGroup for KeyShares {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let prepared = lock(&self.ready).share.take();
        prepared.map_or_else(|| self.group.start(), Ok)
    }

    fn start_and_complete(&self, peer_pub_key: &[u8]) -> Result<CompletedKeyExchange, Error> {
        self.group.start_and_complete(peer_pub_key)
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        self.group.ffdhe_group()
    }

    fn name(&self) -> NamedGroup {
        self.group.name()
    }

    fn fips(&self) -> bool {
        self.group.fips()
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        self.group.usable_for_version(version)
    }
}

impl fmt::Debug for KeyShares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.group.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::lanes::PROCESSOR_LIMITS;

    #[test]
    fn a_share_is_made_ahead_and_used_once() {
        let (shares, lane) = (KeyShares::new(), Lane::new(PROCESSOR_LIMITS));
        let mut seen = HashSet::new();
        for _ in 0..20 {
            shares.prepare(&lane);
            let started = Instant::now();
            while lock(&shares.ready).share.is_none() {
                assert!(started.elapsed() < Duration::from_secs(60), "no worker made a share");
                std::thread::yield_now();
            }
            // The first call uses the prepared share, the second one creates its own.
            for _ in 0..2 {
                assert!(seen.insert(shares.start().unwrap().pub_key().to_vec()));
            }
            assert!(lock(&shares.ready).share.is_none());
        }
    }

    /// Panics for the first share, and creates the others.
    #[derive(Debug)]
    struct BreaksOnce(Mutex<bool>);

    impl SupportedKxGroup for BreaksOnce {
        fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
            let has_broken = std::mem::replace(&mut *lock(&self.0), true);
            assert!(has_broken, "as it should");
            aws_lc_rs::default_provider().kx_groups[0].start()
        }
        fn name(&self) -> NamedGroup {
            NamedGroup::X25519
        }
    }

    #[test]
    fn a_share_that_broke_off_does_not_keep_others_from_being_made() {
        let group: &'static BreaksOnce = Box::leak(Box::new(BreaksOnce(Mutex::new(false))));
        let ready = Mutex::new(Ready { share: None, is_being_made: false });
        let shares: &'static KeyShares = Box::leak(Box::new(KeyShares { group, ready }));
        let (lane, started) = (Lane::new(PROCESSOR_LIMITS), Instant::now());
        while lock(&shares.ready).share.is_none() {
            shares.prepare(&lane);
            assert!(started.elapsed() < Duration::from_secs(60), "no worker made a share");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_provider_takes_the_shares_in_the_place_of_its_first_group() {
        let mut provider = aws_lc_rs::default_provider();
        let names: Vec<_> = provider.kx_groups.iter().map(|group| group.name()).collect();
        let shares = KeyShares::new();
        shares.offer_in(&mut provider);
        assert_eq!(provider.kx_groups.iter().map(|group| group.name()).collect::<Vec<_>>(), names);
        assert!(std::ptr::addr_eq(provider.kx_groups[0], shares));
    }
}
