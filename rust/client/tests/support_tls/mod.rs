//! Certificates, servers and proxies for the tests of TLS, and functions that take a client through a handshake.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses only a part")]

pub mod pki;
pub mod programs;

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use http_client::{Error, ErrorCode, HttpClient, Status, TlsInfo, TlsOptions, Trust};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use self::pki::Identity;
use crate::support::{one_connection, pause};

pub use crate::support::left_out;

/// Returns options that trust only these authorities.
pub fn trusting(pem: &str) -> TlsOptions {
    TlsOptions { trust: Trust::Pem(pem.as_bytes().into()), ..TlsOptions::default() }
}

/// Returns the same options for a server with this name that is reached by its address.
pub fn trusting_for(pem: &str, name: &str) -> TlsOptions {
    TlsOptions { name: Some(name.to_owned()), ..trusting(pem) }
}

/// Connects, and returns when that has succeeded or failed.
pub fn try_connect(client: &HttpClient, host: &str, port: u16, tls: &TlsOptions) -> Result<(), Error> {
    client.connect_to_host(host, port.into(), true, tls)?;
    let started = Instant::now();
    while client.status() != Status::Connected {
        client.poll()?;
        pause(started);
    }
    Ok(())
}

/// Returns a client that is connected with TLS.
pub fn secured(host: &str, address: SocketAddr, tls: &TlsOptions) -> HttpClient {
    let client = HttpClient::default();
    let connected = try_connect(&client, host, address.port(), tls);
    assert!(connected.is_ok(), "{connected:?} with {host} and {tls:?}");
    client
}

pub fn info(client: &HttpClient) -> Arc<TlsInfo> {
    client.tls_info().expect("a connection by TLS")
}

/// Returns the sentence of a failed handshake. All other reports of the failure must agree.
pub fn refusal(host: &str, address: SocketAddr, tls: &TlsOptions) -> String {
    let client = HttpClient::default();
    refusal_of(&client, host, address, tls)
}

pub fn refusal_of(client: &HttpClient, host: &str, address: SocketAddr, tls: &TlsOptions) -> String {
    let error = try_connect(client, host, address.port(), tls).expect_err("the handshake must fail");
    assert_eq!((error.code, client.status()), (ErrorCode::CantConnect, Status::TlsHandshakeError), "{error}");
    assert_eq!(client.error_message(), error.message);
    assert_eq!(client.tls_info(), None);
    let again = client.poll().expect_err("it stays failed");
    assert_eq!((again.code, &again.message), (ErrorCode::ConnectionError, &error.message));
    let sentence = error.message.strip_prefix("TLS: ").unwrap_or_else(|| panic!("{error}"));
    sentence.to_owned()
}

/// The TLS stream of a server in a test.
pub type Secured = StreamOwned<ServerConnection, TcpStream>;

pub fn server_config(identity: &Identity) -> Arc<ServerConfig> {
    let certificates = CertificateDer::pem_slice_iter(identity.chain().as_bytes())
        .collect::<Result<_, _>>()
        .expect("certificates in PEM text");
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key in PEM text");
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .expect("a certificate and its key");
    Arc::new(config)
}

/// Starts a server in the test for one TLS connection, which `serve` handles.
pub fn one_secured<T: Send + 'static>(
    identity: &Identity,
    serve: impl FnOnce(Secured) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let config = server_config(identity);
    one_connection(move |stream| {
        let connection = ServerConnection::new(config).expect("a connection");
        serve(StreamOwned::new(connection, stream))
    })
}

/// Reads the head of a request.
pub fn take_head_of(stream: &mut impl Read) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a whole head");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("a head is text")
}
