//! Request methods (RFC 9110 §9, and PATCH of RFC 5789).

/// A request method, in the order of Godot's `HTTPClient.Method`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Asks for a representation.
    Get,
    /// GET without the body.
    Head,
    /// Has the target process the body.
    Post,
    /// Replaces the target with the body.
    Put,
    /// Removes the target.
    Delete,
    /// Asks what the target, or with `*` the server, can do.
    Options,
    /// Asks to have the request sent back.
    Trace,
    /// Asks a proxy for a tunnel.
    Connect,
    /// Changes the target in part.
    Patch,
}

impl Method {
    /// Every method; the position of each is its value in `HTTPClient.Method`.
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

    /// The method with this value in `HTTPClient.Method`; none if there is no such method.
    pub fn from_index(index: i64) -> Option<Method> {
        Self::ALL.get(usize::try_from(index).ok()?).copied()
    }

    /// The name as it is sent.
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

    /// Whether servers expect a length even when there is no body (RFC 9110 §8.6).
    pub(crate) fn anticipates_body(self) -> bool {
        matches!(self, Method::Post | Method::Put | Method::Patch)
    }

    /// Whether a request of this method may not carry a body (RFC 9110 §9.3.6 and §9.3.8).
    pub(crate) fn forbids_body(self) -> bool {
        matches!(self, Method::Trace | Method::Connect)
    }
}
