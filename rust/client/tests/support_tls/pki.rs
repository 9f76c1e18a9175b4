//! Creates certificates for one test, as PEM text.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd,
};

/// The kinds of keys that a server can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Rsa2048,
    P256,
    P384,
    Ed25519,
}

pub const KEYS: [Key; 4] = [Key::Rsa2048, Key::P256, Key::P384, Key::Ed25519];

impl Key {
    pub fn generate(self) -> KeyPair {
        match self {
            Self::Rsa2048 => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            Self::P256 => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            Self::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
            Self::Ed25519 => KeyPair::generate_for(&PKCS_ED25519),
        }
        .expect("a key")
    }
}

/// A server's certificate, and its key.
#[derive(Clone, Debug)]
pub struct Identity {
    pub certificate: String,
    /// The certificates that the server sends after its own.
    pub intermediates: String,
    pub key: String,
}

impl Identity {
    /// Returns the certificate and the intermediate ones in one text.
    pub fn chain(&self) -> String {
        format!("{}{}", self.certificate, self.intermediates)
    }
}

/// An authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
    /// The intermediate certificates from a root to this authority.
    intermediates: String,
}

impl Authority {
    pub fn root(name: &str, key: Key) -> Self {
        Self::root_with(name, key, |_| {})
    }

    pub fn root_with(name: &str, key: Key, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = key.generate();
        let mut params = authority_params(name);
        change(&mut params);
        let pem = params.self_signed(&key).expect("a root").pem();
        Self { issuer: Issuer::new(params, key), pem, intermediates: String::new() }
    }

    pub fn intermediate(&self, name: &str, key: Key) -> Self {
        let key = key.generate();
        let params = authority_params(name);
        let pem = params.signed_by(&key, &self.issuer).expect("an intermediate").pem();
        let intermediates = format!("{pem}{}", self.intermediates);
        Self { issuer: Issuer::new(params, key), pem, intermediates }
    }

    /// Issues an identity for a server with these names and addresses.
    pub fn issue(&self, key: Key, names: &[&str]) -> Identity {
        self.issue_with(key, names, |_| {})
    }

    pub fn issue_with(&self, key: Key, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let key = key.generate();
        let mut params = server_params(names);
        change(&mut params);
        Identity {
            certificate: params.signed_by(&key, &self.issuer).expect("a certificate").pem(),
            intermediates: self.intermediates.clone(),
            key: pem_of(&key),
        }
    }
}

/// Creates a self-signed certificate. With `is_authority`, it is also marked as an authority, like those of `openssl req -x509`.
pub fn self_signed(names: &[&str], is_authority: bool) -> Identity {
    let key = Key::P256.generate();
    let mut params = server_params(names);
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    let certificate = params.self_signed(&key).expect("a certificate").pem();
    Identity { certificate, intermediates: String::new(), key: pem_of(&key) }
}

/// Returns the key as text. OpenSSL 3.0 cannot read the newer form of Ed25519 keys (RFC 5958), only the older one.
fn pem_of(key: &KeyPair) -> String {
    /// The bytes before the 32 bytes of such a key (RFC 8410 §7).
    const OLDER: [u8; 16] =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let form = key.serialize_der();
    if !key.is_compatible(&PKCS_ED25519) {
        return key.serialize_pem();
    }
    let text = BASE64_STANDARD.encode([&OLDER, &form[OLDER.len()..OLDER.len() + 32]].concat());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = named(CertificateParams::default(), name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server_params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let params = CertificateParams::new(names).expect("names that a certificate can have");
    named(params, "server of a test")
}

/// Sets a name, and dates that are valid with any machine's clock.
fn named(mut params: CertificateParams, name: &str) -> CertificateParams {
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}
