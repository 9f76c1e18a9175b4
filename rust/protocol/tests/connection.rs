//! Tests the states of a connection: which exchanges allow another request, and which do not.
#![allow(missing_docs)]

mod support;

use http_protocol::{BodyStep, Connection, Framing, Head, HeadStep, Method, Over, PeerError, limits};
use support::{Delivery, receive, receive_on, started};

const PLAIN: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Reads a complete head, and leaves the following bytes in `input`.
fn head(connection: &mut Connection, input: &mut &[u8]) -> (Head, Framing) {
    match connection.read_head(input) {
        Ok(HeadStep::Head { skip, head, framing }) => {
            *input = &input[skip..];
            (head, framing)
        }
        other => panic!("{:?}: {other:?}", input.escape_ascii().to_string()),
    }
}

/// Returns the connection after `reply` to a request with this method and these headers, before the server ends it.
fn after(method: Method, headers: &[&str], reply: &[u8]) -> Connection {
    let mut connection = started(method, headers);
    receive_on(&mut connection, &Delivery::whole(reply, false));
    connection
}

fn error(method: Method, reply: &[u8], then_end: bool) -> PeerError {
    let outcome = receive(method, &Delivery::whole(reply, then_end));
    outcome.error.unwrap_or_else(|| panic!("{:?} must be an error", reply.escape_ascii().to_string()))
}

fn begin(connection: &mut Connection) -> Result<(), String> {
    connection.begin(Default::default()).map_err(|error| error.to_string())
}

#[test]
fn a_complete_response_leaves_the_connection_to_the_next_request_unless_its_head_rules_that_out() {
    for (reply, over) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", None),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", None),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", None),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", None),
        ("HTTP/1.1 204 No Content\r\n\r\n", None),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", None),
        ("HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", None),
        ("HTTP/1.0 200 OK\r\nConnection: foo, keep-alive\r\nContent-Length: 0\r\n\r\n", None),
        ("HTTP/1.1 200 OK\r\nConnection: closed\r\nContent-Length: 0\r\n\r\n", None),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", Some(Over::NotKeptAlive)),
        ("HTTP/1.1 200 OK\r\nconnection: keep-alive , CLOSE\r\nContent-Length: 0\r\n\r\n", Some(Over::NotKeptAlive)),
        (
            "HTTP/1.1 200 OK\r\nConnection: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            Some(Over::NotKeptAlive),
        ),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", Some(Over::NotKeptAlive)),
        ("HTTP/1.0 204 No Content\r\n\r\n", Some(Over::NotKeptAlive)),
        (
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Some(Over::NotKeptAlive),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Some(Over::NotKeptAlive),
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!", Some(Over::Unsolicited)),
        ("HTTP/1.1 204 No Content\r\n\r\n\n", Some(Over::Unsolicited)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n0", Some(Over::Unsolicited)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", Some(Over::Unsolicited)),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\nX", Some(Over::NotKeptAlive)),
    ] {
        let mut connection = after(Method::Get, &[], reply.as_bytes());
        assert_eq!(connection.over(), over, "{reply:?}");
        assert_eq!(connection.is_idle(), over.is_none(), "{reply:?}");
        assert_eq!(begin(&mut connection).is_ok(), over.is_none(), "{reply:?}");
    }
}

#[test]
fn one_connection_serves_many_requests() {
    let mut connection = Connection::new();
    for round in 0..100u32 {
        begin(&mut connection).expect("idle");
        let body = format!("round {round}");
        let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let outcome = receive_on(&mut connection, &Delivery::whole(reply.as_bytes(), false));
        assert_eq!((outcome.body, outcome.reusable), (body.into_bytes(), true));
    }
}

#[test]
fn a_request_is_refused_while_another_one_runs() {
    let mut connection = started(Method::Get, &[]);
    assert_eq!(begin(&mut connection).unwrap_err(), "a request is already on its way; wait for its response");
    let mut input = PLAIN;
    head(&mut connection, &mut input);
    assert_eq!(begin(&mut connection).unwrap_err(), "the last response has not been read to its end; read it first");
    assert_eq!(connection.next_body(input, 9, 9), Ok(BodyStep::Data { skip: 0, len: 5 }));
    assert_eq!(connection.next_body(b"", 9, 9), Ok(BodyStep::Done { skip: 0 }));
    assert_eq!(begin(&mut connection), Ok(()));
}

#[test]
fn a_refused_request_changes_nothing() {
    let mut connection = started(Method::Head, &[]);
    begin(&mut connection).unwrap_err();
    let outcome = receive_on(&mut connection, &Delivery::whole(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false));
    assert!(outcome.complete && outcome.reusable, "still the response to HEAD: {outcome:?}");
}

#[test]
fn a_request_on_a_connection_that_is_over_is_refused_with_the_reason() {
    let mut ended_idle = Connection::new();
    ended_idle.end(b"").unwrap();
    let mut abandoned = Connection::new();
    abandoned.abandon_request();
    let mut until_close = after(Method::Get, &[], b"HTTP/1.1 200 OK\r\n\r\nhello");
    until_close.end(b"").unwrap();
    for (mut connection, over, reason) in [
        (
            after(Method::Get, &[], b"HTTP/1.0 204 None\r\n\r\n"),
            Over::NotKeptAlive,
            "the server does not keep the connection open after its last response",
        ),
        (until_close, Over::EndedWithBody, "the last response ended with the connection"),
        (ended_idle, Over::EndedIdle, "the server closed the idle connection"),
        (
            after(Method::Get, &[], &[PLAIN, b"X"].concat()),
            Over::Unsolicited,
            "the server sent bytes that answer no request",
        ),
        (after(Method::Get, &[], b"SSH-2.0\r\n"), Over::Failed, "the connection failed"),
        (abandoned, Over::Abandoned, "the last request was not sent completely"),
    ] {
        assert_eq!(connection.over(), Some(over));
        assert_eq!(begin(&mut connection).unwrap_err(), format!("{reason}; connect again"));
        assert_eq!(connection.end(b""), Ok(()), "its end is no news");
        assert_eq!(connection.over(), Some(over), "and no other reason");
    }
}

#[test]
fn interim_responses_are_skipped_with_their_fields_and_have_no_body() {
    for status in [100, 102, 103, 150, 199] {
        let reply = format!(
            "HTTP/1.1 {status} Wait\r\nContent-Length: 7\r\nConnection: close\r\nX: interim\r\n\r\nHTTP/1.1 103 Early\r\n\
             Transfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        );
        let outcome = receive(Method::Get, &Delivery::whole(reply.as_bytes(), false));
        assert_eq!(outcome.status, Some(200), "{status}");
        assert_eq!(outcome.fields, [("Content-Length".to_owned(), b"2".to_vec())]);
        assert_eq!((outcome.body, outcome.reusable), (b"ok".to_vec(), true));
    }
}

#[test]
fn a_body_of_more_bytes_than_can_be_counted_is_counted_to_the_most() {
    let mut connection = after(Method::Get, &[], b"HTTP/1.1 200 OK\r\n\r\n");
    assert_eq!(connection.direct(0), limits::BODY_BYTES);
    connection.advance(usize::MAX);
    connection.advance(usize::MAX);
    assert_eq!(connection.direct(0), 0);
}

#[test]
fn a_switch_of_protocols_must_have_been_asked_for() {
    let reply = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nContent-Length: 3\r\n\r\nraw";
    assert_eq!(error(Method::Get, reply, false), PeerError::UnaskedUpgrade);

    let mut connection = started(Method::Get, &["upgrade: echo"]);
    let mut input = &reply[..];
    let (head, framing) = head(&mut connection, &mut input);
    assert_eq!((head.status, framing, input), (101, Framing::Switched, &b"raw"[..]));
    assert!(connection.is_switched() && !connection.is_idle() && connection.over().is_none());
    assert_eq!(
        begin(&mut connection).unwrap_err(),
        "the connection now uses another protocol; connect again",
        "no second request"
    );
}

#[test]
fn a_server_may_answer_a_request_for_an_upgrade_without_one() {
    let connection = after(Method::Get, &["Upgrade: echo"], PLAIN);
    assert!(connection.is_idle());
}

#[test]
fn connect_opens_a_tunnel_only_if_it_succeeds() {
    for reply in ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 299 X\r\nTransfer-Encoding: x\r\n\r\n"] {
        assert!(after(Method::Connect, &[], reply.as_bytes()).is_switched(), "{reply:?}");
    }
    let refused = b"HTTP/1.1 407 Authenticate\r\nContent-Length: 2\r\n\r\nno";
    let outcome = receive(Method::Connect, &Delivery::whole(refused, false));
    assert_eq!((outcome.status, outcome.body, outcome.reusable), (Some(407), b"no".to_vec(), true));
}

/// RFC 9110 §9.3.6: any 2xx response switches to tunnel mode.
#[test]
fn connect_opens_a_tunnel_with_204_too() {
    assert!(after(Method::Connect, &[], b"HTTP/1.1 204 No Content\r\n\r\n").is_switched());
}

#[test]
fn a_response_to_head_has_an_empty_body_whatever_it_announces() {
    for fields in ["Content-Length: 5", "Transfer-Encoding: chunked", "X: y", "Content-Length: 1\r\nContent-Length: 2"]
    {
        let reply = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
        let mut connection = started(Method::Head, &[]);
        let mut input = reply.as_bytes();
        assert_eq!(head(&mut connection, &mut input).1, Framing::Length(0));
        assert!(connection.is_in_body(), "it is read like any other");
        assert_eq!(connection.next_body(b"", 9, 9), Ok(BodyStep::Done { skip: 0 }));
        assert!(connection.is_idle(), "{fields:?}");
    }
}

/// Godot's `HTTPClient` considers only the fields, and scripts that finish in STATUS_BODY rely on that.
#[test]
fn a_response_that_never_has_a_body_is_an_empty_one_if_its_fields_speak_of_one() {
    const ENDED: Option<Over> = Some(Over::EndedWithBody);
    for (fields, expected, over) in [
        ("", Framing::None, None),
        ("X: y\r\nConnection: keep-alive\r\n", Framing::None, None),
        ("Content-Length: 0\r\n", Framing::Length(0), None),
        ("Content-Length: 1000\r\n", Framing::Length(0), None),
        ("Content-Length: nonsense\r\n", Framing::Length(0), None),
        ("Transfer-Encoding: chunked\r\n", Framing::Empty { ends: false }, None),
        ("Connection: x, Close\r\n", Framing::Empty { ends: true }, ENDED),
        ("Connection: close\r\nContent-Length: 0\r\n", Framing::Length(0), Some(Over::NotKeptAlive)),
        (
            "Connection: close\r\nTransfer-Encoding: chunked\r\n",
            Framing::Empty { ends: false },
            Some(Over::NotKeptAlive),
        ),
    ] {
        for status in [204, 304] {
            let reply = format!("HTTP/1.1 {status} X\r\n{fields}\r\n");
            let mut connection = started(Method::Get, &[]);
            let mut input = reply.as_bytes();
            assert_eq!(head(&mut connection, &mut input).1, expected, "{fields:?}");
            assert_eq!(connection.is_in_body(), expected != Framing::None, "{fields:?}");
            assert_eq!((connection.direct(9), connection.ends_with_connection()), (0, false), "{fields:?}");
            assert_eq!(connection.next_body(b"", 9, 9), Ok(BodyStep::Done { skip: 0 }));
            assert_eq!(connection.over(), over, "{fields:?}");
        }
    }
}

#[test]
fn a_205_has_the_body_that_its_fields_announce() {
    for (fields, framing) in [
        ("Content-Length: 5\r\n", Framing::Length(5)),
        ("Transfer-Encoding: chunked\r\n", Framing::Chunked),
        ("Connection: close\r\n", Framing::UntilClose),
    ] {
        let reply = format!("HTTP/1.1 205 Reset Content\r\n{fields}\r\n");
        assert_eq!(head(&mut started(Method::Get, &[]), &mut reply.as_bytes()).1, framing);
    }
}

/// RFC 9112 §9.6.
#[test]
fn a_request_that_says_close_is_the_last() {
    for header in ["Connection: close", "connection:Keep-Alive ,\tCLOSE", "Connection: , close,"] {
        for reply in [PLAIN, b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"] {
            let connection = after(Method::Get, &["Connection: x", header], reply);
            assert_eq!(connection.over(), Some(Over::CloseAsked), "{header:?}");
            assert_eq!(connection.over().unwrap().reason(), "the last request said \"Connection: close\"");
        }
    }
    for header in ["Connection: closed", "Connection: keep-alive", "Proxy-Connection: close", "X: close"] {
        assert!(after(Method::Get, &[header], PLAIN).is_idle(), "{header:?}");
    }
}

#[test]
fn an_abandoned_request_lets_its_response_be_read_and_no_other_follow() {
    for reply in
        [PLAIN, b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]
    {
        let mut early = started(Method::Post, &[]);
        early.abandon_request();
        assert!(receive_on(&mut early, &Delivery::whole(reply, false)).accepted());
        assert_eq!(early.over(), Some(Over::Abandoned), "before the head");

        let mut late = started(Method::Post, &[]);
        let mut input = reply;
        head(&mut late, &mut input);
        late.abandon_request();
        while late.is_in_body() {
            match late.next_body(input, 9, 9).unwrap() {
                BodyStep::Data { skip, len } => input = &input[skip + len..],
                BodyStep::Done { skip } => input = &input[skip..],
                BodyStep::NeedMore { .. } => panic!("all of it is there"),
            }
        }
        assert_eq!(late.over(), Some(Over::Abandoned), "after the head");
    }
}

#[test]
fn the_end_of_the_connection_is_an_error_where_something_is_missing() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (reply, message) in [
        ("", "the server closed the connection without answering"),
        ("HTTP/1.1 2", "the connection ended in the middle of the response headers, after 10 bytes"),
        ("\r\n\r\nHTTP", "the connection ended in the middle of the response headers, after 8 bytes"),
        ("HTTP/1.1 100 Go on\r\n\r\n", "the connection ended in the middle of the response headers, after 22 bytes"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "the connection ended after 0 of 5 bytes of the body"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", "the connection ended after 4 of 5 bytes of the body"),
        (chunked, "the connection ended after 0 bytes of a chunked body, before its last chunk"),
        (
            &format!("{chunked}5\r\nhello\r\n5\r\nhe"),
            "the connection ended after 7 bytes of a chunked body, before its last chunk",
        ),
        (
            &format!("{chunked}5\r\nhello\r\n0\r\n"),
            "the connection ended after 5 bytes of a chunked body, before its last chunk",
        ),
    ] {
        assert_eq!(error(Method::Get, reply.as_bytes(), true).to_string(), message, "{reply:?}");
    }
}

#[test]
fn a_body_that_is_looked_at_only_is_not_given_out() {
    let mut connection = started(Method::Get, &[]);
    let mut input = &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"[..];
    head(&mut connection, &mut input);
    assert_eq!(connection.next_body(input, 0, 0), Ok(BodyStep::NeedMore { skip: 3 }));
    assert_eq!(connection.next_body(&input[3..], 5, 5), Ok(BodyStep::Data { skip: 0, len: 5 }));
    assert_eq!(connection.next_body(&input[8..], 0, 0), Ok(BodyStep::Done { skip: 7 }));
}

#[test]
fn body_read_past_the_input_counts() {
    let mut connection = started(Method::Get, &[]);
    let mut input = &b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nxx"[..];
    head(&mut connection, &mut input);
    assert_eq!(connection.next_body(input, 9, 9), Ok(BodyStep::Data { skip: 0, len: 2 }));
    assert_eq!(connection.direct(9), limits::BODY_BYTES - 2);
    connection.advance(limits::BODY_BYTES as usize - 2);
    assert_eq!(connection.direct(9), 0);
    assert_eq!(connection.next_body(b"", 9, 9), Ok(BodyStep::Done { skip: 0 }));
    assert!(connection.is_idle());
}

#[test]
fn trailers_are_not_headers_and_are_taken_once() {
    let mut connection = started(Method::Get, &[]);
    let reply =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\nX-Sum:2 \r\nContent-Length: 9\r\n\r\n";
    let outcome = receive_on(&mut connection, &Delivery::whole(reply, false));
    assert_eq!(outcome.fields.len(), 1);
    let trailer = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    assert_eq!(outcome.trailers, [trailer("X-Sum", "1"), trailer("X-Sum", "2"), trailer("Content-Length", "9")]);
    assert!(connection.take_trailers().is_empty());
    assert!(connection.is_idle(), "a length in the trailers has no say");
}

#[test]
fn what_comes_while_idle_ends_the_connection() {
    let mut connection = Connection::new();
    let error = connection.unsolicited(b"SSH-2.0-x\r\n");
    assert_eq!(
        error.to_string(),
        "the server sent \"SSH-2.0-x\\r\\n\" without a request; the connection cannot be used again"
    );
    assert_eq!(connection.over(), Some(Over::Unsolicited));
}
