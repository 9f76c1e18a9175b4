//! What is waited for on a socket.

/// The readiness of a socket that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Data to read, or the end.
    Read,
    /// Space to write.
    Write,
    /// Either.
    Both,
}
