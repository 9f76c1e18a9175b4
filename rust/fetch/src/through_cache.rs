//! The steps of a call that use the cache: before the request is sent, when a head arrives, and when an attempt fails.

use http_net::{Host, Response, Store, StoredExchange, Verify};
use http_protocol::Method;

use crate::cache::{Belief, Cache, Entry, Met, Served, rules};
use crate::call::{Call, State, World};
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::header_line;
use crate::response::Buffer;
use crate::retry;
use crate::settings::Kind;

/// The number of redirects after which the cache is not asked any more. Otherwise, a stored redirect loop would never end if the number of
/// redirects is not limited.
const MOST_REDIRECTS: u32 = 20;

impl<B: Buffer> Call<B> {
    /// Returns the cache for the current request. `None` if the request does not use the cache.
    fn cache(&self) -> Option<Cache> {
        // A recording must contain complete responses, and a replayed response does not come from a server.
        if self.settings.replay.is_in_use() {
            return None;
        }
        let hop = self.hop.as_ref()?;
        // A response from a server whose certificate was not checked must not be used in a session that checks it.
        let is_anybody = hop.request.address.is_secure() && self.settings.tls.verify == Verify::Nothing;
        self.settings.cache.clone().filter(|_| !is_anybody)
    }

    /// Looks for a response in the cache. Returns whether there is one. It is then read like a response from a connection.
    pub(super) fn ask_cache(&mut self, world: &mut World<'_>) -> bool {
        let Some((hop, cache)) = self.hop.as_ref().zip(self.cache()) else {
            self.turn.watch(None);
            return false;
        };
        let request = &hop.request;
        let is_answered = request.method == Method::Get
            && !request.with_body
            && matches!(self.kind, Kind::Fetch | Kind::Stream)
            && self.redirects < MOST_REDIRECTS
            && !rules::is_by_hand(&request.headers);
        if !is_answered {
            self.turn.watch(Some(cache));
            return false;
        }
        let url = request.address.without_fragment().to_owned();
        let is_secure = request.address.is_secure();
        let belief = if is_secure { Belief::by(&self.settings.tls) } else { Belief::default() };
        let lines = self.lines_to_send(world);
        let lines = self.with_user_agent(lines);
        let unpacks = self.hop.as_ref().is_some_and(|hop| hop.unpacks);
        let shown = world.dialer.context().is_observed().then(|| lines.clone());
        let entry = self.turn.begin(cache, &url, belief, lines, unpacks, world.wall);
        entry.map(|entry| self.serve(entry, shown.as_deref(), world)).is_some()
    }

    /// Adds the conditional header lines for a stored response.
    pub(super) fn ask_for_confirmation(&mut self, lines: &mut Vec<String>, world: &World<'_>) {
        if !self.turn.is_answered() {
            return;
        }
        let sent = self.with_user_agent(lines.clone());
        lines.extend(self.turn.send(&sent, world.wall));
    }

    fn with_user_agent(&self, mut lines: Vec<String>) -> Vec<String> {
        if !header_line::has(&lines, "User-Agent") {
            lines.push(format!("User-Agent: {}", self.settings.user_agent));
        }
        lines
    }

    /// Handles a head. Returns the exchange, unless the call continues with a stored response or with another attempt.
    pub(super) fn meet_cache(
        &mut self,
        exchange: Box<dyn Exchange>,
        response: &Response,
        world: &mut World<'_>,
    ) -> Option<Box<dyn Exchange>> {
        self.facts.is_from_cache = self.turn.serves();
        let Some(hop) = self.hop.as_ref().filter(|_| !self.turn.serves()) else { return Some(exchange) };
        let (head, request) = (&response.head, &hop.request);
        let is_redirect = matches!(head.status, 301 | 302 | 303 | 307 | 308);
        let is_followed = is_redirect && head.fields.named("Location").next().is_some();
        match self.turn.meet(request.method, &request.address, head, response.framing, is_followed, world.wall) {
            Met::Itself => return Some(exchange),
            Met::Confirmed(entry) => {
                self.state = State::Head(Box::new(Served::confirmed(entry, &*exchange)));
                self.let_go(exchange, world);
            }
            Met::Nothing => {
                self.let_go(exchange, world);
                self.state = State::Begin;
            }
        }
        None
    }

    /// Returns whether the cache has a response that is better than one with this status, with which the request would otherwise end.
    pub(super) fn stand_in_for(&mut self, status: u16, world: &World<'_>) -> bool {
        self.turn.stand_in(Some(status), world.wall).map(|entry| self.serve(entry, None, world)).is_some()
    }

    /// Does the same for a failure. Returns the failure if the cache has nothing better.
    pub(super) fn stand_in(&mut self, failure: Failure, world: &mut World<'_>) -> Option<Failure> {
        let is_of_network = failure.retry.is_some_and(|kind| kind != retry::Failure::Tls);
        if self.is_announced || !is_of_network {
            return Some(failure);
        }
        let Some(entry) = self.turn.stand_in(None, world.wall) else { return Some(failure) };
        self.leave_place(world.pool);
        self.serve(entry, None, world);
        None
    }

    /// Continues with a stored response. `lines` are the header lines of the request, if they are known.
    fn serve(&mut self, entry: Entry, lines: Option<&[String]>, world: &World<'_>) {
        self.tell_observer(&entry, lines, world);
        self.state = State::Head(Box::new(Served::new(entry)));
    }

    /// Reports the stored response to the observer, which otherwise only sees connections.
    fn tell_observer(&self, entry: &Entry, lines: Option<&[String]>, world: &World<'_>) {
        let context = world.dialer.context();
        let Some(request) = self.hop.as_ref().map(|hop| &hop.request).filter(|_| context.is_observed()) else { return };
        let address = &request.address;
        let host = Host::parse(address.host(), i64::from(address.port()), address.is_secure());
        let Ok(host) = host else { return };
        let first =
            format!("{} {} HTTP/1.1\r\nHost: {}", request.method.as_str(), address.target(), host.header_value());
        let lines = lines.unwrap_or(&request.headers).iter().map(String::as_str);
        let request_head = std::iter::once(first.as_str()).chain(lines).collect::<Vec<_>>().join("\r\n") + "\r\n\r\n";
        context.tell_stored(&StoredExchange {
            store: Store::Cache,
            host: &host,
            method: request.method,
            request_head: request_head.as_bytes(),
            head: &entry.head,
            body: entry.body(),
        });
    }

    /// Keeps the connection of an unwanted response if the response is already complete. Otherwise, closes it.
    pub(super) fn let_go(&mut self, mut exchange: Box<dyn Exchange>, world: &mut World<'_>) {
        match exchange.receive(world.scratch, world.now) {
            Ok(received) if received.is_over => self.put_back(exchange, world),
            _ => self.leave_place(world.pool),
        }
    }
}
