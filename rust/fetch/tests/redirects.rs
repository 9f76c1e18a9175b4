//! Which parts of a request are sent to the target of a redirect.
#![allow(missing_docs)]

use http_fetch::address::Address;
use http_fetch::redirect::{Policy, RedirectError, Request, follow};
use http_protocol::Method;

const POLICY: Policy = Policy { most: Some(10), allow_insecure: false };

fn request(method: Method, url: &str) -> Request {
    let lines = [
        "Accept: text/html",
        "authorization: Bearer x",
        "Cookie: a=b",
        "Proxy-Authorization: Basic x",
        "Content-Type: text/plain",
        "Content-Language: en",
        "Content-Location: /x",
        "content-encoding: gzip",
        "Content-Length: 3",
    ];
    Request {
        method,
        address: Address::resolve(None, url).unwrap(),
        headers: lines.map(str::to_owned).to_vec(),
        with_body: true,
    }
}

fn followed(method: Method, url: &str, status: u16, location: &str) -> Request {
    follow(POLICY, 0, &request(method, url), status, [location]).unwrap().expect("a redirect")
}

fn refused(url: &str, location: &str) -> RedirectError {
    follow(POLICY, 0, &request(Method::Get, url), 302, [location]).expect_err(location)
}

fn destination(url: &str, location: &str) -> String {
    followed(Method::Get, url, 302, location).address.to_string()
}

const HERE: &str = "https://example.com/a/b?q#there";

#[test]
fn which_status_makes_which_method_a_get_without_a_body() {
    for method in Method::ALL {
        for status in [301, 302, 303, 307, 308] {
            let next = followed(method, HERE, status, "/x");
            let becomes_get = match status {
                301 | 302 => method == Method::Post,
                303 => method != Method::Get && method != Method::Head,
                _ => false,
            };
            let expected = if becomes_get { Method::Get } else { method };
            assert_eq!((next.method, next.with_body), (expected, !becomes_get), "{method:?} {status}");
            let lines = if becomes_get { 4 } else { 9 };
            assert_eq!(next.headers.len(), lines, "{method:?} {status}: {:?}", next.headers);
        }
    }
}

#[test]
fn other_statuses_and_redirects_without_a_location_stand_for_themselves() {
    for status in [200, 201, 300, 304, 305, 306, 309, 399, 404] {
        assert_eq!(follow(POLICY, 0, &request(Method::Get, HERE), status, ["/x"]), Ok(None), "{status}");
    }
    assert_eq!(follow(POLICY, 0, &request(Method::Get, HERE), 302, []), Ok(None));
}

#[test]
fn a_relative_location_is_resolved_by_rfc_3986() {
    for (location, expected) in [
        ("../c", "https://example.com/c#there"),
        ("c", "https://example.com/a/c#there"),
        ("/c?d", "https://example.com/c?d#there"),
        ("?d", "https://example.com/a/b?d#there"),
        ("", "https://example.com/a/b?q#there"),
        ("//other.example/x", "https://other.example/x#there"),
        ("https://example.com:443/x", "https://example.com/x#there"),
        (" /spaced ", "https://example.com/spaced#there"),
        ("/ü", "https://example.com/%C3%BC#there"),
    ] {
        assert_eq!(destination(HERE, location), expected, "{location}");
    }
}

#[test]
fn a_fragment_is_inherited_unless_the_location_has_its_own() {
    assert_eq!(destination(HERE, "/c#own"), "https://example.com/c#own");
    assert_eq!(destination(HERE, "/c#"), "https://example.com/c#");
    assert_eq!(destination("https://example.com/", "/c"), "https://example.com/c");
}

#[test]
fn credentials_given_by_hand_stay_with_their_origin() {
    let keeps = |url: &str, location: &str| {
        let policy = Policy { allow_insecure: true, ..POLICY };
        let next = follow(policy, 0, &request(Method::Get, url), 307, [location]).unwrap().unwrap();
        let secret = next
            .headers
            .iter()
            .any(|line| line.contains("Bearer") || line.contains("Cookie") || line.contains("Basic"));
        assert!(next.headers.iter().any(|line| line.starts_with("Accept")), "the others stay");
        secret
    };
    assert!(keeps(HERE, "/c"));
    assert!(keeps(HERE, "https://EXAMPLE.com:443/c"));
    assert!(!keeps(HERE, "https://www.example.com/c"), "another host");
    assert!(!keeps(HERE, "https://example.com:8443/c"), "another port");
    assert!(!keeps(HERE, "http://example.com/c"), "another scheme");
    assert!(!keeps(HERE, "https://example.com./c"), "a name with a final dot is another");
}

#[test]
fn a_host_header_given_by_hand_does_not_go_to_another_server() {
    let mut request = request(Method::Get, HERE);
    request.headers = vec!["host: virtual.example".to_owned()];
    let next = |location| follow(POLICY, 0, &request, 302, [location]).unwrap().unwrap().headers;
    assert_eq!(next("/c"), request.headers);
    assert!(next("https://other.example/").is_empty());
}

#[test]
fn from_https_to_http_only_if_the_session_says_so() {
    assert_eq!(refused(HERE, "http://example.com/"), RedirectError::Insecure);
    let allowed = Policy { allow_insecure: true, ..POLICY };
    let next = follow(allowed, 0, &request(Method::Get, HERE), 302, ["http://example.com/"]).unwrap().unwrap();
    assert!(!next.address.is_secure());
    assert_eq!(destination("http://example.com/", "http://other.example/"), "http://other.example/");
    assert_eq!(destination("http://example.com/", "https://example.com/"), "https://example.com/");
}

#[test]
fn other_schemes_are_refused_by_name() {
    for (location, scheme) in [
        ("file:///etc/passwd", "file"),
        ("data:text/plain,x", "data"),
        ("ftp://h/x", "ftp"),
        ("JAVASCRIPT:x", "javascript"),
        ("res://a.tscn", "res"),
        ("localhost:80/x", "localhost"),
    ] {
        assert_eq!(refused(HERE, location), RedirectError::Scheme { scheme: scheme.to_owned() });
    }
    let long = refused(HERE, &format!("{}:x", "a".repeat(100_000))).to_string();
    assert!(long.len() < 200, "{long}");
}

#[test]
fn a_location_that_is_no_url_is_refused() {
    for location in [
        "https://",
        "http://[::1",
        "http://a b/",
        "https://example.com:99999/",
        "https://example.com:0/",
        "/a\u{1}b",
        "http://1.2.3.256/",
    ] {
        assert!(matches!(refused(HERE, location), RedirectError::Unreadable(_)), "{location}");
    }
}

#[test]
fn user_info_in_a_location_is_not_taken_over() {
    let next = followed(Method::Get, HERE, 302, "https://eve:hunter2@example.com/x");
    assert_eq!(next.address.to_string(), "https://example.com/x#there");
    assert!(next.headers.contains(&"authorization: Bearer x".to_owned()), "the same origin");
    assert_eq!(destination(HERE, "//example.com@evil.example/"), "https://evil.example/#there");
}

#[test]
fn a_loop_ends_at_the_limit() {
    let policy = Policy { most: Some(3), ..POLICY };
    let mut request = request(Method::Get, HERE);
    for hop in 0..3 {
        request = follow(policy, hop, &request, 302, ["/a/b?q"]).unwrap().unwrap();
    }
    assert_eq!(follow(policy, 3, &request, 302, ["/a/b?q"]), Err(RedirectError::TooMany { most: 3 }));
    assert!(follow(Policy { most: None, ..POLICY }, 1000, &request, 302, ["/"]).unwrap().is_some());
    assert_eq!(
        follow(Policy { most: Some(0), ..POLICY }, 0, &request, 302, ["/"]),
        Err(RedirectError::TooMany { most: 0 })
    );
}

#[test]
fn several_locations_have_to_agree() {
    let request = request(Method::Get, HERE);
    assert!(follow(POLICY, 0, &request, 302, ["/x", "/x"]).unwrap().is_some());
    assert_eq!(follow(POLICY, 0, &request, 302, ["/x", "/y"]), Err(RedirectError::Ambiguous));
}

#[test]
fn no_sentence_repeats_what_the_server_sent() {
    for location in ["https://secret:token@[/", "http://example.com/?secret", "/secret\u{7}"] {
        assert!(!refused(HERE, location).to_string().contains("secret"), "{location}");
    }
}
