//! Compressed bodies: complete, cut off, damaged, and made to fill memory.
#![allow(missing_docs)]

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http_fetch::decode::{Coding, DecodeError, Decoder, MOST_CODINGS, State, applies, is_accepted};
use http_protocol::Method;
use zstd_safe::{CCtx, CParameter};

const CODINGS: [Coding; 4] = [Coding::Gzip, Coding::Deflate, Coding::Brotli, Coding::Zstd];

fn pack(coding: Coding, body: &[u8]) -> Vec<u8> {
    match coding {
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Deflate => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        Coding::Brotli => {
            let mut packed = Vec::new();
            brotli::CompressorWriter::new(&mut packed, 4096, 5, 22).write_all(body).unwrap();
            packed
        }
        Coding::Zstd => zstd(body, &[CParameter::ChecksumFlag(true)]),
    }
}

fn zstd(body: &[u8], parameters: &[CParameter]) -> Vec<u8> {
    let mut context = CCtx::create();
    for parameter in parameters {
        context.set_parameter(*parameter).unwrap();
    }
    let mut packed = Vec::with_capacity(zstd_safe::compress_bound(body.len()));
    context.compress2(&mut packed, body).unwrap();
    packed
}

fn raw_deflate(body: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// Decodes with input pieces of one size and output buffers of another.
fn unpack_by(decoder: &mut Decoder, packed: &[u8], piece: usize, room: usize) -> Result<Vec<u8>, DecodeError> {
    let mut room = vec![0; room];
    let (mut body, mut shown, mut read) = (Vec::new(), 0, 0);
    loop {
        let step = decoder.step(&packed[read..shown], shown == packed.len(), &mut room)?;
        read += step.read;
        body.extend_from_slice(&room[..step.written]);
        match step.state {
            State::Done => return Ok(body),
            State::Working => {}
            State::NeedsInput if shown < packed.len() => shown = (shown + piece).min(packed.len()),
            State::NeedsInput => panic!("nothing more comes"),
        }
    }
}

fn unpack(codings: &[Coding], packed: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let once = |piece, room| unpack_by(&mut Decoder::new(codings, None), packed, piece, room);
    let whole = once(packed.len().max(1), 1 << 16);
    if packed.len() < 100_000 {
        for (piece, room) in [(1, 1 << 16), (1, 1), (3, 7), (1000, 13)] {
            assert!(once(piece, room) == whole, "{codings:?}, pieces of {piece} into {room}");
        }
    }
    whole
}

fn sample() -> Vec<u8> {
    (0..3000)
        .flat_map(|number: u32| {
            format!("{{\"id\":{number},\"hash\":{}}}\n", number.wrapping_mul(2_654_435_761)).into_bytes()
        })
        .take(20_000)
        .collect()
}

#[test]
fn every_coding_gives_the_body_back_however_it_is_split() {
    for coding in CODINGS {
        for body in [&b""[..], b"a", &sample(), &[7; 100_000]] {
            assert_eq!(unpack(&[coding], &pack(coding, body)).as_deref(), Ok(body), "{coding:?}");
        }
    }
}

#[test]
fn codings_over_one_another_are_undone_from_the_last_to_the_first() {
    let body = sample()[..3000].to_vec();
    for first in CODINGS {
        for second in CODINGS {
            let packed = pack(second, &pack(first, &body));
            assert_eq!(unpack(&[first, second], &packed).as_ref(), Ok(&body), "{first:?} {second:?}");
        }
    }
    let five = [Coding::Gzip, Coding::Brotli, Coding::Zstd, Coding::Deflate, Coding::Gzip];
    let packed = five.iter().fold(body.clone(), |packed, coding| pack(*coding, &packed));
    assert_eq!(unpack(&five, &packed), Ok(body));
}

#[test]
fn a_body_without_codings_is_given_out_as_it_came() {
    assert_eq!(unpack(&[], &sample()), Ok(sample()));
    assert_eq!(unpack(&[], b""), Ok(Vec::new()));
}

#[test]
fn an_empty_body_is_empty_whatever_the_coding() {
    for coding in CODINGS {
        assert_eq!(unpack(&[coding, coding], b""), Ok(Vec::new()), "{coding:?}");
    }
}

#[test]
fn deflate_without_its_zlib_header_is_read_too() {
    for body in [&b""[..], b"a", &sample()] {
        assert_eq!(unpack(&[Coding::Deflate], &raw_deflate(body)).as_deref(), Ok(body));
    }
}

#[test]
fn all_members_of_gzip_and_all_frames_of_zstd_are_read() {
    let (first, second) = (b"first ".repeat(100), b"second".repeat(100));
    for coding in [Coding::Gzip, Coding::Zstd] {
        let packed = [pack(coding, &first), pack(coding, b""), pack(coding, &second)].concat();
        assert_eq!(unpack(&[coding], &packed), Ok([&first[..], &second[..]].concat()), "{coding:?}");
    }
    let skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
    let packed = [skippable, &pack(Coding::Zstd, &first)[..], skippable].concat();
    assert_eq!(unpack(&[Coding::Zstd], &packed), Ok(first));
}

#[test]
fn what_servers_append_to_gzip_and_deflate_is_skipped_and_what_follows_the_others_is_damage() {
    let body = sample();
    for (coding, rest) in
        [(Coding::Gzip, &b"\r\n"[..]), (Coding::Gzip, &[0; 512]), (Coding::Deflate, b"\n"), (Coding::Deflate, b"xyz")]
    {
        let packed = [&pack(coding, &body)[..], rest].concat();
        assert_eq!(unpack(&[coding], &packed).as_ref(), Ok(&body), "{coding:?} {rest:?}");
    }
    for coding in [Coding::Brotli, Coding::Zstd] {
        let packed = [&pack(coding, &body)[..], b"<html>"].concat();
        assert_eq!(unpack(&[coding], &packed), Err(DecodeError::Damaged(coding)));
    }
}

#[test]
fn a_body_that_is_cut_off_anywhere_is_an_error() {
    let body = sample();
    let body = &body[..300];
    for coding in CODINGS {
        let packed = pack(coding, body);
        for end in 1..packed.len() {
            assert_eq!(unpack(&[coding], &packed[..end]), Err(DecodeError::Truncated(coding)), "{coding:?} at {end}");
        }
        let two = pack(Coding::Gzip, &packed);
        assert!(unpack(&[coding, Coding::Gzip], &two[..two.len() - 1]).is_err());
        let inner_cut = pack(Coding::Gzip, &packed[..packed.len() - 1]);
        assert_eq!(unpack(&[coding, Coding::Gzip], &inner_cut), Err(DecodeError::Truncated(coding)));
    }
    let raw = raw_deflate(body);
    for end in 1..raw.len() {
        assert_eq!(unpack(&[Coding::Deflate], &raw[..end]), Err(DecodeError::Truncated(Coding::Deflate)), "{end}");
    }
    let gzip = pack(Coding::Gzip, body);
    let two = [&gzip[..], &gzip[..gzip.len() - 1]].concat();
    assert_eq!(unpack(&[Coding::Gzip], &two), Err(DecodeError::Truncated(Coding::Gzip)), "in the second member");
}

#[test]
fn no_changed_bit_passes_for_another_body() {
    let body = sample();
    let body = &body[..300];
    for coding in [Coding::Gzip, Coding::Deflate, Coding::Zstd] {
        let packed = pack(coding, body);
        for at in 0..packed.len() * 8 {
            let mut damaged = packed.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            match unpack_by(&mut Decoder::new(&[coding], Some(1 << 20)), &damaged, 64, 100) {
                Ok(found) => assert_eq!(found, body, "{coding:?} bit {at}"),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
    // Brotli has no checksum: a change can go unnoticed, but does no harm.
    let packed = pack(Coding::Brotli, body);
    for at in 0..packed.len() * 8 {
        let mut damaged = packed.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        let _ = unpack_by(&mut Decoder::new(&[Coding::Brotli], Some(1 << 20)), &damaged, 64, 100);
    }
}

#[test]
fn a_body_of_another_coding_than_said_is_damaged() {
    let page = b"<!doctype html><title>503</title>".repeat(10);
    for coding in CODINGS {
        assert_eq!(unpack(&[coding], &page), Err(DecodeError::Damaged(coding)), "{coding:?}");
    }
    for (said, is) in [
        (Coding::Gzip, Coding::Zstd),
        (Coding::Zstd, Coding::Gzip),
        (Coding::Gzip, Coding::Deflate),
        (Coding::Zstd, Coding::Brotli),
    ] {
        assert_eq!(unpack(&[said], &pack(is, &page)), Err(DecodeError::Damaged(said)), "{is:?} for {said:?}");
    }
}

#[test]
fn a_bomb_ends_at_the_limit_without_more_than_a_step_of_memory() {
    let limit = 1 << 20;
    let zeros = vec![0; 8 << 20];
    for coding in CODINGS {
        let bomb = pack(coding, &zeros);
        assert!(bomb.len() < zeros.len() / 500);
        let mut decoder = Decoder::new(&[coding], Some(limit));
        let mut room = vec![0; 1 << 14];
        let (mut read, mut given) = (0, 0);
        let error = loop {
            match decoder.step(&bomb[read..], true, &mut room) {
                Ok(step) => (read, given) = (read + step.read, given + step.written as u64),
                Err(error) => break error,
            }
        };
        assert_eq!(error, DecodeError::TooLarge { limit }, "{coding:?}");
        assert!(given <= limit && given + (1 << 14) > limit - 1, "{coding:?}: {given} bytes");
    }
}

#[test]
fn a_bomb_inside_a_bomb_ends_at_the_limit() {
    let limit = Some(1 << 20);
    let inner = pack(Coding::Gzip, &vec![0; 8 << 20]);
    let nested = pack(Coding::Zstd, &inner);
    let found = unpack_by(&mut Decoder::new(&[Coding::Gzip, Coding::Zstd], limit), &nested, 100, 1 << 14);
    assert_eq!(found, Err(DecodeError::TooLarge { limit: 1 << 20 }));
}

#[test]
fn codings_that_make_work_and_no_bytes_are_refused_without_any_limit() {
    let empty = pack(Coding::Gzip, b"").repeat(60_000);
    let nested = pack(Coding::Zstd, &empty);
    assert!(nested.len() < 10_000);
    let found = unpack_by(&mut Decoder::new(&[Coding::Gzip, Coding::Zstd], None), &nested, 100, 1 << 14);
    assert_eq!(found, Err(DecodeError::Hollow));
    // Data that cannot be compressed further is about as large in between as at the end.
    let mut state = 1_u64;
    let body: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(3 << 20)
    .collect();
    let nested = pack(Coding::Gzip, &zstd(&body, &[CParameter::CompressionLevel(1)]));
    let found = unpack_by(&mut Decoder::new(&[Coding::Zstd, Coding::Gzip], None), &nested, 100, 1 << 14);
    assert!(found == Ok(body));
}

#[test]
fn padding_without_an_end_does_not_get_round_the_limit() {
    let (body, limit) = (sample(), 1 << 16);
    let skippable = [&b"\x50\x2a\x4d\x18\0\x04\0\0"[..], &[0; 1024]].concat();
    for (coding, padding) in [
        (Coding::Gzip, vec![0; 1024]),
        (Coding::Gzip, pack(Coding::Gzip, b"")),
        (Coding::Deflate, vec![7; 1024]),
        (Coding::Zstd, skippable),
        (Coding::Zstd, pack(Coding::Zstd, b"")),
    ] {
        let mut decoder = Decoder::new(&[coding], Some(limit));
        let (mut input, mut room, mut read) = (pack(coding, &body), vec![0; 1 << 16], 0);
        let error = loop {
            match decoder.step(&input, false, &mut room) {
                Ok(step) => {
                    input.drain(..step.read);
                    read += step.read;
                }
                Err(error) => break error,
            }
            if input.is_empty() {
                input = padding.repeat((64 << 10) / padding.len());
            }
            assert!(read < 4 << 20, "{coding:?} reads on and on");
        };
        assert_eq!(error, DecodeError::Hollow, "{coding:?}");
    }
    // Data that cannot be compressed is a little longer when it is compressed.
    let stored = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(&vec![7; 4 << 20]).unwrap();
        encoder.finish().unwrap()
    };
    let found = unpack_by(&mut Decoder::new(&[Coding::Gzip], Some(4 << 20)), &stored, 1000, 1 << 16);
    assert_eq!(found.map(|body| body.len()), Ok(4 << 20));
}

#[test]
fn exactly_the_limit_is_allowed() {
    let body = sample();
    for coding in CODINGS {
        let packed = pack(coding, &body);
        let with = |limit| unpack_by(&mut Decoder::new(&[coding], Some(limit)), &packed, 1000, 999);
        let len = body.len() as u64;
        assert_eq!(with(len).as_ref(), Ok(&body), "{coding:?}");
        assert_eq!(with(len - 1), Err(DecodeError::TooLarge { limit: len - 1 }), "{coding:?}");
    }
}

#[test]
fn zstd_windows_up_to_8_mib_are_read_and_larger_ones_refused() {
    let body = vec![7; 9 << 20];
    let found = |bits| {
        let packed = zstd(&body, &[CParameter::WindowLog(bits), CParameter::ContentSizeFlag(false)]);
        unpack_by(&mut Decoder::new(&[Coding::Zstd], None), &packed, 1000, 1 << 16)
    };
    assert_eq!(found(23).map(|found| found == body), Ok(true));
    assert_eq!(found(24), Err(DecodeError::WindowTooLarge));
}

#[test]
fn brotli_with_the_large_windows_of_its_extension_is_refused() {
    // The first bytes of a stream that needs a window of 1 GiB.
    assert_eq!(unpack(&[Coding::Brotli], b"\x11\x1e\0\0\0\0\0\0\0"), Err(DecodeError::Damaged(Coding::Brotli)));
}

#[test]
fn what_the_server_flushed_is_given_out_at_once() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    let mut brotli = brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22);
    let event = b"data: 1\n\n";
    let mut flushed = Vec::new();
    gzip.write_all(event).and_then(|()| gzip.flush()).unwrap();
    flushed.push((Coding::Gzip, gzip.get_ref().clone()));
    zlib.write_all(event).and_then(|()| zlib.flush()).unwrap();
    flushed.push((Coding::Deflate, zlib.get_ref().clone()));
    brotli.write_all(event).and_then(|()| brotli.flush()).unwrap();
    flushed.push((Coding::Brotli, brotli.get_ref().clone()));
    let mut context = CCtx::create();
    let mut packed = vec![0; 1000];
    let mut room = zstd_safe::OutBuffer::around(&mut packed[..]);
    context.compress_stream(&mut room, &mut zstd_safe::InBuffer::around(event)).unwrap();
    assert_eq!(context.flush_stream(&mut room), Ok(0));
    let count = room.pos();
    flushed.push((Coding::Zstd, packed[..count].to_vec()));

    for (coding, packed) in flushed {
        let mut decoder = Decoder::new(&[coding], None);
        let mut room = [0; 100];
        let (mut read, mut body) = (0, Vec::new());
        loop {
            let step = decoder.step(&packed[read..], false, &mut room).unwrap();
            read += step.read;
            body.extend_from_slice(&room[..step.written]);
            if step.state == State::NeedsInput {
                break;
            }
        }
        assert_eq!(body, event, "{coding:?}");
    }
}

#[test]
fn codings_are_read_from_lists_and_repeated_fields_and_identity_is_none() {
    let list = |values: &[&'static str]| Coding::list(values.iter().copied());
    assert_eq!(list(&["gzip"]), Ok(vec![Coding::Gzip]));
    assert_eq!(list(&[" X-GZIP ,, identity , br", "zstd"]), Ok(vec![Coding::Gzip, Coding::Brotli, Coding::Zstd]));
    assert_eq!(list(&[]), Ok(vec![]));
    assert_eq!(list(&[""]), Ok(vec![]));
    assert_eq!(list(&["utf-8"]), Ok(vec![]), "given out as it came");
    assert_eq!(list(&["gzip, compress"]), Ok(vec![]));
    let many = ["gzip"; MOST_CODINGS + 1].join(",");
    assert_eq!(Coding::list([&many[..many.len() - 5]]).map(|list| list.len()), Ok(5));
    assert_eq!(Coding::list([many.as_str()]), Err(DecodeError::TooManyCodings));
}

#[test]
fn nothing_is_unpacked_where_there_is_no_body_or_the_script_decides_itself() {
    assert!(applies(Method::Get, 200) && applies(Method::Post, 404));
    assert!(!applies(Method::Head, 200) && !applies(Method::Get, 204) && !applies(Method::Get, 304));
    let lines = |line: &str| [line.to_owned()];
    assert!(is_accepted(&[]) && is_accepted(&lines("Accept: x")));
    assert!(!is_accepted(&lines("accept-encoding: identity")) && !is_accepted(&lines("RANGE: bytes=0-1")));
}

#[test]
fn a_decoder_can_be_moved_to_the_worker() {
    fn is_send<T: Send>() {}
    is_send::<Decoder>();
}
