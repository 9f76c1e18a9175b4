//! How a call handles a response: it decides whether to continue with another request or to deliver the response, and moves the body to its
//! destination.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http_net::{Framing, Head};

use crate::call::{Call, Draining, Packed, State, Step, World};
use crate::decode::{self, Coding, Decoder};
use crate::download::{Fields, Verdict};
use crate::events;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::redirect;
use crate::response::{Buffer, ResultCode};
use crate::retry::{End, Next};
use crate::sink::{Memory, Sink};
use crate::task::Notice;

/// The maximum number of bytes, and the maximum time, for reading an unwanted body in order to keep its connection. A new connection costs
/// about as much.
const DRAIN: usize = 64 << 10;
const DRAIN_FOR: Duration = Duration::from_millis(500);
/// The size of one read of a compressed body, in bytes.
const PACKED: usize = 64 << 10;

impl<B: Buffer> Call<B> {
    /// Handles the final head of an attempt.
    pub(super) fn on_head(
        &mut self,
        exchange: Box<dyn Exchange>,
        response: &http_net::Response,
        world: &mut World<'_>,
    ) -> Result<Step, Failure> {
        let head = &response.head;
        self.facts.code = head.status;
        self.facts.head = Some(head.clone());
        self.facts.body_size = match response.framing {
            Framing::Length(len) => Some(len),
            Framing::None | Framing::Empty { .. } => Some(0),
            _ => None,
        };
        self.store_cookies(head, world);
        if matches!(response.framing, Framing::Switched) {
            // The data that follows is not HTTP, and a session cannot use it.
            return Ok(Step::Done);
        }
        let Some(exchange) = self.meet_cache(exchange, response, world) else { return Ok(Step::Again) };
        let Some(hop) = &self.hop else { return Ok(Step::Wait) };
        let policy = redirect::Policy {
            most: self.settings.max_redirects,
            allow_insecure: self.settings.allow_insecure_redirects,
        };
        let locations: Vec<_> = head.fields.named("Location").map(|field| field.value().into_owned()).collect();
        let locations = locations.iter().map(String::as_str);
        let request = &hop.request;
        if let Some(next) = redirect::follow(policy, self.redirects, request, head.status, locations)? {
            self.follow(next);
            self.state = draining(exchange, world.now, world.now);
            return Ok(Step::Again);
        }
        if !matches!(self.sink, Sink::Events(_)) && !self.facts.is_from_cache {
            let retry_after = value(head, "Retry-After");
            let end = End::Answered { status: head.status, retry_after: retry_after.as_deref() };
            if let Next::After(after) = self.decide(end, world) {
                let next = self.plan_retry(after, end.to_string(), world.now);
                self.state = draining(exchange, next, world.now);
                return Ok(Step::Again);
            }
            if self.stand_in_for(head.status, world) {
                self.let_go(exchange, world);
                return Ok(Step::Again);
            }
        }
        self.begin_body(exchange, head, world)
    }

    fn store_cookies(&self, head: &Head, world: &World<'_>) {
        let Some(hop) = self.hop.as_ref().filter(|_| self.settings.cookies_enabled) else { return };
        for field in head.fields.named("Set-Cookie") {
            // An invalid cookie is ignored. It is not an error of the request.
            let _ = self.cookies.with(|jar| jar.set(&hop.request.address, &field.value(), world.wall));
        }
    }

    /// Decides where the body goes, and prepares that sink.
    fn begin_body(
        &mut self,
        exchange: Box<dyn Exchange>,
        head: &Arc<Head>,
        world: &mut World<'_>,
    ) -> Result<Step, Failure> {
        let Some(hop) = &self.hop else { return Ok(Step::Wait) };
        let (method, url, unpacks) = (hop.request.method, hop.asked_url.as_str(), hop.unpacks);
        let encodings: Vec<_> = head.fields.named("Content-Encoding").map(|field| field.value().into_owned()).collect();
        let codings = match unpacks && decode::applies(method, head.status) && self.facts.body_size != Some(0) {
            true => Coding::list(encodings.iter().map(String::as_str))?,
            false => Vec::new(),
        };
        (self.received, self.total) = (0, self.facts.body_size);
        let mut keeps_in_memory = matches!(self.sink, Sink::Memory(_));
        match &mut self.sink {
            Sink::File(part) => {
                let (content_range, etag, last_modified) =
                    (value(head, "Content-Range"), value(head, "ETag"), value(head, "Last-Modified"));
                let fields = Fields {
                    content_range: content_range.as_deref(),
                    body_len: self.facts.body_size,
                    etag: etag.as_deref(),
                    last_modified: last_modified.as_deref(),
                    is_encoded: encodings.iter().any(|value| !value.trim().eq_ignore_ascii_case("identity")),
                };
                match part.judge(url, head.status, &fields)? {
                    Verdict::StartOver { .. } => {}
                    Verdict::Append { len } => (self.received, self.total) = (part.len(), Some(len)),
                    Verdict::Complete => {
                        part.finish()?;
                        self.received = part.len();
                        self.total = Some(self.received);
                        self.announce();
                        self.task.progress(self.received, self.total);
                        return Ok(Step::Done);
                    }
                    Verdict::AskAgain => {
                        self.state = draining(exchange, world.now, world.now);
                        return Ok(Step::Again);
                    }
                    Verdict::NoFile => keeps_in_memory = true,
                }
            }
            Sink::Events(stream) => match events::judge(head.status, value(head, "Content-Type").as_deref()) {
                events::Verdict::Stream => stream.open(),
                events::Verdict::NoMore => keeps_in_memory = true,
                events::Verdict::OtherStatus => keeps_in_memory = true,
                events::Verdict::OtherType => {
                    let sentence = "the response is not an event stream (text/event-stream)";
                    return Err(Failure::new(ResultCode::RequestFailed, sentence));
                }
            },
            _ => {}
        }
        if keeps_in_memory {
            let mut memory = Memory::new(self.settings.body_size_limit);
            memory.begin(self.facts.body_size.filter(|_| codings.is_empty()))?;
            self.sink = Sink::Memory(memory);
        }
        self.decoder = (!codings.is_empty()).then(|| Decoder::new(&codings, self.sink.limit()));
        self.packed = Packed::default();
        self.announce();
        self.state = State::Body(exchange);
        Ok(Step::Again)
    }

    fn announce(&mut self) {
        if !std::mem::replace(&mut self.is_announced, true) {
            self.task.tell(Notice::ResponseStarted(Arc::new(self.facts.clone())));
        }
    }

    /// Reads a part of the body, unless the owner of the task has not yet taken enough of the earlier data.
    pub(super) fn read_body(
        &mut self,
        mut exchange: Box<dyn Exchange>,
        world: &mut World<'_>,
    ) -> Result<Step, Failure> {
        if self.sink.is_given_out() && self.task.is_full() {
            self.is_paused = true;
            exchange.send(world.now);
            self.note_upload(&*exchange);
            self.state = State::Body(exchange);
            return Ok(Step::Wait);
        }
        if std::mem::take(&mut self.is_paused) {
            self.resumed = Some(world.now);
        }
        let moved = self.move_body(&mut *exchange, world);
        self.facts.timings = exchange.timings();
        self.note_upload(&*exchange);
        let moved = moved?;
        if moved.received > 0 {
            self.received += moved.received as u64;
            self.task.progress(self.received, self.total);
        }
        if moved.is_over {
            self.put_back(exchange, world);
            return self.end_body(world);
        }
        if moved.received == 0 && !moved.goes_on {
            self.check_stall(&mut *exchange, world)?;
            self.state = State::Body(exchange);
            return Ok(Step::Wait);
        }
        self.state = State::Body(exchange);
        Ok(Step::Again)
    }

    fn move_body(&mut self, exchange: &mut dyn Exchange, world: &mut World<'_>) -> Result<Moved, Failure> {
        let (now, turn) = (world.now, &mut self.turn);
        let mut moved = Moved::default();
        let Some(decoder) = &mut self.decoder else {
            moved.received = self.sink.fill(world.scratch, &self.task, |room| {
                let received = exchange.receive(room, now).map_err(|error| Failure::of_exchange(&error))?;
                turn.record(&room[..received.bytes]);
                moved.is_over = received.is_over;
                Ok(received.bytes)
            })?;
            return Ok(moved);
        };
        let packed = &mut self.packed;
        if packed.start == packed.end && !packed.is_last {
            packed.bytes = std::mem::take(world.packed);
            packed.bytes.resize(PACKED, 0);
            let received = exchange.receive(&mut packed.bytes, now).map_err(|error| Failure::of_exchange(&error))?;
            turn.record(&packed.bytes[..received.bytes]);
            (packed.start, packed.end, packed.is_last) = (0, received.bytes, received.is_over);
            moved.received = received.bytes;
        }
        self.sink.fill(world.scratch, &self.task, |room| {
            let step = decoder.step(&packed.bytes[packed.start..packed.end], packed.is_last, room)?;
            packed.start += step.read;
            moved.goes_on = step.state == decode::State::Working;
            moved.is_over = packed.is_last && step.state == decode::State::Done;
            Ok(step.written)
        })?;
        if packed.start == packed.end {
            *world.packed = std::mem::take(&mut packed.bytes);
            (packed.start, packed.end) = (0, 0);
        }
        Ok(moved)
    }

    /// Completes the body. An event stream waits for its next connection.
    fn end_body(&mut self, world: &mut World<'_>) -> Result<Step, Failure> {
        (self.decoder, self.packed) = (None, Packed::default());
        self.turn.finish(world.wall);
        match &mut self.sink {
            Sink::File(part) => {
                part.finish()?;
                Ok(Step::Done)
            }
            Sink::Events(stream) => {
                stream.is_open = false;
                let is_get = self.hop.as_ref().is_some_and(|hop| hop.request.method == http_protocol::Method::Get);
                if !is_get {
                    return Ok(Step::Done);
                }
                let after = stream.reconnection.after_end();
                let next = self.plan_retry(after, "the event stream ended".to_owned(), world.now);
                self.state = State::Waiting(next);
                Ok(Step::Again)
            }
            _ => Ok(Step::Done),
        }
    }

    /// Reads the rest of an unwanted response, and then continues with the next attempt.
    pub(super) fn drain(&mut self, mut draining: Draining, world: &mut World<'_>) -> Result<Step, Failure> {
        let most = draining.left.min(world.scratch.len());
        let next = draining.next;
        match draining.exchange.receive(&mut world.scratch[..most], world.now) {
            Ok(received) if received.is_over => self.put_back(draining.exchange, world),
            Ok(received) if received.bytes < draining.left && world.now < draining.until => {
                draining.left -= received.bytes;
                let step = if received.bytes == 0 { Step::Wait } else { Step::Again };
                self.state = State::Draining(draining);
                return Ok(step);
            }
            // The rest is too long or too slow, or the connection failed. Close it.
            _ => self.leave_place(world.pool),
        }
        self.state = State::Waiting(next);
        Ok(Step::Again)
    }
}

fn draining(exchange: Box<dyn Exchange>, next: Instant, now: Instant) -> State {
    let until = now.checked_add(DRAIN_FOR).unwrap_or(now);
    State::Draining(Draining { exchange, left: DRAIN, until, next })
}

#[derive(Default)]
struct Moved {
    /// Bytes received from the connection.
    received: usize,
    /// The decoder has more output.
    goes_on: bool,
    is_over: bool,
}

fn value(head: &Head, name: &str) -> Option<String> {
    head.fields.named(name).next().map(|field| field.value().into_owned())
}
