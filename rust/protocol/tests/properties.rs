//! Tests random exchanges, replies and requests.
#![allow(missing_docs)]

mod support;

use http_protocol::{Method, PeerError, QueryString, Request};
use percent_encoding::percent_decode_str;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use support::{Delivery, receive, receive_every_way};

/// The behaviour of a model server for one request.
#[derive(Clone, Debug)]
struct Script {
    method: Method,
    interim: Vec<(u16, Vec<Line>)>,
    status: u16,
    minor_version: u8,
    connection: Option<&'static str>,
    fields: Vec<Line>,
    framing: Framing,
    /// The bytes after a response that has its own end.
    garbage: Vec<u8>,
    /// The position where the connection ends early.
    cut: Option<Index>,
    splits: Vec<Index>,
    whole: usize,
    most: usize,
}

/// A header or trailer line. White space around the value is not part of it.
#[derive(Clone, Debug)]
struct Line {
    name: String,
    before: &'static str,
    value: Vec<u8>,
    after: &'static str,
}

#[derive(Clone, Debug)]
enum Framing {
    Length(Vec<u8>),
    Chunked { chunks: Vec<Chunk>, last: &'static str, trailers: Vec<Line> },
    UntilClose(Vec<u8>),
}

#[derive(Clone, Debug)]
struct Chunk {
    data: Vec<u8>,
    zeros: usize,
    upper_case: bool,
    extension: &'static str,
}

/// The bytes that the server sends, and the expected result of the client.
#[derive(Debug, Default)]
struct Played {
    wire: Vec<u8>,
    /// The end of the final head in `wire`.
    head_end: usize,
    /// The position of each body byte in `wire`.
    body: Vec<usize>,
    /// The end of the response, or `None` if it ends with the connection.
    end: Option<usize>,
    reusable: bool,
}

impl Line {
    fn write(&self, wire: &mut Vec<u8>) {
        for part in [self.name.as_bytes(), b":", self.before.as_bytes(), &self.value, self.after.as_bytes(), b"\r\n"] {
            wire.extend_from_slice(part);
        }
    }
}

impl Script {
    fn is_switched(&self) -> bool {
        self.method == Method::Connect && (200..300).contains(&self.status)
    }

    fn has_body(&self) -> bool {
        !self.is_switched() && self.method != Method::Head && self.status != 204 && self.status != 304
    }

    fn play(&self) -> Played {
        let mut played = Played::default();
        let wire = &mut played.wire;
        for (status, lines) in &self.interim {
            wire.extend_from_slice(format!("HTTP/1.1 {status} Wait\r\n").as_bytes());
            lines.iter().for_each(|line| line.write(wire));
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(format!("HTTP/1.{} {} Done\r\n", self.minor_version, self.status).as_bytes());
        self.fields.iter().for_each(|line| line.write(wire));
        if let Some(option) = self.connection {
            wire.extend_from_slice(format!("Connection: {option}\r\n").as_bytes());
        }
        match &self.framing {
            Framing::Length(body) => wire.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes()),
            Framing::Chunked { .. } => wire.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            Framing::UntilClose(_) => {}
        }
        wire.extend_from_slice(b"\r\n");
        played.head_end = wire.len();
        if self.has_body() {
            self.write_body(&mut played);
        }
        let is_chunked = matches!(self.framing, Framing::Chunked { .. });
        let until_close = self.has_body() && matches!(self.framing, Framing::UntilClose(_));
        played.end = (!until_close).then_some(played.wire.len());
        let kept_alive = match self.connection {
            Some(option) => option == "keep-alive",
            None => self.minor_version == 1,
        };
        // Chunked in HTTP/1.0 is dubious.
        let doubtful = is_chunked && self.minor_version == 0;
        played.reusable = kept_alive
            && !doubtful
            && !until_close
            && !self.is_switched()
            && self.garbage.is_empty()
            && self.cut.is_none();
        if played.end.is_some() {
            played.wire.extend_from_slice(&self.garbage);
        }
        played
    }

    fn write_body(&self, played: &mut Played) {
        let wire = &mut played.wire;
        match &self.framing {
            Framing::Length(body) | Framing::UntilClose(body) => {
                played.body = (wire.len()..wire.len() + body.len()).collect();
                wire.extend_from_slice(body);
            }
            Framing::Chunked { chunks, last, trailers } => {
                for chunk in chunks {
                    let size = chunk.data.len();
                    let digits = if chunk.upper_case { format!("{size:X}") } else { format!("{size:x}") };
                    wire.extend_from_slice(
                        format!("{}{digits}{}\r\n", "0".repeat(chunk.zeros), chunk.extension).as_bytes(),
                    );
                    played.body.extend(wire.len()..wire.len() + size);
                    wire.extend_from_slice(&chunk.data);
                    wire.extend_from_slice(b"\r\n");
                }
                wire.extend_from_slice(last.as_bytes());
                trailers.iter().for_each(|line| line.write(wire));
                wire.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Returns the expected error if the connection ends after `sent` bytes, or `None` if the response is complete by then.
    fn error(&self, played: &Played, sent: usize) -> Option<PeerError> {
        if sent < played.head_end {
            return Some(if sent == 0 { PeerError::NoResponse } else { PeerError::HeadCutShort { received: sent } });
        }
        if played.end.is_none_or(|end| sent >= end) {
            return None;
        }
        let received = played.body.iter().filter(|&&position| position < sent).count() as u64;
        let announced = match &self.framing {
            Framing::Length(body) => Some(body.len() as u64),
            _ => None,
        };
        Some(PeerError::BodyCutShort { received, announced })
    }
}

fn any_line() -> impl Strategy<Value = Line> {
    let byte = prop_oneof![4 => 0x21..=0x7eu8, 1 => 0x80..=0xffu8, 1 => select(vec![b' ', b'\t'])];
    let value = vec(byte, 0..12).prop_map(|value| value.trim_ascii().to_vec());
    let space = || select(vec!["", " ", "\t", "  \t"]);
    ("X-[A-Za-z0-9!#$%&'*+.^_`|~-]{0,8}", space(), value, space()).prop_map(|(name, before, value, after)| Line {
        name,
        before,
        value,
        after,
    })
}

fn any_chunk() -> impl Strategy<Value = Chunk> {
    let extension = select(vec!["", ";a", ";a=b", ";a=\"b;c\"", " ;\tx", " ", "\t"]);
    (vec(any::<u8>(), 1..40), 0..10usize, any::<bool>(), extension)
        .prop_map(|(data, zeros, upper_case, extension)| Chunk { data, zeros, upper_case, extension })
}

fn any_framing() -> impl Strategy<Value = Framing> {
    let body = || vec(any::<u8>(), 0..120);
    let last = select(vec!["0\r\n", "000\r\n", "0;last\r\n", "0 \r\n"]);
    prop_oneof![
        body().prop_map(Framing::Length),
        (vec(any_chunk(), 0..6), last, vec(any_line(), 0..3)).prop_map(|(chunks, last, trailers)| Framing::Chunked {
            chunks,
            last,
            trailers
        }),
        body().prop_map(Framing::UntilClose),
    ]
}

fn any_script() -> impl Strategy<Value = Script> {
    let interim = vec((select(vec![100u16, 102, 103, 199]), vec(any_line(), 0..2)), 0..3);
    let garbage = prop_oneof![3 => Just(Vec::new()), 1 => vec(any::<u8>(), 1..20)];
    let head = (
        select(vec![Method::Get, Method::Head, Method::Post, Method::Connect]),
        interim,
        select(vec![200u16, 201, 204, 206, 299, 304, 404, 500, 999]),
        0..2u8,
        select(vec![None, None, Some("close"), Some("keep-alive")]),
        vec(any_line(), 0..5),
    );
    let rest = (
        any_framing(),
        garbage,
        option::weighted(0.4, any::<Index>()),
        vec(any::<Index>(), 0..6),
        select(vec![0usize, 1, 10, 30, 65536]),
        select(vec![1usize, 7, 65536]),
    );
    (head, rest).prop_map(
        |(
            (method, interim, status, minor_version, connection, fields),
            (framing, garbage, cut, splits, whole, most),
        )| {
            // `tests/connection.rs` tests that case.
            let status = if method == Method::Connect && status == 204 { 201 } else { status };
            let garbage = if cut.is_some() { Vec::new() } else { garbage };
            Script {
                method,
                interim,
                status,
                minor_version,
                connection,
                fields,
                framing,
                garbage,
                cut,
                splits,
                whole,
                most,
            }
        },
    )
}

fn split<'a>(wire: &'a [u8], splits: &[Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = splits.iter().map(|index| index.index(wire.len() + 1)).chain([wire.len()]).collect();
    ends.sort_unstable();
    let mut start = 0;
    ends.into_iter().map(|end| &wire[std::mem::replace(&mut start, end)..end]).collect()
}

/// Generates random combinations of parts of replies. They are similar to replies, and most are invalid.
fn any_reply() -> impl Strategy<Value = Vec<u8>> {
    const PARTS: [&str; 31] = [
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 204 X\r\n",
        "HTTP/1.1 101 X\r\n",
        "HTTP/1.",
        "Content-Length: 5\r\n",
        "Content-Length: 0\r\n",
        "Content-Length: +5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: identity\n",
        "Connection: close\r\n",
        "X: y\n",
        " folded\r\n",
        "\r\n",
        "\n",
        "\r",
        "5\r\n",
        "5;x=y\r\n",
        "hello",
        "hello\r\n",
        "0\r\n",
        "0\r\n\r\n",
        "ffffffffffffffff\r\n",
        ":",
        " ",
        "\t",
        "\0",
        "é",
        "T: railer\r\n",
    ];
    let part =
        prop_oneof![9 => select(PARTS.to_vec()).prop_map(|part| part.as_bytes().to_vec()), 1 => vec(any::<u8>(), 1..4)];
    let start = prop_oneof![
        4 => Just(&b"HTTP/1.1 200 OK\r\n"[..]),
        2 => Just(&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"[..]),
        1 => Just(&b""[..]),
    ];
    (start, vec(part, 0..10)).prop_map(|(start, parts)| [start, &parts.concat()].concat())
}

fn any_target() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[/?#%a-c \\\\\"<>^`{|}é€\\[\\]@:*.]{0,24}",
        "https?://[a-c.:@/?# é\\r]{0,16}",
        "[a-z0-9.:\\[\\]-]{1,12}:[0-9]{1,6}",
        Just("*".to_owned()),
    ]
}

fn any_header() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => any::<String>(),
        6 => "[A-Za-z!#$%&'*+.^_`|~-]{1,8}:[ \t]?[ -~é€\t]{0,16}",
        1 => "[A-Z]{0,3}[ :]?[a-z\r\n\0\t]{0,6}",
        1 => select(vec!["Host: h", "Content-Length: 0", "content-length:3", "Accept:", "USER-AGENT: x", "Upgrade: y"])
            .prop_map(str::to_owned),
    ]
}

/// Removes user and password, which are not sent.
fn without_user_info(absolute: &str) -> String {
    let (scheme, rest) = absolute.split_once("://").expect("an absolute URL");
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn is_absolute(url: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn a_client_gets_what_the_model_server_says_or_the_error_where_it_says(script in any_script()) {
        let played = script.play();
        let sent = script.cut.map_or(played.wire.len(), |cut| cut.index(played.wire.len() + 1));
        let wire = &played.wire[..sent];
        let delivery =
            Delivery { pieces: split(wire, &script.splits), then_end: true, whole: script.whole, most: script.most };
        let outcome = receive(script.method, &delivery);

        let error = script.error(&played, sent);
        prop_assert_eq!(&outcome.error, &error);
        prop_assert_eq!(outcome.complete, error.is_none());
        let body: Vec<u8> = played.body.iter().filter(|&&at| at < sent).map(|&at| played.wire[at]).collect();
        prop_assert_eq!(&outcome.body, &body);
        if script.cut.is_none() {
            prop_assert_eq!(outcome.reusable, played.reusable);
        }
        if sent < played.head_end {
            prop_assert_eq!(outcome.status, None);
            return Ok(());
        }
        prop_assert_eq!(outcome.status, Some(script.status));
        let parts = |lines: &[Line]| lines.iter().map(|l| (l.name.clone(), l.value.clone())).collect::<Vec<_>>();
        prop_assert_eq!(&outcome.fields[..script.fields.len()], &parts(&script.fields)[..]);
        if let Framing::Chunked { trailers, .. } = &script.framing && script.has_body() && error.is_none() {
            prop_assert_eq!(outcome.trailers, parts(trailers));
        }
    }
}

proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn bytes_that_come_close_to_a_reply_come_to_the_same_whole_and_split(
        reply in any_reply(),
        method in select(vec![Method::Get, Method::Head, Method::Connect]),
        then_end in any::<bool>(),
    ) {
        receive_every_way(method, &reply, then_end);
    }

    #[test]
    fn random_bytes_are_not_a_response(reply in vec(any::<u8>(), 1..200)) {
        prop_assume!(!b"HTTP/1.".starts_with(&reply) && !reply.starts_with(b"HTTP/1."));
        let outcome = receive_every_way(Method::Get, &reply, true);
        prop_assert!(outcome.error.is_some());
        prop_assert_eq!(outcome.status, None);
    }
}

proptest! {
    #![proptest_config(config(2500))]

    #[test]
    fn what_is_sent_is_one_request_with_the_parts_that_were_given(
        method in select(Method::ALL.to_vec()),
        url in any_target(),
        headers in vec(any_header(), 0..4),
        body_len in select(vec![0u64, 3]),
        proxy_prefix in select(vec!["", "http://proxied:81"]),
    ) {
        let given: Vec<&str> = headers.iter().map(String::as_str).collect();
        let request =
            Request { method, url: &url, headers: &given, body_length: Some(body_len), host: "host", user_agent: "agent", proxy_prefix };
        let Ok((head, _)) = request.encode() else { return Ok(()) };

        let text = std::str::from_utf8(&head).expect("a head is text");
        prop_assert_eq!(text.find("\r\n\r\n"), Some(head.len() - 4));
        let ends = text.matches("\r\n").count();
        prop_assert_eq!((text.matches('\r').count(), text.matches('\n').count()), (ends, ends));

        let mut slots = [httparse::EMPTY_HEADER; 16];
        let mut parsed = httparse::Request::new(&mut slots);
        prop_assert_eq!(parsed.parse(&head), Ok(httparse::Status::Complete(head.len())));
        prop_assert_eq!(parsed.method, Some(method.as_str()));
        prop_assert_eq!(parsed.version, Some(1));
        prop_assert_eq!(parsed.headers.len(), ends - 2);

        let target = parsed.path.expect("a target");
        prop_assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", target);
        let without_fragment = url.split('#').next().unwrap_or_default();
        let expected = if method == Method::Options && url == "*" && !proxy_prefix.is_empty() {
            proxy_prefix.to_owned()
        } else if method == Method::Connect || (method == Method::Options && url == "*") {
            url.clone()
        } else if without_fragment.starts_with('/') {
            format!("{proxy_prefix}{without_fragment}")
        } else if is_absolute(&url) {
            without_user_info(without_fragment)
        } else {
            format!("{proxy_prefix}/{without_fragment}")
        };
        let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        prop_assert_eq!(decoded(target), decoded(&expected));

        let mut received = parsed.headers.iter().map(|field| (field.name, field.value));
        for line in &given {
            let (name, value) = line.split_once(':').expect("a colon");
            let value = value.trim_matches([' ', '\t']).as_bytes();
            prop_assert!(received.any(|field| field == (name, value)), "{:?} in this order", line);
        }
        let named = |name: &str, line: &str| line.split(':').next().unwrap_or_default().eq_ignore_ascii_case(name);
        let says_length = body_len > 0 || matches!(method, Method::Post | Method::Put | Method::Patch);
        for (name, automatic) in
            [("Host", true), ("User-Agent", true), ("Accept", true), ("Content-Length", says_length)]
        {
            let count = parsed.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name)).count();
            let by_caller = given.iter().filter(|line| named(name, line)).count();
            prop_assert_eq!(count, by_caller.max(usize::from(automatic)), "{}", name);
        }
    }

    #[test]
    fn a_query_string_is_read_back_as_the_pairs_it_was_made_of(
        pairs in vec((any::<String>(), option::of(any::<String>())), 1..6),
    ) {
        let mut query = QueryString::default();
        for (key, value) in &pairs {
            query.append(key, value.as_deref());
        }
        let text = query.finish();
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%&=".contains(&byte)), "{}", text);
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().expect("UTF-8").into_owned();
        let read: Vec<_> = text
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((key, value)) => (decoded(key), Some(decoded(value))),
                None => (decoded(pair), None),
            })
            .collect();
        prop_assert_eq!(read, pairs);
    }
}
