//! How werkzeug, the form parser of Flask, reads our forms.

use std::fs;
use std::sync::Arc;

use http_fetch::RequestBody;
use http_fetch::multipart::{DiskFile, Form};
use http_protocol::Method;

use super::servers::Server;
use super::{content, send, session, text};

fn form() -> Form {
    Form::new(*b"0123456789abcdef")
}

#[test]
fn werkzeug_reads_the_names_and_values_of_a_form_as_they_were_given() {
    let Some(server) = Server::httpbin() else { return };
    let mut form = form();
    for (name, value) in [
        ("plain", "value"),
        ("empty", ""),
        ("", "without a name"),
        ("twice", "1"),
        ("twice", "2"),
        ("a \"quoted\" name", "a \"quoted\" value"),
        ("semi;colon=x", "--\r\n--"),
        ("näme €", "Grüße 🎮"),
        ("x", "\r\n------HTTPClientRust30313233\r\nContent-Disposition: form-data; name=\"forged\"\r\n\r\ny"),
        ("lines", "a\nb\rc\r\nd"),
    ] {
        form.add_field(name, value);
    }
    let response = send(&session(&server), Method::Post, "/form", RequestBody::Form(Arc::new(form)));
    let expected = r#"["field", "plain", "value"]
["field", "empty", ""]
["field", "", "without a name"]
["field", "twice", "1"]
["field", "twice", "2"]
["field", "a \"quoted\" name", "a \"quoted\" value"]
["field", "semi;colon=x", "--\r\n--"]
["field", "n\u00e4me \u20ac", "Gr\u00fc\u00dfe \ud83c\udfae"]
["field", "x", "\r\n------HTTPClientRust30313233\r\nContent-Disposition: form-data; name=\"forged\"\r\n\r\ny"]
["field", "lines", "a\r\nb\r\nc\r\nd"]
"#;
    assert_eq!(text(&response), expected);
}

#[test]
fn werkzeug_finds_no_header_line_in_a_name_with_line_ends() {
    let Some(server) = Server::httpbin() else { return };
    let mut form = form();
    form.add_field("a\r\nContent-Type: text/html", "1");
    form.add_field("b\"\r\n\r\nforged", "2");
    form.add_bytes("c", b"3".to_vec(), "x\"; name=\"d\r\nX: y\r\n\r\n.png", "").unwrap();
    let response = send(&session(&server), Method::Post, "/form", RequestBody::Form(Arc::new(form)));
    let expected = r#"["field", "a%0D%0AContent-Type: text/html", "1"]
["field", "b\"%0D%0A%0D%0Aforged", "2"]
["file", "c", "x\"; name=\"d%0D%0AX: y%0D%0A%0D%0A.png", "image/png", "33"]
"#;
    assert_eq!(text(&response), expected);
}

#[test]
fn werkzeug_reads_files_with_their_names_types_and_bytes() {
    let Some(server) = Server::httpbin() else { return };
    let path = server.folder().join("content.bin");
    fs::write(&path, content()).expect("a temporary file");
    let mut form = form();
    form.add_bytes("picture", b"\x89PNG\r\n\x1a\n\0\xff".to_vec(), "höhle.png", "").unwrap();
    form.add_bytes("empty", Vec::new(), "empty.txt", "text/plain; charset=utf-8").unwrap();
    form.add_field("between", "fields");
    form.add_source("large", Arc::new(DiskFile(path)), "content.unknown", "").unwrap();
    let response = send(&session(&server), Method::Post, "/form", RequestBody::Form(Arc::new(form)));
    let hex: String = content().iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = r#"["field", "between", "fields"]
["file", "picture", "h\u00f6hle.png", "image/png", "89504e470d0a1a0a00ff"]
["file", "empty", "empty.txt", "text/plain; charset=utf-8", ""]
"#;
    let found = text(&response);
    let (small, large) = found.split_at(expected.len().min(found.len()));
    assert_eq!(small, expected);
    let large_file = format!("[\"file\", \"large\", \"content.unknown\", \"application/octet-stream\", \"{hex}\"]\n");
    assert!(large == large_file, "{}", &large[..100.min(large.len())]);
}

#[test]
fn a_form_of_no_parts_is_one_to_werkzeug() {
    let Some(server) = Server::httpbin() else { return };
    let response = send(&session(&server), Method::Post, "/form", RequestBody::Form(Arc::new(form())));
    assert_eq!(text(&response), "");
}
