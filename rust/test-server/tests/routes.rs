//! Tests of the routes of the `http` listener, and of those that hyper also serves.

mod common;

use common::{Client, server};
use serde_json::json;

fn http() -> Client<std::net::TcpStream> {
    Client::connect(server().http())
}

/// One client for each server of the common routes.
fn both() -> [Client<std::net::TcpStream>; 2] {
    [server().http(), server().hyper()].map(Client::connect)
}

#[test]
fn one_connection_serves_common_routes_and_those_written_by_hand_in_turn() {
    let mut client = http();
    for _ in 0..3 {
        assert_eq!(client.get("/hello").text(), "Hello from the embedded server.\n");
        assert_eq!(client.get("/chunked/100?size=7").body.len(), 100);
        assert_eq!(client.get("/stream?lines=2&delay_ms=1").text(), "line 1 of 2\nline 2 of 2\n");
        assert_eq!(client.get("/bytes/3000000").body.len(), 3_000_000);
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut client = http();
    let requests = ["/hello", "/chunked/5", "/json", "/status/204", "/empty"];
    for target in requests {
        client.send(format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").as_bytes());
    }
    assert_eq!(client.reply().text(), "Hello from the embedded server.\n");
    assert_eq!(client.reply().body.len(), 5);
    assert_eq!(client.reply().json()["nested"], json!({"ok": true, "none": null}));
    assert_eq!(client.reply().status(), "204");
    assert_eq!(client.reply().field("content-length"), Some("0"));
}

#[test]
fn hyper_serves_the_common_routes_with_the_same_answers_and_no_others() {
    let answers = |mut client: Client<std::net::TcpStream>, method: &str| {
        let targets = [
            "/hello",
            "/json",
            "/html",
            "/image.png",
            "/empty",
            "/status/404",
            "/status/204",
            "/status/304",
            "/redirect?to=/a",
            "/bytes/300000",
            "/crc/7",
            "/stream?lines=3&delay_ms=1",
            "/headers/3",
            "/set-cookies",
            "/nowhere",
        ];
        targets.map(|target| {
            client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
            let (head, body) = if method == "HEAD" {
                (client.head(), Vec::new())
            } else {
                let reply = client.reply();
                (reply.head, reply.body)
            };
            let mut lines: Vec<String> = head.lines().map(str::to_owned).collect();
            lines.retain(|line| {
                // Dates differ. For HEAD, hyper sends no framing field if the body is empty or generated while it is sent (RFC
                // 9110, section 9.3.2).
                let is_framing = line.starts_with("Transfer-Encoding: ") || line == "Content-Length: 0";
                !(line.starts_with("Date: ") || method == "HEAD" && is_framing)
            });
            lines[1..].sort();
            (target, lines, body)
        })
    };
    for method in ["GET", "HEAD", "POST"] {
        let [ours, hypers] = both();
        for (ours, hypers) in answers(ours, method).into_iter().zip(answers(hypers, method)) {
            assert_eq!(ours, hypers, "{method}");
        }
    }
    assert_eq!(both().map(|mut client| client.get("/early-hints").status().to_owned()), ["103", "505"]);
}

#[test]
fn small_documents_have_their_types() {
    let mut client = http();
    for (target, content_type) in [
        ("/hello", "text/plain; charset=utf-8"),
        ("/json", "application/json"),
        ("/html", "text/html; charset=utf-8"),
        ("/image.png", "image/png"),
        ("/scores?ms=1", "application/json"),
        ("/chat?delay_ms=1", "text/event-stream"),
        ("/bytes/1", "application/octet-stream"),
        ("/chunked/1", "application/octet-stream"),
    ] {
        let reply = client.get(target);
        assert_eq!(reply.field("content-type"), Some(content_type), "{target}");
        assert_eq!(reply.status(), "200");
    }
    let picture = client.get("/image.png").body;
    let mut reader = png::Decoder::new(std::io::Cursor::new(picture)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.width, info.height, pixels.len()), (64, 64, 64 * 64 * 4));
}

#[test]
fn pictures_differ_by_their_numbers() {
    let mut client = http();
    let pictures: std::collections::BTreeSet<Vec<u8>> =
        (0..24).map(|number| client.get(&format!("/image.png?number={number}")).body).collect();
    assert_eq!(pictures.len(), 24);
    assert!(pictures.contains(&client.get("/image.png").body));
}

#[test]
fn a_chat_comes_word_by_word_and_says_that_it_is_done() {
    for client in &mut both() {
        let text = client.get("/chat?delay_ms=1").text().to_owned();
        assert!(text.starts_with("event: word\nid: 1\ndata: {\"word\":\"The \"}\n\n"), "{text}");
        assert!(text.ends_with("id: 8\ndata: {\"word\":\"years.\"}\n\nevent: done\ndata: {}\n\n"), "{text}");
    }
}

#[test]
fn head_has_the_fields_of_get_and_no_body() {
    let fields = |method: &str, target: &str| {
        let mut client = http();
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        let mut head = client.head();
        if target == "/early-hints" {
            head.push_str(&client.head());
        }
        if method == "HEAD" {
            assert_eq!(client.get("/hello").status(), "200", "nothing stands between the heads");
        }
        head.lines().filter(|line| !line.starts_with("Date: ")).collect::<Vec<_>>().join("\n")
    };
    for target in ["/hello", "/bytes/5000000000", "/stream", "/chunked/100", "/trailers", "/early-hints"] {
        assert_eq!(fields("HEAD", target), fields("GET", target), "{target}");
    }
}

#[test]
fn echo_shows_spelling_and_order_of_the_wire() {
    let mut client = http();
    client.send(
        b"PATCH /echo?a=%20b HTTP/1.1\r\nhost: A\r\nX-One: 1\r\nx-TWO:  2 \r\nX-One: \xe9\r\nContent-Length: 5\r\n\r\nh\xc3\xa9y\n",
    );
    let echo = client.reply().json();
    assert_eq!(
        echo,
        json!({
            "method": "PATCH",
            "target": "/echo?a=%20b",
            "version": "HTTP/1.1",
            "headers": [["host", "A"], ["X-One", "1"], ["x-TWO", "2"], ["X-One", "\u{e9}"], ["Content-Length", "5"]],
            "body_length": 5,
            "body_crc32": crc32fast::hash("héy\n".as_bytes()),
            "body_text": "héy\n",
        })
    );
}

#[test]
fn echo_repeats_text_up_to_64_kib() {
    for (length, repeated) in [(65536, true), (65537, false)] {
        let mut client = http();
        client.send(format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").as_bytes());
        client.send(&vec![b'a'; length]);
        let echo = client.reply().json();
        assert_eq!(echo["body_length"], json!(length));
        assert_eq!(echo["body_text"].is_string(), repeated);
    }
}

#[test]
fn upload_counts_a_body_of_either_framing_and_keeps_the_connection() {
    let expected = json!({"bytes": 10, "crc32": crc32fast::hash(b"0123456789")});
    for mut client in both() {
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        // For one of the two servers, the code in this crate reads the body, so every byte is sent alone.
        for byte in b"4;a=b\r\n0123\r\n6\r\n456789\r\n0\r\nX-Trailer: 1\r\n\r\n" {
            client.send(&[*byte]);
        }
        assert_eq!(client.reply().json(), expected);
        client.send(b"PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789");
        assert_eq!(client.reply().json(), expected);
        assert_eq!(client.get("/hello").status(), "200");
    }
}

#[test]
fn a_client_that_expects_100_continue_gets_it() {
    for mut client in both() {
        client.send(b"POST /upload HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
        assert!(client.head().starts_with("HTTP/1.1 100 Continue\r\n"));
        client.send(b"x");
        assert_eq!(client.reply().json()["bytes"], json!(1));
    }
}

#[test]
fn statuses_redirects_fields_and_cookies_come_as_asked() {
    let mut client = http();
    assert_eq!(client.get("/status/418").text(), "418 I'm a teapot\n");
    assert_eq!(client.get("/status/404?body=0").text(), "");
    assert_eq!(client.get("/status/304").status(), "304");
    assert_eq!(client.get("/status/100").status(), "400");
    assert_eq!(client.get("/nowhere").status(), "404");
    assert_eq!(client.get("/bytes/many").status(), "400");
    assert_eq!(client.get("/chunked/many").status(), "400");
    let redirect = client.get("/redirect?to=http%3A%2F%2Fexample.com%2F");
    assert_eq!((redirect.status(), redirect.field("location")), ("302", Some("http://example.com/")));
    let fields = client.get("/headers/300?size=50").head;
    assert_eq!(fields.matches("X-Field-").count(), 300);
    assert!(fields.contains(&format!("X-Field-300: {}\r\n", "v".repeat(50))));
    assert_eq!(client.get("/set-cookies").head.matches("Set-Cookie: ").count(), 2);
    client.send(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.reply().field("allow").is_some());
}

#[test]
fn cacheable_counts_its_answers_and_confirms_the_tag_that_it_gave() {
    let mut client = http();
    let number = |body: &[u8]| String::from_utf8_lossy(body).trim().rsplit(' ').next().unwrap().parse::<u64>().unwrap();
    let target = "/cacheable?control=max-age%3D5&tag=v1&vary=X";
    let first = client.get(target);
    let fields = ["cache-control", "etag", "vary"].map(|name| first.field(name));
    assert_eq!(fields, [Some("max-age=5"), Some("\"v1\""), Some("X")]);
    assert!(number(&client.get(target).body) > number(&first.body));
    client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"v1\"\r\n\r\n").as_bytes());
    let confirmed = client.reply();
    assert_eq!((confirmed.status(), confirmed.body.len(), confirmed.field("etag")), ("304", 0, Some("\"v1\"")));
}

#[test]
fn bytes_chunked_and_until_close_send_what_crc_says() {
    const LENGTH: usize = (2 << 20) + 12345;
    let mut client = http();
    let crc = client.get(&format!("/crc/{LENGTH}")).json();
    assert_eq!(crc["bytes"], json!(LENGTH));
    for target in ["bytes", "chunked", "until-close"] {
        let body = client.get(&format!("/{target}/{LENGTH}")).body;
        assert_eq!(body.len(), LENGTH);
        assert_eq!(json!(crc32fast::hash(&body)), crc["crc32"], "{target}");
    }
    let slow = http().get("/bytes/200000?delay_ms=1").body;
    assert_eq!(slow, http().get("/bytes/200000").body);
    assert_eq!(http().get("/crc/1099511627776").json()["bytes"], json!(1_u64 << 40));
}

#[test]
fn chunks_have_exactly_the_size_asked_for() {
    for (size, delay) in [(1, 0), (512, 0), (999, 1), (16384, 0), (300_001, 0)] {
        let length = size * 4 + size / 2;
        let mut client = http();
        client
            .send(format!("GET /chunked/{length}?size={size}&delay_ms={delay} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        client.head();
        let chunks = client.chunks();
        let expected = http().get(&format!("/bytes/{length}")).body;
        assert!(chunks.iter().eq(expected.chunks(size)), "{size}");
    }
}

#[test]
fn stream_sends_a_line_per_chunk() {
    let mut client = http();
    client.send(b"GET /stream?lines=3&delay_ms=5 HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head();
    assert_eq!(client.chunks(), [b"line 1 of 3\n", b"line 2 of 3\n", b"line 3 of 3\n"]);
}

#[test]
fn until_close_and_close_end_the_connection() {
    let mut client = http();
    let reply = client.get("/until-close/100000");
    assert_eq!((reply.field("content-length"), reply.body.len()), (None, 100_000));
    let mut client = http();
    assert_eq!(client.get("/close").field("connection"), Some("close"));
    assert_eq!(client.rest(), b"");
    let mut client = http();
    client.send(b"GET /chunked/3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(client.rest().ends_with(b"\r\n0\r\n\r\n"));
}

#[test]
fn http_1_0_is_answered_and_closed() {
    for mut client in both() {
        client.send(b"GET /hello HTTP/1.0\r\n\r\n");
        assert!(client.rest().ends_with(b"\r\n\r\nHello from the embedded server.\n"));
    }
}

#[test]
fn what_is_not_http_is_refused() {
    for mut client in both() {
        client.send(b"what is this\r\n\r\n");
        assert!(client.rest().starts_with(b"HTTP/1.1 400 Bad Request\r\n"));
    }
    for body in ["Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nx\r\n"] {
        let mut client = http();
        client.send(format!("POST /hello HTTP/1.1\r\nHost: a\r\n{body}").as_bytes());
        assert!(client.rest().starts_with(b"HTTP/1.1 400 Bad Request\r\n"), "{body:?}");
    }
}

#[test]
fn trailers_follow_the_last_chunk() {
    let mut client = http();
    client.send(b"GET /trailers HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.head().contains("Trailer: X-Checksum, X-Lines\r\n"));
    let body = client.chunks().concat();
    assert_eq!(client.line(), format!("X-Checksum: {:08x}\r\n", crc32fast::hash(&body)));
    assert_eq!(client.line(), "X-Lines: 1\r\n");
}

#[test]
fn early_hints_come_before_the_answer() {
    let mut client = http();
    let hints = client.get("/early-hints");
    assert_eq!((hints.status(), hints.field("link").is_some()), ("103", true));
    assert_eq!(client.reply().text(), "Hello from the embedded server.\n");
}

#[test]
fn an_upgraded_connection_echoes() {
    let mut client = http();
    assert_eq!(client.get("/upgrade-echo").status(), "426");
    client.send(b"GET /upgrade-echo HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nat once");
    assert_eq!(client.reply().status(), "101");
    assert_eq!(client.exactly(7), b"at once");
    client.send(b"later");
    assert_eq!(client.exactly(5), b"later");
}

#[test]
fn a_file_gives_its_rest_to_who_has_its_start_and_all_of_it_to_who_has_another() {
    let rest = |from: u64, validator: &str| {
        let mut client = http();
        let head =
            format!("GET /file/3000000 HTTP/1.1\r\nHost: a\r\nRange: bytes={from}-\r\nIf-Range: {validator}\r\n\r\n");
        client.send(head.as_bytes());
        client.reply()
    };
    let whole = http().get("/file/3000000");
    let etag = whole.field("etag").expect("it has one").to_owned();
    assert_eq!((whole.status(), whole.body.len()), ("200", 3_000_000));
    let part = rest(1_000_000, &etag);
    assert_eq!((part.status(), part.field("content-range")), ("206", Some("bytes 1000000-2999999/3000000")));
    assert!(part.body == whole.body[1_000_000..]);
    let none = rest(3_000_000, &etag);
    assert_eq!((none.status(), none.field("content-range")), ("416", Some("bytes */3000000")));
    assert_eq!(rest(1_000_000, "\"another\"").status(), "200");
}

#[test]
fn events_go_on_behind_the_last_one_that_the_client_has() {
    let mut client = http();
    client.send(b"GET /events?count=2&retry=7 HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 4\r\n\r\n");
    let mut text = client.head();
    assert!(text.contains("text/event-stream"), "{text}");
    text = String::from_utf8(client.rest()).expect("text");
    assert_eq!(text, "retry: 7\n\nid: 5\ndata: event 5\n\nid: 6\ndata: event 6\n\n");
}

#[test]
fn gzip_says_that_it_is_packed() {
    let reply = http().get("/gzip/100000");
    assert_eq!(reply.field("content-encoding"), Some("gzip"));
    assert!(reply.body.len() < 50_000, "{}", reply.body.len());
}
