//! Bodies: the source of a request body, and the buffer for a response body.

use std::fmt;
use std::io::Read;

/// A request body.
pub enum Body {
    /// Any owner of bytes. The bytes are sent without a copy.
    Bytes(Box<dyn AsRef<[u8]> + Send>),
    /// A reader that is read while the body is sent, on the thread of the connection. It must not wait: if it has no data yet, it returns
    /// the error `WouldBlock`.
    Reader {
        /// The source of the bytes.
        reader: Box<dyn Read + Send>,
        /// The number of bytes, or `None` if it is not known. The body is then sent in chunks.
        length: Option<u64>,
    },
}

impl Body {
    /// Creates an empty body.
    pub fn empty() -> Self {
        Self::Bytes(Box::new([0; 0]))
    }

    /// Returns the number of bytes, if it is known.
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

/// A resizable array of bytes that receives a body without a copy, such as `Vec<u8>` or Godot's `PackedByteArray`.
pub trait ByteBuffer {
    /// Creates an array of `len` bytes with any content.
    fn with_len(len: usize) -> Self;

    /// Changes the length and keeps the bytes at the start.
    fn set_len(&mut self, len: usize);

    /// Returns the whole array.
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
