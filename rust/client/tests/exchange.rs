//! Tests valid requests and responses.
#![allow(missing_docs)]

mod support;

use http_client::{HttpClient, Method, Status};
use serde_json::json;
use support::{connect, connected, exchange, finish_request, get, no_body, request_until_body, server, until};

const HELLO: &str = "Hello from the embedded server.\n";

fn headers(client: &HttpClient) -> Vec<String> {
    let head = client.response_head().expect("a response");
    head.fields.iter().map(|field| field.line().into_owned()).collect()
}

#[test]
fn a_page_is_received_with_its_code_headers_and_length() {
    let client = connected(server().http());
    assert_eq!((client.response_code(), client.response_body_length()), (0, -1));
    assert!(!client.has_response());
    request_until_body(&client, "/hello");
    assert!(client.has_response());
    assert_eq!((client.response_code(), client.response_body_length()), (200, HELLO.len() as i64));
    assert!(!client.is_response_chunked());
    assert_eq!(client.response_header_values("content-TYPE"), ["text/plain; charset=utf-8"]);
    assert!(client.has_response(), "no list of headers was asked for");
    assert!(headers(&client).contains(&format!("Content-Length: {}", HELLO.len())));
    assert!(!client.has_response(), "headers were read");
    assert_eq!(headers(&client), headers(&client), "they can be read again");
    let (body, error) = support::read_body(&client);
    assert_eq!((String::from_utf8(body).unwrap().as_str(), error), (HELLO, None));
    assert_eq!(client.status(), Status::Connected);
    assert_eq!(client.response_code(), 200, "kept until the next request");
}

#[test]
fn every_framing_delivers_the_same_bytes() {
    let client = connected(server().http());
    for length in [0, 1, 255, 65536, 65537, 1_000_003] {
        let expected = get(&client, &format!("/crc/{length}")).json();
        for route in
            ["/bytes/LENGTH", "/chunked/LENGTH?size=1", "/chunked/LENGTH?size=4095", "/chunked/LENGTH?size=1048576"]
        {
            if length > 100_000 && route.ends_with("=1") {
                continue; // 65,536 chunks are enough.
            }
            let reply = get(&client, &route.replace("LENGTH", &length.to_string()));
            assert_eq!((reply.error, reply.status), (None, Status::Connected), "{route} of {length}");
            assert_eq!(json!({"bytes": reply.body.len(), "crc32": crc32fast::hash(&reply.body)}), expected);
            assert_eq!(client.is_response_chunked(), route.starts_with("/chunked"));
            assert_eq!(client.response_body_length(), if route.starts_with("/bytes") { length } else { -1 });
        }
        let last = connected(server().http());
        let reply = get(&last, &format!("/until-close/{length}"));
        assert_eq!((reply.error, reply.status), (None, Status::Disconnected), "until close, {length}");
        assert_eq!(json!({"bytes": reply.body.len(), "crc32": crc32fast::hash(&reply.body)}), expected);
        assert_eq!(last.response_body_length(), -1);
        assert_eq!(last.response_code(), 200, "kept after the connection");
    }
}

#[test]
fn one_connection_serves_many_requests() {
    let (address, server) = support::one_connection(|mut stream| {
        for round in 0..500 {
            assert!(support::take_head(&mut stream).starts_with(&format!("GET /{round} HTTP/1.1\r\nHost: 127.0.0.1:")));
            let body = format!("answer {round}");
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            support::send(&mut stream, (head + &body).as_bytes());
        }
    });
    let client = connected(address);
    for round in 0..500 {
        let reply = get(&client, &format!("/{round}"));
        assert_eq!((reply.text(), reply.status), (format!("answer {round}").as_str(), Status::Connected));
    }
    server.join().unwrap();
}

#[test]
fn what_the_request_says_arrives_as_it_was_said() {
    let client = connected(server().http());
    let reply = exchange(
        &client,
        Method::Post,
        "echo?q=a b&x=%41#fragment",
        &["X-Odd-CASE: one", "x-odd-case:two"],
        Box::new("körper"),
    );
    let echo = reply.json();
    assert_eq!(echo["method"], "POST");
    assert_eq!(echo["target"], "/echo?q=a%20b&x=%41");
    assert_eq!(echo["body_text"], "körper");
    assert_eq!(
        echo["headers"],
        json!([
            ["Host", server().http().to_string()],
            ["X-Odd-CASE", "one"],
            ["x-odd-case", "two"],
            ["Content-Length", "7"],
            ["User-Agent", client.settings().user_agent.as_ref()],
            ["Accept", "*/*"]
        ])
    );
}

#[test]
fn every_method_that_may_have_a_body_sends_it() {
    let client = connected(server().http());
    for method in [Method::Post, Method::Put, Method::Patch, Method::Delete, Method::Get, Method::Options] {
        let echo = exchange(&client, method, "/echo", &[], Box::new(b"\0\xff\r\n\r\n".as_slice())).json();
        assert_eq!((&echo["method"], &echo["body_length"]), (&json!(method.as_str()), &json!(6)));
        assert_eq!(echo["body_crc32"], crc32fast::hash(b"\0\xff\r\n\r\n"));
    }
    for method in [Method::Post, Method::Put, Method::Patch] {
        let echo = exchange(&client, method, "/echo", &[], no_body()).json();
        assert!(echo["headers"].as_array().unwrap().contains(&json!(["Content-Length", "0"])), "{echo}");
    }
}

#[test]
fn an_upload_of_64_mib_arrives_byte_for_byte() {
    let body: Vec<u8> = (0..64u32 << 18).flat_map(|word| word.wrapping_mul(0x9E37_79B9).to_le_bytes()).collect();
    let crc32 = crc32fast::hash(&body);
    for method in [Method::Post, Method::Put] {
        let client = connected(server().http());
        let reply = exchange(&client, method, "/upload", &[], Box::new(body.clone()));
        assert_eq!(reply.json(), json!({"bytes": 64 << 20, "crc32": crc32}));
        assert_eq!(reply.status, Status::Connected);
        assert!(client.request_bytes_sent() > 64 << 20, "head and body");
    }
}

#[test]
fn one_call_sends_at_most_16_mib() {
    const LARGEST: u64 = (16 << 20) + 1024; // The head counts too.
    let (address, server) = support::one_connection(|mut stream| support::drain(&mut stream));
    let client = connected(address);
    client.request(Method::Post, "/", &[], Box::new(vec![1; 256 << 20])).unwrap();
    let mut sent = 0;
    while client.request_bytes_sent() < 256 << 20 {
        let now = client.request_bytes_sent();
        assert!(now - sent <= LARGEST, "{} bytes in one call", now - sent);
        sent = now;
        client.poll().unwrap();
    }
    client.close();
    assert!(server.join().unwrap() > 256 << 20);
}

#[test]
fn the_bytes_sent_are_those_of_head_and_body() {
    let (address, server) = support::one_connection(|mut stream| {
        let head = support::take_head(&mut stream);
        let mut body = [0; 1000];
        std::io::Read::read_exact(&mut stream, &mut body).unwrap();
        support::send(&mut stream, b"HTTP/1.1 204 No Content\r\n\r\n");
        let second = support::take_head(&mut stream);
        support::send(&mut stream, b"HTTP/1.1 204 No Content\r\n\r\n");
        (head.len() + body.len(), second.len())
    });
    let client = connected(address);
    assert_eq!(client.request_bytes_sent(), 0);
    exchange(&client, Method::Put, "/", &[], Box::new(vec![7; 1000]));
    let first = client.request_bytes_sent();
    get(&client, "/");
    let second = client.request_bytes_sent();
    assert_eq!(server.join().unwrap(), (first as usize, second as usize));
}

#[test]
fn a_response_to_head_is_a_body_until_one_empty_read() {
    let client = connected(server().http());
    for (url, chunked) in [("/bytes/1000", false), ("/chunked/1000", true), ("/empty", false)] {
        client.request(Method::Head, url, &[], no_body()).unwrap();
        finish_request(&client).unwrap();
        assert_eq!((client.status(), client.response_code()), (Status::Body, 200), "{url}");
        assert_eq!(client.is_response_chunked(), chunked);
        assert_eq!(client.read_response_body_chunk::<Vec<u8>>(), Ok(Vec::new()));
        assert_eq!(client.status(), Status::Connected, "{url}");
    }
    assert_eq!(get(&client, "/hello").text(), HELLO, "on the same connection");
}

#[test]
fn an_empty_body_is_a_body_until_one_empty_read() {
    let client = connected(server().http());
    request_until_body(&client, "/empty");
    assert_eq!(client.response_body_length(), 0);
    client.poll().unwrap();
    assert_eq!(client.status(), Status::Body, "only reading ends a body");
    assert_eq!(client.read_response_body_chunk::<Vec<u8>>(), Ok(Vec::new()));
    assert_eq!(client.status(), Status::Connected);
}

#[test]
fn responses_without_a_body_leave_the_client_connected() {
    let client = connected(server().http());
    for code in [204, 304] {
        let reply = get(&client, &format!("/status/{code}"));
        assert_eq!((reply.code, reply.body.len(), reply.status), (code, 0, Status::Connected));
        assert!(client.has_response());
    }
}

/// This is the behaviour of Godot's `HTTPClient`. Scripts that finish in STATUS_BODY rely on it.
#[test]
fn a_204_or_304_whose_fields_speak_of_a_body_is_a_body_until_one_empty_read() {
    for status in [204, 304] {
        for (fields, after, length) in [
            ("Content-Length: 0\r\n", Status::Connected, 0),
            ("Content-Length: 1000\r\n", Status::Connected, 0),
            ("Transfer-Encoding: chunked\r\n", Status::Connected, -1),
            ("Connection: close\r\n", Status::Disconnected, -1),
            ("Connection: close\r\nContent-Length: 0\r\n", Status::Connected, 0),
        ] {
            for blocking in [false, true] {
                let client = HttpClient::default();
                client.set_blocking_mode(blocking);
                connect(&client, server().raw());
                let reply = format!("HTTP/1.1 {status} X\r\n{fields}\r\n");
                request_until_body(&client, &support::dictated(reply.as_bytes(), ""));
                assert_eq!((client.response_code(), client.response_body_length()), (status, length), "{fields:?}");
                client.poll().unwrap();
                assert_eq!(client.status(), Status::Body, "only reading ends a body");
                assert_eq!(client.read_response_body_chunk(), Ok(Vec::new()));
                assert_eq!(client.status(), after, "{status} {fields:?}");
                if after == Status::Connected && !fields.contains("close") {
                    let next = support::dictated(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "");
                    assert_eq!(get(&client, &next).text(), "ok", "on the same connection");
                }
            }
        }
    }
}

#[test]
fn every_status_code_is_told_and_none_followed() {
    let client = connected(server().http());
    for code in [200, 201, 206, 299, 300, 301, 307, 308, 400, 404, 418, 451, 500, 503, 599, 999] {
        let reply = get(&client, &format!("/status/{code}"));
        assert_eq!((reply.code, reply.status), (code, Status::Connected));
        assert!(reply.text().starts_with(&code.to_string()), "its body is delivered");
    }
    let reply = get(&client, "/redirect?to=/json");
    assert_eq!((reply.code, reply.text()), (302, "It is elsewhere.\n"));
    assert_eq!(client.response_header_values("Location"), ["/json"]);
}

#[test]
fn trailers_are_told_after_the_body_and_forgotten_with_the_next_request() {
    let client = connected(server().http());
    request_until_body(&client, "/trailers");
    assert!(client.response_trailers().is_empty());
    let (body, _) = support::read_body(&client);
    assert_eq!(String::from_utf8(body).unwrap(), HELLO);
    let checksum = format!("X-Checksum: {:08x}", crc32fast::hash(HELLO.as_bytes()));
    assert_eq!(client.response_trailers(), [checksum.as_str(), "X-Lines: 1"]);
    assert!(client.response_header_values("X-Lines").is_empty(), "they are not headers");
    get(&client, "/hello");
    assert!(client.response_trailers().is_empty());
}

#[test]
fn interim_responses_are_passed_over() {
    let client = connected(server().http());
    let reply = get(&client, "/early-hints");
    assert_eq!((reply.code, reply.text()), (200, HELLO));
    assert!(client.response_header_values("Link").is_empty());
}

#[test]
fn repeated_and_large_headers_are_all_there() {
    let client = connected(server().http());
    get(&client, "/set-cookies");
    let cookies = client.response_header_values("set-cookie");
    assert_eq!(cookies.len(), 2);
    assert!(cookies[0].starts_with("session=") && cookies[1].starts_with("theme="));
    let reply = get(&client, "/headers/1000?size=200");
    assert_eq!(reply.text(), HELLO);
    assert_eq!(client.response_header_values("X-Field-1000"), ["v".repeat(200)]);
}

#[test]
fn a_response_that_says_close_is_complete_and_the_last() {
    let client = connected(server().http());
    let reply = get(&client, "/close");
    assert_eq!((reply.text(), reply.status), ("This connection ends now.\n", Status::Connected));
    let error = client.request(Method::Get, "/hello", &[], no_body()).unwrap_err();
    assert_eq!(client.status(), Status::ConnectionError);
    assert_eq!(error.message, "the server does not keep the connection open after its last response; connect again");
    assert_eq!(client.response_code(), 200, "the response is still there");
}

#[test]
fn an_upgrade_that_was_asked_for_ends_http_on_the_connection() {
    let client = connected(server().http());
    let reply = exchange(&client, Method::Get, "/upgrade-echo", &["Connection: Upgrade", "Upgrade: echo"], no_body());
    assert_eq!((reply.code, reply.status), (101, Status::Connected));
    let error = client.request(Method::Get, "/hello", &[], no_body()).unwrap_err();
    assert!(error.message.contains("another protocol"), "{error}");
    let refused = connected(server().http());
    assert_eq!(get(&refused, "/upgrade-echo").code, 426);
}

#[test]
fn a_client_goes_on_to_another_server() {
    let client = connected(server().http());
    assert_eq!(get(&client, "/hello").text(), HELLO);
    connect(&client, server().raw());
    assert_eq!((client.response_code(), client.has_response()), (0, false), "what came from the last one is gone");
    assert_eq!(get(&client, "/fault/drip?ms=1").text(), "hello");
    // In the middle of a body, and after a failure.
    request_until_body(&client, "/fault/length-max");
    connect(&client, server().http());
    assert_eq!(get(&client, "/hello").text(), HELLO);
    support::open(&client, "127.0.0.1", server().refused_port().into()).unwrap();
    support::until_failure(&client);
    connect(&client, server().http());
    assert_eq!((get(&client, "/hello").text(), client.error_message().as_str()), (HELLO, ""));
}

#[test]
fn two_hundred_clients_at_once_get_what_each_asked_for() {
    let clients: Vec<HttpClient> = (0..200).map(|_| HttpClient::default()).collect();
    clients.iter().for_each(|client| support::open_at(client, server().http()));
    for client in &clients {
        until(client, Status::Connected);
    }
    for (index, client) in clients.iter().enumerate() {
        client.request(Method::Get, &format!("/chunked/{}?size=1000", 10_000 + index), &[], no_body()).unwrap();
    }
    // Each client advances a little in turn, as in the frames of a game.
    let started = std::time::Instant::now();
    let mut bodies = vec![Vec::new(); clients.len()];
    while clients.iter().any(|client| client.status() != Status::Connected) {
        for (client, body) in clients.iter().zip(&mut bodies) {
            match client.status() {
                Status::Requesting => client.poll().unwrap(),
                Status::Body => body.extend(client.read_response_body_chunk::<Vec<u8>>().unwrap()),
                _ => {}
            }
        }
        support::pause(started);
    }
    let expected = connected(server().http());
    for (index, body) in bodies.iter().enumerate() {
        let crc = get(&expected, &format!("/crc/{}", 10_000 + index)).json();
        assert_eq!(json!({"bytes": body.len(), "crc32": crc32fast::hash(body)}), crc);
    }
}

#[test]
fn an_early_answer_with_success_lets_the_upload_go_on() {
    for client in [HttpClient::default(), support::blocking()] {
        let (address, server) = support::one_connection(|mut stream| {
            support::take_head(&mut stream);
            support::send(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
            // The body of the response is sent after the body of the request.
            let received =
                std::io::copy(&mut std::io::Read::take(&mut stream, 32 << 20), &mut std::io::sink()).unwrap();
            support::send(&mut stream, b"hello");
            support::drain(&mut stream);
            received
        });
        // A hang must become a failure.
        client.set_read_timeout(Some(std::time::Duration::from_secs(5)));
        connect(&client, address);
        let reply = exchange(&client, Method::Post, "/", &[], Box::new(vec![1; 32 << 20]));
        assert_eq!((reply.text(), &reply.error, reply.status), ("hello", &None, Status::Connected));
        assert_eq!(client.poll(), Ok(()), "the connection serves on");
        client.close();
        assert_eq!(server.join().unwrap(), 32 << 20);
    }
}
