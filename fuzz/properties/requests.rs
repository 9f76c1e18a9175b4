//! Property: a server reads all output of `Request::encode` as exactly one request with the parts that the caller passed.
//!
//! Input: one byte for the method, one for the length of the body (255 means unknown), and then the URL and the header lines, separated by
//! FF bytes.

use http_protocol::{Connection, Method, Request, percent_decode};

const HOST: &str = "example.com:8080";

/// Panics if the property does not hold.
pub fn check(data: &[u8]) {
    let [method, body_len, rest @ ..] = data else { return };
    let method = Method::ALL[usize::from(*method) % Method::ALL.len()];
    let parts: Vec<String> =
        rest.split(|&byte| byte == 0xff).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    let headers: Vec<&str> = parts[1..].iter().map(String::as_str).collect();
    let request = Request {
        method,
        url: &parts[0],
        headers: &headers,
        body_length: (*body_len != 255).then_some(u64::from(*body_len)),
        host: HOST,
        user_agent: "fuzz",
        proxy_prefix: "",
    };
    let Ok((head, facts)) = request.encode() else { return };
    Connection::new().begin(facts).expect("a request that was encoded may be sent");
    assert_is_one_request(&request, &head);
}

fn assert_is_one_request(request: &Request<'_>, head: &[u8]) {
    let shown = head.escape_ascii();
    // Every server, even one that accepts bare CR and LF, sees exactly one blank line, at the end.
    let lines: Vec<&[u8]> = head.split(|&byte| byte == b'\n' || byte == b'\r').collect();
    assert_eq!(lines.len(), 2 * (head.iter().filter(|&&byte| byte == b'\n').count()) + 1, "{shown}");
    assert!(head.ends_with(b"\r\n\r\n") && !head[..head.len() - 1].ends_with(b"\n\r\n\r"), "{shown}");
    assert_eq!(head.windows(4).position(|four| four == b"\r\n\r\n"), Some(head.len() - 4), "{shown}");

    let mut slots = vec![httparse::EMPTY_HEADER; request.headers.len() + 4];
    let mut parsed = httparse::Request::new(&mut slots);
    assert_eq!(parsed.parse(head), Ok(httparse::Status::Complete(head.len())), "{shown}");
    assert_eq!((parsed.method, parsed.version), (Some(request.method.as_str()), Some(1)), "{shown}");
    assert_target(request, parsed.path.expect("a complete request has a target"));
    assert_headers(request, parsed.headers, &shown.to_string());
}

fn assert_target(request: &Request<'_>, target: &str) {
    assert!(!target.is_empty() && target.bytes().all(|byte| byte.is_ascii_graphic()), "{target:?}");
    let url = match request.method {
        Method::Connect => request.url,
        _ => request.url.split_once('#').map_or(request.url, |(before, _)| before),
    };
    let sent = percent_decode(target);
    let asked = percent_decode(&without_user_info(url));
    let is_alike = sent == asked || sent.strip_prefix(b"/") == Some(&asked[..]);
    assert!(is_alike, "{:?} was sent as {target:?}", request.url);
}

/// Removes user and password from an absolute URL. They are not sent.
fn without_user_info(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|_| url.starts_with(['h', 'H'])) else { return url.into() };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn assert_headers(request: &Request<'_>, received: &[httparse::Header<'_>], shown: &str) {
    let given: Vec<(&str, &[u8])> = request
        .headers
        .iter()
        .map(|line| line.split_once(':').expect("a line without a colon is refused"))
        .map(|(name, value)| (name, value.trim_matches([' ', '\t']).as_bytes()))
        .collect();
    let mut expected = given.iter().peekable();
    for header in received {
        expected.next_if(|(name, value)| *name == header.name && *value == header.value);
    }
    assert_eq!(expected.next(), None, "a header is not there, or not in its place: {shown}");

    let named =
        |name: &str| received.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).collect::<Vec<_>>();
    assert_eq!(named("Host").len(), 1, "{shown}");
    match (&named("Transfer-Encoding")[..], request.body_length) {
        ([], Some(_)) => {}
        ([header], None) => assert_eq!(header.value, b"chunked", "{shown}"),
        _ => panic!("one of length and coding: {shown}"),
    }
    match named("Content-Length")[..] {
        [] => assert!(request.body_length.is_none_or(|length| length == 0), "{shown}"),
        [header] => {
            let digits = std::str::from_utf8(header.value).expect("digits");
            assert!(digits.bytes().all(|byte| byte.is_ascii_digit()), "{shown}");
            assert_eq!(digits.parse().ok(), request.body_length, "{shown}");
        }
        _ => panic!("two lengths: {shown}"),
    }
    let added = ["Host", "Content-Length", "Transfer-Encoding", "User-Agent", "Accept"];
    let others = received.iter().filter(|header| !added.iter().any(|name| header.name.eq_ignore_ascii_case(name)));
    let given = given.iter().filter(|(given, _)| !added.iter().any(|name| given.eq_ignore_ascii_case(name)));
    assert_eq!(others.count(), given.count(), "a header that nobody gave: {shown}");
}
