//! The limits of one exchange, with their units. If a response exceeds a limit, it is an error that names the limit.

/// Header bytes in one exchange: all heads including interim responses, empty lines before them, and trailers.
pub const HEADER_BYTES: usize = 256 * 1024;

/// Fields in one head, and in one trailer section.
pub const FIELDS: usize = 1024;

/// Hexadecimal digits in a chunk size.
pub const CHUNK_SIZE_DIGITS: usize = 16;

/// Bytes in one chunk-size line or trailer line, without its line end.
pub const CHUNKED_LINE_BYTES: usize = 8 * 1024;

/// The longest body: 2^63 − 1 bytes, the largest length that a signed 64-bit integer holds.
pub const BODY_BYTES: u64 = i64::MAX as u64;
