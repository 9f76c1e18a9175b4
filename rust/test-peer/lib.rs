//! A second extension, such as a game may have besides HTTPClientRust. Its class `TestPeer` is a `StreamPeer` that is not part of
//! the engine. Only the tests load it.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use godot::builtin::{Callable, GString, PackedByteArray};
use godot::classes::IStreamPeerExtension;
use godot::global::Error;
use godot::init::{ExtensionLibrary, gdextension};
use godot::meta::conv::RawPtr;
use godot::obj::Gd;
use godot::register::{GodotClass, godot_api};

struct Extension;

// SAFETY: this extension starts no threads.
#[gdextension]
unsafe impl ExtensionLibrary for Extension {}

/// A minimal `StreamPeer`, without `poll()` and `get_status()`. After a call to connect, it uses TCP. Before that, the test is
/// the other end: it provides the bytes to read, and takes the written bytes.
#[derive(GodotClass)]
#[class(tool, init, base = StreamPeerExtension)]
struct TestPeer {
    stream: Option<TcpStream>,
    fed: VecDeque<u8>,
    written: Vec<u8>,
    /// What follows after the provided bytes.
    ending: Ending,
    /// How many more bytes writes accept.
    #[init(val = i64::MAX)]
    room: i64,
    /// Whether `get_available_bytes()` always returns 0.
    is_mute: bool,
    /// The number of reads and writes.
    transfers: i64,
    /// Called during every call from the engine.
    hook: Option<Callable>,
}

#[derive(Clone, Copy, Default)]
enum Ending {
    #[default]
    None,
    Clean,
    Error,
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

    #[func]
    fn feed(&mut self, bytes: PackedByteArray) {
        self.fed.extend(bytes.as_slice());
    }

    #[func]
    fn end(&mut self) {
        self.ending = Ending::Clean;
    }

    #[func]
    fn fail(&mut self) {
        self.ending = Ending::Error;
    }

    #[func]
    fn take_written(&mut self) -> PackedByteArray {
        PackedByteArray::from(std::mem::take(&mut self.written))
    }

    #[func]
    fn set_room(&mut self, bytes: i64) {
        self.room = bytes;
    }

    #[func]
    fn set_mute(&mut self, is_mute: bool) {
        self.is_mute = is_mute;
    }

    #[func]
    fn set_hook(&mut self, hook: Callable) {
        self.hook = Some(hook).filter(Callable::is_valid);
    }

    #[func]
    fn get_transfers(&self) -> i64 {
        self.transfers
    }

    /// Nothing is borrowed during the call, because the hook may call this object or free it.
    fn call_hook(this: &Gd<Self>) {
        let hook = this.bind().hook.clone();
        if let Some(hook) = hook {
            hook.call(&[]);
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> (usize, Error) {
        self.transfers += 1;
        if let Some(stream) = &mut self.stream {
            return match stream.read(buffer) {
                Ok(0) => (0, Error::ERR_FILE_EOF),
                Ok(count) => (count, Error::OK),
                Err(error) if error.kind() == ErrorKind::WouldBlock => (0, Error::OK),
                Err(_) => (0, Error::FAILED),
            };
        }
        let count = self.fed.read(buffer).unwrap_or(0);
        let error = match self.ending {
            Ending::Clean if count == 0 => Error::ERR_FILE_EOF,
            Ending::Error if count == 0 => Error::ERR_CONNECTION_ERROR,
            _ => Error::OK,
        };
        (count, error)
    }

    fn send(&mut self, data: &[u8]) -> (usize, Error) {
        self.transfers += 1;
        if let Some(stream) = &mut self.stream {
            return match stream.write(data) {
                Ok(count) => (count, Error::OK),
                Err(error) if error.kind() == ErrorKind::WouldBlock => (0, Error::OK),
                Err(_) => (0, Error::FAILED),
            };
        }
        let count = data.len().min(usize::try_from(self.room).unwrap_or(0));
        self.room -= count as i64;
        self.written.extend_from_slice(&data[..count]);
        (count, Error::OK)
    }

    fn available(&self) -> i32 {
        if self.is_mute {
            return 0;
        }
        let mut start = [0; 4096];
        let available = match &self.stream {
            Some(stream) => stream.peek(&mut start).unwrap_or(0),
            None => self.fed.len(),
        };
        i32::try_from(available).unwrap_or(i32::MAX)
    }
}

#[godot_api]
impl IStreamPeerExtension for TestPeer {
    #[func(gd_self)]
    unsafe fn get_data_rawptr(
        _this: Gd<Self>,
        _buffer: RawPtr<*mut u8>,
        _bytes: i32,
        received: RawPtr<*mut i32>,
    ) -> Error {
        // SAFETY: the engine passes room for the count.
        unsafe { *received.ptr() = 0 };
        // Code that polls must not call a blocking method.
        Error::ERR_UNAVAILABLE
    }

    #[func(gd_self)]
    unsafe fn get_partial_data_rawptr(
        this: Gd<Self>,
        buffer: RawPtr<*mut u8>,
        bytes: i32,
        received: RawPtr<*mut i32>,
    ) -> Error {
        // SAFETY: the engine passes room for the count.
        unsafe { *received.ptr() = 0 };
        Self::call_hook(&this);
        let size = usize::try_from(bytes).unwrap_or(0);
        // SAFETY: the engine passes room for this number of bytes, which are initialized here.
        let buffer = unsafe {
            buffer.ptr().write_bytes(0, size);
            std::slice::from_raw_parts_mut(buffer.ptr(), size)
        };
        let (count, error) = this.clone().bind_mut().receive(buffer);
        // SAFETY: see above.
        unsafe { *received.ptr() = count as i32 };
        error
    }

    #[func(gd_self)]
    unsafe fn put_data_rawptr(_this: Gd<Self>, _data: RawPtr<*const u8>, _bytes: i32, sent: RawPtr<*mut i32>) -> Error {
        // SAFETY: the engine passes room for the count.
        unsafe { *sent.ptr() = 0 };
        Error::ERR_UNAVAILABLE
    }

    #[func(gd_self)]
    unsafe fn put_partial_data_rawptr(
        this: Gd<Self>,
        data: RawPtr<*const u8>,
        bytes: i32,
        sent: RawPtr<*mut i32>,
    ) -> Error {
        // SAFETY: the engine passes room for the count.
        unsafe { *sent.ptr() = 0 };
        Self::call_hook(&this);
        // SAFETY: the engine passes this number of bytes.
        let data = unsafe { std::slice::from_raw_parts(data.ptr(), usize::try_from(bytes).unwrap_or(0)) };
        let (count, error) = this.clone().bind_mut().send(data);
        // SAFETY: see above.
        unsafe { *sent.ptr() = count as i32 };
        error
    }

    #[func(gd_self)]
    fn get_available_bytes(this: Gd<Self>) -> i32 {
        Self::call_hook(&this);
        this.bind().available()
    }

    /// The trait requires this method. The engine calls the one above, because the first registration of a name wins.
    fn get_available_bytes(&self) -> i32 {
        self.available()
    }
}
