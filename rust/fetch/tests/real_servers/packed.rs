//! Bodies that other programs have compressed.

use http_fetch::{RequestBody, ResultCode};
use http_protocol::Method;

use super::servers::Server;
use super::{content, get, send, session, text};

const CODINGS: [&str; 6] = ["gzip", "deflate", "br", "zstd", "gzip,br", "zstd,deflate"];

#[test]
fn bodies_that_the_packers_of_python_packed_are_what_went_into_them() {
    let Some(server) = Server::httpbin() else { return };
    let session = session(&server);
    let lines: String = (0..100_000).map(|number| format!("line {number}\n")).collect();
    for codings in CODINGS {
        let response = get(&session, &format!("/packed/{codings}"));
        assert!(text(&response) == lines, "{codings}");
        let on_the_wire = response.facts.body_size.expect("it is known");
        assert!(on_the_wire < lines.len() as u64 / 2, "{codings}: {on_the_wire}");
        let response = send(&session, Method::Post, &format!("/packed/{codings}"), RequestBody::bytes(content()));
        assert!(response.is_ok() && response.body == content(), "{codings}: 1 MiB there and back");
    }
}

#[test]
fn bodies_that_lack_their_end_are_told_from_whole_ones() {
    let Some(server) = Server::httpbin() else { return };
    let session = session(&server);
    for codings in CODINGS {
        for cut in [1, 100] {
            let response = get(&session, &format!("/packed/{codings}?cut={cut}"));
            assert_eq!(response.result, ResultCode::BodyDecompressFailed, "{codings} without {cut} bytes");
            assert!(response.body.is_empty() && !response.error.is_empty());
        }
        assert!(get(&session, &format!("/packed/{codings}")).is_ok(), "{codings}");
    }
}

#[test]
fn httpbins_own_packed_pages_can_be_read() {
    let Some(server) = Server::httpbin() else { return };
    let session = session(&server);
    for (page, says) in
        [("/gzip", "\"gzipped\": true"), ("/deflate", "\"deflated\": true"), ("/brotli", "\"brotli\": true")]
    {
        let response = get(&session, page);
        assert!(text(&response).contains(says), "{page}: {}", response.text());
    }
}
