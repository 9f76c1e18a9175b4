//! Forms of several parts as they were sent: which part is what, and the same form with another boundary.

use std::ops::Range;

use crate::header_line::ContentType;

/// The boundary in the place of the random ones, so that two forms with the same parts are equal.
const BOUNDARY: &str = "----one-and-the-same-boundary";

/// A part of a form.
pub(super) struct Part {
    /// The field's name; empty if it has none.
    pub(super) name: String,
    /// Where its content stands.
    pub(super) content: Range<usize>,
}

/// The boundary by the body's type; else by its first line, since a type may be missing.
pub(super) fn boundary(mime: &str, body: &[u8]) -> Option<String> {
    let content_type = ContentType::read(mime);
    if content_type.is("multipart/form-data") || mime.is_empty() || mime.starts_with("multipart/") {
        // RFC 2046 §5.1.1 allows 70 characters; one of a whole header would make a long body take long.
        let said = content_type.parameter("boundary").filter(|boundary| (1..=200).contains(&boundary.len()));
        return said.or_else(|| {
            let line = body.split(|byte| *byte == b'\r').next()?;
            let boundary = std::str::from_utf8(line.strip_prefix(b"--")?).ok()?;
            let is_one = (1..=70).contains(&boundary.len()) && body[line.len()..].starts_with(b"\r\nContent-");
            is_one.then(|| boundary.to_owned())
        });
    }
    None
}

/// The parts of a body with this boundary, as far as they can be read.
pub(super) fn parts(body: &[u8], boundary: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let delimiter = format!("--{boundary}");
    let Some(mut at) = find(body, delimiter.as_bytes(), 0) else { return parts };
    let delimiter = format!("\r\n--{boundary}");
    loop {
        at += delimiter.len() - if parts.is_empty() { 2 } else { 0 };
        if !body[at..].starts_with(b"\r\n") {
            return parts;
        }
        let Some(head_end) = find(body, b"\r\n\r\n", at) else { return parts };
        let start = head_end + 4;
        let Some(end) = find(body, delimiter.as_bytes(), start - 2) else { return parts };
        let head = String::from_utf8_lossy(&body[at..head_end]);
        let disposition = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("Content-Disposition").then(|| value.trim().to_owned())
        });
        let name = disposition.and_then(|value| ContentType::read(&value).parameter("name")).unwrap_or_default();
        parts.push(Part { name, content: start..end.max(start) });
        at = end;
    }
}

/// The same body with the boundary that all have.
pub(super) fn with_one_boundary(body: &[u8], boundary: &str) -> Vec<u8> {
    let (delimiter, mut replaced, mut done) = (format!("--{boundary}"), Vec::with_capacity(body.len()), 0);
    while let Some(at) = find(body, delimiter.as_bytes(), done) {
        replaced.extend_from_slice(&body[done..at]);
        replaced.extend_from_slice(format!("--{BOUNDARY}").as_bytes());
        done = at + delimiter.len();
    }
    replaced.extend_from_slice(&body[done..]);
    replaced
}

/// Where `part` stands at or behind `from`.
pub(super) fn find(whole: &[u8], part: &[u8], from: usize) -> Option<usize> {
    let rest = whole.get(from..)?;
    let first = *part.first()?;
    let mut at = 0;
    loop {
        at += rest[at..].iter().position(|byte| *byte == first)?;
        if rest[at..].starts_with(part) {
            return Some(from + at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_read_and_boundaries_made_equal() {
        let form = |boundary: &str| {
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--{boundary}\r\n\
                 content-disposition: form-data; name=\"b\"; filename=\"c\"\r\n\r\nx\r\ny\r\n--{boundary}--\r\n"
            )
        };
        let body = form("one").into_bytes();
        for mime in ["multipart/form-data; boundary=one", ""] {
            let boundary = boundary(mime, &body).unwrap();
            let parts = parts(&body, &boundary);
            let shown: Vec<_> = parts.iter().map(|part| (part.name.as_str(), &body[part.content.clone()])).collect();
            assert_eq!(shown, [("a", &b""[..]), ("b", b"x\r\ny")], "{mime}");
        }
        assert_eq!(with_one_boundary(&body, "one"), with_one_boundary(form("another").as_bytes(), "another"));
        for end in 0..body.len() {
            parts(&body[..end], "one");
        }
        assert_eq!(boundary("text/plain", &body), None);
    }
}
