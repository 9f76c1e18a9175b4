//! The TLS options of a connection.

use std::fmt;
use std::sync::Arc;

/// The TLS options of a connection. Connections with equal options share one configuration and resume each other's sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TlsOptions {
    /// The authorities that are trusted.
    pub trust: Trust,
    /// How the certificate of the server is verified.
    pub verify: Verify,
    /// The name that the server is asked for and that its certificate must contain. `None` means the name of the host.
    pub name: Option<String>,
    /// Whether TLS 1.3 is disabled.
    pub without_tls13: bool,
    /// Whether the hybrid key exchange X25519MLKEM768 is disabled. It makes the first message of a handshake too long for some old
    /// network devices.
    pub without_hybrid: bool,
}

/// The authorities that are trusted.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub enum Trust {
    /// The authorities of the system and of Mozilla.
    #[default]
    System,
    /// Only the authorities in this PEM text. A certificate in it is also trusted as the certificate of a server.
    Pem(Arc<[u8]>),
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("System"),
            Self::Pem(pem) => write!(f, "Pem({} bytes)", pem.len()),
        }
    }
}

/// How the certificate of a server is verified. The signature of the handshake is always verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verify {
    /// A trusted authority signed the certificate, it is currently valid, and it contains the name of the server.
    #[default]
    Full,
    /// The same, but the name is not verified.
    ChainOnly,
    /// The certificate is not verified.
    Nothing,
}
