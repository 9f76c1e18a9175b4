//! How a call reaches a server: it checks the request, takes a place among the connections of the host, gets a connection, and sends the
//! request.

use std::sync::Arc;
use std::time::Instant;

use http_net::{Host, Route};

use crate::attempt::{self, Extra};
use crate::call::{Call, State, Step, World};
use crate::decode;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::header_line;
use crate::hop::{Hop, Way};
use crate::part::PartFile;
use crate::pool::Pool;
use crate::replay;
use crate::response::{Buffer, Facts, ResultCode};
use crate::retry;
use crate::settings::Kind;
use crate::sink::{EventStream, Memory, Sink};

impl<B: Buffer> Call<B> {
    /// Checks the request if that was not done yet, and determines its route.
    pub(super) fn begin(&mut self, world: &mut World<'_>) -> Result<Step, Failure> {
        if self.hop.is_none() {
            if let Some(sentence) = self.settings.replay.problem_of_file() {
                return Err(Failure::invalid(sentence));
            }
            self.body = self.asked.body.prepare()?;
            let checked = attempt::check(&self.settings, &self.asked, self.body.len())?;
            self.sink = match &self.kind {
                Kind::Fetch => Sink::Memory(Memory::new(self.settings.body_size_limit)),
                Kind::Stream => Sink::Chunks,
                Kind::Listen => Sink::Events(Box::new(EventStream::new())),
                Kind::Download(to) => Sink::File(Box::new(PartFile::new(&to.path, to.resumes, to.limit)?)),
            };
            let (request, base_origin) = (checked.request, checked.base_origin);
            let asked_url = request.address.without_fragment().to_owned();
            self.hop = Some(Hop { request, asked_url, base_origin, way: None, unpacks: false });
        }
        let Some(hop) = &mut self.hop else { return Ok(Step::Wait) };
        self.facts = Facts {
            url: hop.request.address.as_str().to_owned(),
            redirects: std::mem::take(&mut self.facts.redirects),
            attempts: self.retries + 1,
            ..Facts::default()
        };
        if self.ask_cache(world) {
            return Ok(Step::Again);
        }
        let Some(hop) = &mut self.hop else { return Ok(Step::Wait) };
        let address = &hop.request.address;
        let invalid = |error: http_net::Error| Failure::of_exchange(&error);
        let host = Host::parse(address.host(), i64::from(address.port()), address.is_secure()).map_err(invalid)?;
        let proxy = self.settings.proxies.for_host(&host).map_err(invalid)?;
        let route = Arc::new(Route::new(host, proxy, &self.settings.tls));
        hop.way = Some(Way { route, place: None });
        let until = self.settings.place_patience.and_then(|patience| world.now.checked_add(patience));
        self.take_place(until, world)
    }

    pub(super) fn take_place(&mut self, until: Option<Instant>, world: &mut World<'_>) -> Result<Step, Failure> {
        let who = self.task.key();
        let Some(way) = self.hop.as_mut().and_then(|hop| hop.way.as_mut()) else { return Ok(Step::Wait) };
        if !matches!(self.kind, Kind::Listen) {
            let key = (self.task.session(), way.route.host().clone());
            let has_place = world.pool.enter(&key, who, self.settings.max_connections_per_host);
            if !has_place && until.is_some_and(|until| world.now >= until) {
                world.pool.force(&key, who);
            } else if !has_place {
                way.place = Some(key);
                self.state = State::Queued(until);
                return Ok(Step::Wait);
            }
            way.place = Some(key);
        }
        let route = way.route.clone();
        if let Some(played) = self.played(world) {
            return self.send(played, false, world);
        }
        let kept = (!self.lost_kept).then(|| world.pool.take(self.task.session(), &route, world.now)).flatten();
        if let Some((_, exchange)) = kept {
            return self.send(exchange, true, world);
        }
        let (limit, user_agent) = (self.settings.connect_timeout, self.settings.user_agent.clone());
        self.was_written = false;
        let dialing = world.dialer.dial(route, limit, user_agent, world.now);
        self.state = State::Dialing(dialing.map_err(|error| self.not_connected(&error, world))?);
        Ok(Step::Again)
    }

    /// Begins the request on a connection.
    pub(super) fn send(
        &mut self,
        exchange: Box<dyn Exchange>,
        on_kept: bool,
        world: &mut World<'_>,
    ) -> Result<Step, Failure> {
        let mut exchange = self.watched(exchange, on_kept, world);
        (self.on_kept, self.was_written, self.uploaded) = (on_kept, false, 0);
        let mut lines = self.lines_to_send(world);
        self.ask_for_confirmation(&mut lines, world);
        let Some(hop) = &self.hop else { return Ok(Step::Wait) };
        let request = &hop.request;
        let head = http_net::Request {
            method: request.method,
            url: request.address.target(),
            headers: &lines.iter().map(String::as_str).collect::<Vec<_>>(),
            user_agent: &self.settings.user_agent,
        };
        let body = if request.with_body { self.body.body() } else { http_net::Body::empty() };
        exchange.begin(&head, body, world.now).map_err(|error| {
            if exchange.has_missed() {
                return Failure::new(ResultCode::ReplayMiss, error.to_string());
            }
            let failure = Failure::of_exchange(&error);
            // A failure of a connection while it was idle says nothing about the request.
            let retry = failure.retry.map(|kind| if on_kept { retry::Failure::ClosedBeforeResponse } else { kind });
            Failure { retry, ..failure }
        })?;
        self.facts.tls = exchange.tls();
        self.state = State::Head(exchange);
        // The server cannot have answered yet, and trying to read would only cost a system call.
        Ok(Step::Wait)
    }

    /// Returns the header lines with which the request is sent now.
    pub(super) fn lines_to_send(&mut self, world: &World<'_>) -> Vec<String> {
        let Some(hop) = &mut self.hop else { return Vec::new() };
        let request = &hop.request;
        let script = &request.headers;
        let of_download = match &mut self.sink {
            Sink::File(part) => {
                let plan = part.plan(&hop.asked_url, header_line::has(script, "Range"));
                Some(plan.header_lines())
            }
            _ => None,
        };
        let last_event_id = match &self.sink {
            Sink::Events(stream) => Some(stream.parser.last_id()),
            _ => None,
        };
        let takes_cookies = self.settings.cookies_enabled && !header_line::has(script, "Cookie");
        let cookies =
            takes_cookies.then(|| self.cookies.with(|jar| jar.header(&request.address, world.wall))).flatten();
        let is_home = hop.base_origin.as_ref() == Some(&request.address.origin());
        let accepts_compression = self.settings.accept_compression && decode::is_accepted(script);
        let extra = Extra {
            cookies: cookies.as_deref(),
            credentials: self.settings.credentials.as_ref().filter(|_| is_home),
            of_download: of_download.as_deref(),
            last_event_id,
            accepts_compression,
        };
        let lines = attempt::header_lines(script, extra);
        hop.unpacks = accepts_compression || of_download.is_some() && decode::is_accepted(script);
        lines
    }

    /// Returns the data by which the replay identifies a request.
    fn asked(&self) -> Option<replay::Asked<'_>> {
        let request = &self.hop.as_ref()?.request;
        let (url, base_url) = (request.address.without_fragment(), self.settings.base_url.as_str());
        Some(replay::Asked { method: request.method, url, base_url })
    }

    fn played(&self, world: &World<'_>) -> Option<Box<dyn Exchange>> {
        self.settings.replay.played(self.asked()?, world.dialer.context(), world.now)
    }

    fn watched(&self, exchange: Box<dyn Exchange>, on_kept: bool, world: &World<'_>) -> Box<dyn Exchange> {
        match self.asked() {
            Some(asked) => self.settings.replay.watched(exchange, asked, on_kept, world.wall),
            None => exchange,
        }
    }

    /// Records that there is no connection, and returns the failure.
    pub(super) fn not_connected(&self, error: &http_net::Error, world: &World<'_>) -> Failure {
        if let (Some(asked), Some(hop)) = (self.asked(), &self.hop) {
            let body = if hop.request.with_body { self.body.body() } else { http_net::Body::empty() };
            self.settings.replay.note_no_connection(asked, &hop.request.headers, body, error, world.wall);
        }
        Failure::of_exchange(error)
    }

    /// Keeps a connection whose exchange is over, and then releases its place. In this order, the next call finds the connection.
    pub(super) fn put_back(&mut self, exchange: Box<dyn Exchange>, world: &mut World<'_>) {
        world.pool.put(self.task.session(), exchange.bare(), world.now);
        self.leave_place(world.pool);
    }

    pub(crate) fn leave_place(&mut self, pool: &mut Pool) {
        if let Some(key) = self.hop.as_mut().and_then(|hop| hop.way.as_mut()).and_then(|way| way.place.take()) {
            pool.leave(&key, self.task.key(), self.settings.max_connections_per_host);
        }
    }
}
