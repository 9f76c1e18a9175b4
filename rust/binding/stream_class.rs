//! The class `HTTPClientRustStream`: what `HTTPClientRust.get_connection()` gives.

use std::io;
use std::time::Duration;

use godot::builtin::GString;
use godot::classes::IStreamPeerExtension;
use godot::global::Error as GError;
use godot::meta::conv::RawPtr;
use godot::obj::{Gd, NewGd};
use godot::register::{GodotClass, godot_api};
use http_client::{Interest, RawConnection};

use crate::call::{error_of, value_of};
use crate::convert::error_code;

/// The statuses are those of `StreamPeerTCP`.
const STATUS_NONE: i64 = 0;
const STATUS_CONNECTED: i64 = 2;
/// How long a blocking call sleeps before it looks again.
const SLICE: Duration = Duration::from_millis(5);

#[derive(GodotClass)]
#[class(tool, init, base = StreamPeerExtension, rename = HTTPClientRustStream)]
pub(crate) struct HttpClientRustStream {
    /// None in an object that a script made itself.
    connection: Option<RawConnection>,
}

impl HttpClientRustStream {
    pub(crate) fn over(connection: RawConnection) -> Gd<Self> {
        let mut stream = Self::new_gd();
        stream.bind_mut().connection = Some(connection);
        stream
    }

    pub(crate) fn connection(&self) -> Option<&RawConnection> {
        self.connection.as_ref()
    }

    /// Reads into `buffer`; `blocking` until it is full. Says how much was read, and why not more.
    fn receive(&self, buffer: &mut [u8], blocking: bool) -> (usize, GError) {
        let Some(connection) = &self.connection else { return (0, GError::ERR_UNCONFIGURED) };
        let mut filled = 0;
        while filled < buffer.len() {
            match connection.read(&mut buffer[filled..]) {
                // The engine throws the bytes beside an error away. The next call has the error again.
                Ok(0) | Err(_) if filled > 0 && !blocking => break,
                Ok(0) => return (filled, GError::ERR_FILE_EOF),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && blocking => {
                    connection.wait(Interest::Read, SLICE);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return (filled, code_of(&error)),
            }
        }
        (filled, GError::OK)
    }

    /// Writes `bytes`; `blocking` until all are written. Says how much was written, and why not more.
    fn send(&self, bytes: &[u8], blocking: bool) -> (usize, GError) {
        let Some(connection) = &self.connection else { return (0, GError::ERR_UNCONFIGURED) };
        let mut written = 0;
        while written < bytes.len() {
            match connection.write(&bytes[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && blocking => {
                    connection.wait(Interest::Write, SLICE);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return (written, code_of(&error)),
            }
        }
        (written, GError::OK)
    }
}

#[godot_api]
impl IStreamPeerExtension for HttpClientRustStream {
    unsafe fn get_data_rawptr(&mut self, buffer: RawPtr<*mut u8>, bytes: i32, received: RawPtr<*mut i32>) -> GError {
        // SAFETY: the engine hands over room for `bytes` bytes, and for the count.
        unsafe { self.receive_raw(buffer.ptr(), bytes, received.ptr(), true) }
    }

    unsafe fn get_partial_data_rawptr(
        &mut self,
        buffer: RawPtr<*mut u8>,
        bytes: i32,
        received: RawPtr<*mut i32>,
    ) -> GError {
        // SAFETY: as above.
        unsafe { self.receive_raw(buffer.ptr(), bytes, received.ptr(), false) }
    }

    unsafe fn put_data_rawptr(&mut self, data: RawPtr<*const u8>, bytes: i32, sent: RawPtr<*mut i32>) -> GError {
        // SAFETY: the engine hands over `bytes` bytes, and room for the count.
        unsafe { self.send_raw(data.ptr(), bytes, sent.ptr(), true) }
    }

    unsafe fn put_partial_data_rawptr(
        &mut self,
        data: RawPtr<*const u8>,
        bytes: i32,
        sent: RawPtr<*mut i32>,
    ) -> GError {
        // SAFETY: as above.
        unsafe { self.send_raw(data.ptr(), bytes, sent.ptr(), false) }
    }

    fn get_available_bytes(&self) -> i32 {
        let available = self.connection.as_ref().map_or(0, RawConnection::available);
        i32::try_from(available).unwrap_or(i32::MAX)
    }
}

impl HttpClientRustStream {
    /// # Safety
    /// `buffer` must have room for `bytes` bytes, and `received` for a number.
    unsafe fn receive_raw(&self, buffer: *mut u8, bytes: i32, received: *mut i32, blocking: bool) -> GError {
        let len = usize::try_from(bytes).unwrap_or(0);
        let (count, error) = value_of("get_data", (0, GError::FAILED), || {
            // SAFETY: the caller's promise; an empty slice needs no memory.
            let buffer = if len == 0 { &mut [] } else { unsafe { std::slice::from_raw_parts_mut(buffer, len) } };
            Ok(self.receive(buffer, blocking))
        });
        // SAFETY: the caller's promise.
        unsafe { *received = count as i32 };
        error
    }

    /// # Safety
    /// `data` must have `bytes` bytes, and `sent` room for a number.
    unsafe fn send_raw(&self, data: *const u8, bytes: i32, sent: *mut i32, blocking: bool) -> GError {
        let len = usize::try_from(bytes).unwrap_or(0);
        let (count, error) = value_of("put_data", (0, GError::FAILED), || {
            // SAFETY: the caller's promise; an empty slice needs no memory.
            let data = if len == 0 { &[] } else { unsafe { std::slice::from_raw_parts(data, len) } };
            Ok(self.send(data, blocking))
        });
        // SAFETY: the caller's promise.
        unsafe { *sent = count as i32 };
        error
    }
}

#[godot_api]
impl HttpClientRustStream {
    #[func]
    fn get_status(&self) -> i64 {
        let connected = self.connection.as_ref().is_some_and(RawConnection::is_connected);
        if connected { STATUS_CONNECTED } else { STATUS_NONE }
    }

    #[func]
    fn poll(&self) -> GError {
        if self.get_status() == STATUS_CONNECTED { GError::OK } else { GError::ERR_UNCONFIGURED }
    }

    #[func]
    fn get_connected_host(&self) -> GString {
        let address = self.connection.as_ref().and_then(RawConnection::peer_addr);
        address.map(|address| GString::from(&address.ip().to_string())).unwrap_or_default()
    }

    #[func]
    fn get_connected_port(&self) -> i64 {
        self.connection.as_ref().and_then(RawConnection::peer_addr).map_or(0, |address| address.port().into())
    }

    #[func]
    fn get_local_port(&self) -> i64 {
        self.connection.as_ref().and_then(RawConnection::local_addr).map_or(0, |address| address.port().into())
    }

    #[func]
    fn set_no_delay(&self, enabled: bool) {
        if let Some(connection) = &self.connection {
            // A connection that has just gone needs no option.
            let _ = connection.set_no_delay(enabled);
        }
    }

    #[func]
    fn disconnect_from_host(&self) {
        error_of("disconnect_from_host", || {
            if let Some(connection) = &self.connection {
                connection.close();
            }
            Ok(())
        });
    }
}

fn code_of(error: &io::Error) -> GError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<http_client::Error>());
    inner.map_or(GError::ERR_CONNECTION_ERROR, |error| error_code(error.code))
}
