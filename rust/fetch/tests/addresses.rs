//! Which URLs can be requested, and how they are parsed.
#![allow(missing_docs)]

use http_fetch::address::{Address, AddressError, Origin};

fn address(url: &str) -> Address {
    Address::resolve(None, url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

#[test]
fn a_url_is_taken_apart_into_what_a_request_needs() {
    let address = address("HTTPS://Example.com:8443/a%20b/c?d=e&f#g");
    assert_eq!(address.target(), "/a%20b/c?d=e&f");
    assert_eq!((address.host(), address.port(), address.is_secure()), ("example.com", 8443, true));
    assert_eq!(address.without_fragment(), "https://example.com:8443/a%20b/c?d=e&f");
    assert_eq!(self::address("http://example.com").target(), "/");
    assert_eq!(self::address("http://example.com?q").target(), "/?q");
    assert_eq!(self::address("http://example.com").port(), 80);
    assert_eq!(self::address("http://[::1]:8000/").host(), "[::1]");
    assert_eq!(self::address("https://bücher.example/").host(), "xn--bcher-kva.example");
}

#[test]
fn relative_urls_are_resolved_against_the_base_and_whole_ones_are_not() {
    let base = address("https://api.example.com/v1/users");
    for (url, expected) in [
        ("scores", "https://api.example.com/v1/scores"),
        ("/scores", "https://api.example.com/scores"),
        ("?page=2", "https://api.example.com/v1/users?page=2"),
        ("../x", "https://api.example.com/x"),
        ("//cdn.example.com/x", "https://cdn.example.com/x"),
        ("http://other.example/x", "http://other.example/x"),
        ("", "https://api.example.com/v1/users"),
    ] {
        assert_eq!(Address::resolve(Some(&base), url).unwrap().as_str(), expected, "{url}");
    }
}

#[test]
fn a_query_is_sent_with_the_characters_that_it_was_given() {
    let target = |url: &str| address(url).target().to_owned();
    let sub_delims = "/?a=!$&'()*+,;=:@-._~/?";
    assert_eq!(target(&format!("http://a.example{sub_delims}")), sub_delims);
    for query in ["'", "''", "%27", "'%27'", "%27'%27", "%2'", "%%27'", "a='b'&c=%27d%27", "x=%e2'%E2"] {
        let whole = format!("http://a.example/?{query}#'f%27");
        assert_eq!(address(&whole).as_str(), whole);
        assert_eq!(target(&whole), format!("/?{query}"));
    }
    assert_eq!(target("http://a.example/?a b'\"é"), "/?a%20b'%22%C3%A9", "what may not stand there is encoded");
    assert_eq!(target("http://a.example/it's"), "/it's");
    assert_eq!(target("http://a'b:c'd@a.example/?'"), "/?'", "a user and password are none of the query");
    assert_ne!(address("http://a.example/?'"), address("http://a.example/?%27"), "a server may tell them apart");
}

#[test]
fn a_query_stays_as_it_was_given_in_relative_urls_and_with_another_fragment() {
    let base = address("http://a.example/x?sig='b%27");
    for (url, expected) in [
        ("?sig='c", "http://a.example/x?sig='c"),
        ("/y?d=e'%27", "http://a.example/y?d=e'%27"),
        ("", "http://a.example/x?sig='b%27"),
        ("#f'", "http://a.example/x?sig='b%27#f'"),
        ("#f?'", "http://a.example/x?sig='b%27#f?'"),
        ("/z", "http://a.example/z"),
    ] {
        let mut resolved = Address::resolve(Some(&base), url).unwrap();
        assert_eq!(resolved.as_str(), expected, "{url}");
        resolved.set_fragment(Some("g"));
        let without_fragment = expected.split('#').next().unwrap();
        assert_eq!(resolved.as_str(), format!("{without_fragment}#g"));
        assert_eq!(resolved.without_fragment(), without_fragment);
        resolved.set_fragment(None);
        assert_eq!(resolved.as_str(), without_fragment);
    }
}

#[test]
fn an_origin_is_scheme_host_and_port_whatever_the_spelling() {
    let origin = |url: &str| address(url).origin();
    assert_eq!(origin("https://a.example/x"), Origin { is_secure: true, host: "a.example".to_owned(), port: 443 });
    assert_eq!(origin("https://A.example:443/y?z#q"), origin("https://a.example"));
    assert_ne!(origin("http://a.example"), origin("https://a.example"));
    assert_ne!(origin("https://a.example"), origin("https://a.example:444"));
    assert_ne!(origin("https://a.example"), origin("https://b.a.example"));
}

#[test]
fn a_url_that_cannot_be_requested_says_why() {
    for (url, error) in [
        ("", AddressError::Relative),
        ("/index.html", AddressError::Relative),
        ("example.com/x", AddressError::Relative),
        ("example.com:80/x", AddressError::Scheme("example.com".to_owned())),
        ("file:///etc/passwd", AddressError::Scheme("file".to_owned())),
        ("ws://example.com", AddressError::Scheme("ws".to_owned())),
        ("http://", AddressError::Host),
        ("http://a b/", AddressError::Host),
        ("http://[::g]/", AddressError::Host),
        ("http://example.com:0/", AddressError::Port),
        ("http://example.com:65536/", AddressError::Port),
        ("http://example.com:http/", AddressError::Port),
        ("http://example.com/a\r\nX-Injected: 1", AddressError::Control),
        ("http://example.com/a\0", AddressError::Control),
        ("\thttp://example.com/", AddressError::Control),
    ] {
        assert_eq!(Address::resolve(None, url), Err(error), "{url:?}");
    }
}

#[test]
fn user_and_password_are_taken_out_of_a_url_at_once() {
    let (address, user_info) =
        Address::resolve_with_user_info(None, "https://us%40er:p%3Aw@example.com/x").expect("a URL");
    assert_eq!(format!("{address} {address:?}"), "https://example.com/x \"https://example.com/x\"");
    let user_info = user_info.expect("it has some");
    assert_eq!((user_info.user.as_str(), user_info.password.as_str()), ("us@er", "p:w"));
    assert!(!format!("{user_info:?}").contains("p:w"));
    assert_eq!(Address::resolve_with_user_info(None, "https://example.com/").unwrap().1, None);
}

#[test]
fn a_signed_query_is_sent_byte_for_byte() {
    let signed = "/f?X-Sig=a%2Fb%2B+c==&x=a%zz&y=[1]|{2}^`";
    assert_eq!(address(&format!("https://example.com{signed}")).target(), signed);
}
