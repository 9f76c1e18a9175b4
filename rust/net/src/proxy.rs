//! Proxies: their addresses and credentials, and the hosts that are reached without a proxy.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_protocol::{Excerpt, Head, UrlParts, percent_decode, without_user_info};
use ipnet::IpNet;

use crate::address::{Host, names_port};
use crate::error::{Error, ProxyProblem};

/// A proxy.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Proxy {
    pub(crate) host: Host,
    /// `user:password` in Base64.
    credentials: Option<String>,
}

/// A requested proxy, or why it cannot be used. The client never bypasses a proxy that cannot be used.
pub type Chosen = Result<Arc<Proxy>, Error>;

/// The proxies of a client.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    /// The proxy for connections without TLS. It receives full URLs.
    pub http: Option<Chosen>,
    /// The proxy for connections with TLS. It is asked for a tunnel.
    pub https: Option<Chosen>,
    /// The hosts that are reached without a proxy.
    pub exceptions: Arc<Exceptions>,
}

/// A list as in the environment variable `no_proxy`.
#[derive(Debug, Default)]
pub struct Exceptions(Vec<Exception>);

#[derive(Debug)]
enum Exception {
    Everything,
    Network(IpNet),
    /// A name, and all its subdomains.
    Name(String),
}

impl Proxy {
    /// Reads `host` or `user:password@host`, with or without `http://`, and the separate port. A path after the host is ignored.
    pub fn parse(host: &str, port: i64) -> Result<Self, Error> {
        Self::read(host, |_| port).map_err(|what| {
            // Leave out everything that may be a password.
            Error::misuse(format!("cannot use the proxy {:?}: {what}", without_user_info(host)))
        })
    }

    /// Reads the arguments of `set_http_proxy`. Returns `None` for an empty host or a port of -1.
    pub fn choose(host: &str, port: i64) -> Option<Chosen> {
        (!host.is_empty() && port != -1).then(|| Self::parse(host, port).map(Arc::new))
    }

    /// Reads the address of a proxy. `port` returns the port for the part before the path.
    fn read(host: &str, port: impl FnOnce(&str) -> i64) -> Result<Self, String> {
        let UrlParts { scheme, user_info: credentials, host: name, rest: path, .. } = UrlParts::of(host);
        if let Some(scheme) = scheme.filter(|scheme| !scheme.eq_ignore_ascii_case("http")) {
            let scheme = Excerpt::text(scheme);
            return Err(format!("its scheme is {scheme:#}://, but only http:// is supported"));
        }
        if path.contains('@') {
            return Err("write a '/', '?' or '#' in its user or password as %2F, %3F or %23".to_owned());
        }
        let host = Host::read(name, port(name), false)?;
        let credentials = credentials.map(|credentials| {
            let decoded = percent_decode(credentials);
            let pair = if decoded.contains(&b':') { decoded } else { [&decoded[..], b":"].concat() };
            BASE64_STANDARD.encode(pair)
        });
        Ok(Self { host, credentials })
    }

    /// Returns the header line that authenticates the client to the proxy (RFC 7617).
    pub(crate) fn authorization_header(&self) -> Option<String> {
        self.credentials.as_ref().map(|credentials| format!("Proxy-Authorization: Basic {credentials}"))
    }
}

/// Omits user and password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credentials = self.credentials.as_ref().map(|_| "…");
        f.debug_struct("Proxy").field("host", &self.host).field("credentials", &credentials).finish()
    }
}

/// Returns the header lines to send. `given` are the caller's. Credentials for a proxy are only sent to a proxy. `own` are the credentials
/// of the configured proxy; given ones take precedence.
pub(crate) fn header_lines<'a>(given: &[&'a str], reader_is_proxy: bool, own: Option<&'a str>) -> Vec<&'a str> {
    let own = own.filter(|_| !given.iter().any(|line| is_proxy_authorization(line)));
    given.iter().copied().filter(|line| reader_is_proxy || !is_proxy_authorization(line)).chain(own).collect()
}

fn is_proxy_authorization(line: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case("Proxy-Authorization"))
}

/// Describes how a proxy refused a tunnel, and what to do about it.
pub(crate) fn refusal(head: &Head) -> ProxyProblem {
    let reason = head.reason.trim();
    // 401 is for servers, but some proxies use it.
    let hint = match head.status {
        401 | 407 => Some(match schemes_without_basic(head) {
            Some(schemes) => format!("it requires {schemes}, but only Basic is supported"),
            None => "check the user and password for the proxy".to_owned(),
        }),
        _ => None,
    };
    ProxyProblem::Answered { status: head.status, reason: (!reason.is_empty()).then(|| Excerpt::text(reason)), hint }
}

/// Returns the authentication schemes that a proxy offers, if Basic is not one of them.
fn schemes_without_basic(head: &Head) -> Option<String> {
    let field = if head.status == 407 { "Proxy-Authenticate" } else { "WWW-Authenticate" };
    let mut schemes: Vec<&[u8]> = Vec::new();
    // A scheme begins a challenge; the other elements of the list are its parameters (RFC 9110 §11.6.1).
    for element in head.fields.list(field) {
        let scheme = element.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or_default();
        let is_token = scheme.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-._~+".contains(&byte));
        if is_token && !scheme.is_empty() && !schemes.contains(&scheme) {
            schemes.push(scheme);
        }
    }
    let has_basic = schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case(b"Basic"));
    (!has_basic && !schemes.is_empty()).then(|| format!("{:#}", Excerpt::start(&schemes.join(&b", "[..]))))
}

impl Proxies {
    /// Returns the proxy for a host, or `None` to reach it directly. Returns an error if the proxy cannot be used.
    pub fn for_host(&self, host: &Host) -> Result<Option<Arc<Proxy>>, Error> {
        let chosen = if host.secure { &self.https } else { &self.http };
        chosen.clone().filter(|_| !self.exceptions.contain(host)).transpose()
    }

    /// Reads the proxies from environment variables, by the rules of curl: `http_proxy` (never `HTTP_PROXY`, which a web server sets from
    /// the `Proxy` header of a request), `https_proxy` or otherwise `all_proxy`, and `no_proxy`. On Windows, upper and lower case are the
    /// same, so both are read, as in curl. Each variable counts for itself: a proxy that cannot be used only affects its own connections.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let non_empty = |name: &str| {
            let value = variable(name).filter(|value| !value.trim().is_empty())?;
            Some((name.to_owned(), value))
        };
        let either = |name: &str| non_empty(name).or_else(|| non_empty(&name.to_ascii_uppercase()));
        let choose = |found: Option<(String, String)>| {
            let (name, value) = found.or_else(|| either("all_proxy"))?;
            let url = value.trim();
            // Without a port, use curl's default port for proxies.
            let port = |authority: &str| if names_port(authority) { -1 } else { 1080 };
            Some(Proxy::read(url, port).map(Arc::new).map_err(|what| {
                let shown = without_user_info(url);
                Error::misuse(format!("cannot use the proxy {shown:?} from the environment variable {name}: {what}"))
            }))
        };
        Self {
            http: choose(non_empty("http_proxy")),
            https: choose(either("https_proxy")),
            exceptions: Arc::new(Exceptions::parse(&either("no_proxy").map(|(_, list)| list).unwrap_or_default())),
        }
    }

    /// Reads the proxies from the environment of the process.
    pub fn of_process() -> Self {
        // A value that is not UTF-8 cannot be a proxy, but it must not count as unset.
        Self::from_environment(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// Returns why the first unusable proxy cannot be used.
    pub fn problem(&self) -> Option<Error> {
        [&self.http, &self.https].into_iter().flatten().find_map(|chosen| chosen.as_ref().err().cloned())
    }
}

impl Exceptions {
    /// Reads a list of names, addresses and networks, separated by commas or spaces; `*` is everything.
    pub fn parse(list: &str) -> Self {
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
        Proxies::from_environment(find)
    }

    fn used(proxies: &Proxies, url: &str) -> Option<String> {
        proxies.for_host(&host(url)).unwrap().map(|proxy| proxy.host.authority())
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
        for (host, port) in [
            ("a b", 80),
            ("proxy", 0),
            ("proxy", 65536),
            ("https://proxy", 80),
            ("socks5://proxy", 80),
            ("/proxy", 80),
            ("http://", 80),
            ("user@", 80),
            ("http://http://proxy", 80),
            ("proxy:81", 80),
            ("pro\r\nxy", 80),
            ("proxy\\x", 80),
        ] {
            assert!(Proxy::parse(host, port).is_err(), "{host}:{port}");
        }
    }

    #[test]
    fn a_path_behind_a_proxys_address_is_ignored() {
        for text in
            ["proxy/path", "http://proxy/", "HTTP://user:pw@proxy/a/b?c#d", "proxy:3128/x", "proxy?x", "proxy#x"]
        {
            assert_eq!(Proxy::parse(text, 3128).unwrap().host.authority(), "proxy:3128");
        }
        let proxies = from(&[("http_proxy", "http://a:1/path"), ("https_proxy", "b/path:2")]);
        assert_eq!(used(&proxies, "http://host").as_deref(), Some("a:1"));
        assert_eq!(used(&proxies, "https://host").as_deref(), Some("b:1080"));
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_no_reason_to_do_without() {
        let proxies = from(&[("http_proxy", "socks5://a:1"), ("https_proxy", "b:2"), ("no_proxy", "direct")]);
        let reason = proxies.for_host(&host("http://host")).unwrap_err().to_string();
        assert!(reason.contains("the environment variable http_proxy: ") && reason.contains("socks5"), "{reason}");
        assert_eq!(used(&proxies, "https://host").as_deref(), Some("b:2"), "the other counts for itself");
        assert_eq!(used(&proxies, "http://direct"), None, "an exception needs no proxy");
        let proxies = from(&[("http_proxy", "a:1"), ("ALL_PROXY", "https://b")]);
        assert_eq!(used(&proxies, "http://host").as_deref(), Some("a:1"));
        let reason = proxies.for_host(&host("https://host")).unwrap_err().to_string();
        assert_eq!(proxies.problem().unwrap().to_string(), reason);
        assert!(reason.contains("the environment variable ALL_PROXY: "), "{reason}");
    }

    #[test]
    fn user_and_password_are_in_no_message_and_no_log() {
        for text in [
            "socks5://lena:secret@proxy",
            "lena:secret@pro xy",
            "http://lena:sec/ret@proxy",
            "http://lena:1234/secret@proxy",
            "lena:se?cret@proxy:x",
            "le na://secret@proxy:99999",
            "secret@",
        ] {
            let errors = [Proxy::parse(text, 80), Proxy::parse(&format!("{text}\n"), 80)].map(Result::unwrap_err);
            let proxies = from(&[("all_proxy", text)]);
            let shown = format!("{errors:?} {proxies:?} {}", proxies.problem().unwrap());
            for secret in ["lena", "le na", "sec", "cret", "1234"] {
                assert!(!shown.contains(secret), "{text:?}: {shown}");
            }
        }
        let usable = Proxy::parse("lena:secret@proxy", 80).unwrap();
        let encoded = usable.credentials.clone().unwrap();
        let shown = format!("{:?}", Proxies { http: Some(Ok(Arc::new(usable))), ..Proxies::default() });
        assert!(shown.contains("proxy") && !shown.contains("secret") && !shown.contains(&encoded), "{shown}");
    }

    #[test]
    fn credentials_for_a_proxy_reach_only_a_proxy() {
        let given = ["A: b", "proxy-authorization: Bearer own"];
        let own = Some("Proxy-Authorization: Basic x");
        assert_eq!(header_lines(&given, false, None), ["A: b"]);
        assert_eq!(header_lines(&given, true, None), given);
        assert_eq!(header_lines(&given, true, own), given);
        assert_eq!(header_lines(&given[..1], true, own), ["A: b", "Proxy-Authorization: Basic x"]);
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
