//! Checks requests, and writes their heads (RFC 9112 §3 and §5).

use std::fmt;

use crate::error::{CallerError, header_without_value};
use crate::fields::is_token;
use crate::framing;
use crate::method::Method;
use crate::target;

/// A request as the caller describes it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The target: a path with or without a leading `/`, an `http://` or `https://` URL, `host:port` for CONNECT, or `*` for OPTIONS.
    pub url: &'a str,
    /// The header lines, in the form `Name: value`.
    pub headers: &'a [&'a str],
    /// The length of the body in bytes, or `None` if it is not known. The body is then sent in chunks, framed by a
    /// [`ChunkEncoder`](crate::ChunkEncoder). The caller sends the body itself directly after the head.
    pub body_length: Option<u64>,
    /// The value of `Host`, unless a header line sets it: the name of the server, with its port unless that is the default port of the
    /// scheme.
    pub host: &'a str,
    /// The value of `User-Agent`, unless a header line sets it.
    pub user_agent: &'a str,
    /// The prefix of an origin-form target for a proxy that needs absolute URLs (RFC 9112 §3.2.2), such as `http://host:81`. Empty
    /// without such a proxy.
    pub proxy_prefix: &'a str,
}

/// The facts about a request that are needed to read its response.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts {
    pub(crate) method: Method,
    /// Whether the request has an `Upgrade` field.
    pub(crate) upgrade: bool,
    /// Whether the request has `Connection: close`, so that it is the last on its connection (RFC 9112 §9.6).
    pub(crate) close: bool,
    /// Whether the request was left unfinished.
    pub(crate) abandoned: bool,
}

impl Default for RequestFacts {
    fn default() -> Self {
        Self { method: Method::Get, upgrade: false, close: false, abandoned: false }
    }
}

impl Request<'_> {
    /// Checks the request and returns the bytes of its head, including the blank line. `Host`, `Content-Length`, `User-Agent` and
    /// `Accept: */*` are added if the caller did not pass them. The caller's lines are sent unchanged.
    pub fn encode(&self) -> Result<(Vec<u8>, RequestFacts), CallerError> {
        self.check_parts()?;
        let given = self.check_headers()?;
        self.check_body(&given)?;
        let target = target::encode(self.method, self.url)?;

        let mut head =
            String::with_capacity(256 + target.len() + self.headers.iter().map(|h| h.len() + 2).sum::<usize>());
        head.extend([self.method.as_str(), " "]);
        if target.starts_with('/') {
            head.push_str(self.proxy_prefix);
        }
        if target == "*" && !self.proxy_prefix.is_empty() {
            // The absolute form of the asterisk is a URL without a path (RFC 9112 §3.2.4).
            head.push_str(self.proxy_prefix);
        } else {
            head.push_str(&target);
        }
        head.push_str(" HTTP/1.1\r\n");
        if !given.host {
            // The host of the target takes precedence (RFC 9112 §3.2).
            let host = if self.method == Method::Connect { Some(&*target) } else { target::authority(&target) };
            head.extend(["Host: ", host.unwrap_or(self.host), "\r\n"]);
        }
        for line in self.headers {
            head.extend([*line, "\r\n"]);
        }
        match self.body_length {
            None => head.push_str("Transfer-Encoding: chunked\r\n"),
            Some(length) if given.content_length.is_none() && (length > 0 || self.method.anticipates_body()) => {
                head.extend(["Content-Length: ", &length.to_string(), "\r\n"]);
            }
            Some(_) => {}
        }
        if !given.user_agent && !self.user_agent.is_empty() {
            head.extend(["User-Agent: ", self.user_agent, "\r\n"]);
        }
        if !given.accept {
            head.push_str("Accept: */*\r\n");
        }
        head.push_str("\r\n");
        let facts = RequestFacts { method: self.method, upgrade: given.upgrade, close: given.close, abandoned: false };
        Ok((head.into_bytes(), facts))
    }

    /// Checks the parts that the calling program sets. They can come from untrusted sources too, such as a host from a stream.
    fn check_parts(&self) -> Result<(), CallerError> {
        let is_host = |host: &str| host.bytes().all(|byte| byte.is_ascii_alphanumeric() || HOST.contains(&byte));
        let refuse = |part, text: &str| Err(CallerError::Part { part, text: text.to_owned() });
        if !is_host(self.host) {
            return refuse("host", self.host);
        }
        if self.user_agent.chars().any(|character| character.is_ascii_control() && character != '\t') {
            return refuse("user agent", self.user_agent);
        }
        if !self.proxy_prefix.is_empty() && !self.proxy_prefix.strip_prefix("http://").is_some_and(is_host) {
            return refuse("URL for the proxy", self.proxy_prefix);
        }
        Ok(())
    }

    fn check_headers(&self) -> Result<Given<'_>, CallerError> {
        let mut given = Given::default();
        for line in self.headers {
            let refuse = |problem| CallerError::Header { which: header_without_value(line), problem };
            let (name, value) = check_header(line).map_err(refuse)?;
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            if is("Host") {
                once(std::mem::replace(&mut given.host, true), "Host")?;
            } else if is("Content-Length") {
                once(given.content_length.replace(value.trim_matches([' ', '\t'])).is_some(), "Content-Length")?;
            } else if is("Transfer-Encoding") {
                return Err(CallerError::TransferEncoding);
            }
            given.user_agent |= is("User-Agent");
            given.accept |= is("Accept");
            given.upgrade |= is("Upgrade");
            // `Proxy-Connection` is not an HTTP field (RFC 9112 §C.2.2). It is sent, but has no effect here.
            let mut options = value.split(',').map(|option| option.trim_matches([' ', '\t']));
            given.close |= is("Connection") && options.any(|option| option.eq_ignore_ascii_case("close"));
        }
        Ok(given)
    }

    fn check_body(&self, given: &Given<'_>) -> Result<(), CallerError> {
        if self.body_length != Some(0) && self.method.forbids_body() {
            return Err(CallerError::BodyNotAllowed { method: self.method.as_str() });
        }
        match (given.content_length, self.body_length) {
            (Some(said), Some(body)) if framing::decimal(said.as_bytes()) != Some(body) => {
                Err(CallerError::ContentLength { said: said.to_owned(), body })
            }
            // A length together with chunks would be request smuggling (RFC 9112 §6.2).
            (Some(_), None) => Err(CallerError::LengthBesideChunks),
            _ => Ok(()),
        }
    }
}

/// Which of the relevant fields the caller passed.
#[derive(Default)]
struct Given<'a> {
    host: bool,
    content_length: Option<&'a str>,
    user_agent: bool,
    accept: bool,
    upgrade: bool,
    close: bool,
}

/// The characters of a host and its port besides letters and digits (RFC 3986 §3.2.2).
const HOST: &[u8] = b"-._~!$&'()*+,;=%:[]";

/// Splits a header line if it may be sent, and returns the problem with it otherwise. A line end in it would start another header or
/// another request.
fn check_header(line: &str) -> Result<(&str, &str), &'static str> {
    if line.contains(['\r', '\n', '\0']) {
        return Err("contains a line break or a NUL character");
    }
    if line.chars().any(|character| character.is_ascii_control() && character != '\t') {
        return Err("contains a control character");
    }
    match line.split_once(':') {
        None => Err("has no colon"),
        Some(("", _)) => Err("has no name"),
        Some((name, _)) if !is_token(name.as_bytes()) => Err("has a character in its name that is not allowed there"),
        Some(parts) => Ok(parts),
    }
}

fn once(given_before: bool, name: &'static str) -> Result<(), CallerError> {
    if given_before { Err(CallerError::RepeatedHeader { name }) } else { Ok(()) }
}

/// Omits the values of headers and the URL, which may contain secrets.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut request = f.debug_struct("Request");
        request.field("method", &self.method).field("host", &self.host).field("body_length", &self.body_length);
        request.finish_non_exhaustive()
    }
}
