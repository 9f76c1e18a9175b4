//! Tests the exact bytes of requests, and the exact messages of refusals.
#![allow(missing_docs)]

use http_protocol::{CallerError, Method, Request};

const AUTOMATIC: &str = "User-Agent: test\r\nAccept: */*\r\n\r\n";

fn plain<'a>(method: Method, url: &'a str, headers: &'a [&'a str], body_len: u64) -> Request<'a> {
    Request {
        method,
        url,
        headers,
        body_length: Some(body_len),
        host: "example.com:81",
        user_agent: "test",
        proxy_prefix: "",
    }
}

fn encoded(request: &Request<'_>) -> String {
    let (head, _) = request.encode().unwrap_or_else(|error| panic!("{request:?}: {error}"));
    String::from_utf8(head).expect("a head is text")
}

fn lines(request: &Request<'_>) -> Vec<String> {
    let head = encoded(request);
    head.strip_suffix("\r\n\r\n").expect("a blank line").split("\r\n").map(str::to_owned).collect()
}

fn refusal(request: &Request<'_>) -> CallerError {
    request.encode().expect_err(&format!("{request:?} must be refused"))
}

#[test]
fn a_plain_request_has_host_user_agent_and_accept_and_nothing_else() {
    let head = encoded(&plain(Method::Get, "/index.html", &[], 0));
    assert_eq!(head, format!("GET /index.html HTTP/1.1\r\nHost: example.com:81\r\n{AUTOMATIC}"));
}

#[test]
fn every_method_is_sent_by_its_name() {
    for method in Method::ALL {
        let url = if method == Method::Connect { "example.com:443" } else { "/" };
        let head = encoded(&plain(method, url, &[], 0));
        assert!(head.starts_with(&format!("{} {url} HTTP/1.1\r\n", method.as_str())), "{head:?}");
    }
}

#[test]
fn the_callers_lines_go_out_as_they_are_in_their_order_behind_the_host() {
    let given = ["x-Odd-CASE:  spaced \t", "X-Empty:", "X: ü€", "x-odd-case: again", "A:b"];
    let sent = lines(&plain(Method::Get, "/", &given, 0));
    assert_eq!(sent[1], "Host: example.com:81");
    assert_eq!(sent[2..7], given);
}

#[test]
fn each_automatic_header_is_left_out_if_the_caller_gives_it_in_any_spelling() {
    for given in ["Host: other", "host:", "USER-AGENT: mine", "user-agent:", "accept: text/html", "Content-Length: 3"] {
        let sent = lines(&plain(Method::Post, "/", &[given], 3));
        let name = given.split(':').next().unwrap();
        let same_name = sent[1..].iter().filter(|line| line.split(':').next().unwrap().eq_ignore_ascii_case(name));
        assert_eq!(same_name.collect::<Vec<_>>(), [given]);
        assert_eq!(sent.len(), 5, "{sent:?}");
    }
}

#[test]
fn an_empty_user_agent_is_not_sent() {
    let request = Request { user_agent: "", ..plain(Method::Get, "/", &[], 0) };
    assert_eq!(encoded(&request), "GET / HTTP/1.1\r\nHost: example.com:81\r\nAccept: */*\r\n\r\n");
}

#[test]
fn the_length_is_said_where_there_is_a_body_or_one_is_expected() {
    for (method, body_len, said) in [
        (Method::Get, 0, None),
        (Method::Head, 0, None),
        (Method::Delete, 0, None),
        (Method::Options, 0, None),
        (Method::Trace, 0, None),
        (Method::Post, 0, Some("Content-Length: 0")),
        (Method::Put, 0, Some("Content-Length: 0")),
        (Method::Patch, 0, Some("Content-Length: 0")),
        (Method::Get, 7, Some("Content-Length: 7")),
        (Method::Delete, 7, Some("Content-Length: 7")),
        (Method::Post, u64::MAX, Some("Content-Length: 18446744073709551615")),
    ] {
        let sent = lines(&plain(method, "/", &[], body_len));
        let found = sent.iter().find(|line| line.starts_with("Content-Length")).map(String::as_str);
        assert_eq!(found, said, "{method:?} with {body_len} bytes");
    }
}

#[test]
fn a_content_length_that_agrees_is_sent_as_it_was_given() {
    for (given, body_len) in [("content-length:5", 5), ("Content-Length: \t5 ", 5), ("Content-Length: 0", 0)] {
        let sent = lines(&plain(Method::Get, "/", &[given], body_len));
        assert_eq!(sent.iter().filter(|line| line.to_ascii_lowercase().starts_with("content-length")).count(), 1);
        assert!(sent.contains(&given.to_owned()), "{sent:?}");
    }
}

#[test]
fn an_origin_gets_the_path_and_a_proxy_the_whole_url() {
    for (prefix, url, target) in [
        ("", "/a?b=c#d", "/a?b=c"),
        ("", "a/ü", "/a/%C3%BC"),
        ("http://example.com:81", "/a b", "http://example.com:81/a%20b"),
        ("http://example.com:81", "", "http://example.com:81/"),
        ("http://example.com:81", "http://other/x", "http://other/x"),
        ("", "HTTP://other:82", "HTTP://other:82"),
    ] {
        let request = Request { proxy_prefix: prefix, ..plain(Method::Get, url, &[], 0) };
        assert_eq!(lines(&request)[0], format!("GET {target} HTTP/1.1"), "{url:?}");
    }
}

#[test]
fn connect_names_the_tunnels_end_as_its_target_and_host() {
    let head = encoded(&plain(Method::Connect, "[::1]:443", &[], 0));
    assert_eq!(head, format!("CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n{AUTOMATIC}"));
}

/// RFC 9112 §3.2: if the target URI has an authority, `Host` is identical to it.
#[test]
fn an_absolute_url_names_the_host() {
    for (url, host) in [("http://other:82/x", "Host: other:82"), ("http://user:secret@other/", "Host: other")] {
        assert_eq!(lines(&plain(Method::Get, url, &[], 0))[1], host, "{url:?}");
    }
}

#[test]
fn the_asterisk_asks_about_the_server() {
    assert_eq!(lines(&plain(Method::Options, "*", &[], 0))[0], "OPTIONS * HTTP/1.1");
}

/// RFC 9112 §3.2.4: the last proxy converts a URL without a path to the asterisk.
#[test]
fn a_proxy_is_asked_about_the_server_by_a_url_without_a_path() {
    let through = Request { proxy_prefix: "http://example.com:81", ..plain(Method::Options, "*", &[], 0) };
    assert_eq!(lines(&through)[..2], ["OPTIONS http://example.com:81 HTTP/1.1", "Host: example.com:81"]);
}

#[test]
fn a_header_that_may_not_be_sent_is_refused_with_its_name_and_the_reason() {
    for (line, shown, problem) in [
        ("no colon", "a header of 8 characters", "has no colon"),
        ("", "a header of 0 characters", "has no colon"),
        (": value", "the header \"\"", "has no name"),
        ("Na me: value", "the header \"Na …\"", "has a character in its name that is not allowed there"),
        ("Name : value", "the header \"Name\"", "has a character in its name that is not allowed there"),
        (" Name: value", "the header \"Name\"", "has a character in its name that is not allowed there"),
        ("Näme: value", "the header \"N\\xc3\\xa4me\"", "has a character in its name that is not allowed there"),
        ("GET / HTTP/1.1: x", "the header \"GET …\"", "has a character in its name that is not allowed there"),
        ("A: b\r\nC: d", "the header \"A\"", "contains a line break or a NUL character"),
        ("A: b\rC", "the header \"A\"", "contains a line break or a NUL character"),
        ("A: b\n", "the header \"A\"", "contains a line break or a NUL character"),
        ("A\n: b", "the header \"A\"", "contains a line break or a NUL character"),
        ("A: b\0", "the header \"A\"", "contains a line break or a NUL character"),
        ("A: \u{1}", "the header \"A\"", "contains a control character"),
        ("A: \u{7f}", "the header \"A\"", "contains a control character"),
        ("\u{1b}A: b", "the header \"\\x1bA\"", "contains a control character"),
    ] {
        let error = refusal(&plain(Method::Get, "/", &["Good: one", line], 0));
        assert_eq!(error, CallerError::Header { which: shown.to_owned(), problem });
        assert_eq!(error.to_string(), format!("{shown} {problem}; write it as \"Name: value\""));
    }
}

#[test]
fn a_transfer_coding_of_the_callers_is_to_be_left_out() {
    for line in ["Transfer-Encoding: chunked", "transfer-encoding:"] {
        let error = refusal(&plain(Method::Get, "/", &["Good: one", line], 0));
        assert_eq!(error, CallerError::TransferEncoding);
        assert!(error.to_string().contains("leave it out"), "{error}");
    }
}

#[test]
fn a_message_shows_no_value_of_a_header_nor_a_password() {
    for header in
        ["Authorization: Bearer s3cret\n", "Cookie: a=s3cret\u{1}", "Authorization Bearer s3cret", ":s3cret", "s3cret"]
    {
        let error = refusal(&plain(Method::Get, "/", &[header], 0));
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
    for url in ["ftp://user:s3cret@host/", "http://user:s3cret@host/\n"] {
        let error = refusal(&plain(Method::Get, url, &[], 0));
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }
}

#[test]
fn every_part_is_checked_as_the_headers_are() {
    for text in ["a\r\nX: y", "a\nX: y", "a\rX", "a\0", "a\u{1}", "a\u{7f}"] {
        let proxy_prefix = format!("http://{text}");
        for (part, request) in [
            ("host", Request { host: text, ..plain(Method::Get, "/", &[], 0) }),
            ("host", Request { host: text, ..plain(Method::Get, "/", &["Host: own"], 0) }),
            ("user agent", Request { user_agent: text, ..plain(Method::Get, "/", &[], 0) }),
            ("URL for the proxy", Request { proxy_prefix: &proxy_prefix, ..plain(Method::Get, "/", &[], 0) }),
        ] {
            let message = refusal(&request).to_string();
            assert!(message.starts_with(&format!("the {part} \"")), "{message}");
            assert!(message.ends_with("\" contains a character that is not allowed there; leave it out"), "{message}");
            assert!(!message.contains(['\r', '\n', '\0', '\u{1}', '\u{7f}']), "{message}");
        }
    }
    for host in ["a b", "a/b", "user@host", "h\u{f6}st", "a\"b", "a#b", "a?b"] {
        refusal(&Request { host, ..plain(Method::Get, "/", &[], 0) });
    }
    for host in ["", "localhost", "a_b.example:81", "[fe80::1%25eth0]:80", "xn--bcher-kva.example."] {
        encoded(&Request { host, user_agent: "Spiel/1.0 (\u{e4}\u{1f600}\t)", ..plain(Method::Get, "/", &[], 0) });
    }
}

#[test]
fn a_header_that_decides_where_a_message_goes_or_ends_is_given_once() {
    for (headers, name) in
        [(["Host: a", "HOST: a"], "Host"), (["Content-Length: 0", "content-length: 0"], "Content-Length")]
    {
        let error = refusal(&plain(Method::Get, "/", &headers, 0));
        assert_eq!(error.to_string(), format!("the header {name} was given more than once; give it once"));
    }
}

#[test]
fn a_content_length_that_contradicts_the_body_is_refused() {
    for said in ["4", "6", "+5", "5, 5", "5 5", "0x5", "", "five", "-1", "99999999999999999999"] {
        let header = format!("Content-Length: {said}");
        let error = refusal(&plain(Method::Post, "/", &[&header], 5));
        assert_eq!(
            error.to_string(),
            format!(
                "the header says Content-Length: {said}, but the body has 5 bytes; leave it out, and it is set \
                 automatically"
            )
        );
    }
}

#[test]
fn a_body_with_a_method_that_has_none_is_refused() {
    for (method, url) in [(Method::Trace, "/"), (Method::Connect, "example.com:443")] {
        let error = refusal(&plain(method, url, &[], 1));
        let name = method.as_str();
        assert_eq!(error.to_string(), format!("a {name} request cannot have a body; send it without one"));
    }
}

#[test]
fn a_url_with_a_control_character_is_refused_whatever_the_method() {
    for url in ["/a\r\nX: y", "/\n", "/\0", "/\t", "/\u{7f}", "host\r:80", "/ok#\n"] {
        for method in [Method::Get, Method::Connect, Method::Options] {
            let error = refusal(&plain(method, url, &[], 0));
            assert_eq!(
                error.to_string(),
                format!("the URL {url:?} contains a control character; percent-encode it or leave it out")
            );
        }
    }
}

#[test]
fn a_url_that_cannot_be_requested_is_refused_with_what_is_expected() {
    let path = "a path such as \"/index.php\", or an http:// or https:// URL for a proxy";
    for (method, url, expected) in [
        (Method::Get, "ftp://host/x", path),
        (Method::Get, "http://", "a host after the scheme"),
        (Method::Get, "https:///x", "a host after the scheme"),
        (Method::Get, "http://?x", "a host after the scheme"),
        (Method::Get, "http://#x", "a host after the scheme"),
        (Method::Connect, "/path", "host:port for CONNECT"),
        (Method::Connect, "host", "host:port for CONNECT"),
        (Method::Connect, "host:99999", "host:port for CONNECT"),
        (Method::Connect, "http://host:80", "host:port for CONNECT"),
        (Method::Connect, "user@host:80", "host:port for CONNECT"),
    ] {
        let message = refusal(&plain(method, url, &[], 0)).to_string();
        assert!(message.starts_with("the URL \"") && message.ends_with(&format!("expected {expected}")), "{message}");
    }
}
