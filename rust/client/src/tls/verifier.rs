//! Checking a server's certificate, and saying what is wrong with it.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use time::OffsetDateTime;

use super::options::Verify;

/// Checks as much of a certificate as the options ask for.
#[derive(Debug)]
pub(super) struct Verifier {
    check: Check,
    /// Certificates that are trusted as a server's own, as they are.
    own: Vec<CertificateDer<'static>>,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
enum Check {
    Full(Arc<WebPkiServerVerifier>),
    Chain(Arc<RootCertStore>),
    Nothing,
}

impl Verifier {
    pub(super) fn new(
        verify: Verify,
        roots: Arc<RootCertStore>,
        own: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Arc<str>> {
        let check = match verify {
            Verify::Full => {
                let built = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
                Check::Full(built.map_err(|error| error.to_string())?)
            }
            Verify::ChainOnly => Check::Chain(roots),
            Verify::Nothing => Check::Nothing,
        };
        Ok(Self { check, own, algorithms: provider.signature_verification_algorithms })
    }

    /// A certificate that signed itself is trusted if it was given as trusted, also when it calls itself an authority, as those that
    /// `openssl req -x509` makes do. webpki finds that out after it has checked the dates.
    fn is_trusted_as_own(&self, certificate: &CertificateDer<'_>, error: &Error) -> bool {
        let refused_for_role = matches!(webpki_error(error), Some(webpki::Error::CaUsedAsEndEntity));
        refused_for_role && self.own.iter().any(|own| own == certificate)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let checked = match &self.check {
            Check::Nothing => return Ok(ServerCertVerified::assertion()),
            Check::Chain(roots) => ParsedCertificate::try_from(end_entity).and_then(|certificate| {
                let algorithms = self.algorithms.all;
                verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)
            }),
            Check::Full(verifier) => {
                verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now).map(drop)
            }
        };
        let checked = match (checked, &self.check) {
            (Err(error), Check::Full(_)) if self.is_trusted_as_own(end_entity, &error) => {
                ParsedCertificate::try_from(end_entity)
                    .and_then(|certificate| verify_server_name(&certificate, server_name))
            }
            (Err(error), _) if self.is_trusted_as_own(end_entity, &error) => Ok(()),
            (checked, _) => checked,
        };
        match checked {
            Ok(()) => Ok(ServerCertVerified::assertion()),
            Err(error) => Err(in_words(&error, end_entity, server_name)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
            .map_err(|error| blame_key(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
            .map_err(|error| blame_key(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// What is wrong with a certificate, as a sentence.
#[derive(Debug)]
pub(super) struct CertificateProblem(pub(super) String);

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CertificateProblem {}

fn in_words(error: &Error, certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> Error {
    let name = &*name.to_str();
    let problem = match error {
        Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => format!(
            "the certificate of {name:?} expired on {}; check the server's certificate and this computer's clock",
            date(*not_after)
        ),
        Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. }) => format!(
            "the certificate of {name:?} is not valid before {}; check this computer's clock and the server's certificate",
            date(*not_before)
        ),
        Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. }) => {
            format!("the certificate is not for {name:?} but for {}; check the host name", names(presented))
        }
        // A signature that is wrong is one by somebody else with the name of an authority that is trusted.
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature)
            if is_self_signed(certificate) =>
        {
            self_signed(name)
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => format!(
            "the certificate of {name:?} was issued by an authority that is not trusted here, or the server does not send its \
             intermediate certificates; if the authority is your own, give its certificate as trusted"
        ),
        Error::InvalidCertificate(CertificateError::BadEncoding) => {
            format!("the certificate of {name:?} is damaged or of an old kind that is not accepted")
        }
        Error::InvalidCertificate(
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. },
        ) => {
            format!("the certificate of {name:?} is not one for servers")
        }
        Error::InvalidCertificate(CertificateError::Revoked) => format!("the certificate of {name:?} was revoked"),
        _ => match webpki_error(error) {
            Some(webpki::Error::CaUsedAsEndEntity) if is_self_signed(certificate) => self_signed(name),
            Some(webpki::Error::CaUsedAsEndEntity) => {
                format!("the certificate of {name:?} is one for an authority, not one for servers")
            }
            _ => format!("the certificate of {name:?} uses an algorithm or a key that is not accepted ({error})"),
        },
    };
    as_error(problem)
}

fn self_signed(name: &str) -> String {
    format!(
        "the certificate of {name:?} is self-signed and not trusted; give it as trusted (TLSOptions.client() or \
         trusted_ca_file), or have the server use one of a known authority"
    )
}

fn as_error(problem: String) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(CertificateProblem(problem)))))
}

/// A handshake's signature by a key that is too short is refused like a wrong one, but is no sign of somebody in between.
fn blame_key(error: Error, certificate: &CertificateDer<'_>) -> Error {
    match error {
        Error::InvalidCertificate(CertificateError::BadSignature) if has_short_rsa_key(certificate) => as_error(
            "the key of the server's certificate is an RSA key of less than 2048 bits, which is not accepted"
                .to_owned(),
        ),
        error => error,
    }
}

fn has_short_rsa_key(certificate: &CertificateDer<'_>) -> bool {
    /// `rsaEncryption` (RFC 8017, appendix A.1), encoded.
    const RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    /// What the number of 2048 bits alone takes.
    const LONG_ENOUGH: usize = 256;
    webpki::EndEntityCert::try_from(certificate).is_ok_and(|parsed| {
        let key = parsed.subject_public_key_info();
        key.len() < LONG_ENOUGH && key.windows(RSA.len()).any(|part| part == RSA)
    })
}

fn webpki_error(error: &Error) -> Option<&webpki::Error> {
    match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => inner.downcast_ref(),
        _ => None,
    }
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    webpki::EndEntityCert::try_from(certificate).is_ok_and(|parsed| parsed.issuer() == parsed.subject())
}

/// The names in a certificate as webpki gives them, such as `DnsName("example.com")`.
fn names(presented: &[String]) -> String {
    let plain: Vec<String> = presented
        .iter()
        .take(10)
        .map(|name| {
            let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
            format!("\"{}\"", inner.trim_matches('"'))
        })
        .collect();
    if plain.is_empty() { "no name at all".to_owned() } else { plain.join(", ") }
}

fn date(time: UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .map_or_else(|| "a date far away".to_owned(), |time| time.date().to_string())
}
