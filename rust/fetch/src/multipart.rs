//! Forms as `multipart/form-data`, by the rules of the WHATWG (HTML, "Multipart form data"; RFC 7578). The length is known in advance,
//! and files are read while they are sent.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_net::without_number;

/// A source of bytes that can be read from the start every time the request is sent: a file on the disk or a file of the engine.
pub trait Source: Send + Sync {
    /// Returns the number of bytes.
    fn measure(&self) -> io::Result<u64>;

    /// Opens the source.
    fn open(&self) -> io::Result<Box<dyn Read + Send>>;
}

/// A file on the disk.
#[derive(Clone, Debug)]
pub struct DiskFile(
    /// The path.
    pub PathBuf,
);

impl Source for DiskFile {
    fn measure(&self) -> io::Result<u64> {
        let metadata = std::fs::metadata(&self.0).map_err(|error| self.named(&error))?;
        // The length of anything else has no meaning, and reading it may block forever.
        if metadata.is_file() { Ok(metadata.len()) } else { Err(self.named(&io::Error::other("it is not a file"))) }
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(&self.0).map_err(|error| self.named(&error))?))
    }
}

impl DiskFile {
    /// Adds the path to an error of the system, and leaves out the number.
    fn named(&self, error: &io::Error) -> io::Error {
        io::Error::new(error.kind(), format!("{:?}: {}", self.0.display().to_string(), without_number(error)))
    }
}

/// A form that is being built.
#[derive(Clone)]
pub struct Form {
    boundary: String,
    parts: Vec<Part>,
}

#[derive(Clone)]
struct Part {
    name: String,
    /// The bytes from the boundary to the blank line.
    head: String,
    content: Content,
}

#[derive(Clone)]
enum Content {
    Bytes(Arc<[u8]>),
    Source(Arc<dyn Source>),
}

/// A form that is ready to be sent, once or several times.
#[derive(Clone)]
pub struct Body {
    /// The pieces in order, with their lengths.
    pieces: Vec<(Piece, u64)>,
    len: u64,
}

#[derive(Clone)]
enum Piece {
    Bytes(Arc<[u8]>),
    Source { name: String, source: Arc<dyn Source> },
}

/// Why a form cannot be sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum FormError {
    /// The content type of a part is invalid.
    ContentType,
    /// A file does not exist or cannot be read.
    Unreadable {
        /// The name of the field.
        field: String,
        /// The error of the system.
        source: io::Error,
    },
    /// A file became shorter while it was sent.
    Shrank {
        /// The name of the field.
        field: String,
        /// The length at the start.
        expected: u64,
        /// The length that was found.
        found: u64,
    },
    /// The form has more bytes than can be counted.
    TooLong,
}

impl Form {
    /// Creates an empty form. The boundary is made of random bytes, because a player could put a boundary that can be guessed into a
    /// field.
    pub fn new(random: [u8; 16]) -> Self {
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { boundary: format!("----HTTPClientRust{digits}"), parts: Vec::new() }
    }

    /// Returns the value of `Content-Type`.
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Adds a field. Line breaks in its value become CR LF.
    pub fn add_field(&mut self, name: &str, value: &str) {
        self.add(name, "", "", Content::Bytes(with_crlf(value).into_bytes().into()));
    }

    /// Adds bytes as a file. If the content type is empty, it is guessed from the name.
    pub fn add_bytes(
        &mut self,
        name: &str,
        bytes: Vec<u8>,
        filename: &str,
        content_type: &str,
    ) -> Result<(), FormError> {
        self.add_file(name, Content::Bytes(bytes.into()), filename, content_type)
    }

    /// Adds a file that is read while it is sent. If the content type is empty, it is guessed from the name.
    pub fn add_source(
        &mut self,
        name: &str,
        source: Arc<dyn Source>,
        filename: &str,
        content_type: &str,
    ) -> Result<(), FormError> {
        self.add_file(name, Content::Source(source), filename, content_type)
    }

    fn add_file(&mut self, name: &str, content: Content, filename: &str, given: &str) -> Result<(), FormError> {
        let content_type = if given.is_empty() { guessed_type(filename) } else { given };
        let is_type = content_type.contains('/')
            && content_type.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic() || !byte.is_ascii());
        if !is_type {
            return Err(FormError::ContentType);
        }
        let parameter = format!("; filename=\"{}\"", escape(filename));
        self.add(name, &parameter, &format!("Content-Type: {content_type}\r\n"), content);
        Ok(())
    }

    fn add(&mut self, name: &str, parameter: &str, content_type: &str, content: Content) {
        let head = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{}\"{parameter}\r\n{content_type}\r\n",
            self.boundary,
            escape(&with_crlf(name))
        );
        self.parts.push(Part { name: name.to_owned(), head, content });
    }

    /// Gets the length of every file. If a file becomes shorter after that, sending fails. If it becomes longer, only the start is sent.
    pub fn body(&self) -> Result<Body, FormError> {
        let mut pieces: Vec<(Piece, u64)> = Vec::new();
        let bytes = |text: String| (Piece::Bytes(text.into_bytes().into()), 0);
        for part in &self.parts {
            pieces.push(bytes(part.head.clone()));
            pieces.push(match &part.content {
                Content::Bytes(bytes) => (Piece::Bytes(bytes.clone()), 0),
                Content::Source(source) => {
                    let field = &part.name;
                    let len =
                        source.measure().map_err(|source| FormError::Unreadable { field: field.clone(), source })?;
                    (Piece::Source { name: field.clone(), source: source.clone() }, len)
                }
            });
            pieces.push(bytes("\r\n".to_owned()));
        }
        pieces.push(bytes(format!("--{}--\r\n", self.boundary)));
        let mut len: u64 = 0;
        for (piece, piece_len) in &mut pieces {
            if let Piece::Bytes(bytes) = piece {
                *piece_len = bytes.len() as u64;
            }
            len = len.checked_add(*piece_len).ok_or(FormError::TooLong)?;
        }
        Ok(Body { pieces, len })
    }
}

impl Body {
    /// Returns the value of `Content-Length`.
    pub fn content_length(&self) -> u64 {
        self.len
    }

    /// Returns a reader that starts at the beginning.
    pub fn reader(&self) -> BodyReader {
        BodyReader { body: self.clone(), at: 0, done: 0, open: None }
    }
}

/// Reads the bytes of a form.
pub struct BodyReader {
    body: Body,
    /// The index of the current piece.
    at: usize,
    /// The number of bytes of the current piece that were read.
    done: u64,
    open: Option<Box<dyn Read + Send>>,
}

impl BodyReader {
    /// Fills the start of `room` and returns the number of bytes. Returns 0 at the end, or if `room` is empty. This method reads files,
    /// so it can take as long as the disk needs.
    pub fn read(&mut self, room: &mut [u8]) -> Result<usize, FormError> {
        let mut filled = 0;
        while filled < room.len()
            && let Some((piece, len)) = self.body.pieces.get(self.at)
        {
            let left = len - self.done;
            if left == 0 {
                (self.at, self.done, self.open) = (self.at + 1, 0, None);
                continue;
            }
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(room.len() - filled);
            let room = &mut room[filled..filled + most];
            let count = match piece {
                Piece::Bytes(bytes) => {
                    // The conversion cannot lose bits, because the piece is in memory.
                    let start = self.done as usize;
                    room.copy_from_slice(&bytes[start..start + most]);
                    most
                }
                Piece::Source { name, source } => {
                    let count = read_source(&mut self.open, source.as_ref(), room)
                        .map_err(|source| FormError::Unreadable { field: name.clone(), source })?;
                    if count == 0 {
                        let (expected, found) = (*len, self.done);
                        return Err(FormError::Shrank { field: name.clone(), expected, found });
                    }
                    count
                }
            };
            filled += count;
            self.done += count as u64;
        }
        Ok(filled)
    }
}

fn read_source(open: &mut Option<Box<dyn Read + Send>>, source: &dyn Source, room: &mut [u8]) -> io::Result<usize> {
    let reader = match open {
        Some(reader) => reader,
        None => open.insert(source.open()?),
    };
    loop {
        match reader.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A foreign reader may return any number.
            other => return other.map(|count| count.min(room.len())),
        }
    }
}

/// Returns the content type for the extension of a file.
fn guessed_type(filename: &str) -> &'static str {
    mime_guess::from_path(Path::new(filename)).first_raw().unwrap_or("application/octet-stream")
}

/// Converts all line breaks to CR LF.
fn with_crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n")
}

/// Escapes the characters that are not allowed between the quotes.
fn escape(text: &str) -> String {
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Form({} parts)", self.parts.len())
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.len)
    }
}

impl fmt::Debug for BodyReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyReader(piece {} of {})", self.at, self.body.pieces.len())
    }
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContentType => {
                f.write_str("the content type of the form's file is invalid; write it like \"image/png\"")
            }
            Self::Unreadable { field, source } => {
                write!(f, "the file of the form field {field:?} cannot be read: {}", without_number(source))
            }
            Self::Shrank { field, expected, found } => write!(
                f,
                "the file of the form field {field:?} became shorter while it was sent: {found} bytes instead of \
                 {expected}; finish writing it before you send it"
            ),
            Self::TooLong => f.write_str("the form has more bytes than can be sent"),
        }
    }
}

impl std::error::Error for FormError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            _ => None,
        }
    }
}
