//! Converts errors, headers, timings, TLS information and bytes into Godot's types.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use godot::builtin::{Array, GString, PackedByteArray, PackedStringArray, VarDictionary};
use godot::global::Error as GError;
use godot::meta::ToGodot;
use http_client::{ByteBuffer, Certificate, ErrorCode, Head, Timings, TlsInfo};

use crate::convert::spare;

/// With more header fields than this, a table finds the fields with the same name.
const FEW_FIELDS: usize = 32;

/// Returns a text for scripts. The engine would end it at the first NUL character, so U+FFFD replaces this character.
pub(crate) fn whole_text(text: &str) -> GString {
    if text.contains('\0') { GString::from(&text.replace('\0', "\u{fffd}")) } else { GString::from(text) }
}

/// The `Error` constant with the same name.
pub(crate) fn error_code(code: ErrorCode) -> GError {
    match code {
        ErrorCode::Unavailable => GError::ERR_UNAVAILABLE,
        ErrorCode::Unconfigured => GError::ERR_UNCONFIGURED,
        ErrorCode::InvalidParameter => GError::ERR_INVALID_PARAMETER,
        ErrorCode::Busy => GError::ERR_BUSY,
        ErrorCode::CantResolve => GError::ERR_CANT_RESOLVE,
        ErrorCode::CantConnect => GError::ERR_CANT_CONNECT,
        ErrorCode::FileCantOpen => GError::ERR_FILE_CANT_OPEN,
        ErrorCode::ConnectionError => GError::ERR_CONNECTION_ERROR,
        _ => GError::FAILED,
    }
}

/// The header lines of a response.
pub(crate) fn header_lines(head: &Head) -> PackedStringArray {
    head.fields.iter().map(|field| GString::from(&*field.line())).collect()
}

/// The headers of a response by name. Values of headers with the same name are joined by `"; "` under the first spelling of the
/// name. Equal lengths count once.
pub(crate) fn header_dictionary(head: &Head) -> VarDictionary {
    let mut joined: Vec<(String, String)> = Vec::with_capacity(head.fields.len());
    // A table is faster for many fields. For few, comparing each one is faster.
    let mut places: Option<HashMap<String, usize>> = (head.fields.len() > FEW_FIELDS).then(HashMap::new);
    for field in head.fields.iter() {
        let place = match &mut places {
            None => joined.iter().position(|(name, _)| field.is(name)),
            Some(places) => match places.entry(field.name().to_ascii_lowercase()) {
                Entry::Occupied(known) => Some(*known.get()),
                Entry::Vacant(new) => {
                    new.insert(joined.len());
                    None
                }
            },
        };
        match place {
            None => joined.push((field.name().into_owned(), field.value().into_owned())),
            Some(_) if field.is("Content-Length") => {}
            Some(place) => {
                let value = &mut joined[place].1;
                value.push_str("; ");
                value.push_str(&field.value());
            }
        }
    }
    let mut dictionary = VarDictionary::new();
    for (name, value) in joined {
        dictionary.set(&name.to_variant(), &value.to_variant());
    }
    dictionary
}

/// The phases and their durations in microseconds. −1 stands for a phase that is not over, or did not happen.
pub(crate) fn timings_dictionary(timings: &Timings) -> VarDictionary {
    let microseconds =
        |phase: Option<Duration>| phase.map_or(-1, |time| i64::try_from(time.as_micros()).unwrap_or(i64::MAX));
    let mut dictionary = VarDictionary::new();
    for (name, phase) in [
        ("dns", timings.dns),
        ("connect", timings.connect),
        ("tls", timings.tls),
        ("send", timings.send),
        ("first_byte", timings.first_byte),
        ("total", timings.total),
    ] {
        dictionary.set(&name.to_variant(), &microseconds(phase).to_variant());
    }
    dictionary
}

/// The result of the TLS handshake.
pub(crate) fn tls_dictionary(info: &TlsInfo) -> VarDictionary {
    let certificates: PackedStringArray = info.peer_certificates.iter().map(GString::from).collect();
    // In the order of the certificates. A certificate that cannot be parsed has an empty dictionary.
    let read =
        |text: &String| Certificate::parse_pem(text).map(|read| certificate_dictionary(&read)).unwrap_or_default();
    let facts: Array<VarDictionary> = info.peer_certificates.iter().map(read).collect();
    let mut dictionary = VarDictionary::new();
    for (name, value) in [
        ("version", info.version.to_variant()),
        ("cipher_suite", info.cipher_suite.to_variant()),
        ("key_exchange", info.key_exchange.to_variant()),
        ("alpn", info.alpn.to_variant()),
        ("resumed", info.resumed.to_variant()),
        ("peer_certificates", certificates.to_variant()),
        ("certificate_facts", facts.to_variant()),
    ] {
        dictionary.set(&name.to_variant(), &value);
    }
    dictionary
}

/// The contents of a certificate.
fn certificate_dictionary(certificate: &Certificate) -> VarDictionary {
    let names = certificate.dns_names.iter().map(|name| shown(name));
    let addresses = certificate.addresses.iter().map(|address| GString::from(&address.to_string()));
    let names: PackedStringArray = names.chain(addresses).collect();
    let mut dictionary = VarDictionary::new();
    for (name, value) in [
        ("subject", shown(&certificate.subject).to_variant()),
        ("issuer", shown(&certificate.issuer).to_variant()),
        ("names", names.to_variant()),
        ("not_before", certificate.not_before.to_variant()),
        ("not_after", certificate.not_after.to_variant()),
        ("serial_number", certificate.serial.to_variant()),
    ] {
        dictionary.set(&name.to_variant(), &value);
    }
    dictionary
}

/// A text from the peer for display, with control characters escaped.
fn shown(text: &str) -> GString {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    GString::from(&shown)
}

/// An array of bytes that receives a body.
pub(crate) struct Bytes(pub(crate) PackedByteArray);

impl ByteBuffer for Bytes {
    fn with_len(len: usize) -> Self {
        Self(spare::take(len).unwrap_or_else(|| {
            let mut array = PackedByteArray::new();
            if len > 0 {
                array.resize(len);
            }
            array
        }))
    }

    fn set_len(&mut self, len: usize) {
        if len == 0 {
            // Nothing came, so the next read needs an array of this length too.
            let unused = std::mem::take(&mut self.0);
            spare::keep(&unused);
        } else if len != self.0.len() {
            self.0.resize(len);
        }
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        self.0.as_mut_slice()
    }
}

impl Bytes {
    /// Returns the array for the script. If the body is not over, the next read may use the same memory.
    pub(crate) fn give_out(self, is_over: bool) -> PackedByteArray {
        if is_over {
            spare::release();
        } else {
            spare::keep(&self.0);
        }
        self.0
    }
}

/// The bytes of a body to send. The array shares its memory with the script's array, which copies it before a change.
pub(crate) struct SharedBytes(PackedByteArray);

impl SharedBytes {
    pub(crate) fn new(array: PackedByteArray) -> Self {
        Self(array)
    }
}

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

// SAFETY: the array is only read and dropped. Its memory has an atomic reference count.
unsafe impl Send for SharedBytes {}
