//! Describes a problem with a server's certificate in a sentence.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use http_protocol::Excerpt;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, Error, OtherError};
use time::OffsetDateTime;

use super::certificate::Certificate;
use super::chain::INTERMEDIATES;
use crate::error::TlsRemedy;

/// A sentence about a certificate, in a form that rustls passes through, and what the program can do.
#[derive(Debug)]
pub(super) struct CertificateProblem {
    pub(super) sentence: String,
    pub(super) remedy: Option<TlsRemedy>,
}

impl CertificateProblem {
    pub(super) fn as_error(sentence: String, remedy: Option<TlsRemedy>) -> Error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Self { sentence, remedy }))))
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for CertificateProblem {}

/// The certificates that a server sent.
pub(super) struct Shown<'a> {
    pub(super) certificate: &'a CertificateDer<'a>,
    /// The facts of the certificate, if they can be read.
    pub(super) facts: Option<&'a Certificate>,
    pub(super) name: &'a ServerName<'a>,
    /// Whether the certificate itself is configured as trusted.
    pub(super) is_own: bool,
    /// The number of certificates that the server sent after its own, and how many of them were examined.
    pub(super) sent: usize,
    pub(super) looked_at: usize,
}

impl Shown<'_> {
    /// Returns the same error with a sentence.
    pub(super) fn in_words(&self, error: &Error) -> Error {
        let remedy = self.may_be_trusted(error).then_some(TlsRemedy::Trust);
        CertificateProblem::as_error(self.sentence(error), remedy)
    }

    fn sentence(&self, error: &Error) -> String {
        let name = &*self.name.to_str();
        let whose = format!("the certificate of {name:?}");
        let Error::InvalidCertificate(problem) = error else {
            return format!("{whose} could not be checked");
        };
        match problem {
            CertificateError::ExpiredContext { not_after, .. } => format!(
                "{whose} expired on {}; check the server's certificate and this computer's clock",
                date(*not_after)
            ),
            CertificateError::NotValidYetContext { not_before, .. } => format!(
                "{whose} is not valid before {}; check this computer's clock and the server's certificate",
                date(*not_before)
            ),
            CertificateError::NotValidForNameContext { .. } => self.other_name(name),
            // A wrong signature comes from an issuer that uses the name of a trusted authority.
            CertificateError::UnknownIssuer | CertificateError::BadSignature if self.is_self_signed() => {
                self_signed(name)
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => self.unknown_issuer(name),
            CertificateError::BadEncoding | CertificateError::Expired => {
                format!("{whose} is damaged, or of an old type that is not accepted")
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                format!("{whose} is not a server certificate")
            }
            CertificateError::Revoked => format!("{whose} was revoked"),
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                format!("{whose} uses an algorithm or a key that is not accepted, such as SHA-1 or P-521")
            }
            CertificateError::Other(OtherError(inner)) => match inner.downcast_ref() {
                Some(error) => self.further(error, name),
                None => format!("{whose} is not accepted"),
            },
            _ => format!("{whose} is not accepted"),
        }
    }

    fn further(&self, error: &webpki::Error, name: &str) -> String {
        use webpki::Error as E;
        let whose = format!("the certificate of {name:?}");
        match error {
            E::CaUsedAsEndEntity if self.is_self_signed() => self_signed(name),
            E::CaUsedAsEndEntity => format!("{whose} is for an authority, not for a server"),
            E::UnsupportedCertVersion => format!(
                "{whose} has version {}, but certificates issued by an authority must have version 3; create it again \
                 with a subjectAltName",
                self.facts.map_or(1, |facts| facts.version)
            ),
            E::NameConstraintViolation => format!(
                "{whose} has a name that its authority is not allowed to certify (name constraints), or the \
                 constraints are of a type that is not supported, such as directoryName"
            ),
            E::MalformedNameConstraint | E::InvalidNetworkMaskConstraint | E::UnsupportedNameType => {
                format!("{whose} was issued by an authority whose name constraints cannot be read")
            }
            E::UnsupportedCriticalExtension => {
                format!("{whose}, or that of its authority, has a critical extension that is not supported")
            }
            E::PathLenConstraintViolated | E::EndEntityUsedAsCa => {
                format!("{whose} was issued with a certificate that is not allowed to issue it")
            }
            E::MaximumSignatureChecksExceeded
            | E::MaximumPathBuildCallsExceeded
            | E::MaximumPathDepthExceeded
            | E::MaximumNameConstraintComparisonsExceeded => {
                format!("{whose} has a chain that is too complex to check")
            }
            E::EmptyEkuExtension => format!("{whose} is not a server certificate"),
            E::SignatureAlgorithmMismatch => format!("{whose} names two different signature algorithms"),
            _ => format!("{whose} is damaged, or of an old type that is not accepted"),
        }
    }

    fn other_name(&self, name: &str) -> String {
        let Some(facts) = self.facts else {
            return format!("the certificate is not for {name:?}; check the host name");
        };
        if !facts.has_alternative_names {
            let common: Vec<String> = facts.common_names.iter().take(1).map(|name| quoted(name)).collect();
            let common = common.first().map_or("none", String::as_str);
            return if self.is_own {
                format!("the certificate is not for {name:?} but for {common}, its common name; check the host name")
            } else {
                format!(
                    "the certificate has no subjectAltName, and its common name ({common}) is not used; create it \
                     again with subjectAltName={}",
                    alternative(name)
                )
            };
        }
        if facts.dns_names.iter().any(|dns| dns == name) && name.parse::<IpAddr>().is_ok() {
            return format!(
                "the certificate contains {name:?} as a DNS name, but not as an IP address; create it again with \
                 subjectAltName={}",
                alternative(name)
            );
        }
        let names = facts.dns_names.iter().map(|name| quoted(name));
        let names: Vec<String> =
            names.chain(facts.addresses.iter().map(|address| format!("\"{address}\""))).take(10).collect();
        let names = if names.is_empty() { "no name at all".to_owned() } else { names.join(", ") };
        format!("the certificate is not for {name:?} but for {names}; check the host name")
    }

    fn unknown_issuer(&self, name: &str) -> String {
        let mut sentence = format!(
            "the certificate of {name:?} was issued by an authority that is not trusted here, or the server does not send \
             its intermediate certificates; if the authority is your own, trust its certificate"
        );
        if self.sent > INTERMEDIATES {
            sentence += &format!(
                " (the server sent {} intermediate certificates; only {} were checked)",
                self.sent, self.looked_at
            );
        }
        sentence
    }

    /// Whether the certificate is self-signed, and that is the only problem.
    fn may_be_trusted(&self, error: &Error) -> bool {
        let Error::InvalidCertificate(problem) = error else { return false };
        let is_unknown = match problem {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => true,
            CertificateError::Other(OtherError(inner)) => {
                matches!(inner.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
            }
            _ => false,
        };
        is_unknown && self.is_self_signed()
    }

    fn is_self_signed(&self) -> bool {
        match self.facts {
            Some(facts) => facts.is_self_issued,
            None => webpki::EndEntityCert::try_from(self.certificate)
                .is_ok_and(|parsed| parsed.issuer() == parsed.subject()),
        }
    }
}

fn self_signed(name: &str) -> String {
    format!("the certificate of {name:?} is self-signed and not trusted")
}

/// Returns the name in the form that openssl expects.
fn alternative(name: &str) -> String {
    let kind = if name.parse::<IpAddr>().is_ok() { "IP" } else { "DNS" };
    format!("{kind}:{name}")
}

/// Returns a name from the peer, in quotes.
fn quoted(name: &str) -> String {
    Excerpt::start(name.as_bytes()).to_string()
}

fn date(time: UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .map_or_else(|| "a date far away".to_owned(), |time| time.date().to_string())
}
