//! Name resolution by the system's resolver, off the caller's thread, with a short memory of its answers.

use std::collections::HashMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::panic::catch_unwind;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use crate::connector::without_number;
use crate::workers::{Pending, lock, spawn};

/// How long an answer is remembered. The system's resolver does not tell its time to live.
const REMEMBER: Duration = Duration::from_secs(30);
/// How long a failure is remembered: enough that many clients share it, too short to outlast a network that comes back.
const REMEMBER_FAILURE: Duration = Duration::from_millis(500);
/// Names that are remembered.
const MEMORY: usize = 256;

/// What a look-up comes to: addresses in the system's order, or its reason for having none.
pub(crate) type Addresses = Result<Arc<[IpAddr]>, Arc<str>>;

/// A look-up that runs, or has an answer.
pub(crate) type Lookup = Pending<Answer>;

/// An answer, and when it came.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) addresses: Addresses,
    at: Instant,
}

/// Running and finished look-ups by name, so that 200 clients of one server ask once.
static KNOWN: LazyLock<Mutex<HashMap<String, Lookup>>> = LazyLock::new(Mutex::default);

/// Starts to look up a name, or joins a look-up that runs or is remembered.
pub(crate) fn look_up(name: &str) -> Lookup {
    let mut known = lock(&KNOWN);
    if let Some(lookup) = known.get(name).filter(|lookup| is_fresh(lookup)) {
        return lookup.clone();
    }
    if known.len() >= MEMORY {
        known.retain(|_, lookup| is_fresh(lookup));
    }
    let owned = name.to_owned();
    let lookup = spawn(move || Answer { addresses: resolve(&owned), at: Instant::now() });
    known.insert(name.to_owned(), lookup.clone());
    lookup
}

fn is_fresh(lookup: &Lookup) -> bool {
    lookup
        .result()
        .is_none_or(|answer| answer.at.elapsed() < if answer.addresses.is_ok() { REMEMBER } else { REMEMBER_FAILURE })
}

fn resolve(name: &str) -> Addresses {
    // A panic in the system's resolver would leave its clients waiting for ever.
    match catch_unwind(|| (name, 0u16).to_socket_addrs()) {
        Ok(Ok(addresses)) => {
            let mut unique: Vec<IpAddr> = Vec::new();
            for address in addresses {
                if !unique.contains(&address.ip()) {
                    unique.push(address.ip());
                }
            }
            if unique.is_empty() { Err("it has no address".into()) } else { Ok(unique.into()) }
        }
        Ok(Err(error)) => {
            let text = without_number(&error);
            Err(text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).into())
        }
        Err(_) => Err("the system's resolver failed".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str) -> Addresses {
        let lookup = look_up(name);
        lookup.wait(Duration::from_secs(60));
        lookup.result().expect("answered").addresses
    }

    #[test]
    fn localhost_has_loopback_addresses() {
        assert!(answer("localhost").expect("resolved").iter().all(IpAddr::is_loopback));
    }

    #[test]
    fn a_name_that_does_not_exist_has_a_reason() {
        let reason = answer("name.invalid").expect_err("no such name");
        assert!(!reason.is_empty() && !reason.contains("os error") && !reason.ends_with('.'), "{reason}");
    }

    #[test]
    fn an_answer_is_remembered() {
        let first = answer("127.0.0.9").expect("an address");
        assert!(Arc::ptr_eq(&first, &answer("127.0.0.9").expect("an address")));
    }
}
