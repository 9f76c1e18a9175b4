//! What a caller waits for on a socket.

/// The readiness that a caller waits for on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Data to read, or the end.
    Read,
    /// Space to write.
    Write,
    /// Either.
    Both,
}
