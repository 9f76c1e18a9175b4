//! Property: the destination of every redirect is http or https and has no user, and no secrets are sent to another origin.
//!
//! Input: one byte for the status, one for the original URL, and the `Location`.

use http_fetch::address::Address;
use http_fetch::redirect::{Policy, Request, follow};
use http_protocol::Method;

const URLS: [&str; 4] =
    ["https://example.com/a/b?q#f", "http://example.com:8080/", "http://127.0.0.1/x/", "https://[::1]:8443/a;b=c"];

/// Panics if the property does not hold.
pub fn check(data: &[u8]) {
    let [status, from, location @ ..] = data else { return };
    let status = [301, 302, 303, 307, 308][usize::from(*status) % 5];
    let location = String::from_utf8_lossy(location);
    let request = Request {
        method: Method::Post,
        address: Address::resolve(None, URLS[usize::from(*from) % URLS.len()]).expect("a URL"),
        headers: vec!["Authorization: secret".to_owned(), "Accept: */*".to_owned()],
        with_body: true,
    };
    let policy = Policy { most: Some(1), allow_insecure: false };
    let Ok(next) = follow(policy, 0, &request, status, [&*location]) else { return };
    let next = next.expect("it has a location");

    let url = next.address.as_str();
    let rest =
        url.strip_prefix("https://").or_else(|| url.strip_prefix("http://").filter(|_| !request.address.is_secure()));
    let rest = rest.unwrap_or_else(|| panic!("{location:?}: {url}"));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    assert!(!authority.contains('@') && !next.address.host().is_empty(), "{location:?}: {url}");
    assert!(next.address.port() > 0, "{location:?}: {url}");
    assert!(next.address.target().starts_with('/'), "{location:?}: {url}");
    assert!(next.address.target().bytes().all(|byte| byte.is_ascii_graphic()), "{location:?}: {url}");
    assert!(!next.address.target().contains('#'), "{location:?}: {url}");
    let has_secret = next.headers.iter().any(|line| line.contains("secret"));
    assert_eq!(has_secret, next.address.origin() == request.address.origin(), "{location:?}: {url}");
    // Reading the URL again gives the same address.
    assert_eq!(Address::resolve(None, url).as_ref(), Ok(&next.address), "{location:?}");
    assert!(follow(policy, 1, &next, status, [&*location]).is_err(), "{location:?}");
}
