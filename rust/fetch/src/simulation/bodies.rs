//! Bodies: compressed, too large, passed on in chunks, sent.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;
use crate::multipart::Form;
use crate::response::ResultCode;
use crate::settings::RequestBody;
use crate::task::WINDOW;
use http_protocol::Method;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A server that always sends this reply.
fn always(reply: Vec<u8>) -> Simulation {
    Simulation::new(move |_| Reply::Send(reply.clone()))
}

#[test]
fn a_packed_body_is_unpacked_where_this_program_asked_for_it_and_not_where_the_script_did() {
    let text = "words ".repeat(100_000);
    let packed = gzip(text.as_bytes());
    let mut simulation = always(response(200, &["Content-Encoding: gzip"], &packed));
    let task = simulation.get("http://a/");
    let response = simulation.run(&task);
    assert!(response.is_ok() && response.text() == text);
    assert_eq!(task.downloaded_bytes(), packed.len() as u64, "progress is that of the wire");
    for header in ["Accept-Encoding: gzip", "Range: bytes=0-"] {
        let request = Request { headers: vec![header.to_owned()], ..Request::get("http://a/") };
        let task = simulation.start(Kind::Fetch, request);
        assert_eq!(simulation.run(&task).body, packed, "{header}");
    }
}

#[test]
fn a_body_that_is_damaged_cut_off_or_too_large_fails_with_its_own_result() {
    let packed = gzip(&vec![0; 10 << 20]);
    let cases: [(&[u8], &[&str], ResultCode); 4] = [
        (&packed, &["Content-Encoding: gzip"], ResultCode::BodySizeLimitExceeded),
        (&packed[..1000], &["Content-Encoding: gzip"], ResultCode::BodySizeLimitExceeded),
        (&packed[..20], &["Content-Encoding: gzip"], ResultCode::BodyDecompressFailed),
        (b"not gzip", &["Content-Encoding: gzip"], ResultCode::BodyDecompressFailed),
    ];
    for (body, headers, result) in cases {
        let mut simulation = always(response(200, headers, body));
        simulation.settings.body_size_limit = Some(1 << 16);
        let task = simulation.get("http://a/");
        let response = simulation.run(&task);
        assert_eq!((response.result, response.code(), response.body.len()), (result, 200, 0), "{response:?}");
    }
}

#[test]
fn the_limit_of_memory_is_checked_at_the_head_and_as_bytes_come() {
    let unknown = [&b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n"[..], &[7; 0x10001]].concat();
    for reply in [b"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n".to_vec(), unknown] {
        let mut simulation = always(reply);
        simulation.settings.body_size_limit = Some(1 << 16);
        let task = simulation.get("http://a/");
        simulation.settle();
        assert_eq!(task.response().unwrap().result, ResultCode::BodySizeLimitExceeded);
    }
    let mut simulation = always(response(200, &[], vec![7; 1 << 16]));
    simulation.settings.body_size_limit = Some(1 << 16);
    let task = simulation.get("http://a/");
    assert!(simulation.run(&task).is_ok(), "as many bytes as the limit are no more than it");
}

#[test]
fn a_stream_that_nobody_takes_is_not_read_on_and_that_is_no_stall() {
    let body = vec![7; 3 * WINDOW];
    let mut simulation = always(response(200, &[], &body));
    let task = simulation.start(Kind::Stream, Request::get("http://a/"));
    simulation.pass(Duration::from_secs(100));
    assert!(!task.is_completed());
    assert!(task.downloaded_bytes() < 2 * WINDOW as u64, "{}", task.downloaded_bytes());
    let mut taken = 0;
    let mut result = None;
    while result.is_none() {
        let before = taken;
        for notice in task.take_notices() {
            match notice {
                Notice::Chunk(chunk) => taken += chunk.len(),
                Notice::Completed(response) => result = Some(response.result),
                _ => {}
            }
        }
        assert!(taken > before || result.is_some(), "it goes on when it is taken");
        simulation.pass(Duration::from_secs(100));
    }
    assert_eq!((taken, result), (body.len(), Some(ResultCode::Success)));
}

#[test]
fn a_stream_gives_out_what_is_unpacked_in_its_order() {
    let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut simulation = always(response(200, &["Content-Encoding: gzip"], gzip(&text)));
    let task = simulation.start(Kind::Stream, Request::get("http://a/"));
    let mut taken = Vec::new();
    while !task.is_completed() {
        simulation.settle();
        for notice in task.take_notices() {
            if let Notice::Chunk(chunk) = notice {
                taken.extend(chunk);
            }
        }
    }
    assert!(taken == text);
}

#[test]
fn a_form_is_sent_again_from_its_start_and_progress_is_told() {
    let mut asked = 0;
    let mut simulation = Simulation::new(move |_| {
        asked += 1;
        Reply::Send(response(if asked == 1 { 307 } else { 200 }, &["Location: /b"], ""))
    });
    let mut form = Form::new([1; 16]);
    form.add_field("name", "value");
    form.add_bytes("file", vec![b'x'; 300_000], "x.bin", "").unwrap();
    let request = Request::with_body(Method::Put, "http://a/", RequestBody::Form(Arc::new(form.clone())));
    let task = simulation.start(Kind::Fetch, request);
    assert!(simulation.run(&task).is_ok());
    let len = form.body().unwrap().content_length();
    for request in &simulation.requests {
        assert_eq!(value(request, "Content-Type"), Some(form.content_type().as_str()));
        assert_eq!(request.split_once("\r\n\r\n").unwrap().1.len() as u64, len);
    }
    assert_eq!(task.uploaded_bytes(), len);
    assert!(short(task.take_notices()).contains(&format!("sent {len} of {len}")));
}

#[test]
fn head_and_204_and_empty_packed_bodies_are_whole_responses() {
    let mut simulation = Simulation::new(|request| match target(request) {
        "/head" => Reply::Send(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 9\r\n\r\n".to_vec()),
        "/none" => Reply::Send(b"HTTP/1.1 204 OK\r\nContent-Encoding: gzip\r\n\r\n".to_vec()),
        _ => Reply::Send(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec(),
        ),
    });
    for (method, url) in [(1, "http://a/head"), (0, "http://a/none"), (0, "http://a/empty")] {
        let task = simulation.start(Kind::Fetch, Request { method, ..Request::get(url) });
        let response = simulation.run(&task);
        assert!(response.is_ok() && response.body.is_empty(), "{url}: {response:?}");
    }
    assert_eq!(simulation.connections(), 1);
}

#[test]
fn a_form_file_that_shrinks_while_it_is_sent_fails_the_request_with_its_name() {
    struct Shrinks;

    impl crate::multipart::Source for Shrinks {
        fn measure(&self) -> std::io::Result<u64> {
            Ok(10)
        }

        fn open(&self) -> std::io::Result<Box<dyn std::io::Read + Send>> {
            Ok(Box::new(&b"four"[..]))
        }
    }

    let mut form = Form::new([0; 16]);
    form.add_source("picture", Arc::new(Shrinks), "x.png", "").unwrap();
    let mut simulation = Simulation::new(|_| ok(""));
    let request = Request::with_body(Method::Post, "http://a/", RequestBody::Form(Arc::new(form)));
    let task = simulation.start(Kind::Fetch, request);
    let response = simulation.run(&task);
    assert_eq!(response.result, ResultCode::RequestFailed);
    assert!(response.error.contains("\"picture\" became shorter"), "{}", response.error);
    assert_eq!(simulation.engine.idle_count(), 0, "the server still waits for the rest on that connection");
}

#[test]
fn a_request_goes_by_the_settings_that_held_when_it_began() {
    let mut simulation = Simulation::new(|_| Reply::Send(response(200, &[], vec![7; 100])));
    let task = simulation.get("http://a/");
    simulation.settings.body_size_limit = Some(1);
    assert!(simulation.run(&task).is_ok());
    let task = simulation.get("http://a/");
    assert_eq!(simulation.run(&task).result, ResultCode::BodySizeLimitExceeded);
}
