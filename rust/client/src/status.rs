//! The status of a client.

/// The status of a client, in the order and with the values of Godot's `HTTPClient.Status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// There is no connection, and no error occurred.
    #[default]
    Disconnected = 0,
    /// The host name is being resolved.
    Resolving = 1,
    /// The host name has no address.
    CantResolve = 2,
    /// The connection is being established.
    Connecting = 3,
    /// The connection could not be established.
    CantConnect = 4,
    /// The connection is open, and a request can be sent.
    Connected = 5,
    /// The request is being sent, or the client is waiting for the head of the response.
    Requesting = 6,
    /// The response body can be read.
    Body = 7,
    /// The connection failed.
    ConnectionError = 8,
    /// The TLS handshake failed.
    TlsHandshakeError = 9,
}
