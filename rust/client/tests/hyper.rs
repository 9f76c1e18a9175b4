//! Tests exchanges with hyper, an independent implementation.
#![allow(missing_docs)]

mod support;
mod support_tls;

use http_client::{HttpClient, Method, Status};
use serde_json::json;
use support::{connected, exchange, get, server};
use support_tls::{secured, trusting};

/// Returns a client on a plain connection and one with TLS.
fn both() -> [HttpClient; 2] {
    let server = server();
    [connected(server.hyper()), secured("localhost", server.hyper_tls(), &trusting(server.ca_pem()))]
}

#[test]
fn bodies_of_every_framing_arrive_whole_on_one_connection() {
    for client in both() {
        for length in [0, 1, 65_537, 3_000_000] {
            let expected = get(&client, &format!("/crc/{length}")).json();
            let reply = get(&client, &format!("/bytes/{length}"));
            assert_eq!((reply.error, reply.status), (None, Status::Connected));
            assert_eq!(json!({"bytes": reply.body.len(), "crc32": crc32fast::hash(&reply.body)}), expected);
        }
        assert_eq!(get(&client, "/stream?lines=2&delay_ms=1").text(), "line 1 of 2\nline 2 of 2\n");
        assert_eq!(get(&client, "/status/204").code, 204);
        assert_eq!(exchange(&client, Method::Head, "/hello", &[], support::no_body()).body, b"");
        let last = get(&client, "/close");
        assert_eq!((last.text(), last.error.as_ref()), ("This connection ends now.\n", None));
    }
}

#[test]
fn hyper_receives_what_was_sent() {
    let body: Vec<u8> = (0..1_000_000_u32).map(|number| number as u8).collect();
    let expected = json!({"bytes": body.len(), "crc32": crc32fast::hash(&body)});
    for client in both() {
        let receipt = exchange(&client, Method::Post, "/upload", &[], Box::new(body.clone()));
        assert_eq!(receipt.json(), expected);
        let echo = exchange(&client, Method::Put, "/echo?a=1", &["X-One: 1"], Box::new(b"text".to_vec())).json();
        assert_eq!(
            (&echo["method"], &echo["target"], &echo["body_text"]),
            (&json!("PUT"), &json!("/echo?a=1"), &json!("text"))
        );
        assert!(echo["headers"].as_array().unwrap().contains(&json!(["x-one", "1"])), "{echo}");
    }
}
