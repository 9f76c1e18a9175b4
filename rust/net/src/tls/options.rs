//! What a connection asks of TLS.

use std::fmt;
use std::sync::Arc;

/// How a connection is secured. Connections with equal options share one configuration, and resume each other's sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TlsOptions {
    /// Whose word is taken for who a server is.
    pub trust: Trust,
    /// What is checked of the server's certificate.
    pub verify: Verify,
    /// The name that the certificate must have, and that the server is asked for; none is the host's.
    pub name: Option<String>,
    /// Whether to leave TLS 1.3 out.
    pub without_tls13: bool,
    /// Whether to leave the hybrid key exchange X25519MLKEM768 out, which makes the first message of a handshake too long for some old
    /// middleboxes.
    pub without_hybrid: bool,
}

/// The authorities that are trusted.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Those of the system together with Mozilla's.
    #[default]
    System,
    /// Those in this PEM text, and no others. A certificate in it is also trusted as the server's own.
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

/// What is checked of a server's certificate. The handshake's signature always is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verify {
    /// That a trusted authority signed it, that it is valid now, and that it has the server's name.
    #[default]
    Full,
    /// The same without the name.
    ChainOnly,
    /// Nothing.
    Nothing,
}
