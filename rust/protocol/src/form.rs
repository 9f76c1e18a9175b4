//! `application/x-www-form-urlencoded` in the way Godot writes it: with the percent-encoding of RFC 3986, and without `+` for spaces.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All characters except the unreserved ones (RFC 3986 §2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Builds a query string pair by pair.
#[derive(Default)]
pub struct QueryString {
    text: String,
    pairs: usize,
}

/// Omits keys and values, which may be secrets.
impl fmt::Debug for QueryString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryString").field("pairs", &self.pairs).finish_non_exhaustive()
    }
}

impl QueryString {
    /// Adds `key=value`, or only `key` if there is no value.
    pub fn append(&mut self, key: &str, value: Option<&str>) {
        if self.pairs > 0 {
            self.text.push('&');
        }
        self.pairs += 1;
        self.text.extend(utf8_percent_encode(key, RESERVED));
        if let Some(value) = value {
            self.text.push('=');
            self.text.extend(utf8_percent_encode(value, RESERVED));
        }
    }

    /// Returns the query string.
    pub fn finish(self) -> String {
        self.text
    }
}

/// Decodes percent-encoded text.
pub fn percent_decode(text: &str) -> Vec<u8> {
    percent_decode_str(text).collect()
}
