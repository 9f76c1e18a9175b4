//! The head of a response: status line and fields (RFC 9112 §4 and §5), parsed by `httparse`.

use std::mem::MaybeUninit;

use crate::error::{Excerpt, PeerError};
use crate::fields::{Fields, trim_whitespace};
use crate::limits;

/// Status line and fields of one response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The minor version of HTTP/1: 0 or 1.
    pub minor_version: u8,
    /// The status code, 100 to 999.
    pub status: u16,
    /// What the server calls the status, as far as it is text.
    pub reason: String,
    /// The header fields.
    pub fields: Fields,
}

/// Every response starts with this; whatever does not is another protocol.
const START: &[u8] = b"HTTP/1.";

/// Looks for the end of a head in bytes that arrive piece by piece, without looking at any byte twice.
#[derive(Debug, Default)]
pub(crate) struct HeadScanner {
    /// Bytes in which no head ends, counted from the head's first byte.
    scanned: usize,
}

impl HeadScanner {
    /// The length of the head that `input` starts with, its blank line included; none if it has not all arrived.
    /// `input` starts at the head's first byte in every call for the same head.
    pub(crate) fn end_of_head(&mut self, input: &[u8]) -> Option<usize> {
        while let Some(offset) = input[self.scanned..].iter().position(|&byte| byte == b'\n') {
            let after = self.scanned + offset + 1;
            match input[after..] {
                [b'\n', ..] => return Some(after + 1),
                [b'\r', b'\n', ..] => return Some(after + 2),
                // What follows the line end decides, and has not arrived.
                [] | [b'\r'] => {
                    self.scanned = after - 1;
                    return None;
                }
                _ => self.scanned = after,
            }
        }
        self.scanned = input.len();
        None
    }
}

/// The length of the empty lines before a status line, which a client may skip (RFC 9112 §2.2).
pub(crate) fn leading_empty_lines(input: &[u8]) -> usize {
    let mut skipped = 0;
    loop {
        match input[skipped..] {
            [b'\n', ..] => skipped += 1,
            [b'\r', b'\n', ..] => skipped += 2,
            _ => return skipped,
        }
    }
}

/// Refuses a reply of another protocol as soon as its first bytes show it.
pub(crate) fn check_start(input: &[u8]) -> Result<(), PeerError> {
    let comparable = input.len().min(START.len());
    if input[..comparable] == START[..comparable] || input == b"\r" {
        Ok(())
    } else {
        Err(PeerError::NotHttp { seen: Excerpt::line(input) })
    }
}

/// Parses a head that is there in full, from the status line to the blank line.
pub(crate) fn parse(input: &[u8]) -> Result<Head, PeerError> {
    let mut slots = [const { MaybeUninit::uninit() }; limits::FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let mut config = httparse::ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true);

    match config.parse_response_with_uninit_headers(&mut response, input, &mut slots) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) | Err(httparse::Error::Status | httparse::Error::Version) => {
            return Err(PeerError::StatusLine { line: Excerpt::line(input) });
        }
        Err(httparse::Error::TooManyHeaders) => return Err(PeerError::TooManyFields),
        Err(_) => return Err(PeerError::Field { line: first_bad_line(input) }),
    }
    let (Some(minor_version), Some(status)) = (response.version, response.code) else {
        return Err(PeerError::StatusLine { line: Excerpt::line(input) });
    };
    if status < 100 {
        return Err(PeerError::StatusLine { line: Excerpt::line(input) });
    }
    Ok(Head {
        minor_version,
        status,
        reason: response.reason.unwrap_or_default().to_owned(),
        fields: copy_fields(input, response.headers),
    })
}

/// Parses one trailer line, without its line end, into `fields`.
pub(crate) fn parse_trailer(line: &[u8], fields: &mut Fields) -> Result<(), PeerError> {
    let malformed = || PeerError::Field { line: Excerpt::line(line) };
    let block = [line, b"\r\n\r\n"].concat();
    let mut slots = [httparse::EMPTY_HEADER; 1];
    let Ok(httparse::Status::Complete((_, [header]))) = httparse::parse_headers(&block, &mut slots) else {
        return Err(malformed());
    };
    if fields.len() == limits::FIELDS {
        return Err(PeerError::TooManyFields);
    }
    let value = trim_whitespace(header.value);
    let end = if value.is_empty() { header.name.len() + 1 } else { position(&block, value) + value.len() };
    fields.push(&block[..end], header.name.len(), value.len());
    Ok(())
}

/// `httparse` gives slices of `input`; the fields outlive it, so their lines are copied. A fold at the start or the end of
/// a value shows only in where the slices stand.
fn copy_fields(input: &[u8], headers: &[httparse::Header<'_>]) -> Fields {
    let mut fields = Fields::with_capacity(headers.len(), input.len());
    for (index, header) in headers.iter().enumerate() {
        let start = position(input, header.name.as_bytes());
        let next = headers.get(index + 1).map_or(input.len(), |next| position(input, next.name.as_bytes()));
        let whole = input[start..next].trim_ascii_end();
        let after_name = &whole[header.name.len()..];
        if after_name.contains(&b'\n') {
            fields.push_folded(header.name.as_bytes(), &after_name[1..]);
        } else {
            let value = trim_whitespace(header.value);
            fields.push(whole, header.name.len(), value.len());
        }
    }
    fields
}

/// Where `part`, a slice of `whole`, starts in it.
fn position(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

/// The first line of a head that cannot be a field, for the message.
fn first_bad_line(input: &[u8]) -> Excerpt {
    let mut lines = input.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let status_line = lines.next().unwrap_or_default();
    if status_line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Excerpt::start(status_line);
    }
    let mut first = true;
    let bad = lines.find(|line| {
        let continues = !std::mem::take(&mut first) && line.starts_with(b" ");
        let mut fields = Fields::default();
        !line.is_empty() && !continues && parse_trailer(line, &mut fields).is_err()
    });
    Excerpt::start(bad.unwrap_or(status_line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_head_is_found_wherever_it_is_split() {
        for head in ["HTTP/1.1 200 OK\r\nA: b\r\n\r\n", "HTTP/1.1 200 OK\nA: b\n\n", "HTTP/1.1 200 OK\n\r\n"] {
            for split in 0..head.len() {
                let mut scanner = HeadScanner::default();
                assert_eq!(scanner.end_of_head(&head.as_bytes()[..split]), None, "{head:?} at {split}");
                assert_eq!(scanner.end_of_head(head.as_bytes()), Some(head.len()), "{head:?} at {split}");
            }
        }
    }

    #[test]
    fn a_fold_becomes_one_space() {
        let head = parse(b"HTTP/1.1 200 OK\r\nX: a\r\n \t b\r\nY: c\r\n\r\n").unwrap();
        let lines: Vec<_> = head.fields.iter().map(|field| field.line().into_owned()).collect();
        assert_eq!(lines, ["X: a b", "Y: c"]);
        assert_eq!(head.fields.named("x").next().unwrap().value(), "a b");
    }

    #[test]
    fn lines_are_kept_as_the_server_wrote_them() {
        let head = parse(b"HTTP/1.1 200 OK\r\nA:b\r\nC:   d  \r\nE:\r\nF: \r\n\r\n").unwrap();
        let lines: Vec<_> = head.fields.iter().map(|field| field.line().into_owned()).collect();
        assert_eq!(lines, ["A:b", "C:   d", "E:", "F:"]);
        let values: Vec<_> = head.fields.iter().map(|field| field.value().into_owned()).collect();
        assert_eq!(values, ["b", "d", "", ""]);
    }

    #[test]
    fn text_that_is_not_utf8_is_read_as_latin1() {
        let head = parse(b"HTTP/1.1 200 OK\r\nX: caf\xe9\r\nY: caf\xc3\xa9\r\n\r\n").unwrap();
        let values: Vec<_> = head.fields.iter().map(|field| field.value().into_owned()).collect();
        assert_eq!(values, ["café", "café"]);
    }

    #[test]
    fn the_message_names_the_line_that_is_wrong() {
        let error = parse(b"HTTP/1.1 200 OK\r\nA: b\r\nnocolon\r\n\r\n").unwrap_err();
        assert_eq!(error.to_string(), "the server sent a malformed header: \"nocolon\"");
    }
}
