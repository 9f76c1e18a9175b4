//! Finds the scheme, user-info and authority of a URL (RFC 3986 §3). All other code uses this module for that, also for hosts and proxies,
//! which are written with or without a scheme. The `url` crate resolves and normalises URLs.

use std::borrow::Cow;

/// The number of characters of a URL that a message shows. Names have at most 253.
const SHOWN: usize = 256;

/// The parts of a URL that starts with a scheme or with an authority.
#[derive(Clone, Copy)]
pub struct UrlParts<'a> {
    /// The scheme, such as `http`, or `None` if there is none.
    pub scheme: Option<&'a str>,
    /// The text before the last `@` of the authority: user and password.
    pub user_info: Option<&'a str>,
    /// The name or address, with or without a port.
    pub host: &'a str,
    /// The rest of the URL, starting with the first `/`, `?` or `#` after the scheme.
    pub rest: &'a str,
    /// The text after the scheme.
    pub behind_scheme: &'a str,
}

impl<'a> UrlParts<'a> {
    /// Splits a URL into its parts. Any text is accepted.
    pub fn of(url: &'a str) -> Self {
        let scheme = scheme(url);
        let behind_scheme = scheme.map_or(url, |scheme| &url[scheme.len() + 3..]);
        let (authority, rest) =
            behind_scheme.split_at(behind_scheme.find(['/', '?', '#']).unwrap_or(behind_scheme.len()));
        let (user_info, host) = match authority.rsplit_once('@') {
            Some((user_info, host)) => (Some(user_info), host),
            None => (None, authority),
        };
        Self { scheme, user_info, host, rest, behind_scheme }
    }
}

fn scheme(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once("://")?;
    let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    (is_scheme && !scheme.is_empty()).then_some(scheme)
}

/// Returns a URL, a host or the address of a proxy in a form that can be shown: `…` replaces user and password before the `@`, and text
/// that is too long for a message.
///
/// Passwords are often not encoded correctly, so everything before the last `@` counts as one, wherever the `@` is. The exception is a
/// path, which has no user.
pub fn without_user_info(url: &str) -> Cow<'_, str> {
    let shown = match url.rsplit_once('@') {
        Some((before, host)) if !url.starts_with('/') => {
            let scheme = scheme(before).map(|scheme| format!("{scheme}://")).unwrap_or_default();
            format!("{scheme}…@{host}").into()
        }
        _ => Cow::Borrowed(url),
    };
    match shown.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &shown[..end]).into(),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_comes_apart_as_it_was_written() {
        for (url, parts) in [
            ("http://user:pw@host:81/a@b?c#d", (Some("http"), Some("user:pw"), "host:81", "/a@b?c#d")),
            ("user@host", (None, Some("user"), "host", "")),
            ("host:80", (None, None, "host:80", "")),
            ("socks5://[::1]:1?x", (Some("socks5"), None, "[::1]:1", "?x")),
            ("https://a@b@host", (Some("https"), Some("a@b"), "host", "")),
            ("://host", (None, None, ":", "//host")),
            ("", (None, None, "", "")),
            ("/path?u=x://y@z", (None, None, "", "/path?u=x://y@z")),
        ] {
            let found = UrlParts::of(url);
            assert_eq!((found.scheme, found.user_info, found.host, found.rest), parts, "{url:?}");
        }
    }

    #[test]
    fn user_and_password_are_not_shown() {
        for (url, shown) in [
            ("http://user:secret@host/path", "http://…@host/path"),
            ("socks5://user:sec/ret@host:1", "socks5://…@host:1"),
            ("user:secret@host", "…@host"),
            ("http://user:secret@@host", "http://…@host"),
            ("sec ret://secret@host", "…@host"),
            ("secret@host\r\n", "…@host\r\n"),
            ("host:80", "host:80"),
            ("/users/@me", "/users/@me"),
            ("", ""),
        ] {
            assert_eq!(without_user_info(url), shown, "{url:?}");
        }
    }

    #[test]
    fn a_long_text_is_shown_in_part() {
        for url in ["ü".repeat(1_000_000), format!("user:secret@{}", "ü".repeat(1_000_000))] {
            let shown = without_user_info(&url);
            assert!(shown.ends_with("ü…") && shown.chars().count() == SHOWN + 1, "{}", shown.len());
        }
        let longest = "x".repeat(SHOWN);
        assert_eq!(without_user_info(&longest), longest);
    }
}
