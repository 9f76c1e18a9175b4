//! What a client is doing.

/// The status of a client, in the order and with the values of Godot's `HTTPClient.Status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// There is no connection, and nothing went wrong.
    #[default]
    Disconnected = 0,
    /// The host name is being looked up.
    Resolving = 1,
    /// The host name has no address.
    CantResolve = 2,
    /// The connection is being made.
    Connecting = 3,
    /// The connection could not be made.
    CantConnect = 4,
    /// There is a connection; a request may be sent.
    Connected = 5,
    /// A request is being sent, or its response's head is awaited.
    Requesting = 6,
    /// The response's body can be read.
    Body = 7,
    /// The connection failed.
    ConnectionError = 8,
    /// The TLS handshake failed.
    TlsHandshakeError = 9,
}
