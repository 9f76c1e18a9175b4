//! Why a call has no complete response: its result, the sentence, and whether another attempt could help.

use std::io;

use http_net::{Error, ErrorKind, Names, Phase, ProxyProblem, without_number};

use crate::address::AddressError;
use crate::decode::DecodeError;
use crate::download::DownloadError;
use crate::events::EventsError;
use crate::multipart::FormError;
use crate::redirect::RedirectError;
use crate::response::ResultCode;
use crate::retry;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) result: ResultCode,
    pub(crate) sentence: String,
    /// The failure as the rules for retries see it. `None` if they do not apply.
    pub(crate) retry: Option<retry::Failure>,
}

impl Failure {
    pub(crate) fn new(result: ResultCode, sentence: impl Into<String>) -> Self {
        Self { result, sentence: sentence.into(), retry: None }
    }

    pub(crate) fn invalid(sentence: impl Into<String>) -> Self {
        Self::new(ResultCode::InvalidRequest, sentence)
    }

    pub(crate) fn cancelled() -> Self {
        Self::new(ResultCode::Cancelled, "the request was cancelled")
    }

    /// A failure of a file operation.
    pub(crate) fn disk(result: ResultCode, what: &str, path: &std::path::Path, error: &io::Error) -> Self {
        let (words, path) = (without_number(error), path.display().to_string());
        Self::new(result, format!("the file {path:?} cannot be {what}: {words}"))
    }

    /// A failure before or during the response.
    pub(crate) fn of_exchange(error: &Error) -> Self {
        let (result, retry) = classify(error);
        Self { result, sentence: error.worded(NAMES).to_string(), retry }
    }
}

fn classify(error: &Error) -> (ResultCode, Option<retry::Failure>) {
    use retry::Failure as Retry;
    match error.kind() {
        ErrorKind::Misuse(_) => (ResultCode::InvalidRequest, None),
        ErrorKind::Resolve { .. } => (ResultCode::CantResolve, Some(Retry::ResolveFailed)),
        ErrorKind::Connect { .. } => (ResultCode::CantConnect, Some(Retry::ConnectFailed)),
        ErrorKind::Proxy { problem: ProxyProblem::Answered { .. }, .. } => {
            (ResultCode::CantConnect, Some(Retry::ProxyRefused))
        }
        ErrorKind::Proxy { .. } => (ResultCode::CantConnect, Some(Retry::ProxyFailed)),
        ErrorKind::Tls(_) if error.phase() == Phase::Tls => (ResultCode::TlsHandshakeError, Some(Retry::Tls)),
        ErrorKind::Timeout { .. } => {
            let is_connecting = matches!(error.phase(), Phase::Resolve | Phase::Connect | Phase::Proxy);
            (ResultCode::Timeout, Some(if is_connecting { Retry::ConnectTimeout } else { Retry::Timeout }))
        }
        ErrorKind::ClosedBeforeResponse(_) if !error.has_response_begun() => {
            let is_reset = std::error::Error::source(error).is_some();
            let retry = if is_reset { Retry::ResetBeforeResponse } else { Retry::ClosedBeforeResponse };
            (ResultCode::ConnectionError, Some(retry))
        }
        // The connection ended while it was idle, before the request was sent.
        ErrorKind::ClosedIdle | ErrorKind::NotReusable(_) => {
            (ResultCode::ConnectionError, Some(Retry::ClosedBeforeResponse))
        }
        ErrorKind::Broken if error.phase() == Phase::Idle => {
            (ResultCode::ConnectionError, Some(Retry::ResetBeforeResponse))
        }
        ErrorKind::Malformed(_) | ErrorKind::Unsolicited(_) => (ResultCode::ConnectionError, Some(Retry::BadResponse)),
        ErrorKind::RequestBody(_) => (ResultCode::RequestFailed, None),
        ErrorKind::Cancelled => (ResultCode::Cancelled, None),
        _ => (ResultCode::ConnectionError, Some(Retry::BrokenOff)),
    }
}

/// The names of settings that sentences contain.
const NAMES: Names = Names {
    dial_limit: Some("connect_timeout"),
    silence_limit: Some("stall_timeout"),
    trust: Some("TLSOptions.client() or trusted_ca_file"),
    allow_tls13: Some("enable the project setting network/tls/enable_tls_v1.3"),
};

impl From<AddressError> for Failure {
    fn from(error: AddressError) -> Self {
        Self::invalid(error.to_string())
    }
}

impl From<RedirectError> for Failure {
    fn from(error: RedirectError) -> Self {
        let result = match error {
            RedirectError::TooMany { .. } => ResultCode::RedirectLimitReached,
            _ => ResultCode::RequestFailed,
        };
        Self::new(result, error.to_string())
    }
}

impl From<DecodeError> for Failure {
    fn from(error: DecodeError) -> Self {
        let result = match error {
            DecodeError::TooLarge { .. } => ResultCode::BodySizeLimitExceeded,
            _ => ResultCode::BodyDecompressFailed,
        };
        Self::new(result, error.to_string())
    }
}

impl From<DownloadError> for Failure {
    fn from(error: DownloadError) -> Self {
        Self::new(ResultCode::RequestFailed, error.to_string())
    }
}

impl From<EventsError> for Failure {
    fn from(error: EventsError) -> Self {
        Self::new(ResultCode::BodySizeLimitExceeded, error.to_string())
    }
}

/// Only for errors before anything is sent. While the form is sent, the connection reports the error.
impl From<FormError> for Failure {
    fn from(error: FormError) -> Self {
        Self::invalid(error.to_string())
    }
}
