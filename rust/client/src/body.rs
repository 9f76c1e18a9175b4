//! Bodies: what is sent, and where what is received goes.

/// A request's body. It is not copied: any owner of bytes will do.
pub type Body = Box<dyn AsRef<[u8]> + Send>;

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

/// A request on its way out: the head, the body, and how much of both has been written.
pub(crate) struct Outgoing {
    head: Vec<u8>,
    body: Body,
    written: usize,
}

impl Outgoing {
    pub(crate) fn new(head: Vec<u8>, body: Body) -> Self {
        Self { head, body, written: 0 }
    }

    /// What is still to be written, of the head and of the body.
    pub(crate) fn rest(&self) -> (&[u8], &[u8]) {
        let body = (*self.body).as_ref();
        match self.written.checked_sub(self.head.len()) {
            None => (&self.head[self.written..], body),
            Some(of_body) => (&[], &body[of_body..]),
        }
    }

    pub(crate) fn advance(&mut self, count: usize) {
        self.written += count;
    }

    pub(crate) fn is_written(&self) -> bool {
        self.written >= self.len()
    }

    pub(crate) fn written(&self) -> usize {
        self.written
    }

    pub(crate) fn len(&self) -> usize {
        self.head.len() + (*self.body).as_ref().len()
    }
}
