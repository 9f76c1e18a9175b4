//! The errors of connections and exchanges: the kind of failure, the phase, and the cause. Only this module creates sentences for people
//! from these parts.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_protocol::{CallerError, Excerpt, Over, PeerError};
use rustix::io::Errno;

/// A failure. It is displayed as one sentence for people. Programs decide by [`kind`](Self::kind) and the other methods.
#[derive(Clone, Debug)]
pub struct Error(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    kind: ErrorKind,
    phase: Phase,
    response_begun: bool,
    source: Option<Arc<io::Error>>,
}

/// What a connection was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Looking up a name.
    Resolve,
    /// Establishing the TCP connection.
    Connect,
    /// Asking a proxy for a tunnel.
    Proxy,
    /// Performing the TLS handshake.
    Tls,
    /// Nothing. There was no exchange.
    Idle,
    /// Sending a request, or waiting for the head of its response.
    Request,
    /// Receiving a body.
    Body,
    /// Sending the rest of a request that already has its response.
    Sending,
}

/// The kind of a failure.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument of the caller is invalid, or the call came at the wrong time. Contains the sentence. Nothing was sent.
    Misuse(String),
    /// A name has no address.
    Resolve {
        /// The host whose name was looked up.
        hop: Hop,
        /// The reason that the resolver returned.
        reason: String,
    },
    /// No address accepted the connection.
    Connect {
        /// The host that was connected to.
        hop: Hop,
        /// The result for each address.
        reason: String,
    },
    /// A proxy did not open a tunnel.
    Proxy {
        /// The proxy.
        hop: Hop,
        /// What the proxy did instead.
        problem: ProxyProblem,
    },
    /// The TLS handshake failed. A later failure of TLS ends the exchange with another kind, and is the source of that error.
    Tls(TlsFailure),
    /// A time limit passed. The phase says which one.
    Timeout {
        /// The time limit.
        limit: Duration,
        /// The host that was being connected to, or `None` if the connection was already established.
        hop: Option<Hop>,
        /// The addresses that were tried.
        tried: String,
    },
    /// The connection ended, cleanly or not, before the head of the response was complete.
    ClosedBeforeResponse(PeerError),
    /// The connection was lost with an error, in a place where a clean end would not have been a failure.
    Broken,
    /// The server violated the rules of HTTP.
    Malformed(PeerError),
    /// The connection ended in the middle of a body.
    BodyCutShort(PeerError),
    /// The server sent bytes without a request.
    Unsolicited(PeerError),
    /// The server closed an idle connection.
    ClosedIdle,
    /// The connection cannot take another request.
    NotReusable(Over),
    /// The request body could not be read from its source, or does not have the announced length. Contains the sentence.
    RequestBody(String),
    /// The caller cancelled the operation.
    Cancelled,
}

/// The destination of one connection: a server or a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hop {
    /// The name or address.
    pub name: String,
    /// The name or address, with the port.
    pub authority: String,
    /// The server behind it, if this is a proxy.
    pub proxy_for: Option<String>,
}

impl Hop {
    /// Creates the hop of a server. `authority` is its name or address with the port.
    pub fn server(name: String, authority: String) -> Self {
        Self { name, authority, proxy_for: None }
    }
}

/// What a proxy did instead of opening a tunnel.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProxyProblem {
    /// The proxy refused with a response.
    Answered {
        /// The status code.
        status: u16,
        /// The reason phrase, if there is one.
        reason: Option<Excerpt>,
        /// What to do, if known.
        hint: Option<String>,
    },
    /// The connection to the proxy failed.
    Failed(Error),
}

/// A failure of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFailure {
    /// The kind of the failure.
    pub kind: TlsFailureKind,
    /// The sentence, without the prefix `TLS: ` and without the remedy.
    pub sentence: String,
    /// What the program can do about it.
    pub remedy: Option<TlsRemedy>,
}

/// What a program can do about a failure of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsRemedy {
    /// Trust the certificate.
    Trust,
    /// Allow TLS 1.3.
    AllowTls13,
}

/// The names that a program has for its settings. Sentences contain these names. Without a name, a sentence describes the setting.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names {
    /// The time limit for establishing a link.
    pub dial_limit: Option<&'static str>,
    /// The time limit without data on a link.
    pub silence_limit: Option<&'static str>,
    /// The setting for trusted certificates.
    pub trust: Option<&'static str>,
    /// The instruction to allow TLS 1.3, as an imperative.
    pub allow_tls13: Option<&'static str>,
}

/// A failure as a sentence that contains the program's own names. See [`Error::worded`].
#[derive(Clone, Copy, Debug)]
pub struct Worded<'a> {
    error: &'a Error,
    names: Names,
    is_clause: bool,
}

/// The kind of a failure of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsFailureKind {
    /// The options cannot be used, for example because a file contains no certificate, or because no certificate can have the name.
    Options,
    /// The certificate of the server is not accepted.
    Certificate,
    /// The received data is not TLS, or violates its rules.
    Malformed,
    /// Client and server have no parameters in common, or the server refused the connection.
    Refused,
    /// The connection ended or was lost.
    Ended,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking up a name",
            Self::Connect => "connecting",
            Self::Proxy => "asking a proxy for a tunnel",
            Self::Tls => "establishing TLS",
            Self::Idle => "idle",
            Self::Request => "sending a request or waiting for its response",
            Self::Body => "receiving a body",
            Self::Sending => "sending the rest of a request that already has its response",
        })
    }
}

impl ErrorKind {
    /// Returns a short name of the kind. It contains no text of the caller or the peer.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Misuse(_) => "misuse",
            Self::Resolve { .. } => "a name has no address",
            Self::Connect { .. } => "no address answered",
            Self::Proxy { .. } => "a proxy did not open a tunnel",
            Self::Tls(failure) => match failure.kind {
                TlsFailureKind::Options => "unusable TLS options",
                TlsFailureKind::Certificate => "a certificate that is not accepted",
                TlsFailureKind::Malformed => "invalid TLS data",
                TlsFailureKind::Refused => "TLS refused",
                TlsFailureKind::Ended => "the connection ended in the handshake",
            },
            Self::Timeout { .. } => "a time limit passed",
            Self::ClosedBeforeResponse(_) => "the connection ended before a response",
            Self::Broken => "the connection broke",
            Self::Malformed(_) => "invalid HTTP data",
            Self::BodyCutShort(_) => "an incomplete body",
            Self::Unsolicited(_) => "bytes that answer no request",
            Self::ClosedIdle => "the server closed an idle connection",
            Self::NotReusable(_) => "the connection takes no more requests",
            Self::RequestBody(_) => "a request body that cannot be read",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Error {
    pub(crate) fn new(phase: Phase, kind: ErrorKind) -> Self {
        Self(Box::new(Parts { kind, phase, response_begun: false, source: None }))
    }

    /// Creates an error for a mistake of the caller.
    pub fn misuse(sentence: impl Into<String>) -> Self {
        Self::new(Phase::Idle, ErrorKind::Misuse(sentence.into()))
    }

    /// Creates an error for a failure that happened elsewhere, such as a replayed one.
    pub fn told(phase: Phase, kind: ErrorKind) -> Self {
        Self::new(phase, kind)
    }

    /// Creates an error for a failure in the TLS handshake.
    pub(crate) fn tls(failure: TlsFailure) -> Self {
        Self::new(Phase::Tls, ErrorKind::Tls(failure))
    }

    /// Creates an error for an operation that the caller cancelled.
    pub fn cancelled() -> Self {
        Self::new(Phase::Idle, ErrorKind::Cancelled)
    }

    /// Adds the error of the system that caused this error.
    pub(crate) fn because_of(mut self, source: Option<Arc<io::Error>>) -> Self {
        self.0.source = source;
        self
    }

    /// Notes whether any byte of the response had arrived.
    pub(crate) fn after_response_began(mut self, begun: bool) -> Self {
        self.0.response_begun = begun;
        self
    }

    /// Returns the kind of the failure.
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Returns what the connection was doing.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// Returns whether any byte of the response had arrived.
    pub fn has_response_begun(&self) -> bool {
        self.0.response_begun
    }

    /// Returns whether the caller made a mistake, rather than the network or the server.
    pub fn is_misuse(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Misuse(_))
    }

    /// Returns whether a time limit passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Timeout { .. })
    }

    /// Returns whether TLS failed.
    pub fn is_tls(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Tls(_)) || (self.is_timeout() && self.0.phase == Phase::Tls)
    }

    /// Returns whether the failure happened on the way to the server: in the name lookup, in TCP, or at a proxy. TLS comes after that.
    pub fn is_connect(&self) -> bool {
        matches!(self.0.phase, Phase::Resolve | Phase::Connect | Phase::Proxy)
    }
}

impl From<CallerError> for Error {
    fn from(error: CallerError) -> Self {
        Self::misuse(error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.worded(Names::default()).fmt(f)
    }
}

impl Error {
    /// Returns the sentence with the names that the program has for its settings.
    pub fn worded(&self, names: Names) -> Worded<'_> {
        Worded { error: self, names, is_clause: false }
    }
}

impl Worded<'_> {
    /// Returns the sentence as a clause for another sentence, which already contains the advice to connect again.
    #[must_use]
    pub fn as_clause(self) -> Self {
        Self { is_clause: true, ..self }
    }
}

impl fmt::Display for Worded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Error(parts) = self.error;
        let because = Because(parts.source.as_deref());
        let again = if self.is_clause { "" } else { "; connect again" };
        match &parts.kind {
            ErrorKind::Misuse(sentence) | ErrorKind::RequestBody(sentence) => f.write_str(sentence),
            ErrorKind::Resolve { hop, reason } => {
                let advice = advice(reason, "check its spelling and the network");
                write!(f, "{} could not be resolved: {reason}; {advice}", hop.whose_name())
            }
            ErrorKind::Connect { hop, reason } => cannot_connect(f, hop, reason),
            ErrorKind::Proxy { hop, problem } => {
                write!(f, "proxy {} ", hop.authority)?;
                problem.say(f, Some(hop.target()), self.names)
            }
            ErrorKind::Tls(failure) => {
                f.write_str("TLS: ")?;
                failure.say(f, self.names)
            }
            ErrorKind::Timeout { limit, hop, tried } => self.timed_out(f, *limit, hop.as_ref(), tried),
            ErrorKind::ClosedBeforeResponse(error) | ErrorKind::BodyCutShort(error) => write!(f, "{error}{because}"),
            ErrorKind::Malformed(error) | ErrorKind::Unsolicited(error) => error.fmt(f),
            ErrorKind::Broken => {
                let reason = parts.source.as_deref().map(|error| format!(": {}", describe(error))).unwrap_or_default();
                match parts.phase {
                    Phase::Idle => write!(f, "the idle connection broke{reason}{again}"),
                    _ => write!(f, "the connection broke in the middle of the body{reason}"),
                }
            }
            ErrorKind::ClosedIdle => write!(f, "the server closed the idle connection{again}"),
            ErrorKind::NotReusable(over) => write!(f, "{}{again}", over.reason()),
            ErrorKind::Cancelled => f.write_str("the client was closed by another thread"),
        }
    }
}

impl Worded<'_> {
    fn timed_out(&self, f: &mut fmt::Formatter<'_>, limit: Duration, hop: Option<&Hop>, tried: &str) -> fmt::Result {
        let Some(hop) = hop else {
            let what = match self.error.phase() {
                Phase::Sending => "the server accepted no more of the request",
                _ => "nothing came from the server",
            };
            let name = self.names.silence_limit.unwrap_or("the limit");
            return write!(f, "{what} for {} s ({name})", limit.as_secs_f64());
        };
        let name = self.names.dial_limit.unwrap_or("the limit");
        let limit = format!("in {} s ({name})", limit.as_secs_f64());
        match self.error.phase() {
            Phase::Resolve => write!(f, "{} could not be resolved: no answer {limit}", hop.whose_name()),
            Phase::Proxy => {
                write!(f, "proxy {} did not answer {limit} when asked for {}", hop.authority, hop.target())
            }
            Phase::Tls => write!(f, "TLS: the handshake was not complete {limit}"),
            _ => cannot_connect(f, hop, &format!("{tried}: no answer {limit}")),
        }
    }
}

fn cannot_connect(f: &mut fmt::Formatter<'_>, hop: &Hop, reason: &str) -> fmt::Result {
    let what = if hop.proxy_for.is_some() { "proxy " } else { "" };
    let advice = advice(reason, "check that the server is running and listens there");
    write!(f, "cannot connect to {what}{} ({reason}); {advice}", hop.authority)
}

/// Returns the usual advice, unless this program is the reason.
fn advice<'a>(reason: &str, usual: &'a str) -> &'a str {
    if reason.contains(TOO_MANY_FILES) { "close files and connections that are not needed any more" } else { usual }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl Hop {
    fn whose_name(&self) -> String {
        format!("the {} {:?}", if self.proxy_for.is_some() { "proxy's name" } else { "host name" }, self.name)
    }

    fn target(&self) -> &str {
        self.proxy_for.as_deref().unwrap_or_default()
    }
}

impl TlsFailure {
    /// Creates a failure without a remedy.
    pub fn new(kind: TlsFailureKind, sentence: impl Into<String>) -> Self {
        Self { kind, sentence: sentence.into(), remedy: None }
    }

    fn say(&self, f: &mut fmt::Formatter<'_>, names: Names) -> fmt::Result {
        f.write_str(&self.sentence)?;
        match self.remedy {
            None => Ok(()),
            Some(TlsRemedy::AllowTls13) => write!(f, "; {}", names.allow_tls13.unwrap_or("allow TLS 1.3 too")),
            Some(TlsRemedy::Trust) => {
                f.write_str("; trust it")?;
                names.trust.map_or(Ok(()), |name| write!(f, " ({name})"))?;
                f.write_str(", or use a certificate from a known authority on the server")
            }
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.say(f, Names::default())
    }
}

impl StdError for TlsFailure {}

impl fmt::Display for ProxyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.say(f, None, Names::default())
    }
}

impl ProxyProblem {
    /// Writes the sentence. `target` is what the proxy was asked for.
    fn say(&self, f: &mut fmt::Formatter<'_>, target: Option<&str>, names: Names) -> fmt::Result {
        let target = target.map(|target| format!(" when asked for {target}")).unwrap_or_default();
        match self {
            Self::Answered { status, reason, hint } => {
                write!(f, "answered {status}")?;
                reason.as_ref().map_or(Ok(()), |reason| write!(f, " {reason:#}"))?;
                f.write_str(&target)?;
                hint.as_ref().map_or(Ok(()), |hint| write!(f, "; {hint}"))
            }
            Self::Failed(error) => write!(f, "failed{target}: {}", error.worded(names)),
        }
    }
}

/// An error of the system in parentheses, if there is one.
struct Because<'a>(Option<&'a io::Error>);

impl fmt::Display for Because<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |error| write!(f, " ({})", describe(error)))
    }
}

/// Returns an error of the operating system as words, without its number. Errors from this project are already sentences.
pub(crate) fn describe(error: &io::Error) -> String {
    if error.get_ref().is_some() {
        return error.to_string();
    }
    // Use the same words on every system. Windows has its own sentences, in the language of the user.
    let words = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused",
        io::ErrorKind::ConnectionReset => "connection reset",
        io::ErrorKind::ConnectionAborted => "connection aborted",
        io::ErrorKind::TimedOut => "connection timed out",
        io::ErrorKind::HostUnreachable => "no route to host",
        io::ErrorKind::NetworkUnreachable => "network is unreachable",
        _ => return without_number(error).to_lowercase(),
    };
    words.to_owned()
}

const TOO_MANY_FILES: &str = "too many open files";

/// Returns the text of a system error, without its number and without the full stop at the end on Windows.
pub fn without_number(error: &io::Error) -> String {
    if error.raw_os_error() == Some(Errno::MFILE.raw_os_error()) {
        return TOO_MANY_FILES.to_owned();
    }
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_error_has_the_same_words_on_every_system() {
        for (code, words) in [
            (Errno::CONNREFUSED, "connection refused"),
            (Errno::CONNRESET, "connection reset"),
            (Errno::CONNABORTED, "connection aborted"),
            (Errno::TIMEDOUT, "connection timed out"),
            (Errno::HOSTUNREACH, "no route to host"),
            (Errno::NETUNREACH, "network is unreachable"),
            (Errno::MFILE, "too many open files"),
        ] {
            assert_eq!(describe(&code.into()), words);
        }
    }

    /// Returns failures whose sentences contain the program's own names.
    fn that_name_settings() -> Vec<Error> {
        let hop = || Hop { name: "a".to_owned(), authority: "a:80".to_owned(), proxy_for: Some("b:443".to_owned()) };
        let timeout = |phase, hop: Option<Hop>| {
            Error::new(phase, ErrorKind::Timeout { limit: Duration::from_secs(2), hop, tried: "1.2.3.4:80".to_owned() })
        };
        let tls = |remedy| {
            Error::tls(TlsFailure { remedy: Some(remedy), ..TlsFailure::new(TlsFailureKind::Refused, "it is so") })
        };
        let mut errors = vec![timeout(Phase::Request, None), timeout(Phase::Sending, None)];
        errors.extend(
            [Phase::Resolve, Phase::Connect, Phase::Proxy, Phase::Tls].map(|phase| timeout(phase, Some(hop()))),
        );
        errors.extend([tls(TlsRemedy::Trust), tls(TlsRemedy::AllowTls13)]);
        let inner = ProxyProblem::Failed(timeout(Phase::Request, None));
        errors.push(Error::new(Phase::Proxy, ErrorKind::Proxy { hop: hop(), problem: inner }));
        errors
    }

    #[test]
    fn a_sentence_has_the_programs_names_for_its_settings_in_it_and_none_of_ours() {
        let name = "THE NAME";
        let names = Names {
            dial_limit: Some(name),
            silence_limit: Some(name),
            trust: Some(name),
            allow_tls13: Some("do THE NAME"),
        };
        for error in that_name_settings() {
            let (bare, worded) = (error.to_string(), error.worded(names).to_string());
            assert!(!bare.contains('_') && !bare.contains(name), "{bare}");
            assert_eq!(worded.matches(name).count(), 1, "{worded}");
        }
    }

    #[test]
    fn a_clause_does_not_say_that_one_has_to_connect_again() {
        for error in [
            Error::new(Phase::Idle, ErrorKind::ClosedIdle),
            Error::new(Phase::Idle, ErrorKind::Broken),
            Error::new(Phase::Idle, ErrorKind::NotReusable(Over::EndedWithBody)),
        ] {
            let (sentence, clause) = (error.to_string(), error.worded(Names::default()).as_clause().to_string());
            assert_eq!(sentence, format!("{clause}; connect again"));
        }
    }

    #[test]
    fn an_error_is_part_of_a_sentence_not_one_with_a_number_and_a_full_stop() {
        for code in (1..=133).chain(10_004..=11_031) {
            let words = describe(&io::Error::from_raw_os_error(code));
            assert!(!words.contains("(os error") && !words.ends_with('.'), "{words}");
        }
    }
}
