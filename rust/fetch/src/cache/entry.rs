//! One kept response as a file.
//!
//! ```text
//! "http-fetch cache 1\n" | length of what stands before the body, 4 bytes | name \n requested \n received \n head | body | SHA-256 of it all
//! ```
//!
//! No URL stands in it, and no header of the request: the name is made of hashes. Whatever is cut off, changed or of somebody else does
//! not have the right hash at its end, and is no entry.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use http_net::{Head, TlsOptions, Trust, Verify};
use http_protocol::{Connection, HeadStep, RequestFacts};

use super::rules::{Kept, selecting_names, values};

const MAGIC: &[u8] = b"http-fetch cache 1\n";
/// Length of the hash at the end, in bytes.
const HASH: usize = 32;
/// No file has a longer text before its body: far more than the limits of a head let through.
const LONGEST_TEXT: u64 = 1 << 20;

/// See the module.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The name of its file.
    pub(crate) name: String,
    /// The head as it was kept.
    pub(crate) head: Arc<Head>,
    /// When it was asked for.
    pub(crate) requested: SystemTime,
    /// When its head came.
    pub(crate) received: SystemTime,
    /// The file; empty if the body is not needed.
    bytes: Vec<u8>,
    /// Where the body stands in it.
    start: usize,
    end: usize,
}

impl Entry {
    /// One without a body that was never in a file.
    pub(crate) fn of_head(head: Head) -> Self {
        let epoch = SystemTime::UNIX_EPOCH;
        let (name, bytes) = (String::new(), Vec::new());
        Self { name, head: Arc::new(head), requested: epoch, received: epoch, bytes, start: 0, end: 0 }
    }

    /// Reads a file. None if it is not one that was written by this program, and whole.
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

    /// Reads what stands before the body in a file of this length, and nothing more: whether the file is whole, nobody knows then. None
    /// if it is none of this program's.
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

    /// One without a body, of what stands before it.
    fn of_text(text: &[u8]) -> Option<Self> {
        let mut parts = text.splitn(4, |byte| *byte == b'\n');
        let name = std::str::from_utf8(parts.next()?).ok()?.to_owned();
        let requested = read_time(parts.next()?)?;
        let received = read_time(parts.next()?)?;
        let head = Arc::new(read_head(parts.next()?)?);
        Some(Self { name, head, requested, received, bytes: Vec::new(), start: 0, end: 0 })
    }

    /// What stands before the body.
    pub(crate) fn beginning(name: &str, head: &[u8], requested: SystemTime, received: SystemTime) -> Vec<u8> {
        let times = format!("{}\n{}\n", seconds(requested), seconds(received));
        let text_len = name.len() + 1 + times.len() + head.len();
        // A head is within its own limits, far below 32 bits.
        let text_len = u32::try_from(text_len).unwrap_or(u32::MAX).to_le_bytes();
        [MAGIC, &text_len, name.as_bytes(), b"\n", times.as_bytes(), head].concat()
    }

    /// The body as it was on the wire, but for the framing.
    pub(crate) fn body(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Lets go of the body.
    pub(crate) fn without_body(self) -> Self {
        Self { bytes: Vec::new(), start: 0, end: 0, ..self }
    }

    /// The same with another head, such as one that was confirmed.
    pub(crate) fn with_head(self, head: Head, requested: SystemTime, received: SystemTime) -> Self {
        Self { head: Arc::new(head), requested, received, ..self }
    }

    /// What the rules look at.
    pub(crate) fn kept(&self) -> Kept<'_> {
        Kept { head: &self.head, requested: self.requested, received: self.received }
    }

    /// Whether it answers a request with these header lines: what its `Vary` names is as it was.
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

/// What the name of every entry for this URL begins with.
pub(crate) fn of_url(url: &str) -> String {
    format!("{}-", hex(url.as_bytes(), 16))
}

/// What the name of every entry for this URL and this `Authorization` begins with, of servers that were believed in this way.
pub(crate) fn of_request(url: &str, belief: &Belief, lines: &[String]) -> String {
    let authorization = values(lines, "Authorization").first().map_or("", |value| *value);
    // A value neither begins with a line break nor has one in it.
    let whose = if belief.0.is_empty() { authorization } else { &format!("\n{}\n{authorization}", belief.0) };
    format!("{}{}-", of_url(url), hex(whose.as_bytes(), 16))
}

/// Why a server was believed to be who it is. What one session took on easier terms must not answer another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Belief(String);

impl Belief {
    /// By TLS with these options. Without any, and without TLS, it is the default.
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

/// The last part of a name: of the headers that the response's `Vary` names.
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

/// Whether a file's name is one of an entry.
pub(crate) fn is_name(name: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let parts: Vec<&str> = name.split('-').collect();
    parts.iter().map(|part| part.len()).eq([32, 32, 16]) && parts.iter().all(|part| is_hex(part))
}

/// A head that is kept, from its status line to the blank line.
pub(crate) fn read_head(text: &[u8]) -> Option<Head> {
    let mut connection = Connection::new();
    connection.begin(RequestFacts::default()).ok()?;
    match connection.read_head(text).ok()? {
        HeadStep::Head { head, .. } => Some(head),
        HeadStep::NeedMore { .. } => None,
    }
}

fn hex(bytes: &[u8], len: usize) -> String {
    digest(&SHA256, bytes).as_ref().iter().take(len).map(|byte| format!("{byte:02x}")).collect()
}

/// Whole seconds, rounded down: an entry is rather too old than too young.
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
        // The bytes of a body would be printed as numbers.
        assert!(!printed.contains("secret") && !printed.contains("115, 101"), "{printed}");
    }
}
