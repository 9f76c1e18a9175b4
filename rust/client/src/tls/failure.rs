//! Why a handshake failed, in words. What is wrong with a certificate says `verifier`.

use rustls::{AlertDescription, CertificateError, Error, OtherError, PeerIncompatible};

use super::verifier::CertificateProblem;

/// A sentence for an error of rustls. `received` is how the server's answer starts; `without_tls13`, that only TLS 1.2 was offered.
pub(super) fn in_words(error: &Error, received: &[u8], without_tls13: bool) -> String {
    if received.starts_with(b"HTTP/") {
        return "the server answered in plain HTTP; it does not speak TLS on this port".to_owned();
    }
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(problem))) => {
            problem.downcast_ref::<CertificateProblem>().map_or_else(|| error.to_string(), ToString::to_string)
        }
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            "the server does not have the key of its certificate; somebody may be in between".to_owned()
        }
        Error::InvalidMessage(_) => {
            "the server's answer is not TLS; check the port, and whether the server speaks TLS there".to_owned()
        }
        Error::AlertReceived(AlertDescription::ProtocolVersion)
        | Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::Tls13RequiredForQuic,
        ) => {
            let offered = if without_tls13 {
                "TLS 1.2 only); turn the project setting network/tls/enable_tls_v1.3 on"
            } else {
                "TLS 1.2 and 1.3); it is probably outdated"
            };
            format!("the server takes no version of TLS that is allowed here ({offered}")
        }
        Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity) => {
            "the server found no cipher or key exchange in common; it is probably outdated".to_owned()
        }
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "the server does not know this host name".to_owned()
        }
        Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            "the server does not speak HTTP/1.1 on this port".to_owned()
        }
        Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::BadCertificate | AlertDescription::AccessDenied,
        ) => "the server asks for a certificate of the client, which is not possible here".to_owned(),
        Error::AlertReceived(alert) => format!("the server broke the handshake off: {alert:?}"),
        Error::PeerIncompatible(_) => format!("the server and this client have nothing in common ({error})"),
        _ => error.to_string(),
    }
}
