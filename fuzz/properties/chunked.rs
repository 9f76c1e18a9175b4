//! Property: the chunked decoder finds the same body, trailers and end as a slow and simple decoder, or both refuse the input.
//!
//! Input: one byte that determines the splits, and the bytes after the head of a reply with `Transfer-Encoding: chunked`.

use http_protocol::{Method, limits};

use crate::support::{Delivery, receive};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Panics if the property does not hold.
pub fn check(data: &[u8]) {
    let [how, coded @ ..] = data else { return };
    let reference = Reference::decode(coded);
    let reply = [HEAD, coded].concat();
    let pieces = match how {
        0 => vec![&reply[..]],
        &size => reply.chunks(usize::from(size)).collect(),
    };
    let most = usize::from(how % 7) * 13 + 1;
    for whole in [0, most, 65536] {
        let delivery = Delivery { pieces: pieces.clone(), then_end: true, whole, most: most.max(whole) };
        let outcome = receive(Method::Get, &delivery);
        let shown = coded.escape_ascii();
        assert_eq!(outcome.accepted(), reference.end.is_some(), "{shown}: {outcome:?}");
        assert_eq!(outcome.body, reference.body, "{shown}");
        if let Some(end) = reference.end {
            assert_eq!(outcome.trailers, reference.trailers, "{shown}");
            assert_eq!(outcome.reusable, end == coded.len(), "{shown}");
        }
    }
}

/// A decoder that follows RFC 9112 §7.1 byte by byte.
#[derive(Default)]
struct Reference {
    body: Vec<u8>,
    trailers: Vec<(String, Vec<u8>)>,
    /// The end of the encoded body, or `None` if it is malformed or incomplete.
    end: Option<usize>,
}

impl Reference {
    fn decode(coded: &[u8]) -> Self {
        let mut decoded = Self::default();
        decoded.end = decoded.run(coded);
        decoded
    }

    fn run(&mut self, coded: &[u8]) -> Option<usize> {
        let mut at = 0;
        let mut total = 0_u128;
        loop {
            let line = line(coded, &mut at)?;
            let size = size(&line)?;
            total += size;
            if total > u128::from(limits::BODY_BYTES) {
                return None;
            }
            if size == 0 {
                break;
            }
            for _ in 0..size {
                self.body.push(*coded.get(at)?);
                at += 1;
            }
            for expected in [b'\r', b'\n'] {
                if *coded.get(at)? != expected {
                    return None;
                }
                at += 1;
            }
        }
        loop {
            let line = line(coded, &mut at)?;
            if line.is_empty() {
                return Some(at);
            }
            self.trailers.push(trailer(&line)?);
            if self.trailers.len() > limits::FIELDS {
                return None;
            }
        }
    }
}

/// Returns the bytes up to the next CR LF, or `None` if they contain a byte that is not allowed in a line.
fn line(coded: &[u8], at: &mut usize) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let byte = *coded.get(*at)?;
        *at += 1;
        if byte == b'\r' {
            let is_end = coded.get(*at) == Some(&b'\n');
            *at += 1;
            return (is_end && line.len() <= limits::CHUNKED_LINE_BYTES).then_some(line);
        }
        if (byte < 0x20 && byte != b'\t') || byte == 0x7f {
            return None;
        }
        line.push(byte);
    }
}

fn size(line: &[u8]) -> Option<u128> {
    let mut size = 0_u128;
    let mut digits = 0;
    while digits < line.len() && line[digits].is_ascii_hexdigit() {
        size = size.saturating_mul(16).saturating_add(u128::from(char::from(line[digits]).to_digit(16)?));
        digits += 1;
    }
    let mut after = digits;
    while after < line.len() && (line[after] == b' ' || line[after] == b'\t') {
        after += 1;
    }
    let ends = after == line.len() || line[after] == b';';
    let allowed = (1..=limits::CHUNK_SIZE_DIGITS).contains(&digits) && ends && size <= u128::from(limits::BODY_BYTES);
    allowed.then_some(size)
}

/// RFC 9110 §5.1 and §5.5.
fn trailer(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let mut name = String::new();
    let mut bytes = line.iter().copied();
    loop {
        match bytes.next()? {
            b':' if !name.is_empty() => break,
            byte if byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte) => name.push(char::from(byte)),
            _ => return None,
        }
    }
    let mut value: Vec<u8> = bytes.collect();
    let is_space = |byte: Option<&u8>| byte == Some(&b' ') || byte == Some(&b'\t');
    while is_space(value.first()) {
        value.remove(0);
    }
    while is_space(value.last()) {
        value.pop();
    }
    Some((name, value))
}
