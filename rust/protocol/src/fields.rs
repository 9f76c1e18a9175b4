//! Header and trailer fields (RFC 9110 §5), stored as one buffer of lines with the positions of names and values.

use std::borrow::Cow;
use std::fmt;

use crate::error::Excerpt;

/// The status line and the fields of one response.
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    /// The minor version of HTTP/1: 0 or 1. Greater versions are read as 1.
    pub minor_version: u8,
    /// The status code, 100 to 999.
    pub status: u16,
    /// The reason phrase of the server, as far as it is text.
    pub reason: String,
    /// The header fields.
    pub fields: Fields,
}

/// The fields of one head or trailer section, in the order received.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields {
    text: Vec<u8>,
    lines: Vec<Line>,
}

/// Positions in `Fields::text`; `start <= name_end < value_start <= end`, and lines do not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    start: u32,
    name_end: u32,
    value_start: u32,
    end: u32,
    /// Whether the field spans several lines (obs-fold, RFC 9112 §5.2). They are joined with one space.
    folded: bool,
    /// Whether RFC 9110 §5 does not allow the field. It is kept as received.
    malformed: bool,
}

/// One header or trailer field.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    line: &'a [u8],
    name: &'a [u8],
    value: &'a [u8],
    folded: bool,
    malformed: bool,
}

/// Omits the values of the fields, which may be secrets.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head").field("status", &self.status).field("fields", &self.fields).finish_non_exhaustive()
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Shows the name and the length of the value. A malformed line may have a value where its name should be, so only its length is shown.
impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.malformed {
            return write!(f, "a malformed field of {} bytes", self.line.len());
        }
        write!(f, "{:#} ({} bytes)", Excerpt::start(self.name), self.value.len())
    }
}

impl Fields {
    /// Returns the number of fields.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Returns whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns all fields, in the order received.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Field<'_>> {
        self.lines.iter().map(|line| Field {
            line: &self.text[line.start as usize..line.end as usize],
            name: &self.text[line.start as usize..line.name_end as usize],
            value: &self.text[line.value_start as usize..line.end as usize],
            folded: line.folded,
            malformed: line.malformed,
        })
    }

    /// Returns the fields with this name. The name is not case-sensitive.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Field<'a>> {
        self.iter().filter(move |field| field.is(name))
    }

    /// Returns the elements of a comma-separated list (RFC 9110 §5.6.1) from all fields with this name, without empty elements.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.named(name).flat_map(|field| field.elements())
    }

    /// Returns the malformed fields that were kept as received.
    pub(crate) fn malformed(&self) -> impl Iterator<Item = Field<'_>> {
        self.iter().filter(|field| field.malformed)
    }

    /// Creates a list with room for `fields` fields with `bytes` bytes of text.
    pub(crate) fn with_capacity(fields: usize, bytes: usize) -> Self {
        Self { text: Vec::with_capacity(bytes), lines: Vec::with_capacity(fields) }
    }

    /// Adds a field. `line` is the field as received, from the first byte of the name to the last byte of the value.
    pub(crate) fn push(&mut self, line: &[u8], name_len: usize, value_len: usize, malformed: bool) {
        self.push_line(line, name_len, value_len, false, malformed);
    }

    /// Adds a field that spans several lines, and joins the lines.
    pub(crate) fn push_folded(&mut self, name: &[u8], value: &[u8], malformed: bool) {
        let mut line = [name, b":"].concat();
        let parts = value.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|part| !part.is_empty());
        for part in parts {
            line.push(b' ');
            line.extend_from_slice(part);
        }
        let value_len = line.len().saturating_sub(name.len() + 2);
        self.push_line(&line, name.len(), value_len, true, malformed);
    }

    fn push_line(&mut self, line: &[u8], name_len: usize, value_len: usize, folded: bool, malformed: bool) {
        // The whole text is within `limits::HEADER_BYTES`, so positions fit in 32 bits.
        let start = self.text.len() as u32;
        let end = start + line.len() as u32;
        self.text.extend_from_slice(line);
        self.lines.push(Line {
            start,
            name_end: start + name_len as u32,
            value_start: end - value_len as u32,
            end,
            folded,
            malformed,
        });
    }
}

impl<'a> Field<'a> {
    /// Returns the whole field as received, such as `Content-Type: text/html`.
    pub fn line(&self) -> Cow<'a, str> {
        text(self.line)
    }

    /// Returns the name in the server's spelling.
    pub fn name(&self) -> Cow<'a, str> {
        text(self.name)
    }

    /// Returns the value without surrounding white space.
    pub fn value(&self) -> Cow<'a, str> {
        text(self.value)
    }

    /// Returns the bytes of the value.
    pub fn value_bytes(&self) -> &'a [u8] {
        self.value
    }

    /// Returns whether the field has this name. The name is not case-sensitive.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    pub(crate) fn name_bytes(&self) -> &'a [u8] {
        self.name
    }

    pub(crate) fn line_bytes(&self) -> &'a [u8] {
        self.line
    }

    /// Whether the field is malformed (RFC 9110 §5).
    pub(crate) fn is_malformed(&self) -> bool {
        self.malformed
    }

    /// Whether the field spans several lines.
    pub(crate) fn is_folded(&self) -> bool {
        self.folded
    }

    /// Returns the comma-separated elements of the value without surrounding white space. Empty elements are ignored (RFC 9110 §5.6.1.2).
    pub(crate) fn elements(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.parts().filter(|element| !element.is_empty())
    }

    /// Returns the parts of the value between commas, which may be empty.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.value.split(|&byte| byte == b',').map(trim_whitespace)
    }
}

/// Decodes header text as UTF-8 if it is valid, and as Latin-1 otherwise. RFC 9110 §5.5 leaves the encoding open.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}

/// Removes OWS (RFC 9110 §5.6.3: spaces and tabs, nothing else) from both ends.
pub(crate) fn trim_whitespace(bytes: &[u8]) -> &[u8] {
    let is_ows = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes.iter().position(|byte| !is_ows(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !is_ows(byte)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

/// Whether all characters are allowed in a token (RFC 9110 §5.6.2).
pub(crate) fn is_token(name: &[u8]) -> bool {
    name.iter().all(|&byte| TOKEN[usize::from(byte)])
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"!#$%&'*+-.^_`|~";
    let mut index = 0;
    while index < marks.len() {
        table[marks[index] as usize] = true;
        index += 1;
    }
    table
};
