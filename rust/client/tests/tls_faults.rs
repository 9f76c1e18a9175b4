//! Tests servers that do not use TLS, stop during the handshake, or end the connection incorrectly.
#![allow(missing_docs)]

mod support;
mod support_tls;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use http_client::{ErrorCode, HttpClient, Settings, Status, TlsOptions, Verify};
use support::{drain, get, one_connection, until};
use support_tls::pki::{Authority, Key};
use support_tls::programs::{Nginx, NginxServer, OpenSsl};
use support_tls::{one_secured, refusal, refusal_of, secured, take_head_of, trusting_for};

const NAME: &str = "server.test";

fn any_certificate() -> TlsOptions {
    TlsOptions { verify: Verify::Nothing, ..TlsOptions::default() }
}

#[test]
fn a_server_that_speaks_plain_http_is_recognized() {
    for reply in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"HTTP/1.0 400 Bad"] {
        let (address, server) = one_connection(|mut stream| {
            let mut start = [0; 5];
            stream.read_exact(&mut start).unwrap();
            stream.write_all(reply).unwrap();
            drain(&mut stream);
            start
        });
        assert_eq!(
            refusal("127.0.0.1", address, &any_certificate()),
            "the server answered in plain HTTP; it does not use TLS on this port"
        );
        assert_eq!(server.join().unwrap()[..2], [22, 3], "a handshake record was sent");
    }
}

#[test]
fn a_server_that_speaks_something_else_is_recognized() {
    let sentence = refusal("127.0.0.1", support::server().speaks_first(), &any_certificate());
    assert_eq!(sentence, "the server's answer is not TLS; check the port, and whether the server uses TLS there");
}

#[test]
fn a_server_that_ends_the_connection_during_the_handshake_is_recognized() {
    let (address, server) = one_connection(|mut stream| {
        let mut hello = [0; 100];
        stream.read_exact(&mut hello).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        drain(&mut stream);
    });
    assert_eq!(
        refusal("127.0.0.1", address, &any_certificate()),
        "the server closed the connection during the handshake"
    );
    server.join().unwrap();
    let (address, server) = one_connection(drop);
    let sentence = refusal("127.0.0.1", address, &any_certificate());
    assert!(
        sentence == "the server closed the connection during the handshake"
            || sentence.starts_with("the connection broke during the handshake: "),
        "{sentence}"
    );
    server.join().unwrap();
}

#[test]
fn a_handshake_that_stands_still_is_given_up_after_the_connect_timeout() {
    const TIMEOUT: Duration = Duration::from_secs(1);
    for blocking in [false, true] {
        let settings = Settings { blocking, connect_timeout: Some(TIMEOUT), ..Settings::default() };
        let client = HttpClient::new(settings);
        let (address, server) = one_connection(|mut stream| drain(&mut stream));
        let tls = any_certificate();
        let started = Instant::now();
        let sentence = refusal_of(&client, "127.0.0.1", address, &tls);
        let passed = started.elapsed();
        assert_eq!(sentence, "the handshake was not complete in 1 s (connect_timeout)");
        assert!(passed >= TIMEOUT && passed < TIMEOUT * 10, "{passed:?}");
        assert!(server.join().unwrap() > 0);
    }
}

#[test]
fn a_server_of_old_versions_only_is_recognized() {
    let root = Authority::root("root", Key::Rsa2048);
    let identity = root.issue(Key::Rsa2048, &[NAME]);
    for version in ["-tls1", "-tls1_1"] {
        let Some(server) = OpenSsl::start(&identity, &[version, "-cipher", "ALL:@SECLEVEL=0"]) else { return };
        let sentence = refusal("127.0.0.1", server.address, &trusting_for(&root.pem, NAME));
        assert_eq!(
            sentence,
            "the server does not support any TLS version that is allowed here (TLS 1.2 and 1.3); it is probably \
             outdated",
            "{version}"
        );
    }
}

#[test]
fn a_server_with_old_ciphers_only_is_recognized() {
    let root = Authority::root("root", Key::Rsa2048);
    let identity = root.issue(Key::Rsa2048, &[NAME]);
    let tls = trusting_for(&root.pem, NAME);
    let expected = "the server and this client have no cipher or key exchange in common; the server is probably \
        outdated";
    for cipher in ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-RSA-AES128-SHA"] {
        let Some(server) = OpenSsl::start(&identity, &["-tls1_2", "-cipher", cipher]) else { return };
        assert_eq!(refusal("127.0.0.1", server.address, &tls), expected, "{cipher}");
    }
    let lines = "ssl_protocols TLSv1.2; ssl_ciphers AES128-SHA;";
    let Some(nginx) = Nginx::start(&[NginxServer { identity: &identity, lines }]) else { return };
    assert_eq!(refusal("127.0.0.1", nginx.addresses[0], &tls), expected, "nginx");
    // There is no common group either.
    let Some(server) = OpenSsl::start(&identity, &["-tls1_3", "-groups", "X448"]) else { return };
    assert_eq!(refusal("127.0.0.1", server.address, &tls), expected, "X448");
}

#[test]
fn a_server_that_wants_a_certificate_of_the_client_is_recognized() {
    let root = Authority::root("root", Key::P256);
    let identity = root.issue(Key::P256, &[NAME]);
    let Some(server) = OpenSsl::start(&identity, &["-tls1_2", "-Verify", "1"]) else { return };
    let sentence = refusal("127.0.0.1", server.address, &trusting_for(&root.pem, NAME));
    assert!(
        sentence == "the server requires a client certificate, which is not supported"
            || sentence
                == "the server and this client have no cipher or key exchange in common; the server is \
                probably outdated",
        "{sentence}"
    );
}

#[test]
fn a_key_that_is_not_the_certificates_is_noticed_even_unchecked() {
    // The certificate of one server with the key of another, as an attacker in the middle would have.
    let root = Authority::root("root", Key::P256);
    let own = root.issue(Key::P256, &[NAME]);
    let (address, server) = one_connection(move |mut stream| {
        use std::sync::Arc;

        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        let shown = CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(Key::P256.generate().serialize_pem().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = provider.key_provider.load_private_key(key).unwrap();
        let certified = Arc::new(rustls::sign::CertifiedKey::new(vec![shown], key));
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
        let mut connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        connection.complete_io(&mut stream).is_err()
    });
    let sentence = refusal("127.0.0.1", address, &any_certificate());
    assert_eq!(
        sentence,
        "the server does not have the private key of its certificate; someone may be intercepting \
        the connection"
    );
    assert!(server.join().unwrap(), "the server learns that it failed");
}

#[test]
fn a_body_with_a_length_needs_no_close_notify() {
    let root = Authority::root("root", Key::P256);
    let (address, server) = one_secured(&root.issue(Key::P256, &[NAME]), |mut stream| {
        take_head_of(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
        stream.flush().unwrap();
    });
    let client = secured("127.0.0.1", address, &trusting_for(&root.pem, NAME));
    let reply = get(&client, "/");
    assert_eq!((reply.text(), &reply.error, reply.status), ("hello", &None, Status::Connected));
    server.join().unwrap();
    let started = Instant::now();
    let error = loop {
        match client.poll() {
            Ok(()) => support::pause(started),
            Err(error) => break error,
        }
    };
    assert_eq!((error.code, client.status()), (ErrorCode::ConnectionError, Status::ConnectionError));
}

#[test]
fn a_body_until_the_end_of_the_connection_needs_close_notify() {
    let root = Authority::root("root", Key::P256);
    for is_polite in [true, false] {
        let (address, server) = one_secured(&root.issue(Key::P256, &[NAME]), move |mut stream| {
            take_head_of(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello").unwrap();
            if is_polite {
                stream.conn.send_close_notify();
            }
            stream.flush().unwrap();
        });
        let client = secured("127.0.0.1", address, &trusting_for(&root.pem, NAME));
        let reply = get(&client, "/");
        assert_eq!(reply.text(), "hello", "what came is delivered");
        if is_polite {
            assert_eq!((&reply.error, reply.status), (&None, Status::Disconnected));
        } else {
            assert!(reply.failure().contains("without TLS's close_notify"), "{}", reply.failure());
        }
        server.join().unwrap();
    }
}

#[test]
fn closing_sends_close_notify() {
    let root = Authority::root("root", Key::P256);
    for by_drop in [false, true] {
        let (address, server) = one_secured(&root.issue(Key::P256, &[NAME]), |mut stream| {
            // rustls reports an end without close_notify as an error.
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).map(|_| rest)
        });
        let client = secured("127.0.0.1", address, &trusting_for(&root.pem, NAME));
        if by_drop {
            drop(client);
        } else {
            client.close();
            assert_eq!(client.tls_info(), None);
        }
        assert_eq!(server.join().unwrap().unwrap(), b"");
    }
}

#[test]
fn a_server_that_ends_tls_while_idle_is_noticed_by_poll() {
    let root = Authority::root("root", Key::P256);
    let (address, server) = one_secured(&root.issue(Key::P256, &[NAME]), |mut stream| {
        take_head_of(&mut stream);
        stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        drain(&mut stream.sock)
    });
    let client = secured("127.0.0.1", address, &trusting_for(&root.pem, NAME));
    assert_eq!(get(&client, "/").code, 204);
    let started = Instant::now();
    let error = loop {
        match client.poll() {
            Ok(()) => support::pause(started),
            Err(error) => break error,
        }
    };
    assert_eq!(error.message, "the server closed the idle connection; connect again");
    server.join().unwrap();
}

#[test]
fn records_that_were_changed_on_the_way_end_the_connection() {
    let root = Authority::root("root", Key::P256);
    let (address, server) = one_secured(&root.issue(Key::P256, &[NAME]), |mut stream| {
        take_head_of(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").unwrap();
        stream.flush().unwrap();
        // A record of application data that is not encrypted.
        let forged = [&[23, 3, 3, 0, 40][..], &[7; 40]].concat();
        stream.sock.write_all(&forged).unwrap();
        drain(&mut stream.sock)
    });
    let client = secured("127.0.0.1", address, &trusting_for(&root.pem, NAME));
    let reply = get(&client, "/");
    assert_eq!(reply.text(), "hello", "what came before is delivered");
    assert!(!reply.failure().is_empty());
    server.join().unwrap();
}

#[test]
fn random_bytes_instead_of_a_handshake_never_hang_or_panic() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..40 {
        let mut bytes = vec![0_u8; 200];
        for byte in &mut bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state as u8;
        }
        if round % 2 == 0 {
            // The header of a record with a handshake message.
            bytes[..5].copy_from_slice(&[22, 3, 3, 0, 195]);
        }
        let (address, server) = one_connection(move |mut stream| {
            let mut hello = [0; 100];
            stream.read_exact(&mut hello).unwrap();
            stream.write_all(&bytes).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            drain(&mut stream);
        });
        let sentence = refusal("127.0.0.1", address, &any_certificate());
        assert!(!sentence.is_empty());
        server.join().unwrap();
    }
}

#[test]
fn a_reply_in_records_of_one_byte_is_read_like_any_other() {
    let root = Authority::root("root", Key::P256);
    let (address, server) = one_secured(&root.issue(Key::P256, &[NAME]), |mut stream| {
        for _ in 0..2 {
            take_head_of(&mut stream);
            for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" {
                stream.write_all(&[*byte]).unwrap();
                stream.flush().unwrap();
            }
        }
    });
    let client = secured("127.0.0.1", address, &trusting_for(&root.pem, NAME));
    for _ in 0..2 {
        let reply = get(&client, "/");
        assert_eq!((reply.text(), &reply.error), ("hello", &None));
        until(&client, Status::Connected);
    }
    server.join().unwrap();
}

/// Sends the bytes of each part in separate records, all in one write.
fn send_at_once(stream: &mut support_tls::Secured, parts: &[&[u8]], close_notify: bool) {
    let mut wire = Vec::new();
    for part in parts {
        stream.conn.writer().write_all(part).unwrap();
        while stream.conn.wants_write() {
            stream.conn.write_tls(&mut wire).unwrap();
        }
    }
    if close_notify {
        stream.conn.send_close_notify();
        stream.conn.write_tls(&mut wire).unwrap();
    }
    stream.sock.write_all(&wire).unwrap();
}

#[test]
fn a_second_response_in_a_record_of_its_own_answers_no_request() {
    let root = Authority::root("root", Key::P256);
    for blocking in [false, true] {
        let (go, wait) = std::sync::mpsc::channel();
        let (address, server) = one_secured(&root.issue(Key::P256, &[NAME]), move |mut stream| {
            take_head_of(&mut stream);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").unwrap();
            stream.flush().unwrap();
            wait.recv().unwrap();
            send_at_once(&mut stream, &[b"world", b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nplanted"], false);
            drain(&mut stream.sock)
        });
        let client = secured("127.0.0.1", address, &trusting_for(&root.pem, NAME));
        support::request_until_body(&client, "/");
        let started = Instant::now();
        let mut body = Vec::new();
        while body.len() < 5 {
            body.extend(client.read_response_body_chunk::<Vec<u8>>().unwrap());
            support::pause(started);
        }
        // The rest fits into the buffer exactly, so that the second record is left.
        go.send(()).unwrap();
        client.set_blocking_mode(blocking);
        let (rest, error) = support::read_body(&client);
        body.extend(rest);
        assert_eq!((&*body, error), (&b"helloworld"[..], None));
        let error = client.request(http_client::Method::Get, "/next", &[], support::no_body()).unwrap_err();
        assert!(error.message.contains("HTTP/1.1 200 OK"), "{error}");
        assert!(error.message.contains("without a request"), "{error}");
        assert_eq!(client.status(), Status::ConnectionError);
        server.join().unwrap();
    }
}

#[test]
fn an_end_in_a_record_of_its_own_is_noticed_before_the_next_request() {
    let root = Authority::root("root", Key::P256);
    let (address, server) = one_secured(&root.issue(Key::P256, &[NAME]), |mut stream| {
        take_head_of(&mut stream);
        send_at_once(&mut stream, &[b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b"hello"], true);
        drain(&mut stream.sock)
    });
    let client = secured("127.0.0.1", address, &trusting_for(&root.pem, NAME));
    assert_eq!(get(&client, "/").text(), "hello");
    let error = client.request(http_client::Method::Get, "/next", &[], support::no_body()).unwrap_err();
    assert_eq!(error.message, "the server closed the idle connection; connect again");
    drop(client);
    server.join().unwrap();
}

#[test]
fn a_goodbye_with_the_last_bytes_after_a_switch_of_protocols_lets_writing_go_on() {
    let root = Authority::root("root", Key::P256);
    let (address, server) = one_secured(&root.issue(Key::P256, &[NAME]), |mut stream| {
        take_head_of(&mut stream);
        let head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n";
        send_at_once(&mut stream, &[head, b"hello"], true);
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        answer
    });
    let client = std::sync::Arc::new(secured("127.0.0.1", address, &trusting_for(&root.pem, NAME)));
    let headers = ["Upgrade: echo", "Connection: Upgrade"];
    client.request(http_client::Method::Get, "/", &headers, support::no_body()).unwrap();
    until(&client, Status::Connected);
    let raw = http_client::RawConnection::of(&client).unwrap();
    let started = Instant::now();
    let read = |size: usize| loop {
        let mut buffer = vec![0; size];
        match raw.read(&mut buffer) {
            Ok(count) => break buffer[..count].to_vec(),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
        support::pause(started);
    };
    assert_eq!(read(5), b"hello");
    assert_eq!(raw.write(b"more").unwrap(), 4);
    assert_eq!(server.join().unwrap(), *b"more");
    assert_eq!(read(5), b"", "the end");
}

#[test]
fn a_reset_in_the_handshake_is_said_without_a_number() {
    let (address, server) = one_connection(|mut stream| {
        stream.read_exact(&mut [0; 100]).unwrap();
        reset(stream);
    });
    let sentence = refusal("127.0.0.1", address, &any_certificate());
    assert_eq!(sentence, "the connection broke during the handshake: connection reset");
    server.join().unwrap();
}

/// Resets a connection.
fn reset(stream: std::net::TcpStream) {
    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

#[test]
fn a_server_that_wants_a_second_handshake_is_told_apart() {
    let root = Authority::root("root", Key::P256);
    let identity = root.issue(Key::P256, &[NAME]);
    let Some((server, mut keyboard)) = OpenSsl::start_with_keyboard(&identity, &["-tls1_2"]) else { return };
    let client = secured("127.0.0.1", server.address, &trusting_for(&root.pem, NAME));
    client.request(http_client::Method::Get, "/", &[], support::no_body()).unwrap();
    let started = Instant::now();
    let error = loop {
        keyboard.write_all(b"R\n").unwrap();
        match client.poll() {
            Ok(()) => support::pause(started),
            Err(error) => break error,
        }
    };
    assert!(error.message.contains("a second handshake in the middle of the connection (renegotiation)"), "{error}");
}

/// Serves one connection after the other: with TLS, or by aborting the handshake as specified.
fn serve_in_turn(
    identity: &support_tls::pki::Identity,
    turns: Vec<Turn>,
) -> (std::net::SocketAddr, std::thread::JoinHandle<usize>) {
    let config = support_tls::server_config(identity);
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let mut served = 0;
        for turn in turns {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
            served += 1;
            match turn {
                Turn::Serve => {
                    let connection = rustls::ServerConnection::new(config.clone()).unwrap();
                    let mut stream = rustls::StreamOwned::new(connection, stream);
                    take_head_of(&mut stream);
                    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").unwrap();
                    stream.flush().unwrap();
                    // Wait until the client has closed the connection.
                    let _ = stream.read(&mut [0]);
                }
                Turn::Alert(level) => {
                    stream.read_exact(&mut [0; 100]).unwrap();
                    stream.write_all(&[21, 3, 3, 0, 2, 2, level]).unwrap();
                    stream.shutdown(std::net::Shutdown::Write).unwrap();
                    drain(&mut stream);
                }
                Turn::Reset => {
                    stream.read_exact(&mut [0; 100]).unwrap();
                    reset(stream);
                }
            }
        }
        served
    });
    (address, thread)
}

enum Turn {
    Serve,
    Alert(u8),
    Reset,
}

#[test]
fn a_session_that_a_server_refuses_is_forgotten_and_the_handshake_made_without() {
    let root = Authority::root("root", Key::P256);
    for without_tls13 in [true, false] {
        for refusal in [Turn::Alert(40), Turn::Alert(20), Turn::Alert(47), Turn::Reset] {
            let turns = vec![Turn::Serve, refusal, Turn::Serve, Turn::Serve];
            let (address, server) = serve_in_turn(&root.issue(Key::P256, &[NAME]), turns);
            let tls = TlsOptions { without_tls13, ..trusting_for(&root.pem, NAME) };
            for (index, resumed) in [false, false, true].into_iter().enumerate() {
                let client = secured("127.0.0.1", address, &tls);
                let info = support_tls::info(&client);
                assert_eq!(info.resumed, resumed, "{index}");
                assert_eq!(get(&client, "/").text(), "hello");
            }
            assert_eq!(server.join().unwrap(), 4);
        }
    }
}

#[test]
fn a_server_that_refuses_every_handshake_is_tried_once_more_and_no_oftener() {
    let root = Authority::root("root", Key::P256);
    let turns = vec![Turn::Serve, Turn::Reset, Turn::Alert(80), Turn::Alert(80)];
    let (address, server) = serve_in_turn(&root.issue(Key::P256, &[NAME]), turns);
    let tls = trusting_for(&root.pem, NAME);
    assert_eq!(get(&secured("127.0.0.1", address, &tls), "/").text(), "hello");
    let sentence = refusal("127.0.0.1", address, &tls);
    assert_eq!(sentence, "the server aborted the handshake (alert InternalError)");
    // No session is offered any more, so there is no second attempt without it.
    let sentence = refusal("127.0.0.1", address, &tls);
    assert_eq!(sentence, "the server aborted the handshake (alert InternalError)");
    assert_eq!(server.join().unwrap(), 4);
}
