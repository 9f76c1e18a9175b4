//! The settings of a session, and the description of a request. A request uses the settings from the time when it began.

use std::fmt;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http_net::{Proxies, TlsOptions};

use crate::cache::Cache;
use crate::failure::Failure;
use crate::header_line::Names;
use crate::multipart::{self, Form};
use crate::replay::Replay;

/// The settings of a session.
#[derive(Clone)]
pub struct Settings {
    /// The URL against which the URLs of requests are resolved (RFC 3986). Empty if they are absolute.
    pub base_url: String,
    /// Header lines that are added to every request. A header line of a request replaces the default line with the same name.
    pub default_headers: Vec<String>,
    /// The value of `User-Agent`.
    pub user_agent: Arc<str>,
    /// The time limit for connecting. `None` means no limit.
    pub connect_timeout: Option<Duration>,
    /// The maximum time without data in either direction while data is due. `None` means no limit.
    pub stall_timeout: Option<Duration>,
    /// The time limit for the whole request, including retries and waiting. `None` means no limit.
    pub timeout: Option<Duration>,
    /// The maximum number of redirects. `None` means no limit.
    pub max_redirects: Option<u32>,
    /// Whether redirects from https to http are followed.
    pub allow_insecure_redirects: bool,
    /// The maximum number of retries.
    pub max_retries: u32,
    /// Whether POST and PATCH requests are also retried.
    pub retry_unsafe_methods: bool,
    /// The maximum size of a body in memory, in bytes after decompression. `None` means no limit.
    pub body_size_limit: Option<u64>,
    /// Whether requests ask for compressed bodies.
    pub accept_compression: bool,
    /// Whether cookies are stored and sent.
    pub cookies_enabled: bool,
    /// The cache. `None` means no cache.
    pub cache: Option<Cache>,
    /// The maximum number of connections to one host at the same time. Further requests wait for a free connection.
    pub max_connections_per_host: usize,
    /// How long a request waits for a free connection before it exceeds that number. `None` means that it waits as long as necessary.
    pub place_patience: Option<Duration>,
    /// The credentials. They are only sent to the origin of `base_url`.
    pub credentials: Option<Credentials>,
    /// The proxies.
    pub proxies: Proxies,
    /// The TLS options.
    pub tls: TlsOptions,
    /// Whether exchanges are recorded or replayed.
    pub replay: Replay,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            default_headers: Vec::new(),
            user_agent: concat!("http-fetch/", env!("CARGO_PKG_VERSION")).into(),
            connect_timeout: Some(Duration::from_secs(30)),
            stall_timeout: Some(Duration::from_secs(30)),
            timeout: None,
            max_redirects: Some(10),
            allow_insecure_redirects: false,
            max_retries: 2,
            retry_unsafe_methods: false,
            body_size_limit: Some(128 << 20),
            accept_compression: true,
            cookies_enabled: true,
            cache: None,
            max_connections_per_host: 6,
            place_patience: None,
            credentials: None,
            proxies: Proxies::default(),
            tls: TlsOptions::default(),
            replay: Replay::off(),
        }
    }
}

/// Credentials for a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(String);

impl Credentials {
    /// Creates credentials from a token (RFC 6750).
    pub fn bearer(token: &str) -> Self {
        Self(format!("Bearer {token}"))
    }

    /// Creates credentials from a user and password (RFC 7617).
    pub fn basic(user: &str, password: &str) -> Self {
        Self(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))))
    }

    pub(crate) fn header_line(&self) -> String {
        format!("Authorization: {}", self.0)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// The description of a request. It is checked when the request begins, and its task reports what is wrong with it.
#[derive(Clone, Default)]
pub struct Request {
    /// The URL. It can be relative to `base_url`.
    pub url: String,
    /// The method, as its value in Godot's `HTTPClient.Method`. 0 is GET.
    pub method: i64,
    /// The header lines, in the form `Name: value`.
    pub headers: Vec<String>,
    /// The body.
    pub body: RequestBody,
}

impl Request {
    /// Creates a GET request.
    pub fn get(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// Creates a request with a body, such as a POST request.
    pub fn with_body(method: http_protocol::Method, url: impl Into<String>, body: RequestBody) -> Self {
        let method = http_protocol::Method::ALL.iter().position(|other| *other == method).unwrap_or_default();
        Self { url: url.into(), method: method as i64, headers: Vec::new(), body }
    }
}

/// A request body that can be sent several times.
#[derive(Clone, Default)]
pub enum RequestBody {
    /// No body.
    #[default]
    Empty,
    /// Bytes, which are sent without a copy.
    Bytes {
        /// Any owner of the bytes.
        bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
        /// The value of `Content-Type`, unless a header line sets it. `None` means no such header.
        content_type: Option<String>,
    },
    /// A form. Its files are read while they are sent.
    Form(Arc<Form>),
    /// A body that cannot be sent. The task fails with this sentence.
    Refused(String),
}

impl RequestBody {
    /// Creates a body from bytes, without a content type.
    pub fn bytes(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self::Bytes { bytes: Arc::new(bytes), content_type: None }
    }

    /// Creates a body from JSON text.
    pub fn json(text: impl Into<String>) -> Self {
        Self::Bytes { bytes: Arc::new(text.into()), content_type: Some("application/json".to_owned()) }
    }

    pub(crate) fn content_type(&self) -> Option<String> {
        match self {
            Self::Bytes { content_type, .. } => content_type.clone(),
            Self::Form(form) => Some(form.content_type()),
            _ => None,
        }
    }

    /// Converts the body to the form in which it is sent. This gets the lengths of the files of a form.
    pub(crate) fn prepare(&self) -> Result<Prepared, Failure> {
        match self {
            Self::Empty => Ok(Prepared::Empty),
            Self::Bytes { bytes, .. } => Ok(Prepared::Bytes(bytes.clone())),
            Self::Form(form) => Ok(Prepared::Form(form.body()?)),
            Self::Refused(sentence) => Err(Failure::invalid(sentence.clone())),
        }
    }
}

/// A body whose length is known.
pub(crate) enum Prepared {
    Empty,
    Bytes(Arc<dyn AsRef<[u8]> + Send + Sync>),
    Form(multipart::Body),
}

impl Prepared {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => (**bytes).as_ref().len() as u64,
            Self::Form(form) => form.content_length(),
        }
    }

    /// Returns the body for one attempt.
    pub(crate) fn body(&self) -> http_net::Body {
        match self {
            Self::Empty => http_net::Body::empty(),
            Self::Bytes(bytes) => http_net::Body::Bytes(Box::new(SharedBytes(bytes.clone()))),
            Self::Form(form) => http_net::Body::Reader {
                reader: Box::new(FormReader(form.reader())),
                length: Some(form.content_length()),
            },
        }
    }
}

struct SharedBytes(Arc<dyn AsRef<[u8]> + Send + Sync>);

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

struct FormReader(multipart::BodyReader);

impl Read for FormReader {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room).map_err(io::Error::other)
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes { bytes, .. } => write!(f, "Bytes({})", (**bytes).as_ref().len()),
            Self::Form(form) => form.fmt(f),
            Self::Refused(sentence) => f.debug_tuple("Refused").field(sentence).finish(),
        }
    }
}

/// Omits the URL and the values of headers, which may contain secrets.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut request = f.debug_struct("Request");
        request.field("method", &self.method).field("headers", &Names(&self.headers)).field("body", &self.body);
        request.finish_non_exhaustive()
    }
}

/// Omits the base URL and the values of headers, which may contain secrets.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("default_headers", &Names(&self.default_headers))
            .field("user_agent", &self.user_agent)
            .field("connect_timeout", &self.connect_timeout)
            .field("stall_timeout", &self.stall_timeout)
            .field("timeout", &self.timeout)
            .field("max_redirects", &self.max_redirects)
            .field("max_retries", &self.max_retries)
            .field("body_size_limit", &self.body_size_limit)
            .field("cache", &self.cache)
            .field("credentials", &self.credentials)
            .field("proxies", &self.proxies)
            .field("tls", &self.tls)
            .field("replay", &self.replay)
            .finish_non_exhaustive()
    }
}

/// What happens to a body.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// It is kept in memory.
    Fetch,
    /// It is passed on in chunks.
    Stream,
    /// It is an event stream.
    Listen,
    /// It is written to a file.
    Download(Download),
}

/// The destination of a download.
#[derive(Clone, Debug)]
pub struct Download {
    /// The path of the file. Until the body is complete, it is written to this path with `.part` appended.
    pub path: PathBuf,
    /// Whether the download continues what an earlier one left.
    pub resumes: bool,
    /// The maximum size of the file in bytes. `None` means no limit.
    pub limit: Option<u64>,
}

impl Download {
    /// Creates a destination without a size limit that continues an earlier download.
    pub fn to(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), resumes: true, limit: None }
    }
}
