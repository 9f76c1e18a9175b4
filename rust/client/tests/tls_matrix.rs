//! Tests versions, keys, names and sessions with `openssl s_server` and nginx.
#![allow(missing_docs)]

mod support;
mod support_tls;

use std::collections::HashSet;

use http_client::{HttpClient, Status, TlsOptions, Verify};
use support::{get, until};
use support_tls::pki::{Authority, KEYS, Key};
use support_tls::programs::{HELLO, Nginx, NginxServer, OpenSsl};
use support_tls::{info, refusal, secured, trusting, trusting_for, try_connect};

const NAME: &str = "server.test";

fn assert_hello(client: &HttpClient, what: &str) {
    let reply = get(client, "/hello");
    assert_eq!((reply.code, reply.text(), &reply.error), (200, HELLO, &None), "{what}");
}

#[test]
fn openssl_is_understood_with_every_key_and_version() {
    let root = Authority::root("root", Key::P256);
    for key in KEYS {
        let identity = root.issue(key, &[NAME]);
        for (option, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
            let what = format!("{key:?} with {version}");
            let Some(server) = OpenSsl::start(&identity, &[option, "-alpn", "http/1.1"]) else { return };
            let client = secured("127.0.0.1", server.address, &trusting_for(&root.pem, NAME));
            let info = info(&client);
            assert_eq!((&*info.version, &*info.alpn, info.resumed), (version, "http/1.1", false), "{what}");
            assert!(!info.cipher_suite.is_empty() && !info.key_exchange.is_empty(), "{what}: {info:?}");
            assert_eq!(info.peer_certificates.len(), 1, "{what}");
            let pem = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(pem(&info.peer_certificates[0]), pem(&identity.certificate), "{what}");
            assert_hello(&client, &what);
        }
    }
}

#[test]
fn nginx_is_understood_with_every_key_and_version() {
    let root = Authority::root("root", Key::Rsa2048);
    let identities = KEYS.map(|key| root.issue(key, &[NAME]));
    let versions = ["ssl_protocols TLSv1.2;", "ssl_protocols TLSv1.3;", "ssl_protocols TLSv1.2 TLSv1.3;"];
    let cases: Vec<_> =
        identities.iter().flat_map(|identity| versions.map(|lines| NginxServer { identity, lines })).collect();
    let Some(nginx) = Nginx::start(&cases) else { return };
    for (case, address) in cases.iter().zip(&nginx.addresses) {
        let client = secured("127.0.0.1", *address, &trusting_for(&root.pem, NAME));
        let wanted = if case.lines == versions[0] { "TLSv1.2" } else { "TLSv1.3" };
        assert_eq!(info(&client).version, wanted, "{}", case.lines);
        for _ in 0..3 {
            assert_hello(&client, case.lines);
        }
    }
}

#[test]
fn tls_1_3_agrees_on_the_hybrid_key_exchange_where_the_server_has_it() {
    let server = support::server();
    let client = secured("127.0.0.1", server.https(), &trusting(server.ca_pem()));
    let info = info(&client);
    assert_eq!((&*info.version, &*info.key_exchange), ("TLSv1.3", "X25519MLKEM768"));
}

#[test]
fn the_hybrid_key_exchange_can_be_left_out() {
    let server = support::server();
    let tls = TlsOptions { without_hybrid: true, ..trusting(server.ca_pem()) };
    for _ in 0..2 {
        let client = secured("127.0.0.1", server.https(), &tls);
        let info = info(&client);
        assert_eq!(info.version, "TLSv1.3");
        if !info.resumed {
            assert_eq!(info.key_exchange, "X25519");
        }
    }
}

#[test]
fn tls_1_3_can_be_left_out() {
    let root = Authority::root("root", Key::P256);
    let identity = root.issue(Key::P256, &[NAME]);
    let tls = TlsOptions { without_tls13: true, ..trusting_for(&root.pem, NAME) };
    let Some(server) = OpenSsl::start(&identity, &[]) else { return };
    let client = secured("127.0.0.1", server.address, &tls);
    assert_eq!(info(&client).version, "TLSv1.2");
    assert_hello(&client, "TLS 1.2");
    let Some(only_13) = OpenSsl::start(&identity, &["-tls1_3"]) else { return };
    let sentence = refusal("127.0.0.1", only_13.address, &tls);
    assert_eq!(
        sentence,
        "the server does not support any TLS version that is allowed here (TLS 1.2 only); enable the project \
         setting network/tls/enable_tls_v1.3"
    );
}

#[test]
fn a_chain_with_intermediates_is_followed_to_its_root() {
    let root = Authority::root("root", Key::Rsa2048);
    let first = root.intermediate("first", Key::P384);
    let second = first.intermediate("second", Key::P256);
    let identity = second.issue(Key::Rsa2048, &[NAME]);
    let Some(server) = OpenSsl::start(&identity, &[]) else { return };
    let client = secured("127.0.0.1", server.address, &trusting_for(&root.pem, NAME));
    assert_eq!(info(&client).peer_certificates.len(), 3);
    assert_hello(&client, "openssl");
    let Some(nginx) = Nginx::start(&[NginxServer { identity: &identity, lines: "" }]) else { return };
    let client = secured("127.0.0.1", nginx.addresses[0], &trusting_for(&root.pem, NAME));
    assert_eq!(info(&client).peer_certificates.len(), 3);
    assert_hello(&client, "nginx");
}

#[test]
fn several_authorities_in_one_text_are_all_trusted() {
    let roots = ["a", "b", "c"].map(|name| Authority::root(name, Key::P256));
    let bundle: String = roots.iter().map(|root| format!("# {}\n{}", "a comment", root.pem)).collect();
    for root in &roots {
        let Some(server) = OpenSsl::start(&root.issue(Key::P256, &[NAME]), &[]) else { return };
        assert_hello(&secured("127.0.0.1", server.address, &trusting_for(&bundle, NAME)), "bundle");
    }
}

#[test]
fn a_wildcard_is_one_label() {
    let root = Authority::root("root", Key::P256);
    let Some(server) = OpenSsl::start(&root.issue(Key::P256, &["*.wild.test"]), &[]) else { return };
    for name in ["a.wild.test", "A.Wild.Test", "x-1.wild.test"] {
        secured("127.0.0.1", server.address, &trusting_for(&root.pem, name));
    }
    for name in ["wild.test", "a.b.wild.test", "wild.test.evil"] {
        let sentence = refusal("127.0.0.1", server.address, &trusting_for(&root.pem, name));
        assert_eq!(
            sentence,
            format!("the certificate is not for {name:?} but for \"*.wild.test\"; check the host name")
        );
    }
}

#[test]
fn addresses_in_a_certificate_count() {
    let root = Authority::root("root", Key::P256);
    let identity = root.issue(Key::P256, &["127.0.0.1", "::1"]);
    let Some(server) = OpenSsl::start(&identity, &[]) else { return };
    assert_hello(&secured("127.0.0.1", server.address, &trusting(&root.pem)), "127.0.0.1");
    let by_name = refusal("localhost", server.address, &trusting(&root.pem));
    assert!(by_name.starts_with("the certificate is not for \"localhost\" but for "), "{by_name}");
    assert!(by_name.contains("127.0.0.1"), "{by_name}");
    let other = root.issue(Key::P256, &["localhost", "127.0.0.2"]);
    let Some(server) = OpenSsl::start(&other, &[]) else { return };
    assert_hello(&secured("localhost", server.address, &trusting(&root.pem)), "localhost");
    assert_hello(&secured("https://localhost", server.address, &trusting(&root.pem)), "https://localhost");
    let by_address = refusal("127.0.0.1", server.address, &trusting(&root.pem));
    assert!(by_address.starts_with("the certificate is not for \"127.0.0.1\" but for "), "{by_address}");
    assert!(by_address.contains("\"localhost\"") && by_address.contains("127.0.0.2"), "{by_address}");
}

#[test]
fn another_name_can_be_wanted_than_the_hosts() {
    let root = Authority::root("root", Key::P256);
    let Some(server) = OpenSsl::start(&root.issue(Key::P256, &[NAME]), &[]) else { return };
    let sentence = refusal("localhost", server.address, &trusting(&root.pem));
    assert_eq!(sentence, "the certificate is not for \"localhost\" but for \"server.test\"; check the host name");
    let client = secured("localhost", server.address, &trusting_for(&root.pem, NAME));
    assert_hello(&client, "the name that the certificate has");
}

#[test]
fn the_name_is_sent_to_the_server() {
    let root = Authority::root("root", Key::P256);
    let (one, other) = (root.issue(Key::P256, &["one.test"]), root.issue(Key::P256, &["other.test"]));
    let certificates =
        "-cert2 other.pem -key2 other.key -servername other.test -servername_fatal".split(' ').collect::<Vec<_>>();
    // The name selects the second identity. Its files must exist before openssl reads them.
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("other.pem"), &other.certificate).unwrap();
    std::fs::write(at("other.key"), &other.key).unwrap();
    let arguments: Vec<String> = certificates
        .iter()
        .map(|&argument| {
            if argument.starts_with("other.") && argument != "other.test" { at(argument) } else { argument.to_owned() }
        })
        .collect();
    let Some(server) = OpenSsl::start(&one, &arguments.iter().map(String::as_str).collect::<Vec<_>>()) else { return };
    secured("127.0.0.1", server.address, &trusting_for(&root.pem, "other.test"));
    let sentence = refusal("127.0.0.1", server.address, &trusting_for(&root.pem, "one.test"));
    assert_eq!(sentence, "the server does not know this host name");
}

#[test]
fn the_second_connection_resumes_the_session_of_the_first() {
    let root = Authority::root("root", Key::P256);
    let identity = root.issue(Key::P256, &[NAME]);
    for option in ["-tls1_2", "-tls1_3"] {
        // Different options use a different session store.
        let tls = TlsOptions { without_tls13: option == "-tls1_2", ..trusting_for(&root.pem, NAME) };
        let Some(server) = OpenSsl::start(&identity, &[option]) else { return };
        let client = secured("127.0.0.1", server.address, &tls);
        assert!(!info(&client).resumed, "{option}: nothing to resume yet");
        assert_hello(&client, option);
        try_connect(&client, "127.0.0.1", server.address.port(), &tls).unwrap();
        assert!(info(&client).resumed, "{option}: the same client");
        assert_hello(&client, option);
        // The server handles one connection after the other.
        drop(client);
        let other = secured("127.0.0.1", server.address, &tls.clone());
        assert!(info(&other).resumed, "{option}: another client with equal options");
        assert_eq!(info(&other).peer_certificates.len(), 1, "{option}: known from the first handshake");
        assert_hello(&other, option);
        drop(other);
        let elsewhere = secured("127.0.0.1", server.address, &TlsOptions { verify: Verify::ChainOnly, ..tls });
        assert!(!info(&elsewhere).resumed, "{option}: other options share nothing");
    }
}

#[test]
fn nginx_resumes_sessions_too() {
    let root = Authority::root("root", Key::P256);
    let identity = root.issue(Key::P256, &[NAME]);
    for lines in ["ssl_protocols TLSv1.2;", "ssl_protocols TLSv1.3;"] {
        let Some(nginx) = Nginx::start(&[NginxServer { identity: &identity, lines }]) else { return };
        let tls = TlsOptions { without_tls13: lines == "ssl_protocols TLSv1.2;", ..trusting_for(&root.pem, NAME) };
        for resumed in [false, true, true] {
            let client = secured("127.0.0.1", nginx.addresses[0], &tls);
            assert_eq!(info(&client).resumed, resumed, "{lines}");
            assert_hello(&client, lines);
        }
    }
}

#[test]
fn a_large_body_comes_whole_through_every_suite() {
    let root = Authority::root("root", Key::P256);
    let identity = root.issue(Key::P256, &[NAME]);
    let mut suites = HashSet::new();
    for arguments in [
        ["-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256"],
        ["-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384"],
        ["-tls1_3", "-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
        ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
        ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"],
        ["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"],
    ] {
        let Some(server) = OpenSsl::start(&identity, &arguments) else { return };
        let body: Vec<u8> = (0..1_500_000_u32).map(|index| (index * 7 % 251) as u8).collect();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        std::fs::write(server.program.folder().join("large"), [head.as_bytes(), &body].concat()).unwrap();
        let client = secured("127.0.0.1", server.address, &trusting_for(&root.pem, NAME));
        suites.insert(info(&client).cipher_suite.clone());
        let reply = get(&client, "/large");
        assert_eq!(reply.error, None, "{arguments:?}");
        assert!(reply.body == body, "{arguments:?}");
    }
    assert_eq!(suites.len(), 6, "{suites:?}");
}

#[test]
fn what_an_unsafe_client_leaves_unchecked_it_leaves_unchecked() {
    let (root, unknown) = (Authority::root("root", Key::P256), Authority::root("unknown", Key::P256));
    let chain_only = TlsOptions { verify: Verify::ChainOnly, ..trusting(&root.pem) };
    let nothing = TlsOptions { verify: Verify::Nothing, ..TlsOptions::default() };
    let Some(server) = OpenSsl::start(&root.issue(Key::P256, &[NAME]), &[]) else { return };
    assert_hello(&secured("localhost", server.address, &chain_only), "any name, a known authority");
    assert_hello(&secured("localhost", server.address, &nothing), "anything");
    let Some(server) = OpenSsl::start(&unknown.issue(Key::P256, &["localhost"]), &[]) else { return };
    let sentence = refusal("localhost", server.address, &chain_only);
    assert!(sentence.contains("was issued by an authority that is not trusted here"), "{sentence}");
    assert_hello(&secured("localhost", server.address, &nothing), "an unknown authority");
}

#[test]
fn tls_is_polled_without_waiting_and_blocking() {
    let server = support::server();
    for blocking in [false, true] {
        let client = HttpClient::default();
        client.set_blocking_mode(blocking);
        client.connect_to_host("127.0.0.1", server.https().port().into(), true, &trusting(server.ca_pem())).unwrap();
        assert_eq!(client.status(), Status::Connecting);
        until(&client, Status::Connected);
        let reply = get(&client, "/bytes/3000000");
        assert_eq!((reply.body.len(), &reply.error), (3_000_000, &None));
        let timings = client.timings();
        assert!(timings.connect.is_some() && timings.tls.is_some() && timings.total.is_some(), "{timings:?}");
        assert_eq!(timings.dns, None, "an address needs no look-up");
    }
}
