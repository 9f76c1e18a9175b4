//! Describes why TLS failed. The module `problem` describes what is wrong with a certificate.

use rustls::{AlertDescription, CertificateError, Error, OtherError, PeerIncompatible};

use super::problem::CertificateProblem;
use crate::error::{TlsFailure, TlsFailureKind, TlsRemedy};

/// The facts about a connection when it fails.
#[derive(Debug, Default)]
pub(super) struct Circumstances {
    /// The start of the server's reply.
    pub(super) received: Vec<u8>,
    /// Whether only TLS 1.2 was offered.
    pub(super) without_tls13: bool,
    /// Whether the handshake was complete.
    pub(super) is_established: bool,
    /// Whether the server requested another handshake during the connection (RFC 5746), which was refused.
    pub(super) refused_renegotiation: bool,
}

/// Converts an error of rustls to a failure for the caller.
pub(super) fn of(error: &Error, circumstances: &Circumstances) -> TlsFailure {
    let kind = match error {
        Error::InvalidCertificate(_) => TlsFailureKind::Certificate,
        Error::AlertReceived(_) | Error::PeerIncompatible(_) => TlsFailureKind::Refused,
        _ => TlsFailureKind::Malformed,
    };
    let remedy = match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(problem))) => {
            problem.downcast_ref().and_then(|problem: &CertificateProblem| problem.remedy)
        }
        _ if is_about_version(error) && circumstances.without_tls13 && !circumstances.is_established => {
            Some(TlsRemedy::AllowTls13)
        }
        _ => None,
    };
    TlsFailure { remedy, ..TlsFailure::new(kind, in_words(error, circumstances)) }
}

/// Whether the server accepts none of the offered versions.
fn is_about_version(error: &Error) -> bool {
    matches!(
        error,
        Error::AlertReceived(AlertDescription::ProtocolVersion)
            | Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                    | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
                    | PeerIncompatible::Tls12NotOffered
                    | PeerIncompatible::Tls12NotOfferedOrEnabled
                    | PeerIncompatible::Tls13RequiredForQuic,
            )
    )
}

fn in_words(error: &Error, circumstances: &Circumstances) -> String {
    if circumstances.received.starts_with(b"HTTP/") && !circumstances.is_established {
        return "the server answered in plain HTTP; it does not use TLS on this port".to_owned();
    }
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(problem))) => {
            let problem = problem.downcast_ref::<CertificateProblem>();
            problem.map_or_else(|| "the server's certificate is not accepted".to_owned(), ToString::to_string)
        }
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            "the server does not have the private key of its certificate; someone may be intercepting the \
             connection"
                .to_owned()
        }
        Error::InvalidCertificate(_) => {
            "the server's certificate is damaged, or has a key of a type that is not accepted".to_owned()
        }
        error if circumstances.is_established => after_handshake(error, circumstances.refused_renegotiation),
        error => during_handshake(error, circumstances.without_tls13),
    }
}

fn during_handshake(error: &Error, without_tls13: bool) -> String {
    match error {
        Error::InvalidMessage(_) => {
            "the server's answer is not TLS; check the port, and whether the server uses TLS there".to_owned()
        }
        error if is_about_version(error) => {
            let offered = if without_tls13 { "TLS 1.2 only)" } else { "TLS 1.2 and 1.3); it is probably outdated" };
            format!("the server does not support any TLS version that is allowed here ({offered}")
        }
        Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity) => {
            "the server and this client have no cipher or key exchange in common; the server is probably \
             outdated"
                .to_owned()
        }
        Error::AlertReceived(AlertDescription::UnrecognisedName) => {
            "the server does not know this host name".to_owned()
        }
        Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
            "the server does not speak HTTP/1.1 on this port".to_owned()
        }
        Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::BadCertificate | AlertDescription::AccessDenied,
        ) => "the server requires a client certificate, which is not supported".to_owned(),
        Error::AlertReceived(alert) => format!("the server aborted the handshake (alert {alert:?})"),
        Error::PeerIncompatible(reason) => {
            format!(
                "the server and this client have no TLS parameters in common ({reason:?}); the server is probably \
                outdated"
            )
        }
        error => in_either(error),
    }
}

fn after_handshake(error: &Error, refused_renegotiation: bool) -> String {
    match error {
        _ if refused_renegotiation => {
            "the server asked for a second handshake in the middle of the connection (renegotiation), which is not \
             supported; it may require a client certificate for this URL"
                .to_owned()
        }
        Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::BadCertificate | AlertDescription::AccessDenied,
        ) => "the server requires a client certificate, which is not supported".to_owned(),
        Error::AlertReceived(alert) => format!("the server aborted the connection (alert {alert:?})"),
        Error::InvalidMessage(_) => {
            "the server sent something that is not TLS in the middle of the connection".to_owned()
        }
        error => in_either(error),
    }
}

fn in_either(error: &Error) -> String {
    match error {
        Error::DecryptError => "a TLS record was damaged or changed on its way".to_owned(),
        Error::PeerMisbehaved(reason) => format!("the server broke the rules of TLS ({reason:?})"),
        Error::InappropriateMessage { got_type, .. } => {
            format!("the server sent an unexpected TLS message ({got_type:?})")
        }
        Error::InappropriateHandshakeMessage { got_type, .. } => {
            format!("the server sent an unexpected TLS message ({got_type:?})")
        }
        Error::PeerSentOversizedRecord => "the server sent a TLS record that is longer than allowed".to_owned(),
        Error::NoApplicationProtocol => "the server does not speak HTTP/1.1 on this port".to_owned(),
        Error::FailedToGetRandomBytes => "the system provides no random numbers".to_owned(),
        Error::FailedToGetCurrentTime => "the system time is not available".to_owned(),
        _ => "something went wrong inside TLS; please report it".to_owned(),
    }
}
