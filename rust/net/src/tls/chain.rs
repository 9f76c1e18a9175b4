//! Limits the work that a certificate chain can cause. Anyone on the network path can send one, and it is verified within a frame.

use std::cell::Cell;
use std::fmt;
use std::sync::LazyLock;

use rustls::SignatureScheme;
use rustls::crypto::{WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, FipsStatus, InvalidSignature, SignatureVerificationAlgorithm,
};

/// The maximum number of certificates after the server's own that are examined. Real chains have one to three.
pub(super) const INTERMEDIATES: usize = 8;
/// The maximum number of them with the same name: an authority that several others certified.
const SAME_NAME: usize = 3;
/// The maximum number of signatures that are verified for one chain. A chain of four certificates has four; each further candidate with the
/// same name may require another one.
pub(super) const SIGNATURES: usize = 12;

thread_local! {
    /// The number of signatures that this thread may still verify. `None` means no limit.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
    /// The number of signatures that this thread has verified.
    static CHECKED: Cell<usize> = const { Cell::new(0) };
}

/// Returns the received certificates that can lead from the server's own certificate to an authority, each once, up to a reasonable number.
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

/// Runs `work` with at most [`SIGNATURES`] verifications. All further signatures count as invalid.
pub(super) fn with_few_signatures<T>(work: impl FnOnce() -> T) -> T {
    /// Removes the limit, even after a panic: it would make later handshakes on this thread fail.
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

/// Returns the number of signatures that this thread has verified.
#[cfg(test)]
pub(super) fn checked() -> usize {
    CHECKED.get()
}

/// A signature algorithm that counts its verifications.
pub(super) struct Counting(&'static dyn SignatureVerificationAlgorithm);

impl Counting {
    /// Returns the algorithms of the provider, with counters.
    pub(super) fn all() -> WebPkiSupportedAlgorithms {
        type Algorithm = &'static dyn SignatureVerificationAlgorithm;
        type Mapping = &'static [(SignatureScheme, &'static [Algorithm])];
        // Created once and kept for the lifetime of the process, like the provider's own.
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
