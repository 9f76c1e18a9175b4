//! Bodies: what is sent, and where what is received goes.

use std::fmt;
use std::io::Read;

/// A request's body.
pub enum Body {
    /// Any owner of bytes. They are sent from where they lie.
    Bytes(Box<dyn AsRef<[u8]> + Send>),
    /// Something to be read while it is sent, on the thread that works on the connection, so it must not wait: what has nothing yet
    /// says `WouldBlock`.
    Reader {
        /// Where the bytes come from.
        reader: Box<dyn Read + Send>,
        /// How many there are; none if that is not known: they are then sent in chunks.
        length: Option<u64>,
    },
}

impl Body {
    /// No body.
    pub fn empty() -> Self {
        Self::Bytes(Box::new([0; 0]))
    }

    /// How many bytes it has, if that is known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some((**bytes).as_ref().len() as u64),
            Self::Reader { length, .. } => *length,
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body").field("length", &self.length()).finish_non_exhaustive()
    }
}

/// A growable array of bytes that a body is received into without a copy, such as `Vec<u8>` or Godot's `PackedByteArray`.
pub trait ByteBuffer {
    /// An array of `len` bytes with any contents.
    fn with_len(len: usize) -> Self;

    /// Changes the length, keeping the bytes at the start.
    fn set_len(&mut self, len: usize);

    /// All of it.
    fn as_mut_slice(&mut self) -> &mut [u8];
}

impl ByteBuffer for Vec<u8> {
    fn with_len(len: usize) -> Self {
        vec![0; len]
    }

    fn set_len(&mut self, len: usize) {
        self.resize(len, 0);
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }
}
