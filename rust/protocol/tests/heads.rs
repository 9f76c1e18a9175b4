//! Tests heads that break the rules: which are accepted, what is read from them, and which are refused.
#![allow(missing_docs)]

mod support;

use http_protocol::{Connection, Head, HeadStep, Method, PeerError};
use support::{Delivery, receive, receive_every_way, started};

fn head(reply: &str) -> Result<Head, PeerError> {
    let mut connection: Connection = started(Method::Get, &["Upgrade: any"]);
    match connection.read_head(reply.as_bytes())? {
        HeadStep::Head { head, .. } => Ok(head),
        HeadStep::NeedMore { .. } => panic!("all of it is there: {reply:?}"),
    }
}

fn with_field(field: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{field}\r\nContent-Length: 5\r\n\r\nhello")
}

#[test]
fn the_debug_form_of_a_head_has_names_and_lengths_and_no_value() {
    let head = head("HTTP/1.1 200 secret\r\nSet-Cookie: secret\r\nX:\r\nsecret secret: 1\r\n\r\n").unwrap();
    let shown = format!("{head:?}");
    assert_eq!(
        shown,
        "Head { status: 200, fields: [Set-Cookie (6 bytes), X (0 bytes), a malformed field of 16 bytes], .. }"
    );
    assert_eq!(format!("{:?}", head.fields.iter().next().unwrap()), "Set-Cookie (6 bytes)");
}

#[test]
fn a_malformed_field_is_kept_as_it_came_and_costs_the_connection_only() {
    for (field, name, value) in [
        ("Set-Cookie: a=\u{1}b; path=/", "Set-Cookie", "a=\u{1}b; path=/"),
        ("X: a\u{7f}\u{b}", "X", "a\u{7f}\u{b}"),
        ("Access-Control-Allow-Credentials : true", "Access-Control-Allow-Credentials", "true"),
        ("X\t \t:\ta\t", "X", "a"),
        ("Set -Cookie: a=b", "Set -Cookie", "a=b"),
        ("PHP Warning:  Undefined index: x in /a.php", "PHP Warning", "Undefined index: x in /a.php"),
        ("X(y): a", "X(y)", "a"),
        ("X\u{e9}: a", "X\u{e9}", "a"),
        ("X : ", "X", ""),
        ("X : a\r\n\tb", "X", "a b"),
        ("X: a\u{1}\r\n b", "X", "a\u{1} b"),
        ("Content-Lengths : 7", "Content-Lengths", "7"),
    ] {
        let head = head(&with_field(field)).unwrap_or_else(|error| panic!("{field:?}: {error}"));
        assert_eq!(head.fields.len(), 2, "{field:?}");
        let kept = head.fields.iter().next().expect("two fields");
        assert_eq!((&*kept.name(), &*kept.value()), (name, value), "{field:?}");
        assert_eq!(head.fields.named(name).count(), 1, "{field:?}");
        if !field.contains('\n') {
            assert_eq!(kept.line(), field.trim_end_matches([' ', '\t']), "the line is the server's");
        }
        let outcome = receive_every_way(Method::Get, with_field(field).as_bytes(), false);
        assert!(outcome.accepted() && !outcome.reusable, "{field:?}: {outcome:?}");
        assert_eq!(outcome.body, b"hello");
    }
    let latin1 = [&b"HTTP/1.1 200 OK\r\nX\xe9: \x1b\xff\r\nContent-Length: 0\r\n\r\n"[..]].concat();
    let outcome = receive(Method::Get, &Delivery::whole(&latin1, false));
    assert_eq!(outcome.fields[0], ("X\u{e9}".to_owned(), b"\x1b\xff".to_vec()));
}

#[test]
fn a_malformed_field_that_may_decide_framing_or_connection_is_an_error() {
    for name in ["Content-Length", "Transfer-Encoding", "Connection", "Upgrade"] {
        let (first, last) = name.split_at(3);
        for field in [
            format!("{name} : 5"),
            format!("{name}\t: chunked"),
            format!("{first} {last}: close"),
            format!("{}\u{b}: 5", name.to_ascii_uppercase()),
            format!("{first}\u{1}{last}: 5"),
            format!("{name}: 5\u{1}"),
            format!("{name}: chunked\u{7f}"),
            format!("{name}:\u{c}close"),
        ] {
            let reply = format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\nhello");
            assert!(matches!(head(&reply), Err(PeerError::Field { .. })), "{field:?}");
            let outcome = receive_every_way(Method::Get, reply.as_bytes(), true);
            assert_eq!(outcome.status, None, "{field:?}");
        }
    }
}

#[test]
fn a_malformed_length_passes_only_beside_a_well_formed_one_that_says_the_same() {
    for (field, accepted) in [
        ("Content -Length: 5", true),
        ("Content-Length : 5", true),
        ("Content -Length: 4", false),
        ("Content-Length : 05", false),
        ("Content -Length:\r\n 5", false),
        ("Content-Length: 5\u{1}", false),
    ] {
        let outcome = receive_every_way(Method::Get, with_field(field).as_bytes(), false);
        assert_eq!((outcome.accepted(), outcome.reusable), (accepted, false), "{field:?}");
    }
    let chunked = "HTTP/1.1 200 OK\r\nContent -Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert!(head(chunked).is_err());
}

#[test]
fn what_is_no_field_at_all_is_an_error() {
    for field in
        ["nocolon", ": a", " : a", "\t: a", " X: a", "X: a\0", "X\0: a", "X: a\rb", "X: a\r\r", "X\r: a", "X\r\n : a"]
    {
        assert!(matches!(head(&with_field(field)), Err(PeerError::Field { .. })), "{field:?}");
    }
}

#[test]
fn a_trailer_has_none_of_the_leniency_of_heads() {
    for trailer in ["X : a", "X y: a", "X: \u{1}", " X: a", "nocolon", ": a"] {
        let reply = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{trailer}\r\n\r\n");
        let error = receive(Method::Get, &Delivery::whole(reply.as_bytes(), false)).error;
        assert!(matches!(error, Some(PeerError::Field { .. })), "{trailer:?}: {error:?}");
    }
}

#[test]
fn a_malformed_field_of_an_interim_response_costs_the_connection_too() {
    let reply = format!("HTTP/1.1 103 Early\r\nLink : x\r\n\r\n{}", with_field("X: y"));
    let outcome = receive_every_way(Method::Get, reply.as_bytes(), false);
    assert!(outcome.accepted() && !outcome.reusable, "{outcome:?}");
}

/// RFC 9110 §6.2.
#[test]
fn a_greater_minor_version_is_read_as_1_1() {
    for minor in 1..=9 {
        let reply = format!("HTTP/1.{minor} 200 OK\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(head(&reply).map(|head| head.minor_version), Ok(1));
        assert!(receive_every_way(Method::Get, reply.as_bytes(), false).reusable, "1.{minor}");
    }
    for version in ["1.10", "1.", "1.x", "1", "2.0", "0.9", "1.1 "] {
        assert!(head(&format!("HTTP/{version} 200 OK\r\n\r\n")).is_err(), "{version}");
    }
}

#[test]
fn a_status_line_is_version_code_and_reason() {
    for (line, status, reason) in [
        ("HTTP/1.1 200", 200, ""),
        ("HTTP/1.1 200 ", 200, ""),
        ("HTTP/1.1 999 Not\tquite  it", 999, "Not\tquite  it"),
        ("HTTP/1.0 100\u{20}\u{e9}", 100, ""),
    ] {
        let reply = format!("{line}\r\n\r\n").replace("100", "600");
        let head = head(&reply).unwrap();
        assert_eq!((head.status, head.reason.as_str()), (if status == 100 { 600 } else { status }, reason), "{line:?}");
    }
    for line in [
        "HTTP/1.1  200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 200OK",
        "HTTP/1.1 099",
        "HTTP/1.1 +20",
        "HTTP/1.1 200\tOK",
        "HTTP/1.1 200 O\u{1}K",
        "HTTP/1.1 200 O\rK",
        "HTTP/1.1",
        "HTTP/1.1 ",
    ] {
        assert!(matches!(head(&format!("{line}\r\n\r\n")), Err(PeerError::StatusLine { .. })), "{line:?}");
    }
}

#[test]
fn empty_list_elements_are_ignored_but_for_lengths() {
    for (fields, body, reusable) in [
        ("Transfer-Encoding: , chunked ,,", "5\r\nhello\r\n0\r\n\r\n", true),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding:", "5\r\nhello\r\n0\r\n\r\n", true),
        ("Transfer-Encoding: chunked, identity", "5\r\nhello\r\n0\r\n\r\n", false),
        ("Transfer-Encoding: identity, chunked", "5\r\nhello\r\n0\r\n\r\n", true),
        ("Transfer-Encoding:\r\nContent-Length: 5", "hello", false),
        ("Connection: , keep-alive\r\nContent-Length: 5", "hello", true),
        ("Connection: ,close,\r\nContent-Length: 5", "hello", false),
    ] {
        let reply = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}");
        let outcome = receive_every_way(Method::Get, reply.as_bytes(), false);
        assert_eq!((outcome.body.as_slice(), outcome.reusable), (&b"hello"[..], reusable), "{fields:?}");
    }
    for fields in [
        "Content-Length:",
        "Content-Length: ,",
        "Content-Length: ,5",
        "Content-Length: 5,",
        "Content-Length: 5, 6",
        "Content-Length: 5 5",
    ] {
        assert!(head(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\nhello")).is_err(), "{fields:?}");
    }
}

/// Everything that `httparse` accepts with its strict defaults is accepted, with the same result.
#[test]
fn what_a_strict_parser_takes_is_read_as_it_does() {
    let mut compared = 0;
    for field in ["A: b", "A:b", "A:  b \t", "A:", "a-b!#$%&'*+.^_`|~9: \u{e9}\tc", "A: b: c", "A: \"q\""] {
        for end in ["\r\n", "\n"] {
            let reply = format!("HTTP/1.1 200 OK{end}{field}{end}Last: 1{end}{end}");
            let mut slots = [httparse::EMPTY_HEADER; 4];
            let mut strict = httparse::Response::new(&mut slots);
            assert_eq!(strict.parse(reply.as_bytes()), Ok(httparse::Status::Complete(reply.len())));
            let ours = head(&reply).unwrap();
            let theirs: Vec<_> = strict.headers.iter().map(|field| (field.name, field.value.trim_ascii())).collect();
            let names: Vec<_> = ours.fields.iter().map(|field| field.name().into_owned()).collect();
            let read = names.iter().map(String::as_str).zip(ours.fields.iter().map(|field| field.value_bytes()));
            assert_eq!(read.collect::<Vec<_>>(), theirs);
            compared += 1;
        }
    }
    assert_eq!(compared, 14);
}
