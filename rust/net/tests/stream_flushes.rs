//! Tests what every `Stream` does with data that it accepted and has not sent: it reports the data and sends it, even after it was dropped.
#![allow(missing_docs)]

#[path = "support/streams.rs"]
mod streams;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_net::{Interest, Stream};
use rustls::version::TLS13;
use streams::{FIXTURES, LONG, assert_arrives, every_stream, is_ready, memory, wait, write_all_that_fits};

#[test]
fn what_was_taken_arrives_although_the_stream_is_dropped_right_behind_the_write() {
    for (name, make) in FIXTURES {
        let (mut stream, mut peer) = make();
        peer.stall(true);
        let sent = write_all_that_fits(name, &mut *stream);
        drop(stream);
        peer.stall(false);
        assert_arrives(name, &mut *peer, &sent, || {});
    }
}

#[test]
fn a_flush_says_when_all_that_was_taken_is_out() {
    every_stream(|name, stream, peer| {
        assert_eq!(stream.flush().unwrap(), 0, "{name}: nothing was written");
        peer.stall(true);
        let sent = write_all_that_fits(name, stream);
        let held = stream.flush().unwrap();
        assert_eq!(held > 0, name.starts_with("TLS"), "{name}: {held} bytes");
        if held > 0 {
            assert!(!is_ready(stream, Interest::Write), "{name}: there is no room");
        }
        peer.stall(false);
        if held > 0 {
            wait(stream, Interest::Write);
        }
        assert_eq!(stream.flush().unwrap(), 0, "{name}");
        // All data reaches the peer without another call.
        assert_arrives(name, peer, &sent, || {});
    });
}

#[test]
fn what_a_peer_does_not_take_is_given_up_once_its_time_is_over() {
    let clock = Arc::new(Mutex::new(Instant::now()));
    let (mut stream, server) = memory::secured_in(&memory::context_with(&clock), &TLS13);
    server.memory.between().takes = false;
    assert_eq!(stream.write(b"hello", b"").unwrap(), 5);
    drop(stream);
    let is_kept = || Arc::strong_count(server.memory.shared()) > 1;
    assert!(is_kept(), "it is waited for");
    *clock.lock().unwrap() += Duration::from_secs(16);
    let started = Instant::now();
    while is_kept() {
        assert!(started.elapsed() < LONG, "it is kept for ever");
        std::thread::yield_now();
    }
}

#[test]
fn a_flush_counts_also_what_only_the_stream_below_holds() {
    every_stream(|name, stream, peer| {
        peer.stall(true);
        let sent = &b"hello"[..stream.write(b"he", b"llo").unwrap()];
        let held = stream.flush().unwrap();
        assert_eq!(held > 0, name.starts_with("TLS"), "{name}: {held} bytes");
        peer.stall(false);
        assert_eq!(stream.flush().unwrap(), 0, "{name}");
        assert_arrives(name, peer, sent, || {});
    });
}
