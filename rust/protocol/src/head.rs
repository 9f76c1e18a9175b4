//! Parses the head of a response: status line and fields (RFC 9112 §4 and §5).
//!
//! `httparse` reads well-formed heads. [`line_reader`] reads the others, and decides which of them are errors.

use std::mem::MaybeUninit;

use crate::error::{Excerpt, PeerError};
use crate::fields::{Fields, Head};
use crate::limits;
use crate::line_reader::{self, FieldLine, START};

/// Finds the end of a head that arrives in pieces, without examining a byte twice.
#[derive(Debug, Default)]
pub(crate) struct HeadScanner {
    /// The number of bytes, from the first byte of the head, that do not contain its end.
    scanned: usize,
}

impl HeadScanner {
    /// Returns the length of the head at the start of `input`, including its blank line, or `None` if it has not arrived completely.
    /// `input` starts at the first byte of the head in every call for the same head.
    pub(crate) fn end_of_head(&mut self, input: &[u8]) -> Option<usize> {
        while let Some(offset) = input[self.scanned..].iter().position(|&byte| byte == b'\n') {
            let after = self.scanned + offset + 1;
            match input[after..] {
                [b'\n', ..] => return Some(after + 1),
                [b'\r', b'\n', ..] => return Some(after + 2),
                // The bytes after the line end decide, and they have not arrived.
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

/// Returns the length of the empty lines before a status line, which a client may skip (RFC 9112 §2.2).
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

/// Refuses a reply in another protocol as soon as its first bytes show it.
pub(crate) fn check_start(input: &[u8]) -> Result<(), PeerError> {
    let comparable = input.len().min(START.len());
    if input[..comparable] == START[..comparable] || input == b"\r" {
        Ok(())
    } else {
        Err(PeerError::NotHttp { seen: Excerpt::line(input) })
    }
}

/// Parses a complete head, from the status line to the blank line.
pub(crate) fn parse(input: &[u8]) -> Result<Head, PeerError> {
    match parse_well_formed(input) {
        Some(head) => Ok(head),
        None => line_reader::read(input),
    }
}

/// Parses a head that `httparse` accepts with its strict defaults: valid HTTP/1.0 or HTTP/1.1 without folded fields. Returns `None` for all
/// others.
fn parse_well_formed(input: &[u8]) -> Option<Head> {
    let mut slots = [const { MaybeUninit::uninit() }; limits::FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let parsed = config.parse_response_with_uninit_headers(&mut response, input, &mut slots);
    if parsed != Ok(httparse::Status::Complete(input.len())) {
        return None;
    }
    let status = response.code.filter(|status| *status >= 100)?;
    let mut fields = Fields::with_capacity(response.headers.len(), input.len());
    for header in response.headers {
        let start = position(input, header.name.as_bytes());
        // The position of an empty value does not show where its field ends.
        let end = match header.value {
            [] => start + header.name.len() + 1,
            value => position(input, value) + value.len(),
        };
        fields.push(&input[start..end], header.name.len(), header.value.len(), false);
    }
    Some(Head { minor_version: response.version?, status, reason: response.reason?.to_owned(), fields })
}

/// Returns the offset of `part`, which is a slice of `whole`.
fn position(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr() as usize - whole.as_ptr() as usize
}

/// Parses one trailer line, without its line end, and adds it to `fields`. Trailers separate this message from the next, so parsing is
/// strict, unlike for heads.
pub(crate) fn parse_trailer(line: &[u8], fields: &mut Fields) -> Result<(), PeerError> {
    let field = FieldLine::read(line)?;
    if field.is_malformed {
        return Err(PeerError::Field { line: Excerpt::line(line) });
    }
    if fields.len() == limits::FIELDS {
        return Err(PeerError::TooManyFields);
    }
    field.add_to(fields);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::Value;

    use super::*;

    /// Parts of valid and invalid heads.
    const PIECES: [&[u8]; 24] = [
        b"X: y\r\n",
        b"Content-Length: 5\r\n",
        b"Set-Cookie",
        b"a",
        b"-",
        b":",
        b": ",
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b" \t\r\n",
        b"\r\n ",
        b"\n\t",
        b"\0",
        b"\x01",
        b"\x0b",
        b"\x7f",
        b"\xe9",
        b"(",
        b"\"",
        b",",
        b"x y: z\n",
    ];

    /// Asserts that `httparse` accepts a head exactly if the line reader finds nothing in it that is malformed, folded or of a later
    /// version, and that both read the same. Returns whether the head was accepted.
    fn both_readers_agree(head: &[u8]) -> bool {
        let read = line_reader::read(head);
        let is_plain = |read: &Head| {
            matches!(head[START.len()], b'0' | b'1')
                && !read.fields.iter().any(|field| field.is_malformed() || field.is_folded())
        };
        let expected = read.ok().filter(is_plain);
        assert_eq!(parse_well_formed(head), expected, "{}", head.escape_ascii());
        expected.is_some()
    }

    /// Returns everything in `bytes` that may be a head.
    fn heads_in(bytes: &[u8]) -> Vec<&[u8]> {
        let starts = (0..bytes.len()).map(|start| &bytes[start..]).filter(|rest| rest.starts_with(START));
        starts.filter_map(|rest| Some(&rest[..HeadScanner::default().end_of_head(rest)?])).collect()
    }

    proptest! {
        #[test]
        fn random_heads_are_the_same_to_both_readers(
            line in select(vec!["1.1 200 OK", "1.0 404", "1.1 304 ", "1.1 299 \u{e9}", "1.1 200 a\tb", "1.2 200 OK", "1.1 099 OK", "1.1  200"]),
            end in select(vec!["\r\n", "\n"]),
            pieces in vec(select(&PIECES[..]), 0..24),
        ) {
            let reply = [b"HTTP/", line.as_bytes(), end.as_bytes(), &pieces.concat(), b"\r\n\r\n"].concat();
            heads_in(&reply).into_iter().for_each(|head| { both_readers_agree(head); });
        }
    }

    #[test]
    fn heads_of_the_corpora_are_the_same_to_both_readers_whatever_byte_is_changed() {
        let mut replies: Vec<Vec<u8>> = include_str!("../tests/data/edge.jsonl")
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("a line of edge.jsonl"))
            .map(|edge| edge["reply"].as_str().expect("a reply").chars().map(|character| character as u8).collect())
            .collect();
        let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/replies");
        for entry in found.read_dir().expect("what fuzzing found") {
            replies.push(std::fs::read(entry.expect("a file").path()).expect("a file"));
        }
        let (mut taken, mut refused) = (0, 0);
        for head in replies.iter().flat_map(|reply| heads_in(reply)) {
            *if both_readers_agree(head) { &mut taken } else { &mut refused } += 1;
            for position in START.len()..head.len() {
                for byte in *b"\0\t\n\r :a\x7f\x80" {
                    let mut changed = head.to_vec();
                    changed[position] = byte;
                    heads_in(&changed).into_iter().for_each(|head| {
                        both_readers_agree(head);
                    });
                }
            }
        }
        assert!(taken > 100 && refused > 50, "{taken} {refused}");
    }

    #[test]
    fn as_many_fields_as_the_limit_allows_are_taken_and_one_more_is_refused() {
        for (fields, is_taken) in [(limits::FIELDS, true), (limits::FIELDS + 1, false)] {
            let head = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(fields));
            assert_eq!(both_readers_agree(head.as_bytes()), is_taken);
        }
    }

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
