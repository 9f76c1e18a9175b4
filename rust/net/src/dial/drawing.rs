//! Compares the diagram of the steps with the steps that are actually taken.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection};

use super::*;
use crate::address::Host;
use crate::proxy::Proxy;
use crate::tls::Verify;

const STEPS: [&str; 6] = ["Resolving", "Connecting", "Tunnelling", "AwaitingConfig", "Handshake", "a link"];

#[test]
fn the_steps_follow_each_other_as_they_are_drawn_and_in_no_other_way() {
    let everybody = |_: &str| Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))]);
    let context = Arc::new(Context::new(Instant::now, Some(Box::new(everybody))));
    let (plain, secured, proxy) = (serve(|_| {}), serve_tls(), serve(grant_tunnel));
    let mut seen = BTreeSet::new();
    let mut go = |port: u16, secure: bool, proxy: Option<u16>| {
        let host = Host::parse("localhost", port.into(), secure).unwrap();
        let proxy = proxy.map(|port| Proxy::choose("127.0.0.1", port.into()).unwrap().unwrap());
        // TLS 1.2 issues the session within the handshake.
        let tls = TlsOptions { verify: Verify::Nothing, without_tls13: true, ..TlsOptions::default() };
        let route = Arc::new(Route::new(host, proxy, &tls));
        let now = context.now();
        follow(Dial::start(&context, route, None, "test".into(), now).unwrap(), now, &mut seen)
    };
    assert!(go(plain, false, None), "over TCP");
    assert!(go(secured, true, None), "over TLS");
    // The server aborts the second handshake, which offers the session of the first.
    assert!(go(secured, true, None), "over TLS, in a second attempt");
    // The proxy cannot reach that server.
    assert!(!go(secured, true, Some(proxy)), "through a tunnel");

    let drawn = drawn();
    let missing: Vec<_> = seen.difference(&drawn).collect();
    let untrue: Vec<_> = drawn.difference(&seen).collect();
    assert!(missing.is_empty() && untrue.is_empty(), "not drawn: {missing:?}; drawn, but never seen: {untrue:?}");
}

/// Takes all steps, each of which takes a millisecond. Returns whether they led to a link.
fn follow(mut dial: Dial, began: Instant, seen: &mut BTreeSet<(&'static str, &'static str)>) -> bool {
    let mut now = began;
    loop {
        let before = name_of(&dial.step);
        now += Duration::from_millis(1);
        match dial.take_step(now) {
            Ok(Outcome::Pending(step)) => {
                assert_eq!(name_of(&step), before, "what waits stays where it is");
                dial.step = step;
                thread::yield_now();
            }
            Ok(Outcome::Next(step)) => {
                seen.insert((before, name_of(&step)));
                dial.step = step;
            }
            Ok(Outcome::Made(_)) => {
                seen.insert((before, "a link"));
                let Timings { dns, connect, tls, .. } = dial.timings;
                let told: Duration = [dns, connect, tls].into_iter().flatten().sum();
                assert_eq!(told, now - began, "no time is left out, nor in the wrong phase twice");
                return true;
            }
            Err(_) => return false,
        }
    }
}

fn name_of(step: &Step) -> &'static str {
    match step {
        Step::Resolving(_) => "Resolving",
        Step::Connecting(_) => "Connecting",
        Step::Tunnelling(_) => "Tunnelling",
        Step::AwaitingConfig { .. } => "AwaitingConfig",
        Step::Handshake(_) => "Handshake",
        Step::Over => "Over",
    }
}

/// Reads the lines `STEP ──▶ STEP` at the top of the module.
fn drawn() -> BTreeSet<(&'static str, &'static str)> {
    let named = |text: &str| STEPS.into_iter().find(|step| text.trim_start().starts_with(step));
    let lines = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("//!")?.split_once("──▶"));
    lines.map(|(from, to)| (named(from).expect(from), named(to).expect(to))).collect()
}

fn serve(mut answer: impl FnMut(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().for_each(|peer| answer(peer.unwrap())));
    port
}

/// Completes the handshake with every client except the second.
fn serve_tls() -> u16 {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_no_client_auth().with_single_cert(vec![certificate.into()], key).unwrap();
    let config = Arc::new(config);
    let mut count = 0;
    serve(move |mut peer| {
        count += 1;
        if count == 2 {
            let _ = peer.read(&mut [0; 4096]);
            return;
        }
        let mut connection = ServerConnection::new(config.clone()).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut peer).unwrap();
        }
    })
}

fn grant_tunnel(mut peer: TcpStream) {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        peer.read_exact(&mut byte).unwrap();
        asked.extend(byte);
    }
    peer.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
}
