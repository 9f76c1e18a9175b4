//! The names of secrets: headers, parameters of a URL, fields of a form and of JSON, elements and attributes of XML. This is the
//! authoritative list. The stand-in for web exports has a copy, and a test compares them. This module also contains the rules for values
//! that are secret under any name.

/// What a name says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Secrecy {
    /// It can be shown.
    None,
    /// It is secret if it looks like a token. The name also has harmless meanings.
    IfToken,
    /// It is secret in a request, like the code of a login. In a response, the name means something else.
    WhereSent,
    /// It is secret if it is a single value.
    Value,
    /// Everything in it is secret.
    All,
}

/// Words that make a name secret, also at the end of a longer word such as `authtoken`.
const ENDINGS: [&str; 18] = [
    "token",
    "tokens",
    "secret",
    "secrets",
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "credential",
    "credentials",
    "apikey",
    "signature",
    "authorization",
    "sessionid",
    "sessid",
    "samlresponse",
];
/// Words that make a name secret only as whole words.
const WORDS: [&str; 39] = [
    "auth",
    "pass",
    "sig",
    "sign",
    "hmac",
    "jwt",
    "otp",
    "totp",
    "pin",
    "session",
    "sess",
    "sid",
    "ssid",
    "cvv",
    "cvc",
    "mfa",
    "saml",
    "csrf",
    "xsrf",
    "nonce",
    "assertion",
    "verifier",
    "ticket",
    "bearer",
    "cookie",
    "cookies",
    "accesskey",
    "secretkey",
    "privatekey",
    "authkey",
    "sessionkey",
    "appkey",
    "clientkey",
    "encryptionkey",
    "licensekey",
    "masterkey",
    "sharedkey",
    "signingkey",
    "subscriptionkey",
];
/// Complete names whose value is secret if it looks like a token. Some servers answer a login with `access` and `refresh`, but `access` can
/// also be `public`.
const IF_TOKEN: [&str; 3] = ["access", "refresh", "authentication"];
/// The minimum length of a value that looks like a token. It must also contain letters and digits.
const SHORTEST_TOKEN: usize = 16;
/// A `key` is secret, unless one of these words precedes it.
const HARMLESS_KEYS: [&str; 8] =
    ["public", "primary", "foreign", "sort", "cache", "partition", "object", "translation"];
/// Last words of names that describe a secret, but are not secret themselves.
const ABOUT: [&str; 14] = [
    "type",
    "types",
    "url",
    "uri",
    "endpoint",
    "expires",
    "expiry",
    "expiration",
    "count",
    "length",
    "limit",
    "policy",
    "hint",
    "algorithm",
];

/// Words that make a `code` secret in a request. A name that is only `code` is also secret there.
const SENT_CODES: [&str; 3] = ["auth", "device", "user"];

impl Secrecy {
    /// Returns whether this value of such a name is secret. `sent` is whether this side wrote it.
    pub(super) fn hides(self, value: &str, sent: bool) -> bool {
        match self {
            Self::None => is_web_token(value),
            Self::IfToken => looks_like_token(value),
            Self::WhereSent => sent || is_web_token(value),
            Self::Value | Self::All => true,
        }
    }
}

/// Returns whether this is a JSON Web Token (RFC 7519), which is a credential under any name.
fn is_web_token(value: &str) -> bool {
    let of_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut parts = value.split('.');
    let begins = |part: Option<&str>| part.is_some_and(|part| part.len() > 8 && part.starts_with("eyJ"));
    value.starts_with("eyJ")
        && (3..=5).contains(&value.split('.').count())
        && value.split('.').all(|part| part.bytes().all(of_part))
        && begins(parts.next())
        && parts.next().is_some_and(|part| part.len() > 8 || part.is_empty())
}

fn looks_like_token(value: &str) -> bool {
    value.len() >= SHORTEST_TOKEN
        && value.bytes().all(|byte| byte.is_ascii_graphic())
        && !value.contains("://")
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// What a name says about its value.
pub(super) fn secrecy(name: &str) -> Secrecy {
    let words = words(name);
    let Some(last) = words.last() else { return Secrecy::None };
    if ABOUT.contains(&last.as_str()) || last == "in" && words.iter().any(|word| word == "expires") {
        return Secrecy::None;
    }
    if words.iter().any(|word| ENDINGS.iter().any(|ending| word.ends_with(ending))) {
        return Secrecy::All;
    }
    if words.iter().any(|word| WORDS.contains(&word.as_str())) {
        return Secrecy::Value;
    }
    if last == "key" {
        let before = words.len().checked_sub(2).map_or("", |at| words[at].as_str());
        return if HARMLESS_KEYS.contains(&before) { Secrecy::None } else { Secrecy::Value };
    }
    if last == "code" && (words.len() == 1 || words.iter().any(|word| SENT_CODES.contains(&word.as_str()))) {
        return Secrecy::WhereSent;
    }
    match words.as_slice() {
        [word] if IF_TOKEN.contains(&word.as_str()) => Secrecy::IfToken,
        _ => Secrecy::None,
    }
}

/// Splits names such as `apiKey`, `API_Key`, `x-api-key2` and `user[api.key]` into words in lower case.
fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().take(256).collect();
    let mut words = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let after = letters.get(at + 1);
        let begins_word = letter.is_uppercase()
            && before.is_some_and(|before| {
                before.is_lowercase() || before.is_uppercase() && after.is_some_and(|after| after.is_lowercase())
            });
        if begins_word || !letter.is_alphabetic() {
            words.push(String::new());
        }
        if letter.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(below: &str) -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(below);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The stand-in for web exports is tested with the same names in `test_web_replay.gd`.
    #[test]
    fn names_of_secrets_are_known_however_they_are_written() {
        let names: serde_json::Value = serde_json::from_str(&file("tests/data/secret_names.json")).unwrap();
        for (list, expected) in [
            ("all", Secrecy::All),
            ("value", Secrecy::Value),
            ("where_sent", Secrecy::WhereSent),
            ("if_token", Secrecy::IfToken),
            ("none", Secrecy::None),
        ] {
            let names = names[list].as_array().unwrap();
            assert!(names.len() > 2, "{list}");
            for name in names {
                assert_eq!(secrecy(name.as_str().unwrap()), expected, "{name}");
            }
        }
    }

    #[test]
    fn the_stand_in_of_web_exports_has_the_same_lists_of_names() {
        let script = file("../../addons/http_client_rust/web/secret_names.gd");
        let lists: [(&str, &[&str]); 6] = [
            ("ENDINGS", &ENDINGS),
            ("WORDS", &WORDS),
            ("HARMLESS_KEYS", &HARMLESS_KEYS),
            ("ABOUT", &ABOUT),
            ("SENT_CODES", &SENT_CODES),
            ("IF_TOKEN", &IF_TOKEN),
        ];
        for (name, list) in lists {
            let (_, behind) = script.split_once(&format!("const {name}: PackedStringArray = [")).expect(name);
            let (inside, _) = behind.split_once(']').expect(name);
            // Every second part is between quotes.
            let there: Vec<&str> = inside.split('"').skip(1).step_by(2).collect();
            assert_eq!(there, list, "{name}");
        }
    }

    #[test]
    fn a_name_that_means_something_harmless_elsewhere_hides_what_looks_like_a_token() {
        for (name, value, is_secret) in [
            ("access", "4f5cd2e0a9b84c3e", true),
            ("Refresh", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln", true),
            ("access", "public", false),
            ("refresh", "5; url=https://a.example/b", false),
            ("refresh", "https://a.example/b/12345", false),
            ("refresh", "2026-01-31 12:00:00", false),
            ("access", "administrators-only", false),
        ] {
            assert_eq!(secrecy(name).hides(value, false), is_secret, "{name} {value}");
        }
    }

    #[test]
    fn a_web_token_is_a_secret_under_any_name() {
        for (value, is_secret) in [
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", true),
            ("eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.", true),
            ("eyJhbGciOiJSU0EifQ.a2V5a2V5a2V5.aXY.dGV4dA.dGFn", true),
            ("eyJhbGciOiJIUzI1NiJ9", false),
            ("eyJ.a.b", false),
            ("eyJhbGciOiJIUzI1NiJ9.is.no token", false),
            ("1.2.3", false),
            ("", false),
        ] {
            assert_eq!(secrecy("name").hides(value, false), is_secret, "{value}");
        }
    }
}
