//! Tests the error of a failed exchange by type: kind, phase, whether the response had begun, and the error of the system. No test depends
//! on the text. Failures before there is a link are tested in `dial.rs`.
#![allow(missing_docs)]

mod support;

use std::io::ErrorKind as Io;
use std::time::Duration;

use http_net::{Body, Error, ErrorKind, Method, Over, PeerError, Phase};
use support::{Fed, Scene, Slow, source};

const LIMIT: Duration = Duration::from_secs(30);

/// Returns everything about a failure except its kind.
fn facts(error: &Error) -> (Phase, bool, Option<Io>) {
    (error.phase(), error.has_response_begun(), source(error))
}

fn upload(scene: &mut Scene, body: Body) {
    scene.begin(Method::Post, "/", &[], body).unwrap();
}

#[test]
fn a_mistake_of_the_callers_is_one_and_nothing_is_sent() {
    let mut scene = Scene::new();
    for (url, headers) in [("/\r\n", &[][..]), ("/", &["no colon"]), ("/", &["Content-Length: 9"])] {
        let error = scene.begin(Method::Post, url, headers, Body::Bytes(Box::new(*b"body"))).unwrap_err();
        assert!(error.is_misuse() && matches!(error.kind(), ErrorKind::Misuse(_)), "{error:?}");
        assert_eq!(facts(&error), (Phase::Idle, false, None));
        assert_eq!(scene.server.take(), b"");
    }
    scene.get("/");
    let error = scene.begin(Method::Get, "/", &[], Body::empty()).unwrap_err();
    assert!(error.is_misuse(), "one after the other: {error:?}");
}

#[test]
fn an_end_before_the_head_is_closed_before_response() {
    let heads: [(&str, bool); 3] = [("", false), ("H", true), ("HTTP/1.1 200 OK\r\nContent-Le", true)];
    for (came, begun) in heads {
        let mut scene = Scene::requested();
        scene.server.push(came.as_bytes());
        scene.server.finish();
        let error = scene.head().and_then(|_| scene.head()).unwrap_err();
        match error.kind() {
            ErrorKind::ClosedBeforeResponse(PeerError::NoResponse) if !begun => {}
            ErrorKind::ClosedBeforeResponse(PeerError::HeadCutShort { received }) => assert_eq!(*received, came.len()),
            kind => panic!("{kind:?}"),
        }
        assert_eq!(facts(&error), (Phase::Request, begun, None), "{came:?}");
    }
}

#[test]
fn a_reset_before_the_head_is_that_too_and_the_system_says_why() {
    for (came, begun) in [("", false), ("HTTP/1.1 200 OK\r\n", true)] {
        let mut scene = Scene::requested();
        scene.server.push(came.as_bytes());
        scene.server.reset();
        let error = scene.head().and_then(|_| scene.head()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ClosedBeforeResponse(_)), "{error:?}");
        assert_eq!(facts(&error), (Phase::Request, begun, Some(Io::ConnectionReset)), "{came:?}");
    }
}

#[test]
fn a_server_that_is_gone_before_the_request_is_written_is_that_too() {
    let mut scene = Scene::with_room(100);
    upload(&mut scene, Body::Bytes(Box::new([0; 5000])));
    scene.server.reset();
    let error = scene.head().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ClosedBeforeResponse(PeerError::NoResponse)), "{error:?}");
    assert_eq!((error.phase(), error.has_response_begun()), (Phase::Request, false));
    assert!(source(&error).is_some(), "{error:?}");
}

#[test]
fn an_answer_that_came_before_writing_failed_is_no_failure() {
    let mut scene = Scene::with_room(100);
    upload(&mut scene, Body::Bytes(Box::new([0; 5000])));
    scene.server.push(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
    scene.server.reset();
    assert_eq!(scene.head().unwrap().expect("an answer").head.status, 413);
    assert_eq!(scene.read().unwrap(), b"no");
}

#[test]
fn what_is_not_http_is_malformed_in_the_phase_that_it_comes_in() {
    let heads: [&str; 5] = [
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 2OO\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ];
    for head in heads {
        let mut scene = Scene::requested();
        scene.server.push(head.as_bytes());
        let error = scene.head().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Malformed(_)), "{head:?}: {error:?}");
        assert_eq!(facts(&error), (Phase::Request, true, None), "{head:?}");
    }
    for body in ["x\r\n", "1\r\nab\r\n", "0\r\nno colon\r\n\r\n"] {
        let mut scene = Scene::in_body("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        scene.server.push(body.as_bytes());
        let error = scene.read().and_then(|_| scene.read()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Malformed(_)), "{body:?}: {error:?}");
        assert_eq!(facts(&error), (Phase::Body, true, None), "{body:?}");
    }
}

#[test]
fn a_body_that_ends_early_is_cut_short_and_says_how_much_came() {
    let bodies: [(&str, &str, Option<u64>); 2] =
        [("Content-Length: 10", "four", Some(10)), ("Transfer-Encoding: chunked", "a\r\nfour", None)];
    for (field, came, whole) in bodies {
        for is_reset in [false, true] {
            let mut scene = Scene::in_body(&format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\n"));
            scene.server.push(came.as_bytes());
            if is_reset {
                scene.server.reset()
            } else {
                scene.server.finish()
            }
            assert_eq!(scene.read().unwrap(), b"four", "what came is given out first");
            let error = scene.read().unwrap_err();
            match error.kind() {
                ErrorKind::BodyCutShort(PeerError::BodyCutShort { received: 4, announced }) => {
                    assert_eq!(*announced, whole)
                }
                kind => panic!("{kind:?}"),
            }
            assert_eq!(facts(&error), (Phase::Body, true, is_reset.then_some(Io::ConnectionReset)), "{field}");
        }
    }
}

#[test]
fn a_reset_in_a_body_until_the_end_is_a_break_where_an_end_is_none() {
    let mut scene = Scene::in_body("HTTP/1.1 200 OK\r\n\r\n");
    scene.server.push(b"some");
    scene.server.reset();
    assert_eq!(scene.read().unwrap(), b"some");
    let error = scene.read().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Broken), "{error:?}");
    assert_eq!(facts(&error), (Phase::Body, true, Some(Io::ConnectionReset)));
}

#[test]
fn a_timeout_says_in_which_phase() {
    let timeout = |scene: &mut Scene, phase, begun| {
        scene.clock.pass(LIMIT);
        let error = scene.link.check_silence(Some(LIMIT), scene.clock.now()).unwrap_err();
        assert!(error.is_timeout() && !error.is_connect() && !error.is_tls());
        assert!(matches!(error.kind(), ErrorKind::Timeout { limit: LIMIT, hop: None, .. }), "{error:?}");
        assert_eq!(facts(&error), (phase, begun, None));
    };
    timeout(&mut Scene::requested(), Phase::Request, false);

    let mut in_head = Scene::requested();
    in_head.server.push(b"HTTP/1.1 200");
    assert!(in_head.head().unwrap().is_none());
    timeout(&mut in_head, Phase::Request, true);

    timeout(&mut Scene::in_body("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"), Phase::Body, true);

    // The server has responded, and accepts no more of the request.
    let mut sending = Scene::with_room(100);
    upload(&mut sending, Body::Bytes(Box::new([0; 5000])));
    sending.server.push(b"HTTP/1.1 204 No Content\r\n\r\n");
    assert!(sending.head().unwrap().is_none(), "the request is not sent to its end");
    timeout(&mut sending, Phase::Sending, true);
}

#[test]
fn an_idle_connection_says_what_became_of_it() {
    let idle = || {
        let mut scene = Scene::new();
        scene.exchange(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        scene
    };
    let mut closed = idle();
    closed.server.finish();
    let error = closed.link.check_idle().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ClosedIdle), "{error:?}");
    assert_eq!(facts(&error), (Phase::Idle, false, None));

    let mut reset = idle();
    reset.server.reset();
    let error = reset.link.check_idle().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Broken), "{error:?}");
    assert_eq!(facts(&error), (Phase::Idle, false, Some(Io::ConnectionReset)));

    let mut talking = idle();
    talking.server.push(b"HTTP/1.1 408 Request Timeout\r\n\r\n");
    let error = talking.link.check_idle().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unsolicited(_)), "{error:?}");
    assert_eq!(facts(&error), (Phase::Idle, false, None));

    for (headers, field, over) in
        [(&["Connection: close"][..], "X: y", Over::CloseAsked), (&[], "Connection: close", Over::NotKeptAlive)]
    {
        let mut scene = Scene::new();
        scene.begin(Method::Get, "/", headers, Body::empty()).unwrap();
        scene.server.take();
        scene.server.push(format!("HTTP/1.1 200 OK\r\n{field}\r\nContent-Length: 0\r\n\r\n").as_bytes());
        while !scene.receive(&mut support::Outcome::default()).unwrap() {}
        let error = scene.begin(Method::Get, "/", &[], Body::empty()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::NotReusable(because) if *because == over), "{error:?}");
        assert_eq!(facts(&error), (Phase::Idle, false, None));
        assert_eq!(scene.server.take(), b"");
    }
}

#[test]
fn a_body_that_cannot_be_read_is_neither_the_callers_arguments_nor_the_networks_fault() {
    let known = |reader: Slow| Body::Reader { reader: Box::new(reader), length: Some(10) };
    let unknown = |reader: Slow| Body::Reader { reader: Box::new(reader), length: None };
    for (body, cause) in [
        (known(Slow::new(b"four", 2)), Io::UnexpectedEof),
        (known(Slow::new(b"four", 2).then(Io::PermissionDenied)), Io::PermissionDenied),
        (unknown(Slow::new(b"four", 2).then(Io::PermissionDenied)), Io::PermissionDenied),
    ] {
        let mut scene = Scene::new();
        upload(&mut scene, body);
        let error = loop {
            match scene.head() {
                Ok(None) => {}
                Ok(Some(_)) => panic!("nobody answered"),
                Err(error) => break error,
            }
        };
        assert!(matches!(error.kind(), ErrorKind::RequestBody(_)) && !error.is_misuse(), "{error:?}");
        assert_eq!(facts(&error), (Phase::Request, false, Some(cause)));
        assert!(!scene.server.take().ends_with(b"0\r\n\r\n"), "a body that is not whole has no end");
        let again = scene.begin(Method::Get, "/", &[], Body::empty()).unwrap_err();
        assert!(matches!(again.kind(), ErrorKind::NotReusable(Over::Abandoned) | ErrorKind::Misuse(_)), "{again:?}");
    }
}

#[test]
fn an_answer_to_half_a_body_is_delivered_and_the_failure_follows() {
    let fed = Fed::default();
    let mut scene = Scene::new();
    upload(&mut scene, Body::Reader { reader: Box::new(fed.clone()), length: Some(10) });
    scene.server.push(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 3\r\n\r\nwhy");
    assert_eq!(scene.head().unwrap().expect("an answer").head.status, 400);
    fed.give(b"half", true);
    let mut body = Vec::new();
    let error = loop {
        match scene.read() {
            Ok(more) => body.extend(more),
            Err(error) => break error,
        }
        assert!(scene.link.is_sending() || scene.link.is_in_body(), "it ended without a word");
    };
    assert_eq!(body, b"why");
    assert!(matches!(error.kind(), ErrorKind::RequestBody(_)), "{error:?}");
    assert!(error.has_response_begun());
}

#[test]
fn who_gives_up_has_a_kind_of_its_own() {
    let error = Error::cancelled();
    assert!(matches!(error.kind(), ErrorKind::Cancelled));
    assert!(!error.is_misuse() && !error.is_timeout() && !error.is_connect() && !error.is_tls());
    assert_eq!(facts(&error), (Phase::Idle, false, None));
}
