//! Property: for every split of a reply, the client has the same result as for the whole reply, and never panics.
//!
//! Input: one byte for the method, one for how chunks are returned, two that determine the splits, and the reply.

use std::mem::discriminant;

use http_protocol::Method;

use crate::support::{Delivery, Outcome, receive};

/// Panics if the property does not hold.
pub fn check(data: &[u8]) {
    let [method, chunks, low, high, reply @ ..] = data else { return };
    let method = Method::ALL[usize::from(*method) % Method::ALL.len()];
    let then_end = chunks & 1 == 0;
    let sizes = [1, 2, 5, 16, 100, 4096, 65536, 1 << 24];
    let most = sizes[usize::from(chunks >> 1 & 7)];
    // As in the client, at most one read's worth of data is waited for.
    let whole = if chunks & 0x10 == 0 { 0 } else { most };

    let one_shot = receive(method, &Delivery::whole(reply, then_end));
    let pieces = split(reply, u16::from_le_bytes([*low, *high]));
    let in_pieces = receive(method, &Delivery { pieces, then_end, whole, most });
    assert_alike(reply, &one_shot, &in_pieces);
}

/// Splits `bytes` into pieces whose sizes depend only on `seed`: small ones, and sometimes a large one.
fn split(mut bytes: &[u8], seed: u16) -> Vec<&[u8]> {
    let mut state = u32::from(seed) << 1 | 1;
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let longest = if state & 0x700 == 0 { 512 } else { 12 };
        let (piece, rest) = bytes.split_at((state as usize % longest + 1).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

fn assert_alike(reply: &[u8], one_shot: &Outcome, in_pieces: &Outcome) {
    let kind = |outcome: &Outcome| outcome.error.as_ref().map(discriminant);
    let alike = if one_shot.error.is_none() && in_pieces.error.is_none() {
        // `read_chunk_size` determines how much of an incomplete chunk is returned before the rest has arrived.
        let bodies = one_shot.body == in_pieces.body || !one_shot.complete;
        bodies
            && (one_shot.status, &one_shot.fields, &one_shot.trailers, one_shot.complete, one_shot.reusable)
                == (in_pieces.status, &in_pieces.fields, &in_pieces.trailers, in_pieces.complete, in_pieces.reusable)
    } else {
        // If a reply is refused, the amount that was delivered before may differ, but not the bytes.
        let (short, long) = if one_shot.body.len() < in_pieces.body.len() {
            (&one_shot.body, &in_pieces.body)
        } else {
            (&in_pieces.body, &one_shot.body)
        };
        let statuses = one_shot.status.or(in_pieces.status) == in_pieces.status.or(one_shot.status);
        long.starts_with(short) && statuses && kind(one_shot) == kind(in_pieces)
    };
    assert!(alike, "{}\nwhole: {one_shot:?}\nin pieces: {in_pieces:?}", reply.escape_ascii());
}
