//! Tests that the dates of certificates and the lifetimes of sessions use the clock of the context.
#![allow(missing_docs)]

#[path = "support/tls_memory.rs"]
mod memory;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use http_net::streams::TlsStream;
use http_net::{Context, Stream, TlsOptions, Trust};
use memory::Server;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::ProducesTickets;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, SupportedProtocolVersion};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A client and a server with the date of the test.
struct World {
    context: Context,
    date: Arc<Mutex<SystemTime>>,
    options: TlsOptions,
    certified: Arc<rustls::sign::CertifiedKey>,
    tickets: Arc<dyn ProducesTickets>,
}

impl World {
    /// The server's certificate is valid in February of 2100.
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::new(vec!["server.test".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2100, 2, 1);
        params.not_after = rcgen::date_time_ymd(2100, 3, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let der = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
        let key = aws_lc_rs::default_provider().key_provider.load_private_key(der).unwrap();
        let certified = Arc::new(rustls::sign::CertifiedKey::new(vec![certificate.der().clone()], key));
        let trust = Trust::Pem(certificate.pem().into_bytes().into());
        let date = Arc::new(Mutex::new(SystemTime::UNIX_EPOCH));
        let clock = date.clone();
        let context = Context::new(Instant::now, None).with_wall_clock(move || *clock.lock().unwrap());
        let options = TlsOptions { trust, ..TlsOptions::default() };
        Self { context, date, options, certified, tickets: aws_lc_rs::Ticketer::new().unwrap() }
    }

    /// Sets the date to this number of days after the beginning of the year 2100.
    fn set_date(&self, days: u32) {
        *self.date.lock().unwrap() = SystemTime::UNIX_EPOCH + Duration::from_secs(4_102_444_800) + days * DAY;
    }

    fn connect(&self, version: &'static SupportedProtocolVersion) -> Result<HandshakeKind, String> {
        let mut server = Server::new(version, |config| {
            config.cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(self.certified.clone()));
            config.ticketer = self.tickets.clone();
        });
        let below = Box::new(server.memory.clone());
        let mut stream = TlsStream::start(&self.context, below, "server.test", &self.options).unwrap();
        while !stream.handshake().map_err(|error| error.to_string())? {
            server.pump();
        }
        server.send(b"hello");
        assert_eq!(stream.read(&mut [0; 5]).unwrap(), 5);
        Ok(server.connection.handshake_kind().unwrap())
    }
}

#[test]
fn the_dates_of_a_certificate_are_held_against_the_clock_of_the_context() {
    let world = World::new();
    world.set_date(30);
    assert!(world.connect(&TLS13).unwrap_err().contains("not valid before 2100-02-01"));
    world.set_date(40);
    world.connect(&TLS13).unwrap();
    world.set_date(60);
    assert!(world.connect(&TLS13).unwrap_err().contains("expired on 2100-03-01"));
}

#[test]
fn a_session_ends_by_the_clock_of_the_context() {
    for version in [&TLS12, &TLS13] {
        let world = World::new();
        world.set_date(40);
        assert_eq!(world.connect(version), Ok(HandshakeKind::Full));
        assert_eq!(world.connect(version), Ok(HandshakeKind::Resumed));
        world.set_date(48);
        assert_eq!(world.connect(version), Ok(HandshakeKind::Full));
    }
}
