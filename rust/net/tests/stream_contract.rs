//! Tests the rules of `Stream` with all streams: TCP, memory, TLS of both versions, and one from outside this project. `stream_flushes`
//! tests data that was written and not sent yet.
#![allow(missing_docs)]

#[path = "support/streams.rs"]
mod streams;

use std::io::{self, Write};
use std::time::Instant;

use http_net::streams::TlsStream;
use http_net::{Interest, Probe, Stream};
use rustls::version::{TLS12, TLS13};
use streams::memory::{self, Records, Server, TICKET, secured, secured_with};
use streams::{LONG, assert_quiet, every_stream, is_ready, read, read_exactly, until_found, wait};

#[test]
fn bytes_behind_a_read_that_filled_its_buffer_are_found() {
    every_stream(|name, stream, peer| {
        assert_quiet(name, stream);
        for size in [5, 4, 1] {
            peer.send(b"hello");
            peer.send(b"world");
            read_exactly(stream, &b"hello"[..size]);
            assert_eq!(until_found(stream).unwrap(), Probe::Data, "{name}, {size} bytes were read");
            read_exactly(stream, &b"helloworld"[size..]);
            assert_quiet(name, stream);
        }
    });
}

#[test]
fn an_end_behind_the_last_bytes_is_found_and_stays() {
    for size in [5, 4, 100] {
        every_stream(|name, stream, peer| {
            peer.send(b"hello");
            peer.end();
            if size <= 5 {
                read_exactly(stream, &b"hello"[..size]);
                read_exactly(stream, &b"hello"[size..]);
            } else {
                read_exactly(stream, b"hello");
            }
            for _ in 0..3 {
                assert_eq!(until_found(stream).unwrap(), Probe::End, "{name}");
                assert_eq!(read(stream, 10).unwrap(), b"", "{name}");
            }
        });
    }
}

#[test]
fn after_the_end_of_one_direction_the_other_goes_on() {
    every_stream(|name, stream, peer| {
        peer.send(b"hello");
        peer.end();
        read_exactly(stream, b"hello");
        assert_eq!(stream.write(b"GET ", b"/").unwrap(), 5, "{name}: before the end was read");
        assert_eq!(peer.received(), b"GET /", "{name}");
        assert_eq!(read(stream, 10).unwrap(), b"", "{name}");
        assert_eq!(stream.write(b"more", b"").unwrap(), 4, "{name}: after it was read");
        assert_eq!(peer.received(), b"more", "{name}");
        assert_eq!(until_found(stream).unwrap(), Probe::End, "{name}");
    });
}

#[test]
fn an_alert_or_a_reset_behind_the_last_bytes_is_found_and_stays() {
    every_stream(|name, stream, peer| {
        peer.send(b"hello");
        peer.break_off();
        read_exactly(stream, b"hello");
        until_found(stream).expect_err(name);
        for _ in 0..3 {
            let error = read(stream, 10).expect_err(name);
            assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "{name}");
            stream.probe().expect_err(name);
        }
    });
}

#[test]
fn an_alert_that_was_left_behind_is_found_by_a_read_alone() {
    every_stream(|name, stream, peer| {
        peer.send(b"hello");
        peer.break_off();
        read_exactly(stream, b"hell");
        read_exactly(stream, b"o");
        read(stream, 10).expect_err(name);
        read(stream, 10).expect_err(name);
    });
}

#[test]
fn an_empty_buffer_gets_nothing_and_loses_nothing() {
    every_stream(|name, stream, peer| {
        assert_eq!(stream.read(&mut []).unwrap(), 0, "{name}, quiet");
        assert_quiet(name, stream);
        peer.send(b"hello");
        assert_eq!(until_found(stream).unwrap(), Probe::Data, "{name}");
        assert_eq!(stream.read(&mut []).unwrap(), 0, "{name}, with bytes");
        read_exactly(stream, b"hello");
        peer.end();
        assert_eq!(until_found(stream).unwrap(), Probe::End, "{name}");
        assert_eq!(stream.read(&mut []).unwrap(), 0, "{name}, at the end");
    });
}

#[test]
fn what_is_there_is_not_waited_for() {
    every_stream(|name, stream, peer| {
        let started = Instant::now();
        peer.send(b"hello");
        peer.send(b"world");
        read_exactly(stream, b"hello");
        wait(stream, Interest::Read);
        wait(stream, Interest::Both);
        read_exactly(stream, b"world");
        peer.end();
        assert_eq!(until_found(stream).unwrap(), Probe::End, "{name}");
        wait(stream, Interest::Read);
        assert_eq!(read(stream, 10).unwrap(), b"", "{name}");
        wait(stream, Interest::Read);
        assert!(started.elapsed() < LONG, "{name}");
    });
}

#[test]
fn an_empty_write_takes_nothing_and_says_so() {
    every_stream(|name, stream, peer| {
        assert_eq!(stream.write(b"", b"").unwrap(), 0, "{name}");
        assert_eq!(stream.write(b"", b"hello").unwrap(), 5, "{name}");
        assert_eq!(peer.received(), b"hello", "{name}");
    });
}

#[test]
fn tls_does_not_ask_a_stream_for_ever_that_takes_nothing() {
    for version in [&TLS12, &TLS13] {
        let (mut stream, mut server) = secured(version);
        server.memory.between().takes = false;
        assert_eq!(stream.write(b"hello", b"").unwrap(), 5, "one piece is kept");
        assert_eq!(stream.write(b"world", b"").unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(stream.probe().unwrap(), Probe::Quiet);
        server.send(b"answer");
        read_exactly(&mut stream, b"answer");
        server.memory.between().takes = true;
        assert_eq!(stream.write(b"world", b"").unwrap(), 5);
        assert_eq!(server.received(), b"helloworld");
    }
}

#[test]
fn what_a_server_answered_before_it_was_gone_is_read_after_a_write_that_failed() {
    for version in [&TLS12, &TLS13] {
        let (mut stream, mut server) = secured(version);
        server.send(b"too large");
        server.memory.between().refuses = Some(io::ErrorKind::BrokenPipe);
        assert_eq!(stream.write(b"hello", b"").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(stream.probe().unwrap(), Probe::Data);
        read_exactly(&mut stream, b"too large");
        assert_eq!(stream.read(&mut [0; 10]).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn a_wait_does_not_go_below_while_a_whole_record_waits() {
    let (mut stream, mut server) = secured(&TLS13);
    server.send(b"hello");
    server.send(b"world");
    read_exactly(&mut stream, b"hello");
    assert!(is_ready(&stream, Interest::Read));
    assert_eq!(server.memory.between().waits, 0);
    read_exactly(&mut stream, b"world");
    assert!(!is_ready(&stream, Interest::Read));
    assert_eq!(server.memory.between().waits, 1, "nothing is there any more");
}

/// The maximum number of bytes that one call may read from the stream below: twice the size of one read.
const TAKEN_PER_CALL: usize = 128 * 1024;

/// The maximum number of bytes that one call processes in addition to those it returns: two records.
const WORKED_OFF_PER_CALL: usize = 40 * 1024;

#[test]
fn one_call_works_off_a_bounded_part_of_a_flood_of_session_tickets() {
    let (mut stream, mut server) = Records::secured();
    let tickets = TICKET.repeat(10);
    while server.memory.between().to_client.len() < 4_000_000 {
        server.send(22, &tickets);
        // Only padding.
        server.send(0, &[&[23][..], &[0; 400]].concat());
    }
    server.send(23, b"hello");
    let flood = server.memory.between().to_client.len();
    let mut calls = 0;
    let mut buffer = vec![0; 16 * 1024 * 1024];
    let mut taken = server.memory.between().taken;
    let count = loop {
        let result = if calls % 2 == 0 { stream.read(&mut buffer) } else { probed(&mut stream) };
        calls += 1;
        let now = server.memory.between().taken;
        assert!(now - taken <= TAKEN_PER_CALL, "{} bytes in one call", now - taken);
        taken = now;
        match result {
            Ok(0) => {}
            Ok(count) => break count,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
        }
        assert!(is_ready(&stream, Interest::Read), "the rest is not slept away");
    };
    assert_eq!(&buffer[..count], b"hello", "what comes behind it is not lost");
    assert!(calls > flood / WORKED_OFF_PER_CALL, "{calls} calls for {flood} bytes");
}

#[test]
fn handshake_messages_that_never_end_end_the_connection() {
    // 20,000 tickets. The last ticket in each record is incomplete.
    let (mut stream, mut server) = secured_with(&TLS13, |config| config.send_tls13_tickets = 20_000);
    server.send(b"hello");
    let flood = server.memory.between().to_client.len();
    assert!(flood > 1_000_000, "{flood}");
    let error = loop {
        match stream.read(&mut [0; 100]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => break result.unwrap_err(),
        }
    };
    assert_eq!(error.to_string(), "the server does not stop sending handshake messages");
    assert!(server.memory.between().taken < 2 * TAKEN_PER_CALL, "it is not kept");
}

/// Probes the stream, with the result of a read of 0 bytes.
fn probed(stream: &mut TlsStream) -> io::Result<usize> {
    stream.probe().map(|_| 0)
}

#[test]
fn one_call_takes_a_bounded_part_of_a_flood_of_tiny_records() {
    for version in [&TLS12, &TLS13] {
        let (mut stream, mut server) = secured(version);
        for _ in 0..100_000 {
            server.connection.writer().write_all(b"x").unwrap();
        }
        server.pump();
        let mut buffer = vec![0; 1024 * 1024];
        let (mut total, mut pauses) = (0, 0);
        let mut taken = server.memory.between().taken;
        while total < 100_000 {
            match stream.read(&mut buffer) {
                Ok(count) => total += count,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    // A loop of reads is interrupted, and can continue immediately.
                    pauses += 1;
                    assert!(is_ready(&stream, Interest::Read));
                }
            }
            let now = server.memory.between().taken;
            assert!(now - taken <= TAKEN_PER_CALL, "{} bytes in one call", now - taken);
            taken = now;
        }
        assert_eq!(total, 100_000);
        assert!(pauses > 10, "{pauses}");
    }
}

#[test]
fn a_large_body_in_large_records_is_read_in_one_call() {
    let (mut stream, mut server) = secured(&TLS13);
    let body: Vec<u8> = (0..4_000_000_u32).map(|index| (index * 7 % 251) as u8).collect();
    server.send(&body);
    let mut buffer = vec![0; body.len()];
    assert_eq!(stream.read(&mut buffer).unwrap(), body.len());
    assert!(buffer == body);
}

#[test]
fn a_handshake_takes_a_long_chain_in_bounded_parts() {
    for version in [&TLS12, &TLS13] {
        let mut server = Server::new(version, |config| {
            let made = rcgen::generate_simple_self_signed(
                (0..500).map(|n| format!("name-{n}.server.test")).collect::<Vec<_>>(),
            )
            .unwrap();
            let key = made.signing_key.serialize_der();
            let provider = rustls::crypto::aws_lc_rs::default_provider();
            let key = provider
                .key_provider
                .load_private_key(rustls::pki_types::PrivatePkcs8KeyDer::from(key).into())
                .unwrap();
            let chain = vec![made.cert.der().clone(); 4];
            assert!(chain.iter().map(|certificate| certificate.len()).sum::<usize>() > 40 * 1024);
            let certified = rustls::sign::CertifiedKey::new(chain, key);
            config.cert_resolver = std::sync::Arc::new(rustls::sign::SingleCertAndKey::from(certified));
        });
        let mut stream = memory::client(&server.memory);
        server.memory.between().at_once = 4096;
        let mut most = 0;
        for calls in 0.. {
            assert!(calls < 1000, "it does not come to an end");
            let before = server.memory.between().taken;
            let done = stream.handshake().unwrap();
            most = most.max(server.memory.between().taken - before);
            assert!(server.pump());
            if done {
                break;
            }
        }
        assert!(most <= 32 * 1024, "{most} bytes in one call");
        server.send(b"hello");
        read_exactly(&mut stream, b"hello");
    }
}

#[test]
fn who_waits_for_room_is_not_woken_by_bytes_that_nobody_takes() {
    for version in [&TLS12, &TLS13] {
        let (mut stream, mut server) = memory::secured(version);
        stream.probe().expect("tickets, if anything");
        server.memory.between().takes = false;
        stream.write(&[], &[7; 1000]).expect("it is encrypted");
        server.send(b"hello");
        assert_eq!(stream.write(&[], &[7; 1000]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(!is_ready(&stream, Interest::Write), "there is no room");
        assert!(is_ready(&stream, Interest::Read));
        server.memory.between().takes = true;
        assert!(is_ready(&stream, Interest::Write));
    }
}
