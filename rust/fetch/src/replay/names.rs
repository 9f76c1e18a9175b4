//! Names of what is secret: headers, parameters of a URL, fields of a form and of JSON. This is the one list.

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
    if last == "code"
        && (words.len() == 1 || words.iter().any(|word| matches!(word.as_str(), "auth" | "device" | "user")))
    {
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

    #[test]
    fn names_of_secrets_are_known_however_they_are_written() {
        for name in [
            "token",
            "access_token",
            "refreshToken",
            "ACCESS-TOKEN",
            "X-Auth-Token",
            "authtoken",
            "idToken2",
            "tokens",
            "password",
            "new_password",
            "user[password]",
            "passwordConfirm",
            "pwd",
            "client_secret",
            "clientSecret",
            "X-Amz-Signature",
            "X-Amz-Credential",
            "credentials",
            "apikey",
        ] {
            assert_eq!(secrecy(name), Secrecy::All, "{name}");
        }
        for name in [
            "key",
            "api_key",
            "apiKey",
            "APIKey",
            "X-Api-Key",
            "x-functions-key",
            "sig",
            "signing_key",
            "sessionId",
            "sid",
            "csrf",
            "jwt",
            "otp",
            "pin",
            "code_verifier",
            "pass",
            "auth",
            "ticket",
        ] {
            assert_eq!(secrecy(name), Secrecy::Value, "{name}");
        }
        for name in ["code", "device_code", "authCode"] {
            assert!(secrecy(name) >= Secrecy::WhereSent, "{name}");
        }
        for name in [
            "",
            "name",
            "user",
            "id",
            "monkey",
            "keyboard",
            "token_type",
            "expires_in",
            "token_expires_in",
            "public_key",
            "primaryKey",
            "zip_code",
            "country_code",
            "status_code",
            "design",
            "passed",
            "compass",
            "tokenUrl",
            "author",
            "spin",
            "content-type",
            "etag",
        ] {
            assert_eq!(secrecy(name), Secrecy::None, "{name}");
        }
    }
}
