//! Tests servers and networks that misbehave: the received data is returned, and then status and message describe the failure.
#![allow(missing_docs)]

mod support;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_client::{HttpClient, Method, Status};
use support::{
    Reply, connect, connected, dictated, exchange, get, no_body, one_connection, request_until_body, server,
    until_failure,
};

/// The limit for servers that stop permanently.
const SILENCE: Duration = Duration::from_millis(500);
/// The limit for all other servers. Other work on the machine does not delay them for so long.
const PATIENCE: Duration = Duration::from_secs(30);

fn outcome(url: &str) -> Reply {
    outcome_within(PATIENCE, url)
}

/// Returns the outcome of a request to the raw server, which must be the same in polling and blocking mode.
fn outcome_within(limit: Duration, url: &str) -> Reply {
    let both = [false, true].map(|blocking| {
        let client = support::with_read_timeout(limit);
        client.set_blocking_mode(blocking);
        connect(&client, server().raw());
        get(&client, url)
    });
    let [polled, slept] = both;
    assert_eq!((polled.code, &polled.body, polled.status), (slept.code, &slept.body, slept.status), "{url}");
    assert_eq!(polled.error, slept.error, "{url}");
    polled
}

fn assert_fails(url: &str, code: u16, delivered: &[u8], message: &str) {
    assert_is(&outcome(url), url, code, delivered, message);
}

fn assert_is(reply: &Reply, url: &str, code: u16, delivered: &[u8], message: &str) {
    assert_eq!(
        (reply.code, reply.body.escape_ascii().to_string()),
        (code, delivered.escape_ascii().to_string()),
        "{url}"
    );
    assert_eq!(reply.failure(), message, "{url}");
}

#[test]
fn a_server_that_stops_is_given_up_after_the_read_timeout() {
    for (url, code, delivered) in [
        ("/fault/never-answers", 0, ""),
        ("/fault/stop-in-head", 0, ""),
        ("/fault/stop-between-chunks", 200, "hello"),
        ("/fault/stop-in-chunk", 200, "helloonly this"),
    ] {
        let message = "nothing came from the server for 0.5 s (read_timeout)";
        assert_is(&outcome_within(SILENCE, url), url, code, delivered.as_bytes(), message);
    }
}

#[test]
fn a_reply_that_drips_is_received() {
    let reply = outcome("/fault/drip?ms=10");
    assert_eq!((reply.text(), &reply.error, reply.status), ("hello", &None, Status::Connected));
}

#[test]
fn a_reset_is_a_connection_error_in_every_phase() {
    assert_fails(
        "/fault/reset-at-once",
        0,
        b"",
        "the server closed the connection without answering (connection reset)",
    );
    let head = "the connection ended in the middle of the response headers, after 50 bytes (connection reset)";
    assert_fails("/fault/reset-in-head", 0, b"", head);
    let body = "the connection ended after 400 of 1000 bytes of the body (connection reset)";
    assert_fails("/fault/reset-in-body", 200, &[b'x'; 400], body);
    let chunk = "the connection ended after 9 bytes of a chunked body, before its last chunk (connection reset)";
    assert_fails("/fault/reset-in-chunk", 200, b"only this", chunk);
    let until_close = dictated(b"HTTP/1.1 200 OK\r\n\r\nsome of it", "&reset=1");
    assert_fails(&until_close, 200, b"some of it", "the connection broke in the middle of the body: connection reset");
}

#[test]
fn a_connection_that_ends_too_early_delivers_what_came_and_says_how_much() {
    assert_fails(
        "/fault/body-cut-short",
        200,
        &[b'x'; 400],
        "the connection ended after 400 of 1000 bytes of the body",
    );
    for (sent, code, body, message) in [
        ("", 0, "", "the server closed the connection without answering"),
        ("HTTP/1.1 200", 0, "", "the connection ended in the middle of the response headers, after 12 bytes"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwo",
            200,
            "hellowo",
            "the connection ended after 7 bytes of a chunked body, before its last chunk",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            200,
            "hello",
            "the connection ended after 5 bytes of a chunked body, before its last chunk",
        ),
    ] {
        assert_fails(&dictated(sent.as_bytes(), "&close=1"), code, body.as_bytes(), message);
    }
}

#[test]
fn a_body_that_goes_wrong_is_delivered_up_to_there() {
    for (chunks, body, message) in [
        ("5\r\nhelloX", "hello", "a chunk of the body does not end where its size says; \"X\" was found there"),
        ("5\r\nhello\r\nzz\r\n", "hello", "the server sent a malformed chunk size: \"zz\""),
        ("5\r\nhello\r\n0\r\nno colon\r\n\r\n", "hello", "the server sent a malformed header: \"no colon\""),
    ] {
        let reply = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        assert_fails(&dictated(reply.as_bytes(), ""), 200, body.as_bytes(), message);
    }
}

#[test]
fn a_server_that_ends_its_side_has_answered_for_the_last_time() {
    for url in ["/fault/half-close", "/fault/idle-close?ms=1"] {
        let client = connected(server().raw());
        let reply = get(&client, url);
        assert_eq!((reply.text(), &reply.error, reply.status), ("hello", &None, Status::Connected), "{url}");
        let error = until_failure(&client);
        assert_eq!(error.message, "the server closed the idle connection; connect again");
        assert_eq!(client.response_code(), 200, "the response stays");
        assert_eq!(client.poll().unwrap_err(), error, "and says so again");
    }
}

#[test]
fn a_request_on_a_connection_that_was_closed_while_idle_sends_nothing_and_fails() {
    let (closed, is_closed) = std::sync::mpsc::channel();
    let (address, server) = one_connection(move |mut stream| {
        support::take_head(&mut stream);
        support::send(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        closed.send(()).unwrap();
        support::drain(&mut stream)
    });
    let client = connected(address);
    client.request(Method::Get, "/", &[], no_body()).unwrap();
    is_closed.recv().unwrap();
    support::finish_request(&client).unwrap();
    assert_eq!(support::read_body(&client), (b"hello".to_vec(), None));
    assert_eq!(client.status(), Status::Connected);
    let error = client.request(Method::Post, "/", &[], Box::new("body")).unwrap_err();
    assert_eq!((error.code, client.status()), (http_client::ErrorCode::ConnectionError, Status::ConnectionError));
    assert_eq!(client.error_message(), "the server closed the idle connection; connect again");
    assert_eq!(server.join().unwrap(), 0, "bytes of a second request");
}

#[test]
fn an_early_refusal_is_delivered_although_the_upload_was_reset() {
    for url in ["/fault/early-413", "/fault/early-413-keep-reading"] {
        for blocking in [false, true] {
            let client = HttpClient::default();
            client.set_blocking_mode(blocking);
            connect(&client, server().raw());
            let reply = exchange(&client, Method::Post, url, &[], Box::new(vec![1; 64 << 20]));
            assert_eq!((reply.code, reply.text(), &reply.error), (413, "too large\n", &None), "{url}");
            assert_eq!(reply.status, Status::Connected);
            assert!(client.request_bytes_sent() < 64 << 20, "{url}, {blocking}: {}", client.request_bytes_sent());
            assert_eq!(until_failure(&client).message, "the last request was not sent completely; connect again");
        }
    }
}

#[test]
fn an_early_answer_that_is_cut_off_by_a_reset_is_not_taken_for_complete() {
    let (address, server) = one_connection(|mut stream| {
        support::take_head(&mut stream);
        support::send(&mut stream, b"HTTP/1.1 200 OK\r\n\r\nsome of it");
        // Closing the connection with an unread request body is a reset.
        std::thread::sleep(Duration::from_millis(50));
    });
    let client = connected(address);
    client.request(Method::Post, "/", &[], Box::new(vec![1; 64 << 20])).unwrap();
    server.join().unwrap();
    support::finish_request(&client).unwrap();
    let (body, error) = support::read_body(&client);
    assert_eq!(body, b"some of it");
    assert!(error.is_some(), "a reset is not the end of a body: {:?}", client.status());
    assert_eq!(client.status(), Status::ConnectionError);
}

#[test]
fn what_comes_behind_a_response_is_no_answer_to_the_next_request() {
    for url in ["/fault/two-responses", "/fault/data-after-end"] {
        let client = connected(server().raw());
        let reply = get(&client, url);
        assert_eq!((reply.code, reply.text(), &reply.error), (200, "hello", &None), "{url}");
        let error = client.request(Method::Get, "/fault/drip", &[], no_body()).unwrap_err();
        assert_eq!(error.message, "the server sent bytes that answer no request; connect again");
        assert_eq!(client.status(), Status::ConnectionError);
    }
}

#[test]
fn a_server_that_speaks_first_is_a_connection_error_that_shows_what_it_said() {
    let client = connected(server().speaks_first());
    let banner = until_failure(&client).message;
    assert_eq!(
        banner,
        "the server sent \"SSH-2.0-OpenSSH_9.6\\r\\n\" without a request; the connection cannot be used again"
    );
    let (address, answers) = one_connection(|mut stream| {
        support::send(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong");
        support::drain(&mut stream);
    });
    let error = until_failure(&connected(address)).message;
    assert!(error.starts_with("the server sent \"HTTP/1.1 200 OK"), "{error}");
    answers.join().unwrap();
}

#[test]
fn a_reply_that_is_not_http_is_an_error_that_shows_its_start() {
    for seed in 1..=20 {
        let reply = outcome_within(SILENCE, &format!("/fault/garbage?seed={seed}"));
        let message = reply.failure();
        assert!(message.starts_with("the reply starts with \"") && message.contains("is not HTTP/1.1"), "{message}");
    }
    let ssh =
        "the reply starts with \"SSH-2.0-x\\r\", which is not HTTP/1.1; check host, port and whether TLS is needed";
    assert_fails(&dictated(b"SSH-2.0-x\r\n", ""), 0, b"", ssh);
}

#[test]
fn header_without_end_stops_at_its_limit() {
    let limit = "the server sent more than 262144 bytes of headers, which is the limit";
    assert_fails("/fault/megabytes-of-header", 0, b"", limit);
    assert_fails("/fault/endless-1xx", 0, b"", limit);
}

#[test]
fn a_body_without_end_is_read_for_as_long_as_it_is_wanted() {
    let client = connected(server().raw());
    request_until_body(&client, "/fault/endless-small-chunks");
    let mut received = 0;
    while received < 10_000 {
        let chunk: Vec<u8> = client.read_response_body_chunk().unwrap();
        assert!(chunk.is_empty() || chunk == b"x");
        received += chunk.len();
    }
    client.close();
    assert_eq!(client.status(), Status::Disconnected);

    connect(&client, server().raw());
    request_until_body(&client, "/fault/length-max?ms=1");
    assert_eq!(client.response_body_length(), i64::MAX);
    let mut received = Vec::new();
    while received.len() < 10 {
        received.extend(client.read_response_body_chunk::<Vec<u8>>().unwrap());
    }
    assert!(received.iter().all(|&byte| byte == b'x'));
    assert_eq!(client.status(), Status::Body);
}

#[test]
fn one_read_takes_a_bounded_part_of_what_a_server_floods_it_with() {
    const BOUND: usize = 64 << 20; // Several times the maximum of one read plus the buffers of the system.
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = sent.clone();
    let (address, server) = one_connection(move |mut stream| {
        support::take_head(&mut stream);
        support::send(&mut stream, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let flood = format!("1;{}\r\nx\r\n", "e".repeat(1000)).repeat(64);
        while counter.load(Ordering::Relaxed) < 2 * BOUND && stream.write_all(flood.as_bytes()).is_ok() {
            counter.fetch_add(flood.len(), Ordering::Relaxed);
        }
    });
    let client = connected(address);
    request_until_body(&client, "/");
    // Wait until data has arrived.
    while sent.load(Ordering::Relaxed) < 1 << 20 {
        std::thread::sleep(Duration::from_millis(1));
    }
    let body: Vec<u8> = client.read_response_body_available().unwrap();
    let taken = sent.load(Ordering::Relaxed);
    assert!(taken < BOUND, "{taken} bytes were received for {} bytes of body in one call", body.len());
    client.close();
    server.join().unwrap();
}

#[test]
fn a_compressed_body_is_delivered_as_it_came() {
    let client = connected(server().raw());
    let reply = get(&client, "/fault/gzip-bomb");
    assert_eq!((reply.code, &reply.error, reply.status), (200, &None, Status::Connected));
    assert_eq!(client.response_body_length(), reply.body.len() as i64);
    assert!(reply.body.starts_with(&[0x1f, 0x8b]) && reply.body.len() < 1 << 20);
}

#[test]
fn after_a_failure_only_a_new_connection_helps() {
    let client = connected(server().raw());
    let failure = get(&client, "/fault/body-cut-short").error.unwrap();
    assert_eq!(client.poll().unwrap_err(), failure);
    let refused = client.request(Method::Get, "/", &[], no_body()).unwrap_err();
    assert_eq!(
        refused.message,
        "there is no connection because the connection ended after 400 of 1000 bytes of the body; call \
         connect_to_host() again"
    );
    assert_eq!(client.status(), Status::ConnectionError);
    connect(&client, server().raw());
    assert_eq!(get(&client, "/fault/drip?ms=1").text(), "hello");
}

/// The first failure explains the later ones.
#[test]
fn the_first_cause_stays_part_of_the_message_until_the_next_connect() {
    let refused = support::server().refused_port();
    let client = HttpClient::default();
    support::open(&client, "127.0.0.1", refused.into()).unwrap();
    let cause = until_failure(&client).message;
    assert!(cause.contains("refused"), "{cause}");
    let misuses: [&dyn Fn() -> http_client::Error; 4] = [
        &|| client.request(Method::Get, "/", &[], no_body()).unwrap_err(),
        &|| client.read_response_body_chunk::<Vec<u8>>().unwrap_err(),
        &|| client.read_response_body_available::<Vec<u8>>().unwrap_err(),
        &|| client.set_read_chunk_size(1).unwrap_err(),
    ];
    for misuse in misuses.iter().cycle().take(8) {
        let error = misuse();
        let message = client.error_message();
        assert!(message.contains(&cause) && message.matches(&cause).count() == 1, "{message}");
        assert!(message.starts_with(&error.message), "{message}, but {error}");
        assert_eq!(client.status(), Status::CantConnect);
        assert_eq!(client.poll().unwrap_err().message, cause);
        assert_eq!(client.error_message(), cause);
    }
    let request = client.request(Method::Get, "/", &[], no_body()).unwrap_err();
    assert_eq!(request.message, format!("there is no connection because {cause}; call connect_to_host() again"));

    connect(&client, server().raw());
    client.set_read_chunk_size(1).unwrap_err();
    assert!(!client.error_message().contains("refused"), "{}", client.error_message());
    let invalid = support::open(&client, "a b", 80).unwrap_err().message;
    client.request(Method::Get, "/", &[], no_body()).unwrap_err();
    assert!(client.error_message().contains(&invalid), "{}", client.error_message());
    client.close();
    let closed = client.request(Method::Get, "/", &[], no_body()).unwrap_err();
    assert_eq!(closed.message, "there is no connection; call connect_to_host() and poll() first");
}

/// RFC 9112 §9.6.
#[test]
fn a_request_that_says_close_is_the_last_on_its_connection() {
    let client = connected(server().raw());
    let url = dictated(b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", "");
    let reply = exchange(&client, Method::Get, &url, &["Connection: keep-alive, close"], no_body());
    assert_eq!((reply.text(), &reply.error, reply.status), ("hello", &None, Status::Connected));
    let error = client.request(Method::Get, &url, &[], no_body()).unwrap_err();
    assert_eq!(error.message, "the last request said \"Connection: close\"; connect again");
    assert_eq!(client.status(), Status::ConnectionError);
}

#[test]
fn a_head_with_a_malformed_field_is_delivered_and_the_connection_not_used_again() {
    let client = connected(server().raw());
    let reply = dictated(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=\x01b\r\nX : y\r\nContent-Length: 5\r\n\r\nhello", "");
    let reply = get(&client, &reply);
    assert_eq!((reply.text(), &reply.error, reply.status), ("hello", &None, Status::Connected));
    assert_eq!(client.response_header_values("Set-Cookie"), ["a=\u{1}b"]);
    assert_eq!(client.response_header_values("X"), ["y"]);
    let error = until_failure(&client);
    assert_eq!(error.message, "the server does not keep the connection open after its last response; connect again");
}

#[test]
fn a_timeout_beyond_what_can_be_counted_is_none() {
    for blocking in [false, true] {
        let client = support::with_read_timeout(Duration::MAX);
        client.set_blocking_mode(blocking);
        connect(&client, server().raw());
        assert_eq!(get(&client, "/fault/drip?ms=1").text(), "hello");
    }
}
