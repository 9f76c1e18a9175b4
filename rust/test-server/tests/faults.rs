//! Tests of the `raw` listener, and of the addresses without a server.

mod common;

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use common::{Client, server};

/// The time without bytes that counts as silence.
const SILENCE: Duration = Duration::from_millis(200);

fn raw(target: &str) -> Client<TcpStream> {
    let mut client = Client::connect(server().raw());
    client.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    client
}

fn is_silent(client: &mut Client<TcpStream>) -> bool {
    client.stream.set_read_timeout(Some(SILENCE)).unwrap();
    let error = client.stream.read(&mut [0; 1]).expect_err("neither bytes nor an end");
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Reads all bytes before a reset.
fn until_reset(client: &mut Client<TcpStream>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let error = client.stream.read_to_end(&mut bytes).expect_err("a reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    bytes
}

#[test]
fn a_tls_handshake_is_never_answered() {
    let mut client = Client::connect(server().raw());
    // The random bytes of a handshake can look like this: a blank line after a possible first line.
    client.send(b"\x16\x03\x01\x02\x00\x01 /hello HTTP/1.1\r\n\r\n");
    assert!(is_silent(&mut client));
}

#[test]
fn a_dictated_reply_comes_as_it_is() {
    let bytes: Vec<u8> = (0..=255).collect();
    for encoded in [URL_SAFE.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
        for split in [0, 1, 100] {
            assert_eq!(raw(&format!("/reply?b64={encoded}&close=1&split={split}")).rest(), bytes);
        }
    }
}

#[test]
fn a_dictated_reply_can_keep_the_connection_or_reset_it() {
    let encoded = URL_SAFE.encode("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let mut client = raw(&format!("/reply?b64={encoded}"));
    assert_eq!(client.reply().text(), "ok");
    client.send(format!("POST /reply?b64={encoded} HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody").as_bytes());
    assert_eq!(client.reply().text(), "ok");
    assert_eq!(client.get("/fault/unheard-of").status(), "404");
    assert_eq!(client.get("/reply?b64=!").status(), "400");
    client.send(format!("GET /reply?b64={encoded}&reset=1 HTTP/1.1\r\n\r\n").as_bytes());
    assert!(until_reset(&mut client).ends_with(b"\r\n\r\nok"));
}

#[test]
fn a_stopped_reply_is_followed_by_silence() {
    for (fault, end) in [
        ("never-answers", ""),
        ("stop-in-head", "X-Unfin"),
        ("stop-in-chunk", "\r\n100\r\nonly this"),
        ("stop-between-chunks", "\r\n\r\n5\r\nhello\r\n"),
    ] {
        let mut client = raw(&format!("/fault/{fault}"));
        let mut seen = Vec::new();
        while !seen.ends_with(end.as_bytes()) {
            seen.extend(client.exactly(1));
        }
        assert!(is_silent(&mut client), "{fault}");
    }
}

#[test]
fn a_reset_comes_in_every_phase() {
    for (fault, end) in [
        ("reset-at-once", ""),
        ("reset-in-head", "X-Unfin"),
        ("reset-in-body", "xxxx"),
        ("reset-in-chunk", "\r\n64\r\nonly this"),
    ] {
        assert!(until_reset(&mut raw(&format!("/fault/{fault}"))).ends_with(end.as_bytes()), "{fault}");
    }
}

#[test]
fn a_drip_is_a_whole_reply() {
    assert_eq!(raw("/fault/drip?ms=1").reply().text(), "hello");
}

#[test]
fn a_half_closed_connection_is_still_read() {
    let mut client = raw("/fault/half-close");
    assert!(client.rest().ends_with(b"hello"));
    client.send(&[0; 1 << 20]);
    client.stream.shutdown(Shutdown::Write).unwrap();
}

#[test]
fn an_early_413_comes_before_the_body_and_resets() {
    let mut client = Client::connect(server().raw());
    client.send(b"POST /fault/early-413 HTTP/1.1\r\nContent-Length: 1000000\r\n\r\nonly the beginning");
    assert!(until_reset(&mut client).ends_with(b"\r\n\r\ntoo large\n"));
}

#[test]
fn an_early_413_can_keep_reading() {
    let mut client = Client::connect(server().raw());
    client.send(b"POST /fault/early-413-keep-reading HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n");
    assert_eq!(client.reply().status(), "413");
    client.send(&vec![0; 10_000_000]);
    client.stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.rest(), b"");
}

#[test]
fn bytes_too_many_and_too_few_come_as_promised() {
    let mut client = raw("/fault/two-responses");
    assert_eq!((client.reply().text(), client.reply().text()), ("hello", "hello"));
    let mut client = raw("/fault/data-after-end");
    assert_eq!(client.reply().text(), "hello");
    assert_eq!(client.exactly(28), b" and this belongs to nothing");
    let cut = raw("/fault/body-cut-short").rest();
    assert!(cut.ends_with(&[b'x'; 400]) && cut.starts_with(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx"));
    let mut client = raw("/fault/idle-close?ms=50");
    assert_eq!(client.reply().text(), "hello");
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_header_can_have_megabytes() {
    let mut client = raw("/fault/megabytes-of-header?mb=2");
    let padding = 2 << 20;
    let around = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".len();
    assert!(client.exactly(padding + around).ends_with(b"\r\nContent-Length: 0\r\n\r\n"));
    assert!(is_silent(&mut client));
}

#[test]
fn endless_replies_go_on_until_the_client_ends() {
    for (fault, sign) in
        [("endless-1xx", "HTTP/1.1 103 "), ("endless-small-chunks", "1\r\nx\r\n"), ("length-max?ms=1", "x")]
    {
        let mut client = raw(&format!("/fault/{fault}"));
        let count = if fault.starts_with("length-max") { 200 } else { 1 << 20 };
        let seen = String::from_utf8(client.exactly(count)).unwrap();
        assert!(seen.matches(sign).count() > count / 200, "{fault}");
    }
    assert!(raw("/fault/length-max").head().contains("Content-Length: 9223372036854775807\r\n"));
}

#[test]
fn the_gzip_bomb_is_ten_mebibytes_of_zeros_in_a_small_body() {
    let reply = raw("/fault/gzip-bomb").reply();
    assert_eq!(reply.field("content-encoding"), Some("gzip"));
    assert!(reply.body.len() < 20_000);
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&reply.body[..]).read_to_end(&mut unpacked).unwrap();
    assert_eq!(unpacked, vec![0; 10 << 20]);
}

#[test]
fn garbage_depends_on_its_seed_alone() {
    let garbage = raw("/fault/garbage?seed=7").rest();
    assert_eq!(garbage.len(), 4096);
    assert_eq!(raw("/fault/garbage?seed=7").rest(), garbage);
    assert_ne!(raw("/fault/garbage?seed=8").rest(), garbage);
}

#[test]
fn a_server_can_speak_first() {
    let mut client = Client::connect(server().speaks_first());
    assert_eq!(client.line(), "SSH-2.0-OpenSSH_9.6\r\n");
    assert!(is_silent(&mut client));
}

#[test]
fn the_refused_port_refuses() {
    let error = TcpStream::connect(("127.0.0.1", server().refused_port())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_queue_accepts_nobody() {
    let error = TcpStream::connect_timeout(&server().never_accepts(), SILENCE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
}
