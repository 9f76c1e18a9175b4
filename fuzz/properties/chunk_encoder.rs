//! Property: the chunked decoder returns what the chunk encoder writes, at every split, with nothing left over, and the connection is ready
//! for the next request.
//!
//! Input: the lengths of the pieces, one byte each. A byte above 250 is multiplied by 251. Empty pieces count, too.

use http_protocol::{ChunkEncoder, Method};

use crate::support::{Delivery, receive};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
/// The maximum number of pieces in one input.
const MOST: usize = 40;
/// The maximum number of splits of a long body.
const SPLITS: usize = 300;

/// Panics if the property does not hold.
pub fn check(data: &[u8]) {
    let mut encoder = ChunkEncoder::default();
    let (mut body, mut wire) = (Vec::new(), HEAD.to_vec());
    for &size in data.iter().take(MOST) {
        let length = if size > 250 { usize::from(size) * 251 } else { usize::from(size) };
        let piece: Vec<u8> = (body.len()..body.len() + length).map(|index| (index * 7 % 253) as u8).collect();
        let before = encoder.chunk(length);
        assert!(before.len() <= ChunkEncoder::LONGEST, "{} bytes before a chunk", before.len());
        assert_eq!(before.is_empty(), length == 0, "an empty piece would be the end");
        wire.extend(before);
        wire.extend_from_slice(&piece);
        body.extend(piece);
    }
    let end = encoder.end();
    assert!(end.len() <= ChunkEncoder::LONGEST);
    wire.extend_from_slice(end);

    for split in (0..=wire.len()).step_by(wire.len() / SPLITS + 1) {
        let (first, second) = wire.split_at(split);
        decodes(vec![first, second], &body);
    }
    let size = usize::from(data.first().copied().unwrap_or(0)) + 1;
    decodes(wire.chunks(size).collect(), &body);
}

fn decodes(pieces: Vec<&[u8]>, body: &[u8]) {
    for whole in [0, 65_536] {
        let delivery = Delivery { pieces: pieces.clone(), then_end: false, whole, most: 65_536 };
        let outcome = receive(Method::Get, &delivery);
        assert!(outcome.accepted() && outcome.reusable, "{outcome:?}");
        assert!(outcome.body == body, "{} bytes of {}", outcome.body.len(), body.len());
        assert!(outcome.trailers.is_empty());
    }
}
