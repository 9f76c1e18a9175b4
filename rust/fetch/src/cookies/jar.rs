//! Decides which cookies are kept, and which of them are sent with a request (RFC 6265bis §5.7, §5.8).

use std::fmt;
use std::net::Ipv4Addr;
use std::time::SystemTime;

use url::Host;

use super::set_cookie::{LONGEST_ATTRIBUTE, SameSite, SetCookie};
use crate::address::Address;

/// All cookies of a session, within [`Limits`].
#[derive(Clone, Debug)]
pub struct Jar {
    /// In the order of their creation. No two have the same name, domain, path and host-only flag.
    pub(super) cookies: Vec<Cookie>,
    pub(super) limits: Limits,
    /// The number of changes to cookies that a file stores.
    pub(super) changes: u64,
    /// The last value of `last_used`.
    clock: u64,
}

/// The maximum numbers of cookies. The least recently used ones are removed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum for one site: a registrable domain (`example.com`) with all hosts below it. So no server can fill the jar alone.
    pub per_site: usize,
    /// The maximum in total.
    pub in_all: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { per_site: 180, in_all: 3000 }
    }
}

/// A stored cookie.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie {
    /// The name. Can be empty.
    pub name: String,
    /// The value.
    pub value: String,
    /// The host that it is sent to.
    pub domain: String,
    /// Whether it is only sent to that host, and not to its subdomains.
    pub host_only: bool,
    /// The start of the paths that it is sent to.
    pub path: String,
    /// The time when it expires, or `None` if it ends with the session.
    pub expires: Option<SystemTime>,
    /// Whether it is only sent over TLS.
    pub secure: bool,
    /// This value is stored, but has no effect here.
    pub http_only: bool,
    /// This value is stored, but has no effect here.
    pub same_site: SameSite,
    /// The registrable domain.
    pub(super) site: String,
    /// A number that grows with each use.
    pub(super) last_used: u64,
}

/// Why a cookie was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieError {
    /// It is not a cookie, is too long, or contains control characters.
    Unreadable,
    /// Its domain is neither the host nor a parent domain of it.
    OtherDomain,
    /// Its domain is a public suffix, under which anyone can register a name, such as `co.uk`.
    PublicSuffix,
    /// It is marked `Secure`, but came without TLS.
    NotSecure,
    /// Its name starts with `__Host-` or `__Secure-`, but it does not have the required attributes.
    Prefix,
    /// It came without TLS and would replace a cookie that is marked `Secure`.
    WouldReplaceSecure,
}

impl Default for Jar {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Jar {
    /// Creates an empty jar.
    pub fn new(limits: Limits) -> Self {
        Self { cookies: Vec::new(), limits, changes: 0, clock: 0 }
    }

    /// Returns the number of cookies, including expired ones.
    pub fn len(&self) -> usize {
        self.cookies.len()
    }

    /// Returns whether there are no cookies.
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }

    /// Returns a number that changes whenever the cookie file must be written again.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Removes all cookies.
    pub fn clear(&mut self) {
        self.cookies.clear();
        self.changes += 1;
    }

    /// Stores the cookie from a `Set-Cookie` value of a response from `address`, or from a script. An expired cookie removes the stored
    /// cookie with the same name.
    pub fn set(&mut self, address: &Address, set_cookie: &str, now: SystemTime) -> Result<(), CookieError> {
        let read = SetCookie::read(set_cookie, now).ok_or(CookieError::Unreadable)?;
        let has_path_attribute = read.path.is_some();
        let cookie = accept(read, address)?;
        check_prefix(&cookie, has_path_attribute)?;
        if !cookie.secure && !address.is_secure() && self.would_replace_secure(&cookie, now) {
            return Err(CookieError::WouldReplaceSecure);
        }
        self.store(cookie, now);
        Ok(())
    }

    /// Returns the cookies that are sent with a request to `address`, in the order of the header.
    pub fn get(&self, address: &Address, now: SystemTime) -> Vec<&Cookie> {
        let mut found: Vec<&Cookie> =
            self.cookies.iter().filter(|cookie| !cookie.is_expired(now) && cookie.goes_to(address)).collect();
        // Longer paths come first. The sort is stable, so older cookies come before newer ones.
        found.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        found
    }

    /// Returns the value of the `Cookie` field of a request, or `None` if there are no cookies to send.
    pub fn header(&mut self, address: &Address, now: SystemTime) -> Option<String> {
        let mut value = String::new();
        for cookie in self.get(address, now) {
            if !value.is_empty() {
                value.push_str("; ");
            }
            if !cookie.name.is_empty() {
                value.push_str(&cookie.name);
                value.push('=');
            }
            value.push_str(&cookie.value);
        }
        self.clock += 1;
        for cookie in self.cookies.iter_mut().filter(|cookie| cookie.goes_to(address)) {
            cookie.last_used = self.clock;
        }
        (!value.is_empty()).then_some(value)
    }

    /// Replaces the cookie with the same identity, or adds the cookie at the end.
    pub(super) fn store(&mut self, mut cookie: Cookie, now: SystemTime) {
        self.clock += 1;
        cookie.last_used = self.clock;
        let place = self.cookies.iter().position(|other| other.is_same_as(&cookie));
        let was_persistent = place.is_some_and(|at| self.cookies[at].expires.is_some());
        if cookie.expires.is_some() || was_persistent {
            self.changes += 1;
        }
        match (place, cookie.is_expired(now)) {
            (Some(at), true) => drop(self.cookies.remove(at)),
            (Some(at), false) => self.cookies[at] = cookie,
            (None, true) => {}
            (None, false) => {
                let site = cookie.site.clone();
                self.cookies.push(cookie);
                self.keep_within_limits(&site, now);
            }
        }
    }

    fn keep_within_limits(&mut self, site: &str, now: SystemTime) {
        let of_site = |cookie: &Cookie| cookie.site == site;
        let site_is_over =
            |jar: &Jar| jar.cookies.iter().filter(|cookie| of_site(cookie)).count() > jar.limits.per_site;
        let is_over = |jar: &Jar| jar.cookies.len() > jar.limits.in_all || site_is_over(jar);
        if !is_over(self) {
            return;
        }
        self.cookies.retain(|cookie| !cookie.is_expired(now));
        while is_over(self) {
            let site_is_over = site_is_over(self);
            let oldest = self
                .cookies
                .iter()
                .enumerate()
                .filter(|(_, cookie)| !site_is_over || of_site(cookie))
                // Cookies without `Secure` first, then the least recently used ones.
                .min_by_key(|(_, cookie)| (site_is_over && cookie.secure, cookie.last_used))
                .map(|(at, _)| at);
            let Some(oldest) = oldest else { break };
            if self.cookies.remove(oldest).expires.is_some() {
                self.changes += 1;
            }
        }
    }

    /// "Leave Secure Cookies Alone" (§5.7).
    fn would_replace_secure(&self, cookie: &Cookie, now: SystemTime) -> bool {
        self.cookies.iter().any(|other| {
            other.secure
                && !other.is_expired(now)
                && other.name == cookie.name
                && (is_or_is_below(&other.domain, &cookie.domain) || is_or_is_below(&cookie.domain, &other.domain))
                && is_path_below(&cookie.path, &other.path)
        })
    }
}

impl Cookie {
    /// Returns whether the cookie has expired.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    fn goes_to(&self, address: &Address) -> bool {
        let domain_matches = if self.host_only || address.host_is_ip() {
            self.domain == address.host()
        } else {
            is_or_is_below(address.host(), &self.domain)
        };
        domain_matches && is_path_below(address.path(), &self.path) && (!self.secure || address.is_secure())
    }

    fn is_same_as(&self, other: &Cookie) -> bool {
        (&self.name, &self.domain, self.host_only, &self.path)
            == (&other.name, &other.domain, other.host_only, &other.path)
    }
}

/// Checks the domain and the path.
fn accept(read: SetCookie, address: &Address) -> Result<Cookie, CookieError> {
    let host = address.host();
    let domain = match &read.domain {
        // The same form as the host of a URL: lower case, and ASCII for international names.
        Some(domain) => Some(Host::parse(domain).map_err(|_| CookieError::OtherDomain)?.to_string()),
        None => None,
    };
    let (domain, host_only) = match domain {
        None => (host.to_owned(), true),
        Some(domain) if is_public_suffix(&domain) => {
            if domain != host {
                return Err(CookieError::PublicSuffix);
            }
            (domain, true)
        }
        Some(domain) => {
            let matches = domain == host || !address.host_is_ip() && is_or_is_below(host, &domain);
            if !matches {
                return Err(CookieError::OtherDomain);
            }
            (domain, false)
        }
    };
    if read.secure && !address.is_secure() {
        return Err(CookieError::NotSecure);
    }
    let path = read.path.as_deref().unwrap_or_else(|| default_path(address.path()));
    if path.len() > LONGEST_ATTRIBUTE {
        return Err(CookieError::Unreadable);
    }
    Ok(Cookie {
        path: path.to_owned(),
        site: site_of(&domain).to_owned(),
        name: read.name,
        value: read.value,
        domain,
        host_only,
        expires: read.expires,
        secure: read.secure,
        http_only: read.http_only,
        same_site: read.same_site,
        last_used: 0,
    })
}

/// Checks the rules for names with a prefix (§4.1.3), in upper or lower case.
pub(super) fn check_prefix(cookie: &Cookie, has_path_attribute: bool) -> Result<(), CookieError> {
    let starts_with =
        |text: &str, prefix: &str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let [secure, host] = ["__Secure-", "__Host-"];
    // Without a name, the value would be sent like a name.
    let in_disguise =
        cookie.name.is_empty() && (starts_with(&cookie.value, secure) || starts_with(&cookie.value, host));
    let breaks_secure = starts_with(&cookie.name, secure) && !cookie.secure;
    let keeps_host = cookie.secure && cookie.host_only && has_path_attribute && cookie.path == "/";
    let breaks_host = starts_with(&cookie.name, host) && !keeps_host;
    if in_disguise || breaks_secure || breaks_host { Err(CookieError::Prefix) } else { Ok(()) }
}

/// Returns whether anyone can register a name below this one. By the default rule of the list, this includes names without a dot.
pub(super) fn is_public_suffix(domain: &str) -> bool {
    psl::suffix_str(domain) == Some(domain)
}

/// Returns the registrable domain, or the whole host if there is none.
pub(super) fn site_of(domain: &str) -> &str {
    let is_ip = domain.starts_with('[') || domain.parse::<Ipv4Addr>().is_ok();
    if is_ip { domain } else { psl::domain_str(domain).unwrap_or(domain) }
}

/// Returns whether `host` is `domain` or a subdomain of it. Both are in lower case.
fn is_or_is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_path_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || above.ends_with('/') || rest.starts_with('/'))
}

/// Returns the folder of the path of a request (§5.1.4).
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        Some(last) if last > 0 => &path[..last],
        _ => "/",
    }
}

/// Omits the value, which may be a secret.
impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookie")
            .field("name", &self.name)
            .field("value", &format_args!("{} bytes", self.value.len()))
            .field("domain", &self.domain)
            .field("host_only", &self.host_only)
            .field("path", &self.path)
            .field("expires", &self.expires)
            .field("secure", &self.secure)
            .field("http_only", &self.http_only)
            .field("same_site", &self.same_site)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => {
                "the cookie cannot be read, contains control characters, or is longer than 4096 bytes; write it like \
                 \"name=value; Path=/\""
            }
            Self::OtherDomain => "the cookie's Domain is neither the URL's host nor a parent domain of it",
            Self::PublicSuffix => "the cookie's Domain is a public suffix, under which anyone can register a name",
            Self::NotSecure => "the cookie is marked Secure, but the URL is not https",
            Self::Prefix => {
                "the cookie's name starts with __Secure- or __Host-, but it does not have the attributes that this requires"
            }
            Self::WouldReplaceSecure => "the cookie would replace one that is marked Secure, but the URL is not https",
        })
    }
}

impl std::error::Error for CookieError {}
