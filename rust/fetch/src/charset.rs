//! Decodes bodies to text: with the byte order mark, or otherwise the charset in `Content-Type`, or otherwise UTF-8 (Encoding standard).

use encoding_rs::{Encoding, UTF_8};

use crate::header_line::ContentType;

/// Returns the text of a body. Invalid bytes are replaced by U+FFFD. This never fails.
pub fn text(content_type: Option<&str>, body: &[u8]) -> String {
    let named = content_type.and_then(|value| ContentType::read(value).parameter("charset"));
    let encoding = named.and_then(|label| Encoding::for_label(label.as_bytes())).unwrap_or(UTF_8);
    encoding.decode(body).0.into_owned()
}

/// Returns the text of a JSON body. It is always UTF-8, whatever the charset says (RFC 8259 §8.1), with or without a byte order mark.
pub fn json_text(body: &[u8]) -> String {
    String::from_utf8_lossy(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{json_text, text};

    #[test]
    fn the_charset_of_the_content_type_decides_and_utf_8_otherwise() {
        assert_eq!(text(Some("text/plain; charset=iso-8859-1"), b"caf\xe9"), "café");
        assert_eq!(text(Some("text/plain; charset=\"Shift_JIS\""), b"\x93\xfa\x96\x7b"), "日本");
        assert_eq!(text(Some("text/plain"), "café".as_bytes()), "café");
        assert_eq!(text(None, "café".as_bytes()), "café");
        assert_eq!(text(Some("text/plain; charset=klingon"), "café".as_bytes()), "café");
    }

    #[test]
    fn a_byte_order_mark_wins_over_the_charset_and_is_no_text() {
        assert_eq!(text(Some("text/plain; charset=iso-8859-1"), "\u{feff}café".as_bytes()), "café");
        assert_eq!(text(None, b"\xff\xfeh\0i\0"), "hi");
        assert_eq!(json_text("\u{feff}{}".as_bytes()), "{}");
    }

    #[test]
    fn bytes_that_are_not_of_the_charset_are_replaced() {
        assert_eq!(text(None, b"a\xffb"), "a\u{fffd}b");
        assert_eq!(json_text(b"\"\xff\""), "\"\u{fffd}\"");
    }
}
