//! What a session is set to, and what one request asks for. A request goes by the settings that held when it began.

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
use crate::multipart::{self, Form};
use crate::replay::Replay;

/// The settings of a session.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What URLs are resolved against (RFC 3986); empty if they are whole.
    pub base_url: String,
    /// Header lines of every request that gives none of the same name.
    pub default_headers: Vec<String>,
    /// The value of `User-Agent`.
    pub user_agent: Arc<str>,
    /// How long making a connection may take; none is for ever.
    pub connect_timeout: Option<Duration>,
    /// How long no byte may move in either direction while one is due; none is for ever.
    pub stall_timeout: Option<Duration>,
    /// How long all of it may take, retries and waiting included; none is for ever.
    pub timeout: Option<Duration>,
    /// So many redirects are followed; no limit if none.
    pub max_redirects: Option<u32>,
    /// Also from https to http.
    pub allow_insecure_redirects: bool,
    /// So many retries.
    pub max_retries: u32,
    /// Retries of POST and PATCH too.
    pub retry_unsafe_methods: bool,
    /// Bytes of a body that are kept in memory, unpacked; no limit if none.
    pub body_size_limit: Option<u64>,
    /// Whether servers may pack bodies.
    pub accept_compression: bool,
    /// Whether cookies are kept and sent.
    pub cookies_enabled: bool,
    /// Where responses are kept and answer again; none is nowhere.
    pub cache: Option<Cache>,
    /// So many connections to one host are in use at once; other requests wait their turn.
    pub max_connections_per_host: usize,
    /// A request that has waited for so long takes a connection beyond them; none waits for as long as it takes.
    pub place_patience: Option<Duration>,
    /// Who this program is, for the origin of `base_url` alone.
    pub credentials: Option<Credentials>,
    /// The proxies to go through.
    pub proxies: Proxies,
    /// How connections are secured.
    pub tls: TlsOptions,
    /// Whether exchanges are recorded, or played back.
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

/// Who this program is to a server.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(String);

impl Credentials {
    /// A token (RFC 6750).
    pub fn bearer(token: &str) -> Self {
        Self(format!("Bearer {token}"))
    }

    /// A user and password (RFC 7617).
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

/// What is asked for. All of it is checked when the request begins: what is wrong with it is told by the task.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The URL, relative to `base_url` if there is one.
    pub url: String,
    /// The method's value in Godot's `HTTPClient.Method`; 0 is GET.
    pub method: i64,
    /// Header lines, `Name: value` each.
    pub headers: Vec<String>,
    /// The body.
    pub body: RequestBody,
}

impl Request {
    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }

    /// A request with a body, such as a POST.
    pub fn with_body(method: http_protocol::Method, url: impl Into<String>, body: RequestBody) -> Self {
        let method = http_protocol::Method::ALL.iter().position(|other| *other == method).unwrap_or_default();
        Self { url: url.into(), method: method as i64, headers: Vec::new(), body }
    }
}

/// A body that can be sent as often as it takes.
#[derive(Clone, Default)]
pub enum RequestBody {
    /// None.
    #[default]
    Empty,
    /// Bytes, sent from where they lie.
    Bytes {
        /// Any owner of them.
        bytes: Arc<dyn AsRef<[u8]> + Send + Sync>,
        /// `Content-Type`, unless a header says otherwise; none is not said at all.
        content_type: Option<String>,
    },
    /// A form. Its files are read while it is sent.
    Form(Arc<Form>),
    /// One that cannot be sent; the sentence. The task fails with it.
    Refused(String),
}

impl RequestBody {
    /// Bytes without a type.
    pub fn bytes(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Self {
        Self::Bytes { bytes: Arc::new(bytes), content_type: None }
    }

    /// Text that is JSON.
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

    /// The body in the form in which it is sent. Files of a form are measured here.
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

    /// For one attempt.
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

/// What becomes of a body.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// It is kept in memory.
    Fetch,
    /// It is given out piece by piece.
    Stream,
    /// It is a stream of events.
    Listen,
    /// It becomes a file.
    Download(Download),
}

/// Where a download goes.
#[derive(Clone, Debug)]
pub struct Download {
    /// The file. The body goes to this path with `.part` behind it until it is whole.
    pub path: PathBuf,
    /// Goes on with what an earlier download left.
    pub resumes: bool,
    /// Bytes of the file; no limit if none.
    pub limit: Option<u64>,
}

impl Download {
    /// One that resumes, of any length.
    pub fn to(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), resumes: true, limit: None }
    }
}
