//! The idle connections, and the queue for the places of a host: the number of connections to a host that are used at the same time is
//! limited, and an idle connection is used again before a new one is made. The pool has no clock, and no sockets other than its
//! connections.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use http_net::{Host, Route};

use crate::exchange::Exchange;

/// The time after which an idle connection is closed. Servers close theirs after 5 to 75 seconds. The side that closes first never sends a
/// request into a connection that is being closed.
pub(crate) const IDLE_FOR: Duration = Duration::from_secs(30);

/// The maximum number of idle connections in total. The oldest are closed first.
pub(crate) const MOST_IDLE: usize = 256;

/// The owner of connections. Sessions share none, because one session may have been told to forget what another one still uses.
pub(crate) type SessionId = u64;

/// The limit of connections in use applies to each session and host.
pub(crate) type PlaceKey = (SessionId, Host);

/// See the module. `who` is always the key of a call.
#[derive(Default)]
pub(crate) struct Pool {
    /// Oldest first.
    idle: VecDeque<Idle>,
    /// Contains only hosts that are in use or for which calls wait.
    places: HashMap<PlaceKey, Places>,
    /// Calls that got a place since the last [`take_granted`](Self::take_granted).
    granted: Vec<usize>,
    /// Connections that became idle since the last [`take_put`](Self::take_put).
    put: Vec<u64>,
    /// Connections that stopped being idle since the last [`take_gone`](Self::take_gone).
    gone: Vec<u64>,
    last_id: u64,
}

struct Idle {
    id: u64,
    session: SessionId,
    since: Instant,
    exchange: Box<dyn Exchange>,
}

#[derive(Default)]
struct Places {
    in_use: usize,
    waiting: VecDeque<usize>,
    /// Calls that have a place and do not know it yet.
    granted: HashSet<usize>,
}

impl Pool {
    /// Takes one of `most` places, or joins the queue. Returns whether `who` has a place now. If not, [`take_granted`](Self::take_granted)
    /// returns `who` later, when a place is free, and the call enters again.
    pub(crate) fn enter(&mut self, key: &PlaceKey, who: usize, most: usize) -> bool {
        let places = self.places.entry(key.clone()).or_default();
        if places.granted.remove(&who) {
            return true;
        }
        if places.waiting.contains(&who) {
            return false;
        }
        if places.waiting.is_empty() && places.in_use < most.max(1) {
            places.in_use += 1;
            return true;
        }
        places.waiting.push_back(who);
        false
    }

    /// Takes a place even if none is free.
    pub(crate) fn force(&mut self, key: &PlaceKey, who: usize) {
        let places = self.places.entry(key.clone()).or_default();
        if !places.granted.remove(&who) {
            places.waiting.retain(|other| *other != who);
            places.in_use += 1;
        }
    }

    /// Releases a place, or leaves the queue. `most` has the same meaning as in [`enter`](Self::enter).
    pub(crate) fn leave(&mut self, key: &PlaceKey, who: usize, most: usize) {
        let Some(places) = self.places.get_mut(key) else { return };
        if let Some(at) = places.waiting.iter().position(|other| *other == who) {
            places.waiting.remove(at);
        } else {
            places.granted.remove(&who);
            places.in_use = places.in_use.saturating_sub(1);
        }
        while places.in_use < most.max(1)
            && let Some(next) = places.waiting.pop_front()
        {
            places.in_use += 1;
            places.granted.insert(next);
            self.granted.push(next);
        }
        if places.in_use == 0 && places.waiting.is_empty() {
            self.places.remove(key);
        }
    }

    /// Returns the calls that got a place since the last call.
    pub(crate) fn take_granted(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.granted)
    }

    /// Keeps a connection whose exchange is over, if another one can follow on it. Returns the number of the connection.
    /// [`take`](Self::take) checks whether the server has closed it in the meantime.
    pub(crate) fn put(&mut self, session: SessionId, exchange: Box<dyn Exchange>, now: Instant) -> Option<u64> {
        if !exchange.is_reusable() || exchange.route().is_none() {
            return None;
        }
        if self.idle.len() >= MOST_IDLE {
            self.close_oldest();
        }
        self.last_id += 1;
        self.put.push(self.last_id);
        self.idle.push_back(Idle { id: self.last_id, session, since: now, exchange });
        Some(self.last_id)
    }

    /// Takes an idle connection of this session and route, most recently used first. Skips and closes connections that the server has
    /// closed or on which it has sent something.
    pub(crate) fn take(&mut self, session: SessionId, route: &Route, now: Instant) -> Option<(u64, Box<dyn Exchange>)> {
        self.expire(now);
        let leads_there =
            |idle: &Idle| idle.session == session && idle.exchange.route().is_some_and(|own| **own == *route);
        while let Some(at) = self.idle.iter().rposition(leads_there) {
            let mut idle = self.idle.remove(at)?;
            self.gone.push(idle.id);
            if idle.exchange.check_idle().is_ok() {
                return Some((idle.id, idle.exchange));
            }
        }
        None
    }

    /// Closes the connections that were idle for too long.
    pub(crate) fn expire(&mut self, now: Instant) {
        while self.idle.front().is_some_and(|oldest| now.saturating_duration_since(oldest.since) >= IDLE_FOR) {
            self.close_oldest();
        }
    }

    fn close_oldest(&mut self) {
        self.gone.extend(self.idle.pop_front().map(|idle| idle.id));
    }

    /// Returns the numbers of the connections that became idle since the last call. Some may not be idle any more.
    pub(crate) fn take_put(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.put)
    }

    /// Returns the numbers of the connections that stopped being idle since the last call.
    pub(crate) fn take_gone(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.gone)
    }

    /// Returns when the next connection expires. `None` if no connection is idle.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.idle.front().and_then(|oldest| oldest.since.checked_add(IDLE_FOR))
    }

    /// Checks an idle connection on which something arrived. It is closed, unless TLS itself handled the data. Returns whether it is still
    /// idle.
    pub(crate) fn look(&mut self, id: u64) -> bool {
        let Some(at) = self.idle.iter().position(|idle| idle.id == id) else { return false };
        let stays = self.idle[at].exchange.check_idle().is_ok();
        if !stays {
            self.idle.remove(at);
            self.gone.push(id);
        }
        stays
    }

    /// Returns a connection, if it is still idle.
    pub(crate) fn idle(&self, id: u64) -> Option<&dyn Exchange> {
        self.idle.iter().find(|idle| idle.id == id).map(|idle| &*idle.exchange)
    }

    /// Closes the idle connections of a session that does not exist any more.
    pub(crate) fn close_session(&mut self, session: SessionId) {
        let gone = &mut self.gone;
        self.idle.retain(|idle| {
            let stays = idle.session != session;
            gone.extend((!stays).then_some(idle.id));
            stays
        });
    }

    /// Returns how many connections are idle.
    #[cfg(test)]
    pub(crate) fn idle_count(&self) -> usize {
        self.idle.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http_net::memory::{self, MemoryStream};
    use http_net::{Context, Link, TlsOptions};

    use super::*;

    fn route(host: &str) -> Arc<Route> {
        Arc::new(Route::new(Host::parse(host, -1, false).unwrap(), None, &TlsOptions::default()))
    }

    fn link(now: Instant) -> (Box<dyn Exchange>, MemoryStream) {
        let (near, far) = memory::pair(1024);
        (Box::new(Link::along(route("a"), Context::shared().clone(), Box::new(near), now)), far)
    }

    #[test]
    fn so_many_of_a_host_are_in_use_and_the_others_get_their_turn_in_order() {
        let mut pool = Pool::default();
        let (here, there) = ((1, route("a").host().clone()), (1, route("b").host().clone()));
        assert!(pool.enter(&here, 1, 2) && pool.enter(&here, 2, 2));
        assert!(!pool.enter(&here, 3, 2) && !pool.enter(&here, 4, 2) && !pool.enter(&here, 5, 2));
        assert!(pool.enter(&there, 6, 2), "another host has places of its own");
        assert!(!pool.enter(&here, 3, 2), "to ask again changes nothing");
        pool.leave(&here, 4, 2);
        pool.leave(&here, 1, 2);
        assert_eq!(pool.take_granted(), [3]);
        assert!(!pool.enter(&here, 7, 2), "who comes later does not go before who waits");
        assert!(pool.enter(&here, 3, 2));
        pool.leave(&here, 2, 2);
        assert_eq!(pool.take_granted(), [5]);
        // The call leaves before it knows that it has a place.
        pool.leave(&here, 5, 2);
        assert_eq!(pool.take_granted(), [7]);
        pool.leave(&here, 7, 2);
        pool.leave(&here, 3, 2);
        pool.leave(&there, 6, 2);
        assert!(pool.places.is_empty(), "nothing is remembered of hosts that nobody uses");
    }

    #[test]
    fn who_takes_a_place_that_there_is_not_gives_it_back_too() {
        let mut pool = Pool::default();
        let key = (1, route("a").host().clone());
        assert!(pool.enter(&key, 1, 1));
        assert!(!pool.enter(&key, 2, 1) && !pool.enter(&key, 3, 1));
        pool.force(&key, 2);
        pool.leave(&key, 1, 1);
        assert!(pool.take_granted().is_empty(), "one is still in use");
        pool.leave(&key, 2, 1);
        assert_eq!(pool.take_granted(), [3]);
    }

    #[test]
    fn a_connection_is_used_again_for_its_session_and_route_alone_and_the_last_one_first() {
        let now = Instant::now();
        let (mut pool, here) = (Pool::default(), route("a"));
        let (first, _far) = link(now);
        let (second, _far) = link(now);
        let first = pool.put(1, first, now);
        let second = pool.put(1, second, now);
        assert!(pool.take(2, &here, now).is_none() && pool.take(1, &route("b"), now).is_none());
        assert!(pool.take(1, &route("http://a:81"), now).is_none());
        assert_eq!(pool.take(1, &route("a"), now).map(|taken| taken.0), second);
        assert_eq!(pool.take(1, &here, now).map(|taken| taken.0), first);
        assert!(pool.take(1, &here, now).is_none());
    }

    #[test]
    fn idle_connections_are_closed_after_their_time_the_oldest_first() {
        let now = Instant::now();
        let mut pool = Pool::default();
        let (exchange, first) = link(now);
        pool.put(1, exchange, now);
        let (exchange, _second) = link(now);
        let later = now + IDLE_FOR / 2;
        pool.put(1, exchange, later);
        assert_eq!(pool.next_expiry(), Some(now + IDLE_FOR));
        pool.expire(now + IDLE_FOR);
        assert_eq!((pool.idle_count(), pool.next_expiry()), (1, Some(later + IDLE_FOR)));
        let mut first = first;
        assert_eq!(http_net::Stream::read(&mut first, &mut [0]).unwrap(), 0, "it is closed");
        pool.expire(later + IDLE_FOR);
        assert_eq!(pool.next_expiry(), None);
    }

    #[test]
    fn a_connection_with_bytes_left_over_or_at_its_end_is_never_used() {
        let now = Instant::now();
        let (mut pool, here) = (Pool::default(), route("a"));
        let (exchange, far) = link(now);
        far.push(b"HTTP/1.1 200 OK\r\n");
        let id = pool.put(1, exchange, now).unwrap();
        assert!(pool.idle(id).is_some() && !pool.look(id) && pool.idle(id).is_none(), "it had them when it came");
        for spoil in [|far: &MemoryStream| far.push(b"x"), |far: &MemoryStream| far.finish()] {
            let (exchange, far) = link(now);
            let id = pool.put(1, exchange, now).unwrap();
            assert!(pool.look(id));
            spoil(&far);
            assert!(pool.take(1, &here, now).is_none(), "they came while it was idle");
            assert!(!pool.look(id));
        }
    }

    #[test]
    fn no_more_than_a_number_of_connections_are_kept() {
        let now = Instant::now();
        let mut pool = Pool::default();
        let kept: Vec<_> = (0..MOST_IDLE + 3)
            .map(|_| {
                let (exchange, far) = link(now);
                pool.put(1, exchange, now);
                far
            })
            .collect();
        assert_eq!((kept.len(), pool.idle_count()), (MOST_IDLE + 3, MOST_IDLE));
        pool.close_session(1);
        assert_eq!(pool.idle_count(), 0);
    }
}
