//! What `connect_to_host` is given: which server, and whether with TLS.

use std::net::IpAddr;

use crate::error::Error;

/// A server's name and port, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host {
    /// A name in ASCII (IDNA), or an address without brackets.
    pub(crate) name: String,
    /// The address, if `name` is one.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
    pub(crate) secure: bool,
}

impl Host {
    /// Reads `host` with the port and TLS argument beside it. Taken are `host`, `host:port`, `[::1]`, `::1`, each with
    /// `http://` or `https://` before it, which decides on TLS, and `/` after it. A negative `port` is the scheme's own.
    pub(crate) fn parse(host: &str, port: i64, secure: bool) -> Result<Self, Error> {
        let refuse = |what: &str| Err(Error::invalid(format!("cannot connect to the host {host:?}: {what}")));
        let (rest, secure) = match strip_scheme(host) {
            Some((rest, secure)) => (rest, secure),
            None => (host, secure),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.is_empty() {
            return refuse("the name is empty");
        }
        if let Some(wrong) = authority.chars().find(|&c| c.is_control() || c.is_whitespace() || "/?#@\\%".contains(c)) {
            return refuse(&format!("{wrong:?} cannot be in a host name; give the name only, such as \"example.com\""));
        }
        let (name, own_port) = match split_port(authority) {
            Ok(parts) => parts,
            Err(what) => return refuse(what),
        };
        let parsed = match parse_name(name) {
            Ok(parsed) => parsed,
            Err(what) => return refuse(&what),
        };
        let port = match (u16::try_from(port), own_port) {
            (Ok(0), _) | (_, Some(0)) => return refuse("port 0 cannot be connected to; ports are 1 to 65535"),
            (Ok(port), Some(own)) if port != own => {
                return refuse(&format!("the host says port {own}, the port argument {port}; give one of them"));
            }
            (Ok(port), _) => port,
            (Err(_), _) if port > 0 => return refuse(&format!("there is no port {port}; ports are 1 to 65535")),
            (Err(_), Some(own)) => own,
            (Err(_), None) if secure => 443,
            (Err(_), None) => 80,
        };
        Ok(Self { address: parsed.parse().ok(), name: parsed, port, secure })
    }

    /// The name with brackets where it is an IPv6 address.
    pub(crate) fn bracketed(&self) -> String {
        match self.address {
            Some(IpAddr::V6(address)) => format!("[{address}]"),
            _ => self.name.clone(),
        }
    }

    /// Name and port, as in CONNECT.
    pub(crate) fn authority(&self) -> String {
        format!("{}:{}", self.bracketed(), self.port)
    }

    /// The value of the `Host` field: without the port if it is the scheme's own (RFC 9110 §7.2).
    pub(crate) fn header_value(&self) -> String {
        let own = if self.secure { 443 } else { 80 };
        if self.port == own { self.bracketed() } else { self.authority() }
    }
}

/// What follows `http://` or `https://`, and whether it was the latter.
fn strip_scheme(host: &str) -> Option<(&str, bool)> {
    [("http://", false), ("https://", true)].into_iter().find_map(|(scheme, secure)| {
        let start = host.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| (&host[scheme.len()..], secure))
    })
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
        // None, or an IPv6 address without brackets.
        (authority, None)
    };
    match port {
        None => Ok((name, None)),
        Some(digits) if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) => {
            let port = digits.parse().map_err(|_| "ports are 1 to 65535")?;
            Ok((name, Some(port)))
        }
        Some(_) => Err("what follows the name is not a port"),
    }
}

/// The name in ASCII, or the address without brackets.
fn parse_name(name: &str) -> Result<String, String> {
    if let Some(address) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        return match address.parse::<std::net::Ipv6Addr>() {
            Ok(address) => Ok(address.to_string()),
            Err(_) => Err("what stands in the brackets is not an IPv6 address".to_owned()),
        };
    }
    if let Ok(address) = name.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    match url::Host::parse(name) {
        Ok(url::Host::Domain(name)) if name.len() > 253 || name.split('.').any(|label| label.len() > 63) => {
            Err("it is longer than host names can be".to_owned())
        }
        Ok(url::Host::Domain(name)) if name.starts_with('.') || name.contains("..") => {
            Err("it has an empty part between two dots".to_owned())
        }
        // Browsers take more than may stand in a URL (RFC 3986 §3.2.2), and so in a request.
        Ok(url::Host::Domain(name)) => {
            match name.chars().find(|&c| !c.is_ascii_alphanumeric() && !"-._~!$&'()*+,;=".contains(c)) {
                Some(wrong) => Err(format!("{wrong:?} cannot be in a host name")),
                None => Ok(name),
            }
        }
        Ok(url::Host::Ipv4(address)) => Ok(address.to_string()),
        Ok(url::Host::Ipv6(address)) => Ok(address.to_string()),
        Err(error) => Err(error.to_string()),
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
    fn the_host_field_names_only_unusual_ports() {
        let value = |host: &str| Host::parse(host, -1, false).unwrap().header_value();
        assert_eq!(value("http://a.b:80"), "a.b");
        assert_eq!(value("https://a.b"), "a.b");
        assert_eq!(value("https://a.b:80"), "a.b:80");
        assert_eq!(value("[::1]:81"), "[::1]:81");
    }
}
