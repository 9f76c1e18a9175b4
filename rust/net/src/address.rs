//! Reads the arguments of `connect_to_host`: which server, and whether to use TLS.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http_protocol::{UrlParts, without_user_info};

use crate::error::Error;

/// The maximum length of an interface name. Linux allows 15 bytes; Windows uses numbers.
const LONGEST_SCOPE: usize = 64;

/// The name and port of a server, checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    /// A name in ASCII (IDNA), or an address without brackets.
    pub(crate) name: String,
    /// The address, if `name` is one.
    pub(crate) address: Option<IpAddr>,
    /// The network interface through which an IPv6 address is reached, such as `eth0` or `2` (RFC 4007 §11). It is never sent to a peer.
    scope: Option<String>,
    pub(crate) port: u16,
    pub(crate) secure: bool,
}

impl Host {
    /// Reads `host` together with the arguments for the port and TLS. `host` can be `host`, `host:port`, `[::1]` or `::1`, each with a
    /// `/` at the end or an `http://` or `https://` in front, which then decides about TLS. A negative `port` means the default port of
    /// the scheme.
    pub fn parse(host: &str, port: i64, secure: bool) -> Result<Self, Error> {
        let (rest, secure) = match strip_scheme(host) {
            Some((rest, secure)) => (rest, secure),
            None => (host, secure),
        };
        Self::read(rest.strip_suffix('/').unwrap_or(rest), port, secure)
            .map_err(|what| Error::misuse(format!("cannot connect to the host {:?}: {what}", without_user_info(host))))
    }

    /// Reads `authority`, a name or an address with or without a port. The error describes the problem without the text itself, which can
    /// contain a password.
    pub(crate) fn read(authority: &str, port: i64, secure: bool) -> Result<Self, String> {
        if authority.is_empty() {
            return Err("the name is empty".to_owned());
        }
        if let Some(wrong) = authority.chars().find(|&c| c.is_control() || c.is_whitespace() || "/?#@\\".contains(c)) {
            return Err(format!("{wrong:?} cannot be in a host name; give the name only, such as \"example.com\""));
        }
        let (name, own_port) = split_port(authority)?;
        let (name, scope) = split_scope(name)?;
        let name = parse_name(&name)?;
        let port = match (u16::try_from(port), own_port) {
            (Ok(0), _) | (_, Some(0)) => return Err("there is no port 0; ports are 1 to 65535".to_owned()),
            (Ok(port), Some(own)) if port != own => {
                return Err(format!(
                    "the host contains port {own}, but the port argument is {port}; give only one of \
                    them"
                ));
            }
            (Ok(port), _) => port,
            (Err(_), _) if port > 0 => return Err(format!("there is no port {port}; ports are 1 to 65535")),
            (Err(_), Some(own)) => own,
            (Err(_), None) if secure => 443,
            (Err(_), None) => 80,
        };
        Ok(Self { address: name.parse().ok(), name, scope, port, secure })
    }

    /// Returns the name in ASCII (IDNA), or the address without brackets.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the port, even if it is the default port of the scheme.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns whether connections to the server use TLS.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the address if it can be connected to directly. An address with a scope must be resolved, because only the system knows the
    /// names of its interfaces.
    pub(crate) fn direct_address(&self) -> Option<SocketAddr> {
        self.address.filter(|_| self.scope.is_none()).map(|address| SocketAddr::new(address, self.port))
    }

    /// Returns the name that is passed to the system's resolver.
    pub(crate) fn name_to_resolve(&self) -> String {
        match &self.scope {
            Some(scope) => format!("{}%{scope}", self.name),
            None => self.name.clone(),
        }
    }

    /// Returns the name, with brackets if it is an IPv6 address.
    pub fn bracketed(&self) -> String {
        match self.address {
            Some(IpAddr::V6(address)) => format!("[{address}]"),
            _ => self.name.clone(),
        }
    }

    /// Returns the name and port, as in CONNECT.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.bracketed(), self.port)
    }

    /// Returns the value of the `Host` field. It contains no port if that is the default port of the scheme (RFC 9110 §7.2).
    pub fn header_value(&self) -> String {
        let own = if self.secure { 443 } else { 80 };
        if self.port == own { self.bracketed() } else { self.authority() }
    }
}

/// Returns the value of the `Host` field for a stream that the caller has connected. `host` is a name or an address, with or without a
/// port.
pub fn host_field(host: &str) -> Result<String, Error> {
    Host::read(host, -1, false).map(|host| host.header_value()).map_err(|what| {
        Error::misuse(format!("the stream is connected to the host {:?}: {what}", without_user_info(host)))
    })
}

/// Returns the text after `http://` or `https://`, and whether the scheme is `https`.
fn strip_scheme(host: &str) -> Option<(&str, bool)> {
    let UrlParts { scheme, behind_scheme, .. } = UrlParts::of(host);
    let is_secure =
        ["http", "https"].iter().position(|known| scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(known)))?
            == 1;
    Some((behind_scheme, is_secure))
}

/// Whether a port follows the name.
pub(crate) fn names_port(authority: &str) -> bool {
    split_port(authority).is_ok_and(|(_, port)| port.is_some())
}

/// Returns the name of a server in ASCII (IDNA), or `None` if the name is invalid.
pub(crate) fn to_ascii(name: &str) -> Option<String> {
    parse_name(name).ok()
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (name, port) = if authority.starts_with('[') {
        let end = authority.find(']').ok_or("the address has no closing bracket")?;
        let after = &authority[end + 1..];
        (&authority[..=end], if after.is_empty() { None } else { Some(after.strip_prefix(':').unwrap_or("?")) })
    } else if authority.matches(':').count() == 1 {
        let (name, port) = authority.split_once(':').unwrap_or((authority, ""));
        (name, Some(port))
    } else {
        // No port, or an IPv6 address without brackets.
        (authority, None)
    };
    match port {
        None => Ok((name, None)),
        Some(digits) if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            let port = digits.parse().map_err(|_| "ports are 1 to 65535")?;
            Ok((name, Some(port)))
        }
        Some(_) => Err("the text after the name is not a port"),
    }
}

/// Separates the scope from an IPv6 address, which is written as `fe80::1%eth0`, and as `[fe80::1%25eth0]` in URLs (RFC 6874 §2).
fn split_scope(name: &str) -> Result<(Cow<'_, str>, Option<String>), String> {
    let Some((address, scope)) = name.split_once('%') else { return Ok((name.into(), None)) };
    let (address, scope) = match (address.strip_prefix('['), scope.strip_suffix(']')) {
        (Some(address), Some(scope)) => {
            (address, scope.strip_prefix("25").filter(|rest| !rest.is_empty()).unwrap_or(scope))
        }
        (None, None) => (address, scope),
        _ => return Err("'%' cannot be in a host name".to_owned()),
    };
    if address.parse::<Ipv6Addr>().is_err() {
        return Err("'%' cannot be in a host name; only an IPv6 address can have a scope".to_owned());
    }
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if scope.is_empty() || scope.len() > LONGEST_SCOPE || !scope.bytes().all(is_allowed) {
        return Err("the text after '%' is not the name of a network interface".to_owned());
    }
    Ok((address.to_owned().into(), Some(scope.to_owned())))
}

/// Returns the name in ASCII, or the address without brackets.
fn parse_name(name: &str) -> Result<String, String> {
    if let Some(address) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        return match address.parse::<Ipv6Addr>() {
            Ok(address) => Ok(address.to_string()),
            Err(_) => Err("the text in the brackets is not an IPv6 address".to_owned()),
        };
    }
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    match url::Host::parse(name) {
        Ok(url::Host::Domain(name)) => check_name(name),
        Ok(url::Host::Ipv4(address)) => Ok(address.to_string()),
        Ok(url::Host::Ipv6(address)) => Ok(address.to_string()),
        // The `url` crate, like browsers, refuses names that end in a number or have invalid Punycode after `xn--`. Whether such a name
        // exists is left to the resolver.
        Err(_) if name.is_ascii() && !name.is_empty() => check_name(name.to_ascii_lowercase()),
        Err(error) => Err(error.to_string()),
    }
}

fn check_name(name: String) -> Result<String, String> {
    if name.len() > 253 || name.split('.').any(|label| label.len() > 63) {
        return Err("it is too long for a host name".to_owned());
    }
    if name.starts_with('.') || name.contains("..") {
        return Err("it has an empty part between two dots".to_owned());
    }
    // The `url` crate, like browsers, accepts more characters than a URL allows (RFC 3986 §3.2.2), and therefore a request.
    match name.chars().find(|&c| !c.is_ascii_alphanumeric() && !"-._~!$&'()*+,;=".contains(c)) {
        Some(wrong) => Err(format!("{wrong:?} cannot be in a host name")),
        None => Ok(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(host: &str, port: i64, secure: bool) -> (String, u16, bool) {
        let host = Host::parse(host, port, secure).unwrap();
        (host.name, host.port, host.secure)
    }

    #[test]
    fn every_common_way_to_write_a_host_is_taken() {
        for (host, name, port, secure) in [
            ("example.com", "example.com", 80, false),
            ("http://example.com", "example.com", 80, false),
            ("HTTPS://Example.com/", "example.com", 443, true),
            ("example.com:8080", "example.com", 8080, false),
            ("https://example.com:8443/", "example.com", 8443, true),
            ("[::1]", "::1", 80, false),
            ("[::1]:81", "::1", 81, false),
            ("::1", "::1", 80, false),
            ("127.0.0.1", "127.0.0.1", 80, false),
            ("bücher.example", "xn--bcher-kva.example", 80, false),
            ("my_service", "my_service", 80, false),
            ("example.com.", "example.com.", 80, false),
            ("web.1", "web.1", 80, false),
            ("Web.0x1g:81", "web.0x1g", 81, false),
            ("1.2.3.4.5", "1.2.3.4.5", 80, false),
            ("xn--a.example", "xn--a.example", 80, false),
            ("https://XN--A.Example/", "xn--a.example", 443, true),
            ("127.1", "127.0.0.1", 80, false),
            ("fe80::1%eth0", "fe80::1", 80, false),
            ("http://[fe80::1%25eth0]:81/", "fe80::1", 81, false),
        ] {
            assert_eq!(parsed(host, -1, false), (name.to_owned(), port, secure), "{host:?}");
        }
        assert_eq!(parsed("example.com", -7, true), ("example.com".to_owned(), 443, true));
        assert_eq!(parsed("example.com:81", 81, false).1, 81);
    }

    #[test]
    fn what_is_not_a_host_is_refused() {
        for host in [
            "",
            "http://",
            "/",
            "a b",
            "a/b",
            "user@host",
            "host:",
            "host:x",
            "host:99999",
            "host:0",
            "[::1",
            "[::1]x",
            "[x]",
            "a..b",
            ".a",
            "a\nb",
            "a\0",
            "ho%st",
            "host%eth0",
            "127.0.0.1%1",
            "fe80::1%",
            "[fe80::1%]",
            "[fe80::1%eth0",
            "fe80::1%eth0]",
            "[fe80::1%e/0]",
            "[fe80::1]%eth0",
            "fe80::1%a%b",
            "fe80::1%a:b",
            "xn--\u{df}\u{fffd}.example",
            "ftp://host",
            "::1::2",
            "host:80:90",
            "<>",
            "e````.e",
            "a\"b",
            "{a}",
            "\u{0}",
        ] {
            assert!(Host::parse(host, -1, false).is_err(), "{host:?}");
        }
        for port in [0, 65536, i64::MAX] {
            assert!(Host::parse("host", port, false).is_err(), "{port}");
        }
        assert!(Host::parse("host:80", 81, false).is_err());
    }

    #[test]
    fn a_scope_is_for_the_system_and_for_no_peer() {
        for (text, scope) in [
            ("fe80::1%eth0", "eth0"),
            ("[fe80::1%eth0]", "eth0"),
            ("http://[FE80::1%25eth0]", "eth0"),
            ("fe80::1%2", "2"),
            ("fe80::1%251", "251"),
            ("[fe80::1%25]", "25"),
            ("[fe80::1%2525]", "25"),
        ] {
            let host = Host::parse(text, 81, false).unwrap();
            assert_eq!(host.name_to_resolve(), format!("fe80::1%{scope}"), "{text}");
            assert_eq!(host.direct_address(), None, "{text}");
            for told in [host.authority(), host.header_value()] {
                assert_eq!(told, "[fe80::1]:81", "{text}");
            }
        }
        assert_eq!(Host::parse("[::1]", 81, false).unwrap().direct_address(), Some("[::1]:81".parse().unwrap()));
    }

    #[test]
    fn user_and_password_are_not_in_the_message() {
        for text in ["user:secret@host", "http://user:secret@host/", "user:sec/ret@host", "https://secret@ho st"] {
            let message = Host::parse(text, -1, false).unwrap_err().to_string();
            assert!(!message.contains("sec") && !message.contains("user") && message.contains("…@ho"), "{message}");
        }
    }

    #[test]
    fn the_host_field_names_only_unusual_ports() {
        let value = |host: &str| Host::parse(host, -1, false).unwrap().header_value();
        assert_eq!(value("http://a.b:80"), "a.b");
        assert_eq!(value("https://a.b"), "a.b");
        assert_eq!(value("https://a.b:80"), "a.b:80");
        assert_eq!(value("[::1]:81"), "[::1]:81");
    }
}
