//! The cache over real sockets and on a real worker, against the embedded server.
#![allow(missing_docs)]

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_fetch::cache::{Cache, LIMIT};
use http_fetch::{Request, RequestBody, Response, ResultCode, Session, Settings, Worker};
use http_net::{Context, TlsOptions, Trust};
use http_protocol::Method;
use test_server::TestServer;

/// A hang is a failure, but a slow machine is not.
const PATIENCE: Duration = Duration::from_secs(60);

fn server() -> &'static TestServer {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    SERVER.get_or_init(|| TestServer::start().expect("the server starts"))
}

/// A session on its own worker.
fn session(folder: &Path, limit: u64) -> Session {
    let cache = Some(Cache::with_limit(folder, limit).unwrap());
    let tls = TlsOptions { trust: Trust::Pem(server().ca_pem().as_bytes().into()), ..TlsOptions::default() };
    let base_url = format!("http://{}/", server().http());
    let settings = Settings { base_url, cache, tls, timeout: Some(PATIENCE), ..Settings::default() };
    Session::on(Worker::new(Context::shared().clone()), settings)
}

fn get(session: &Session, url: &str) -> Arc<Response> {
    let response = session.fetch(Request::get(url)).wait();
    assert_eq!(response.result, ResultCode::Success, "{url}: {response:?}");
    response
}

#[test]
fn what_the_server_lets_be_kept_answers_again_over_tls_and_by_other_servers_too() {
    for origin in [
        format!("http://{}", server().http()),
        format!("https://localhost:{}", server().https().port()),
        format!("http://{}", server().hyper()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (session(folder.path(), LIMIT), session(folder.path(), LIMIT));
        let fresh = format!("{origin}/cacheable?control=max-age%3D600");
        let new = get(&first, &fresh);
        let kept = get(&second, &fresh);
        assert_eq!((new.facts.is_from_cache, kept.facts.is_from_cache), (false, true), "{origin}");
        assert_eq!(kept.text(), new.text());
        assert!(kept.facts.tls.is_none() && kept.facts.timings.connect.is_none(), "no connection was made");

        let stale = format!("{origin}/cacheable?control=no-cache&tag=v1");
        let new = get(&first, &stale);
        let confirmed = get(&first, &stale);
        assert_eq!((confirmed.code(), confirmed.facts.is_from_cache), (200, true), "{origin}");
        assert_eq!(confirmed.text(), new.text());
        assert!(confirmed.facts.timings.first_byte.is_some(), "the server was asked");

        let post = Request::with_body(Method::Post, &fresh, RequestBody::bytes("x"));
        assert!(first.fetch(post).wait().is_ok());
        assert!(!get(&second, &fresh).facts.is_from_cache);
    }
}

#[test]
fn two_that_know_nothing_of_each_other_do_each_other_no_harm_in_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    // With another limit, it is a separate cache, like that of another process.
    let threads: Vec<_> = [LIMIT, LIMIT - 1, 20_000]
        .into_iter()
        .map(|limit| {
            let session = session(folder.path(), limit);
            std::thread::spawn(move || {
                for round in 0..4 {
                    let tasks: Vec<_> = (0..40)
                        .map(|at| {
                            session.fetch(Request::get(format!("cacheable?control=max-age%3D600&at={}", at % 10)))
                        })
                        .collect();
                    for task in tasks {
                        let response = task.wait();
                        assert!(response.is_ok() && response.text().starts_with("answer "), "{round} {response:?}");
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let names = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().all(|name| !name.starts_with('.')), "nothing unfinished is left");
    assert!(get(&session(folder.path(), LIMIT - 2), "cacheable?control=max-age%3D600&at=3").is_ok());
}

#[test]
fn bodies_that_are_too_long_to_be_kept_come_whole_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(folder.path(), LIMIT);
    session.set(|settings| settings.accept_compression = false);
    for url in ["bytes/20000000", "chunked/20000000"] {
        for _ in 0..2 {
            let response = get(&session, url);
            assert_eq!((response.body.len(), response.facts.is_from_cache), (20_000_000, false));
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).into_iter().flatten().count(), 0);
}
