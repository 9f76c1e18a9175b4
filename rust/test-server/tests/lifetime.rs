//! Tests of TLS, of the end of a server, and of the program.

mod common;

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;

use common::{Client, server};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, RootCertStore, StreamOwned};
use test_server::TestServer;

fn config(versions: &[&'static rustls::SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server().ca_pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

fn connect(config: &Arc<ClientConfig>, name: &'static str) -> Client<StreamOwned<ClientConnection, TcpStream>> {
    let name = ServerName::try_from(name).unwrap();
    let session = ClientConnection::new(Arc::clone(config), name).unwrap();
    Client::over(StreamOwned::new(session, Client::connect(server().https()).stream))
}

#[test]
fn both_versions_of_tls_serve_all_names_with_alpn() {
    for (version, expected) in
        [(&rustls::version::TLS12, ProtocolVersion::TLSv1_2), (&rustls::version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        for name in ["localhost", "127.0.0.1", "::1"] {
            let mut client = connect(&config(&[version]), name);
            assert_eq!(client.get("/hello").text(), "Hello from the embedded server.\n");
            assert_eq!(client.get("/chunked/1000000").body.len(), 1_000_000);
            assert_eq!(client.get("/bytes/1000000").body.len(), 1_000_000);
            assert_eq!(client.stream.conn.protocol_version(), Some(expected));
            assert_eq!(client.stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        }
    }
}

#[test]
fn a_second_tls_connection_resumes_the_first() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let config = config(&[version]);
        for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut client = connect(&config, "localhost");
            client.get("/hello");
            assert_eq!(client.stream.conn.handshake_kind(), Some(expected), "{version:?}");
        }
    }
}

#[test]
fn tls_ends_with_a_close_notify() {
    let mut client = connect(&config(rustls::ALL_VERSIONS), "localhost");
    client.get("/close");
    // Without a `close_notify`, this read would return an error.
    assert_eq!(client.rest(), b"");
}

#[test]
fn hyper_serves_over_tls_too() {
    let name = ServerName::try_from("localhost").unwrap();
    let session = ClientConnection::new(config(rustls::ALL_VERSIONS), name).unwrap();
    let mut client = Client::over(StreamOwned::new(session, Client::connect(server().hyper_tls()).stream));
    assert_eq!(client.get("/hello").text(), "Hello from the embedded server.\n");
    assert_eq!(client.get("/bytes/1000000").body.len(), 1_000_000);
}

#[test]
fn a_dropped_server_ends_its_connections_and_its_ports() {
    let server = TestServer::start().unwrap();
    let mut idle = Client::connect(server.http());
    let mut stuck = Client::connect(server.raw());
    idle.get("/hello");
    stuck.send(b"GET /fault/never-answers HTTP/1.1\r\n\r\n");
    let address = server.http();
    drop(server);
    assert_eq!(idle.rest(), b"");
    // The connection ends normally or with a reset, depending on whether the server had read the request.
    let _ = stuck.stream.read_to_end(&mut Vec::new());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn the_program_prints_its_addresses_and_ends_with_its_input() {
    let ca_file = std::env::temp_dir().join(format!("test-server-root-{}.pem", std::process::id()));
    let mut program = Command::new(env!("CARGO_BIN_EXE_test-server"))
        .arg("--ca-file")
        .arg(&ca_file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let printed: serde_json::Value = serde_json::from_str(&line).unwrap();
    for name in ["http", "https", "hyper", "hyper_tls", "raw", "speaks_first", "never_accepts", "refused"] {
        printed[name].as_str().unwrap().parse::<std::net::SocketAddr>().unwrap();
    }
    let address = printed["http"].as_str().unwrap().parse().unwrap();
    assert_eq!(Client::connect(address).get("/hello").status(), "200");
    assert!(std::fs::read_to_string(&ca_file).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    drop(program.stdin.take());
    assert!(program.wait().unwrap().success());
    assert!(!ca_file.exists());
}
