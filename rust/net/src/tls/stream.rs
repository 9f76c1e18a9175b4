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

/// The number of bytes that are encrypted at once. More would only wait in memory for the network.
const ENCRYPT: usize = 64 * 1024;
/// The maximum overhead of a record, and the maximum length of its contents.
const RECORD_OVERHEAD: usize = 64;
const RECORD: usize = 16 * 1024;

/// The number of bytes of incomplete handshake messages that are kept. The longest message, a chain of certificates, has 64 KiB.
const HANDSHAKE_HELD: usize = 96 * 1024;

const CLOSED: &str = "the server closed the connection during the handshake";

/// TLS over another stream.
#[allow(missing_debug_implementations, reason = "it contains secrets")]
pub struct TlsStream {
    connection: UnbufferedClientConnection,
    below: Box<dyn Stream>,
    /// How `below` ended. It is not read again.
    below_ended: Option<Ending>,
    /// The received, encrypted bytes.
    input: Input,
    /// The number of bytes at the start of `input` that rustls has seen and not released: parts of a handshake message.
    seen: usize,
    /// The number of bytes that rustls received last and has not released. It may keep positions in them, so it never receives fewer.
    given: usize,
    /// Decrypted bytes that did not fit into the caller's buffer.
    plain: Vec<u8>,
    plain_start: usize,
    /// Whether the last call returned data, but left records that may contain none. The next call would process as many again, so it
    /// returns `WouldBlock` first.
    paused: bool,
    /// Encrypted bytes that `below` has not accepted.
    output: Vec<u8>,
    output_start: usize,
    /// Whether the server has announced the end of its data.
    peer_closed: bool,
    server: ServerName<'static>,
    sessions: Arc<Sessions>,
    /// Sends the rest of `output` after the stream is dropped.
    linger: Arc<Linger>,
    circumstances: Circumstances,
    is_established: bool,
    /// The failure that the server's records caused. After that, rustls must not be called again.
    broken: Option<TlsFailure>,
}

/// The result of processing the available records.
struct Processed {
    /// The number of bytes that were written to the caller's buffer.
    filled: usize,
    /// Whether application data can be written.
    ready: bool,
    /// Whether there are more records, but the limit of this call is reached.
    more: bool,
}

impl TlsStream {
    /// Starts TLS over `below`, on which `received` has already been received. `config` belongs to `options`. The name in `options` takes
    /// precedence over `host`. `offer_session` is whether a session of that server is offered, if there is one.
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
            // Data that the server sent before may contain the reason.
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

    /// Returns whether a new connection may succeed after a failed handshake, because this one offered a session. If so, the sessions of
    /// this server are removed.
    pub(crate) fn forget_sessions(&self) -> bool {
        let is_certificate = self.broken.as_ref().is_some_and(|broken| broken.kind == TlsFailureKind::Certificate);
        let may_help = self.sessions.were_offered() && !is_certificate;
        if may_help {
            self.sessions.forget(&self.server);
        }
        may_help
    }

    /// Returns the negotiated parameters. Call it after the handshake.
    pub(crate) fn info(&self) -> TlsInfo {
        TlsInfo::of(&self.connection)
    }

    /// Processes the received records one by one, as far as `allowance` permits. Decrypted bytes go to `into`, and to `plain` when `into`
    /// is full; then processing stops.
    fn process(&mut self, into: &mut [u8], allowance: &mut Allowance) -> io::Result<Processed> {
        self.check()?;
        let mut filled = 0;
        loop {
            let held = self.input.bytes().len();
            let record = first_record(&self.input.bytes()[self.seen..]);
            // Pass only one record at a time. With more, rustls would process all records that contain no data.
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
                    // After the handshake of TLS 1.2, rustls only sends one message on its own: the warning that refuses another handshake.
                    self.circumstances.refused_renegotiation |=
                        self.is_established && self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_2);
                }
                // The data is in `output`, which is sent before anything else.
                ConnectionState::TransmitTlsData(data) => data.done(),
                ConnectionState::PeerClosed | ConnectionState::Closed => {
                    self.peer_closed = true;
                    // Data after the end is ignored.
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
                // rustls would keep all bytes of a message that never ends.
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

    /// Returns the result after a failure of the connection: earlier data is returned first, and the next call fails.
    fn failed(&self, filled: usize) -> io::Result<Processed> {
        if filled == 0 && self.plain_start == self.plain.len() {
            self.check()?;
        }
        Ok(Processed { filled, ready: false, more: false })
    }

    /// Drops the bytes that rustls has released.
    fn consume(&mut self, discard: usize, allowance: &mut Allowance) {
        self.input.consume(discard);
        allowance.take(discard.saturating_sub(self.seen));
        self.seen = self.seen.saturating_sub(discard);
        self.given = self.given.saturating_sub(discard);
    }

    /// Whether a complete record has not been processed.
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

    /// Returns the reason why the records could not be processed.
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

    /// Sends encrypted bytes, as far as `below` accepts them.
    fn send_output(&mut self) -> io::Result<()> {
        while self.output_start < self.output.len() {
            match write_some(&mut *self.below, &self.output[self.output_start..], &[]) {
                Ok(count) => self.output_start += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        if self.output.len() < RECORD {
            // Release a buffer that was made for one record: a connection that only receives from here on does not need it.
            self.output = Vec::new();
        }
        self.output.clear();
        self.output_start = 0;
        Ok(())
    }

    /// Encrypts into `output`. Data that was received in the meantime waits for the next read.
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
                // The end of the peer's data does not affect this direction (RFC 8446 §6.1).
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

    /// Returns the number of encrypted bytes that `below` has not accepted.
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

    /// Sends the server an alert about its records, as far as that is possible immediately.
    fn send_alert(&mut self) {
        // The first thing that rustls sends is the alert. A second call would fail on the same record again.
        if let Ok(ConnectionState::EncodeTlsData(mut data)) =
            self.connection.process_tls_records(self.input.bytes_mut()).state
        {
            append(&mut self.output, RECORD, |room| {
                data.encode(room).map_err(|_| InsufficientSizeError { required_size: 0 })
            });
        }
        // The connection has already failed, so it does not matter whether the server receives the alert.
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
                // Decrypted data is returned first, even after an error.
                Err(_) if filled > 0 => return Ok(filled),
                Err(error) => return Err(error),
            };
            filled += processed.filled;
            let flushed = self.send_output();
            if filled == buffer.len() || self.peer_closed {
                // These may be the last bytes before a long pause.
                self.input.release();
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
                // The server may have sent a response before it disconnected.
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
        // Combine a head and a small body in one record.
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
        // `below` may hold accepted data too, for example if it is another TLS stream.
        Ok(self.held() + self.below.flush()?)
    }

    fn probe(&mut self) -> io::Result<Probe> {
        // Data that the server sent before it disconnected takes precedence over a write error.
        let flushed = self.send_output();
        // A caller of `probe` does not read in a loop.
        self.paused = false;
        let mut allowance = Allowance::default();
        loop {
            if self.plain_start < self.plain.len() {
                return Ok(Probe::Data);
            }
            if self.peer_closed {
                return Ok(Probe::End);
            }
            // First process the records that a read left. Session tickets may arrive at any time; they are not data.
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
        // This may be too much, because it includes the overhead of encryption.
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
        // Do not wait for data that has already been received.
        let is_ready = self.plain_start < self.plain.len()
            || self.peer_closed
            || self.paused
            || self.broken.is_some()
            || self.below_ended.is_some()
            || self.has_record();
        if is_ready && interest != Interest::Write {
            return wait.now();
        }
        // A reader also sends encrypted bytes. A caller that only writes is not woken by incoming bytes that it does not read.
        let interest = if self.output.is_empty() || interest == Interest::Write { interest } else { Interest::Both };
        self.below.wait_for(interest, wait);
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        if self.is_established && self.broken.is_none() {
            // Closing never blocks. Data that the network does not accept immediately is sent in the background.
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

/// Calls `write` to append to `output`, with space for `expected` bytes, or for as many as it requests.
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

/// Returns the error for an end of TCP without the end of TLS, which anyone on the network path can cause.
fn truncated() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the connection ended without TLS's close_notify, so data may be missing",
    )
}
