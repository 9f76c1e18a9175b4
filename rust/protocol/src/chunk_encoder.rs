//! Encodes a body whose length is not known in advance with the chunked transfer coding (RFC 9112 §7.1).

/// Frames a body in chunks. Each call returns the bytes to send before one chunk. The bytes of the chunk follow unchanged.
#[derive(Debug, Default)]
pub struct ChunkEncoder {
    /// Whether a chunk has been started. Its end must be written before the next chunk.
    in_chunk: bool,
}

impl ChunkEncoder {
    /// The maximum length of the result of [`chunk`](Self::chunk) and [`end`](Self::end), in bytes: a line end, 16 digits, a line end.
    pub const LONGEST: usize = 20;

    /// Returns the bytes to send before a chunk of `len` bytes. The result is empty if `len` is 0, because a chunk of 0 bytes would end
    /// the body.
    pub fn chunk(&mut self, len: usize) -> Vec<u8> {
        if len == 0 {
            return Vec::new();
        }
        let end_of_last = if std::mem::replace(&mut self.in_chunk, true) { "\r\n" } else { "" };
        format!("{end_of_last}{len:x}\r\n").into_bytes()
    }

    /// Returns the bytes that end the body. There are no trailers.
    pub fn end(self) -> &'static [u8] {
        if self.in_chunk { b"\r\n0\r\n\r\n" } else { b"0\r\n\r\n" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunked::{ChunkedDecoder, Step};

    fn encoded(pieces: &[&[u8]]) -> Vec<u8> {
        let mut encoder = ChunkEncoder::default();
        let mut wire = Vec::new();
        for piece in pieces {
            let before = encoder.chunk(piece.len());
            assert!(before.len() <= ChunkEncoder::LONGEST);
            wire.extend(before);
            wire.extend_from_slice(piece);
        }
        wire.extend_from_slice(encoder.end());
        wire
    }

    #[test]
    fn chunks_are_framed_as_the_rfc_says_and_an_empty_one_does_not_end_the_body() {
        assert_eq!(
            encoded(&[b"hello", b"", b" 16 bytes of it.."]),
            b"5\r\nhello\r\n11\r\n 16 bytes of it..\r\n0\r\n\r\n"
        );
        assert_eq!(encoded(&[]), b"0\r\n\r\n");
        assert_eq!(encoded(&[b""]), b"0\r\n\r\n");
    }

    #[test]
    fn the_decoder_gives_back_what_was_encoded() {
        let pieces: [&[u8]; 4] = [b"a", &[0; 300], b"\r\n", &[b'0'; 70_000]];
        let wire = encoded(&pieces);
        let mut decoder = ChunkedDecoder::new(crate::limits::HEADER_BYTES);
        let mut decoded = Vec::new();
        let mut rest = &wire[..];
        loop {
            match decoder.step(rest, 0, usize::MAX).unwrap() {
                Step::Data { skip, len } => {
                    decoded.extend_from_slice(&rest[skip..skip + len]);
                    rest = &rest[skip + len..];
                }
                Step::Done { skip } => {
                    assert_eq!(skip, rest.len());
                    break;
                }
                Step::NeedMore { .. } => panic!("all of it is there"),
            }
        }
        assert_eq!(decoded, pieces.concat());
    }
}
