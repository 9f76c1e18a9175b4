//! Retries: which ends of an attempt are worth another, and after how long.

use std::fmt;
use std::time::{Duration, SystemTime};

use http_protocol::Method;

/// The first wait; each one after it is twice as long.
pub const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The longest wait that doubling comes to.
pub const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A server that asks for a longer wait has its response delivered instead.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// What a session is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// So many retries.
    pub most: u32,
    /// POST and PATCH too.
    pub unsafe_methods: bool,
}

/// Why an attempt has no response, or not the whole of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The name has no address.
    ResolveFailed,
    /// No address took the connection.
    ConnectFailed,
    /// The proxy could not be reached.
    ProxyFailed,
    /// The proxy answered, and did not connect.
    ProxyRefused,
    /// No TLS came about: a certificate, a version, an alert.
    Tls,
    /// The connection was reset before the first byte of the response.
    ResetBeforeResponse,
    /// The connection ended before the first byte of the response.
    ClosedBeforeResponse,
    /// The connection was reset or ended inside the response.
    BrokenOff,
    /// What came is not HTTP, or over a limit.
    BadResponse,
    /// A limit of time ran out before a connection was there.
    ConnectTimeout,
    /// A limit of time ran out afterwards.
    Timeout,
}

/// An attempt that ended.
#[derive(Clone, Copy, Debug)]
pub struct Attempt {
    /// The method.
    pub method: Method,
    /// The retries that counted, so far.
    pub retries: u32,
    /// Whether it went over a connection that had served before.
    pub on_kept_connection: bool,
    /// Whether a byte of it was written.
    pub was_written: bool,
    /// Whether one attempt of this request died with a kept connection already.
    pub has_lost_kept_connection: bool,
    /// Whether another attempt would go on where this one broke off: a download with a validator.
    pub can_resume: bool,
    /// What `timeout` leaves; none if there is no limit.
    pub time_left: Option<Duration>,
}

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// Without a whole response.
    Failed(Failure),
    /// With a response.
    Answered {
        /// Its status.
        status: u16,
        /// The value of its `Retry-After`.
        retry_after: Option<&'a str>,
    },
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: this end is the request's.
    Stop,
    /// Another attempt, at once and over a new connection; it does not count.
    AtOnce,
    /// Another attempt after so long; it counts.
    After(Duration),
}

/// Decides. `jitter` is a random number from 0 to 1, and `now` the time of day, for a `Retry-After` that is a date.
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

/// Servers end connections that nobody uses, and may do so while a request is on its way. That says nothing about the
/// request: it goes out once more (RFC 9110 §9.2.2).
fn died_with_kept_connection(attempt: &Attempt, failure: Failure) -> bool {
    attempt.on_kept_connection
        && !attempt.has_lost_kept_connection
        && dies_with_connection(attempt.method, attempt.was_written, failure)
}

/// Whether that may be so, on a connection that had served before.
pub(crate) fn dies_with_connection(method: Method, was_written: bool, failure: Failure) -> bool {
    matches!(failure, Failure::ResetBeforeResponse | Failure::ClosedBeforeResponse)
        && (is_idempotent(method) || !was_written)
}

/// Methods of which two requests do what one does (RFC 9110 §9.2.2).
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

/// The wait before the retry after `retries` others: between half of 0.5 s doubled so often and all of it, so that many
/// players whose server went down do not come back in one moment.
pub fn backoff(retries: u32, jitter: f64) -> Duration {
    let whole = FIRST_WAIT.saturating_mul(1 << retries.min(16)).min(LONGEST_WAIT);
    let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 1.0 };
    whole / 2 + (whole / 2).mul_f64(jitter)
}

/// How long a `Retry-After` asks to wait (RFC 9110 §10.2.3): seconds, or a date, of which a past one is no wait. None if it
/// is neither.
pub fn read_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds are a long time all the same.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

impl Failure {
    /// Whether this is a limit of time.
    pub fn is_timeout(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::Timeout)
    }
}

impl fmt::Display for End<'_> {
    /// The reason that a script is told before a retry.
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
