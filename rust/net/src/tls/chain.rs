//! How much work a chain of certificates may make. Anybody on the way can send one, and it is checked within a frame.

use std::cell::Cell;
use std::fmt;
use std::sync::LazyLock;

use rustls::SignatureScheme;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, FipsStatus, InvalidSignature, SignatureVerificationAlgorithm,
};

/// Certificates behind the server's own that are looked at. Real chains have one to three.
pub(super) const INTERMEDIATES: usize = 8;
/// Those among them that may have the same name: an authority that was certified by several others.
const SAME_NAME: usize = 3;
/// Signatures that are checked for one chain. A chain of four has that many; each further candidate of the same name may cost another.
pub(super) const SIGNATURES: usize = 12;

thread_local! {
    /// How many signatures this thread may still check; none is any number.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    /// How many it has checked.
    static CHECKED: Cell<usize> = const { Cell::new(0) };
}

/// Of the certificates that a server sent those that can lead from its own to an authority, each once, and no more than is reasonable.
pub(super) fn useful<'a>(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'a>],
) -> Vec<CertificateDer<'a>> {
    let Ok(parsed) = webpki::EndEntityCert::try_from(end_entity) else { return Vec::new() };
    let candidates: Vec<(&CertificateDer<'a>, Vec<u8>, Vec<u8>)> = intermediates
        .iter()
        .filter_map(|der| {
            let parsed = webpki::EndEntityCert::try_from(der).ok()?;
            Some((der, parsed.subject().to_vec(), parsed.issuer().to_vec()))
        })
        .collect();
    let mut wanted = vec![parsed.issuer().to_vec()];
    let mut useful: Vec<CertificateDer<'a>> = Vec::new();
    let mut index = 0;
    while index < wanted.len() {
        let name = wanted[index].clone();
        index += 1;
        let mut found = 0;
        for (der, _, issuer) in candidates.iter().filter(|(_, subject, _)| *subject == name) {
            if useful.contains(der) {
                continue;
            }
            if found == SAME_NAME || useful.len() == INTERMEDIATES {
                break;
            }
            found += 1;
            useful.push((*der).clone());
            if !wanted.contains(issuer) {
                wanted.push(issuer.clone());
            }
        }
    }
    useful
}

/// Has `work` check no more than [`SIGNATURES`]; all further ones count as wrong.
pub(super) fn with_few_signatures<T>(work: impl FnOnce() -> T) -> T {
    /// Also when a panic passes through: the thread goes on, and its next handshakes would fail.
    struct Lift;

    impl Drop for Lift {
        fn drop(&mut self) {
            LEFT.set(None);
        }
    }

    LEFT.set(Some(SIGNATURES));
    let _lift = Lift;
    work()
}

/// How many signatures this thread has checked.
#[cfg(test)]
pub(super) fn checked() -> usize {
    CHECKED.get()
}

/// A way to check signatures that counts them.
pub(super) struct Counting(&'static dyn SignatureVerificationAlgorithm);

impl Counting {
    /// The provider's, each of them counting.
    pub(super) fn all() -> WebPkiSupportedAlgorithms {
        type Algorithm = &'static dyn SignatureVerificationAlgorithm;
        type Mapping = &'static [(SignatureScheme, &'static [Algorithm])];
        // Made once, to be kept for as long as the process lives, as the provider's own are.
        static ALL: LazyLock<(&'static [Algorithm], Mapping)> = LazyLock::new(|| {
            let counting = |algorithms: &[Algorithm]| -> &'static [Algorithm] {
                let each =
                    algorithms.iter().map(|&algorithm| -> Algorithm { Box::leak(Box::new(Counting(algorithm))) });
                Vec::leak(each.collect())
            };
            let provided = aws_lc_rs::default_provider().signature_verification_algorithms;
            let mapping = provided.mapping.iter().map(|(scheme, algorithms)| (*scheme, counting(algorithms)));
            (counting(provided.all), Vec::leak(mapping.collect()))
        });
        WebPkiSupportedAlgorithms { all: ALL.0, mapping: ALL.1 }
    }
}

impl SignatureVerificationAlgorithm for Counting {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        match LEFT.get() {
            Some(0) => return Err(InvalidSignature),
            Some(left) => LEFT.set(Some(left - 1)),
            None => {}
        }
        CHECKED.set(CHECKED.get().wrapping_add(1));
        self.0.verify_signature(key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.0.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.0.signature_alg_id()
    }

    fn fips_status(&self) -> FipsStatus {
        self.0.fips_status()
    }

    fn fips(&self) -> bool {
        self.0.fips()
    }
}

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn a_panic_in_a_check_leaves_the_thread_without_a_limit() {
        assert!(catch_unwind(|| with_few_signatures(|| panic!("as it should"))).is_err());
        assert_eq!(LEFT.get(), None);
    }
}
