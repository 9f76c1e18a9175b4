//! Where a call meets the cache: before it goes to the network, when a head comes, and where there is none.

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

/// After so many redirects the server is asked itself: a loop that was kept would turn without anybody to end it.
const MOST_REDIRECTS: u32 = 20;

impl<B: Buffer> Call<B> {
    /// The cache of the request that is under way; none if it has no part in it.
    fn cache(&self) -> Option<Cache> {
        // A recording has whole answers, whatever was kept before, and what is played is not what a server says.
        if self.settings.replay.is_in_use() {
            return None;
        }
        let hop = self.hop.as_ref()?;
        // What somebody said whom nobody checked must not answer a session that checks.
        let is_anybody = hop.request.address.is_secure() && self.settings.tls.verify == Verify::Nothing;
        self.settings.cache.clone().filter(|_| !is_anybody)
    }

    /// Looks for an answer in the cache. True if there is one: it comes as if from a connection.
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
        let belief = is_secure.then(|| Belief::by(&self.settings.tls)).unwrap_or_default();
        let lines = self.lines_to_send(world);
        let lines = self.with_user_agent(lines);
        let unpacks = self.hop.as_ref().is_some_and(|hop| hop.unpacks);
        let shown = world.dialer.context().is_observed().then(|| lines.clone());
        let entry = self.turn.begin(cache, &url, belief, lines, unpacks, world.wall);
        entry.map(|entry| self.serve(entry, shown.as_deref(), world)).is_some()
    }

    /// Adds the conditions to the lines that are sent.
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

    /// A head came. Gives the exchange back, unless the cache has another one for the call to go on with.
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

    /// An answer of this status is what the request would end with. True if the cache has a better one.
    pub(super) fn stand_in_for(&mut self, status: u16, world: &World<'_>) -> bool {
        self.turn.stand_in(Some(status), world.wall).map(|entry| self.serve(entry, None, world)).is_some()
    }

    /// The same of a failure, which is given back if the cache has nothing better.
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

    /// `lines` are those of the request, if they are known.
    fn serve(&mut self, entry: Entry, lines: Option<&[String]>, world: &World<'_>) {
        self.tell_observer(&entry, lines, world);
        self.state = State::Head(Box::new(Served::new(entry)));
    }

    /// Nobody who watches connections would hear of it otherwise.
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

    /// Keeps the connection of a response that is not wanted, if that is over already.
    pub(super) fn let_go(&mut self, mut exchange: Box<dyn Exchange>, world: &mut World<'_>) {
        match exchange.receive(world.scratch, world.now) {
            Ok(received) if received.is_over => self.put_back(exchange, world),
            _ => self.leave_place(world.pool),
        }
    }
}
