//! Tests certificates that are refused, each with its own sentence, and what can be trusted instead of the system's authorities.
#![allow(missing_docs)]

mod support;
mod support_tls;

use std::process::{Command, Stdio};

use http_client::{HttpClient, Status, TlsOptions, Trust, Verify};
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use support_tls::pki::{Authority, Identity, Key, self_signed};
use support_tls::programs::{OpenSsl, is_there};
use support_tls::{refusal, secured, trusting, trusting_for, try_connect};

const SELF_SIGNED: &str = "the certificate of \"localhost\" is self-signed and not trusted; trust it \
                           (TLSOptions.client() or trusted_ca_file), or use a certificate from a known authority on the server";
const UNKNOWN: &str = "the certificate of \"localhost\" was issued by an authority that is not trusted here, or the \
                       server does not send its intermediate certificates; if the authority is your own, trust its \
                       certificate";

#[test]
fn an_expired_certificate_says_since_when() {
    let root = Authority::root("root", Key::P256);
    let identity = root.issue_with(Key::P256, &["localhost"], |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 3);
    });
    let Some(server) = OpenSsl::start(&identity, &[]) else { return };
    let expected = "the certificate of \"localhost\" expired on 2020-02-03; check the server's certificate and this computer's clock";
    assert_eq!(refusal("localhost", server.address, &trusting(&root.pem)), expected);
    let chain_only = TlsOptions { verify: Verify::ChainOnly, ..trusting(&root.pem) };
    assert_eq!(refusal("localhost", server.address, &chain_only), expected);
    let nothing = TlsOptions { verify: Verify::Nothing, ..TlsOptions::default() };
    secured("localhost", server.address, &nothing);
}

#[test]
fn a_certificate_that_is_not_valid_yet_says_from_when_on() {
    let root = Authority::root("root", Key::P256);
    let identity = root.issue_with(Key::P256, &["localhost"], |params| params.not_before = date_time_ymd(2048, 7, 8));
    let Some(server) = OpenSsl::start(&identity, &[]) else { return };
    assert_eq!(
        refusal("localhost", server.address, &trusting(&root.pem)),
        "the certificate of \"localhost\" is not valid before 2048-07-08; check this computer's clock and the server's \
         certificate"
    );
}

#[test]
fn a_certificate_for_other_names_names_them() {
    let root = Authority::root("root", Key::P256);
    let identity = root.issue(Key::P256, &["one.test", "two.test", "*.three.test"]);
    let Some(server) = OpenSsl::start(&identity, &[]) else { return };
    assert_eq!(
        refusal("localhost", server.address, &trusting(&root.pem)),
        "the certificate is not for \"localhost\" but for \"one.test\", \"two.test\", \"*.three.test\"; check the host name"
    );
    let nameless = root.issue(Key::P256, &[]);
    let Some(server) = OpenSsl::start(&nameless, &[]) else { return };
    assert_eq!(
        refusal("localhost", server.address, &trusting(&root.pem)),
        "the certificate has no subjectAltName, and its common name (\"server of a test\") is not used; create it again \
         with subjectAltName=DNS:localhost"
    );
}

#[test]
fn an_unknown_authority_and_a_missing_intermediate_are_named_together() {
    let (root, other) = (Authority::root("root", Key::P256), Authority::root("other", Key::P256));
    let Some(server) = OpenSsl::start(&root.issue(Key::P256, &["localhost"]), &[]) else { return };
    assert_eq!(refusal("localhost", server.address, &trusting(&other.pem)), UNKNOWN);
    assert_eq!(refusal("localhost", server.address, &TlsOptions::default()), UNKNOWN, "the system's authorities");
    let intermediate = root.intermediate("intermediate", Key::P256);
    let silent = Identity { intermediates: String::new(), ..intermediate.issue(Key::P256, &["localhost"]) };
    let Some(server) = OpenSsl::start(&silent, &[]) else { return };
    assert_eq!(refusal("localhost", server.address, &trusting(&root.pem)), UNKNOWN);
    // A client that has the intermediate certificate can trust it directly.
    secured("localhost", server.address, &trusting(&intermediate.pem));
}

#[test]
fn a_self_signed_certificate_is_trusted_only_if_it_was_given() {
    for is_authority in [false, true] {
        let identity = self_signed(&["localhost"], is_authority);
        let stranger = self_signed(&["localhost"], is_authority);
        let Some(server) = OpenSsl::start(&identity, &[]) else { return };
        assert_eq!(refusal("localhost", server.address, &TlsOptions::default()), SELF_SIGNED, "CA:{is_authority}");
        assert_eq!(refusal("localhost", server.address, &trusting(&stranger.certificate)), SELF_SIGNED);
        secured("localhost", server.address, &trusting(&identity.certificate));
        let elsewhere = refusal("127.0.0.1", server.address, &trusting(&identity.certificate));
        assert_eq!(
            elsewhere, "the certificate is not for \"127.0.0.1\" but for \"localhost\"; check the host name",
            "being trusted does not replace the name"
        );
        let chain_only = TlsOptions { verify: Verify::ChainOnly, ..trusting(&identity.certificate) };
        secured("127.0.0.1", server.address, &chain_only);
    }
}

#[test]
fn the_certificate_of_an_authority_is_none_for_a_server() {
    let root = Authority::root("root", Key::P256);
    let identity = root.issue_with(Key::P256, &["localhost"], |params| {
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    let Some(server) = OpenSsl::start(&identity, &[]) else { return };
    assert_eq!(
        refusal("localhost", server.address, &trusting(&root.pem)),
        "the certificate of \"localhost\" is for an authority, not for a server"
    );
}

#[test]
fn a_certificate_for_clients_is_none_for_a_server() {
    let root = Authority::root("root", Key::P256);
    let identity = root.issue_with(Key::P256, &["localhost"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let Some(server) = OpenSsl::start(&identity, &[]) else { return };
    assert_eq!(
        refusal("localhost", server.address, &trusting(&root.pem)),
        "the certificate of \"localhost\" is not a server certificate"
    );
}

#[test]
fn keys_and_algorithms_of_old_times_are_refused_as_such() {
    if !is_there("openssl", "version") {
        return;
    }
    for (arguments, expected) in [
        (
            ["-newkey", "rsa:1024", "-sha256"],
            "the server's certificate has an RSA key of less than 2048 bits, which is not accepted",
        ),
        (
            ["-newkey", "rsa:2048", "-sha1"],
            "the certificate of \"localhost\" uses an algorithm or a key that is not accepted, such as SHA-1 or P-521",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let run = |arguments: &[&str]| {
            let mut command = Command::new("openssl");
            command.args(arguments).current_dir(folder.path()).stdin(Stdio::null());
            let output = command.output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join("extensions"), "subjectAltName=DNS:localhost\n").unwrap();
        let root = ["req", "-x509", "-newkey", "rsa:2048", "-sha256", "-nodes", "-days", "3650", "-subj", "/CN=root"];
        run(&[&root[..], &["-keyout", "root.key", "-out", "root.pem"]].concat());
        let request = ["req", "-new", "-nodes", "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "request"];
        run(&[&request[..], &arguments[..2]].concat());
        let sign = ["x509", "-req", "-in", "request", "-CA", "root.pem", "-CAkey", "root.key", "-set_serial", "7"];
        let rest = ["-days", "3650", "-extfile", "extensions", "-out", "certificate.pem", arguments[2]];
        run(&[&sign[..], &rest].concat());
        let identity =
            Identity { certificate: read("certificate.pem"), intermediates: String::new(), key: read("key.pem") };
        let Some(server) = OpenSsl::start(&identity, &["-cipher", "DEFAULT@SECLEVEL=0"]) else { return };
        let sentence = refusal("localhost", server.address, &trusting(&read("root.pem")));
        assert!(sentence.starts_with(expected), "{arguments:?}: {sentence}");
    }
}

#[test]
fn trusted_certificates_that_are_none_are_refused_before_the_handshake() {
    let server = support::server();
    for (text, expected) in [
        ("", "the trusted certificates contain no BEGIN CERTIFICATE block; use PEM text"),
        ("hello", "the trusted certificates contain no BEGIN CERTIFICATE block; use PEM text"),
        (
            "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n",
            "none of the trusted certificates can be read; they may be damaged",
        ),
        (
            "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
            "the trusted certificates are not PEM text: ",
        ),
    ] {
        let sentence = refusal("127.0.0.1", server.https(), &trusting(text));
        assert!(sentence.starts_with(expected), "{text:?}: {sentence}");
    }
}

#[test]
fn every_block_of_a_text_counts_whatever_stands_between_them() {
    let (server, other) = (support::server(), Authority::root("other", Key::P256));
    for between in ["", "\0", "\0\n", "\n\0", "\u{feff}", "\n\u{fffd}", "\r\n  ", " \n\n# root\n"] {
        let joined = ["\u{feff}", other.pem.trim(), between, server.ca_pem().trim(), "\0"].concat();
        secured("localhost", server.https(), &trusting(&joined));
    }
    // Certificates in comments do not count.
    let commented = format!("{}# {}", other.pem, server.ca_pem().replace('\n', "\n# "));
    assert_eq!(refusal("localhost", server.https(), &trusting(&commented)), UNKNOWN);
}

#[test]
fn a_given_authority_replaces_the_systems() {
    let server = support::server();
    let client = secured("localhost", server.https(), &trusting(server.ca_pem()));
    assert_eq!(support::get(&client, "/hello").code, 200);
    let other = Authority::root("other", Key::P256);
    assert_eq!(refusal("localhost", server.https(), &trusting(&other.pem)), UNKNOWN);
    assert_eq!(
        refusal("localhost", server.https(), &TlsOptions { trust: Trust::System, ..Default::default() }),
        UNKNOWN
    );
}

#[test]
fn a_client_that_failed_connects_the_next_time() {
    let server = support::server();
    let client = HttpClient::default();
    for _ in 0..3 {
        support_tls::refusal_of(&client, "localhost", server.https(), &TlsOptions::default());
        try_connect(&client, "localhost", server.https().port(), &trusting(server.ca_pem())).unwrap();
        assert_eq!((client.status(), client.error_message()), (Status::Connected, String::new()));
        assert_eq!(support::get(&client, "/hello").code, 200);
    }
}

#[test]
fn a_name_that_no_certificate_can_have_is_refused() {
    let server = support::server();
    let sentence = refusal("127.0.0.1", server.https(), &trusting_for(server.ca_pem(), "not a name"));
    assert_eq!(sentence, "\"not a name\" is not a name that a certificate can contain");
}

/// Returns the results of these calls of openssl: `key.pem` and `certificate.pem` in their folder.
fn made_by_openssl(calls: &[&str], files: &[(&str, &str)]) -> Option<(Identity, tempfile::TempDir)> {
    if !is_there("openssl", "version") {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    for call in calls {
        let mut command = Command::new("openssl");
        command.args(call.split(' ')).current_dir(folder.path()).stdin(Stdio::null());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{call}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let identity =
        Identity { certificate: read("certificate.pem"), intermediates: String::new(), key: read("key.pem") };
    Some((identity, folder))
}

const OF_VERSION_1: [&str; 2] = [
    "req -new -newkey rsa:2048 -nodes -subj /CN=localhost -keyout key.pem -out request",
    "x509 -req -in request -signkey key.pem -days 3650 -out certificate.pem",
];

#[test]
fn a_trusted_certificate_without_alternative_names_is_matched_by_its_common_name() {
    for calls in [
        &["req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost -keyout key.pem -out certificate.pem"][..],
        &[
            "req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /O=A/CN=other/CN=localhost -keyout key.pem -out certificate.pem",
        ],
        &[
            "req -x509 -sha1 -newkey rsa:2048 -nodes -days 3650 -subj /CN=LOCALHOST -keyout key.pem -out certificate.pem",
        ],
        &OF_VERSION_1,
    ] {
        let Some((identity, _)) = made_by_openssl(calls, &[]) else { return };
        for version in ["-tls1_2", "-tls1_3"] {
            let Some(server) = OpenSsl::start(&identity, &[version, "-cipher", "DEFAULT@SECLEVEL=0"]) else { return };
            let trusted = trusting(&identity.certificate);
            let client = secured("localhost", server.address, &trusted);
            assert_eq!(support::get(&client, "/hello").code, 200, "{calls:?} {version}");
            // The server handles one connection after the other.
            drop(client);
            let sentence = refusal("127.0.0.1", server.address, &trusted);
            assert!(
                sentence.starts_with("the certificate is not for \"127.0.0.1\" but for \""),
                "{calls:?}: {sentence}"
            );
            assert!(sentence.ends_with(", its common name; check the host name"), "{calls:?}: {sentence}");
            secured("127.0.0.1", server.address, &TlsOptions { verify: Verify::ChainOnly, ..trusted });
            assert_eq!(refusal("localhost", server.address, &TlsOptions::default()), self_signed_or_old(calls));
            secured("localhost", server.address, &TlsOptions { verify: Verify::Nothing, ..TlsOptions::default() });
        }
    }
}

fn self_signed_or_old(calls: &[&str]) -> &'static str {
    if calls == OF_VERSION_1 {
        "the certificate of \"localhost\" has version 1, but certificates issued by an authority must have version 3; \
         create it again with a subjectAltName"
    } else {
        SELF_SIGNED
    }
}

#[test]
fn a_trusted_certificate_of_version_1_that_is_not_valid_any_more_is_refused() {
    let calls = [OF_VERSION_1[0], "x509 -req -in request -signkey key.pem -days -1 -out certificate.pem"];
    let Some((identity, _)) = made_by_openssl(&calls, &[]) else { return };
    let Some(server) = OpenSsl::start(&identity, &[]) else { return };
    let sentence = refusal("localhost", server.address, &trusting(&identity.certificate));
    assert!(sentence.starts_with("the certificate of \"localhost\" expired on "), "{sentence}");
}

#[test]
fn a_common_name_does_not_count_in_a_certificate_of_an_authority() {
    let root = Authority::root("root", Key::P256);
    let identity = root.issue_with(Key::P256, &[], |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
    });
    let Some(server) = OpenSsl::start(&identity, &[]) else { return };
    let expected = "the certificate has no subjectAltName, and its common name (\"localhost\") is not used; create it \
                    again with subjectAltName=DNS:localhost";
    assert_eq!(refusal("localhost", server.address, &trusting(&root.pem)), expected);
    // The same is true if the certificate itself is trusted.
    let both = format!("{}{}", root.pem, identity.certificate);
    assert_eq!(refusal("localhost", server.address, &trusting(&both)), expected);
}

#[test]
fn a_certificate_of_version_1_from_an_authority_is_refused_as_such() {
    let calls = [
        "req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=root -keyout root.key -out root.pem",
        OF_VERSION_1[0],
        "x509 -req -in request -CA root.pem -CAkey root.key -set_serial 7 -days 3650 -out certificate.pem",
    ];
    let Some((identity, folder)) = made_by_openssl(&calls, &[]) else { return };
    let Some(server) = OpenSsl::start(&identity, &[]) else { return };
    let root = std::fs::read_to_string(folder.path().join("root.pem")).unwrap();
    assert_eq!(refusal("localhost", server.address, &trusting(&root)), self_signed_or_old(&OF_VERSION_1));
}

#[test]
fn an_address_as_a_dns_name_is_told_apart() {
    let root = Authority::root("root", Key::P256);
    let identity = root.issue_with(Key::P256, &[], |params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("127.0.0.1".try_into().unwrap())];
    });
    let Some(server) = OpenSsl::start(&identity, &[]) else { return };
    assert_eq!(
        refusal("127.0.0.1", server.address, &trusting(&root.pem)),
        "the certificate contains \"127.0.0.1\" as a DNS name, but not as an IP address; create it again with \
         subjectAltName=IP:127.0.0.1"
    );
}

#[test]
fn names_of_a_server_are_shown_with_escapes_and_cut_short() {
    let root = Authority::root("root", Key::P256);
    let long = "x".repeat(10_000);
    let identity = root.issue_with(Key::P256, &[], |params| {
        params.subject_alt_names =
            ["\u{1b}[31mred\n\0", &long].map(|name| rcgen::SanType::DnsName(name.try_into().unwrap())).to_vec();
    });
    let Some(server) = OpenSsl::start(&identity, &[]) else { return };
    let sentence = refusal("localhost", server.address, &trusting(&root.pem));
    assert_eq!(
        sentence,
        format!(
            "the certificate is not for \"localhost\" but for \"\\x1b[31mred\\n\\x00\", \"{}…\"; check the host name",
            "x".repeat(60)
        )
    );
}

#[test]
fn name_constraints_and_critical_extensions_have_their_own_sentences() {
    use rcgen::{CustomExtension, DnType, GeneralSubtree, NameConstraints};
    let subtrees = [
        GeneralSubtree::DnsName("elsewhere.test".to_owned()),
        GeneralSubtree::DirectoryName({
            let mut name = rcgen::DistinguishedName::new();
            name.push(DnType::OrganizationName, "Example");
            name
        }),
    ];
    for subtree in subtrees {
        let constraints = NameConstraints { permitted_subtrees: vec![subtree], excluded_subtrees: Vec::new() };
        let root = Authority::root_with("root", Key::P256, |params| params.name_constraints = Some(constraints));
        let Some(server) = OpenSsl::start(&root.issue(Key::P256, &["localhost"]), &[]) else { return };
        let sentence = refusal("localhost", server.address, &trusting(&root.pem));
        assert!(sentence.contains("name constraints"), "{sentence}");
    }
    let root = Authority::root("root", Key::P256);
    let identity = root.issue_with(Key::P256, &["localhost"], |params| {
        let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 55555, 1], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions = vec![extension];
    });
    let Some(server) = OpenSsl::start(&identity, &[]) else { return };
    assert_eq!(
        refusal("localhost", server.address, &trusting(&root.pem)),
        "the certificate of \"localhost\", or that of its authority, has a critical extension that is not supported"
    );
}

#[test]
fn a_chain_of_many_authorities_of_one_name_is_refused_after_a_few() {
    let root = Authority::root("root", Key::P256);
    let first = root.intermediate("many", Key::P256);
    let mut last = root.intermediate("many", Key::P256);
    let mut others = String::new();
    for _ in 0..30 {
        last = last.intermediate("many", Key::P256);
        others += &last.pem;
    }
    let identity = Identity { intermediates: others, ..first.issue(Key::P256, &["localhost"]) };
    let Some(server) = OpenSsl::start(&identity, &[]) else { return };
    let sentence = refusal("localhost", server.address, &trusting(&root.pem));
    assert!(
        sentence.starts_with("the certificate of \"localhost\" was issued by an authority that is not trusted"),
        "{sentence}"
    );
    assert!(sentence.ends_with("(the server sent 30 intermediate certificates; only 3 were checked)"), "{sentence}");
}
