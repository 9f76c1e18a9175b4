//! A file of an exported game's pack, which only the engine can read: piece by piece, on the worker's thread.
//!
//! The engine may go in the middle of that. So every call of it is a short one, made while it is kept from going
//! ([`with_engine`](crate::high::body::with_engine)); later ones are errors, of which nobody hears any more.

use std::io::{self, Read};
use std::mem::ManuallyDrop;

use godot::builtin::GString;
use godot::classes::FileAccess;
use godot::classes::file_access::ModeFlags;
use godot::obj::Gd;
use http_fetch::multipart::Source;

use crate::high::body::with_engine;

/// Bytes that are read in one call of the engine.
const MOST: usize = 256 << 10;

/// See the module.
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

// SAFETY: nobody else has the object, its count of references is atomic, and one thread at a time uses it.
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
        // SAFETY: it is dropped here alone, and not used any more. Without the engine it stays where it is.
        with_engine(|| unsafe { ManuallyDrop::drop(&mut self.file) });
    }
}
