//! A file in the pack of an exported game. Only the engine can read it, so the worker's thread reads it piece by piece.
//!
//! The engine can shut down between two pieces. So every call to the engine is short, and the engine cannot shut down during a
//! call ([`with_engine`](crate::high::body::with_engine)). Later calls return errors, which no script sees.

use std::io::{self, Read};
use std::mem::ManuallyDrop;

use godot::builtin::GString;
use godot::classes::FileAccess;
use godot::classes::file_access::ModeFlags;
use godot::obj::Gd;
use http_fetch::multipart::Source;

use crate::high::body::with_engine;

/// How many bytes one call to the engine reads.
const MOST: usize = 256 << 10;

/// The path of the file. See the module.
pub(crate) struct PackedFile {
    path: String,
}

impl PackedFile {
    pub(crate) fn new(path: &GString) -> Self {
        Self { path: path.to_string() }
    }
}

impl Source for PackedFile {
    fn measure(&self) -> io::Result<u64> {
        in_engine(|| Ok(opened(&self.path)?.get_length()))
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        in_engine(|| Ok(Box::new(Opened { file: ManuallyDrop::new(opened(&self.path)?) }) as Box<dyn Read + Send>))
    }
}

fn opened(path: &str) -> io::Result<Gd<FileAccess>> {
    FileAccess::open(path, ModeFlags::READ).ok_or_else(|| io::Error::other("the engine no longer finds it"))
}

fn in_engine<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    with_engine(call).unwrap_or_else(|| Err(io::Error::other("the program ends")))
}

struct Opened {
    file: ManuallyDrop<Gd<FileAccess>>,
}

// SAFETY: nobody else has the object, its reference count is atomic, and only one thread at a time uses it.
unsafe impl Send for Opened {}

impl Read for Opened {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        in_engine(|| {
            let bytes = self.file.get_buffer(room.len().min(MOST) as i64);
            room[..bytes.len()].copy_from_slice(bytes.as_slice());
            Ok(bytes.len())
        })
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: the object is dropped only here, and not used afterwards. It is leaked if the engine has shut down.
        with_engine(|| unsafe { ManuallyDrop::drop(&mut self.file) });
    }
}
