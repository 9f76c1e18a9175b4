//! The class `HTTPClientRustStream`, which `HTTPClientRust.get_connection()` returns.
//!
//! The object itself never changes: the locks of the [`RawConnection`] protect all mutable state. A call borrows the object only
//! until it has the connection, because the call may block, or may run a script that frees the object. Therefore the methods take
//! `gd_self`, except those that only read the client's state and return at once.

use std::io;
use std::time::Duration;

use godot::builtin::{GString, PackedByteArray};
use godot::classes::{IStreamPeerExtension, StreamPeer};
use godot::global::Error as GError;
use godot::meta::conv::RawPtr;
use godot::obj::Gd;
use godot::register::{GodotClass, godot_api};
use http_client::{Interest, RawConnection};

use crate::call::value_of;
use crate::convert::types::error_code;

/// The statuses of `StreamPeerTCP`.
const STATUS_NONE: i64 = 0;
const STATUS_CONNECTED: i64 = 2;
/// The maximum time that a blocking call sleeps before it checks again. The expected event and the end of the connection wake it earlier.
const SLICE: Duration = Duration::from_millis(100);
/// How much of the engine's buffer is initialized for one read, in bytes.
const PIECE: usize = 64 * 1024;

#[derive(GodotClass)]
#[class(tool, init, base = StreamPeerExtension, rename = HTTPClientRustStream)]
pub(crate) struct HttpClientRustStream {
    /// None in an object that a script created.
    connection: Option<RawConnection>,
}

impl HttpClientRustStream {
    pub(crate) fn over(connection: RawConnection) -> Gd<Self> {
        let mut stream = Gd::from_init_fn(|_| Self { connection: None });
        Self::have_methods_looked_up(&stream.clone().upcast());
        stream.bind_mut().connection = Some(connection);
        stream
    }

    /// The engine looks up each method of an extension's stream in the first call on that object. It uses no lock, and clears the
    /// entry during the lookup. If two threads make the first call, one of them can jump to address 0. So each method is called
    /// once before the object is returned to a script.
    fn have_methods_looked_up(stream: &Gd<StreamPeer>) {
        let mut stream = stream.clone();
        let byte = PackedByteArray::from([0]);
        stream.put_data(&byte);
        stream.put_partial_data(&byte);
        stream.get_data(1);
        stream.get_partial_data(1);
        stream.get_available_bytes();
    }

    pub(crate) fn connection(&self) -> Option<&RawConnection> {
        self.connection.as_ref()
    }

    fn connection_of(this: &Gd<Self>) -> Option<RawConnection> {
        this.bind().connection.clone()
    }
}

#[godot_api]
impl IStreamPeerExtension for HttpClientRustStream {
    #[func(gd_self)]
    unsafe fn get_data_rawptr(
        this: Gd<Self>,
        buffer: RawPtr<*mut u8>,
        bytes: i32,
        received: RawPtr<*mut i32>,
    ) -> GError {
        // SAFETY: the engine passes room for `bytes` bytes and for the count.
        unsafe { receive_raw("get_data", &this, buffer.ptr(), bytes, received.ptr(), true) }
    }

    #[func(gd_self)]
    unsafe fn get_partial_data_rawptr(
        this: Gd<Self>,
        buffer: RawPtr<*mut u8>,
        bytes: i32,
        received: RawPtr<*mut i32>,
    ) -> GError {
        // SAFETY: see above.
        unsafe { receive_raw("get_partial_data", &this, buffer.ptr(), bytes, received.ptr(), false) }
    }

    #[func(gd_self)]
    unsafe fn put_data_rawptr(this: Gd<Self>, data: RawPtr<*const u8>, bytes: i32, sent: RawPtr<*mut i32>) -> GError {
        // SAFETY: the engine passes `bytes` bytes and room for the count.
        unsafe { send_raw("put_data", &this, data.ptr(), bytes, sent.ptr(), true) }
    }

    #[func(gd_self)]
    unsafe fn put_partial_data_rawptr(
        this: Gd<Self>,
        data: RawPtr<*const u8>,
        bytes: i32,
        sent: RawPtr<*mut i32>,
    ) -> GError {
        // SAFETY: see above.
        unsafe { send_raw("put_partial_data", &this, data.ptr(), bytes, sent.ptr(), false) }
    }

    #[func(gd_self)]
    fn get_available_bytes(this: Gd<Self>) -> i32 {
        with(&this, "get_available_bytes", 0, available)
    }

    /// The trait requires this method. The engine calls the one above, because the first registration of a name wins.
    fn get_available_bytes(&self) -> i32 {
        self.connection.as_ref().map_or(0, available)
    }
}

#[godot_api]
impl HttpClientRustStream {
    #[func]
    fn get_status(&self) -> i64 {
        let connected = self.connection.as_ref().is_some_and(RawConnection::is_connected);
        if connected { STATUS_CONNECTED } else { STATUS_NONE }
    }

    #[func(gd_self)]
    fn poll(this: Gd<Self>) -> GError {
        if with(&this, "poll", false, RawConnection::look) { GError::OK } else { GError::ERR_UNCONFIGURED }
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

    #[func(gd_self)]
    fn set_no_delay(this: Gd<Self>, enabled: bool) {
        // A connection that has just been closed needs no option.
        with(&this, "set_no_delay", (), |connection| drop(connection.set_no_delay(enabled)));
    }

    #[func(gd_self)]
    fn disconnect_from_host(this: Gd<Self>) {
        with(&this, "disconnect_from_host", (), RawConnection::close);
    }
}

fn available(connection: &RawConnection) -> i32 {
    i32::try_from(connection.available()).unwrap_or(i32::MAX)
}

/// Runs one call on the connection, if the object has one.
fn with<T: Copy>(
    this: &Gd<HttpClientRustStream>,
    method: &str,
    otherwise: T,
    work: impl FnOnce(&RawConnection) -> T,
) -> T {
    let Some(connection) = HttpClientRustStream::connection_of(this) else { return otherwise };
    let client = connection.client();
    value_of(client.as_deref(), method, otherwise, || Ok(work(&connection)))
}

/// # Safety
/// `buffer` must have room for `bytes` bytes, and `received` for a number.
unsafe fn receive_raw(
    method: &str,
    this: &Gd<HttpClientRustStream>,
    buffer: *mut u8,
    bytes: i32,
    received: *mut i32,
    blocking: bool,
) -> GError {
    // SAFETY: promised by the caller. The engine reads the count in every case.
    unsafe { *received = 0 };
    let len = usize::try_from(bytes).unwrap_or(0);
    let (count, error) = transfer(method, this, |connection| {
        // SAFETY: promised by the caller.
        unsafe { receive(connection, buffer, len, blocking) }
    });
    // SAFETY: promised by the caller.
    unsafe { *received = count as i32 };
    error
}

/// # Safety
/// `data` must have `bytes` bytes, and `sent` room for a number.
unsafe fn send_raw(
    method: &str,
    this: &Gd<HttpClientRustStream>,
    data: *const u8,
    bytes: i32,
    sent: *mut i32,
    blocking: bool,
) -> GError {
    // SAFETY: promised by the caller. The engine reads the count in every case.
    unsafe { *sent = 0 };
    let len = usize::try_from(bytes).unwrap_or(0);
    // SAFETY: promised by the caller. An empty slice needs no memory.
    let data = if len == 0 { &[] } else { unsafe { std::slice::from_raw_parts(data, len) } };
    let (count, error) = transfer(method, this, |connection| send(connection, data, blocking));
    // SAFETY: promised by the caller.
    unsafe { *sent = count as i32 };
    error
}

fn transfer(
    method: &str,
    this: &Gd<HttpClientRustStream>,
    work: impl FnOnce(&RawConnection) -> (usize, GError),
) -> (usize, GError) {
    match HttpClientRustStream::connection_of(this) {
        None => (0, GError::ERR_UNCONFIGURED),
        Some(connection) => {
            let client = connection.client();
            value_of(client.as_deref(), method, (0, GError::FAILED), || Ok(work(&connection)))
        }
    }
}

/// Reads up to `len` bytes into `buffer`. If `blocking`, it waits until all have come. Returns how many bytes were read, and an
/// `Error` constant.
///
/// # Safety
///
/// `buffer` must have room for `len` bytes, which need not be initialized.
unsafe fn receive(connection: &RawConnection, buffer: *mut u8, len: usize, blocking: bool) -> (usize, GError) {
    let mut filled = 0;
    while filled < len {
        let size = PIECE.min(len - filled);
        // SAFETY: `filled + size` is within the buffer. The engine's memory is set to zeros first, because a slice must be
        // initialized.
        let room = unsafe {
            let start = buffer.add(filled);
            start.write_bytes(0, size);
            std::slice::from_raw_parts_mut(start, size)
        };
        match connection.read(room) {
            // The engine discards bytes that come together with an error. The next call returns the error again.
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

/// Writes `bytes`. If `blocking`, it waits until all are written and flushed, otherwise it tries once. Returns how many bytes
/// were written, and an `Error` constant.
fn send(connection: &RawConnection, bytes: &[u8], blocking: bool) -> (usize, GError) {
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
        if !blocking {
            return (written, GError::OK);
        }
    }
    if !blocking || bytes.is_empty() {
        return (written, GError::OK);
    }
    loop {
        match connection.flush() {
            Ok(true) => return (written, GError::OK),
            Ok(false) => connection.wait(Interest::Write, SLICE),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => connection.wait(Interest::Write, SLICE),
            Err(error) => return (written, code_of(&error)),
        }
    }
}

fn code_of(error: &io::Error) -> GError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<http_client::Error>());
    inner.map_or(GError::ERR_CONNECTION_ERROR, |error| error_code(error.code))
}
