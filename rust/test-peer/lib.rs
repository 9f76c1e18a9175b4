//! Another extension, as a game may have one beside HTTPClientRust: its class `TestPeer` is a `StreamPeer` that the engine does not
//! know. Only the tests load it.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use godot::builtin::GString;
use godot::classes::IStreamPeerExtension;
use godot::global::Error;
use godot::init::{ExtensionLibrary, gdextension};
use godot::meta::conv::RawPtr;
use godot::register::{GodotClass, godot_api};

struct Extension;

// SAFETY: nothing here runs on a thread of its own.
#[gdextension]
unsafe impl ExtensionLibrary for Extension {}

/// A TCP connection of its own kind, without `poll()` and `get_status()`: the least that a `StreamPeer` can be.
#[derive(GodotClass)]
#[class(tool, init, base = StreamPeerExtension)]
struct TestPeer {
    stream: Option<TcpStream>,
}

#[godot_api]
impl TestPeer {
    #[func]
    fn connect_to(&mut self, address: GString) -> Error {
        let connected = TcpStream::connect(address.to_string());
        match connected.and_then(|stream| stream.set_nonblocking(true).map(|()| stream)) {
            Ok(stream) => {
                self.stream = Some(stream);
                Error::OK
            }
            Err(_) => Error::ERR_CANT_CONNECT,
        }
    }
}

#[godot_api]
impl IStreamPeerExtension for TestPeer {
    unsafe fn get_data_rawptr(&mut self, _: RawPtr<*mut u8>, _: i32, _: RawPtr<*mut i32>) -> Error {
        // Whoever polls must not call what blocks.
        Error::ERR_UNAVAILABLE
    }

    unsafe fn get_partial_data_rawptr(
        &mut self,
        buffer: RawPtr<*mut u8>,
        bytes: i32,
        received: RawPtr<*mut i32>,
    ) -> Error {
        // SAFETY: the engine hands over room for this many bytes, and for the count.
        let (buffer, received) =
            unsafe { (std::slice::from_raw_parts_mut(buffer.ptr(), bytes as usize), &mut *received.ptr()) };
        *received = 0;
        match self.stream.as_mut().map(|stream| stream.read(buffer)) {
            Some(Ok(0)) => Error::ERR_FILE_EOF,
            Some(Ok(count)) => {
                *received = count as i32;
                Error::OK
            }
            Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => Error::OK,
            _ => Error::FAILED,
        }
    }

    unsafe fn put_data_rawptr(&mut self, _: RawPtr<*const u8>, _: i32, _: RawPtr<*mut i32>) -> Error {
        Error::ERR_UNAVAILABLE
    }

    unsafe fn put_partial_data_rawptr(&mut self, data: RawPtr<*const u8>, bytes: i32, sent: RawPtr<*mut i32>) -> Error {
        // SAFETY: the engine hands over this many bytes, and room for the count.
        let (data, sent) = unsafe { (std::slice::from_raw_parts(data.ptr(), bytes as usize), &mut *sent.ptr()) };
        *sent = 0;
        match self.stream.as_mut().map(|stream| stream.write(data)) {
            Some(Ok(count)) => {
                *sent = count as i32;
                Error::OK
            }
            Some(Err(error)) if error.kind() == ErrorKind::WouldBlock => Error::OK,
            _ => Error::FAILED,
        }
    }

    fn get_available_bytes(&self) -> i32 {
        let mut start = [0; 4096];
        self.stream.as_ref().and_then(|stream| stream.peek(&mut start).ok()).unwrap_or(0) as i32
    }
}
