//! Verifies the certificate of a server.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};

use super::certificate::Certificate;
use super::chain;
use super::options::Verify;
use super::problem::{CertificateProblem, Shown};

/// Verifies a certificate to the extent that the options require.
#[derive(Debug)]
pub(super) struct Verifier {
    check: Check,
    /// The certificates that are trusted directly as certificates of servers.
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

    fn check_chain(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<(), Error> {
        match &self.check {
            Check::Nothing => Ok(()),
            Check::Chain(roots) => ParsedCertificate::try_from(end_entity).and_then(|certificate| {
                let algorithms = self.algorithms.all;
                verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)
            }),
            Check::Full(verifier) => {
                verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now).map(drop)
            }
        }
    }

    /// Checks a self-signed certificate that is configured as trusted. Its role, version and issuer do not matter: it can be an authority,
    /// as from `openssl req -x509`, have no subjectAltName, as from `Crypto.generate_self_signed_certificate()`, or have version
    /// 1. Its dates and its name are still checked.
    fn check_own(
        &self,
        certificate: &CertificateDer<'_>,
        facts: &Certificate,
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let not_before = seconds(facts.not_before);
        let not_after = seconds(facts.not_after);
        if now < not_before {
            return Err(CertificateError::NotValidYetContext { time: now, not_before }.into());
        }
        if now > not_after {
            return Err(CertificateError::ExpiredContext { time: now, not_after }.into());
        }
        if !matches!(self.check, Check::Full(_)) {
            return Ok(());
        }
        if facts.has_alternative_names {
            return ParsedCertificate::try_from(certificate)
                .and_then(|certificate| verify_server_name(&certificate, server_name));
        }
        if facts.has_common_name(&server_name.to_str()) {
            return Ok(());
        }
        let expected = server_name.to_owned();
        Err(CertificateError::NotValidForNameContext { expected, presented: Vec::new() }.into())
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
        if matches!(self.check, Check::Nothing) {
            return Ok(ServerCertVerified::assertion());
        }
        let useful = chain::useful(end_entity, intermediates);
        let checked =
            chain::with_few_signatures(|| self.check_chain(end_entity, &useful, server_name, ocsp_response, now));
        let Err(error) = checked else { return Ok(ServerCertVerified::assertion()) };
        let facts = Certificate::parse(end_entity);
        let own = facts.as_ref().filter(|facts| facts.is_self_issued && self.own.iter().any(|own| own == end_entity));
        let error = match own {
            Some(facts) if does_not_matter_for_own(&error) => {
                match self.check_own(end_entity, facts, server_name, now) {
                    Ok(()) => return Ok(ServerCertVerified::assertion()),
                    Err(error) => error,
                }
            }
            _ => error,
        };
        let shown = Shown {
            certificate: end_entity,
            facts: facts.as_ref(),
            name: server_name,
            is_own: own.is_some(),
            sent: intermediates.len(),
            looked_at: useful.len(),
        };
        Err(shown.in_words(&error))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = match old_key(certificate) {
            Some(key) => self.verify_tls12_with_key(message, &key, signed),
            None => verify_tls12_signature(message, certificate, signed, &self.algorithms),
        };
        checked.map_err(|error| blame_key(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let checked = match old_key(certificate) {
            Some(key) => verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms),
            None => verify_tls13_signature(message, certificate, signed, &self.algorithms),
        };
        checked.map_err(|error| blame_key(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl Verifier {
    /// Verifies a signature like rustls, but with the bare key. In TLS 1.2, a scheme may stand for several algorithms.
    fn verify_tls12_with_key(
        &self,
        message: &[u8],
        key: &SubjectPublicKeyInfoDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let wrong = || Error::InvalidCertificate(CertificateError::BadSignature);
        let key = webpki::RawPublicKeyEntity::try_from(key).map_err(|_| wrong())?;
        let (_, algorithms) =
            self.algorithms.mapping.iter().find(|(scheme, _)| *scheme == signed.scheme).ok_or_else(wrong)?;
        if algorithms.iter().any(|&algorithm| key.verify_signature(algorithm, message, signed.signature()).is_ok()) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        Err(wrong())
    }
}

/// Returns the key of a certificate that webpki cannot read, because its version is older than 3. Whether the certificate is accepted was
/// decided before.
fn old_key(certificate: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfoDer<'static>> {
    match webpki::EndEntityCert::try_from(certificate) {
        Err(webpki::Error::UnsupportedCertVersion) => {
            Certificate::parse(certificate).map(|facts| facts.public_key.into())
        }
        _ => None,
    }
}

/// Whether an error is about the issuer or purpose of a certificate, or about a name that is not in the right place.
fn does_not_matter_for_own(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer
            | CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. }
            | CertificateError::NotValidForNameContext { .. },
        ) => true,
        Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => matches!(
            inner.downcast_ref(),
            Some(webpki::Error::CaUsedAsEndEntity | webpki::Error::UnsupportedCertVersion)
        ),
        _ => false,
    }
}

fn seconds(since_1970: i64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(since_1970).unwrap_or(0)))
}

/// Replaces the error for a handshake signature with a key that is too short. It looks like a wrong signature, but does not mean that the
/// connection was intercepted.
fn blame_key(error: Error, certificate: &CertificateDer<'_>) -> Error {
    match error {
        Error::InvalidCertificate(CertificateError::BadSignature) if has_short_rsa_key(certificate) => {
            CertificateProblem::as_error(
                "the server's certificate has an RSA key of less than 2048 bits, which is not accepted".to_owned(),
                None,
            )
        }
        error => error,
    }
}

fn has_short_rsa_key(certificate: &CertificateDer<'_>) -> bool {
    /// `rsaEncryption` (RFC 8017, appendix A.1), encoded.
    const RSA: [u8; 9] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    /// The length of a 2048-bit modulus alone.
    const LONG_ENOUGH: usize = 256;
    Certificate::parse(certificate).is_some_and(|facts| {
        facts.public_key.len() < LONG_ENOUGH && facts.public_key.windows(RSA.len()).any(|part| part == RSA)
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    use rustls::crypto::aws_lc_rs;

    use super::*;

    /// Creates authorities with the same name. The first one is self-signed, and each of the others is signed by the previous one.
    fn authorities_of_one_name(count: usize) -> Vec<(CertificateDer<'static>, Issuer<'static, KeyPair>)> {
        let mut made: Vec<(CertificateDer<'static>, Issuer<'static, KeyPair>)> = Vec::new();
        for _ in 0..count {
            let mut params = CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, "one name");
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().unwrap();
            let certificate = match made.last() {
                Some((_, issuer)) => params.signed_by(&key, issuer),
                None => params.self_signed(&key),
            };
            made.push((certificate.unwrap().der().clone(), Issuer::new(params, key)));
        }
        made
    }

    fn leaf(issuer: &Issuer<'static, KeyPair>) -> CertificateDer<'static> {
        let params = CertificateParams::new(vec!["server.test".to_owned()]).unwrap();
        params.signed_by(&KeyPair::generate().unwrap(), issuer).unwrap().der().clone()
    }

    fn verifier(roots: &[CertificateDer<'static>], verify: Verify) -> Verifier {
        let mut provider = aws_lc_rs::default_provider();
        provider.signature_verification_algorithms = chain::Counting::all();
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        Verifier::new(verify, Arc::new(store), Vec::new(), &Arc::new(provider)).unwrap()
    }

    /// Returns whether a chain was accepted, and how many signatures were verified for it.
    fn checked(verifier: &Verifier, leaf: &CertificateDer<'_>, sent: &[CertificateDer<'_>]) -> (bool, usize) {
        let before = chain::checked();
        let name = ServerName::try_from("server.test").unwrap();
        let result = verifier.verify_server_cert(leaf, sent, &name, &[], UnixTime::now());
        (result.is_ok(), chain::checked() - before)
    }

    #[test]
    fn a_chain_costs_few_signatures_whatever_a_server_sends() {
        let made = authorities_of_one_name(31);
        let certificates: Vec<_> = made.iter().map(|(certificate, _)| certificate.clone()).collect();
        let sent = &certificates[1..];
        for verify in [Verify::Full, Verify::ChainOnly] {
            // The root has the same name as all the others, so each of them is tried with it.
            let verifier = verifier(&certificates[..1], verify);
            for issuer in [30, 15, 7] {
                let (accepted, cost) = checked(&verifier, &leaf(&made[issuer].1), sent);
                assert!(!accepted && cost <= chain::SIGNATURES, "{cost} signatures for number {issuer}");
            }
            // Many roots with the same name cost no more.
            let many = super::tests::verifier(&certificates[..30], verify);
            let (_, cost) = checked(&many, &leaf(&made[30].1), &[]);
            assert!(cost <= chain::SIGNATURES, "{cost} signatures");
        }
    }

    #[test]
    fn an_honest_chain_costs_a_signature_for_each_certificate() {
        let made = authorities_of_one_name(3);
        let verifier = verifier(&[made[0].0.clone()], Verify::Full);
        let (accepted, cost) = checked(&verifier, &leaf(&made[0].1), &[]);
        assert!(accepted && cost == 1, "{cost}");
        // The order does not matter, nor do the root and an unrelated certificate.
        let stranger = authorities_of_one_name(1).remove(0).0;
        let sent = [made[2].0.clone(), made[0].0.clone(), made[1].0.clone(), stranger, made[2].0.clone()];
        let (accepted, cost) = checked(&verifier, &leaf(&made[2].1), &sent);
        assert!(accepted && cost <= chain::SIGNATURES, "{cost}");
    }

    #[test]
    fn of_what_a_server_sends_only_a_few_that_can_lead_to_an_authority_are_looked_at() {
        let made = authorities_of_one_name(40);
        let sent: Vec<_> = made.iter().map(|(certificate, _)| certificate.clone()).collect();
        assert_eq!(chain::useful(&leaf(&made[39].1), &sent), sent[..3]);
        let other = CertificateParams::new(vec!["server.test".to_owned()]).unwrap();
        let own = other.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(chain::useful(own.der(), &sent), []);
    }
}
