//! A stream inside TLS: records are decrypted where they were received, by rustls's unbuffered API.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::pki_types::ServerName;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, InsufficientSizeError, WriteTraffic};

use super::failure;
use super::info::TlsInfo;
use super::options::TlsOptions;
use crate::input::Input;
use crate::stream::{Probe, Stream};
use crate::wait::Interest;

/// Bytes that are encrypted at once. More would only wait in memory for the network.
const ENCRYPT: usize = 64 * 1024;
/// What a record adds to its contents at most, and how much content it holds.
const RECORD_OVERHEAD: usize = 64;
const RECORD: usize = 16 * 1024;

/// TLS over another stream.
pub(crate) struct TlsStream {
    connection: UnbufferedClientConnection,
    below: Box<dyn Stream>,
    /// Encrypted bytes that were received.
    input: Input,
    /// Decrypted bytes that did not fit where they were wanted.
    plain: Vec<u8>,
    plain_start: usize,
    /// Encrypted bytes that `below` has not taken yet.
    output: Vec<u8>,
    output_start: usize,
    /// The server said that it sends no more.
    peer_closed: bool,
    /// How the server's first answer starts, for the message if it is not TLS.
    first_received: Vec<u8>,
    /// Only TLS 1.2 is offered; for the message if the server does not take it.
    without_tls13: bool,
    is_established: bool,
    /// What was wrong with the server's records. From then on rustls must not be asked again.
    broken: Option<String>,
}

/// What the last records left to do.
#[derive(PartialEq, Eq)]
enum Next {
    /// More bytes must be received.
    Receive,
    /// Application data may be written, and more bytes received.
    Ready,
}

impl TlsStream {
    /// Starts TLS over `below`, on which `received` was received already. `config` is for `options`; the name in these, if there is one,
    /// goes before that of the `host`.
    pub(crate) fn new(
        config: Arc<ClientConfig>,
        options: &TlsOptions,
        host: &str,
        below: Box<dyn Stream>,
        received: Input,
    ) -> Result<Self, String> {
        let name = options.name.as_deref().unwrap_or(host);
        let name = name.strip_suffix('.').unwrap_or(name).to_owned();
        let server = ServerName::try_from(name.clone())
            .map_err(|_| format!("{name:?} is no name that a certificate can have"))?;
        let connection = UnbufferedClientConnection::new(config, server).map_err(|error| error.to_string())?;
        Ok(Self {
            connection,
            below,
            input: received,
            plain: Vec::new(),
            plain_start: 0,
            output: Vec::new(),
            output_start: 0,
            peer_closed: false,
            first_received: Vec::new(),
            without_tls13: options.without_tls13,
            is_established: false,
            broken: None,
        })
    }

    /// Gets further with the handshake. Says whether it is over; an error is a sentence.
    pub(crate) fn handshake(&mut self) -> Result<bool, String> {
        loop {
            let next = self.process(&mut []).map_err(|error| error.to_string())?;
            self.flush().map_err(|error| format!("the connection broke during the handshake: {error}"))?;
            if next == Next::Ready {
                self.is_established = self.output_start == self.output.len();
                self.first_received = Vec::new();
                return Ok(self.is_established);
            }
            match self.receive() {
                Ok(0) => return Err("the server closed the connection during the handshake".to_owned()),
                Ok(_) if self.first_received.is_empty() => {
                    let bytes = self.input.bytes();
                    self.first_received = bytes[..bytes.len().min(16)].to_vec();
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(format!("the connection broke during the handshake: {error}")),
            }
        }
    }

    /// What was agreed on; to be asked after the handshake.
    pub(crate) fn info(&self) -> TlsInfo {
        TlsInfo::of(&self.connection)
    }

    /// Works off what has been received. Decrypted bytes go to `into`, and to `plain` when that is full. Says what comes next, and how
    /// many bytes went to `into`.
    fn process_into(&mut self, into: &mut [u8]) -> io::Result<(Next, usize)> {
        self.check()?;
        let mut filled = 0;
        loop {
            let status = self.connection.process_tls_records(self.input.bytes_mut());
            let mut discard = status.discard;
            let state = match status.state {
                Ok(state) => state,
                Err(error) => {
                    self.broken = Some(failure::in_words(&error, &self.first_received, self.without_tls13));
                    self.input.consume(discard);
                    self.send_alert();
                    if filled > 0 || self.plain_start < self.plain.len() {
                        // What came before is given out first. The next call fails.
                        return Ok((Next::Receive, filled));
                    }
                    return self.check().map(|()| (Next::Receive, 0));
                }
            };
            let next = match state {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                        discard += record.discard;
                        let fits = record.payload.len().min(into.len() - filled);
                        into[filled..filled + fits].copy_from_slice(&record.payload[..fits]);
                        filled += fits;
                        self.plain.extend_from_slice(&record.payload[fits..]);
                    }
                    (filled == into.len() && filled > 0).then_some(Next::Ready)
                }
                ConnectionState::EncodeTlsData(mut data) => {
                    append(&mut self.output, RECORD, |room| match data.encode(room) {
                        Err(EncodeError::InsufficientSize(error)) => Err(error),
                        Err(EncodeError::AlreadyEncoded) => Ok(0),
                        Ok(count) => Ok(count),
                    });
                    None
                }
                ConnectionState::TransmitTlsData(data) => {
                    // It stands in `output`, which is sent before anything else.
                    data.done();
                    None
                }
                ConnectionState::PeerClosed | ConnectionState::Closed => {
                    self.peer_closed = true;
                    Some(Next::Receive)
                }
                ConnectionState::WriteTraffic(_) => Some(Next::Ready),
                _ => Some(Next::Receive),
            };
            self.input.consume(discard);
            if let Some(next) = next {
                return Ok((next, filled));
            }
        }
    }

    fn check(&self) -> io::Result<()> {
        match &self.broken {
            Some(sentence) => Err(io::Error::new(io::ErrorKind::InvalidData, sentence.clone())),
            None => Ok(()),
        }
    }

    fn process(&mut self, into: &mut [u8]) -> io::Result<Next> {
        self.process_into(into).map(|(next, _)| next)
    }

    fn receive(&mut self) -> io::Result<usize> {
        let wanted = self.input.bytes().len() + 2 * RECORD;
        self.input.fill(&mut *self.below, wanted)
    }

    /// Sends what is encrypted, as far as `below` takes it.
    fn flush(&mut self) -> io::Result<()> {
        while self.output_start < self.output.len() {
            match self.below.write(&self.output[self.output_start..], &[]) {
                Ok(count) => self.output_start += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.output_start = 0;
        Ok(())
    }

    /// Encrypts into `output`. What has been received meanwhile is kept in `plain`.
    fn encrypt(
        &mut self,
        write: impl FnOnce(&mut WriteTraffic<'_, ClientConnectionData>, &mut Vec<u8>),
    ) -> io::Result<()> {
        loop {
            self.check()?;
            let status = self.connection.process_tls_records(self.input.bytes_mut());
            let discard = status.discard;
            match status.state {
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    write(&mut traffic, &mut self.output);
                    self.input.consume(discard);
                    return Ok(());
                }
                Ok(ConnectionState::ReadTraffic(_) | ConnectionState::EncodeTlsData(_)) | Err(_) => {}
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                Ok(_) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
            self.input.consume(discard);
            self.process(&mut [])?;
        }
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
        let _ = self.flush();
    }
}

impl Stream for TlsStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = self.take_plain(buffer);
        loop {
            if filled == buffer.len() {
                return Ok(filled);
            }
            match self.process_into(&mut buffer[filled..]) {
                Ok((_, count)) => filled += count,
                Err(_) if filled > 0 => return Ok(filled),
                Err(error) => return Err(error),
            }
            match self.flush() {
                Err(error) if filled == 0 => return Err(error),
                _ => {}
            }
            if filled == buffer.len() || self.peer_closed {
                return Ok(filled);
            }
            match self.receive() {
                Ok(0) if filled == 0 => return Err(truncated()),
                Ok(0) => return Ok(filled),
                Ok(_) => {}
                // What was decrypted is given out first, whatever comes then.
                Err(_) if filled > 0 => return Ok(filled),
                Err(error) => return Err(error),
            }
        }
    }

    fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        self.flush()?;
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
            return Err(io::Error::other("the TLS session has encrypted as much as it may; connect again"));
        }
        self.flush()?;
        Ok(piece.len())
    }

    fn probe(&mut self) -> io::Result<Probe> {
        self.flush()?;
        loop {
            if self.plain_start < self.plain.len() {
                return Ok(Probe::Data);
            }
            if self.peer_closed {
                return Ok(Probe::End);
            }
            // Session tickets may come at any time; they are not data.
            match self.receive() {
                Ok(0) => return Ok(Probe::End),
                Ok(_) => {
                    self.process(&mut [])?;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Probe::Quiet),
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
        self.below.unsent()
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

    fn wait(&mut self, interest: Interest, longest: Duration) -> io::Result<()> {
        if self.is_established
            && interest != Interest::Write
            && (self.plain_start < self.plain.len() || self.peer_closed)
        {
            return Ok(());
        }
        let interest = if self.output.is_empty() { interest } else { Interest::Both };
        self.below.wait(interest, longest)
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        if self.is_established && self.broken.is_none() {
            // As far as the network takes it at once; closing never waits.
            let _ = self.encrypt(|traffic, output| {
                append(output, RECORD_OVERHEAD, |room| match traffic.queue_close_notify(room) {
                    Err(EncryptError::InsufficientSize(error)) => Err(error),
                    Err(EncryptError::EncryptExhausted) => Ok(0),
                    Ok(count) => Ok(count),
                });
            });
            let _ = self.flush();
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

/// The end of TCP without the end of TLS: anybody on the way can make that.
fn truncated() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the connection ended without TLS's close_notify, so that something may be missing",
    )
}
