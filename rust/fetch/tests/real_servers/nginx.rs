//! Files of nginx: resumed downloads, responses that are not files, and cached responses.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_fetch::cache::Cache;
use http_fetch::download::{Notes, Validator, notes_path, part_path};
use http_fetch::{Download, Notice, Request, RequestBody, Response, ResultCode, Session, Task};
use http_protocol::Method;

use super::servers::Server;
use super::{PATIENCE, content, get, send, session, text};

/// So slow that 1 MiB is not complete before the test is ready.
const SLOWLY: &str = "limit_rate_after 200k; limit_rate 4k;";

fn start(session: &Session, path: &Path) -> Task {
    session.download(Request::get("/content.bin"), Download::to(path))
}

fn download(session: &Session, path: &Path) -> Arc<Response> {
    start(session, path).wait()
}

/// Waits until enough bytes have arrived.
fn until_some(task: &Task) {
    while task.downloaded_bytes() < 100_000 {
        assert!(!task.next_notices(Some(PATIENCE)).is_empty(), "it goes on");
    }
}

fn is_whole(path: &Path) -> bool {
    fs::read(path).is_ok_and(|found| found == content()) && !part_path(path).exists() && !notes_path(path).exists()
}

/// Returns whether nginx received a request for the rest of the file, and sent only the rest.
fn is_the_rest(line: &str) -> bool {
    let from = line.strip_prefix("206 range=\"bytes=").and_then(|rest| rest.split_once('-'));
    let Some((Ok(from), rest)) = from.map(|(from, rest)| (from.parse::<usize>(), rest)) else { return false };
    from >= 100_000 && rest.contains("if-range=\\x22") && rest.ends_with(&format!("sent={}", content().len() - from))
}

#[test]
fn a_download_goes_on_by_itself_when_nginx_dies_in_the_middle_and_comes_back() {
    let Some(mut server) = Server::nginx(SLOWLY) else { return };
    let session = session(&server);
    // Enough retries for a slow start.
    session.set(|settings| settings.max_retries = 100);
    let path = server.folder().join("file");
    let task = start(&session, &path);
    until_some(&task);
    server.restart_nginx("");
    let response = task.wait();
    assert!(response.is_ok() && is_whole(&path), "{response:?}");
    assert!(response.facts.attempts > 1);
    server.until_logged(|lines| lines.last().is_some_and(|line| is_the_rest(line)));
}

/// Starts a download, and waits until a part has arrived.
fn begun(server: &Server) -> (Session, PathBuf, Task) {
    let session = session(server);
    let path = server.folder().join("file");
    let task = start(&session, &path);
    until_some(&task);
    (session, path, task)
}

#[test]
fn a_download_that_was_cancelled_goes_on_with_the_next_one() {
    let Some(mut server) = Server::nginx(SLOWLY) else { return };
    let (session, path, task) = begun(&server);
    task.cancel();
    assert_eq!(task.wait().result, ResultCode::Cancelled);
    assert!(part_path(&path).exists() && !path.exists());
    server.restart_nginx("");
    let task = start(&session, &path);
    let response = task.wait();
    assert!(response.is_ok() && is_whole(&path), "{response:?}");
    assert_eq!((response.code(), task.downloaded_bytes(), task.body_size()), (206, 1 << 20, 1 << 20));
    server.until_logged(|lines| lines.last().is_some_and(|line| is_the_rest(line)));
}

#[test]
fn a_part_of_a_file_that_nginx_has_no_longer_is_replaced_by_all_of_the_new_one() {
    let Some(mut server) = Server::nginx(SLOWLY) else { return };
    let (session, path, task) = begun(&server);
    task.cancel();
    task.wait();
    fs::write(server.folder().join("www/content.bin"), vec![7; 2 << 20]).unwrap();
    server.restart_nginx("");
    let response = download(&session, &path);
    assert!(response.is_ok() && fs::read(&path).unwrap() == vec![7; 2 << 20], "{response:?}");
    server.until_logged(|lines| lines.last().is_some_and(|line| line.starts_with("200 range=\"bytes=")));
}

#[test]
fn a_part_that_is_whole_already_becomes_the_file_by_the_416_of_nginx() {
    let Some(server) = Server::nginx("") else { return };
    let session = session(&server);
    let path = server.folder().join("file");
    let etag = get(&session, "/content.bin").facts.header("ETag").expect("nginx gives one");
    fs::write(part_path(&path), content()).unwrap();
    let notes = Notes { url: server.url("/content.bin"), validator: Validator::ETag(etag) };
    fs::write(notes_path(&path), notes.to_text()).unwrap();
    let response = download(&session, &path);
    assert_eq!(response.result, ResultCode::Success, "{response:?}");
    assert!(is_whole(&path));
    server.until_logged(|lines| lines.last().is_some_and(|line| line.starts_with("416 range=\"bytes=1048576-\"")));
}

#[test]
fn a_page_that_nginx_sends_in_place_of_a_file_is_a_body_and_no_file() {
    let settings = "error_page 503 /busy.html; location /busy { return 503; } location = /busy.html { internal; }";
    let Some(server) = Server::nginx(settings) else { return };
    fs::write(server.folder().join("www/busy.html"), "come back later").unwrap();
    let session = session(&server);
    session.set(|settings| settings.max_retries = 0);
    let path: PathBuf = server.folder().join("file");
    fs::write(&path, "what was there before").unwrap();
    for (page, code, says) in [("/none", 404, "404 Not Found"), ("/busy", 503, "come back later")] {
        let response = session.download(Request::get(page), Download::to(&path)).wait();
        assert_eq!((response.result, response.code()), (ResultCode::Success, code));
        assert!(response.text().contains(says) && !response.error.is_empty(), "{response:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "what was there before");
        assert!(!part_path(&path).exists() && !notes_path(&path).exists());
    }
    // A file can be larger than the limit for memory.
    let to = Download { limit: Some(1000), ..Download::to(&path) };
    let response = session.download(Request::get("/content.bin"), to).wait();
    assert_eq!(response.result, ResultCode::BodySizeLimitExceeded);
    assert_eq!(fs::read_to_string(&path).unwrap(), "what was there before");
}

#[test]
fn a_range_of_nginx_that_a_script_asks_for_is_what_it_gets() {
    let Some(server) = Server::nginx("") else { return };
    let session = session(&server);
    for (range, code, expected) in
        [("bytes=10-19", 206, &content()[10..20]), ("bytes=-5", 206, &content()[(1 << 20) - 5..])]
    {
        let mut request = Request::get("/content.bin");
        request.headers = vec![format!("Range: {range}")];
        let response = session.fetch(request.clone()).wait();
        assert_eq!((response.code(), response.body.as_slice()), (code, expected));
        let path = server.folder().join("piece");
        assert!(session.download(request, Download::to(&path)).wait().is_ok());
        assert_eq!(fs::read(&path).unwrap(), expected);
    }
    let mut request = Request::get("/content.bin");
    request.headers = vec!["Range: bytes=2000000-".to_owned()];
    assert_eq!(session.fetch(request).wait().code(), 416);
}

#[test]
fn what_nginx_packs_on_its_way_is_unpacked_and_a_download_asks_it_not_to() {
    let Some(server) = Server::nginx("gzip on; gzip_types *; gzip_min_length 10;") else { return };
    let lines: String = (0..100_000).map(|number| format!("line {number}\n")).collect();
    fs::write(server.folder().join("www/lines.txt"), &lines).unwrap();
    let session = session(&server);
    let response = get(&session, "/lines.txt");
    assert!(response.text() == lines);
    assert_eq!(response.facts.header("Content-Encoding").as_deref(), Some("gzip"));
    let task = session.stream(Request::get("/lines.txt"));
    let mut streamed = Vec::new();
    while task.response().is_none() {
        for notice in task.next_notices(Some(PATIENCE)) {
            if let Notice::Chunk(chunk) = notice {
                streamed.extend(chunk);
            }
        }
    }
    assert!(streamed == lines.as_bytes());
    let path = server.folder().join("file");
    let response = session.download(Request::get("/lines.txt"), Download::to(&path)).wait();
    assert!(response.facts.header("Content-Encoding").is_none());
    assert!(fs::read_to_string(&path).unwrap() == lines);
    session.set(|settings| settings.accept_compression = false);
    let response = get(&session, "/lines.txt");
    assert!(response.facts.header("Content-Encoding").is_none() && response.text() == lines);
}

#[test]
fn an_upload_that_nginx_refuses_in_the_middle_has_its_answer() {
    let Some(server) = Server::nginx("") else { return };
    let session = session(&server);
    let task = session.fetch(Request::with_body(Method::Post, "/content.bin", RequestBody::bytes(vec![1; 64 << 20])));
    let response = task.wait();
    assert_eq!((response.result, response.code()), (ResultCode::Success, 413), "{response:?}");
    assert!(response.text().contains("413 Request Entity Too Large"));
    assert!(task.uploaded_bytes() < 64 << 20);
    let response = send(&session, Method::Post, "/content.bin", RequestBody::bytes(vec![1; 1 << 20]));
    assert_eq!(response.code(), 405, "as much as it allows");
    assert!(get(&session, "/content.bin").body == content(), "the session goes on");
}

#[test]
fn a_hundred_requests_at_once_take_six_connections_of_nginx() {
    let Some(server) = Server::nginx("") else { return };
    fs::write(server.folder().join("www/small"), "small").unwrap();
    let session = session(&server);
    let tasks: Vec<_> = (0..100).map(|_| session.fetch(Request::get("/small"))).collect();
    assert!(tasks.iter().all(|task| text(&task.wait()) == "small"));
    let log = server.until_logged(|lines| lines.len() == 100);
    let connections: HashSet<_> =
        log.lines().filter_map(|line| line.split(' ').find(|part| part.contains("connection="))).collect();
    assert!((1..=6).contains(&connections.len()), "{connections:?}");
}

#[test]
fn connections_that_nginx_ends_after_a_few_requests_cost_no_request() {
    let Some(server) = Server::nginx("keepalive_requests 3;") else { return };
    let session = session(&server);
    session.set(|settings| settings.max_retries = 0);
    for _ in 0..10 {
        assert!(get(&session, "/content.bin").body == content());
        assert_eq!(send(&session, Method::Post, "/content.bin", RequestBody::bytes("x")).code(), 405);
    }
}

#[test]
fn a_kept_connection_that_died_with_nginx_costs_no_request() {
    let Some(mut server) = Server::nginx("") else { return };
    let session = session(&server);
    session.set(|settings| settings.max_retries = 0);
    for method in [Method::Get, Method::Post, Method::Put] {
        assert!(get(&session, "/content.bin").is_ok(), "a connection is kept");
        server.restart_nginx("");
        let response = send(&session, method, "/content.bin", RequestBody::bytes("x"));
        assert_eq!(response.result, ResultCode::Success, "{method:?}: {response:?}");
    }
}

#[test]
fn a_file_of_nginx_that_was_kept_is_confirmed_by_its_tag_until_it_is_another() {
    for settings in ["add_header Cache-Control no-cache;", "gzip on; gzip_types *; add_header Cache-Control max-age=0;"]
    {
        let Some(server) = Server::nginx(settings) else { return };
        fs::write(server.folder().join("www/lines.txt"), "line\n".repeat(1000)).unwrap();
        let session = session(&server);
        let cache = Cache::at(&server.folder().join("cache")).unwrap();
        session.set(|settings| settings.cache = Some(cache));
        for is_from_cache in [false, true, true] {
            let response = get(&session, "/lines.txt");
            assert_eq!(text(&response), "line\n".repeat(1000), "{settings}");
            assert_eq!((response.code(), response.facts.is_from_cache), (200, is_from_cache), "{settings}");
        }
        server.until_logged(|lines| lines.iter().filter(|line| line.starts_with("304 ")).count() == 2);
        fs::write(server.folder().join("www/lines.txt"), "another file\n").unwrap();
        let response = get(&session, "/lines.txt");
        assert_eq!((text(&response).as_str(), response.facts.is_from_cache), ("another file\n", false));
    }
}

#[test]
fn what_expires_of_nginx_lets_be_fresh_costs_it_no_request() {
    let Some(mut server) = Server::nginx("expires 1h;") else { return };
    let session = session(&server);
    session.set(|settings| settings.max_retries = 0);
    let cache = Cache::at(&server.folder().join("cache")).unwrap();
    session.set(|settings| settings.cache = Some(cache));
    assert!(get(&session, "/content.bin").body == content());
    server.kill();
    let response = get(&session, "/content.bin");
    assert!(response.facts.is_from_cache && response.body == content());
    assert_eq!(get(&session, "/other").result, ResultCode::CantConnect);
}
