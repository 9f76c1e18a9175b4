//! Speaks HTTP over a `StreamPeer` of a script, of the engine or of another extension.

use std::io;

use godot::builtin::{PackedByteArray, VarArray, Variant};
use godot::classes::StreamPeer;
use godot::global::Error as GError;
use godot::meta::ToGodot;
use godot::obj::{EngineEnum, Gd};
use http_client::{Probe, Stream};

use crate::held::Lasting;

/// How many bytes are passed in one call. The engine needs a separate array for them.
const PIECE: usize = 256 * 1024;
/// How many bytes are requested if the peer reports none as available.
const UNTOLD: usize = 4096;
/// `STATUS_NONE` or `STATUS_DISCONNECTED` of `StreamPeerTCP`, `StreamPeerTLS` and similar classes.
const NONE: i64 = 0;
/// `STATUS_CONNECTING` or `STATUS_HANDSHAKING`, and `STATUS_CONNECTED`, of `StreamPeerTCP`, `StreamPeerTLS` and similar classes.
const CONNECTING: i64 = 1;
const CONNECTED: i64 = 2;

/// The stream. See the module.
pub(crate) struct ForeignStream {
    peer: Lasting<Gd<StreamPeer>>,
    has_poll: bool,
    has_status: bool,
    /// The peer may still hold bytes when it is not connected. The engine's own streams do not, and log an error if they are
    /// asked.
    may_hold_bytes: bool,
    /// A byte that was read to find out whether one was available.
    held: Option<u8>,
    /// How many bytes the peer refused in the last write. The engine's TLS (mbedTLS) may have built a record of them already, and then
    /// accepts only a retry with the same number of bytes.
    refused: Option<usize>,
}

// SAFETY: the engine's objects have atomic reference counts, and only one thread at a time has the stream. A script that passes a
// `StreamPeer` must make sure that the peer can be used on the thread that polls the client.
unsafe impl Send for ForeignStream {}

impl ForeignStream {
    pub(crate) fn new(peer: Gd<StreamPeer>) -> Self {
        let has_poll = peer.has_method("poll");
        let has_status = peer.has_method("get_status");
        let may_hold_bytes = peer.is_class("StreamPeerExtension");
        Self { peer: peer.into(), has_poll, has_status, may_hold_bytes, held: None, refused: None }
    }

    /// The address to which the peer says that it is connected.
    pub(crate) fn host(&mut self) -> Option<String> {
        if !self.peer.has_method("get_connected_host") || !self.peer.has_method("get_connected_port") {
            return None;
        }
        let host = self.ask("get_connected_host").ok()?.stringify().to_string();
        let port = self.ask("get_connected_port").ok()?.try_to::<i64>().unwrap_or(0);
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        (!host.is_empty() && port > 0).then(|| if port == 80 { host } else { format!("{host}:{port}") })
    }

    /// Calls a method without arguments. A script may have defined it with arguments, which gives an error.
    fn ask(&mut self, method: &str) -> io::Result<Variant> {
        self.peer.try_call(method, &[]).map_err(|_| {
            io::Error::other(format!("the stream passed to set_connection() has a {method}() that cannot be called"))
        })
    }

    /// Polls the peer and returns its status. None if the peer has no status.
    fn status(&mut self) -> io::Result<Option<i64>> {
        let before = self.status_as_it_was()?;
        // The engine's own streams log an error if a closed stream is polled.
        if self.has_poll && before.is_none_or(|status| [CONNECTING, CONNECTED].contains(&status)) {
            self.ask("poll")?;
            return self.status_as_it_was();
        }
        Ok(before)
    }

    fn status_as_it_was(&mut self) -> io::Result<Option<i64>> {
        if !self.has_status {
            return Ok(None);
        }
        self.ask("get_status").map(|status| Some(status.try_to::<i64>().unwrap_or(CONNECTED)))
    }

    /// The status, if nothing can be read with it.
    fn status_without_bytes(&mut self) -> io::Result<Option<i64>> {
        let status = self.status()?.filter(|&status| status != CONNECTED);
        Ok(status.filter(|_| !self.may_hold_bytes || self.peer.get_available_bytes() <= 0))
    }

    /// Reads the bytes that the peer has.
    fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let waiting = self.peer.get_available_bytes();
        // Bytes may have arrived since, and some peers cannot report them.
        let wanted = usize::try_from(waiting).ok().filter(|&waiting| waiting > 0).unwrap_or(UNTOLD);
        let wanted = wanted.min(PIECE).min(buffer.len());
        let (error, data) = answer::<PackedByteArray>(&self.peer.get_partial_data(wanted as i32))?;
        let count = data.len().min(buffer.len());
        buffer[..count].copy_from_slice(&data.as_slice()[..count]);
        match error {
            _ if count > 0 => Ok(count),
            GError::OK | GError::ERR_BUSY => Err(io::ErrorKind::WouldBlock.into()),
            GError::ERR_FILE_EOF => Ok(0),
            error => Err(failed("read from", error)),
        }
    }
}

impl Stream for ForeignStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let Some(byte) = self.held.take() {
            buffer[0] = byte;
            return Ok(1);
        }
        match self.status_without_bytes()? {
            // The stream was closed, and nothing indicates that bytes are missing.
            Some(NONE) => Ok(0),
            Some(status) => Err(not_connected(status)),
            None => self.take(buffer),
        }
    }

    fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        if let Some(status) = self.status_as_it_was()?.filter(|&status| status != CONNECTED) {
            return Err(not_connected(status));
        }
        let most = self.refused.take().unwrap_or(PIECE);
        let mut piece = PackedByteArray::from(&head[..head.len().min(most)]);
        let of_body = body.len().min(most - piece.len());
        if of_body > 0 {
            piece.extend_array(&PackedByteArray::from(&body[..of_body]));
        }
        let (error, sent) = answer::<i64>(&self.peer.put_partial_data(&piece))?;
        match (error, usize::try_from(sent).unwrap_or(0).min(piece.len())) {
            (_, sent) if sent > 0 => Ok(sent),
            (GError::OK | GError::ERR_BUSY, _) => {
                self.refused = Some(piece.len());
                Err(io::ErrorKind::WouldBlock.into())
            }
            (error, _) => Err(failed("written to", error)),
        }
    }

    fn probe(&mut self) -> io::Result<Probe> {
        if self.held.is_some() {
            return Ok(Probe::Data);
        }
        if let Some(status) = self.status_without_bytes()? {
            return Err(not_connected(status));
        }
        if self.peer.get_available_bytes() > 0 {
            return Ok(Probe::Data);
        }
        if self.has_status {
            return Ok(Probe::Quiet);
        }
        // A peer without a status shows its end only in a read.
        let mut byte = [0];
        match self.take(&mut byte) {
            Ok(0) => Ok(Probe::End),
            Ok(_) => {
                self.held = Some(byte[0]);
                Ok(Probe::Data)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Probe::Quiet),
            Err(error) => Err(error),
        }
    }
}

/// Splits the result of `get_partial_data` and `put_partial_data` into an error and a value.
fn answer<T: godot::meta::FromGodot>(array: &VarArray) -> io::Result<(GError, T)> {
    let element = |index: usize| array.get(index).unwrap_or_else(Variant::nil);
    let error =
        element(0).try_to::<i64>().ok().and_then(|code| GError::try_from_ord(code as i32)).unwrap_or(GError::FAILED);
    let value = element(1).try_to::<T>();
    value
        .map(|value| (error, value))
        .map_err(|_| io::Error::other("the stream passed to set_connection() returned an invalid value"))
}

fn not_connected(status: i64) -> io::Error {
    let message = format!("the stream passed to set_connection() is not connected (its status is {status})");
    io::Error::new(io::ErrorKind::NotConnected, message)
}

fn failed(what: &str, error: GError) -> io::Error {
    let number = error.to_variant();
    io::Error::other(format!("the stream passed to set_connection() cannot be {what} (error {number})"))
}
