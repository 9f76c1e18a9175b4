//! Reads a head line by line, if the strict parser refuses it. A malformed or folded field does not make the response an error unless more
//! than the field is affected. This module also creates the errors of heads, because they name the line.

use crate::error::{Excerpt, PeerError};
use crate::fields::{Fields, Head, is_token, trim_whitespace};
use crate::limits;

/// The start of every response. A reply with another start is not HTTP/1.
pub(crate) const START: &[u8] = b"HTTP/1.";
/// The number of fields that memory is reserved for at first.
const TYPICAL_FIELDS: usize = 16;

/// Reads a complete head, from the status line to the blank line.
pub(crate) fn read(input: &[u8]) -> Result<Head, PeerError> {
    let mut lines = Lines(input);
    let line = lines.next_line();
    let (minor_version, status, reason) =
        status_line(line).ok_or_else(|| PeerError::StatusLine { line: Excerpt::start(line) })?;
    let mut fields = Fields::with_capacity(TYPICAL_FIELDS, lines.0.len());
    loop {
        let field = lines.next_field();
        if field.is_empty() {
            break;
        }
        if fields.len() == limits::FIELDS {
            return Err(PeerError::TooManyFields);
        }
        FieldLine::read(field)?.add_to(&mut fields);
    }
    check_malformed(&fields)?;
    Ok(Head { minor_version, status, reason: reason.to_owned(), fields })
}

/// Returns the minor version, status code and reason of a status line (RFC 9112 §4). A reason that is not ASCII is dropped. A minor version
/// above 1 is read as 1, because such a message must make sense to an HTTP/1.1 recipient (RFC 9110 §6.2).
fn status_line(line: &[u8]) -> Option<(u8, u16, &str)> {
    let [minor @ b'0'..=b'9', b' ', code @ ..] = line.strip_prefix(START)? else { return None };
    let (digits, reason) = code.split_at_checked(3)?;
    let status = digits
        .iter()
        .try_fold(0, |status, digit| digit.is_ascii_digit().then(|| status * 10 + u16::from(digit - b'0')))?;
    let reason = if reason.is_empty() { reason } else { reason.strip_prefix(b" ")? };
    if status < 100 || has_control(reason) {
        return None;
    }
    let reason = std::str::from_utf8(reason).ok().filter(|reason| reason.is_ascii()).unwrap_or_default();
    Some(((minor - b'0').min(1), status, reason))
}

/// The lines of a head that have not been read.
struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    fn next_line(&mut self) -> &'a [u8] {
        self.take(|_| false)
    }

    /// Returns the next field, including its continuation lines (obs-fold, RFC 9112 §5.2). The result is empty at the blank line.
    fn next_field(&mut self) -> &'a [u8] {
        let is_blank = matches!(self.0, [] | [b'\n', ..] | [b'\r', b'\n', ..]);
        self.take(|after| !is_blank && matches!(after, [b' ' | b'\t', ..]))
    }

    /// Returns the text up to the first line end after which `goes_on` returns `false`.
    fn take(&mut self, goes_on: impl Fn(&[u8]) -> bool) -> &'a [u8] {
        let mut from = 0;
        while let Some(offset) = self.0[from..].iter().position(|&byte| byte == b'\n') {
            let end = from + offset;
            if !goes_on(&self.0[end + 1..]) {
                let taken = &self.0[..end];
                self.0 = &self.0[end + 1..];
                return taken.strip_suffix(b"\r").unwrap_or(taken);
            }
            from = end + 1;
        }
        std::mem::take(&mut self.0)
    }
}

/// A field as received.
pub(crate) struct FieldLine<'a> {
    name: &'a [u8],
    /// The whole field, starting with the name.
    line: &'a [u8],
    /// The value, including the line ends of its folds.
    value: &'a [u8],
    pub(crate) is_malformed: bool,
}

impl<'a> FieldLine<'a> {
    /// Splits a field into name and value. A field that only looks wrong is kept and marked as malformed. NUL, a bare CR, and a line
    /// without a recognisable name and colon are errors, because readers split such a head at different places.
    pub(crate) fn read(line: &'a [u8]) -> Result<Self, PeerError> {
        let refused = || PeerError::Field { line: Excerpt::start(line) };
        let has_bare_cr =
            || line.iter().zip(line[1..].iter().chain([&0])).any(|pair| pair.0 == &b'\r' && pair.1 != &b'\n');
        let has_controls = has_control(line);
        if has_controls && (line.contains(&0) || has_bare_cr()) {
            return Err(refused());
        }
        let colon = line.iter().position(|&byte| byte == b':').ok_or_else(refused)?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let trimmed = trim_whitespace(name);
        if trimmed.is_empty() || line.starts_with(b" ") || line.starts_with(b"\t") || name.contains(&b'\n') {
            return Err(refused());
        }
        let is_malformed = !is_token(name)
            || has_controls && value.iter().any(|byte| is_control(byte) && !matches!(byte, b'\r' | b'\n'));
        Ok(Self { name: trimmed, line, value, is_malformed })
    }

    pub(crate) fn add_to(&self, fields: &mut Fields) {
        if self.value.contains(&b'\n') {
            fields.push_folded(self.name, self.value, self.is_malformed);
        } else {
            let value = trim_whitespace(self.value);
            fields.push(trim_whitespace(self.line), self.name.len(), value.len(), self.is_malformed);
        }
    }
}

/// Checks that no reader can take a malformed field for one that decides where the message ends or what happens to the connection. Such a
/// field is an error. The only exception is a malformed `Content-Length` whose value a valid one repeats, because it changes nothing for
/// any reader.
fn check_malformed(fields: &Fields) -> Result<(), PeerError> {
    const DECIDING: [&str; 4] = ["Content-Length", "Transfer-Encoding", "Connection", "Upgrade"];
    for field in fields.malformed() {
        let decides = |name: &&str| {
            let visible = field.name_bytes().iter().filter(|byte| byte.is_ascii_graphic() || !byte.is_ascii());
            visible.map(u8::to_ascii_lowercase).eq(name.bytes().map(|byte| byte.to_ascii_lowercase()))
        };
        let Some(name) = DECIDING.into_iter().find(|name| decides(name)) else { continue };
        let mut well = fields.named("Content-Length").filter(|other| !other.is_malformed() && !other.is_folded());
        let is_said_again = !field.is_folded() && well.any(|other| other.value_bytes() == field.value_bytes());
        if name != "Content-Length" || !is_said_again {
            return Err(PeerError::Field { line: Excerpt::start(field.line_bytes()) });
        }
    }
    Ok(())
}

/// Whether a byte is not allowed in text (RFC 9110 §5.5): every control character except the tab.
fn is_control(byte: &u8) -> bool {
    (*byte < b' ') & (*byte != b'\t') | (*byte == 0x7f)
}

/// Examines every byte without a branch, so that the compiler can vectorise the loop.
fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |seen, byte| seen | is_control(byte))
}
