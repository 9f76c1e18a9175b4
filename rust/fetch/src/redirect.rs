//! Redirects: which parts of a request are sent to the target of a redirect (Fetch standard, "HTTP-redirect fetch"; RFC 9110 §15.4).

use std::fmt;

use http_protocol::Method;

use crate::address::{Address, AddressError};
use crate::header_line::{Names, name_of};

/// Which redirects are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The maximum number of redirects. `None` means no limit.
    pub most: Option<u32>,
    /// Whether redirects from `https` to `http` are followed.
    pub allow_insecure: bool,
}

/// The parts of a request that a redirect can change.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The address.
    pub address: Address,
    /// The header lines of the script, such as `Accept: text/html`.
    pub headers: Vec<String>,
    /// Whether the body is sent.
    pub with_body: bool,
}

/// Why a redirect is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// The maximum number of redirects was reached.
    TooMany {
        /// The limit.
        most: u32,
    },
    /// The scheme of the target is not `http` or `https`.
    Scheme {
        /// The scheme, such as `file`.
        scheme: String,
    },
    /// The redirect leads from `https` to `http`.
    Insecure,
    /// The target cannot be read.
    Unreadable(AddressError),
    /// There are several `Location` fields with different targets.
    Ambiguous,
}

/// Returns the request that follows a response, or `None` if the response is not a redirect.
///
/// `followed` is the number of redirects that were already followed. `locations` are the values of the `Location` fields.
pub fn follow<'a>(
    policy: Policy,
    followed: u32,
    request: &Request,
    status: u16,
    locations: impl IntoIterator<Item = &'a str>,
) -> Result<Option<Request>, RedirectError> {
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let mut locations = locations.into_iter();
    let Some(location) = locations.next() else { return Ok(None) };
    if locations.any(|other| other != location) {
        return Err(RedirectError::Ambiguous);
    }
    if let Some(most) = policy.most.filter(|most| followed >= *most) {
        return Err(RedirectError::TooMany { most });
    }
    let address = destination(&request.address, location)?;
    if request.address.is_secure() && !address.is_secure() && !policy.allow_insecure {
        return Err(RedirectError::Insecure);
    }

    let becomes_get = match status {
        301 | 302 => request.method == Method::Post,
        303 => !matches!(request.method, Method::Get | Method::Head),
        _ => false,
    };
    let other_origin = address.origin() != request.address.origin();
    let keeps = |line: &String| {
        let name = name_of(line);
        let is_one_of = |names: &[&str]| names.iter().any(|other| name.eq_ignore_ascii_case(other));
        !(becomes_get && is_one_of(&OF_THE_BODY) || other_origin && is_one_of(&OF_THE_ORIGIN))
    };
    Ok(Some(Request {
        method: if becomes_get { Method::Get } else { request.method },
        headers: request.headers.iter().filter(|line| keeps(line)).cloned().collect(),
        with_body: request.with_body && !becomes_get,
        address,
    }))
}

/// Fields that describe the body.
const OF_THE_BODY: [&str; 6] =
    ["Content-Encoding", "Content-Language", "Content-Location", "Content-Type", "Content-Length", "Transfer-Encoding"];

/// Fields for one server only. `Host` is one of them, because a host name that was set by hand does not fit another server.
const OF_THE_ORIGIN: [&str; 4] = ["Authorization", "Cookie", "Proxy-Authorization", "Host"];

/// Resolves `location`. Its user and password are removed, because a server must not choose the credentials that this program sends to
/// another server.
fn destination(from: &Address, location: &str) -> Result<Address, RedirectError> {
    let mut address = Address::resolve(Some(from), location.trim()).map_err(|error| match error {
        AddressError::Scheme(scheme) => RedirectError::Scheme { scheme },
        other => RedirectError::Unreadable(other),
    })?;
    if address.fragment().is_none() {
        address.set_fragment(from.fragment());
    }
    Ok(address)
}

/// Omits the values of headers, which may be secrets.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("address", &self.address)
            .field("headers", &Names(&self.headers))
            .field("with_body", &self.with_body)
            .finish()
    }
}

impl fmt::Display for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { most } => {
                write!(f, "the server redirected more than {most} times, which is the limit (max_redirects)")
            }
            Self::Scheme { scheme } => {
                let scheme: String = scheme.chars().take(20).collect();
                write!(f, "the server redirected to a URL with the scheme {scheme:?}; only http and https are followed")
            }
            Self::Insecure => f.write_str(
                "the server redirected from https to http, where anyone on the network path can read the traffic; set \
                 allow_insecure_redirects to follow it anyway",
            ),
            Self::Unreadable(_) => f.write_str("the server redirected to something that is not a URL"),
            Self::Ambiguous => f.write_str("the server redirected to several different URLs at once"),
        }
    }
}

impl std::error::Error for RedirectError {}
