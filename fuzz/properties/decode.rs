//! Property: for every split of a compressed body and every buffer size, decoding gives the same bytes or an error. It ends, no step writes
//! more than its buffer holds, and nothing exceeds the limit.
//!
//! Input: one byte for the codings, one for the size of the pieces, and the body.

use http_fetch::decode::{Coding, DecodeError, Decoder, State};

const LIMIT: u64 = 1 << 18;

/// Panics if the property does not hold.
pub fn check(data: &[u8]) {
    let [codings, size, body @ ..] = data else { return };
    let all = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];
    let mut codings: Vec<Coding> = [codings & 3, codings >> 2 & 3].iter().map(|at| all[usize::from(*at)]).collect();
    if data[0] & 0x10 == 0 {
        codings.pop();
    }
    let whole = unpack(&codings, body, body.len().max(1), 1 << 16);
    let pieces = unpack(&codings, body, usize::from(*size % 16) + 1, usize::from(*size >> 4) * 100 + 1);
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces, "{codings:?} {}", body.escape_ascii()),
        (Err(_), Err(_)) => {}
        _ => panic!("{codings:?} {}: {whole:?} {pieces:?}", body.escape_ascii()),
    }
}

fn unpack(codings: &[Coding], body: &[u8], piece: usize, room: usize) -> Result<Vec<u8>, DecodeError> {
    let mut decoder = Decoder::new(codings, Some(LIMIT));
    let mut room = vec![0; room];
    let (mut all, mut shown, mut read) = (Vec::new(), piece.min(body.len()), 0);
    loop {
        let step = decoder.step(&body[read..shown], shown == body.len(), &mut room)?;
        read += step.read;
        assert!(read <= shown);
        all.extend_from_slice(&room[..step.written]);
        assert!(all.len() as u64 <= LIMIT);
        match step.state {
            State::Done => return Ok(all),
            State::Working => {}
            State::NeedsInput => {
                assert!(shown < body.len(), "nothing more comes");
                shown = (shown + piece).min(body.len());
            }
        }
    }
}
