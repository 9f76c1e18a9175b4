//! The errors of the client: a code with the same name as in Godot scripts, and a sentence.

use std::fmt;

use http_net::{ErrorKind, Names, Phase};

use crate::status::Status;

/// The names that scripts use for the settings that sentences mention.
const NAMES: Names = Names {
    dial_limit: Some("connect_timeout"),
    silence_limit: Some("read_timeout"),
    trust: Some("TLSOptions.client() or trusted_ca_file"),
    allow_tls13: Some("enable the project setting network/tls/enable_tls_v1.3"),
};

/// The kind of an error. The names are those of Godot's `Error` constants without `ERR_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// Something unexpected happened. This is a bug in this library.
    Failed,
    /// The feature is not available.
    Unavailable,
    /// There is no connection.
    Unconfigured,
    /// An argument is invalid, or the call is not allowed at this time.
    InvalidParameter,
    /// A call of another thread on the same client is still running.
    Busy,
    /// The host name has no address.
    CantResolve,
    /// The connection could not be established.
    CantConnect,
    /// The connection failed.
    ConnectionError,
    /// A file cannot be read.
    FileCantOpen,
}

/// An error with a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind of the error.
    pub code: ErrorCode,
    /// The sentence: what happened, with which value, and what to do.
    pub message: String,
}

impl Error {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidParameter, message)
    }

    /// Returns whether the caller made a mistake, rather than the network or the server.
    pub fn is_misuse(&self) -> bool {
        use ErrorCode::{Busy, Failed, FileCantOpen, InvalidParameter, Unavailable};
        matches!(self.code, Busy | Failed | FileCantOpen | InvalidParameter | Unavailable)
    }
}

impl From<http_net::Error> for Error {
    fn from(error: http_net::Error) -> Self {
        Ends::of(&error).error
    }
}

/// The effect of a connection failure on a client.
pub(crate) struct Ends {
    pub(crate) status: Status,
    pub(crate) error: Error,
    /// The sentence as a clause of another sentence.
    pub(crate) clause: String,
}

impl Ends {
    /// Chooses the status and the code by the kind and phase. The sentence is that of the failure.
    pub(crate) fn of(failure: &http_net::Error) -> Self {
        let (status, code) = match (failure.kind(), failure.phase()) {
            (ErrorKind::Misuse(_), _) => (Status::Disconnected, ErrorCode::InvalidParameter),
            (ErrorKind::Cancelled, _) => (Status::Disconnected, ErrorCode::Unconfigured),
            (_, Phase::Resolve) => (Status::CantResolve, ErrorCode::CantResolve),
            (_, Phase::Connect | Phase::Proxy) => (Status::CantConnect, ErrorCode::CantConnect),
            (_, Phase::Tls) => (Status::TlsHandshakeError, ErrorCode::CantConnect),
            _ => (Status::ConnectionError, ErrorCode::ConnectionError),
        };
        let sentence = failure.worded(NAMES);
        Self { status, error: Error::new(code, sentence.to_string()), clause: sentence.as_clause().to_string() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
