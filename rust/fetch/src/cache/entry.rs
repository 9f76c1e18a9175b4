//! A stored response as a file.
//!
//! ```text
//! "http-fetch cache 1\n" | length of the text, 4 bytes | name \n requested \n received \n head | body | SHA-256 of the rest
//! ```
//!
//! The file contains no URL and no header of the request: the name consists of hashes. A file that was cut off, changed or written by
//! another program does not end with the right hash, and is not an entry.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use http_net::{Head, TlsOptions, Trust, Verify};
use http_protocol::{Connection, HeadStep, RequestFacts};

use super::rules::{Kept, selecting_names, values};

const MAGIC: &[u8] = b"http-fetch cache 1\n";
/// The length of the hash at the end, in bytes.
const HASH: usize = 32;
/// The maximum length of the text before the body. It is far above the limits of a head.
const LONGEST_TEXT: u64 = 1 << 20;

/// See the module.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The name of its file.
    pub(crate) name: String,
    /// The stored head.
    pub(crate) head: Arc<Head>,
    /// When it was requested.
    pub(crate) requested: SystemTime,
    /// When its head arrived.
    pub(crate) received: SystemTime,
    /// The whole file. Empty if the body is not needed.
    bytes: Vec<u8>,
    /// The place of the body in the file.
    start: usize,
    end: usize,
}

impl Entry {
    /// Creates an entry without a body that was never in a file.
    pub(crate) fn of_head(head: Head) -> Self {
        let epoch = SystemTime::UNIX_EPOCH;
        let (name, bytes) = (String::new(), Vec::new());
        Self { name, head: Arc::new(head), requested: epoch, received: epoch, bytes, start: 0, end: 0 }
    }

    /// Reads a file. Returns `None` if it was not written by this program or is not complete.
    pub(crate) fn read(bytes: Vec<u8>) -> Option<Self> {
        let end = bytes.len().checked_sub(HASH)?;
        let text_len = bytes.strip_prefix(MAGIC)?.first_chunk::<4>()?;
        let text_start = MAGIC.len() + 4;
        let start = text_start.checked_add(usize::try_from(u32::from_le_bytes(*text_len)).ok()?)?;
        if start > end || digest(&SHA256, &bytes[..end]).as_ref() != &bytes[end..] {
            return None;
        }
        let entry = Self::of_text(&bytes[text_start..start])?;
        Some(Self { bytes, start, end, ..entry })
    }

    /// Reads only the part before the body, in a file of this length. So it is not known whether the file is complete. Returns `None` if
    /// this program did not write it.
    pub(crate) fn read_without_body(mut file: impl Read, len: u64) -> io::Result<Option<Self>> {
        let mut beginning = Vec::new();
        file.by_ref().take(MAGIC.len() as u64 + 4).read_to_end(&mut beginning)?;
        let text_len = beginning.strip_prefix(MAGIC).and_then(|rest| rest.first_chunk::<4>());
        let text_len = text_len.map(|text_len| u64::from(u32::from_le_bytes(*text_len)));
        let most = len.saturating_sub((beginning.len() + HASH) as u64).min(LONGEST_TEXT);
        let Some(text_len) = text_len.filter(|text_len| *text_len <= most) else { return Ok(None) };
        let mut text = Vec::new();
        file.take(text_len).read_to_end(&mut text)?;
        Ok(Some(text).filter(|text| text.len() as u64 == text_len).and_then(|text| Self::of_text(&text)))
    }

    /// Creates an entry without a body from the text before it.
    fn of_text(text: &[u8]) -> Option<Self> {
        let mut parts = text.splitn(4, |byte| *byte == b'\n');
        let name = std::str::from_utf8(parts.next()?).ok()?.to_owned();
        let requested = read_time(parts.next()?)?;
        let received = read_time(parts.next()?)?;
        let head = Arc::new(read_head(parts.next()?)?);
        Some(Self { name, head, requested, received, bytes: Vec::new(), start: 0, end: 0 })
    }

    /// Returns the part of the file before the body.
    pub(crate) fn beginning(name: &str, head: &[u8], requested: SystemTime, received: SystemTime) -> Vec<u8> {
        let times = format!("{}\n{}\n", seconds(requested), seconds(received));
        let text_len = name.len() + 1 + times.len() + head.len();
        // The limits of a head are far below 32 bits.
        let text_len = u32::try_from(text_len).unwrap_or(u32::MAX).to_le_bytes();
        [MAGIC, &text_len, name.as_bytes(), b"\n", times.as_bytes(), head].concat()
    }

    /// Returns the body as received, without the framing.
    pub(crate) fn body(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Drops the body.
    pub(crate) fn without_body(self) -> Self {
        Self { bytes: Vec::new(), start: 0, end: 0, ..self }
    }

    /// Returns the same entry with another head, such as a confirmed one.
    pub(crate) fn with_head(self, head: Head, requested: SystemTime, received: SystemTime) -> Self {
        Self { head: Arc::new(head), requested, received, ..self }
    }

    /// Returns the parts that the rules need.
    pub(crate) fn kept(&self) -> Kept<'_> {
        Kept { head: &self.head, requested: self.requested, received: self.received }
    }

    /// Returns whether the entry answers a request with these header lines: the headers that its `Vary` names have the same values.
    pub(crate) fn answers(&self, lines: &[String]) -> bool {
        self.name.ends_with(&variant(&self.head, lines))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.head.fields.iter().map(|field| field.name()).collect();
        f.debug_struct("Entry")
            .field("name", &self.name)
            .field("status", &self.head.status)
            .field("fields", &names)
            .field("body", &format_args!("{} bytes", self.body().len()))
            .finish_non_exhaustive()
    }
}

/// Returns the start of the names of all entries for this URL.
pub(crate) fn of_url(url: &str) -> String {
    format!("{}-", hex(url.as_bytes(), 16))
}

/// Returns the start of the names of all entries for this URL and this `Authorization`, from servers that were verified in the same way.
pub(crate) fn of_request(url: &str, belief: &Belief, lines: &[String]) -> String {
    let authorization = values(lines, "Authorization").first().map_or("", |value| *value);
    // A value contains no line breaks, so the two forms differ.
    let whose = if belief.0.is_empty() { authorization } else { &format!("\n{}\n{authorization}", belief.0) };
    format!("{}{}-", of_url(url), hex(whose.as_bytes(), 16))
}

/// How a server was verified. A response that one session accepted under weaker rules must not answer another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Belief(String);

impl Belief {
    /// Returns the verification by TLS with these options. It is the default value for default options and without TLS.
    pub(crate) fn by(tls: &TlsOptions) -> Self {
        let verified = match tls.verify {
            Verify::Full => "full",
            Verify::ChainOnly => "chain",
            Verify::Nothing => "nothing",
        };
        let trusted = match &tls.trust {
            Trust::System => String::new(),
            Trust::Pem(pem) => hex(pem, HASH),
        };
        if verified == "full" && trusted.is_empty() && tls.name.is_none() {
            return Self::default();
        }
        let named = tls.name.as_ref().map(|name| hex(name.as_bytes(), HASH)).unwrap_or_default();
        Self(format!("{verified} {trusted} {named}"))
    }
}

/// Returns the last part of a name, which depends on the headers that `Vary` of the response names.
pub(crate) fn variant(head: &Head, lines: &[String]) -> String {
    variant_of(&selecting_names(head), lines)
}

pub(crate) fn variant_of(names: &[String], lines: &[String]) -> String {
    let mut selecting = String::new();
    for name in names {
        let values = values(lines, name);
        selecting.push_str(&format!("{name}\n{}\n{}\n", values.len(), values.join(", ")));
    }
    hex(selecting.as_bytes(), 8)
}

/// Returns whether this is the name of an entry.
pub(crate) fn is_name(name: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let parts: Vec<&str> = name.split('-').collect();
    parts.iter().map(|part| part.len()).eq([32, 32, 16]) && parts.iter().all(|part| is_hex(part))
}

/// Parses a stored head, from its status line to the blank line.
pub(crate) fn read_head(text: &[u8]) -> Option<Head> {
    let mut connection = Connection::new();
    connection.begin(RequestFacts::default()).ok()?;
    match connection.read_head(text).ok()? {
        HeadStep::Head { head, .. } => Some(head),
        HeadStep::NeedMore { .. } => None,
    }
}

/// Returns the first `len` bytes of the SHA-256 of `bytes`, as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8], len: usize) -> String {
    digest(&SHA256, bytes).as_ref().iter().take(len).map(|byte| format!("{byte:02x}")).collect()
}

/// Rounds down to whole seconds, so that an entry is considered too old rather than too new.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn read_time(text: &[u8]) -> Option<SystemTime> {
    let seconds = std::str::from_utf8(text).ok()?.parse().ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_of_an_entry_has_names_and_lengths_and_nothing_that_a_server_said() {
        let epoch = SystemTime::UNIX_EPOCH;
        let head = b"HTTP/1.1 200 secret\r\nX-Token: secret\r\n\r\n";
        let bytes = [Entry::beginning("name", head, epoch, epoch), b"a secret".to_vec()].concat();
        let hash = digest(&SHA256, &bytes);
        let printed = format!("{:?}", Entry::read([&bytes, hash.as_ref()].concat()).unwrap());
        assert!(printed.contains("X-Token") && printed.contains("8 bytes"), "{printed}");
        // The bytes of a body would be printed as numbers, such as 115 and 101.
        assert!(!printed.contains("secret") && !printed.contains("115, 101"), "{printed}");
    }
}
