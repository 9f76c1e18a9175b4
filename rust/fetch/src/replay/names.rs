//! Names of what is secret: headers, parameters of a URL, fields of a form and of JSON. This is the one list; the stand-in of web exports has
//! it too, and a test compares them.

/// What a name says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Secrecy {
    /// It can be shown.
    None,
    /// It is secret where it is sent, as the code of a login is. In an answer the name means something else.
    WhereSent,
    /// It is secret, if it is one value.
    Value,
    /// Everything in it is secret.
    All,
}

/// Words that make a name one of a secret, also at the end of a word that was written without a gap, such as `authtoken`.
const ENDINGS: [&str; 15] = [
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
];
/// Words that do so alone.
const WORDS: [&str; 27] = [
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
    "sessionid",
    "sid",
    "ssid",
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
];
/// A key is a secret unless one of these stands before it.
const HARMLESS_KEYS: [&str; 8] =
    ["public", "primary", "foreign", "sort", "cache", "partition", "object", "translation"];
/// What is said about a secret is none.
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

/// What a code is that is secret where it is sent, unless it is just called so.
const SENT_CODES: [&str; 3] = ["auth", "device", "user"];

/// What a name says of its value.
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
    Secrecy::None
}

/// `apiKey`, `API_Key`, `x-api-key2` and `user[api.key]` as words in lower case.
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

    /// The stand-in of web exports says the same of these names: `test_web_replay.gd`.
    #[test]
    fn names_of_secrets_are_known_however_they_are_written() {
        let names: serde_json::Value = serde_json::from_str(&file("tests/data/secret_names.json")).unwrap();
        for (list, expected) in [
            ("all", Secrecy::All),
            ("value", Secrecy::Value),
            ("where_sent", Secrecy::WhereSent),
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
        let lists: [(&str, &[&str]); 5] = [
            ("ENDINGS", &ENDINGS),
            ("WORDS", &WORDS),
            ("HARMLESS_KEYS", &HARMLESS_KEYS),
            ("ABOUT", &ABOUT),
            ("SENT_CODES", &SENT_CODES),
        ];
        for (name, list) in lists {
            let (_, behind) = script.split_once(&format!("const {name}: PackedStringArray = [")).expect(name);
            let (inside, _) = behind.split_once(']').expect(name);
            // What stands between quotes is every second part.
            let there: Vec<&str> = inside.split('"').skip(1).step_by(2).collect();
            assert_eq!(there, list, "{name}");
        }
    }
}
