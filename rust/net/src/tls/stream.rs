//! A stream over TLS. Records are decrypted in place, with the unbuffered API of rustls.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::{ClientConnectionData, Resumption, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, InsufficientSizeError, WriteTraffic};
use rustls::{Error, ProtocolVersion};

use super::config::Config;
use super::failure::{self, Circumstances};
use super::info::TlsInfo;
use super::options::TlsOptions;
use super::records::{Allowance, first_record};
use super::sessions::Sessions;
use crate::error::{TlsFailure, TlsFailureKind, describe};
use crate::input::Input;
use crate::linger::Linger;
use crate::ready::{Interest, Wait};
use crate::transport::{Ending, Nothing, Probe, Stream, write_some};

/// Bytes that are encrypted at once. More would only wait in memory for the network.
const ENCRYPT: usize = 64 * 1024;
/// What a record adds to its contents at most, and how much content it holds.
const RECORD_OVERHEAD: usize = 64;
const RECORD: usize = 16 * 1024;

/// Bytes of handshake messages that are kept until the last of them is whole. The longest message, a chain of certificates, has 64 KiB.
const HANDSHAKE_HELD: usize = 96 * 1024;

const CLOSED: &str = "the server closed the connection during the handshake";

/// TLS over another stream.
#[allow(missing_debug_implementations, reason = "it is full of secrets")]
pub struct TlsStream {
    connection: UnbufferedClientConnection,
    below: Box<dyn Stream>,
    /// How `below` ended. It is not asked again.
    below_ended: Option<Ending>,
    /// Encrypted bytes that were received.
    input: Input,
    /// How many bytes at the start of `input` rustls has seen and not released: parts of a handshake message.
    seen: usize,
    /// How many rustls was given last, and not released. It may have kept a place among them, and is never given fewer.
    given: usize,
    /// Decrypted bytes that did not fit where they were wanted.
    plain: Vec<u8>,
    plain_start: usize,
    /// The last call gave something out, but left records behind that might bring nothing: the next one would do as much again.
    paused: bool,
    /// Encrypted bytes that `below` has not taken yet.
    output: Vec<u8>,
    output_start: usize,
    /// The server said that it sends no more.
    peer_closed: bool,
    server: ServerName<'static>,
    sessions: Arc<Sessions>,
    /// Sends what is left in `output` at the end.
    linger: Arc<Linger>,
    circumstances: Circumstances,
    is_established: bool,
    /// What was wrong with the server's records. From then on rustls must not be asked again.
    broken: Option<TlsFailure>,
}

/// What came of the records that were there.
struct Processed {
    /// Bytes that went to where they were wanted.
    filled: usize,
    /// Application data may be written.
    ready: bool,
    /// There are more records, but this call has done enough.
    more: bool,
}

impl TlsStream {
    /// Starts TLS over `below`, on which `received` was received already. `config` is for `options`; the name in these, if there is one,
    /// goes before that of the `host`. Whether a session of that server is offered, if there is one.
    pub(crate) fn new(
        config: &Config,
        options: &TlsOptions,
        host: &str,
        below: Box<dyn Stream>,
        received: Input,
        offer_session: bool,
    ) -> Result<Self, TlsFailure> {
        let name = options.name.as_deref().unwrap_or(host);
        let name = name.strip_suffix('.').unwrap_or(name).to_owned();
        let server = ServerName::try_from(name.clone())
            .map_err(|_| options_fail(format!("{name:?} is not a name that a certificate can contain")))?;
        let sessions = Arc::new(Sessions::new(config.sessions.clone(), !offer_session));
        let mut own = (*config.tls).clone();
        own.resumption = Resumption::store(sessions.clone());
        let connection = UnbufferedClientConnection::new(Arc::new(own), server.clone())
            .map_err(|error| options_fail(failure::of(&error, &Circumstances::default()).sentence))?;
        Ok(Self {
            connection,
            below,
            below_ended: None,
            input: received,
            seen: 0,
            given: 0,
            plain: Vec::new(),
            plain_start: 0,
            paused: false,
            output: Vec::new(),
            output_start: 0,
            peer_closed: false,
            server,
            sessions,
            linger: config.linger.clone(),
            circumstances: Circumstances { without_tls13: options.without_tls13, ..Circumstances::default() },
            is_established: false,
            broken: None,
        })
    }

    /// Makes progress with the handshake. Returns whether it is complete.
    pub fn handshake(&mut self) -> Result<bool, TlsFailure> {
        let ended = |sentence: String| TlsFailure::new(TlsFailureKind::Ended, sentence);
        let broke =
            |error: io::Error| ended(format!("the connection broke during the handshake: {}", describe(&error)));
        let mut allowance = Allowance::default();
        loop {
            let processed = self.process(&mut [], &mut allowance).map_err(|error| self.failure(&error))?;
            let flushed = self.send_output();
            if processed.ready {
                flushed.map_err(broke)?;
                self.is_established = self.output_start == self.output.len();
                self.circumstances.is_established = self.is_established;
                return Ok(self.is_established);
            }
            if self.peer_closed {
                return Err(ended(CLOSED.to_owned()));
            }
            if processed.more || allowance.is_used_up() {
                return Ok(false);
            }
            // Why the server went away is in what it sent before.
            match self.receive() {
                Ok(0) => return Err(ended(CLOSED.to_owned())),
                Ok(_) if self.circumstances.received.is_empty() => {
                    let bytes = self.input.bytes();
                    self.circumstances.received = bytes[..bytes.len().min(16)].to_vec();
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return flushed.map(|()| false).map_err(broke);
                }
                Err(error) => return Err(broke(error)),
            }
        }
    }

    /// After a handshake that failed: whether a new connection may fare better, since this one asked to resume a session. The sessions of
    /// this server are then forgotten.
    pub(crate) fn forget_sessions(&self) -> bool {
        let is_certificate = self.broken.as_ref().is_some_and(|broken| broken.kind == TlsFailureKind::Certificate);
        let may_help = self.sessions.were_offered() && !is_certificate;
        if may_help {
            self.sessions.forget(&self.server);
        }
        may_help
    }

    /// What was agreed on; to be asked after the handshake.
    pub(crate) fn info(&self) -> TlsInfo {
        TlsInfo::of(&self.connection)
    }

    /// Works off the records that have been received, one after the other, as long as `allowance` lets it. Decrypted bytes go to `into`, and to
    /// `plain` when that is full; then it stops.
    fn process(&mut self, into: &mut [u8], allowance: &mut Allowance) -> io::Result<Processed> {
        self.check()?;
        let mut filled = 0;
        loop {
            let held = self.input.bytes().len();
            let record = first_record(&self.input.bytes()[self.seen..]);
            // No more than one record at a time: rustls would go on to the last one that brings nothing.
            let behind = record.map_or(held, |record| self.seen + record);
            self.given = self.given.max(behind);
            let status = self.connection.process_tls_records(&mut self.input.bytes_mut()[..self.given]);
            let mut discard = status.discard;
            let state = match status.state {
                Ok(state) => state,
                Err(error) => {
                    self.break_off(&error, discard);
                    return self.failed(filled);
                }
            };
            let mut all_seen = None;
            match state {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                        discard += record.discard;
                        let fits = record.payload.len().min(into.len() - filled);
                        into[filled..filled + fits].copy_from_slice(&record.payload[..fits]);
                        filled += fits;
                        self.plain.extend_from_slice(&record.payload[fits..]);
                        allowance.give_out(record.payload.len());
                    }
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    append(&mut self.output, RECORD, |room| match data.encode(room) {
                        Err(EncodeError::InsufficientSize(error)) => Err(error),
                        Err(EncodeError::AlreadyEncoded) => Ok(0),
                        Ok(count) => Ok(count),
                    });
                    // After the handshake of TLS 1.2 only a warning is ever sent unasked: that there will be no other handshake.
                    self.circumstances.refused_renegotiation |=
                        self.is_established && self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_2);
                }
                // It stands in `output`, which is sent before anything else.
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed | ConnectionState::Closed => {
                    self.peer_closed = true;
                    // Nothing behind it counts.
                    discard = held;
                }
                ConnectionState::WriteTraffic(_) => all_seen = Some(true),
                _ => all_seen = Some(false),
            }
            self.consume(discard, allowance);
            if self.peer_closed {
                return Ok(Processed { filled, ready: self.is_established, more: false });
            }
            if self.is_established && filled == into.len() && (filled > 0 || self.plain_start < self.plain.len()) {
                return Ok(Processed { filled, ready: true, more: false });
            }
            if record.is_some() && all_seen.is_some() {
                let seen = behind.saturating_sub(discard);
                allowance.take(seen.saturating_sub(self.seen));
                self.seen = seen;
            }
            if self.seen > HANDSHAKE_HELD {
                // rustls would keep all of it, for a message that never ends.
                let sentence = "the server does not stop sending handshake messages";
                self.broken = Some(TlsFailure::new(TlsFailureKind::Malformed, sentence));
                return self.failed(filled);
            }
            let ready = all_seen == Some(true);
            let is_last = record.is_none() || (ready && !self.is_established);
            if all_seen.is_some() && is_last {
                return Ok(Processed { filled, ready, more: false });
            }
            if allowance.is_used_up() && self.has_record() {
                return Ok(Processed { filled, ready, more: true });
            }
        }
    }

    /// After what broke the connection: what came before is given out first, and the next call fails.
    fn failed(&self, filled: usize) -> io::Result<Processed> {
        if filled == 0 && self.plain_start == self.plain.len() {
            self.check()?;
        }
        Ok(Processed { filled, ready: false, more: false })
    }

    /// Drops what rustls has released.
    fn consume(&mut self, discard: usize, allowance: &mut Allowance) {
        self.input.consume(discard);
        allowance.take(discard.saturating_sub(self.seen));
        self.seen = self.seen.saturating_sub(discard);
        self.given = self.given.saturating_sub(discard);
    }

    /// Whether a whole record waits that was not worked off.
    fn has_record(&self) -> bool {
        first_record(&self.input.bytes()[self.seen..]).is_some()
    }

    fn break_off(&mut self, error: &Error, discard: usize) {
        self.broken = Some(failure::of(error, &self.circumstances));
        self.consume(discard, &mut Allowance::default());
        self.send_alert();
    }

    fn check(&self) -> io::Result<()> {
        match &self.broken {
            Some(failure) => Err(io::Error::new(io::ErrorKind::InvalidData, failure.clone())),
            None => Ok(()),
        }
    }

    /// Why the records could not be worked off.
    fn failure(&self, error: &io::Error) -> TlsFailure {
        self.broken.clone().unwrap_or_else(|| TlsFailure::new(TlsFailureKind::Malformed, error.to_string()))
    }

    fn receive(&mut self) -> io::Result<usize> {
        if let Some(ending) = &self.below_ended {
            return ending.again();
        }
        let wanted = self.input.bytes().len() + 2 * RECORD;
        let received = self.input.fill(&mut *self.below, wanted);
        self.below_ended = Ending::of(&received);
        received
    }

    /// Sends what is encrypted, as far as `below` takes it.
    fn send_output(&mut self) -> io::Result<()> {
        while self.output_start < self.output.len() {
            match write_some(&mut *self.below, &self.output[self.output_start..], &[]) {
                Ok(count) => self.output_start += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        if self.output.len() < RECORD {
            // It was made for a record: a connection that only receives from here on needs none.
            self.output = Vec::new();
        }
        self.output.clear();
        self.output_start = 0;
        Ok(())
    }

    /// Encrypts into `output`. What has been received meanwhile waits for the next read.
    fn encrypt(
        &mut self,
        write: impl FnOnce(&mut WriteTraffic<'_, ClientConnectionData>, &mut Vec<u8>),
    ) -> io::Result<()> {
        loop {
            self.check()?;
            let status = self.connection.process_tls_records(&mut self.input.bytes_mut()[..self.given]);
            let mut discard = status.discard;
            let mut is_over = false;
            let mut failed = None;
            match status.state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    write(&mut traffic, &mut self.output);
                    self.consume(discard, &mut Allowance::default());
                    return Ok(());
                }
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(Ok(record)) = traffic.next_record() {
                        discard += record.discard;
                        self.plain.extend_from_slice(record.payload);
                    }
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    append(&mut self.output, RECORD, |room| match data.encode(room) {
                        Err(EncodeError::InsufficientSize(error)) => Err(error),
                        Err(EncodeError::AlreadyEncoded) => Ok(0),
                        Ok(count) => Ok(count),
                    });
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                // It says nothing about this direction (RFC 8446 §6.1).
                Ok(ConnectionState::PeerClosed) => self.peer_closed = true,
                Ok(_) => is_over = true,
                Err(error) => failed = Some(error),
            }
            if let Some(error) = failed {
                self.break_off(&error, discard);
                continue;
            }
            self.consume(discard, &mut Allowance::default());
            if is_over {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
        }
    }

    /// Encrypted bytes that `below` has not taken.
    fn held(&self) -> usize {
        self.output.len() - self.output_start
    }

    fn take_plain(&mut self, buffer: &mut [u8]) -> usize {
        let count = buffer.len().min(self.plain.len() - self.plain_start);
        buffer[..count].copy_from_slice(&self.plain[self.plain_start..self.plain_start + count]);
        self.plain_start += count;
        if self.plain_start == self.plain.len() {
            self.plain = Vec::new();
            self.plain_start = 0;
        }
        count
    }

    /// Tells the server what was wrong with its records, as far as it can be told at once.
    fn send_alert(&mut self) {
        // The alert is what rustls wants to send first. Asked once more, it would stumble over the same record again.
        if let Ok(ConnectionState::EncodeTlsData(mut data)) =
            self.connection.process_tls_records(self.input.bytes_mut()).state
        {
            append(&mut self.output, RECORD, |room| {
                data.encode(room).map_err(|_| InsufficientSizeError { required_size: 0 })
            });
        }
        // The connection has failed already; the server learns why, or not.
        let _ = self.send_output();
    }
}

impl Stream for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if std::mem::take(&mut self.paused) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut allowance = Allowance::default();
        let mut filled = self.take_plain(buffer);
        loop {
            if filled == buffer.len() {
                return Ok(filled);
            }
            let processed = match self.process(&mut buffer[filled..], &mut allowance) {
                Ok(processed) => processed,
                // What was decrypted is given out first, whatever comes then.
                Err(_) if filled > 0 => return Ok(filled),
                Err(error) => return Err(error),
            };
            filled += processed.filled;
            let flushed = self.send_output();
            if filled == buffer.len() || self.peer_closed {
                return Ok(filled);
            }
            if processed.more || allowance.is_used_up() {
                self.paused = filled > 0;
                return if filled > 0 { Ok(filled) } else { Err(io::ErrorKind::WouldBlock.into()) };
            }
            match self.receive() {
                Ok(0) if filled == 0 => return Err(truncated()),
                Ok(0) => return Ok(filled),
                Ok(_) => {}
                Err(_) if filled > 0 => return Ok(filled),
                // The server may have answered before it was gone.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(flushed.err().unwrap_or(error));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        if head.is_empty() && body.is_empty() {
            return Ok(0);
        }
        self.send_output()?;
        if !self.output.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // A head and a small body go into one record.
        let joined;
        let piece = if head.is_empty() {
            &body[..body.len().min(ENCRYPT)]
        } else {
            joined = [head, &body[..body.len().min(RECORD.saturating_sub(head.len()))]].concat();
            &joined
        };
        let room = piece.len() + (piece.len() / RECORD + 1) * RECORD_OVERHEAD;
        self.encrypt(|traffic, output| {
            append(output, room, |room| match traffic.encrypt(piece, room) {
                Err(EncryptError::InsufficientSize(error)) => Err(error),
                Err(EncryptError::EncryptExhausted) => Ok(0),
                Ok(count) => Ok(count),
            });
        })?;
        if self.output.is_empty() && !piece.is_empty() {
            return Err(io::Error::other("the TLS session has reached its limit for encrypted data; connect again"));
        }
        self.send_output()?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<usize> {
        self.send_output()?;
        // What `below` took may be held there, as by another TLS.
        Ok(self.held() + self.below.flush()?)
    }

    fn probe(&mut self) -> io::Result<Probe> {
        // What the server sent before it was gone counts more than that nothing can be written to it.
        let flushed = self.send_output();
        // Whoever asks does not read in a loop.
        self.paused = false;
        let mut allowance = Allowance::default();
        loop {
            if self.plain_start < self.plain.len() {
                return Ok(Probe::Data);
            }
            if self.peer_closed {
                return Ok(Probe::End);
            }
            // What a read left behind comes first. Session tickets may come at any time; they are not data.
            let processed = self.process(&mut [], &mut allowance)?;
            if self.plain_start < self.plain.len() || self.peer_closed {
                continue;
            }
            if processed.more || allowance.is_used_up() {
                return flushed.map(|()| Probe::Quiet);
            }
            match self.receive() {
                Ok(0) => return Ok(Probe::End),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return flushed.map(|()| Probe::Quiet),
                Err(error) => return Err(error),
            }
        }
    }

    fn waiting(&mut self) -> Option<usize> {
        // Rather too much: what encryption adds is counted.
        let held = self.plain.len() - self.plain_start + self.input.bytes().len();
        self.below.waiting().map(|below| held + below)
    }

    fn unsent(&mut self) -> Option<usize> {
        let below = self.below.unsent()?;
        Some(below + self.held())
    }

    fn peer_addr(&self) -> Option<SocketAddr> {
        self.below.peer_addr()
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        self.below.local_addr()
    }

    fn set_no_delay(&mut self, enabled: bool) -> io::Result<()> {
        self.below.set_no_delay(enabled)
    }

    fn wait_for(&self, interest: Interest, wait: &mut Wait) {
        // What was received need not be waited for.
        let is_ready = self.plain_start < self.plain.len()
            || self.peer_closed
            || self.paused
            || self.broken.is_some()
            || self.below_ended.is_some()
            || self.has_record();
        if is_ready && interest != Interest::Write {
            return wait.now();
        }
        // A reader sends on what is encrypted; who only writes is not woken by bytes that nobody takes.
        let interest = if self.output.is_empty() || interest == Interest::Write { interest } else { Interest::Both };
        self.below.wait_for(interest, wait);
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        if self.is_established && self.broken.is_none() {
            // Closing never waits: what the network does not take at once goes out behind it.
            let _ = self.encrypt(|traffic, output| {
                append(output, RECORD_OVERHEAD, |room| match traffic.queue_close_notify(room) {
                    Err(EncryptError::InsufficientSize(error)) => Err(error),
                    Err(EncryptError::EncryptExhausted) => Ok(0),
                    Ok(count) => Ok(count),
                });
            });
            if self.send_output().is_ok() && self.held() > 0 {
                let below = std::mem::replace(&mut self.below, Box::new(Nothing));
                self.output.drain(..self.output_start);
                self.linger.send(below, std::mem::take(&mut self.output));
            }
        }
    }
}

/// Has `write` append to `output`, in room for `expected` bytes, or as many as it asks for.
fn append(
    output: &mut Vec<u8>,
    expected: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, InsufficientSizeError>,
) {
    let start = output.len();
    output.resize(start + expected, 0);
    let written = write(&mut output[start..]).or_else(|error| {
        output.resize(start + error.required_size, 0);
        write(&mut output[start..])
    });
    output.truncate(start + written.unwrap_or(0));
}

pub(crate) fn options_fail(sentence: impl Into<String>) -> TlsFailure {
    TlsFailure::new(TlsFailureKind::Options, sentence)
}

/// The end of TCP without the end of TLS: anybody on the way can make that.
fn truncated() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the connection ended without TLS's close_notify, so data may be missing",
    )
}
