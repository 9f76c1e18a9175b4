//! Downloads: the files on the disk after each way to end.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::download;
use crate::response::ResultCode;
use crate::settings::Download;

const FILE: &[u8] = b"0123456789";

/// A folder, and a path in it for the download.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    (folder, path)
}

fn download(simulation: &Simulation, path: &Path) -> Task {
    simulation.start(Kind::Download(Download::to(path)), Request::get("http://a/file"))
}

/// A server with ranges. It sends only the start at first, and then the requested range.
fn with_ranges(etag: &'static str, breaks_at: usize) -> impl FnMut(&str) -> Reply {
    move |request| {
        let etag = format!("ETag: {etag}");
        let from =
            value(request, "Range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        match from {
            None => {
                let whole = response(200, &[&etag], FILE);
                Reply::End(whole[..whole.len() - (FILE.len() - breaks_at)].to_vec())
            }
            Some(from) if from >= FILE.len() => Reply::Send(response(416, &["Content-Range: bytes */10", &etag], "no")),
            Some(from) => {
                let range = format!("Content-Range: bytes {from}-9/10");
                Reply::Send(response(206, &[&range, &etag], &FILE[from..]))
            }
        }
    }
}

fn names(folder: &tempfile::TempDir) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_was_and_nothing_is_left_beside_the_file() {
    let (folder, path) = place();
    let mut simulation = Simulation::new(with_ranges("\"v1\"", 4));
    let task = download(&simulation, &path);
    simulation.settle();
    assert_eq!(
        (task.is_completed(), names(&folder)),
        (false, vec!["file.part".to_owned(), "file.part.info".to_owned()])
    );
    assert!(simulation.run(&task).is_ok());
    assert_eq!((fs::read(&path).unwrap().as_slice(), names(&folder)), (FILE, vec!["file".to_owned()]));
    assert_eq!(value(&simulation.requests[1], "If-Range"), Some("\"v1\""));
    assert_eq!((task.downloaded_bytes(), task.body_size()), (10, 10));
}

#[test]
fn what_a_cancelled_download_left_is_gone_on_with_by_the_next_one_alone_for_the_same_url() {
    let (_folder, path) = place();
    let mut simulation = Simulation::new(|_| {
        let whole = response(200, &["ETag: \"v1\""], FILE);
        Reply::Send(whole[..whole.len() - 6].to_vec())
    });
    let task = download(&simulation, &path);
    simulation.settle();
    task.cancel();
    simulation.settle();
    assert_eq!(fs::read(download::part_path(&path)).unwrap(), &FILE[..4]);

    simulation.script = Box::new(with_ranges("\"v1\"", 10));
    let task = download(&simulation, &path);
    assert!(simulation.run(&task).is_ok());
    assert_eq!(value(simulation.requests.last().unwrap(), "Range"), Some("bytes=4-"));
    assert_eq!(fs::read(&path).unwrap(), FILE);
}

#[test]
fn a_server_with_another_version_or_without_ranges_has_the_file_begun_anew() {
    for is_other_version in [true, false] {
        let (_folder, path) = place();
        fs::write(download::part_path(&path), "junk").unwrap();
        let notes = "HTTPClientRust download 1\nurl http://a/file\netag \"v1\"\n";
        fs::write(download::notes_path(&path), notes).unwrap();
        let mut simulation = if is_other_version {
            Simulation::new(with_ranges("\"v2\"", 10))
        } else {
            Simulation::new(|_| Reply::Send(response(200, &[], FILE)))
        };
        let task = download(&simulation, &path);
        let response = simulation.run(&task);
        assert!(response.is_ok(), "{response:?}");
        assert_eq!(fs::read(&path).unwrap(), FILE);
    }
}

#[test]
fn a_part_that_is_whole_already_becomes_the_file() {
    let (folder, path) = place();
    fs::write(download::part_path(&path), FILE).unwrap();
    let notes = "HTTPClientRust download 1\nurl http://a/file\netag \"v1\"\n";
    fs::write(download::notes_path(&path), notes).unwrap();
    let mut simulation = Simulation::new(with_ranges("\"v1\"", 10));
    let task = download(&simulation, &path);
    assert_eq!(simulation.run(&task).result, ResultCode::Success);
    assert_eq!((fs::read(&path).unwrap().as_slice(), names(&folder)), (FILE, vec!["file".to_owned()]));
}

#[test]
fn an_error_page_never_becomes_the_file() {
    let (folder, path) = place();
    let mut simulation = Simulation::new(|_| Reply::Send(response(404, &[], "not here")));
    let task = download(&simulation, &path);
    let response = simulation.run(&task);
    assert_eq!((response.result, response.code(), response.text().as_str()), (ResultCode::Success, 404, "not here"));
    assert!(names(&folder).is_empty());
}

#[test]
fn a_range_that_was_not_asked_for_fails_and_keeps_what_is_there() {
    let (_folder, path) = place();
    fs::write(download::part_path(&path), "0123").unwrap();
    let notes = "HTTPClientRust download 1\nurl http://a/file\netag \"v1\"\n";
    fs::write(download::notes_path(&path), notes).unwrap();
    let mut simulation =
        Simulation::new(|_| Reply::Send(response(206, &["Content-Range: bytes 2-9/10", "ETag: \"v1\""], &FILE[2..])));
    let task = download(&simulation, &path);
    assert_eq!(simulation.run(&task).result, ResultCode::RequestFailed);
    assert_eq!(fs::read(download::part_path(&path)).unwrap(), b"0123");
}

#[test]
fn a_place_that_cannot_be_written_is_told_with_the_code_of_the_response() {
    let (folder, path) = place();
    let mut simulation = Simulation::new(|_| Reply::Send(response(200, &[], FILE)));
    let task = download(&simulation, &folder.path().join("no/such/file"));
    let response = simulation.run(&task);
    assert_eq!((response.result, response.code()), (ResultCode::DownloadFileCantOpen, 200));

    simulation.script = Box::new(|_| Reply::Silence);
    let first = download(&simulation, &path);
    simulation.settle();
    let second = download(&simulation, &path);
    simulation.settle();
    assert_eq!(second.response().unwrap().result, ResultCode::DownloadFileCantOpen);
    first.cancel();
    simulation.settle();
    simulation.script = Box::new(|_| Reply::Send(super::response(200, &[], FILE)));
    let third = download(&simulation, &path);
    assert!(simulation.run(&third).is_ok(), "the path is free again");
}

#[test]
fn a_download_is_gone_on_with_though_its_url_redirects_to_another_place_each_time() {
    let (_folder, path) = place();
    let mut number = 0;
    let mut serve = with_ranges("\"v1\"", 4);
    let mut simulation = Simulation::new(move |request| {
        if target(request) == "/file" {
            number += 1;
            return Reply::Send(response(302, &[&format!("Location: http://b/signed?{number}")], ""));
        }
        serve(request)
    });
    simulation.settings.max_retries = 0;
    let task = download(&simulation, &path);
    assert_eq!(simulation.run(&task).result, ResultCode::ConnectionError);
    let task = download(&simulation, &path);
    assert!(simulation.run(&task).is_ok());
    assert_eq!(value(simulation.requests.last().unwrap(), "Range"), Some("bytes=4-"));
    assert_eq!(fs::read(&path).unwrap(), FILE);
}
