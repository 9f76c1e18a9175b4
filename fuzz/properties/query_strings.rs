//! Property: a query string only contains unreserved characters, `%`, `&` and `=`, and splitting it returns the original keys and values.
//!
//! Input: pairs, separated by FF bytes. The first FE byte in a pair separates key and value. Without it, the pair is only a key.

use http_protocol::{QueryString, percent_decode};

/// Panics if the property does not hold.
pub fn check(data: &[u8]) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pairs: Vec<(String, Option<String>)> = data
        .split(|&byte| byte == 0xff)
        .map(|pair| match pair.iter().position(|&byte| byte == 0xfe) {
            Some(at) => (text(&pair[..at]), Some(text(&pair[at + 1..]))),
            None => (text(pair), None),
        })
        .collect();
    let mut query = QueryString::default();
    for (key, value) in &pairs {
        query.append(key, value.as_deref());
    }
    let query = query.finish();

    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%=&".contains(&byte);
    assert!(query.bytes().all(is_safe), "{query:?}");
    let decoded: Vec<(Vec<u8>, Option<Vec<u8>>)> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) => (percent_decode(key), Some(percent_decode(value))),
            None => (percent_decode(pair), None),
        })
        .collect();
    let given: Vec<(Vec<u8>, Option<Vec<u8>>)> =
        pairs.into_iter().map(|(key, value)| (key.into_bytes(), value.map(String::into_bytes))).collect();
    assert_eq!(decoded, given, "{query:?}");

    // Text that is not encoded is decoded without an error, and never grows.
    let text = text(data);
    assert!(percent_decode(&text).len() <= text.len());
}
