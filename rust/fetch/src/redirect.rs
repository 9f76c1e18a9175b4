//! Redirects: what of a request goes on to where a response points (Fetch standard, "HTTP-redirect fetch"; RFC 9110 §15.4).

use std::fmt;

use http_protocol::Method;

use crate::address::{Address, AddressError};
use crate::header_line::name_of;

/// How far redirects are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// So many redirects; no limit if none.
    pub most: Option<u32>,
    /// Also from `https` to `http`.
    pub allow_insecure: bool,
}

/// A request, as far as a redirect changes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub address: Address,
    /// The header lines that the script gave, such as `Accept: text/html`.
    pub headers: Vec<String>,
    /// Whether the body is sent.
    pub with_body: bool,
}

/// A redirect that is not followed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectError {
    /// There were as many as are allowed.
    TooMany {
        /// The limit.
        most: u32,
    },
    /// It points to something else than `http` and `https`.
    Scheme {
        /// Such as `file`.
        scheme: String,
    },
    /// It leads from `https` to `http`.
    Insecure,
    /// Where it points cannot be read.
    Unreadable(AddressError),
    /// There are several `Location` fields, and they point to different places.
    Ambiguous,
}

/// The request that follows a response; none if the response is no redirect and stands for itself.
///
/// `followed` is how many redirects were followed already, `locations` are the values of the `Location` fields.
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

/// Go with the body.
const OF_THE_BODY: [&str; 6] =
    ["Content-Encoding", "Content-Language", "Content-Location", "Content-Type", "Content-Length", "Transfer-Encoding"];

/// Are for one server alone. `Host` is among them, since a name that was given by hand is not that of another server.
const OF_THE_ORIGIN: [&str; 4] = ["Authorization", "Cookie", "Proxy-Authorization", "Host"];

/// A user and password in `location` are dropped: a server must not choose who this program is to another.
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
