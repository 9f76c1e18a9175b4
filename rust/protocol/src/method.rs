//! Request methods (RFC 9110 §9, and PATCH of RFC 5789).

/// A request method, in the order of Godot's `HTTPClient.Method`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Requests a representation of the target.
    Get,
    /// Requests the same as GET, without the body.
    Head,
    /// Sends the body to the target for processing.
    Post,
    /// Replaces the content of the target with the body.
    Put,
    /// Deletes the target.
    Delete,
    /// Asks which methods and options the target supports. `*` means the server as a whole.
    Options,
    /// Asks the server to send back the request.
    Trace,
    /// Asks a proxy for a tunnel.
    Connect,
    /// Changes a part of the target.
    Patch,
}

impl Method {
    /// All methods. The index of each method is its value in `HTTPClient.Method`.
    pub const ALL: [Method; 9] = [
        Method::Get,
        Method::Head,
        Method::Post,
        Method::Put,
        Method::Delete,
        Method::Options,
        Method::Trace,
        Method::Connect,
        Method::Patch,
    ];

    /// Returns the method with this value in `HTTPClient.Method`, or `None` if there is no such method.
    pub fn from_index(index: i64) -> Option<Method> {
        Self::ALL.get(usize::try_from(index).ok()?).copied()
    }

    /// Returns the name of the method as it is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Options => "OPTIONS",
            Method::Trace => "TRACE",
            Method::Connect => "CONNECT",
            Method::Patch => "PATCH",
        }
    }

    /// Whether servers expect a length even without a body (RFC 9110 §8.6).
    pub(crate) fn anticipates_body(self) -> bool {
        matches!(self, Method::Post | Method::Put | Method::Patch)
    }

    /// Whether a request with this method must not have a body (RFC 9110 §9.3.6 and §9.3.8).
    pub(crate) fn forbids_body(self) -> bool {
        matches!(self, Method::Trace | Method::Connect)
    }
}
