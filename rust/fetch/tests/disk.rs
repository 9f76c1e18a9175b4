//! Downloads to full disks and to impossible places: the errors, and that no data is lost.
#![cfg(unix)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http_fetch::{Download, Notice, Request, Response, ResultCode, Session, Settings, Worker};
use http_net::Context;
use test_server::TestServer;

/// A hang is a failure, but a slow machine is not.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than fits on the small disks, in bytes.
const LENGTH: usize = 3_000_000;
/// The environment variables that tell a child process its folder and the URL.
const FOLDER: &str = "HTTP_FETCH_TEST_FOLDER";
const URL: &str = "HTTP_FETCH_TEST_URL";
/// The messages of the system for a full disk, and for a file that is too long.
const FULL: &str = "No space left on device";
const TOO_LARGE: &str = "File too large";

fn server() -> &'static TestServer {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    SERVER.get_or_init(|| TestServer::start().expect("the server starts"))
}

fn file_url() -> String {
    format!("http://{}/file/{LENGTH}", server().http())
}

fn session() -> Session {
    let settings = Settings { timeout: Some(PATIENCE), ..Settings::default() };
    Session::on(Worker::new(Context::shared().clone()), settings)
}

fn download(url: &str, path: &Path) -> Arc<Response> {
    session().download(Request::get(url), Download::to(path)).wait()
}

fn content() -> Vec<u8> {
    let response = session().fetch(Request::get(file_url())).wait();
    assert_eq!(response.body.len(), LENGTH);
    response.body.clone()
}

fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs [`in_a_child_a_download_does_not_find_room`] in its own process. This shell script starts it, and gets the command as its
/// arguments.
fn run_in_child(script: &str, folder: &Path) -> Output {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg("sh").arg(program);
    command.args(["--exact", "in_a_child_a_download_does_not_find_room", "--ignored", "--nocapture"]);
    command.env(FOLDER, folder).env(URL, file_url()).stdin(Stdio::null());
    command.output().expect("there is a shell")
}

fn assert_passed(output: &Output) {
    let shown = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat();
    assert!(output.status.success() && shown.contains("1 passed"), "{shown}");
}

/// The common test for both kinds of small disk.
#[test]
#[ignore = "another test runs it where there is no room"]
fn in_a_child_a_download_does_not_find_room() {
    let folder = PathBuf::from(std::env::var(FOLDER).expect("the test that starts it says where"));
    let url = std::env::var(URL).expect("and what");
    let path = folder.join("save.bin");
    let response = download(&url, &path);
    assert_eq!((response.result, response.code()), (ResultCode::DownloadFileWriteError, 200), "{response:?}");
    let start = format!("the file {:?} cannot be written: ", folder.join("save.bin.part").display().to_string());
    let why = response.error.strip_prefix(&start).unwrap_or_else(|| panic!("{}", response.error));
    assert!([FULL, TOO_LARGE].contains(&why), "{why}");
    assert_eq!(response.facts.attempts, 1, "another attempt finds no room either");
    // The data that fits is kept, and no file has the final name.
    assert_eq!(names_in(&folder), ["save.bin.part", "save.bin.part.info"]);
    let kept = fs::metadata(folder.join("save.bin.part")).unwrap().len();
    assert!(kept > 0 && kept < LENGTH as u64, "{kept}");
    println!("kept {kept}");
}

#[test]
fn a_file_that_may_not_grow_leaves_its_part_which_goes_on_where_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    // A limit on the length of files also applies to root. Its signal must be ignored, because it would end the process before the error is
    // reported.
    assert_passed(&run_in_child("trap '' XFSZ; ulimit -f 512; exec \"$@\"", folder.path()));

    let path = folder.path().join("save.bin");
    let kept = fs::metadata(folder.path().join("save.bin.part")).unwrap().len();
    let session = session();
    let task = session.download(Request::get(file_url()), Download::to(&path));
    let response = task.wait();
    assert_eq!((response.result, response.code()), (ResultCode::Success, 206), "only the rest was asked for");
    assert_eq!(response.facts.body_size, Some(LENGTH as u64 - kept));
    assert!(fs::read(&path).unwrap() == content());
    assert_eq!(names_in(folder.path()), ["save.bin"]);
}

#[test]
fn a_full_disk_is_told_and_what_fits_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    // A separate disk needs its own namespace, which not every system allows.
    let mount = format!("mount -t tmpfs -o size=512k tmpfs '{}'", folder.path().display());
    let probe = Command::new("unshare").args(["--user", "--map-root-user", "--mount", "sh", "-c", &mount]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        // Not captured by libtest.
        writeln!(std::io::stderr(), "left out: a full disk, since this system mounts none for a user").unwrap();
        return;
    }
    let script =
        format!("exec unshare --user --map-root-user --mount sh -c \"{mount} && exec \\\"\\$@\\\"\" sh \"$@\"");
    let output = run_in_child(&script, folder.path());
    assert_passed(&output);
}

#[test]
fn a_file_that_cannot_get_its_name_keeps_all_of_its_part_and_gets_it_later_without_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("save.bin");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("somebody's"), "own").unwrap();
    let response = download(&file_url(), &path);
    assert_eq!((response.result, response.code()), (ResultCode::DownloadFileWriteError, 200));
    let start = format!("the file {:?} cannot be created: ", path.display().to_string());
    assert!(response.error.starts_with(&start), "{}", response.error);
    assert_eq!(fs::read_to_string(path.join("somebody's")).unwrap(), "own");
    assert!(fs::read(folder.path().join("save.bin.part")).unwrap() == content());

    fs::remove_dir_all(&path).unwrap();
    let response = download(&file_url(), &path);
    assert_eq!(
        (response.result, response.code()),
        (ResultCode::Success, 416),
        "no byte more is asked for: {response:?}"
    );
    assert!(fs::read(&path).unwrap() == content());
    assert_eq!(names_in(folder.path()), ["save.bin"]);
}

#[test]
fn places_where_no_file_can_be_are_told_with_the_code_of_the_response() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "no folder").unwrap();
    fs::create_dir_all(folder.path().join("taken.part/full")).unwrap();
    for path in ["file/save.bin", "none/save.bin", "taken"] {
        let path = folder.path().join(path);
        let response = download(&file_url(), &path);
        assert_eq!((response.result, response.code()), (ResultCode::DownloadFileCantOpen, 200), "{response:?}");
        let part = format!("{}.part", path.display());
        assert!(response.error.starts_with(&format!("the file {part:?} cannot be opened: ")), "{}", response.error);
        assert!(!response.error.contains("os error"), "{}", response.error);
    }
    assert_eq!(names_in(folder.path()), ["file", "taken.part"], "nothing else is made or removed");
}

#[test]
fn a_part_of_somebody_else_is_replaced_and_no_link_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let [path, part, elsewhere] = ["save.bin", "save.bin.part", "elsewhere"].map(|name| folder.path().join(name));
    fs::write(&elsewhere, "precious").unwrap();
    let foreign: [&dyn Fn(); 3] =
        [&|| fs::write(&part, "of another program").unwrap(), &|| symlink(&elsewhere, &part).unwrap(), &|| {
            fs::write(&part, "x".repeat(1000)).unwrap();
            fs::write(folder.path().join("save.bin.part.info"), "no notes of ours").unwrap();
        }];
    for put in foreign {
        put();
        let response = download(&file_url(), &path);
        assert_eq!((response.result, response.code()), (ResultCode::Success, 200), "{response:?}");
        assert!(fs::read(&path).unwrap() == content());
        assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(names_in(folder.path()), ["elsewhere"]);
}

#[test]
fn a_part_that_vanishes_while_it_is_written_is_told_and_nothing_takes_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("save.bin");
    let session = session();
    let url = format!("http://{}/chunked/1000000?size=10000&delay_ms=2", server().http());
    let task = session.download(Request::get(url), Download::to(&path));
    while !task.next_notices(Some(PATIENCE)).iter().any(|notice| matches!(notice, Notice::ResponseStarted(_))) {}
    // The part is opened before the notice about the response.
    fs::remove_file(folder.path().join("save.bin.part")).unwrap();
    let response = task.wait();
    assert_eq!((response.result, response.code()), (ResultCode::DownloadFileWriteError, 200), "{response:?}");
    assert!(response.error.contains("cannot be created: "), "{}", response.error);
    assert!(!path.exists());
}
