//! One client that makes one exchange after the other, one call at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crc32fast::Hasher;
use http_client::{Error, HttpClient, Method, Status, TlsOptions, Trust};
use serde_json::Value;

use crate::plan::{Expect, Place, Plan, Random, TOO_LARGE};
use crate::server::Addresses;

/// Every exchange of the plans takes less than half of this on an idle machine.
const LONGEST: Duration = Duration::from_secs(120);

/// The result of one call.
pub(crate) enum Step {
    /// Nothing new.
    Waiting,
    Progress,
    Finished(Verdict),
}

/// The result of one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Complete {
        bytes: u64,
    },
    FailedAsItMust,
    Cancelled,
    /// The expected and the actual result.
    Mismatch(String),
}

/// A client and its current exchange.
pub(crate) struct Player {
    client: Arc<HttpClient>,
    closer: Arc<Closer>,
    /// The number of times the closer had closed the client when it last connected.
    closed_before: u64,
    addresses: Addresses,
    block: Arc<[u8]>,
    pub(crate) plan: Plan,
    connected_to: Option<Place>,
    requested: bool,
    calls: u64,
    started: Instant,
    received: Received,
}

/// Closes a client from another thread, and counts this, so that its player knows.
#[derive(Default)]
pub(crate) struct Closer {
    begun: AtomicU64,
    done: AtomicU64,
}

#[derive(Default)]
struct Received {
    length: u64,
    checksum: Hasher,
    /// The first bytes, for messages and JSON.
    start: Vec<u8>,
}

impl Player {
    pub(crate) fn new(addresses: Addresses, block: Arc<[u8]>, random: &mut Random, blocking: bool) -> Self {
        let client = Arc::new(HttpClient::default());
        client.set_blocking_mode(blocking);
        let plan = Plan::next(random, &block);
        let mut player = Self {
            client,
            closer: Arc::default(),
            closed_before: 0,
            addresses,
            block,
            plan,
            connected_to: None,
            requested: false,
            calls: 0,
            started: Instant::now(),
            received: Received::default(),
        };
        player.begin();
        player
    }

    /// The parts that another thread needs to close the client.
    pub(crate) fn closer(&self) -> (Arc<Closer>, Arc<HttpClient>) {
        (self.closer.clone(), self.client.clone())
    }

    /// Starts the next plan. Keeps the connection if the last exchange allows it, but sometimes closes it anyway.
    pub(crate) fn next_plan(&mut self, random: &mut Random, last: &Verdict) {
        let keeps = self.plan.keeps && matches!(last, Verdict::Complete { .. }) && !random.one_in(8);
        let plan = Plan::next(random, &self.block);
        if !keeps || self.connected_to != Some(plan.place) {
            self.connected_to = None;
            // A new connection also ends the old one, so both ways are tested.
            if random.one_in(2) {
                self.client.close();
            }
        }
        self.plan = plan;
        self.begin();
    }

    fn begin(&mut self) {
        self.requested = false;
        self.calls = 0;
        self.started = Instant::now();
        self.received = Received::default();
        self.client.set_read_timeout(Some(self.plan.read_timeout));
        let set = self.client.set_read_chunk_size(self.plan.read_chunk_size);
        debug_assert!(set.is_ok());
    }

    /// Makes one call of the client.
    pub(crate) fn step(&mut self) -> Step {
        self.calls += 1;
        if self.plan.cancel_after.is_some_and(|calls| self.calls > calls) {
            self.client.close();
            return Step::Finished(match self.client.status() {
                Status::Disconnected => Verdict::Cancelled,
                status => self.mismatch(&format!("{status:?} after close()")),
            });
        }
        let outcome = self.advance();
        if self.closer.begun.load(Ordering::SeqCst) != self.closed_before {
            self.connected_to = None;
            return Step::Finished(Verdict::Cancelled);
        }
        match outcome {
            Ok(false) if self.started.elapsed() > LONGEST => {
                Step::Finished(self.mismatch(&format!("no end, {:?}", self.client.status())))
            }
            Ok(false) => Step::Waiting,
            Ok(true) if self.is_over() => Step::Finished(self.judge()),
            Ok(true) => Step::Progress,
            Err(error) => Step::Finished(self.judge_failure(&error)),
        }
    }

    /// Returns whether something happened.
    fn advance(&mut self) -> Result<bool, Error> {
        if self.connected_to.is_none() {
            self.connect()?;
            return Ok(true);
        }
        match self.client.status() {
            Status::Connected if !self.requested => {
                let body = Box::new(self.plan.body.clone());
                self.client.request(self.plan.method, &self.plan.target, &[], body)?;
                self.requested = true;
                Ok(true)
            }
            Status::Body => {
                let data: Vec<u8> = if self.plan.available {
                    self.client.read_response_body_available()?
                } else {
                    self.client.read_response_body_chunk()?
                };
                self.received.take(&data);
                Ok(!data.is_empty() || self.client.status() != Status::Body)
            }
            before => {
                self.client.poll()?;
                Ok(self.client.status() != before)
            }
        }
    }

    fn connect(&mut self) -> Result<(), Error> {
        let address = match self.plan.place {
            Place::Http => self.addresses.http,
            Place::Https => self.addresses.https,
            Place::Raw => self.addresses.raw,
            Place::Refused => self.addresses.refused,
            Place::NeverAccepts => self.addresses.never_accepts,
        };
        let secure = self.plan.place == Place::Https;
        let tls = TlsOptions { trust: Trust::Pem(self.addresses.ca_pem.clone()), ..TlsOptions::default() };
        self.connected_to = Some(self.plan.place);
        self.closed_before = self.closer.done.load(Ordering::SeqCst);
        self.client.connect_to_host("127.0.0.1", address.port().into(), secure, &tls)
    }

    fn is_over(&self) -> bool {
        self.requested && matches!(self.client.status(), Status::Connected | Status::Disconnected)
    }

    fn judge(&self) -> Verdict {
        let code = self.client.response_code();
        let (wanted_code, wanted): (u16, Received) = match &self.plan.expect {
            Expect::Block(code, length) => (*code, Received::of_block(&self.block, *length)),
            Expect::Text(text) => {
                let mut wanted = Received::default();
                wanted.take(text.as_bytes());
                (if *text == TOO_LARGE { 413 } else { 200 }, wanted)
            }
            Expect::Receipt => {
                let receipt: Value = serde_json::from_slice(&self.received.start).unwrap_or_default();
                let (length, checksum) = (self.plan.body.len() as u64, crc32fast::hash(&self.plan.body));
                return if receipt["bytes"] == length && receipt["crc32"] == checksum {
                    Verdict::Complete { bytes: length }
                } else {
                    self.mismatch(&format!("sent {length} bytes with CRC-32 {checksum:08x}, the server saw {receipt}"))
                };
            }
            Expect::Failure | Expect::CannotConnect => return self.mismatch("no failure"),
            Expect::Any => return Verdict::Complete { bytes: self.received.length },
        };
        let (length, checksum) = (self.received.length, self.received.checksum.clone().finalize());
        let wanted_checksum = wanted.checksum.finalize();
        if (code, length, checksum) == (wanted_code, wanted.length, wanted_checksum) {
            Verdict::Complete { bytes: length }
        } else {
            self.mismatch(&format!(
                "expected {wanted_code}, {} bytes with CRC-32 {wanted_checksum:08x}; got {code}, {length} bytes with \
                 CRC-32 {checksum:08x}",
                wanted.length
            ))
        }
    }

    fn judge_failure(&self, error: &Error) -> Verdict {
        let status = self.client.status();
        let fits = match &self.plan.expect {
            Expect::Failure => status == Status::ConnectionError,
            Expect::CannotConnect => status == Status::CantConnect,
            Expect::Any => true,
            _ => false,
        };
        if fits && !error.message.is_empty() && self.client.error_message() == error.message {
            Verdict::FailedAsItMust
        } else {
            self.mismatch(&format!("{status:?}, {:?}: {}", error.code, error.message))
        }
    }

    fn mismatch(&self, what: &str) -> Verdict {
        let method = if self.plan.method == Method::Get { "" } else { self.plan.method.as_str() };
        Verdict::Mismatch(format!("{:?} {method} {}: {what}", self.plan.place, self.plan.target))
    }
}

impl Closer {
    pub(crate) fn close(&self, client: &HttpClient) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        client.close();
        self.done.fetch_add(1, Ordering::SeqCst);
    }
}

impl Received {
    fn take(&mut self, data: &[u8]) {
        self.length += data.len() as u64;
        self.checksum.update(data);
        let room = 200_usize.saturating_sub(self.start.len());
        self.start.extend_from_slice(&data[..data.len().min(room)]);
    }

    /// The expected result for a part of the server's repeated block.
    fn of_block(block: &[u8], length: u64) -> Self {
        let mut received = Self::default();
        while received.length < length {
            let left = (length - received.length).min(block.len() as u64);
            received.take(&block[..left as usize]);
        }
        received
    }
}
