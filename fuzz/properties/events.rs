//! Property: for every split of an event stream, the parser finds the events that a slow and simple reader finds in the whole stream.
//!
//! Input: one byte for the size of the pieces, and the stream.

use http_fetch::events::{Limits, Parser};

/// Panics if the property does not hold.
pub fn check(data: &[u8]) {
    let [size, stream @ ..] = data else { return };
    let limits = Limits { line: 1 << 16, data: 1 << 16 };
    let mut parser = Parser::new(limits, "");
    let mut found = Vec::new();
    for mut piece in stream.chunks(usize::from(*size).max(1)) {
        loop {
            match parser.next(&mut piece) {
                Ok(Some(event)) => found.push((event.kind.to_string(), event.data, event.id.to_string())),
                Ok(None) => break,
                // The parser only refuses input that exceeds the limits.
                Err(_) => return assert!(stream.len() > limits.line, "{}", stream.escape_ascii()),
            }
        }
        assert!(piece.is_empty(), "{}", stream.escape_ascii());
    }
    assert_eq!(found, obvious(stream), "{}", stream.escape_ascii());
}

/// Decodes the whole stream first, and then goes through its lines.
fn obvious(stream: &[u8]) -> Vec<(String, String, String)> {
    let text = String::from_utf8_lossy(stream.strip_prefix(b"\xef\xbb\xbf").unwrap_or(stream));
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut events = Vec::new();
    let (mut kind, mut data, mut id) = (String::new(), String::new(), String::new());
    let mut lines: Vec<&str> = text.split('\n').collect();
    lines.pop();
    for line in lines {
        let (name, value) = match line.find(':') {
            Some(at) => (&line[..at], &line[at + 1..]),
            None => (line, ""),
        };
        let value = if let Some(rest) = value.strip_prefix(' ') { rest } else { value };
        if line.is_empty() {
            if !data.is_empty() {
                data.pop();
                let kind = if kind.is_empty() { "message".to_owned() } else { kind.clone() };
                events.push((kind, data.clone(), id.clone()));
            }
            kind.clear();
            data.clear();
        } else if name == "data" {
            data.push_str(value);
            data.push('\n');
        } else if name == "event" {
            kind = value.to_owned();
        } else if name == "id" && !value.contains('\0') {
            id = value.to_owned();
        }
    }
    events
}
