//! The bytes of a form, and the handling of files that change.
#![allow(missing_docs)]

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http_fetch::multipart::{Body, DiskFile, Form, FormError, Source};

const BOUNDARY: &str = "----HTTPClientRust000102030405060708090a0b0c0d0e0f";

fn form() -> Form {
    Form::new(std::array::from_fn(|at| at as u8))
}

fn read_by(body: &Body, size: usize) -> Result<Vec<u8>, FormError> {
    let mut reader = body.reader();
    let (mut all, mut room) = (Vec::new(), vec![0; size]);
    loop {
        match reader.read(&mut room)? {
            0 => return Ok(all),
            count => all.extend_from_slice(&room[..count]),
        }
    }
}

fn text(form: &Form) -> String {
    let body = form.body().expect("its files are there");
    let all = read_by(&body, 1 << 16).expect("its files stay");
    assert_eq!(all.len() as u64, body.content_length());
    for size in [1, 2, 7, 64] {
        assert_eq!(read_by(&body, size).unwrap(), all, "{size} bytes at a time");
    }
    String::from_utf8(all).unwrap()
}

/// A file with `len` bytes at first, and `left` bytes when it is read.
struct Shrinking {
    len: u64,
    left: AtomicU64,
}

impl Source for Shrinking {
    fn measure(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(io::repeat(b'x').take(self.left.load(Ordering::Relaxed))))
    }
}

#[test]
fn fields_bytes_and_files_stand_as_the_whatwg_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("save.png");
    std::fs::write(&path, "PNG").unwrap();
    let mut form = form();
    form.add_field("player", "Ada");
    form.add_bytes("log", b"a\nb".to_vec(), "log.bin", "application/octet-stream").unwrap();
    form.add_source("picture", Arc::new(DiskFile(path)), "save.png", "").unwrap();
    assert_eq!(form.content_type(), format!("multipart/form-data; boundary={BOUNDARY}"));
    let expected = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"player\"\r\n\r\nAda\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"log\"; filename=\"log.bin\"\r\nContent-Type: application/octet-stream\r\n\r\na\nb\r\n\
         --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"save.png\"\r\nContent-Type: image/png\r\n\r\nPNG\r\n\
         --{BOUNDARY}--\r\n"
    );
    assert_eq!(text(&form), expected);
    assert_eq!(text(&Form::new([255; 16])), format!("------HTTPClientRust{}--\r\n", "ff".repeat(16)));
}

#[test]
fn nothing_in_a_name_ends_it_or_its_line() {
    let mut form = form();
    form.add_field("a\"b\r\nX-Evil: 1\n\rü\\%22", "v");
    form.add_bytes("f", Vec::new(), "x\"; y=\"\r\n.txt", "").unwrap();
    let text = text(&form);
    assert!(text.contains("name=\"a%22b%0D%0AX-Evil: 1%0D%0A%0D%0Aü\\%22\"\r\n"), "{text}");
    assert!(text.contains("filename=\"x%22; y=%22%0D%0A.txt\"\r\n"), "{text}");
    assert!(!text.contains("filename*"));
}

#[test]
fn line_ends_in_values_become_crlf_and_bytes_stay() {
    let mut form = form();
    form.add_field("a", "1\n2\r3\r\n4\n\r");
    form.add_bytes("b", b"1\n2\r3".to_vec(), "b", "").unwrap();
    let text = text(&form);
    assert!(text.contains("\r\n\r\n1\r\n2\r\n3\r\n4\r\n\r\n\r\n--"), "{text:?}");
    assert!(text.contains("\r\n\r\n1\n2\r3\r\n--"), "{text:?}");
}

#[test]
fn a_content_type_is_guessed_by_the_name_and_cannot_bring_a_header() {
    let mut form = form();
    for (name, given, expected) in [
        ("a.JSON", "", "application/json"),
        ("a.wav", "", "audio/wav"),
        ("noextension", "", "application/octet-stream"),
        ("", "", "application/octet-stream"),
        ("a.json", "text/plain; charset=utf-8", "text/plain; charset=utf-8"),
    ] {
        form.add_bytes("x", Vec::new(), name, given).unwrap();
        assert!(text(&form).contains(&format!("filename=\"{name}\"\r\nContent-Type: {expected}\r\n")), "{name}");
    }
    for bad in ["text", "text/plain\r\nX: y", "text/plain\n", "text/\0"] {
        assert!(matches!(form.add_bytes("x", Vec::new(), "a", bad), Err(FormError::ContentType)), "{bad:?}");
    }
}

#[test]
fn a_file_that_shrinks_is_an_error_that_names_its_field() {
    let mut form = form();
    form.add_source("save", Arc::new(Shrinking { len: 100, left: 40.into() }), "save.dat", "").unwrap();
    let body = form.body().unwrap();
    match read_by(&body, 16) {
        Err(FormError::Shrank { field, expected: 100, found: 40 }) => assert_eq!(field, "save"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_a_file_that_grows_the_announced_start_is_sent_and_a_reader_starts_anew() {
    let source = Arc::new(Shrinking { len: 10, left: 5000.into() });
    let mut form = form();
    form.add_source("save", source.clone(), "save.dat", "").unwrap();
    let body = form.body().unwrap();
    let whole = read_by(&body, 4096).unwrap();
    assert_eq!(whole.len() as u64, body.content_length());
    assert!(whole.ends_with(format!("\r\n\r\nxxxxxxxxxx\r\n--{BOUNDARY}--\r\n").as_bytes()));
    source.left.store(9, Ordering::Relaxed);
    assert!(matches!(read_by(&body, 4096), Err(FormError::Shrank { .. })), "it was opened again");
}

#[test]
fn a_file_that_is_missing_is_known_before_anything_is_sent_and_one_that_vanishes_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("save.dat");
    let mut form = form();
    form.add_source("save", Arc::new(DiskFile(path.clone())), "save.dat", "").unwrap();
    let sentence = form.body().err().unwrap().to_string();
    assert!(sentence.contains("\"save\"") && sentence.contains("save.dat\": "), "{sentence}");
    assert!(!sentence.contains("os error"), "{sentence}");
    std::fs::write(&path, "data").unwrap();
    let body = form.body().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(read_by(&body, 4096), Err(FormError::Unreadable { .. })));
    let mut form = self::form();
    form.add_source("folder", Arc::new(DiskFile(folder.path().to_owned())), "x", "").unwrap();
    assert!(matches!(form.body(), Err(FormError::Unreadable { .. })), "a folder is no file");
}

#[test]
fn a_length_that_cannot_be_counted_is_an_error() {
    let mut form = form();
    for name in ["a", "b"] {
        form.add_source(name, Arc::new(Shrinking { len: u64::MAX / 2 + 1, left: 0.into() }), "x", "").unwrap();
    }
    assert!(matches!(form.body(), Err(FormError::TooLong)));
}
