//! What comes of a request: a result, what is known of the response, and its body.

use std::fmt;
use std::sync::Arc;

use http_net::{ByteBuffer, Head, Timings, TlsInfo};

use crate::charset;

/// An array that bodies are received into: `Vec<u8>`, or one of an engine's.
pub trait Buffer: ByteBuffer + Send + Sync + 'static {
    /// All of it.
    fn as_slice(&self) -> &[u8];
}

impl Buffer for Vec<u8> {
    fn as_slice(&self) -> &[u8] {
        self
    }
}

/// How a request ended. The numbers up to 13 are those of Godot's `HTTPRequest.Result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i64)]
#[non_exhaustive]
pub enum ResultCode {
    /// There is a whole response, whatever its status.
    Success = 0,
    /// Never given here: such a body is a [`ConnectionError`](Self::ConnectionError).
    ChunkedBodySizeMismatch = 1,
    /// The server or the proxy could not be reached.
    CantConnect = 2,
    /// The host's name has no address.
    CantResolve = 3,
    /// The connection ended early, or what came on it is not HTTP.
    ConnectionError = 4,
    /// No TLS came about.
    TlsHandshakeError = 5,
    /// Never given here: such a response is a [`ConnectionError`](Self::ConnectionError).
    NoResponse = 6,
    /// The body is larger than the limit.
    BodySizeLimitExceeded = 7,
    /// The body could not be unpacked.
    BodyDecompressFailed = 8,
    /// The response is not one to this request, or the request could not be sent to its end.
    RequestFailed = 9,
    /// The file of a download could not be opened.
    DownloadFileCantOpen = 10,
    /// The file of a download could not be written or renamed.
    DownloadFileWriteError = 11,
    /// The server redirected more often than is allowed.
    RedirectLimitReached = 12,
    /// A limit of time passed; the sentence says which.
    Timeout = 13,
    /// It was cancelled, or the program ends.
    Cancelled = 100,
    /// The URL, a header, the method or the body cannot be sent.
    InvalidRequest = 101,
    /// The file that is replayed has no such request.
    ReplayMiss = 102,
}

impl ResultCode {
    /// The number.
    pub fn value(self) -> i64 {
        self as i64
    }
}

/// What is known of a response once its head is there; before that, what is known of the request.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The URL that was requested last.
    pub url: String,
    /// The status code; 0 without a response.
    pub code: u16,
    /// The head; none without a response.
    pub head: Option<Arc<Head>>,
    /// How many bytes the body has on the wire; none if that is not known.
    pub body_size: Option<u64>,
    /// The URLs that redirected.
    pub redirects: Vec<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// How long the phases of the last attempt took.
    pub timings: Timings,
    /// What TLS agreed on; none without TLS.
    pub tls: Option<Arc<TlsInfo>>,
    /// Whether the response is one of the cache's, which the server may have confirmed.
    pub is_from_cache: bool,
}

impl Facts {
    /// The header lines as the server wrote them.
    pub fn headers(&self) -> Vec<String> {
        let fields = self.head.iter().flat_map(|head| head.fields.iter());
        fields.map(|field| field.line().into_owned()).collect()
    }

    /// The values of a header, whatever the case of its name.
    pub fn header_values(&self, name: &str) -> Vec<String> {
        let fields = self.head.iter().flat_map(|head| head.fields.named(name));
        fields.map(|field| field.value().into_owned()).collect()
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.head.as_ref()?;
        head.fields.named(name).next().map(|field| field.value().into_owned())
    }
}

/// What came of a request.
#[derive(Debug)]
pub struct Response<B = Vec<u8>> {
    /// How it ended.
    pub result: ResultCode,
    /// What is known of it.
    pub facts: Facts,
    /// The body, unpacked; empty if it went elsewhere, or did not come whole.
    pub body: B,
    /// One sentence for a person: why it failed, or which status came from where; empty if all is well.
    pub error: String,
}

impl<B: Buffer> Response<B> {
    /// The status code; 0 without a response.
    pub fn code(&self) -> u16 {
        self.facts.code
    }

    /// Whether it is a whole response with a status from 200 to 299.
    pub fn is_ok(&self) -> bool {
        self.result == ResultCode::Success && (200..300).contains(&self.facts.code)
    }

    /// The body as text, by the charset that the response names, else UTF-8.
    pub fn text(&self) -> String {
        charset::text(self.facts.header("Content-Type").as_deref(), self.body.as_slice())
    }

    /// The body as text of JSON, which is always UTF-8.
    pub fn json_text(&self) -> String {
        charset::json_text(self.body.as_slice())
    }
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
