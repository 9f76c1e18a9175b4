//! Recordings and the cache over real sockets: with several processes at once, over TLS, and with many exchanges at once.
#![allow(missing_docs)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_fetch::cache::Cache;
use http_fetch::{Replay, Request, Response, Session, Settings, Worker, har};
use http_net::{Context, TlsOptions, Trust};
use test_server::TestServer;

/// A hang is a failure, but a slow machine is not.
const PATIENCE: Duration = Duration::from_secs(300);
/// The environment variables for a child process.
const PLACE: &str = "HTTP_FETCH_TEST_PLACE";
const NAME: &str = "HTTP_FETCH_TEST_NAME";
const URL: &str = "HTTP_FETCH_TEST_URL";
/// The number of exchanges of each process.
const EACH: usize = 200;

fn server() -> &'static TestServer {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    SERVER.get_or_init(|| TestServer::start().expect("the server starts"))
}

/// A session on its own worker.
fn session(base_url: &str) -> Session {
    let settings = Settings { base_url: base_url.to_owned(), timeout: Some(PATIENCE), ..Settings::default() };
    Session::on(Worker::new(Context::shared().clone()), settings)
}

fn base_url() -> String {
    format!("http://{}/", server().http())
}

/// Replays the file like a machine without a server.
fn played(file: &Path) -> Session {
    let session = session("http://game.invalid/");
    session.set(|settings| settings.replay = Replay::only_file("tape.har", file, false));
    session
}

/// Requests all URLs at once.
fn get_all(session: &Session, urls: impl Iterator<Item = String>) -> Vec<Arc<Response>> {
    let tasks: Vec<_> = urls.map(|url| session.fetch(Request::get(url))).collect();
    tasks.iter().map(|task| task.wait()).collect()
}

/// Starts two processes that do the same. Both report their start, and then continue together.
fn two_children(test: &str, place: &Path) {
    let start = |name| {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", test, "--ignored", "--nocapture"]);
        command.env(PLACE, place).env(URL, base_url()).env(NAME, name);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts")
    };
    let mut children: Vec<(Child, _)> = ["server", "client"]
        .into_iter()
        .map(|name| {
            let mut child = start(name);
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            (child, lines)
        })
        .collect();
    for (_, lines) in &mut children {
        assert!(lines.any(|line| line.unwrap().ends_with("begun")), "it ended too early");
    }
    for (child, _) in &mut children {
        child.stdin.take().unwrap().write_all(b"go on\n").unwrap();
    }
    for (child, lines) in &mut children {
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        assert!(child.wait().unwrap().success(), "{rest:?}");
    }
}

/// Returns the arguments of a child process.
fn told() -> (PathBuf, String, String) {
    let told = |name| std::env::var(name).expect("the test that starts it says it");
    (told(PLACE).into(), told(NAME), told(URL))
}

fn say_begun_and_wait() {
    println!("begun");
    std::io::stdin().lines().next().unwrap().unwrap();
}

#[test]
#[ignore = "another test runs it twice at once"]
fn in_a_child_exchanges_are_recorded() {
    let (file, name, url) = told();
    let session = session(&url);
    session.set(|settings| settings.replay = Replay::record(&file));
    let first = get_all(&session, std::iter::once(format!("hello?{name}-first")));
    assert!(first[0].is_ok());
    say_begun_and_wait();
    let all = get_all(&session, (0..EACH).map(|number| format!("hello?{name}-{number}&token={name}-s3cret")));
    assert!(all.iter().all(|response| response.is_ok()));
}

#[test]
fn two_processes_that_record_into_one_file_lose_nothing_and_are_played_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tape.har");
    fs::write(&file, "what was there before").unwrap();
    two_children("in_a_child_exchanges_are_recorded", &file);
    let bytes = fs::read(&file).unwrap();
    assert_eq!(har::read(&bytes).unwrap().len(), 2 * (EACH + 1));
    assert!(!String::from_utf8_lossy(&bytes).contains("s3cret"));
    for name in ["server", "client"] {
        let session = played(&file);
        let urls = std::iter::once(format!("hello?{name}-first"));
        let urls = urls.chain((0..EACH).map(|number| format!("hello?{name}-{number}&token=another")));
        for response in get_all(&session, urls) {
            assert!(response.is_ok(), "{}", response.error);
        }
    }
    // The next recorder starts with an empty file.
    let session = session(&base_url());
    session.set(|settings| settings.replay = Replay::record(&file));
    assert!(get_all(&session, std::iter::once("hello".to_owned()))[0].is_ok());
    assert_eq!(har::read(&fs::read(&file).unwrap()).unwrap().len(), 1);
}

/// A limit that is so low that both processes must remove entries of each other.
const SMALL: u64 = 100_000;

#[test]
#[ignore = "another test runs it twice at once"]
fn in_a_child_a_cache_is_used() {
    let (folder, _, url) = told();
    let session = session(&url);
    session.set(|settings| settings.cache = Some(Cache::with_limit(&folder, SMALL).unwrap()));
    say_begun_and_wait();
    for round in 0..5 {
        // Responses that are fresh, that must be confirmed, and that do not all fit.
        for control in ["max-age%3D600", "no-cache", "max-age%3D600%2C%20stale-if-error%3D5"] {
            let url = |at: usize| format!("cacheable?control={control}&tag=v{}&at={}", at % 7, at % 80);
            for (at, response) in get_all(&session, (0..160).map(url)).iter().enumerate() {
                let is_whole = response.text().starts_with("answer ") && response.text().ends_with('\n');
                assert!(response.is_ok() && is_whole, "{round} {control} {at}: {response:?}");
            }
        }
    }
}

#[test]
fn two_processes_with_one_cache_folder_get_whole_answers_and_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    two_children("in_a_child_a_cache_is_used", folder.path());
    let (mut total, mut count) = (0, 0);
    for file in fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        assert!(!file.file_name().to_string_lossy().starts_with('.'), "nothing unfinished is left");
        (total, count) = (total + file.metadata().unwrap().len(), count + 1);
    }
    assert!(count > 0);
    // Each process knows its own files, and those that existed when it started.
    assert!(total <= 2 * SMALL, "{total} bytes in {count} files");
    let session = session(&base_url());
    session.set(|settings| settings.cache = Some(Cache::with_limit(folder.path(), SMALL).unwrap()));
    let urls = (0..80).map(|at| format!("cacheable?control=max-age%3D600&tag=v{}&at={at}", at % 7));
    assert!(get_all(&session, urls).iter().all(|response| response.is_ok()));
}

#[test]
fn what_tls_agreed_on_is_recorded_and_told_when_it_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tape.har");
    let url = format!("https://localhost:{}/", server().https().port());
    let recorded = session(&url);
    let tls = TlsOptions { trust: Trust::Pem(server().ca_pem().as_bytes().into()), ..TlsOptions::default() };
    recorded.set(|settings| (settings.replay, settings.tls) = (Replay::record(&file), tls));
    let urls = || (0..3).map(|number| format!("hello?{number}"));
    let recorded = get_all(&recorded, urls());
    let session = session("https://game.invalid/");
    session.set(|settings| settings.replay = Replay::only_file("tape.har", &file, false));
    for (recorded, played) in recorded.iter().zip(get_all(&session, urls())) {
        assert!(played.is_ok(), "{}", played.error);
        let tls = played.facts.tls.as_ref().expect("it is told");
        assert!(tls.version == "TLSv1.3" && !tls.peer_certificates.is_empty());
        assert_eq!(Some(tls), recorded.facts.tls.as_ref());
    }
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(
        text.matches("BEGIN CERTIFICATE").count(),
        recorded[0].facts.tls.as_ref().unwrap().peer_certificates.len()
    );
    for member in
        ["\"protocol\":\"TLS 1.3\"", "\"subjectName\":", "\"issuer\":", "\"validFrom\":", "\"validTo\":", "\"cipher\":"]
    {
        assert_eq!(text.matches(member).count(), 3, "{member}");
    }
}

#[test]
fn a_file_that_is_not_there_or_no_file_refuses_every_request_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("missing.har"), folder.path().to_owned()] {
        let response = get_all(&played(&path), std::iter::once("hello".to_owned())).remove(0);
        assert!(response.error.contains("the replay file \"tape.har\" cannot be read"), "{}", response.error);
    }
}

fn many(count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tape.har");
    let session = session(&base_url());
    session.set(|settings| settings.replay = Replay::record(&file));
    let urls = || (0..count).map(|number| format!("bytes/{}?{number}&token=abcd{number}", number % 50));
    for (number, response) in get_all(&session, urls()).iter().enumerate() {
        assert!(response.is_ok() && response.body.len() == number % 50, "{response:?}");
    }
    let session = played(&file);
    for (number, response) in get_all(&session, urls()).iter().enumerate() {
        assert!(response.is_ok() && response.body.len() == number % 50, "{response:?}");
    }
}

#[test]
fn many_exchanges_at_once_are_recorded_and_played() {
    many(1000);
}

#[test]
#[ignore = "takes long in a debug build"]
fn ten_thousand_exchanges_at_once_are_recorded_and_played() {
    many(10_000);
}
