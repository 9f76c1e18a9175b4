//! Property: header values and the notes of a download are read correctly or not at all, and the date of a cookie is never before 1970.
//!
//! Input: one byte for the reader, and the text.

use std::time::{Duration, SystemTime};

use http_fetch::cookies::SetCookie;
use http_fetch::decode::{Coding, MOST_CODINGS};
use http_fetch::download::{ContentRange, Notes};
use http_fetch::header_line::ContentType;
use http_fetch::retry::read_retry_after;
use http_fetch::{charset, events};

/// Panics if the property does not hold.
pub fn check(data: &[u8]) {
    let [reader, bytes @ ..] = data else { return };
    let text = &*String::from_utf8_lossy(bytes);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    match reader % 6 {
        0 => match ContentRange::read(text) {
            Some(ContentRange::Part { first, last, len }) => {
                assert!(first <= last && len.is_none_or(|len| last < len), "{text:?}");
                let len = len.map_or("*".to_owned(), |len| len.to_string());
                let again = ContentRange::read(&format!("bytes {first}-{last}/{len}"));
                assert_eq!(again, ContentRange::read(text), "{text:?}");
            }
            Some(ContentRange::Unsatisfied { len }) => assert!(text.contains("*/"), "{text:?}: {len}"),
            None => {}
        },
        1 => {
            if let Some(notes) = Notes::read(text) {
                assert_eq!(notes.to_text(), text);
            }
        }
        2 => {
            let wait = read_retry_after(text, now);
            assert!(wait.is_none() || text.bytes().any(|byte| byte.is_ascii_digit()), "{text:?}");
        }
        3 => {
            let value = ContentType::read(text).parameter("charset");
            assert!(value.is_none() || text.to_ascii_lowercase().contains("charset"), "{text:?}");
            assert!(charset::text(Some(text), bytes).len() <= bytes.len() * 3 + 3, "{text:?}");
            let _ = events::judge(200, Some(text));
        }
        4 => {
            assert!(Coding::list([text]).is_ok_and(|list| list.len() <= MOST_CODINGS) || text.contains(','), "{text:?}")
        }
        _ => {
            if let Some(cookie) = SetCookie::read(text, now) {
                assert!(cookie.name.len() + cookie.value.len() <= 4096, "{text:?}");
                let expires = cookie.expires.unwrap_or(now);
                assert!(
                    expires >= SystemTime::UNIX_EPOCH && expires <= now + Duration::from_secs(400 * 86_400),
                    "{text:?}"
                );
            }
        }
    }
}
