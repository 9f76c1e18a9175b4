//! Which data of the cache is on the disk, and which is not.

use std::fs;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::cache::{Cached, from_cache, from_network, saw};
use super::*;
use crate::address::Address;
use crate::cache::Cache;
use crate::response::ResultCode;

#[test]
fn a_packed_body_is_kept_packed_and_answers_only_who_can_unpack_it() {
    let text = "words ".repeat(10_000);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let len = packed.len() as u64;
    let mut cached = Cached::new(move |request| match value(request, "Accept-Encoding") {
        Some(_) => Reply::Send(response(200, &["Cache-Control: max-age=60", "Content-Encoding: gzip"], &packed)),
        None => Reply::Send(response(200, &["Cache-Control: max-age=60"], "plain")),
    });
    assert_eq!(saw(&cached.get("http://a/")), from_network(&text));
    assert_eq!(saw(&cached.get("http://a/")), from_cache(&text));
    let on_disk = fs::metadata(&cached.files()[0]).unwrap().len();
    assert!((len..len + 1000).contains(&on_disk), "{on_disk}");
    cached.simulation.settings.body_size_limit = Some(100);
    let task = cached.simulation.get("http://a/");
    assert_eq!(cached.simulation.run(&task).result, ResultCode::BodySizeLimitExceeded, "limits hold again");
    cached.simulation.settings.accept_compression = false;
    assert_eq!(saw(&cached.get("http://a/")), from_network("plain"));
}

#[test]
fn cookies_are_taken_once_and_stand_in_no_file() {
    let mut cached = Cached::counting(&[
        "Cache-Control: max-age=60",
        "Set-Cookie: sid=secret",
        "Connection: X-Hop",
        "X-Hop: secret",
    ]);
    let url = "http://a/private?token=secret";
    assert_eq!(cached.get_with(url, "Authorization: secret").facts.header("Set-Cookie").as_deref(), Some("sid=secret"));
    cached.simulation.cookies.with(|jar| jar.clear());
    let response = cached.get_with(url, "Authorization: secret");
    assert!(response.facts.is_from_cache && response.facts.header("Set-Cookie").is_none());
    assert!(
        cached
            .simulation
            .cookies
            .with(|jar| jar.header(&Address::resolve(None, url).unwrap(), cached.simulation.wall))
            .is_none()
    );
    for file in cached.files() {
        let bytes = [file.to_string_lossy().as_bytes(), &fs::read(&file).unwrap()].concat();
        for secret in ["secret", "private?", "http://"] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
        }
    }
}

#[test]
fn a_file_that_is_cut_off_changed_or_of_somebody_else_is_a_miss_and_goes_and_other_files_stay() {
    let damage: [fn(&Path); 5] = [
        |path| fs::write(path, &fs::read(path).unwrap()[..100]).unwrap(),
        |path| fs::write(path, "").unwrap(),
        |path| fs::write(path, "my novel").unwrap(),
        |path| {
            let mut bytes = fs::read(path).unwrap();
            let at = bytes.len() - 35;
            bytes[at] ^= 1;
            fs::write(path, bytes).unwrap();
        },
        |path| fs::write(path, vec![0; 17 << 20]).unwrap(),
    ];
    for damage in damage {
        let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
        cached.get("http://a/");
        cached.get("http://b/");
        let own = cached.folder.path().join("save.dat");
        fs::write(&own, "mine").unwrap();
        cached.files().iter().filter(|path| **path != own).for_each(|path| damage(path));
        cached.start_again();
        assert_eq!(saw(&cached.get_with("http://a/", "Cache-Control: only-if-cached")).0, 504);
        assert_eq!(cached.files().len(), 2, "the bad file is gone");
        assert_eq!(saw(&cached.get("http://b/")), from_network("body 3"));
        assert_eq!(saw(&cached.get("http://b/")), from_cache("body 3"));
        assert_eq!(fs::read(&own).unwrap(), b"mine");
    }
    // An entry under the name of another entry does not count as that entry.
    let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
    cached.get("http://a/");
    let first = cached.files().remove(0);
    cached.get("http://b/");
    let second = cached.files().into_iter().find(|path| *path != first).unwrap();
    fs::copy(&first, &second).unwrap();
    assert_eq!(saw(&cached.get("http://b/")), from_network("body 3"));
}

/// Changes the last byte of a stored body.
fn damage_body(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() - 33;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn of_the_answers_to_a_url_only_the_one_that_answers_is_read_whole() {
    let mut cached = Cached::new(|request| {
        let language = value(request, "Accept-Language").unwrap_or("none");
        Reply::Send(response(200, &["Cache-Control: max-age=60", "Vary: Accept-Language"], language))
    });
    cached.get_with("http://a/", "Accept-Language: de");
    let german = cached.files().remove(0);
    cached.get_with("http://a/", "Accept-Language: fr");
    let french = cached.files().into_iter().find(|path| *path != german).unwrap();
    damage_body(&french);
    assert_eq!(saw(&cached.get_with("http://a/", "Accept-Language: de")), from_cache("de"));
    assert!(french.exists(), "nobody has looked at its body");
    assert_eq!(saw(&cached.get_with("http://a/", "Accept-Language: fr")), from_network("fr"));
    assert_eq!(saw(&cached.get_with("http://a/", "Accept-Language: fr")), from_cache("fr"));
}

#[test]
fn what_is_to_be_confirmed_is_read_whole_only_once_it_was_and_asked_for_again_if_it_is_damaged() {
    let mut cached = Cached::new(|request| match value(request, "If-None-Match") {
        Some(_) => Reply::Send(b"HTTP/1.1 304 X\r\n\r\n".to_vec()),
        None => Reply::Send(response(200, &["ETag: \"v1\"", "Cache-Control: no-cache"], "whole")),
    });
    cached.get("http://a/");
    assert_eq!(saw(&cached.get("http://a/")), from_cache("whole"));
    damage_body(&cached.files()[0]);
    assert_eq!(saw(&cached.get("http://a/")), from_network("whole"));
    let conditions: Vec<_> = cached.simulation.requests.iter().map(|it| value(it, "If-None-Match")).collect();
    assert_eq!(conditions, [None, Some("\"v1\""), Some("\"v1\""), None]);
    assert_eq!(saw(&cached.get("http://a/")), from_cache("whole"));
}

#[test]
fn what_was_not_used_for_the_longest_time_goes_first_when_there_is_no_more_room() {
    let body = "x".repeat(1000);
    let script = move |_: &str| Reply::Send(response(200, &["Cache-Control: max-age=10000"], &body));
    let mut cached = Cached::with_limit(5 * 1400, script);
    for at in 0..5 {
        cached.get(&format!("http://a/{at}"));
        cached.pass(1);
    }
    assert!(cached.get("http://a/0").facts.is_from_cache);
    // A later run also knows which entry was used last.
    let folder = cached.folder.path().to_owned();
    cached.simulation.settings.cache = None;
    cached.simulation.settings.cache = Some(Cache::with_limit(&folder, 5 * 1400).unwrap());
    cached.pass(1);
    cached.get("http://a/5");
    let in_cache = |cached: &mut Cached, at: u32| {
        cached.get_with(&format!("http://a/{at}"), "Cache-Control: only-if-cached").code() == 200
    };
    let left: Vec<u32> = (0..6).filter(|at| in_cache(&mut cached, *at)).collect();
    assert!(left.contains(&0) && left.contains(&5) && !left.contains(&1), "{left:?}");
    let total: u64 = cached.files().iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(total <= 5 * 1400 && left.len() >= 4, "{total}");
}

#[test]
fn sessions_with_the_same_folder_share_it_and_a_folder_that_cannot_be_made_is_no_failure() {
    let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
    cached.get("http://a/");
    let again = Cache::at(&cached.folder.path().join(".").join("")).unwrap();
    let mut other = Simulation::new(|_| ok("other"));
    other.settings.cache = Some(again);
    let task = other.get("http://a/");
    assert_eq!(saw(&other.run(&task)), from_cache("body 1"));

    let file = cached.folder.path().join("file");
    fs::write(&file, "").unwrap();
    cached.simulation.settings.cache = Some(Cache::at(&file.join("cache")).unwrap());
    assert_eq!(saw(&cached.get("http://a/")), from_network("body 2"));
    assert_eq!(saw(&cached.get("http://a/")), from_network("body 3"));
}

#[test]
fn what_a_crash_left_unfinished_goes_after_an_hour_and_not_before() {
    let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
    let (old, new) = (cached.folder.path().join(".unfinished-1-0"), cached.folder.path().join(".unfinished-1-1"));
    for (path, age) in [(&old, 3601), (&new, 10)] {
        let file = fs::File::create(path).unwrap();
        file.set_modified(cached.simulation.wall - Duration::from_secs(age)).unwrap();
    }
    cached.get("http://a/");
    assert!(!old.exists() && new.exists());
}

#[test]
fn a_body_that_is_not_whole_or_cannot_be_told_to_be_is_not_kept_and_leaves_no_file() {
    let head = "HTTP/1.1 200 X\r\nCache-Control: max-age=60\r\n";
    for reply in [
        Reply::End(format!("{head}Content-Length: 9\r\n\r\nbody").into()),
        Reply::Reset(format!("{head}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n").into()),
        Reply::End(format!("{head}\r\nbody").into()),
        Reply::Send(format!("{head}Content-Length: {}\r\n\r\nbody", 1 << 30).into()),
        Reply::Silence,
    ] {
        let mut reply = Some(reply);
        let mut cached = Cached::new(move |_| reply.take().unwrap());
        cached.simulation.settings.max_retries = 0;
        let task = cached.simulation.get("http://a/");
        cached.simulation.settle();
        task.cancel();
        cached.simulation.settle();
        assert!(task.response().is_some() && cached.files().is_empty(), "{:?}", task.response());
    }
    let mut cached = Cached::new(move |_| {
        Reply::Send(format!("{head}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n").into())
    });
    assert_eq!(saw(&cached.get("http://a/")), from_network("body"));
    let response = cached.get("http://a/");
    assert_eq!(saw(&response), from_cache("body"));
    assert_eq!((response.facts.header("Transfer-Encoding"), response.facts.body_size), (None, Some(4)));
}

#[test]
fn what_may_not_be_kept_is_not_on_the_disk() {
    let packed_twice: &[&str] = &["Cache-Control: max-age=60", "Content-Encoding: gzip"];
    let cases: [(u16, &[&str]); 8] = [
        (200, &["Cache-Control: no-store, max-age=60"]),
        (200, &["Cache-Control: max-age=60", "Vary: *"]),
        (200, &[]),
        (206, &["Cache-Control: max-age=60", "Content-Range: bytes 0-3/10"]),
        (302, &["Location: /y"]),
        (400, &["Cache-Control: max-age=60"]),
        (500, &["Cache-Control: max-age=60", "ETag: \"x\""]),
        (200, packed_twice),
    ];
    for (status, headers) in cases {
        let mut cached =
            Cached::new(
                move |request| {
                    if target(request) == "/y" { ok("") } else { Reply::Send(response(status, headers, "body")) }
                },
            );
        cached.simulation.settings.max_retries = 0;
        let request = Request::get("http://a/");
        let task = cached.simulation.start(Kind::Fetch, request);
        cached.simulation.run(&task);
        assert!(cached.files().is_empty(), "{status} {headers:?}");
    }
    for line in ["Cache-Control: no-store", "Range: bytes=0-3", "If-None-Match: \"x\"", "if-modified-since: x"] {
        let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
        cached.get_with("http://a/", line);
        assert!(cached.files().is_empty(), "{line}");
        cached.get("http://a/");
        assert_eq!(saw(&cached.get_with("http://a/", line)), from_network("body 3"), "{line}");
        assert_eq!(saw(&cached.get("http://a/")), from_cache("body 2"), "{line}");
    }
}

#[test]
fn an_entry_has_its_name_only_when_it_is_whole() {
    let head = "HTTP/1.1 200 X\r\nCache-Control: max-age=60\r\nContent-Length: 8\r\n\r\n";
    let mut cached = Cached::new(move |_| Reply::Send(format!("{head}half").into()));
    let task = cached.simulation.get("http://a/");
    cached.simulation.settle();
    let names = |cached: &Cached| -> Vec<String> {
        cached.files().iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    };
    let unfinished = names(&cached);
    assert!(unfinished.len() == 1 && unfinished[0].starts_with(".unfinished-"), "{unfinished:?}");
    // The file that a crash would leave now is not an entry.
    cached.start_again();
    assert_eq!(cached.get_with("http://a/", "Cache-Control: only-if-cached").code(), 504);
    cached.simulation.push(b"half");
    assert_eq!(saw(&cached.simulation.run(&task)), from_network("halfhalf"));
    assert!(!names(&cached)[0].starts_with('.') && cached.files().len() == 1);
    assert_eq!(saw(&cached.get("http://a/")), from_cache("halfhalf"));
}

#[cfg(unix)]
#[test]
fn what_has_the_name_of_a_new_file_already_is_neither_followed_nor_written_to() {
    let mut cached = Cached::counting(&["Cache-Control: max-age=60"]);
    let elsewhere = tempfile::tempdir().unwrap();
    let precious = elsewhere.path().join("save.dat");
    fs::write(&precious, "mine").unwrap();
    fs::create_dir_all(cached.folder.path()).unwrap();
    // Other tests of this process have taken an unknown number of names.
    for number in 0..2000 {
        let name = format!(".unfinished-{}-{number}", std::process::id());
        std::os::unix::fs::symlink(&precious, cached.folder.path().join(name)).unwrap();
    }
    cached.get("http://a/");
    assert_eq!(fs::read(&precious).unwrap(), b"mine");
    // After these names, others are free.
    for at in 0..40 {
        cached.get(&format!("http://a/{at}"));
    }
    assert!(cached.files().iter().any(|path| !path.is_symlink()));
}
