//! Files of other programs, damaged files, and impossible files.

use super::*;

#[test]
fn files_of_browsers_are_played() {
    let har = br#"{"log":{"version":"1.2","creator":{"name":"WebInspector","version":"537.36"},"pages":[],"entries":[
        {"_initiator":{"type":"other"},"_priority":"High","cache":{},"connection":"443","pageref":"page_1",
        "request":{"method":"GET","url":"https://a.example/x?access_token=browser-s3cret","httpVersion":"http/2.0",
        "headers":[{"name":":method","value":"GET"},{"name":"cookie","value":"sid=1234567"}],"queryString":[],"cookies":[],
        "headersSize":-1,"bodySize":0},"response":{"status":200,"statusText":"","httpVersion":"http/2.0",
        "headers":[{"name":"content-encoding","value":"br"},{"name":"content-length","value":"3"},
        {"name":"set-cookie","value":"a=1; Path=/\nb=2"},{"name":":status","value":"200"},{"name":"x-bad","value":"a\r\nb"}],
        "cookies":[],"content":{"size":5,"mimeType":"text/plain","text":"aGVsbG8=","encoding":"base64"},"redirectURL":"",
        "headersSize":-1,"bodySize":-1,"_transferSize":100},"serverIPAddress":"1.2.3.4","startedDateTime":"2024",
        "time":1e400000,"timings":{"blocked":-1,"wait":1.5}},
        {"request":{"method":"POST","url":"https://a.example/form","postData":{"mimeType":
        "application/x-www-form-urlencoded","params":[{"name":"a","value":"b c"}]}},"response":{"status":0}}
        ]}}"#;
    let har = String::from_utf8_lossy(har).replace("1e400000", "1e40");
    let mut simulation = play(har.as_bytes());
    let task = simulation.get("https://a.example/x?access_token=mine");
    let response = simulation.run(&task);
    assert_eq!((response.code(), response.text().as_str()), (200, "hello"), "{}", response.error);
    assert_eq!(response.facts.header_values("set-cookie"), ["a=[redacted]; Path=/", "b=[redacted]"]);
    assert_eq!(response.facts.header_values("x-bad"), ["a", "b"]);
    let mut request = post("https://a.example/form", RequestBody::bytes("a=b+c"));
    request.headers = vec!["Content-Type: application/x-www-form-urlencoded".to_owned()];
    let task = simulation.start(Kind::Fetch, request);
    assert_eq!(simulation.run(&task).result, ResultCode::CantConnect);
}

#[test]
fn a_file_that_cannot_be_read_or_written_refuses_every_request_with_a_sentence() {
    let deep = har_of(&"[".repeat(100_000));
    let missing = r#"{"request":{"method":"GET","url":"http://a/"}}"#;
    for (har, words) in [
        (&b""[..], "is damaged: it is not valid JSON from line 1 on"),
        (b"{\"log\":\n{\"entries\":[", "from line 2 on"),
        (b"[]", "is not a HAR file"),
        (&deep, "is damaged"),
        (&har_of(missing), "its entry 1 has no response's status"),
        (&har_of("7"), "its entry 1 has no request's method"),
        (&har_of(&entry("GET", "http://a/", "", "").replace("200", "70000")), "status from 200 to 999"),
    ] {
        let mut simulation = Simulation::new(|_| panic!("a request was sent"));
        simulation.settings.replay = Replay::only("tape.har", har, false);
        let task = simulation.get("http://a/");
        let response = simulation.run(&task);
        assert_eq!(response.result, ResultCode::InvalidRequest);
        assert!(response.error.contains(words), "{}", response.error);
    }
    let mut simulation = Simulation::new(|_| panic!("a request was sent"));
    simulation.settings.replay = Replay::record(Path::new("/there/is/no/such/folder/x.har"));
    let task = simulation.get("http://a/");
    let response = simulation.run(&task);
    assert_eq!(response.result, ResultCode::InvalidRequest);
    assert!(response.error.contains("cannot be written"), "{}", response.error);
}

#[test]
fn a_file_that_answers_is_read_by_the_first_request_and_not_where_it_is_set() {
    let mut simulation = Simulation::new(|_| panic!("a request was sent"));
    simulation.settings.replay = Replay::only("tape.har", b"[]", false);
    assert_eq!(simulation.settings.replay.problem(), None);
    let task = simulation.get("http://a/");
    let response = simulation.run(&task);
    assert_eq!(simulation.settings.replay.problem(), Some(response.error.clone()));
    assert_eq!(response.result, ResultCode::InvalidRequest);
}

#[test]
fn a_body_that_the_file_does_not_have_is_a_miss() {
    let entry = entry("GET", "http://a/", "", "x").replace(r#"{"text":"x"}"#, r#"{"size":7}"#);
    let mut simulation = play(&har_of(&entry));
    let task = simulation.get("http://a/");
    let response = simulation.run(&task);
    assert_eq!(response.result, ResultCode::ReplayMiss);
    assert!(response.error.contains("only the headers"), "{}", response.error);
}

/// A piece of an entry: expected values and unexpected ones.
fn piece(expected: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(expected).prop_map(str::to_owned),
        1 => any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        1 => Just("-1e308".to_owned()),
        1 => Just("18446744073709551615".to_owned()),
        1 => Just("{\"name\":[]}".to_owned()),
        1 => Just("null".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_file_says_a_request_of_it_comes_to_an_end(
        status in piece(&["200", "204", "206", "302", "304", "404", "503", "999", "0", "101"]),
        text in piece(&["\"\"", "\"body\"", "\"////\""]),
        encoding in piece(&["\"base64\"", "null"]),
        name in piece(&[
            "\"Content-Length\"", "\"Transfer-Encoding\"", "\"Content-Encoding\"", "\"Location\"", "\"Set-Cookie\"", "\":status\"",
        ]),
        value in piece(&["\"3\"", "\"gzip\"", "\"chunked\"", "\"/x\"", "\"a=b\\nc=d\"", "\"http://[redacted]/\""]),
        end in piece(&["\"ended\"", "\"reset\"", "\"malformed\"", "\"timeout\"", "\"tls\"", "\"packed\"", "\"given up\"", "null"]),
        receive in piece(&["0", "5", "1e9"]),
        keeps_timing: bool,
    ) {
        let entry = format!(
            r#"{{"_number":1,"_end":{{"kind":{end},"limit":{receive}}},"request":{{"method":"GET","url":"http://a/x"}},
            "timings":{{"wait":{receive},"receive":{receive},"ssl":{receive}}},"response":{{"status":{status},
            "statusText":{text},"headers":[{{"name":{name},"value":{value}}},{{"name":{name},"value":{text}}}],
            "bodySize":{receive},"content":{{"size":{receive},"text":{text},"encoding":{encoding}}}}}}}"#
        );
        let mut simulation = Simulation::new(|_| panic!("a request was sent"));
        lock(&simulation.network).panics = true;
        simulation.settings.replay = Replay::only("tape.har", &har_of(&entry), keeps_timing);
        simulation.settings.timeout = Some(Duration::from_secs(1_000_000));
        let task = simulation.get("http://a/x");
        let response = simulation.run(&task);
        prop_assert!(!response.error.contains("a fault of this library"), "{entry}");
    }
}
