//! Reads `multipart/form-data` bodies that were sent: finds their parts, and replaces their boundary.

use std::ops::Range;

use crate::header_line::ContentType;

/// The boundary that replaces the random ones, so that two forms with the same parts are equal.
const BOUNDARY: &str = "----one-and-the-same-boundary";

/// A part of a form.
pub(super) struct Part {
    /// The name of the field. Empty if it has none.
    pub(super) name: String,
    /// The place of its content.
    pub(super) content: Range<usize>,
}

/// Returns the boundary from the content type, if it occurs in the body. Otherwise, returns the one in the first line, because the content
/// type may be missing.
pub(super) fn boundary(mime: &str, body: &[u8]) -> Option<String> {
    let content_type = ContentType::read(mime);
    if content_type.is("multipart/form-data") || mime.is_empty() || mime.starts_with("multipart/") {
        let occurs = |boundary: &String| find(body, format!("--{boundary}").as_bytes(), 0).is_some();
        // RFC 2046 §5.1.1 allows 70 characters. A boundary as long as a whole header would make the search in a long body slow.
        let is_short = |boundary: &String| (1..=200).contains(&boundary.len());
        let said = content_type.parameter("boundary").filter(|boundary| is_short(boundary) && occurs(boundary));
        return said.or_else(|| {
            let end = body.iter().position(|byte| *byte == b'\n')?;
            let (line, behind) = (body[..end].strip_suffix(b"\r").unwrap_or(&body[..end]), &body[end + 1..]);
            let boundary = std::str::from_utf8(line.strip_prefix(b"--")?).ok()?;
            let is_one = (1..=70).contains(&boundary.len())
                && behind.get(..8).is_some_and(|name| name.eq_ignore_ascii_case(b"Content-"));
            is_one.then(|| boundary.to_owned())
        });
    }
    None
}

/// Returns the parts of a body with this boundary, as far as they can be read: lines may end without `\r`, and the last part without a
/// boundary.
pub(super) fn parts(body: &[u8], boundary: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let first = format!("--{boundary}");
    let delimiter = format!("\n{first}");
    let Some(mut at) = find(body, first.as_bytes(), 0).map(|at| at + first.len()) else { return parts };
    loop {
        let Some(start_of_head) = behind_line_end(body, at) else { return parts };
        let Some((end_of_head, start)) = head_end(body, start_of_head) else { return parts };
        // The line break before a boundary belongs to the boundary.
        let next = find(body, delimiter.as_bytes(), start - 1);
        let end = next.map_or(body.len(), |next| if body[..next].ends_with(b"\r") { next - 1 } else { next });
        let head = String::from_utf8_lossy(&body[start_of_head..end_of_head]);
        let disposition = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case("Content-Disposition").then(|| value.trim().to_owned())
        });
        let name = disposition.and_then(|value| ContentType::read(&value).parameter("name")).unwrap_or_default();
        parts.push(Part { name, content: start..end.max(start) });
        match next {
            Some(next) => at = next + delimiter.len(),
            None => return parts,
        }
    }
}

/// Returns where the next line begins, if a line ends here. Spaces may precede the line break.
fn behind_line_end(body: &[u8], at: usize) -> Option<usize> {
    let blanks = body[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
    (body.get(at + blanks) == Some(&b'\n')).then_some(at + blanks + 1)
}

/// Returns where a head ends, and where its content begins: after the first empty line.
fn head_end(body: &[u8], start: usize) -> Option<(usize, usize)> {
    let mut line = start;
    loop {
        let end = line + body[line..].iter().position(|byte| *byte == b'\n')?;
        if matches!(body[line..end], [] | [b'\r']) {
            return Some((line, end + 1));
        }
        line = end + 1;
    }
}

/// Returns the same body with the common boundary.
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

/// Returns where `part` occurs, starting at `from`.
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
