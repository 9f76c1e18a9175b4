//! Tests how a body is returned: chunk by chunk, in pieces, or everything that is available, and how large it can be.
#![allow(missing_docs)]

mod support;

use std::cell::RefCell;
use std::time::Instant;

use http_client::{ByteBuffer, HttpClient, Settings, Status};
use support::{connect, connected, dictated, get, pause, read_chunks, request_until_body, server};

fn with_chunk_size(bytes: usize) -> HttpClient {
    let client = HttpClient::default();
    client.set_read_chunk_size(bytes as i64).unwrap();
    client
}

/// Returns the lengths of all reads, without the empty ones.
fn reads(client: &HttpClient, url: &str) -> Vec<usize> {
    request_until_body(client, url);
    let mut lengths = Vec::new();
    assert_eq!(read_chunks(client, |chunk| lengths.push(chunk.len())), None);
    lengths
}

fn available(client: &HttpClient) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut last = Instant::now();
    while client.status() == Status::Body {
        let piece: Vec<u8> = client.read_response_body_available().unwrap();
        if piece.is_empty() {
            pause(last);
        } else {
            pieces.push(piece);
            last = Instant::now();
        }
    }
    pieces
}

#[test]
fn a_chunk_that_fits_is_returned_whole_and_alone() {
    for blocking in [false, true] {
        for size in [1, 100, 255, 256] {
            let client = with_chunk_size(256);
            client.set_blocking_mode(blocking);
            connect(&client, server().http());
            let length = size * 20 + 3;
            let lengths = reads(&client, &format!("/chunked/{length}?size={size}"));
            assert_eq!(lengths.iter().sum::<usize>(), length);
            assert!(lengths[..20].iter().all(|&length| length == size), "{size}: {lengths:?}");
        }
    }
}

#[test]
fn a_chunk_that_fits_is_returned_whole_however_it_arrives() {
    let client = with_chunk_size(256);
    connect(&client, server().raw());
    let reply =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n";
    for split in [1, 2, 3, 7] {
        assert_eq!(reads(&client, &dictated(reply, &format!("&split={split}"))), [5, 1, 5], "in pieces of {split}");
    }
}

#[test]
fn a_larger_chunk_is_returned_in_pieces_that_stay_within_it() {
    for blocking in [false, true] {
        let client = with_chunk_size(256);
        client.set_blocking_mode(blocking);
        connect(&client, server().http());
        let lengths = reads(&client, "/chunked/10000?size=1000");
        assert!(lengths.iter().all(|&length| length <= 256), "{lengths:?}");
        let mut position = 0;
        for length in lengths {
            position += length;
            assert!((position - 1) / 1000 == (position - length) / 1000, "a piece crosses {position}");
        }
        assert_eq!(position, 10_000);
    }
}

#[test]
fn a_chunk_of_1_mib_is_returned_whole_if_it_may_be() {
    let client = with_chunk_size(1 << 24);
    connect(&client, server().raw());
    let chunk = vec![b'x'; 1 << 20];
    let reply =
        [&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n"[..], &chunk, b"\r\n0\r\n\r\n"].concat();
    assert_eq!(reads(&client, &dictated(&reply, "")), [1 << 20]);
}

#[test]
fn a_body_with_a_length_is_returned_in_reads_of_at_most_the_chunk_size() {
    for size in [256, 1000, 65536, 1 << 24] {
        let client = with_chunk_size(size);
        connect(&client, server().http());
        let lengths = reads(&client, "/bytes/300001");
        assert_eq!(lengths.iter().sum::<usize>(), 300_001);
        assert!(lengths.iter().all(|&length| length <= size));
    }
}

#[test]
fn a_blocking_read_is_full_until_the_body_ends() {
    let client = with_chunk_size(1000);
    client.set_blocking_mode(true);
    connect(&client, server().http());
    let lengths = reads(&client, "/bytes/70500?delay_ms=5");
    assert_eq!(lengths.len(), 71);
    assert!(lengths[..70].iter().all(|&length| length == 1000), "{lengths:?}");
    let lengths = reads(&client, "/until-close/70500");
    assert!(lengths[..70].iter().all(|&length| length == 1000), "{lengths:?}");
}

#[test]
fn the_last_bytes_end_a_body_without_another_read() {
    let client = connected(server().raw());
    for reply in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ] {
        // The whole body arrives with its head.
        request_until_body(&client, &dictated(reply, ""));
        assert_eq!(client.read_response_body_chunk(), Ok(b"hello".to_vec()));
        assert_eq!(client.status(), Status::Connected);
    }
}

#[test]
fn all_that_is_there_is_read_at_once_whatever_the_chunks() {
    let client = connected(server().raw());
    let chunks = "1\r\nx\r\n".repeat(1000);
    let reply = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
    request_until_body(&client, &dictated(reply.as_bytes(), ""));
    let pieces = available(&client);
    assert_eq!(pieces.concat(), vec![b'x'; 1000]);
    assert!(pieces.len() <= 10, "{} reads for 1000 chunks", pieces.len());
}

#[test]
fn reading_what_is_there_delivers_every_framing() {
    for blocking in [false, true] {
        for route in
            ["/bytes/20000000", "/chunked/20000000?size=1048576", "/chunked/3000000?size=100", "/until-close/20000000"]
        {
            let client = connected(server().http());
            client.set_blocking_mode(blocking);
            request_until_body(&client, route);
            let pieces = available(&client);
            assert!(pieces.iter().all(|piece| piece.len() <= 16 << 20));
            let body = pieces.concat();
            let length = route.split(['/', '?']).nth(2).unwrap();
            let expected = get(&connected(server().http()), &format!("/crc/{length}")).json();
            assert_eq!(body.len().to_string(), length, "{route}");
            assert_eq!(expected["crc32"], crc32fast::hash(&body), "{route}");
        }
    }
}

#[test]
fn an_empty_body_can_be_read_as_what_is_there() {
    let client = connected(server().http());
    request_until_body(&client, "/empty");
    assert_eq!(client.read_response_body_available(), Ok(Vec::new()));
    assert_eq!(client.status(), Status::Connected);
}

#[test]
fn a_read_outside_of_a_body_is_refused_and_changes_nothing() {
    let client = HttpClient::default();
    let refused = |client: &HttpClient| {
        let before = client.status();
        for error in [
            client.read_response_body_chunk::<Vec<u8>>().unwrap_err(),
            client.read_response_body_available::<Vec<u8>>().unwrap_err(),
        ] {
            assert_eq!(error.code, http_client::ErrorCode::InvalidParameter);
            assert_eq!(client.error_message(), "there is no body to read; wait for STATUS_BODY");
        }
        assert_eq!(client.status(), before);
    };
    refused(&client);
    connect(&client, server().http());
    refused(&client);
    client.request(http_client::Method::Get, "/slow?ms=1", &[], support::no_body()).unwrap();
    refused(&client);
    support::finish_request(&client).unwrap();
    support::read_body(&client);
    refused(&client);
}

#[test]
fn a_chunk_size_out_of_range_is_refused_and_the_old_one_kept() {
    let client = HttpClient::default();
    for bytes in [i64::MIN, -1, 0, 255, (1 << 24) + 1, i64::MAX] {
        let error = client.set_read_chunk_size(bytes).unwrap_err();
        assert_eq!(error.code, http_client::ErrorCode::InvalidParameter);
        assert!(
            client.error_message().contains(&bytes.to_string()) && client.error_message().contains("256 to 16777216")
        );
        assert_eq!(client.settings().read_chunk_size, Settings::default().read_chunk_size);
    }
    for bytes in [256, 1 << 24] {
        client.set_read_chunk_size(bytes).unwrap();
        assert_eq!(client.settings().read_chunk_size, bytes as usize);
    }
}

#[test]
fn a_download_of_64_mib_arrives_byte_for_byte() {
    for (route, size) in
        [("/bytes/67108864", 65536), ("/chunked/67108864?size=100000", 1 << 20), ("/until-close/67108864", 4 << 20)]
    {
        let client = with_chunk_size(size);
        connect(&client, server().http());
        request_until_body(&client, route);
        let mut crc = crc32fast::Hasher::new();
        let mut length = 0;
        assert_eq!(
            read_chunks(&client, |chunk| {
                crc.update(&chunk);
                length += chunk.len();
            }),
            None
        );
        let expected = get(&connected(server().http()), "/crc/67108864").json();
        assert_eq!((length, &expected["crc32"]), (64 << 20, &crc.finalize().into()), "{route}");
    }
}

/// A buffer that is reused for the next read, so that a test spends its time on receiving.
struct Reused(Vec<u8>, usize);

thread_local! {
    static SPARE: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

impl ByteBuffer for Reused {
    fn with_len(len: usize) -> Self {
        let mut bytes = SPARE.take().unwrap_or_default();
        if bytes.len() < len {
            bytes.resize(len, 0);
        }
        Self(bytes, len)
    }

    fn set_len(&mut self, len: usize) {
        self.1 = len;
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.0[..self.1]
    }
}

impl Drop for Reused {
    fn drop(&mut self) {
        SPARE.set(Some(std::mem::take(&mut self.0)));
    }
}

#[test]
fn a_body_of_more_than_4_gib_is_counted_to_its_end() {
    const LENGTH: u64 = 5 << 30;
    let client = with_chunk_size(4 << 20);
    client.set_blocking_mode(true);
    connect(&client, server().http());
    request_until_body(&client, &format!("/bytes/{LENGTH}"));
    assert_eq!(client.response_body_length(), LENGTH as i64);
    let mut received = 0;
    while client.status() == Status::Body {
        received += client.read_response_body_chunk::<Reused>().unwrap().as_mut_slice().len() as u64;
    }
    assert_eq!((received, client.status()), (LENGTH, Status::Connected));
    assert_eq!(get(&client, "/hello").code, 200, "on the same connection");
}
