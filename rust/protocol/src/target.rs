//! Request targets (RFC 9112 §3.2): converts the URL of a script to the target in the request line.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::error::CallerError;
use crate::method::Method;
use crate::url_parts::{UrlParts, without_user_info};

/// The characters that are not allowed in a target (RFC 3986 §2.2 and §2.3). `%` is left unchanged, because the URL may already be encoded.
/// `[` and `]` are left unchanged, because servers accept them and signatures are computed over them. Characters beyond ASCII are always
/// encoded.
const NOT_IN_TARGETS: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{').add(b'|').add(b'}');

/// Returns the request target for `url`. Besides the forms of RFC 9112, it accepts a relative target (`index.php`, `?q=1`, empty), as
/// scripts write it: the part after the host. A fragment is for the client only and is removed.
pub(crate) fn encode(method: Method, url: &str) -> Result<Cow<'_, str>, CallerError> {
    if url.chars().any(|character| character.is_ascii_control()) {
        return Err(CallerError::ControlInTarget { target: without_user_info(url).into_owned() });
    }
    if method == Method::Connect {
        return authority_form(url).map(Cow::Borrowed);
    }
    if method == Method::Options && url == "*" {
        return Ok(Cow::Borrowed(url));
    }
    let url = url.split_once('#').map_or(url, |(before, _)| before);
    // User and password are never sent as part of a URL (RFC 9110 §4.2.4).
    match stripped_of_user_info(url) {
        Cow::Borrowed(url) => origin_or_absolute_form(url, Cow::from(utf8_percent_encode(url, NOT_IN_TARGETS))),
        Cow::Owned(url) => origin_or_absolute_form(&url, utf8_percent_encode(&url, NOT_IN_TARGETS).to_string().into()),
    }
}

fn origin_or_absolute_form<'a>(url: &str, encoded: Cow<'a, str>) -> Result<Cow<'a, str>, CallerError> {
    let parts = UrlParts::of(url);
    match parts.scheme {
        None if url.starts_with('/') => Ok(encoded),
        None => Ok(Cow::Owned(format!("/{encoded}"))),
        Some(scheme) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => {
            if parts.host.is_empty() {
                return Err(expected(url, "a host after the scheme"));
            }
            Ok(encoded)
        }
        Some(_) => Err(expected(url, "a path such as \"/index.php\", or an http:// or https:// URL for a proxy")),
    }
}

/// Returns the host and port of an absolute URL, without user and password.
pub(crate) fn authority(url: &str) -> Option<&str> {
    let parts = UrlParts::of(url);
    parts.scheme.map(|_| parts.host)
}

/// Returns an absolute URL without user and password, and every other URL unchanged.
fn stripped_of_user_info(url: &str) -> Cow<'_, str> {
    match UrlParts::of(url) {
        UrlParts { scheme: Some(scheme), user_info: Some(_), host, rest, .. } => {
            format!("{scheme}://{host}{rest}").into()
        }
        _ => url.into(),
    }
}

/// Checks for `host:port`, the only form for CONNECT (RFC 9112 §3.2.3).
fn authority_form(url: &str) -> Result<&str, CallerError> {
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    let is_host = |host: &str| {
        let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%:".contains(&byte);
        !name.is_empty() && name.bytes().all(allowed) && (name != host || !name.contains(':'))
    };
    match url.rsplit_once(':') {
        Some((host, port)) if is_host(host) && is_port(port) => Ok(url),
        _ => Err(expected(url, "host:port for CONNECT")),
    }
}

fn expected(url: &str, expected: &'static str) -> CallerError {
    CallerError::Target { target: without_user_info(url).into_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_of_a_url_are_not_sent() {
        for (url, target) in [
            ("http://user:secret@host/a@b?c@d", "http://host/a@b?c@d"),
            ("https://secret@host", "https://host"),
            ("http://a@b@host:81/", "http://host:81/"),
            ("/path@x", "/path@x"),
            ("http://host/@", "http://host/@"),
        ] {
            assert_eq!(encode(Method::Get, url).unwrap(), target);
        }
        assert!(encode(Method::Get, "http://user:secret@/").is_err());
    }

    #[test]
    fn the_part_after_the_host_becomes_an_origin_form() {
        for (url, target) in [
            ("/", "/"),
            ("", "/"),
            ("index.php", "/index.php"),
            ("?q=1", "/?q=1"),
            ("/a#b?c", "/a"),
            ("#x", "/"),
            ("/a b/ü", "/a%20b/%C3%BC"),
            ("/%41%zz/../x'(y)", "/%41%zz/../x'(y)"),
            ("/a\"<>\\^`{|}b", "/a%22%3C%3E%5C%5E%60%7B%7C%7Db"),
            ("/q?filter[a]=b&c=d://e", "/q?filter[a]=b&c=d://e"),
            ("http://host/x y", "http://host/x%20y"),
            ("HTTPS://host", "HTTPS://host"),
        ] {
            assert_eq!(encode(Method::Get, url).as_deref(), Ok(target), "{url:?}");
        }
    }

    #[test]
    fn what_cannot_be_a_target_is_refused() {
        for url in ["/a\r\nb", "/a\0", "/\u{7f}", "\t", "ftp://host/", "http://", "http:///x", "https://?x"] {
            assert!(encode(Method::Get, url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn connect_takes_host_and_port_only() {
        for url in ["host:443", "[::1]:80", "10.0.0.1:1"] {
            assert_eq!(encode(Method::Connect, url).as_deref(), Ok(url));
        }
        for url in ["host", "host:", ":80", "host:0", "host:65536", "host:+1", "/x:80", "a b:80", "::1:80", "[]:80"] {
            assert!(encode(Method::Connect, url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn the_asterisk_is_for_options() {
        assert_eq!(encode(Method::Options, "*").as_deref(), Ok("*"));
        assert_eq!(encode(Method::Get, "*").as_deref(), Ok("/*"));
    }
}
