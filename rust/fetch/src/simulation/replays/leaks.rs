//! Secrets in unusual places, and unusual bytes that are not secret.

use super::*;

/// Returns the recording of one exchange.
fn recorded(request: Request, answer: Vec<u8>) -> String {
    let tape = Tape::new();
    let mut simulation = tape.record(move |_| Reply::Send(answer.clone()));
    let task = simulation.start(Kind::Fetch, request);
    simulation.run(&task);
    tape.text()
}

#[test]
fn secrets_that_stand_in_odd_places_are_in_no_place_of_the_file() {
    let json = |headers: &[&str], body: &[u8]| response(200, headers, body);
    let latin = b"{\"name\":\"Jos\xe9\",\"access_token\":\"latin-s3cret\"}";
    for (request, answer) in [
        (Request::get("http://a/"), json(&["Content-Type: application/json; charset=iso-8859-1"], latin)),
        (Request::get("http://a/"), json(&[], b"{\"password\":\n\t\"next-line-s3cret\"}")),
        (Request::get("http://a/"), json(&["Set-Cookie: nameless-s3cret; Path=/"], b"nameless-s3cret")),
        (Request::get("http://a/"), json(&["Location: /x?token=a;sid=inner-s3cret"], b"inner-s3cret")),
    ] {
        let text = recorded(request, answer);
        let entry = har::read(text.as_bytes()).unwrap().remove(0);
        let body = entry.response.unwrap().content.bytes.unwrap();
        let body = String::from_utf8_lossy(&body);
        assert!(body.contains("[redacted]") || text.contains("/x?token=[redacted]"), "{text}");
        assert!(!text.contains("s3cret") && !body.contains("s3cret"), "{text} {body}");
    }
}

#[test]
fn a_text_that_was_cut_off_within_a_character_tells_no_secret() {
    let tape = Tape::new();
    let mut cut = response(200, &["Content-Type: application/json"], "").to_vec();
    cut.truncate(cut.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4);
    let head = String::from_utf8(cut).unwrap().replace("Content-Length: 0", "Content-Length: 1000");
    let answer = [head.as_bytes(), "{\"token\":\"cut-s3cret\",\"name\":\"Zo\u{eb}".as_bytes()].concat();
    let answer = answer[..answer.len() - 1].to_vec();
    let mut simulation = tape.record(move |_| Reply::End(answer.clone()));
    let task = simulation.get("http://a/");
    assert!(!simulation.run(&task).is_ok());
    let text = tape.text();
    assert!(text.contains("\"base64\"") && !text.contains("s3cret"), "{text}");
    let body = har::read(text.as_bytes()).unwrap().remove(0).response.unwrap().content.bytes.unwrap();
    assert_eq!(body, b"{\"token\":\"[redacted]\",\"name\":\"Zo\xc3");
}

#[test]
fn what_is_no_utf8_comes_back_byte_by_byte() {
    let bytes: Vec<u8> = (0..=255).chain("\u{10ff41}\u{10ffff}".bytes()).chain([0xf4, 0x8f]).collect();
    for mime in ["Content-Type: text/plain", "Content-Type: application/octet-stream"] {
        let text = recorded(Request::get("http://a/"), response(200, &[mime], &bytes[..]).to_vec());
        let body = har::read(text.as_bytes()).unwrap().remove(0).response.unwrap().content.bytes.unwrap();
        assert_eq!(body, bytes, "{mime}");
    }
}

#[test]
fn the_base_url_tells_no_password_and_is_none_the_worse_for_it() {
    let tape = Tape::new();
    let mut simulation = tape.record(|_| ok("x"));
    simulation.settings.base_url = "https://me:pw1@a.example/v1/?key=k2s".to_owned();
    let task = simulation.get("x");
    assert!(simulation.run(&task).is_ok());
    let text = tape.text();
    assert!(!text.contains("pw1") && !text.contains("k2s"), "{text}");
    let mut simulation = tape.play();
    simulation.settings.base_url = "https://you:pw2@b.example/v2/".to_owned();
    let task = simulation.get("x");
    let response = simulation.run(&task);
    assert_eq!(response.text(), "x", "{}", response.error);
}
