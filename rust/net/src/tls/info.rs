//! The parameters of a TLS connection.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::HandshakeKind;
use rustls::client::UnbufferedClientConnection;

/// The TLS parameters of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsInfo {
    /// The version: `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The cipher suite, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: String,
    /// The key exchange, such as `X25519MLKEM768`. Empty if the session was resumed without a new key exchange.
    pub key_exchange: String,
    /// The application protocol that the server chose, such as `http/1.1`. Empty if it chose none.
    pub alpn: String,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// The certificates of the server as PEM text, its own certificate first.
    pub peer_certificates: Vec<String>,
}

impl TlsInfo {
    pub(super) fn of(connection: &UnbufferedClientConnection) -> Self {
        let certificates = connection.peer_certificates().unwrap_or_default();
        Self {
            version: match connection.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2".to_owned(),
                Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3".to_owned(),
                other => other.map(|version| format!("{version:?}")).unwrap_or_default(),
            },
            cipher_suite: connection
                .negotiated_cipher_suite()
                .map(|suite| format!("{:?}", suite.suite()))
                .unwrap_or_default(),
            key_exchange: connection
                .negotiated_key_exchange_group()
                .map(|group| format!("{:?}", group.name()))
                .unwrap_or_default(),
            alpn: connection
                .alpn_protocol()
                .map(|protocol| String::from_utf8_lossy(protocol).into_owned())
                .unwrap_or_default(),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            peer_certificates: certificates.iter().map(|certificate| pem(certificate)).collect(),
        }
    }
}

/// Encodes a certificate as text (RFC 7468).
fn pem(der: &[u8]) -> String {
    let base64 = BASE64_STANDARD.encode(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.extend([line, "\n"]);
        rest = after;
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}
