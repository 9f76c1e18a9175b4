//! Proxies: where they are, who may use them, and which hosts are reached without.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_protocol::percent_decode;
use ipnet::IpNet;

use crate::error::Error;
use crate::host::Host;

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    pub(crate) host: Host,
    /// `user:password` in Base64.
    credentials: Option<String>,
}

/// The proxies of a client.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// For connections without TLS: it is sent whole URLs.
    pub(crate) http: Option<Arc<Proxy>>,
    /// For connections with TLS: it is asked for a tunnel.
    pub(crate) https: Option<Arc<Proxy>>,
    /// Hosts that are reached without.
    pub(crate) exceptions: Arc<Exceptions>,
}

/// A list as in the environment variable `no_proxy`.
#[derive(Debug, Default)]
pub struct Exceptions(Vec<Exception>);

#[derive(Debug)]
enum Exception {
    Everything,
    Network(IpNet),
    /// A name, and all that end in it behind a dot.
    Name(String),
}

impl Proxy {
    /// Reads `host`, `user:password@host`, with or without `http://`, and the port beside it.
    pub(crate) fn parse(host: &str, port: i64) -> Result<Self, Error> {
        let (scheme, rest) = host.split_once("://").map_or(("http", host), |(scheme, rest)| (scheme, rest));
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(Error::invalid(format!(
                "the proxy {rest:?} is to be spoken to by {scheme}; only http:// is possible"
            )));
        }
        let (credentials, name) = match rest.rsplit_once('@') {
            Some((credentials, name)) => (Some(credentials), name),
            None => (None, rest),
        };
        let host = Host::parse(name, port, false).map_err(|error| {
            Error::invalid(error.message.replacen("cannot connect to the host", "cannot use the proxy", 1))
        })?;
        let credentials = credentials.map(|credentials| {
            let decoded = percent_decode(credentials);
            let pair = if decoded.contains(&b':') { decoded } else { [&decoded[..], b":"].concat() };
            BASE64_STANDARD.encode(pair)
        });
        Ok(Self { host, credentials })
    }

    /// The header line that tells the proxy who asks (RFC 7617).
    pub(crate) fn authorization_header(&self) -> Option<String> {
        self.credentials.as_ref().map(|credentials| format!("Proxy-Authorization: Basic {credentials}"))
    }
}

/// Whether a header line is one with credentials for a proxy.
pub(crate) fn is_proxy_authorization(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case("Proxy-Authorization"))
}

impl Proxies {
    /// The proxy for a host; none to reach it directly.
    pub(crate) fn for_host(&self, host: &Host) -> Option<Arc<Proxy>> {
        let proxy = if host.secure { &self.https } else { &self.http };
        proxy.clone().filter(|_| !self.exceptions.contain(host))
    }

    /// The proxies that the environment variables name, by curl's rules: `http_proxy` (never `HTTP_PROXY`, which a web server sets from a
    /// request's `Proxy` header), `https_proxy`, else `all_proxy`, and `no_proxy`. On Windows, where the two cannot be told apart, both are
    /// read, as curl does.
    pub(crate) fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let non_empty = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let either = |name: &str| non_empty(name).or_else(|| non_empty(&name.to_ascii_uppercase()));
        let proxy = |url: Option<String>| -> Result<Option<Arc<Proxy>>, Error> {
            let Some(url) = url.or_else(|| either("all_proxy")) else { return Ok(None) };
            let mut proxy = Proxy::parse(url.trim(), -1)?;
            let authority = url.rsplit(['@', '/']).find(|part| !part.is_empty()).unwrap_or(&url);
            if Host::parse(authority, 80, false).is_ok_and(|with_port_80| with_port_80 == proxy.host)
                && !authority.ends_with(":80")
            {
                // curl's own for a proxy without a port.
                proxy.host.port = 1080;
            }
            Ok(Some(Arc::new(proxy)))
        };
        Ok(Self {
            http: proxy(non_empty("http_proxy"))?,
            https: proxy(either("https_proxy"))?,
            exceptions: Arc::new(Exceptions::parse(&either("no_proxy").unwrap_or_default())),
        })
    }
}

impl Exceptions {
    /// Reads a list of names, addresses and networks, separated by commas or spaces; `*` is everything.
    pub(crate) fn parse(list: &str) -> Self {
        let entries = list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
        Self(entries.map(Exception::parse).collect())
    }

    fn contain(&self, host: &Host) -> bool {
        self.0.iter().any(|exception| exception.covers(host))
    }
}

impl Exception {
    fn parse(entry: &str) -> Self {
        if entry == "*" {
            return Self::Everything;
        }
        let bare = entry.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Self::Network(address.into());
        }
        if let Ok(network) = entry.parse::<IpNet>() {
            return Self::Network(network);
        }
        let name = entry.strip_prefix("*.").or(entry.strip_prefix('.')).unwrap_or(entry);
        Self::Name(name.trim_end_matches('.').to_ascii_lowercase())
    }

    fn covers(&self, host: &Host) -> bool {
        match self {
            Self::Everything => true,
            Self::Network(network) => host.address.is_some_and(|address| network.contains(&address)),
            Self::Name(name) => {
                let host = host.name.trim_end_matches('.');
                host.strip_suffix(name.as_str()).is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Host {
        Host::parse(text, -1, false).unwrap()
    }

    fn from(variables: &[(&str, &str)]) -> Proxies {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Proxies::from_environment(find).unwrap()
    }

    fn used(proxies: &Proxies, url: &str) -> Option<String> {
        proxies.for_host(&host(url)).map(|proxy| proxy.host.authority())
    }

    #[test]
    fn credentials_become_a_header() {
        let proxy = Proxy::parse("us%65r:p%40ss@proxy", 3128).unwrap();
        assert_eq!(proxy.host.authority(), "proxy:3128");
        assert_eq!(proxy.authorization_header().unwrap(), "Proxy-Authorization: Basic dXNlcjpwQHNz");
        assert_eq!(Proxy::parse("proxy", 3128).unwrap().authorization_header(), None);
    }

    #[test]
    fn what_is_not_a_proxy_is_refused() {
        for (host, port) in [("a b", 80), ("proxy", 0), ("proxy", 65536), ("https://proxy", 80), ("socks5://proxy", 80)]
        {
            assert!(Proxy::parse(host, port).is_err(), "{host}:{port}");
        }
    }

    #[test]
    fn variables_are_read_by_the_rules_of_curl() {
        let proxies = from(&[("http_proxy", "http://a:1/"), ("HTTPS_PROXY", "b:2"), ("no_proxy", "x.org")]);
        assert_eq!(used(&proxies, "http://host").as_deref(), Some("a:1"));
        assert_eq!(used(&proxies, "https://host").as_deref(), Some("b:2"));
        assert_eq!(used(&proxies, "https://x.org"), None);
        let proxies = from(&[("HTTP_PROXY", "a:1"), ("all_proxy", "c")]);
        assert_eq!(used(&proxies, "http://host").as_deref(), Some("c:1080"), "HTTP_PROXY is not read");
        assert_eq!(used(&from(&[("http_proxy", "a:80")]), "http://host").as_deref(), Some("a:80"));
    }

    #[test]
    fn exceptions_are_names_suffixes_addresses_and_networks() {
        let exceptions = Exceptions::parse("example.com, .org *.net,10.0.0.0/8 192.168.1.7,[::1],fe80::/10");
        for name in
            ["example.com", "www.Example.com", "x.org", "x.net", "net", "10.1.2.3", "192.168.1.7", "[::1]", "[fe80::1]"]
        {
            assert!(exceptions.contain(&host(name)), "{name}");
        }
        for name in ["example.com.evil", "notexample.com", "11.0.0.1", "192.168.1.8", "[::2]"] {
            assert!(!exceptions.contain(&host(name)), "{name}");
        }
        assert!(Exceptions::parse("*").contain(&host("anything")));
        assert!(!Exceptions::parse("").contain(&host("anything")));
    }
}
