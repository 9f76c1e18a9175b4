//! Tests random replies and arguments: nothing panics or hangs, and the final status always shows the outcome.
#![allow(missing_docs)]

mod support;

use http_client::{ErrorCode, HttpClient, Method, Settings, Status};
use http_protocol::without_user_info;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use support::{connect, connected, dictated, exchange, get, no_body, open, server};

/// Generates random combinations of parts of replies. They are similar to replies, and most are invalid.
fn any_reply() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: [&str; 20] = [
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 204 X\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: 9223372036854775807\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "X: y\n",
        " folded\r\n",
        "\r\n",
        "\r\n\r\n",
        "\n",
        "5\r\n",
        "5;x=y\r\n",
        "hello",
        "hello\r\n",
        "0\r\n\r\n",
        "ffffffffffffffff\r\n",
        "T: railer\r\n",
    ];
    let known = select(PARTS.to_vec()).prop_map(|part| part.as_bytes().to_vec());
    let part = prop_oneof![6 => known, 1 => vec(any::<u8>(), 1..40)];
    let start = prop_oneof![
        3 => Just(&b"HTTP/1.1 200 OK\r\n"[..]),
        3 => Just(&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..]),
        1 => Just(&b""[..]),
    ];
    (start, vec(part, 0..10)).prop_map(|(start, parts)| [start, &parts.concat()].concat())
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(60))]

    #[test]
    fn any_reply_is_delivered_or_refused_with_a_message_and_the_same_whole_and_split(
        reply in any_reply(),
        head_only in any::<bool>(),
        ending in select(vec!["&close=1", "&reset=1&ms=5"]),
    ) {
        let method = if head_only { Method::Head } else { Method::Get };
        let mut outcomes = Vec::new();
        for (blocking, split) in [(false, 0), (true, 0), (false, 7), (true, 3)] {
            let client = HttpClient::new(Settings { blocking, ..Settings::default() });
            connect(&client, server().raw());
            let url = dictated(&reply, &format!("{ending}&split={split}"));
            let outcome = exchange(&client, method, &url, &[], no_body());
            match &outcome.error {
                Some(error) => {
                    prop_assert_eq!(error.code, ErrorCode::ConnectionError);
                    prop_assert_eq!(client.status(), Status::ConnectionError);
                    prop_assert!(!error.message.is_empty());
                    prop_assert_eq!(client.error_message(), error.message.clone());
                }
                None => {
                    prop_assert!(matches!(client.status(), Status::Connected | Status::Disconnected));
                    prop_assert!(outcome.code >= 200);
                }
            }
            client.close();
            connect(&client, server().http());
            prop_assert_eq!(get(&client, "/hello").code, 200);
            outcomes.push((outcome.error.is_some(), outcome.code, outcome.body));
        }
        prop_assert!(outcomes.iter().all(|outcome| outcome == &outcomes[0]), "{:?}", outcomes);
    }
}

proptest! {
    #![proptest_config(config(2000))]

    /// The port is invalid, so that nothing leaves this machine.
    #[test]
    fn any_host_with_a_port_that_is_none_is_refused_with_a_message(
        host in prop_oneof![any::<String>(), "(https?://)?[a-zA-Z0-9.\\[\\]:@/%_ éß-]{0,20}", "[0-9.:x]{1,12}"],
        port in prop_oneof![Just(0), 65_536..=i64::MAX],
    ) {
        let client = HttpClient::default();
        let error = open(&client, &host, port).unwrap_err();
        prop_assert_eq!(error.code, ErrorCode::InvalidParameter);
        let shown = without_user_info(&host);
        prop_assert!(error.message.starts_with(&format!("cannot connect to the host {shown:?}: ")), "{}", error);
        prop_assert_eq!(client.error_message(), error.message);
        prop_assert_eq!(client.status(), Status::Disconnected);
    }

    #[test]
    fn any_way_to_write_this_machine_is_taken_or_refused_with_a_message(
        host in prop_oneof![
            "(http://)?127(\\.[0-9x]{1,4}){0,4}(:[0-9]{0,6})?/?",
            "(http://)?\\[(::1|::ffff:127\\.0\\.0\\.[0-9]{1,3})\\]?(:[0-9]{0,6})?",
        ],
        port in -2..70_000i64,
    ) {
        let client = HttpClient::default();
        match open(&client, &host, port) {
            // The client is dropped before it connects.
            Ok(()) => prop_assert!(matches!(client.status(), Status::Resolving | Status::Connecting)),
            Err(error) => {
                prop_assert!(!error.message.is_empty());
                let refused = error.code == ErrorCode::InvalidParameter;
                prop_assert_eq!(client.status(), if refused { Status::Disconnected } else { Status::CantConnect });
                prop_assert_eq!(client.error_message(), error.message);
            }
        }
    }
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn any_request_is_sent_as_one_or_refused_without_a_byte(
        method in select(vec![Method::Get, Method::Post, Method::Put, Method::Delete, Method::Options]),
        path in any::<String>(),
        headers in vec(prop_oneof![any::<String>(), "X-[A-Za-z]{1,5}: ?[ -~é]{0,12}"], 0..3),
        body in vec(any::<u8>(), 0..100),
    ) {
        let client = connected(server().http());
        let url = format!("/echo?{path}");
        let given: Vec<&str> = headers.iter().map(String::as_str).collect();
        if let Err(error) = client.request(method, &url, &given, Box::new(body.clone())) {
            prop_assert_eq!((error.code, client.status()), (ErrorCode::InvalidParameter, Status::Connected));
            prop_assert_eq!(client.request_bytes_sent(), 0);
            prop_assert_eq!(get(&client, "/hello").code, 200);
            return Ok(());
        }
        support::finish_request(&client).unwrap();
        let (reply, error) = support::read_body(&client);
        prop_assert_eq!(error, None);
        let echo: serde_json::Value = serde_json::from_slice(&reply).expect("an echo");
        prop_assert_eq!(&echo["method"], method.as_str());
        prop_assert_eq!(&echo["body_crc32"], crc32fast::hash(&body));
        prop_assert_eq!(&echo["body_length"], body.len());
        prop_assert_eq!(get(&client, "/hello").code, 200);
    }
}
