//! URLs that can be requested, resolved against a base URL (RFC 3986), and their origins. The parser is the `url` crate, which follows the
//! rules of browsers, because redirects and relative URLs need them. `http_protocol::UrlParts` only splits URLs. There is one difference
//! from the `url` crate: the crate percent-encodes `'` in a query, although RFC 3986, section 3.4, allows it there and a signature may
//! cover it.

use std::fmt;

use url::{Host, Position, Url};

/// The text with which the parser replaces `'` in a query.
const ENCODED_APOSTROPHE: &str = "%27";

/// A URL of `http` or `https` with a host and a port. User and password are removed from it at once, so that no message, log or header
/// shows them by accident.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    /// The parsed URL. It has a host, a port other than 0, and no user-info.
    url: Url,
    /// The text of the URL. Unlike in `url`, each `'` of the given query is kept.
    text: String,
}

/// The origin of a URL. Two URLs with the same origin belong to the same server. Credentials are never sent from one origin to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether the scheme is `https`.
    pub is_secure: bool,
    /// The host in lower case; an IPv6 address in brackets.
    pub host: String,
    /// The port, even if the URL does not contain it.
    pub port: u16,
}

/// The user and password from a URL, percent-decoded.
#[derive(Clone, PartialEq, Eq)]
pub struct UserInfo {
    /// The user name.
    pub user: String,
    /// The password; empty if there was none.
    pub password: String,
}

/// A URL that cannot be requested.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressError {
    /// It contains a control character.
    Control,
    /// It is relative, and there is no base URL.
    Relative,
    /// Its scheme is not `http` or `https`.
    Scheme(String),
    /// It has no host, or an invalid one.
    Host,
    /// Its port is not a number from 1 to 65535.
    Port,
    /// It cannot be parsed.
    Unreadable,
    /// The base URL has this error.
    Base(Box<AddressError>),
}

impl Address {
    /// Parses a base URL. Returns `None` if it is empty.
    pub(crate) fn base(url: &str) -> Result<Option<Address>, AddressError> {
        match url {
            "" => Ok(None),
            url => Self::resolve(None, url).map(Some).map_err(|error| AddressError::Base(Box::new(error))),
        }
    }

    /// Parses the URL of a script, relative to `base` if there is one.
    pub fn resolve(base: Option<&Address>, url: &str) -> Result<Address, AddressError> {
        Self::resolve_with_user_info(base, url).map(|(address, _)| address)
    }

    /// Does the same, and also returns the user and password in the URL.
    pub fn resolve_with_user_info(
        base: Option<&Address>,
        url: &str,
    ) -> Result<(Address, Option<UserInfo>), AddressError> {
        // The parser would remove them silently, and the request would then differ from the given URL.
        if url.chars().any(char::is_control) {
            return Err(AddressError::Control);
        }
        let parsed = Url::options().base_url(base.map(|base| &base.url)).parse(url);
        let parsed = parsed.map_err(|error| match error {
            url::ParseError::RelativeUrlWithoutBase => AddressError::Relative,
            url::ParseError::InvalidPort => AddressError::Port,
            url::ParseError::EmptyHost
            | url::ParseError::IdnaError
            | url::ParseError::InvalidIpv4Address
            | url::ParseError::InvalidIpv6Address
            | url::ParseError::InvalidDomainCharacter => AddressError::Host,
            _ => AddressError::Unreadable,
        })?;
        let given = without_fragment(url).split_once('?').map(|(_, query)| query);
        let query = match (given, parsed.query()) {
            (Some(given), Some(parsed)) => Some(with_apostrophes(parsed, given)),
            // The query comes from the base URL.
            (None, Some(_)) => base.and_then(Address::query).map(str::to_owned),
            _ => None,
        };
        Self::check(parsed, query)
    }

    fn check(mut url: Url, query: Option<String>) -> Result<(Address, Option<UserInfo>), AddressError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(AddressError::Scheme(url.scheme().to_owned()));
        }
        if url.port() == Some(0) {
            return Err(AddressError::Port);
        }
        let decoded = |text: &str| String::from_utf8_lossy(&http_protocol::percent_decode(text)).into_owned();
        let has_user_info = !url.username().is_empty() || url.password().is_some();
        let user_info = has_user_info
            .then(|| UserInfo { user: decoded(url.username()), password: decoded(url.password().unwrap_or_default()) });
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| AddressError::Host)?;
        let text = with_query(&url, query.as_deref());
        Ok((Address { url, text }, user_info))
    }

    /// Returns the whole URL, including the fragment.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the URL without its fragment, which is never sent to servers.
    pub fn without_fragment(&self) -> &str {
        without_fragment(&self.text)
    }

    /// Returns the path and query, as in a request line.
    pub fn target(&self) -> &str {
        // `url` and `text` are identical up to the path.
        &self.without_fragment()[self.url[..Position::BeforePath].len()..]
    }

    fn query(&self) -> Option<&str> {
        self.without_fragment().split_once('?').map(|(_, query)| query)
    }

    /// Returns the path, which starts with `/`.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// Returns the host in lower case and ASCII, with brackets if it is an IPv6 address.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Returns whether the host is an IP address and not a name.
    pub fn host_is_ip(&self) -> bool {
        !matches!(self.url.host(), Some(Host::Domain(_)))
    }

    /// Returns the port, even if the URL does not contain it.
    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or_default()
    }

    /// Returns whether the scheme is `https`.
    pub fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Returns the fragment, without the `#`.
    pub fn fragment(&self) -> Option<&str> {
        self.url.fragment()
    }

    /// Sets the fragment.
    pub fn set_fragment(&mut self, fragment: Option<&str>) {
        self.url.set_fragment(fragment);
        self.text = with_query(&self.url, self.query());
    }

    /// Returns the origin: scheme, host and port.
    pub fn origin(&self) -> Origin {
        Origin { is_secure: self.is_secure(), host: self.host().to_owned(), port: self.port() }
    }
}

fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(url, _)| url)
}

/// Returns the URL with this query instead of its own.
fn with_query(url: &Url, query: Option<&str>) -> String {
    [&url[..Position::BeforeQuery], query.unwrap_or_default(), &url[Position::AfterQuery..]].concat()
}

/// Restores each `'` of the given query in the parsed query. A `%27` that was given stays percent-encoded.
fn with_apostrophes(parsed: &str, given: &str) -> String {
    let mut parts = parsed.split(ENCODED_APOSTROPHE);
    let mut query = parts.next().unwrap_or_default().to_owned();
    let mut given = given;
    for part in parts {
        let encoded = given.find(ENCODED_APOSTROPHE);
        let (at, apostrophe) = match given.find('\'') {
            Some(plain) if encoded.is_none_or(|encoded| plain < encoded) => (plain, "'"),
            _ => (encoded.unwrap_or(given.len()), ENCODED_APOSTROPHE),
        };
        given = given.get(at + apostrophe.len()..).unwrap_or_default();
        query.extend([apostrophe, part]);
    }
    query
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Debug for UserInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserInfo(…)")
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control => f.write_str("the URL contains a control character; percent-encode it or leave it out"),
            Self::Relative => f.write_str(
                "the URL is relative, and there is no base_url to resolve it against; write it like \
                 https://example.com/file",
            ),
            Self::Scheme(scheme) => {
                write!(f, "the URL starts with {scheme:?}; write it with http:// or https://")
            }
            Self::Host => f.write_str("the URL has no host, or an invalid one; check the part after //"),
            Self::Port => f.write_str("the URL's port is not a number from 1 to 65535"),
            Self::Base(error) if **error == Self::Relative => {
                f.write_str("base_url: the URL is relative; write it like https://example.com/api/")
            }
            Self::Base(error) => write!(f, "base_url: {error}"),
            Self::Unreadable => f.write_str("the URL cannot be read; write it like https://example.com/file"),
        }
    }
}

impl std::error::Error for AddressError {}
