//! The contents of bodies: a block of pseudo-random bytes, a compressed text and pictures.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The size of the block that `/bytes`, `/chunked` and `/until-close` repeat.
pub(crate) const BLOCK: usize = 1 << 20;

/// The largest body that a client can request: 1 TiB.
pub(crate) const LARGEST_BODY: u64 = 1 << 40;

/// The block. It is the same in every run, so that a test can contain its checksum.
pub(crate) fn block() -> &'static Bytes {
    static BLOCK_BYTES: OnceLock<Bytes> = OnceLock::new();
    BLOCK_BYTES.get_or_init(|| Bytes::from(pseudo_random(0x4854_5450, BLOCK)))
}

/// `count` bytes that depend only on `seed` (xorshift64*).
pub(crate) fn pseudo_random(seed: u64, count: usize) -> Vec<u8> {
    // The generator never leaves the state zero.
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(count + 8);
    while bytes.len() < count {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(count);
    bytes
}

/// The CRC-32 of a body of `length` bytes.
///
/// Takes microseconds for any length: the checksum of two blocks is combined from two checksums of one block, that of four blocks
/// from two of those, and so on.
pub(crate) fn crc32_of_body(length: u64) -> u32 {
    let mut whole = Hasher::new();
    let mut doubled = Hasher::new();
    doubled.update(block());
    let mut blocks = length / BLOCK as u64;
    while blocks > 0 {
        if blocks & 1 == 1 {
            whole.combine(&doubled);
        }
        let half = doubled.clone();
        doubled.combine(&half);
        blocks >>= 1;
    }
    let mut tail = Hasher::new();
    tail.update(&block()[..(length % BLOCK as u64) as usize]);
    whole.combine(&tail);
    whole.finalize()
}

/// The longest text that `/gzip` compresses, in bytes.
pub(crate) const LARGEST_TEXT: u64 = 256 << 20;

/// Words of the text that `/gzip` compresses.
const WORDS: [&str; 8] = ["player", "score", "level", "\"name\":", "true,", "0.25", "inventory", "north"];

/// This many bytes of text, compressed with gzip. The text consists of numbered lines with a few words in any order, which
/// compress about as well as a log. Each length is compressed only once.
pub(crate) fn packed_text(length: u64) -> io::Result<Bytes> {
    static MADE: Mutex<BTreeMap<u64, Bytes>> = Mutex::new(BTreeMap::new());
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(packed) = made.get(&length) {
        return Ok(packed.clone());
    }
    let order = pseudo_random(1, BLOCK);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let (mut left, mut number) = (length as usize, 0_usize);
    while left > 0 {
        let words = (0..6).map(|word| WORDS[order[(number * 6 + word) % BLOCK] as usize % WORDS.len()]);
        let line = format!("{number} {}\n", words.collect::<Vec<_>>().join(" "));
        let taken = left.min(line.len());
        encoder.write_all(&line.as_bytes()[..taken])?;
        (left, number) = (left - taken, number + 1);
    }
    let packed = Bytes::from(encoder.finish()?);
    made.insert(length, packed.clone());
    Ok(packed)
}

/// A picture of 64 by 64 pixels in RGBA, with a gradient in each channel. The number chooses the order of the channels and the
/// directions of the gradients.
pub(crate) fn picture(number: usize) -> Bytes {
    const SIDE: u8 = 64;
    let pixel = |x: u8, y: u8| {
        let channels = [x * 4, y * 4, 255 - (x + y) * 2];
        let channel = |index: usize| match ((number / 3) >> index) & 1 {
            0 => channels[(index + number) % 3],
            _ => 255 - channels[(index + number) % 3],
        };
        [channel(0), channel(1), channel(2), 255]
    };
    let pixels: Vec<u8> = (0..SIDE).flat_map(|y| (0..SIDE).flat_map(move |x| pixel(x, y))).collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIDE.into(), SIDE.into());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels))
        .expect("a picture is written to memory");
    Bytes::from(file)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn packed_text_is_as_long_as_was_asked_for() {
        for length in [0, 1, 100_000] {
            let mut text = String::new();
            flate2::read::GzDecoder::new(&*packed_text(length).unwrap()).read_to_string(&mut text).unwrap();
            assert_eq!(text.len() as u64, length);
        }
    }

    #[test]
    fn the_combined_checksum_is_that_of_the_bytes() {
        for length in [0, 1, 1000, BLOCK, BLOCK + 1, 5 * BLOCK + 77] {
            let mut hasher = Hasher::new();
            let mut left = length;
            while left > 0 {
                let piece = left.min(BLOCK);
                hasher.update(&block()[..piece]);
                left -= piece;
            }
            assert_eq!(crc32_of_body(length as u64), hasher.finalize(), "{length}");
        }
    }
}
