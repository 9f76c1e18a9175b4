//! Reads the facts of a certificate (RFC 5280) that are interesting for people.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

/// The facts of a certificate. The text comes from the peer, so escape it before you show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The owner of the certificate, such as `C=IT, O=Example, CN=example.com`.
    pub subject: String,
    /// The authority that signed it, in the same form.
    pub issuer: String,
    /// The common names in the subject.
    pub common_names: Vec<String>,
    /// The DNS names in the subjectAltName.
    pub dns_names: Vec<String>,
    /// The IP addresses in the subjectAltName.
    pub addresses: Vec<IpAddr>,
    /// Whether the certificate has a subjectAltName.
    pub has_alternative_names: bool,
    /// The start of the validity period, in seconds since 1970.
    pub not_before: i64,
    /// The end of the validity period, in seconds since 1970.
    pub not_after: i64,
    /// The version: 1, 2 or 3.
    pub version: u32,
    /// The serial number, in hexadecimal digits.
    pub serial: String,
    /// Whether the subject and the issuer are the same.
    pub is_self_issued: bool,
    /// The public key with its type (SubjectPublicKeyInfo), as DER.
    pub public_key: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate in DER. Returns `None` if it is damaged.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let mut parsed = Self {
            subject: text_of(certificate.subject()),
            issuer: text_of(certificate.issuer()),
            common_names: common_names(certificate.subject()),
            dns_names: Vec::new(),
            addresses: Vec::new(),
            has_alternative_names: false,
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            version: certificate.version().0.saturating_add(1),
            serial: certificate.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect(),
            is_self_issued: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            public_key: certificate.public_key().raw.to_vec(),
        };
        for extension in certificate.extensions() {
            let ParsedExtension::SubjectAlternativeName(names) = extension.parsed_extension() else { continue };
            parsed.has_alternative_names = true;
            for name in &names.general_names {
                match name {
                    GeneralName::DNSName(name) => parsed.dns_names.push((*name).to_owned()),
                    GeneralName::IPAddress(bytes) => parsed.addresses.extend(address(bytes)),
                    _ => {}
                }
            }
        }
        Some(parsed)
    }

    /// Reads the first certificate in a PEM text. Returns `None` if there is none or it is damaged.
    pub fn parse_pem(text: &str) -> Option<Self> {
        Self::parse(&CertificateDer::from_pem_slice(text.as_bytes()).ok()?)
    }

    /// Whether the common name is this host. Use it only for a certificate without subjectAltName that is trusted itself: an authority does
    /// not verify the common name before it signs (RFC 9525 §2).
    pub(super) fn has_common_name(&self, host: &str) -> bool {
        let host_address: Option<IpAddr> = host.parse().ok();
        self.common_names.iter().any(|name| match (host_address, name.strip_prefix("*.")) {
            (Some(address), _) => name.parse() == Ok(address),
            (None, None) => name.eq_ignore_ascii_case(host),
            (None, Some(domain)) => host.split_once('.').is_some_and(|(first, rest)| {
                !first.is_empty() && domain.contains('.') && rest.eq_ignore_ascii_case(domain)
            }),
        })
    }
}

fn text_of(name: &X509Name<'_>) -> String {
    name.to_string()
}

fn common_names(name: &X509Name<'_>) -> Vec<String> {
    name.iter_common_name().filter_map(|name| name.as_str().ok()).map(str::to_owned).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| Ipv4Addr::from(octets).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|octets| Ipv6Addr::from(octets).into())).ok()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(common_name: &str, names: &[&str]) -> Certificate {
        let mut params = CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.distinguished_name.push(DnType::OrganizationName, "Example");
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2049, 12, 31);
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Certificate::parse(made.der()).unwrap()
    }

    #[test]
    fn the_facts_of_a_certificate_are_read() {
        let read = certificate("localhost", &["a.test", "*.b.test", "127.0.0.1", "::1"]);
        assert_eq!((&*read.subject, &*read.issuer), ("CN=localhost, O=Example", "CN=localhost, O=Example"));
        assert!(read.is_self_issued && read.has_alternative_names);
        assert_eq!(read.common_names, ["localhost"]);
        assert_eq!(read.dns_names, ["a.test", "*.b.test"]);
        assert_eq!(read.addresses, ["127.0.0.1".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
        assert_eq!((read.version, read.not_before, read.not_after), (3, 1_704_067_200, 2_524_521_600));
        assert!(!read.serial.is_empty() && !read.public_key.is_empty());
        assert!(!certificate("localhost", &[]).has_alternative_names);
    }

    #[test]
    fn a_certificate_reads_alike_as_der_and_as_pem() {
        let made = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        let made = made.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(Certificate::parse_pem(&made.pem()), Certificate::parse(made.der()));
        assert!(Certificate::parse_pem(&made.pem()).is_some());
        assert_eq!(Certificate::parse_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), None);
        assert_eq!(Certificate::parse_pem(""), None);
    }

    #[test]
    fn a_common_name_is_a_host_an_address_or_a_wildcard_of_one_label() {
        for (name, host, is_host) in [
            ("localhost", "LocalHost", true),
            ("localhost", "localhost.evil", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("*.0.0.1", "127.0.0.1", false),
            ("*.home.test", "a.home.test", true),
            ("*.home.test", "a.b.home.test", false),
            ("*.home.test", "home.test", false),
            ("*.test", "home.test", false),
        ] {
            assert_eq!(certificate(name, &[]).has_common_name(host), is_host, "{name} for {host}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_none_and_cut_short_neither() {
        let mut params = CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "a");
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        for cut in 0..made.der().len() {
            assert_eq!(Certificate::parse(&made.der()[..cut]), None, "{cut}");
        }
    }
}
