//! Retries: which failures are worth another attempt, and after how long.

use std::fmt;
use std::time::{Duration, SystemTime};

use http_protocol::Method;

/// The first wait. Each further wait is twice as long.
pub const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The maximum of the doubled waits.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The maximum wait that a server can ask for. If it asks for more, its response is delivered instead.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// The settings of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The maximum number of retries.
    pub most: u32,
    /// Whether POST and PATCH requests are also retried.
    pub unsafe_methods: bool,
}

/// Why an attempt has no complete response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The name has no address.
    ResolveFailed,
    /// No address accepted the connection.
    ConnectFailed,
    /// The proxy could not be reached.
    ProxyFailed,
    /// The proxy answered, but did not open a connection.
    ProxyRefused,
    /// The TLS handshake failed: a certificate, a version, an alert.
    Tls,
    /// The connection was reset before the first byte of the response.
    ResetBeforeResponse,
    /// The connection ended before the first byte of the response.
    ClosedBeforeResponse,
    /// The connection was reset or ended in the middle of the response.
    BrokenOff,
    /// The received data is not HTTP, or exceeds a limit.
    BadResponse,
    /// A time limit passed before there was a connection.
    ConnectTimeout,
    /// A time limit passed after that.
    Timeout,
}

/// An attempt that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// The method.
    pub method: Method,
    /// The number of retries so far.
    pub retries: u32,
    /// Whether it used a connection that had been used before.
    pub on_kept_connection: bool,
    /// Whether any byte of it was written.
    pub was_written: bool,
    /// Whether an earlier attempt of this request failed because a kept connection had ended.
    pub has_lost_kept_connection: bool,
    /// Whether another attempt can continue where this one stopped: a download with a validator.
    pub can_resume: bool,
    /// The time that is left before `timeout`, or `None` if there is no limit.
    pub time_left: Option<Duration>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// Without a complete response.
    Failed(Failure),
    /// With a response.
    Answered {
        /// The status code.
        status: u16,
        /// The value of the `Retry-After` header.
        retry_after: Option<&'a str>,
    },
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing. The request ends in the same way.
    Stop,
    /// Another attempt, at once and over a new connection. It does not count as a retry.
    AtOnce,
    /// Another attempt after this time. It counts as a retry.
    After(Duration),
}

/// Decides what to do next. `jitter` is a random number from 0 to 1. `now` is the time of day, for a `Retry-After` that is a date.
pub fn decide(policy: Policy, attempt: &Attempt, end: End<'_>, now: SystemTime, jitter: f64) -> Next {
    if let End::Failed(failure) = end
        && died_with_kept_connection(attempt, failure)
    {
        return Next::AtOnce;
    }
    let method_allows = is_idempotent(attempt.method) || policy.unsafe_methods;
    if !method_allows || attempt.retries >= policy.most {
        return Next::Stop;
    }
    let asked = match end {
        End::Failed(Failure::BrokenOff) if attempt.can_resume => None,
        End::Failed(failure) if is_worth_retrying(failure) => None,
        End::Failed(_) => return Next::Stop,
        End::Answered { status, retry_after } => {
            let asked = retry_after.and_then(|value| read_retry_after(value, now));
            match status {
                413 if asked.is_none() => return Next::Stop,
                408 | 413 | 429 | 500 | 502 | 503 | 504 => asked,
                _ => return Next::Stop,
            }
        }
    };
    if asked.is_some_and(|wait| wait > LONGEST_RETRY_AFTER) {
        return Next::Stop;
    }
    let wait = asked.unwrap_or_else(|| backoff(attempt.retries, jitter));
    if attempt.time_left.is_some_and(|left| wait >= left) { Next::Stop } else { Next::After(wait) }
}

/// Returns whether the request failed only because the server closed an idle connection while the request was on its way. The request is
/// then sent once more (RFC 9110 §9.2.2).
fn died_with_kept_connection(attempt: &Attempt, failure: Failure) -> bool {
    attempt.on_kept_connection
        && !attempt.has_lost_kept_connection
        && dies_with_connection(attempt.method, attempt.was_written, failure)
}

/// Returns whether a request on a kept connection may have failed for that reason.
pub(crate) fn dies_with_connection(method: Method, was_written: bool, failure: Failure) -> bool {
    matches!(failure, Failure::ResetBeforeResponse | Failure::ClosedBeforeResponse)
        && (is_idempotent(method) || !was_written)
}

/// Returns whether two requests with this method have the same effect as one (RFC 9110 §9.2.2).
pub fn is_idempotent(method: Method) -> bool {
    !matches!(method, Method::Post | Method::Patch | Method::Connect)
}

fn is_worth_retrying(failure: Failure) -> bool {
    match failure {
        Failure::ResolveFailed
        | Failure::ConnectFailed
        | Failure::ProxyFailed
        | Failure::ConnectTimeout
        | Failure::ResetBeforeResponse
        | Failure::ClosedBeforeResponse => true,
        Failure::ProxyRefused | Failure::Tls | Failure::BrokenOff | Failure::BadResponse | Failure::Timeout => false,
    }
}

/// Returns the wait before a retry that follows `retries` others. It is a random time between 50 % and 100 % of 0.5 s, doubled for each
/// earlier retry. Otherwise, many players whose server was down would come back in the same moment.
pub fn backoff(retries: u32, jitter: f64) -> Duration {
    let whole = FIRST_WAIT.saturating_mul(1 << retries.min(16)).min(LONGEST_WAIT);
    let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 1.0 };
    whole / 2 + (whole / 2).mul_f64(jitter)
}

/// Returns how long a `Retry-After` value asks to wait (RFC 9110 §10.2.3). The value is a number of seconds or a date. A date in the past
/// means no wait. Returns `None` if it is neither.
pub fn read_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit is treated as a very long time.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

impl Failure {
    /// Returns whether this is a time limit.
    pub fn is_timeout(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::Timeout)
    }
}

impl fmt::Display for End<'_> {
    /// Writes the reason that a script gets before a retry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(failure) => failure.fmt(f),
            Self::Answered { status, .. } => write!(f, "the server answered with status {status}"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ResolveFailed => "the host name could not be resolved",
            Self::ConnectFailed => "the server could not be reached",
            Self::ProxyFailed => "the proxy could not be reached",
            Self::ProxyRefused => "the proxy did not connect to the server",
            Self::Tls => "the server is not trusted, or does not support TLS",
            Self::ResetBeforeResponse => "the connection was reset before the server answered",
            Self::ClosedBeforeResponse => "the connection ended before the server answered",
            Self::BrokenOff => "the connection ended in the middle of the response",
            Self::BadResponse => "the server's response could not be read",
            Self::ConnectTimeout => "the connection was not established in time",
            Self::Timeout => "the server did not answer in time",
        })
    }
}
