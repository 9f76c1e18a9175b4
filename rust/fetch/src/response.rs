//! The outcome of a request: the result, the facts about the response, and its body.

use std::fmt;
use std::sync::Arc;

use http_net::{ByteBuffer, Head, Timings, TlsInfo};

use crate::charset;

/// An array that receives bodies: `Vec<u8>`, or an array type of an engine.
pub trait Buffer: ByteBuffer + Send + Sync + 'static {
    /// Returns the whole array.
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
    /// There is a complete response, with any status code.
    Success = 0,
    /// Not used. The result of such a body is [`ConnectionError`](Self::ConnectionError).
    ChunkedBodySizeMismatch = 1,
    /// The server or the proxy could not be reached.
    CantConnect = 2,
    /// The host name has no address.
    CantResolve = 3,
    /// The connection ended early, or the received data is not HTTP.
    ConnectionError = 4,
    /// The TLS handshake failed.
    TlsHandshakeError = 5,
    /// Not used. The result of such a response is [`ConnectionError`](Self::ConnectionError).
    NoResponse = 6,
    /// The body is larger than the limit.
    BodySizeLimitExceeded = 7,
    /// The body could not be decompressed.
    BodyDecompressFailed = 8,
    /// The response does not fit the request, or the request could not be sent completely.
    RequestFailed = 9,
    /// The file of a download could not be opened.
    DownloadFileCantOpen = 10,
    /// The file of a download could not be written or renamed.
    DownloadFileWriteError = 11,
    /// The server redirected more often than is allowed.
    RedirectLimitReached = 12,
    /// A time limit has passed. The sentence says which one.
    Timeout = 13,
    /// The request was cancelled, or the program quits.
    Cancelled = 100,
    /// The URL, a header, the method or the body cannot be sent.
    InvalidRequest = 101,
    /// The replayed file does not contain the request.
    ReplayMiss = 102,
}

impl ResultCode {
    /// Returns the number.
    pub fn value(self) -> i64 {
        self as i64
    }
}

/// The known facts about a response. Before its head has arrived, the known facts about the request.
#[derive(Clone, Default)]
pub struct Facts {
    /// The URL that was requested last.
    pub url: String,
    /// The status code, or 0 without a response.
    pub code: u16,
    /// The head, or `None` without a response.
    pub head: Option<Arc<Head>>,
    /// The length of the body before decompression, or `None` if it is not known.
    pub body_size: Option<u64>,
    /// The URLs that redirected the request.
    pub redirects: Vec<String>,
    /// How many times the request was sent.
    pub attempts: u32,
    /// How long the phases of the last attempt took. The phases of the connection are `None` if the attempt used a kept connection.
    pub timings: Timings,
    /// The parameters of TLS, or `None` without TLS.
    pub tls: Option<Arc<TlsInfo>>,
    /// Whether the response comes from the cache. The server may have confirmed it.
    pub is_from_cache: bool,
}

impl Facts {
    /// Returns the header lines as the server wrote them.
    pub fn headers(&self) -> Vec<String> {
        let fields = self.head.iter().flat_map(|head| head.fields.iter());
        fields.map(|field| field.line().into_owned()).collect()
    }

    /// Returns all values of a header. The name is not case-sensitive.
    pub fn header_values(&self, name: &str) -> Vec<String> {
        let fields = self.head.iter().flat_map(|head| head.fields.named(name));
        fields.map(|field| field.value().into_owned()).collect()
    }

    /// Returns the first value of a header.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.head.as_ref()?;
        head.fields.named(name).next().map(|field| field.value().into_owned())
    }
}

/// Omits the URLs, which may contain secrets.
impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("code", &self.code)
            .field("head", &self.head)
            .field("body_size", &self.body_size)
            .field("redirects", &self.redirects.len())
            .field("attempts", &self.attempts)
            .field("timings", &self.timings)
            .field("is_from_cache", &self.is_from_cache)
            .finish_non_exhaustive()
    }
}

/// The outcome of a request.
pub struct Response<B = Vec<u8>> {
    /// How it ended.
    pub result: ResultCode,
    /// The facts about the response.
    pub facts: Facts,
    /// The decompressed body. Empty if it went elsewhere or is incomplete.
    pub body: B,
    /// One sentence for people: why the request failed, or which status code came from where. Empty if nothing went wrong.
    pub error: String,
}

/// Omits the bytes of the body.
impl<B: Buffer> fmt::Debug for Response<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("result", &self.result)
            .field("error", &self.error)
            .field("body", &format_args!("{} bytes", self.body.as_slice().len()))
            .field("facts", &self.facts)
            .finish()
    }
}

impl<B: Buffer> Response<B> {
    /// Returns the status code, or 0 without a response.
    pub fn code(&self) -> u16 {
        self.facts.code
    }

    /// Returns whether this is a complete response with a status code from 200 to 299.
    pub fn is_ok(&self) -> bool {
        self.result == ResultCode::Success && (200..300).contains(&self.facts.code)
    }

    /// Returns the body as text, in the charset of the response or otherwise UTF-8.
    pub fn text(&self) -> String {
        charset::text(self.facts.header("Content-Type").as_deref(), self.body.as_slice())
    }

    /// Returns the body as JSON text, which is always UTF-8.
    pub fn json_text(&self) -> String {
        charset::json_text(self.body.as_slice())
    }
}

impl fmt::Display for ResultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
