//! A stream in memory, and a TLS server at its other end. Data arrives immediately, and every byte that is read is counted.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file and the fuzz target use only a part")]

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use http_net::streams::TlsStream;
use http_net::{Context, Interest, Probe, Stream, TlsOptions, Verify, Wait};
use rustls::crypto::cipher::{MessageEncrypter, OutboundPlainMessage};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::TLS13;
use rustls::{
    ConnectionTrafficSecrets, ProtocolVersion, ServerConfig, ServerConnection, SupportedCipherSuite,
    SupportedProtocolVersion,
};

/// The data between the two ends, and counts of the calls.
#[derive(Debug)]
pub struct Between {
    pub to_client: VecDeque<u8>,
    pub to_server: Vec<u8>,
    /// Whether the server has ended its direction.
    pub ended: bool,
    /// The error of one read after the last byte. Later reads do not repeat it, as with a system.
    pub error: Option<io::ErrorKind>,
    /// Whether a write accepts data. Otherwise it returns 0.
    pub takes: bool,
    /// The error of writes.
    pub refuses: Option<io::ErrorKind>,
    /// The maximum number of bytes that one read returns.
    pub at_once: usize,
    /// The number of bytes that were read.
    pub taken: usize,
    pub reads: usize,
    pub writes: usize,
    pub waits: usize,
}

/// The client's end.
#[derive(Clone, Debug)]
pub struct Memory(Arc<Mutex<Between>>);

impl Memory {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Between {
            to_client: VecDeque::new(),
            to_server: Vec::new(),
            ended: false,
            error: None,
            takes: true,
            refuses: None,
            at_once: usize::MAX,
            taken: 0,
            reads: 0,
            writes: 0,
            waits: 0,
        })))
    }

    pub fn between(&self) -> MutexGuard<'_, Between> {
        self.0.lock().expect("no test panicked with it")
    }

    /// Returns the shared data. The number of its references shows who still uses it.
    pub fn shared(&self) -> &Arc<Mutex<Between>> {
        &self.0
    }

    pub fn send(&self, bytes: &[u8]) {
        self.between().to_client.extend(bytes);
    }
}

impl Stream for Memory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut between = self.between();
        between.reads += 1;
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = buffer.len().min(between.at_once).min(between.to_client.len());
        if count > 0 {
            for (byte, from) in buffer.iter_mut().zip(between.to_client.drain(..count)) {
                *byte = from;
            }
            between.taken += count;
            return Ok(count);
        }
        match between.error {
            Some(kind) => Err(kind.into()),
            None if between.ended => Ok(0),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize> {
        let mut between = self.between();
        between.writes += 1;
        assert!(between.writes < 1_000_000, "a stream that takes nothing is asked for ever");
        if let Some(kind) = between.refuses {
            return Err(kind.into());
        }
        if !between.takes {
            return Ok(0);
        }
        between.to_server.extend_from_slice(head);
        between.to_server.extend_from_slice(body);
        Ok(head.len() + body.len())
    }

    fn probe(&mut self) -> io::Result<Probe> {
        let between = self.between();
        match between.error {
            _ if !between.to_client.is_empty() => Ok(Probe::Data),
            Some(kind) => Err(kind.into()),
            None if between.ended => Ok(Probe::End),
            None => Ok(Probe::Quiet),
        }
    }

    fn wait_for(&self, interest: Interest, wait: &mut Wait) {
        let mut between = self.between();
        between.waits += 1;
        let is_readable = !between.to_client.is_empty() || between.error.is_some() || between.ended;
        // Memory has no file descriptor. Only the test can change its state, and it asks again.
        let is_ready = match interest {
            Interest::Read => is_readable,
            Interest::Write => between.takes,
            Interest::Both => is_readable || between.takes,
        };
        if is_ready {
            wait.now();
        } else {
            wait.ask_again(Duration::from_millis(1));
        }
    }
}

/// The server's end of TLS.
pub struct Server {
    pub connection: ServerConnection,
    pub memory: Memory,
}

impl Server {
    /// Creates a server with this TLS version and the changes of a test.
    pub fn new(version: &'static SupportedProtocolVersion, change: impl FnOnce(&mut ServerConfig)) -> Self {
        Self::with_provider(aws_lc_rs::default_provider(), version, change)
    }

    fn with_provider(
        provider: CryptoProvider,
        version: &'static SupportedProtocolVersion,
        change: impl FnOnce(&mut ServerConfig),
    ) -> Self {
        static IDENTITY: LazyLock<(CertificateDer<'static>, Vec<u8>)> = LazyLock::new(|| {
            let made = rcgen::generate_simple_self_signed(vec!["server.test".to_owned()]).expect("a certificate");
            (made.cert.der().clone(), made.signing_key.serialize_der())
        });
        let (certificate, key) = &*IDENTITY;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.clone()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .expect("a certificate and its key");
        change(&mut config);
        let mut connection = ServerConnection::new(Arc::new(config)).expect("a connection");
        connection.set_buffer_limit(None);
        Self { connection, memory: Memory::new() }
    }

    /// Processes the data from the client, and sends pending data. Returns `false` if the client's records are not accepted.
    pub fn pump(&mut self) -> bool {
        let received = std::mem::take(&mut self.memory.between().to_server);
        let mut rest = &received[..];
        let mut accepted = true;
        while !rest.is_empty() && accepted {
            accepted = self.connection.read_tls(&mut rest).is_ok_and(|count| count > 0)
                && self.connection.process_new_packets().is_ok();
        }
        let mut sent = Vec::new();
        while self.connection.wants_write() && self.connection.write_tls(&mut sent).is_ok_and(|count| count > 0) {}
        self.memory.send(&sent);
        accepted
    }

    /// Sends these bytes in separate records.
    pub fn send(&mut self, bytes: &[u8]) {
        self.connection.writer().write_all(bytes).expect("there is room");
        self.pump();
    }

    pub fn send_close_notify(&mut self) {
        self.connection.send_close_notify();
        self.pump();
    }

    /// Sends a fatal alert, as after a record that was changed in transit.
    pub fn send_alert(&mut self) {
        self.pump();
        self.memory.between().to_server.extend([23, 3, 3, 0, 32]);
        self.memory.between().to_server.extend([7; 32]);
        assert!(!self.pump(), "nobody encrypted this");
    }

    /// Returns the received plaintext.
    pub fn received(&mut self) -> Vec<u8> {
        self.pump();
        let mut plain = Vec::new();
        let mut part = [0; 4096];
        while let Ok(count) = self.connection.reader().read(&mut part) {
            if count == 0 {
                break;
            }
            plain.extend_from_slice(&part[..count]);
        }
        plain
    }
}

/// A server that sends any records with correct encryption. It no longer reads.
pub struct Records {
    encrypter: Box<dyn MessageEncrypter>,
    sequence: u64,
    pub memory: Memory,
}

impl Records {
    /// Returns both ends after a handshake with TLS 1.3.
    pub fn secured() -> (TlsStream, Self) {
        // The other cipher suites require the records in order.
        let cipher_suites = vec![aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256];
        let provider = CryptoProvider { cipher_suites, ..aws_lc_rs::default_provider() };
        let (client, server) =
            joined(Server::with_provider(provider, &TLS13, |config| config.enable_secret_extraction = true));
        let Some(SupportedCipherSuite::Tls13(suite)) = server.connection.negotiated_cipher_suite() else {
            panic!("no suite of TLS 1.3");
        };
        let secrets = server.connection.dangerous_extract_secrets().expect("it was allowed");
        let (sequence, secrets) = secrets.tx;
        let (key, iv) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv }
            | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
            | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (key, iv),
            _ => panic!("an unknown suite"),
        };
        (client, Self { encrypter: suite.aead_alg.encrypter(key, iv), sequence, memory: server.memory })
    }

    /// Sends a record with this type of contents.
    pub fn send(&mut self, kind: u8, contents: &[u8]) {
        let version = ProtocolVersion::TLSv1_3;
        let message = OutboundPlainMessage { typ: kind.into(), version, payload: contents.into() };
        let record = self.encrypter.encrypt(message, self.sequence).expect("a record");
        self.sequence += 1;
        self.memory.send(&record.encode());
    }
}

/// The shortest session ticket (RFC 8446 §4.6.1).
pub const TICKET: [u8; 18] = [4, 0, 0, 14, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 1, 7, 0, 0];

/// Creates a client that accepts any certificate and has not started the handshake.
pub fn client(memory: &Memory) -> TlsStream {
    client_over(Context::shared(), Box::new(memory.clone()))
}

fn client_over(context: &Context, below: Box<dyn Stream>) -> TlsStream {
    let options = TlsOptions { verify: Verify::Nothing, ..TlsOptions::default() };
    TlsStream::start(context, below, "server.test", &options).expect("a configuration")
}

/// Returns both ends after the handshake, over a stream that `make` creates from the memory.
pub fn secured_over(make: impl FnOnce(Memory) -> Box<dyn Stream>) -> (TlsStream, Server) {
    let server = Server::new(&TLS13, |_| {});
    let client = client_over(Context::shared(), make(server.memory.clone()));
    shaken_hands(client, server)
}

/// Returns both ends after the handshake.
pub fn secured(version: &'static SupportedProtocolVersion) -> (TlsStream, Server) {
    secured_with(version, |_| {})
}

/// Creates a context with the time of the test.
pub fn context_with(clock: &Arc<Mutex<Instant>>) -> Context {
    let clock = clock.clone();
    Context::new(move || *clock.lock().expect("no test panicked with it"), None)
}

/// Returns both ends after the handshake in this context.
pub fn secured_in(context: &Context, version: &'static SupportedProtocolVersion) -> (TlsStream, Server) {
    let server = Server::new(version, |_| {});
    let client = client_over(context, Box::new(server.memory.clone()));
    shaken_hands(client, server)
}

pub fn secured_with(
    version: &'static SupportedProtocolVersion,
    change: impl FnOnce(&mut ServerConfig),
) -> (TlsStream, Server) {
    joined(Server::new(version, change))
}

fn joined(server: Server) -> (TlsStream, Server) {
    let client = client(&server.memory);
    shaken_hands(client, server)
}

fn shaken_hands(mut client: TlsStream, mut server: Server) -> (TlsStream, Server) {
    for _ in 0..1000 {
        let done = client.handshake().expect("a handshake");
        assert!(server.pump(), "the client speaks TLS");
        if done && !server.connection.is_handshaking() {
            return (client, server);
        }
    }
    panic!("the handshake does not come to an end");
}
