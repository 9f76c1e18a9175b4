//! One call, from a request to its completion, over any number of attempts and redirects.
//!
//! ```text
//!  Begin ──▶ (Queued) ──▶ Dialing ──▶ Head ──▶ Body ──▶ Over
//!    ▲          │  a kept connection ──▶ ▲ │      │
//!    │          └────────────────────────┘ │      │ a stream of events that ends,
//!    │                                     ▼      │ a download that breaks off
//!    │                 a redirect,     Draining   │
//!    │                 or a status        │       │
//!    │                 to try again       ▼       ▼
//!    └──────────────────────────────── Waiting ◀──┘ ◀── any failure that is worth another attempt
//! ```
//!
//! A response from the cache leads from `Begin` to `Head`. So does a stored response that a 304 confirmed or that replaces a failure, from
//! the state in which this is known. Every other failure leads to `Over`, and so does `cancel`, from every state. The task is always
//! completed exactly once: [`Call::advance`] returns whether the call is over, and dropping a call before that completes the task as
//! cancelled.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http_net::Wait;

use crate::cache::Turn;
use crate::cookie_file::Cookies;
use crate::decode::Decoder;
use crate::exchange::{Dialer, Dialing, Exchange};
use crate::failure::Failure;
use crate::hop::Hop;
use crate::pool::Pool;
use crate::redirect;
use crate::response::{Buffer, Facts, Response, ResultCode};
use crate::retry::{self, Attempt, End, Next};
use crate::settings::{Kind, Prepared, Request, Settings};
use crate::sink::{Memory, Sink};
use crate::task::{Notice, Phase, Shared};

/// The number of steps that a call makes before other calls have their turn. A step in a body, with up to 256 KiB, counts for several.
const STEPS: usize = 32;
const STEPS_OF_BODY: usize = 8;

/// What a call needs from the thread that drives it.
pub(crate) struct World<'a> {
    /// The monotonic time, for time limits.
    pub(crate) now: Instant,
    /// The time of day, for dates from servers.
    pub(crate) wall: SystemTime,
    /// A random number from 0 to 1.
    pub(crate) random: f64,
    pub(crate) pool: &'a mut Pool,
    pub(crate) dialer: &'a dyn Dialer,
    /// A buffer for data that is not received directly into its destination.
    pub(crate) scratch: &'a mut [u8],
    /// A buffer for compressed data. A call that has decoded its data puts the buffer back here.
    pub(crate) packed: &'a mut Vec<u8>,
}

/// See the module.
pub(crate) struct Call<B: Buffer> {
    pub(crate) task: Arc<Shared<B>>,
    pub(super) settings: Arc<Settings>,
    pub(super) cookies: Arc<Cookies>,
    pub(super) kind: Kind,
    pub(super) asked: Request,
    pub(super) state: State,
    /// `None` until the request was checked.
    pub(super) hop: Option<Hop>,
    pub(super) body: Prepared,
    pub(super) sink: Sink<B>,
    pub(super) facts: Facts,
    began: Option<Instant>,
    pub(super) retries: u32,
    pub(super) redirects: u32,
    /// Whether an attempt of the current request failed because its kept connection had ended.
    pub(super) lost_kept: bool,
    /// Whether the connection of the current attempt was used before.
    pub(super) on_kept: bool,
    /// Whether at least a part of the current request was written.
    pub(super) was_written: bool,
    /// The part that the cache has in the current request.
    pub(super) turn: Turn,
    pub(super) decoder: Option<Decoder>,
    /// Received data that is not decompressed yet.
    pub(super) packed: Packed,
    /// The number of body bytes received, before decompression. For a resumed download, this includes the bytes that existed before.
    pub(super) received: u64,
    pub(super) total: Option<u64>,
    pub(super) uploaded: u64,
    /// The time at which reading continued after a pause, because the owner had taken the data.
    pub(super) resumed: Option<Instant>,
    pub(super) is_paused: bool,
    /// Whether the task has been notified of the response.
    pub(super) is_announced: bool,
    /// Whether there is more to do at once.
    is_busy: bool,
}

#[derive(Default)]
pub(super) struct Packed {
    /// Empty while it contains no data.
    pub(super) bytes: Vec<u8>,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) is_last: bool,
}

pub(super) enum State {
    Begin,
    /// Waiting for a place in the pool, until this time.
    Queued(Option<Instant>),
    Dialing(Box<dyn Dialing>),
    Head(Box<dyn Exchange>),
    Body(Box<dyn Exchange>),
    /// Reading the rest of an unwanted response, so that its connection can be used again.
    Draining(Draining),
    /// Waiting until this time for another attempt.
    Waiting(Instant),
    Over,
}

pub(super) struct Draining {
    pub(super) exchange: Box<dyn Exchange>,
    pub(super) left: usize,
    pub(super) until: Instant,
    /// When the next attempt begins.
    pub(super) next: Instant,
}

pub(super) enum Step {
    Again,
    Wait,
    Done,
}

impl<B: Buffer> Call<B> {
    pub(crate) fn new(
        task: Arc<Shared<B>>,
        settings: Arc<Settings>,
        cookies: Arc<Cookies>,
        kind: Kind,
        asked: Request,
    ) -> Self {
        let facts = Facts { url: asked.url.clone(), ..Facts::default() };
        Self {
            sink: Sink::Memory(Memory::new(settings.body_size_limit)),
            task,
            settings,
            cookies,
            kind,
            asked,
            state: State::Begin,
            hop: None,
            body: Prepared::Empty,
            facts,
            began: None,
            retries: 0,
            redirects: 0,
            lost_kept: false,
            on_kept: false,
            was_written: false,
            turn: Turn::default(),
            decoder: None,
            packed: Packed::default(),
            received: 0,
            total: None,
            uploaded: 0,
            resumed: None,
            is_paused: false,
            is_announced: false,
            is_busy: false,
        }
    }

    /// Makes progress. Returns whether the call is over. Do not call it again after that.
    pub(crate) fn advance(&mut self, world: &mut World<'_>) -> bool {
        let _whose = http_net::for_task(self.task.key() as u64);
        let began = *self.began.get_or_insert(world.now);
        self.is_busy = false;
        if self.task.is_cancelled() {
            return self.fail(Failure::cancelled(), world);
        }
        let mut left = STEPS;
        loop {
            left = left.saturating_sub(if matches!(self.state, State::Body(_)) { STEPS_OF_BODY } else { 1 });
            match self.step(world) {
                Ok(Step::Done) => return self.complete(ResultCode::Success, String::new(), world),
                Ok(Step::Again) => {}
                Ok(Step::Wait) => break,
                Err(failure) => {
                    let failure = self.retry_after(failure, world);
                    if let Some(failure) = failure.and_then(|failure| self.stand_in(failure, world)) {
                        return self.fail(failure, world);
                    }
                }
            }
            if left == 0 {
                self.is_busy = true;
                break;
            }
        }
        if let Some(phase) = self.phase() {
            self.task.set_phase(phase);
        }
        // The time limit is only checked when the call can do nothing more at once.
        let limit = self.settings.timeout.filter(|limit| world.now.saturating_duration_since(began) >= *limit);
        if let Some(limit) = limit {
            let sentence = format!("the request took longer than {} s (timeout)", limit.as_secs_f64());
            return self.fail(Failure::new(ResultCode::Timeout, sentence), world);
        }
        false
    }

    /// Returns the phase of the task. `None` in the state `Over`, so that the last phase stays visible.
    fn phase(&self) -> Option<Phase> {
        Some(match &self.state {
            State::Begin | State::Queued(_) | State::Waiting(_) => Phase::Waiting,
            State::Dialing(dialing) if dialing.is_resolving() => Phase::Resolving,
            State::Dialing(_) => Phase::Connecting,
            State::Head(_) => Phase::Requesting,
            State::Body(_) | State::Draining(_) => Phase::Receiving,
            State::Over => return None,
        })
    }

    /// Adds everything that the call waits for to `wait`.
    pub(crate) fn wait_for(&self, wait: &mut Wait) {
        if self.is_busy || self.task.is_cancelled() {
            wait.now();
        }
        if let Some(deadline) = self.began.and_then(|began| began.checked_add(self.settings.timeout?)) {
            wait.until(deadline);
        }
        match &self.state {
            State::Begin => wait.now(),
            State::Queued(until) => until.iter().for_each(|until| wait.until(*until)),
            State::Dialing(dialing) => dialing.wait_for(wait),
            State::Head(exchange) | State::Body(exchange) => {
                exchange.wait_for(!self.is_paused, wait);
                if let Some(deadline) = self.stalls_at(&**exchange) {
                    wait.until(deadline);
                }
            }
            State::Draining(draining) => {
                draining.exchange.wait_for(true, wait);
                wait.until(draining.until);
            }
            State::Waiting(until) => wait.until(*until),
            State::Over => {}
        }
    }

    fn step(&mut self, world: &mut World<'_>) -> Result<Step, Failure> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Begin => self.begin(world),
            State::Queued(until) => self.take_place(until, world),
            State::Dialing(mut dialing) => match dialing.advance(world.now) {
                Err(error) => Err(self.not_connected(&error, world)),
                Ok(Some(exchange)) => self.send(exchange, false, world),
                Ok(None) => {
                    self.state = State::Dialing(dialing);
                    Ok(Step::Wait)
                }
            },
            State::Head(exchange) => self.await_head(exchange, world),
            State::Body(exchange) => self.read_body(exchange, world),
            State::Draining(draining) => self.drain(draining, world),
            State::Waiting(until) if world.now >= until => {
                self.state = State::Begin;
                Ok(Step::Again)
            }
            State::Waiting(until) => {
                self.state = State::Waiting(until);
                Ok(Step::Wait)
            }
            State::Over => Ok(Step::Wait),
        }
    }

    fn await_head(&mut self, mut exchange: Box<dyn Exchange>, world: &mut World<'_>) -> Result<Step, Failure> {
        let received = exchange.receive_head(world.now);
        self.was_written = exchange.bytes_sent() > 0;
        self.facts.timings = exchange.timings();
        self.note_upload(&*exchange);
        match received.map_err(|error| Failure::of_exchange(&error))? {
            Some(response) => self.on_head(exchange, &response, world),
            None => {
                self.check_stall(&mut *exchange, world)?;
                self.state = State::Head(exchange);
                Ok(Step::Wait)
            }
        }
    }

    pub(super) fn note_upload(&mut self, exchange: &dyn Exchange) {
        let (sent, total) = (exchange.body_bytes_sent(), self.body.len());
        if sent > self.uploaded {
            self.uploaded = sent;
            self.task.upload_progress(sent.min(total), total);
        }
    }

    /// Returns when the stall timeout ends. `None` if a stall is not the server's fault.
    fn stalls_at(&self, exchange: &dyn Exchange) -> Option<Instant> {
        let limit = self.settings.stall_timeout.filter(|_| !self.is_paused && !matches!(self.kind, Kind::Listen))?;
        let silent = exchange.silent_at(limit)?;
        let after_pause = self.resumed.and_then(|resumed| resumed.checked_add(limit));
        Some(after_pause.map_or(silent, |after_pause| silent.max(after_pause)))
    }

    pub(super) fn check_stall(&self, exchange: &mut dyn Exchange, world: &World<'_>) -> Result<(), Failure> {
        match (self.settings.stall_timeout, self.stalls_at(exchange)) {
            (Some(limit), Some(at)) if world.now >= at => {
                exchange.check_silence(limit, world.now).map_err(|error| Failure::of_exchange(&error))
            }
            _ => Ok(()),
        }
    }

    /// Continues with the request that results from a redirect.
    pub(super) fn follow(&mut self, next: redirect::Request) {
        let Some(hop) = &mut self.hop else { return };
        let from = std::mem::replace(&mut hop.request, next);
        self.facts.redirects.push(from.address.as_str().to_owned());
        self.redirects += 1;
        self.lost_kept = false;
    }

    /// Decides whether another attempt follows one that ended, and when.
    pub(super) fn decide(&self, end: End<'_>, world: &World<'_>) -> Next {
        let Some(hop) = &self.hop else { return Next::Stop };
        let policy =
            retry::Policy { most: self.settings.max_retries, unsafe_methods: self.settings.retry_unsafe_methods };
        let attempt = Attempt {
            method: hop.request.method,
            retries: self.retries,
            on_kept_connection: self.on_kept,
            was_written: self.was_written,
            has_lost_kept_connection: self.lost_kept,
            can_resume: matches!(&self.sink, Sink::File(part) if part.can_resume()),
            time_left: self.time_left(world.now),
        };
        retry::decide(policy, &attempt, end, world.wall, world.random)
    }

    fn time_left(&self, now: Instant) -> Option<Duration> {
        let passed = now.saturating_duration_since(self.began?);
        Some(self.settings.timeout?.saturating_sub(passed))
    }

    /// Counts and announces a retry after this wait. Returns the time of the next attempt.
    pub(super) fn plan_retry(&mut self, after: Duration, reason: String, now: Instant) -> Instant {
        self.retries = self.retries.saturating_add(1);
        self.lost_kept = false;
        self.task.tell(Notice::Retrying { attempt: self.retries + 1, after, reason });
        now.checked_add(after).unwrap_or(now)
    }

    /// Plans another attempt if the failure allows one. Otherwise, returns the failure.
    fn retry_after(&mut self, failure: Failure, world: &mut World<'_>) -> Option<Failure> {
        self.state = State::Over;
        self.is_paused = false;
        if let Sink::File(part) = &mut self.sink {
            part.break_off();
        }
        let Some(kind) = failure.retry else { return Some(failure) };
        if let Some(after) = self.reconnection(kind) {
            self.leave_place(world.pool);
            self.state = State::Waiting(self.plan_retry(after, End::Failed(kind).to_string(), world.now));
            return None;
        }
        match self.decide(End::Failed(kind), world) {
            Next::Stop => return Some(failure),
            Next::AtOnce => {
                self.leave_place(world.pool);
                self.lost_kept = true;
                self.state = State::Begin;
            }
            Next::After(after) => {
                self.leave_place(world.pool);
                self.state = State::Waiting(self.plan_retry(after, End::Failed(kind).to_string(), world.now));
            }
        }
        None
    }

    /// Returns the wait before an event stream is requested again. `None` if the request is not an event stream that was open before.
    fn reconnection(&mut self, kind: retry::Failure) -> Option<Duration> {
        let is_get = self.hop.as_ref().is_some_and(|hop| hop.request.method == http_protocol::Method::Get);
        let Sink::Events(stream) = &mut self.sink else { return None };
        if !stream.was_opened || !is_get || kind == retry::Failure::BadResponse {
            return None;
        }
        let was_open = std::mem::take(&mut stream.is_open);
        Some(if was_open { stream.reconnection.after_end() } else { stream.reconnection.after_failure() })
    }

    fn fail(&mut self, failure: Failure, world: &mut World<'_>) -> bool {
        if let Sink::File(part) = &mut self.sink {
            part.break_off();
        }
        self.complete(failure.result, failure.sentence, world)
    }

    /// Ends the call, and completes its task.
    fn complete(&mut self, result: ResultCode, mut error: String, world: &mut World<'_>) -> bool {
        self.state = State::Over;
        self.leave_place(world.pool);
        let body = match result {
            ResultCode::Success => self.sink.take_body(),
            _ => B::with_len(0),
        };
        if result == ResultCode::Success && self.facts.code >= 400 {
            let url = self.hop.as_ref().map_or("", |hop| hop.request.address.without_fragment());
            error = match self.turn.has_nothing() {
                true => {
                    format!(
                        "the cache has no response for {url}, and the request does not allow asking the server \
                         (only-if-cached)"
                    )
                }
                false => format!("the server answered {} to {url}", self.facts.code),
            };
        }
        // Release the claimed path of a download before anybody is notified of the end.
        self.sink = Sink::Chunks;
        // If saving fails, the next change saves these cookies too.
        if !self.settings.replay.is_only() {
            let _ = self.cookies.save(world.wall);
        }
        self.task.complete(Response { result, facts: std::mem::take(&mut self.facts), body, error });
        true
    }
}

impl<B: Buffer> Drop for Call<B> {
    fn drop(&mut self) {
        self.task.complete_without_call(ResultCode::Cancelled, "the request was cancelled");
    }
}
