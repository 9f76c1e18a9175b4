//! Errors as the caller gets them: a code, which Godot scripts know by the same name, and a sentence.

use std::fmt;

/// What kind of error it is. The names are those of Godot's `Error` constants without `ERR_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// Something that should not happen happened; a bug of this library.
    Failed,
    /// The feature is not there.
    Unavailable,
    /// There is no connection to work on.
    Unconfigured,
    /// An argument, or a call at this point, makes no sense.
    InvalidParameter,
    /// Another thread is in the middle of a call on the same client.
    Busy,
    /// The host name has no address.
    CantResolve,
    /// No connection could be made.
    CantConnect,
    /// The connection failed.
    ConnectionError,
    /// A file that was named cannot be read.
    FileCantOpen,
}

/// An error, with the sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What kind of error it is.
    pub code: ErrorCode,
    /// What happened, with what, and what to do.
    pub message: String,
}

impl Error {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidParameter, message)
    }

    /// Whether the caller is at fault, rather than the network or the server.
    pub fn is_misuse(&self) -> bool {
        use ErrorCode::{Busy, Failed, FileCantOpen, InvalidParameter, Unavailable};
        matches!(self.code, Busy | Failed | FileCantOpen | InvalidParameter | Unavailable)
    }
}

impl From<http_protocol::CallerError> for Error {
    fn from(error: http_protocol::CallerError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
