//! Tests raw replies with the expected decision of the client. Each reply is delivered as a whole, byte by byte, and split at every point.
#![allow(missing_docs)]

mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_protocol::{Method, PeerError};
use serde::Deserialize;
use serde_json::Value;
use support::{Delivery, Outcome, receive, receive_every_way};

/// A line of data/edge.jsonl. `reply` and `body` contain bytes as Latin-1. With `close`, the server ends the connection immediately, so
/// that only replies without `close` can show whether the client would reuse the connection.
#[derive(Deserialize)]
struct Edge {
    id: String,
    method: String,
    reply: String,
    close: bool,
    verdict: String,
    status: Option<u16>,
    body: Option<String>,
    reusable: Option<bool>,
}

/// A line of the shared corpus.
#[derive(Deserialize)]
struct Shared {
    id: String,
    method: String,
    reply_b64: String,
    close: bool,
    verdict: String,
    status: Option<u16>,
    body_b64: Option<String>,
    reusable: Option<bool>,
    #[serde(default)]
    clients: Value,
}

#[test]
fn every_edge_reply_is_decided_as_written() {
    let mut count = 0;
    for line in include_str!("data/edge.jsonl").lines() {
        let edge: Edge = serde_json::from_str(line).expect("a line of data/edge.jsonl");
        let outcome = receive_every_way(method(&edge.method), &latin1(&edge.reply), true);
        let expected = Expected {
            id: &edge.id,
            accept: edge.verdict == "accept",
            status: edge.status,
            body: edge.body.as_deref().map(latin1),
            reusable: edge.reusable.filter(|_| !edge.close),
        };
        expected.check(&outcome);
        count += 1;
    }
    assert_eq!(count, 119);
}

#[test]
fn the_shared_corpus_is_decided_as_written() {
    let Some(folder) = shared_corpus() else {
        // The test harness only shows printed text if the test fails. This message must always be visible.
        writeln!(std::io::stderr(), "left out: the shared corpus is not beside this checkout").expect("stderr");
        return;
    };
    for (file, lines) in [("edge.jsonl", 119), ("replies.jsonl", 335)] {
        let text = std::fs::read_to_string(folder.join(file)).expect("the shared corpus can be read");
        assert_eq!(text.lines().count(), lines);
        for line in text.lines() {
            check_shared(&serde_json::from_str(line).expect("a line of the shared corpus"));
        }
    }
}

#[test]
fn large_heads_and_many_interim_responses_stay_within_the_limits() {
    let field = |size: usize| format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 5\r\n\r\nhello", "a".repeat(size));
    let interim = "HTTP/1.1 103 Early\r\nLink: abcde\r\n\r\n".to_owned();
    assert_eq!(interim.len(), 35);
    let accepted = [
        field(20_000),
        field(200_000),
        format!("{}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", interim.repeat(5_000)),
    ];
    for reply in &accepted {
        for delivery in [Delivery::whole(reply.as_bytes(), true), Delivery::byte_by_byte(reply.as_bytes(), true)] {
            let outcome = receive(Method::Get, &delivery);
            assert!(outcome.accepted(), "{:?}", outcome.error);
            assert_eq!(outcome.body, b"hello");
        }
    }
    let many = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 5\r\n\r\nhello", "X: a\r\n".repeat(6_000));
    for delivery in [Delivery::whole(many.as_bytes(), true), Delivery::byte_by_byte(many.as_bytes(), true)] {
        assert_eq!(receive(Method::Get, &delivery).error, Some(PeerError::TooManyFields));
    }
}

struct Expected<'a> {
    id: &'a str,
    accept: bool,
    status: Option<u16>,
    body: Option<Vec<u8>>,
    reusable: Option<bool>,
}

impl Expected<'_> {
    fn check(&self, outcome: &Outcome) {
        let id = self.id;
        assert_eq!(outcome.accepted(), self.accept, "{id}: {outcome:?}");
        if self.accept {
            assert_eq!(outcome.status, self.status, "{id}");
            assert_eq!(Some(&outcome.body), self.body.as_ref(), "{id}");
            if let Some(reusable) = self.reusable {
                assert_eq!(outcome.reusable, reusable, "{id}");
            }
        }
    }
}

/// The replies of the shared corpus for which the decision differs: a greater minor version is read as 1.1 (RFC 9110 §6.2).
const OTHERWISE: [&str; 1] = ["version-1.2"];

fn check_shared(case: &Shared) {
    if OTHERWISE.contains(&case.id.as_str()) {
        return;
    }
    let reply = BASE64_STANDARD.decode(&case.reply_b64).expect("base64");
    let decode = |text: &str| BASE64_STANDARD.decode(text).expect("base64");
    let outcome = receive_every_way(method(&case.method), &reply, true);
    if case.verdict != "policy" {
        let expected = Expected {
            id: &case.id,
            accept: case.verdict == "accept",
            status: case.status,
            body: case.body_b64.as_deref().map(decode),
            reusable: case.reusable.filter(|_| !case.close),
        };
        expected.check(&outcome);
        return;
    }
    let agrees = |client: &Value| {
        let accept = client["accept"].as_bool().expect("a client accepts or rejects");
        accept == outcome.accepted()
            && (!accept
                || (client["status"].as_u64() == outcome.status.map(u64::from)
                    && client["body_b64"].as_str().map(decode).as_ref() == Some(&outcome.body)))
    };
    let clients = case.clients.as_object().expect("what the clients did");
    assert!(
        clients.values().any(agrees),
        "{}: none of the clients does that: {:?} {outcome:?} {clients:?}",
        case.id,
        reply.escape_ascii().to_string()
    );
}

fn method(name: &str) -> Method {
    let found = Method::ALL.into_iter().find(|method| method.as_str() == name);
    found.unwrap_or_else(|| panic!("unknown method {name}"))
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).expect("Latin-1")).collect()
}

fn shared_corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    folder.is_dir().then_some(folder)
}
