//! Tests the way from a host to a connection, or to the reason why there is none.
#![allow(missing_docs)]

mod support;

use std::time::{Duration, Instant};

use http_client::{ErrorCode, HttpClient, Method, Settings, Status};
use support::{
    TEN_FRAMES, assert_in_time, connect, connected, get, no_body, open, open_at, server, until, until_failure,
};

#[test]
fn a_connection_is_made_by_address_and_by_name() {
    for host in ["127.0.0.1", "http://127.0.0.1", "localhost", "http://LocalHost/", "HTTP://localhost"] {
        let client = HttpClient::default();
        open(&client, host, server().http().port().into()).unwrap();
        let is_name = host.to_lowercase().contains("localhost");
        assert_eq!(client.status(), if is_name { Status::Resolving } else { Status::Connecting }, "{host}");
        until(&client, Status::Connected);
        assert_eq!(get(&client, "/hello").code, 200, "{host}");
    }
}

#[test]
fn the_host_may_bring_its_port() {
    let client = HttpClient::default();
    open(&client, &format!("http://{}/", server().http()), -1).unwrap();
    until(&client, Status::Connected);
    let echo = get(&client, "/echo").json();
    assert_eq!(echo["headers"][0], serde_json::json!(["Host", server().http().to_string()]));
}

#[test]
fn a_port_that_refuses_is_named_with_the_reason() {
    for blocking in [false, true] {
        for host in ["127.0.0.1", "localhost"] {
            let client = HttpClient::default();
            client.set_blocking_mode(blocking);
            let port = server().refused_port();
            open(&client, host, port.into()).unwrap();
            let error = until_failure(&client);
            assert_eq!(error.code, ErrorCode::CantConnect);
            assert!(error.message.starts_with(&format!("cannot connect to {host}:{port} (")), "{error}");
            assert!(error.message.contains(&format!("127.0.0.1:{port}: connection refused")), "{error}");
            assert_eq!(client.poll().unwrap_err(), error, "it says so again");
            let refused = client.request(Method::Get, "/", &[], no_body()).unwrap_err();
            assert_eq!((refused.code, client.status()), (ErrorCode::InvalidParameter, Status::CantConnect));
        }
    }
}

#[test]
fn a_name_that_does_not_exist_is_named_with_the_reason() {
    for blocking in [false, true] {
        let client = HttpClient::default();
        client.set_blocking_mode(blocking);
        open(&client, "name.invalid", 80).unwrap();
        assert_eq!(client.status(), Status::Resolving);
        let error = until_failure(&client);
        assert_eq!(error.code, ErrorCode::CantResolve);
        assert!(error.message.starts_with("the host name \"name.invalid\" could not be resolved"), "{error}");
        assert_eq!(client.poll().unwrap_err(), error, "it says so again");
    }
}

#[test]
fn a_server_that_never_accepts_is_given_up_after_the_connect_timeout() {
    const TIMEOUT: Duration = Duration::from_millis(300);
    for blocking in [false, true] {
        let client = HttpClient::new(Settings { blocking, connect_timeout: Some(TIMEOUT), ..Settings::default() });
        assert_in_time(TIMEOUT + TEN_FRAMES, || {
            let started = Instant::now();
            open_at(&client, server().never_accepts());
            let error = until_failure(&client);
            let passed = started.elapsed();
            assert!(passed >= TIMEOUT, "{passed:?}");
            assert_eq!(error.code, ErrorCode::CantConnect);
            let late = format!("{}: no answer in 0.3 s (connect_timeout)", server().never_accepts());
            assert!(error.message.contains(&late), "{}", error.message);
            passed
        });
    }
}

#[test]
fn without_a_connect_timeout_connecting_goes_on() {
    let client = HttpClient::new(Settings { connect_timeout: None, ..Settings::default() });
    open_at(&client, server().never_accepts());
    for _ in 0..100 {
        client.poll().unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(client.status(), Status::Connecting);
}

#[test]
fn a_connect_timeout_beyond_what_the_clock_can_tell_is_none() {
    for timeout in [Duration::MAX, Duration::from_secs(u64::MAX / 2)] {
        for blocking in [false, true] {
            let client = HttpClient::new(Settings { blocking, connect_timeout: Some(timeout), ..Settings::default() });
            open(&client, "localhost", server().http().port().into()).unwrap();
            until(&client, Status::Connected);
            assert_eq!(get(&client, "/hello").code, 200);
        }
    }
}

#[test]
fn the_read_timeout_counts_from_the_last_byte() {
    const TIMEOUT: Duration = Duration::from_millis(300);
    for blocking in [false, true] {
        for (url, code, delivered) in [
            ("/fault/never-answers", 0, ""),
            ("/fault/stop-in-head", 0, ""),
            ("/fault/stop-in-chunk", 200, "helloonly this"),
            ("/fault/stop-between-chunks", 200, "hello"),
            ("/fault/drip?ms=1000", 0, ""),
        ] {
            assert_in_time(TIMEOUT + TEN_FRAMES, || {
                let client = HttpClient::new(Settings { blocking, read_timeout: Some(TIMEOUT), ..Settings::default() });
                connect(&client, server().raw());
                let started = Instant::now();
                let reply = get(&client, url);
                let passed = started.elapsed();
                assert_eq!(reply.failure(), "nothing came from the server for 0.3 s (read_timeout)", "{url}");
                assert_eq!((reply.code, reply.text()), (code, delivered), "{url}");
                assert!(passed >= TIMEOUT, "{url}: {passed:?}");
                passed
            });
        }
        let client = HttpClient::new(Settings { blocking, read_timeout: Some(TIMEOUT), ..Settings::default() });
        connect(&client, server().raw());
        let started = Instant::now();
        let reply = get(&client, "/fault/drip?ms=20");
        assert_eq!((reply.text(), &reply.error), ("hello", &None), "each byte starts it anew");
        assert!(started.elapsed() > TIMEOUT);
    }
}

#[test]
fn a_client_that_is_idle_does_not_time_out() {
    let client = connected(server().http());
    get(&client, "/hello");
    client.set_read_timeout(Some(Duration::from_millis(20)));
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(client.poll(), Ok(()));
    client.set_read_timeout(None);
    assert_eq!(get(&client, "/hello").code, 200);
}

#[test]
fn a_host_that_is_none_is_refused_and_has_closed_the_old_connection() {
    for (host, port) in [
        ("", 80),
        ("http://", 80),
        ("a b", 80),
        ("a/b", 80),
        ("user:secret@host", 80),
        ("a..b", 80),
        ("host\r\nX: y", 80),
        ("host\0", 80),
        ("[::1", 80),
        ("[::g]", 80),
        ("host:port", 80),
        ("host:81", 82),
        ("ftp://host", 80),
        ("127.0.0.1", 0),
        ("127.0.0.1", 65536),
        ("127.0.0.1", i64::MAX),
    ] {
        let client = connected(server().http());
        get(&client, "/hello");
        let error = open(&client, host, port).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidParameter, "{host:?} {port}");
        let shown = host.replace("user:secret", "…");
        assert!(error.message.starts_with(&format!("cannot connect to the host {shown:?}: ")), "{error}");
        assert_eq!(client.error_message(), error.message);
        assert_eq!((client.status(), client.response_code()), (Status::Disconnected, 0));
        assert_eq!(client.poll().unwrap_err().code, ErrorCode::Unconfigured);
    }
}

#[test]
fn a_request_without_a_connection_is_refused_and_changes_nothing() {
    let client = HttpClient::default();
    let refused = |client: &HttpClient, message: &str| {
        let before = client.status();
        let error = client.request(Method::Get, "/", &[], no_body()).unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (ErrorCode::InvalidParameter, message));
        assert_eq!((client.error_message().as_str(), client.status()), (message, before));
    };
    refused(&client, "there is no connection; call connect_to_host() and poll() first");
    open_at(&client, server().never_accepts());
    refused(&client, "the connection is not established yet; call poll() until STATUS_CONNECTED");
    connect(&client, server().raw());
    client.request(Method::Get, "/fault/drip?ms=5", &[], no_body()).unwrap();
    refused(&client, "a request is already on its way; wait for its response");
    until(&client, Status::Body);
    refused(&client, "the last response has not been read to its end; read it first");
    assert_eq!(support::read_body(&client), (b"hello".to_vec(), None), "the first goes on");
}

#[test]
fn a_request_that_may_not_be_sent_is_refused_and_the_connection_serves_on() {
    let client = connected(server().http());
    let refuse = |method, url, headers: &[&str], body: &'static str| {
        let error = client.request(method, url, headers, Box::new(body)).unwrap_err();
        assert_eq!((error.code, client.status()), (ErrorCode::InvalidParameter, Status::Connected), "{error}");
        assert_eq!(client.error_message(), error.message);
        assert_eq!(client.request_bytes_sent(), 0);
    };
    refuse(Method::Get, "/a\r\nX: y", &[], "");
    refuse(Method::Get, "/a\0", &[], "");
    refuse(Method::Get, "/", &["no colon"], "");
    refuse(Method::Get, "/", &[": no name"], "");
    refuse(Method::Get, "/", &["A: b\r\nC: d"], "");
    refuse(Method::Get, "/", &["A B: c"], "");
    refuse(Method::Post, "/", &["Content-Length: 5"], "four");
    refuse(Method::Trace, "/", &[], "body");
    let echo = get(&client, "/echo").json();
    assert_eq!(echo["headers"].as_array().unwrap().len(), 3, "one request, and nothing of the others: {echo}");
    assert_eq!(client.error_message(), "", "a request that is sent forgets it");
}

#[test]
fn a_closed_client_is_as_new() {
    let client = connected(server().http());
    get(&client, "/chunked/10");
    client.close();
    assert_eq!((client.status(), client.response_code(), client.response_body_length()), (Status::Disconnected, 0, -1));
    assert!(!client.has_response() && !client.is_response_chunked() && client.error_message().is_empty());
    assert_eq!(client.poll().unwrap_err().code, ErrorCode::Unconfigured);
    client.close();
    connect(&client, server().http());
    assert_eq!(get(&client, "/hello").code, 200);
}
