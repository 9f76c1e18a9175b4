//! Finds out where the body of a response ends (RFC 9112 §6.3), and whether the connection can be used for another request afterwards
//! (§9.3).

use crate::error::{Excerpt, PeerError};
use crate::fields::{Fields, Head, trim_whitespace};

use crate::limits;
use crate::method::Method;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body. The response ends with its head.
    None,
    /// There is no body, although the fields announce one or the end of the connection. It is read like an empty body, as in Godot's
    /// `HTTPClient`.
    Empty {
        /// Whether the connection ends with this response.
        ends: bool,
    },
    /// There is no body. From now on, the connection uses another protocol.
    Switched,
    /// The body comes in chunks.
    Chunked,
    /// The body has this many bytes.
    Length(u64),
    /// The body ends where the connection ends.
    UntilClose,
}

/// Decides the framing in the order of RFC 9112 §6.3. The numbers below are the list items of that section. `upgrade_asked` is whether the
/// request had an `Upgrade` field.
pub(crate) fn decide(method: Method, upgrade_asked: bool, head: &Head) -> Result<Framing, PeerError> {
    // (RFC 9110 §15.2.2) The protocol is switched.
    if head.status == 101 {
        return if upgrade_asked { Ok(Framing::Switched) } else { Err(PeerError::UnaskedUpgrade) };
    }
    // 2. A tunnel. It precedes 1., because every 2xx opens it, including 204 (RFC 9110 §9.3.6).
    if method == Method::Connect && (200..300).contains(&head.status) {
        return Ok(Framing::Switched);
    }
    // 1. Responses that never have a body, regardless of their fields.
    if head.status < 200 {
        return Ok(Framing::None);
    }
    if method == Method::Head {
        return Ok(Framing::Length(0));
    }
    if head.status == 204 || head.status == 304 {
        return Ok(without_body(head));
    }
    // 3. and 4. A transfer coding, which takes precedence over a length.
    if let Some(framing) = transfer_coding(&head.fields)? {
        return Ok(framing);
    }
    // 5. and 6. A length.
    if let Some(length) = content_length(&head.fields)? {
        return Ok(Framing::Length(length));
    }
    // 8. (Item 7. is about requests.)
    Ok(Framing::UntilClose)
}

/// Whether the fields allow another request on the connection (RFC 9112 §9.3) and leave no doubt about the length. A coding together with a
/// length, a coding in HTTP/1.0, a coding after `chunked` and a malformed field may be attempts at smuggling (§6.1).
pub(crate) fn keeps_alive(head: &Head) -> bool {
    if head.fields.malformed().next().is_some() {
        return false;
    }
    let has_coding = head.fields.named("Transfer-Encoding").next().is_some();
    if has_coding && (head.minor_version == 0 || head.fields.named("Content-Length").next().is_some()) {
        return false;
    }
    if head.fields.list("Transfer-Encoding").last().is_some_and(|last| !last.eq_ignore_ascii_case(b"chunked")) {
        return false;
    }
    !says(head, b"close") && (head.minor_version >= 1 || says(head, b"keep-alive"))
}

/// Returns how Godot's `HTTPClient` treats a response without a body: it considers only the fields.
fn without_body(head: &Head) -> Framing {
    let is_chunked = head.fields.list("Transfer-Encoding").any(|coding| coding.eq_ignore_ascii_case(b"chunked"));
    if is_chunked {
        Framing::Empty { ends: false }
    } else if head.fields.named("Content-Length").next().is_some() {
        Framing::Length(0)
    } else if says(head, b"close") {
        Framing::Empty { ends: true }
    } else {
        Framing::None
    }
}

fn says(head: &Head, option: &[u8]) -> bool {
    head.fields.list("Connection").any(|element| element.eq_ignore_ascii_case(option))
}

/// Returns the framing that `Transfer-Encoding` declares. This client sends no `TE`, so `chunked` is the only coding that it accepts.
/// `identity` is an obsolete way to say that there is no coding.
fn transfer_coding(fields: &Fields) -> Result<Option<Framing>, PeerError> {
    let mut chunked = 0;
    let mut other = false;
    let mut folded = false;
    for field in fields.named("Transfer-Encoding") {
        folded |= field.is_folded();
        for coding in field.elements() {
            if coding.eq_ignore_ascii_case(b"chunked") {
                chunked += 1;
            } else {
                other |= !coding.eq_ignore_ascii_case(b"identity");
            }
        }
    }
    if other || folded || chunked > 1 {
        return Err(PeerError::TransferCoding { value: joined(fields, "Transfer-Encoding") });
    }
    Ok((chunked == 1).then_some(Framing::Chunked))
}

/// Returns the number that all `Content-Length` fields have in common.
fn content_length(fields: &Fields) -> Result<Option<u64>, PeerError> {
    let malformed = || PeerError::ContentLength { value: joined(fields, "Content-Length") };
    let mut agreed = None;
    for field in fields.named("Content-Length") {
        if field.is_folded() {
            return Err(malformed());
        }
        // `Content-Length` is not a list by its grammar, but recipients may accept a list of equal lengths (RFC 9110 §8.6). Empty elements
        // are not ignored here.
        for part in field.parts() {
            let length = decimal(part).ok_or_else(malformed)?;
            if agreed.is_some_and(|agreed| agreed != length) {
                return Err(malformed());
            }
            agreed = Some(length);
        }
    }
    Ok(agreed)
}

/// Parses a number of at most [`limits::BODY_BYTES`] that consists only of digits. `str::parse` would accept `+5` too.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits
        .iter()
        .try_fold(0u64, |value, &digit| {
            let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
            value.checked_mul(10)?.checked_add(digit)
        })
        .filter(|&value| value <= limits::BODY_BYTES)
}

fn joined(fields: &Fields, name: &str) -> Excerpt {
    let values: Vec<&[u8]> = fields.named(name).map(|field| trim_whitespace(field.value_bytes())).collect();
    Excerpt::start(&values.join(&b", "[..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_digits_and_nothing_else() {
        assert_eq!(decimal(b"0"), Some(0));
        assert_eq!(decimal(b"0042"), Some(42));
        assert_eq!(decimal(b"9223372036854775807"), Some(i64::MAX as u64));
        for wrong in ["", "+5", "-5", "5 ", "0x5", "9223372036854775808", "18446744073709551621"] {
            assert_eq!(decimal(wrong.as_bytes()), None, "{wrong:?}");
        }
    }
}
