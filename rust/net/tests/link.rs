//! Tests whole exchanges in memory: a link at one end, a scripted server at the other, without sockets or threads, on the clock of the
//! test.
#![allow(missing_docs)]

mod support;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http_net::{
    Body, Context, ErrorKind, Host, Link, Method, Over, PeerError, Phase, Proxy, Request, Route, TlsOptions, memory,
};
use support::{Fed, Outcome, Scene, Slow};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn outcome(status: u16, body: &str, trailers: &[&str]) -> Outcome {
    Outcome { status, body: body.into(), trailers: trailers.iter().map(|&line| line.to_owned()).collect() }
}

/// Returns replies, their outcomes, and whether the connection can be used again.
fn replies() -> Vec<(&'static str, Outcome, bool)> {
    vec![
        ("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world", outcome(200, "hello world", &[]), true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n",
            outcome(200, "hello world", &["X-Sum: 1"]),
            true,
        ),
        ("HTTP/1.1 204 No Content\r\n\r\n", outcome(204, "", &[]), true),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone",
            outcome(404, "gone", &[]),
            true,
        ),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", outcome(200, "ok", &[]), false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", outcome(200, "ok", &[]), false),
    ]
}

struct Breaks;

impl io::Read for Breaks {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        panic!("as it should");
    }
}

#[test]
fn a_body_whose_reader_panics_fails_the_request_and_the_connection_serves_no_other() {
    for length in [None, Some(5)] {
        let mut scene = Scene::new();
        scene.begin(Method::Post, "/", &[], Body::Reader { reader: Box::new(Breaks), length }).unwrap();
        let error = scene.head().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::RequestBody(sentence) if sentence.contains("panicked")), "{error:?}");
        assert!(!scene.link.is_sending() && !scene.link.is_idle());
    }
}

#[test]
fn a_request_goes_where_its_link_leads_and_nowhere_else() {
    let route = |host: &str, proxy: Option<&str>| {
        let proxy = proxy.map(|proxy| Arc::new(Proxy::parse(proxy, 3128).unwrap()));
        Arc::new(Route::new(Host::parse(host, -1, false).unwrap(), proxy, &TlsOptions::default()))
    };
    let request = |url| Request { method: Method::Get, url, headers: &[], user_agent: "" };
    for (route, url, start) in [
        (route("http://a.test", None), "/", "GET / HTTP/1.1\r\nHost: a.test\r\n"),
        (route("http://a.test:81", None), "/", "GET / HTTP/1.1\r\nHost: a.test:81\r\n"),
        (route("http://a.test", Some("user:one@proxy")), "/", "GET http://a.test:80/ HTTP/1.1\r\nHost: a.test\r\n"),
    ] {
        let now = Instant::now();
        let (near, far) = memory::pair(1000);
        let mut link = Link::along(route, Context::shared().clone(), Box::new(near), now);
        link.begin(&request(url), Body::empty(), now).unwrap();
        let sent = String::from_utf8(far.take()).unwrap();
        assert!(sent.starts_with(start), "{sent}");
    }
}

#[test]
fn a_reply_comes_to_the_same_at_every_split() {
    for (reply, expected, serves_on) in replies() {
        for split in 0..reply.len() {
            let (before, behind) = reply.as_bytes().split_at(split);
            let mut scene = Scene::requested();
            let mut received = Outcome::default();
            scene.server.push(before);
            assert!(!scene.receive(&mut received).unwrap(), "{reply:?} is not over after {split} bytes");
            assert!(!scene.is_ready(), "{reply:?}: all of {split} bytes was received");
            scene.server.push(behind);
            assert!(scene.is_ready());
            assert!(scene.receive(&mut received).unwrap(), "{reply:?} is over");
            assert_eq!(
                (&received, scene.link.is_idle()),
                (&expected, serves_on),
                "{reply:?}, split after {split} bytes"
            );
        }
    }
}

#[test]
fn a_reply_comes_to_the_same_byte_by_byte() {
    for (reply, expected, serves_on) in replies() {
        let mut scene = Scene::requested();
        let mut received = Outcome::default();
        for (index, byte) in reply.bytes().enumerate() {
            scene.server.push(&[byte]);
            assert_eq!(scene.receive(&mut received).unwrap(), index + 1 == reply.len(), "{reply:?} after byte {index}");
        }
        assert_eq!((received, scene.link.is_idle()), (expected, serves_on), "{reply:?}");
    }
}

#[test]
fn a_body_until_the_end_comes_to_the_same_at_every_split() {
    let reply = b"HTTP/1.1 200 OK\r\n\r\nuntil the end";
    for split in 0..=reply.len() {
        let mut scene = Scene::requested();
        let mut received = Outcome::default();
        scene.server.push(&reply[..split]);
        assert!(!scene.receive(&mut received).unwrap());
        scene.server.push(&reply[split..]);
        scene.server.finish();
        while !scene.receive(&mut received).unwrap() {}
        assert_eq!(received, outcome(200, "until the end", &[]), "split after {split} bytes");
        assert_eq!(scene.link.over_because(), Some(Over::EndedWithBody));
    }
}

#[test]
fn chunks_that_are_asked_for_whole_come_whole_at_every_split() {
    let reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    for split in 0..reply.len() {
        let mut scene = Scene::requested();
        let mut chunks: Vec<Vec<u8>> = Vec::new();
        for part in [&reply[..split], &reply[split..]] {
            scene.server.push(part);
            let now = scene.clock.now();
            if !scene.link.is_in_body() && scene.head().unwrap().is_none() {
                continue;
            }
            while let Some(piece) = scene.link.read_chunk::<Vec<u8>>(64, false, now).unwrap() {
                let is_end = piece.is_empty();
                let chunk = scene.link.give_out(piece, now);
                if is_end || !scene.link.is_in_body() {
                    chunks.extend((!chunk.is_empty()).then_some(chunk));
                    break;
                }
                chunks.push(chunk);
            }
        }
        assert_eq!(chunks, [&b"hello"[..], b" world"], "split after {split} bytes");
        assert!(scene.link.is_idle());
    }
}

#[test]
fn one_link_serves_one_exchange_after_the_other() {
    let mut scene = Scene::new();
    for round in 0..50 {
        let head = scene.get(&format!("/{round}"));
        assert!(head.starts_with(&format!("GET /{round} HTTP/1.1\r\nHost: server.test\r\n")), "{head}");
        assert_eq!(scene.link.bytes_sent(), head.len() as u64);
        for (reply, expected, serves_on) in replies() {
            if !serves_on {
                continue;
            }
            if scene.link.is_idle() {
                scene.get("/");
            }
            scene.server.push(reply.as_bytes());
            let mut received = Outcome::default();
            assert!(scene.receive(&mut received).unwrap());
            assert_eq!(received, expected);
        }
    }
}

/// Decodes a chunked request body by reading it with another link.
fn decoded(wire: &[u8]) -> Vec<u8> {
    let mut scene = Scene::new();
    let reply = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", wire].concat();
    let received = scene.exchange(&reply);
    assert!(scene.link.is_idle(), "nothing is left");
    received.body
}

/// Sends the whole request through a stream with this much space, and returns its head and body as received.
fn sent(room: usize, headers: &[&str], body: Body) -> (String, Vec<u8>) {
    let mut scene = Scene::with_room(room);
    scene.begin(Method::Put, "/", headers, body).unwrap();
    let mut wire = scene.server.take();
    let mut calls = 0;
    while scene.link.is_sending() {
        scene.link.send(scene.clock.now());
        wire.extend(scene.server.take());
        calls += 1;
        assert!(calls < 1_000_000, "it does not get on");
    }
    wire.extend(scene.server.take());
    assert_eq!(scene.link.bytes_sent(), wire.len() as u64);
    let end = wire.windows(4).position(|window| window == b"\r\n\r\n").expect("a head") + 4;
    let body = wire.split_off(end);
    (String::from_utf8(wire).unwrap(), body)
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32).flat_map(|index| index.wrapping_mul(0x9E37_79B9).to_le_bytes()).take(length).collect()
}

#[test]
fn an_upload_arrives_whole_whatever_it_is_read_from_and_however_little_room_there_is() {
    for (length, rooms) in [(0, &[1, 100][..]), (1, &[1, 100]), (3000, &[1, 7, 4096]), (300_000, &[1000, 1 << 20])] {
        let bytes = pattern(length);
        for &room in rooms {
            let whole = Body::Bytes(Box::new(bytes.clone()));
            let (head, body) = sent(room, &[], whole);
            assert!(head.contains(&format!("\r\nContent-Length: {length}\r\n")), "{head}");
            assert!(body == bytes);
            for size in [11, 70_000] {
                let known = Body::Reader { reader: Box::new(Slow::new(&bytes, size)), length: Some(length as u64) };
                let (head, body) = sent(room, &[], known);
                assert!(head.contains(&format!("\r\nContent-Length: {length}\r\n")), "{head}");
                assert!(body == bytes, "{length} bytes in pieces of {size} through {room}");

                let unknown = Body::Reader { reader: Box::new(Slow::new(&bytes, size)), length: None };
                let (head, body) = sent(room, &[], unknown);
                assert!(head.contains("\r\nTransfer-Encoding: chunked\r\n"), "{head}");
                assert!(!head.contains("Content-Length"), "{head}");
                assert!(decoded(&body) == bytes, "{length} bytes in pieces of {size} through {room}");
            }
        }
    }
}

#[test]
fn a_body_that_has_nothing_yet_keeps_nobody_awake_and_the_head_does_not_wait_for_it() {
    for length in [Some(4), None] {
        let mut scene = Scene::new();
        let fed = Fed::default();
        let reader = Box::new(fed.clone());
        scene.begin(Method::Post, "/", &[], Body::Reader { reader, length }).unwrap();
        assert!(scene.server.take().ends_with(b"\r\n\r\n"), "the head, and no more");
        assert!(!scene.is_ready(), "the stream has room, but that is not what is waited for");
        let longest = scene.wait().longest(scene.clock.now()).expect("the reader is asked again");
        assert!(longest <= Duration::from_millis(10), "{longest:?}");
        for (piece, is_end) in [(&b"bo"[..], false), (b"dy", true)] {
            scene.link.send(scene.clock.now());
            assert_eq!(scene.server.take(), b"", "nothing yet");
            fed.give(piece, is_end);
            scene.link.send(scene.clock.now());
            let wire = scene.server.take();
            assert!(wire.windows(2).any(|window| window == piece), "{}", wire.escape_ascii());
        }
        assert!(!scene.link.is_sending());
        assert_eq!(scene.wait().longest(scene.clock.now()), None, "only the response is waited for");
    }
}

#[test]
fn after_an_early_success_the_rest_of_the_upload_is_sent_before_the_link_serves_on() {
    let bytes = pattern(5000);
    for reply in [
        OK,
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ] {
        let mut scene = Scene::with_room(1000);
        scene.begin(Method::Post, "/", &[], Body::Bytes(Box::new(bytes.clone()))).unwrap();
        let mut wire = scene.server.take();
        scene.server.push(reply.as_bytes());
        let mut received = Outcome::default();
        let mut rounds = 0;
        while !scene.receive(&mut received).unwrap() {
            assert!(!scene.link.is_idle());
            let error = scene.begin(Method::Get, "/", &[], Body::empty()).expect_err("an exchange runs");
            assert!(error.is_misuse(), "{error}");
            wire.extend(scene.server.take());
            rounds += 1;
            assert!(rounds < 100);
        }
        wire.extend(scene.server.take());
        assert!(rounds >= 3, "the upload did not fit");
        assert!(wire.ends_with(&bytes), "{reply:?}");
        assert_eq!(received.body, if reply.contains("ok") { &b"ok"[..] } else { b"" });
        assert_eq!(scene.exchange(OK.as_bytes()), outcome(200, "ok", &[]));
    }
}

#[test]
fn after_an_early_refusal_with_a_close_the_rest_is_not_sent() {
    let mut scene = Scene::with_room(1000);
    scene.begin(Method::Post, "/", &[], Body::Bytes(Box::new(pattern(5000)))).unwrap();
    let sent = scene.server.take().len();
    scene.server.push(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
    let mut received = Outcome::default();
    while !scene.receive(&mut received).unwrap() {}
    assert_eq!(received, outcome(413, "no", &[]));
    // The bytes that the same call wrote before it read the response are already sent.
    assert!(sent + scene.server.take().len() <= 2000);
    let error = scene.begin(Method::Get, "/", &[], Body::empty()).expect_err("the rest is missing");
    assert!(matches!(error.kind(), ErrorKind::NotReusable(_)), "{error:?}");
}

#[test]
fn a_server_is_silent_from_its_last_byte_on_and_not_before_the_limit() {
    const LIMIT: Duration = Duration::from_secs(30);
    let mut scene = Scene::requested();
    scene.clock.pass(LIMIT / 2);
    scene.server.push(b"HTTP/1.1 ");
    assert!(scene.step(LIMIT).unwrap().is_none());
    assert_eq!(scene.link.silent_at(LIMIT), Some(scene.clock.now() + LIMIT));
    scene.clock.pass(LIMIT - Duration::from_nanos(1));
    assert!(scene.step(LIMIT).unwrap().is_none(), "a moment before");
    scene.clock.pass(Duration::from_nanos(1));
    let error = scene.step(LIMIT).unwrap_err();
    assert!(error.is_timeout() && error.has_response_begun());
    assert_eq!(error.phase(), Phase::Request);
    assert!(matches!(error.kind(), ErrorKind::Timeout { limit: LIMIT, hop: None, .. }), "{error:?}");
}

#[test]
fn a_process_that_stood_still_has_what_came_meanwhile() {
    const LIMIT: Duration = Duration::from_secs(30);
    let mut scene = Scene::requested();
    scene.clock.pass(LIMIT * 10);
    scene.server.push(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
    assert!(scene.step(LIMIT).unwrap().is_some(), "it is there, however late");
    scene.clock.pass(LIMIT * 10);
    scene.server.push(b"ha");
    assert_eq!(scene.read().unwrap(), b"ha");
    scene.link.check_silence(Some(LIMIT), scene.clock.now()).expect("something came just now");
    scene.clock.pass(LIMIT * 10);
    scene.server.push(b"lf");
    assert_eq!(scene.read().unwrap(), b"lf");
    assert!(scene.link.is_idle());
}

#[test]
fn without_a_limit_nothing_is_ever_too_long() {
    let mut scene = Scene::requested();
    scene.clock.pass(Duration::from_secs(1_000_000_000));
    scene.link.check_silence(None, scene.clock.now()).expect("there is no limit");
    scene.link.check_silence(Some(Duration::MAX), scene.clock.now()).expect("the clock does not go so far");
}

#[test]
fn a_link_with_leftovers_takes_no_other_request() {
    let leftovers = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    for split in [0, 5] {
        let mut scene = Scene::requested();
        // The bytes follow the response, in the same packet or in a separate one.
        scene.server.push(&[OK.as_bytes(), &leftovers.as_bytes()[..split]].concat());
        let mut received = Outcome::default();
        assert!(scene.receive(&mut received).unwrap());
        scene.server.push(&leftovers.as_bytes()[split..]);
        let error = scene.begin(Method::Get, "/second", &[], Body::empty()).expect_err("whose answer would that be?");
        match error.kind() {
            ErrorKind::Unsolicited(PeerError::Unsolicited { .. }) if split == 0 => {}
            // The bytes were found with the end of the body, which ended the connection.
            ErrorKind::NotReusable(Over::Unsolicited) if split > 0 => {}
            _ => panic!("{error:?}"),
        }
        assert_eq!((error.phase(), error.has_response_begun()), (Phase::Idle, false));
        assert_eq!(scene.server.take(), b"", "nothing was sent");
        let again = scene.begin(Method::Get, "/third", &[], Body::empty()).expect_err("nor later");
        assert!(!again.is_misuse(), "{again:?}");
    }
}

#[test]
fn what_was_said_before_a_request_is_no_answer_to_it() {
    let mut scene = Scene::new();
    scene.server.push(b"220 mail.test ESMTP\r\n");
    let error = scene.begin(Method::Get, "/", &[], Body::empty()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unsolicited(_)), "{error:?}");
    assert_eq!(scene.server.take(), b"");
}

#[test]
fn bytes_of_another_protocol_come_first_what_was_received_and_then_what_comes() {
    let mut scene = Scene::new();
    scene.begin(Method::Get, "/", &["Connection: Upgrade", "Upgrade: echo"], Body::empty()).unwrap();
    scene.server.take();
    scene.server.push(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst");
    assert!(scene.head().unwrap().is_some() && scene.link.is_switched());
    let mut buffer = [0; 3];
    let mut raw = scene.link.raw();
    assert_eq!((raw.available(), raw.read(&mut buffer).unwrap(), &buffer), (5, 3, b"fir"));
    assert_eq!((raw.read(&mut buffer).unwrap(), &buffer[..2]), (2, &b"st"[..]));
    scene.server.push(b"x");
    assert_eq!(raw.read(&mut buffer).unwrap(), 1);
    assert_eq!(raw.write(b"hello").unwrap(), 5);
    assert_eq!(scene.server.take(), b"hello");
    scene.server.finish();
    assert_eq!(raw.read(&mut buffer).unwrap(), 0);
}

#[test]
fn what_is_held_and_what_has_failed_is_not_waited_for() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    let mut scene = Scene::in_body(&format!("{head}hello"));
    assert!(scene.is_ready(), "the body's start came with the head");
    let mut room = [0; 2];
    assert_eq!(scene.link.receive(&mut room, scene.clock.now()).unwrap().bytes, 2);
    assert!(scene.is_ready(), "there was no room for the rest");
    assert_eq!(scene.read().unwrap(), b"llo");
    assert!(!scene.is_ready(), "the other half has not come");

    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut scene = Scene::in_body(&format!("{chunked}5\r\nhello\r\n3"));
    assert_eq!(scene.read().unwrap(), b"hello");
    assert_eq!(scene.read().unwrap(), b"");
    assert!(!scene.is_ready(), "half a line is nothing to do");
    scene.server.push(b"\r\nabc\r\nno size\r\n");
    assert_eq!(scene.read().unwrap(), b"abc");
    assert!(scene.is_ready(), "a failure is behind these bytes");
    scene.read().unwrap_err();
}

#[test]
fn raw_bytes_are_neither_taken_from_a_response_nor_put_into_a_request() {
    let mut scene = Scene::with_room(100);
    scene.begin(Method::Post, "/", &[], Body::Bytes(Box::new([b'x'; 1000]))).unwrap();
    scene.server.take();
    assert_eq!(scene.link.raw().write(b"between").unwrap_err().kind(), io::ErrorKind::Other);
    scene.server.push(OK.as_bytes());
    assert_eq!(scene.link.raw().read(&mut [0; 100]).unwrap_err().kind(), io::ErrorKind::Other);
    assert_eq!(scene.link.raw().available(), 0);
    assert_eq!(scene.head().unwrap().expect("the whole head").head.status, 200);
}

/// Returns a different length each time.
struct Growing(AtomicUsize);

impl AsRef<[u8]> for Growing {
    fn as_ref(&self) -> &[u8] {
        &[b'x'; 10][..self.0.fetch_add(1, Ordering::Relaxed).min(10)]
    }
}

#[test]
fn a_body_that_changes_its_length_is_an_error_and_not_the_start_of_another_request() {
    let mut scene = Scene::new();
    scene.begin(Method::Post, "/", &[], Body::Bytes(Box::new(Growing(AtomicUsize::new(2))))).unwrap();
    assert_eq!(scene.server.take(), b"", "none of it is sent");
    let error = scene.head().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::RequestBody(_)), "{error}");
}
