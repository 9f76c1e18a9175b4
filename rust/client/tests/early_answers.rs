//! Tests responses that arrive before the request is sent: when the rest is sent anyway, and when it is not.
#![allow(missing_docs)]

mod support;
mod support_tls;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use http_client::{ErrorCode, HttpClient, Method, Status};
use support::{
    PATIENCE, connect, exchange, get, no_body, one_connection, send, take_head, until_failure, with_read_timeout,
};
use support_tls::pki::{Authority, Key};
use support_tls::{one_secured, take_head_of, trusting, try_connect};

/// More than the buffers of the system hold.
const UPLOAD: usize = 20 << 20;

const EMPTY: [&str; 5] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
];

fn upload() -> Box<Arc<[u8]>> {
    static BYTES: LazyLock<Arc<[u8]>> = LazyLock::new(|| {
        (0..UPLOAD as u32 >> 2).flat_map(|word| word.wrapping_mul(0x9E37_79B9).to_le_bytes()).collect()
    });
    Box::new(BYTES.clone())
}

fn upload_checksum() -> u32 {
    static CHECKSUM: LazyLock<u32> = LazyLock::new(|| crc32fast::hash(&upload()));
    *CHECKSUM
}

/// Reads the body of a request and returns its checksum.
fn checksum_of(stream: &mut impl Read) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    let mut buffer = vec![0; 65536];
    let mut left = UPLOAD;
    while left > 0 {
        let count = stream.read(&mut buffer[..left.min(65536)]).expect("the client sends");
        assert!(count > 0, "the client ended the connection with {left} bytes to go");
        crc.update(&buffer[..count]);
        left -= count;
    }
    crc.finalize()
}

/// Starts a server that sends `answer` before it reads the body, and "second" for a second request.
fn early(answer: String) -> (SocketAddr, JoinHandle<u32>) {
    one_connection(move |mut stream| {
        take_head(&mut stream);
        send(&mut stream, answer.as_bytes());
        let checksum = checksum_of(&mut stream);
        take_head(&mut stream);
        send(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond");
        checksum
    })
}

fn clients() -> [HttpClient; 2] {
    // A hang must become a failure.
    let clients = [with_read_timeout(PATIENCE), with_read_timeout(PATIENCE)];
    clients[1].set_blocking_mode(true);
    clients
}

#[test]
fn after_an_early_success_the_whole_upload_is_sent_and_the_connection_serves_on() {
    for answer in EMPTY.map(str::to_owned).into_iter().chain([
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n".to_owned(),
    ]) {
        for client in clients() {
            let (address, server) = early(answer.clone());
            connect(&client, address);
            let reply = exchange(&client, Method::Post, "/", &[], upload());
            assert_eq!((&reply.error, reply.status), (&None, Status::Connected), "{answer:?}");
            assert_eq!(reply.text(), if answer.contains("hello") { "hello" } else { "" });
            assert_eq!(client.response_trailers().len(), usize::from(answer.contains("X-Trailer")));
            assert!(client.request_bytes_sent() > UPLOAD as u64);
            assert!(client.timings().total >= client.timings().send && client.timings().send.is_some());
            assert_eq!(get(&client, "/").text(), "second", "{answer:?}");
            assert_eq!(server.join().unwrap(), upload_checksum(), "{answer:?}");
        }
    }
}

#[test]
fn what_is_there_can_be_read_while_the_upload_goes_on() {
    for client in clients() {
        let (address, server) = early("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned());
        connect(&client, address);
        client.request(Method::Post, "/", &[], upload()).unwrap();
        support::finish_request(&client).unwrap();
        let mut body = Vec::new();
        while client.status() == Status::Body {
            client.poll().unwrap();
            body.extend(client.read_response_body_available::<Vec<u8>>().unwrap());
        }
        assert_eq!((body.as_slice(), client.status()), (&b"hello"[..], Status::Connected));
        get(&client, "/");
        server.join().unwrap();
    }
}

#[test]
fn over_tls_the_whole_upload_is_sent_after_an_early_success() {
    let root = Authority::root("root", Key::P256);
    for answer in EMPTY {
        for client in clients() {
            let (address, server) = one_secured(&root.issue(Key::P256, &["localhost"]), move |mut stream| {
                take_head_of(&mut stream);
                stream.write_all(answer.as_bytes()).unwrap();
                stream.flush().unwrap();
                let checksum = checksum_of(&mut stream);
                take_head_of(&mut stream);
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond").unwrap();
                stream.flush().unwrap();
                checksum
            });
            try_connect(&client, "localhost", address.port(), &trusting(&root.pem)).unwrap();
            let reply = exchange(&client, Method::Put, "/", &[], upload());
            assert_eq!((&reply.error, reply.status), (&None, Status::Connected), "{answer:?}");
            assert_eq!(get(&client, "/").text(), "second", "{answer:?}");
            assert_eq!(server.join().unwrap(), upload_checksum(), "{answer:?}");
        }
    }
}

/// RFC 9112 §9.5: the end of the connection means that nothing more is read.
#[test]
fn a_refusal_that_keeps_the_connection_gets_the_rest_of_the_upload() {
    for status in ["401 Unauthorized", "413 Content Too Large", "500 Oh", "307 Elsewhere"] {
        for client in clients() {
            let (address, server) = early(format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nno"));
            connect(&client, address);
            let reply = exchange(&client, Method::Post, "/", &[], upload());
            assert_eq!((reply.text(), &reply.error, reply.status), ("no", &None, Status::Connected), "{status}");
            assert_eq!(get(&client, "/").text(), "second", "{status}");
            server.join().unwrap();
        }
    }
}

#[test]
fn a_refusal_that_ends_the_connection_gets_no_more() {
    for (head, headers) in [
        ("HTTP/1.1 413 Large\r\nConnection: close", &[][..]),
        ("HTTP/1.0 403 No", &[]),
        ("HTTP/1.1 500 Oh", &["Connection: close"]),
        ("HTTP/1.1 302 There\r\nConnection: close", &[]),
    ] {
        for client in clients() {
            let (address, server) = one_connection(move |mut stream| {
                take_head(&mut stream);
                send(&mut stream, format!("{head}\r\nContent-Length: 2\r\n\r\nno").as_bytes());
                support::drain(&mut stream)
            });
            connect(&client, address);
            let reply = exchange(&client, Method::Post, "/", headers, Box::new(vec![1; 64 << 20]));
            assert_eq!((reply.text(), &reply.error, reply.status), ("no", &None, Status::Connected), "{head}");
            client.close();
            assert!(server.join().unwrap() < 64 << 20, "{head}");
        }
    }
}

#[test]
fn a_success_that_ends_the_connection_still_gets_the_whole_upload() {
    for answer in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    ] {
        for client in clients() {
            let (address, server) = one_connection(move |mut stream| {
                take_head(&mut stream);
                send(&mut stream, answer.as_bytes());
                // The server sends nothing more.
                stream.shutdown(std::net::Shutdown::Write).unwrap();
                checksum_of(&mut stream)
            });
            connect(&client, address);
            let reply = exchange(&client, Method::Post, "/", &[], upload());
            let ended = if answer.contains("204") { Status::Disconnected } else { Status::Connected };
            assert_eq!((reply.text(), &reply.error, reply.status), ("", &None, ended), "{answer:?}");
            assert_eq!(server.join().unwrap(), upload_checksum(), "{answer:?}");
        }
    }
}

#[test]
fn a_server_that_answers_and_hangs_up_has_answered() {
    for client in clients() {
        let (hang_up, is_told) = mpsc::channel::<()>();
        let (address, server) = one_connection(move |mut stream| {
            take_head(&mut stream);
            send(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
            // Closing the connection with unread bytes of the client is a reset, which may overtake a response that has not been read.
            let _ = is_told.recv();
        });
        connect(&client, address);
        client.request(Method::Post, "/", &[], Box::new(vec![1; 64 << 20])).unwrap();
        support::until(&client, Status::Body);
        let mut body = Vec::new();
        while body.len() < 5 {
            body.extend(client.read_response_body_chunk::<Vec<u8>>().unwrap());
        }
        assert_eq!((body.as_slice(), client.status()), (&b"hello"[..], Status::Body));
        drop(hang_up);
        server.join().unwrap();
        assert_eq!(support::read_body(&client), (Vec::new(), None));
        assert_eq!(client.status(), Status::Connected);
        assert_eq!(until_failure(&client).message, "the last request was not sent completely; connect again");
    }
}

#[test]
fn while_the_upload_goes_on_no_other_request_can_cut_it_off() {
    for (answer, status) in [(EMPTY[0], Status::Body), (EMPTY[2], Status::Requesting)] {
        let (address, server) = early(answer.to_owned());
        let client = with_read_timeout(PATIENCE);
        connect(&client, address);
        // One call sends at most 16 MiB, so some data is left.
        client.request(Method::Post, "/", &[], upload()).unwrap();
        if status == Status::Body {
            support::until(&client, Status::Body);
            let _: Vec<u8> = client.read_response_body_chunk().unwrap();
        } else {
            client.poll().unwrap();
        }
        if client.status() == status {
            let error = client.request(Method::Get, "/", &[], no_body()).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidParameter, "{error}");
        }
        support::finish_request(&client).unwrap();
        support::read_body(&client);
        assert_eq!(get(&client, "/").text(), "second");
        assert_eq!(server.join().unwrap(), upload_checksum());
    }
}

#[test]
fn a_server_that_takes_no_more_after_its_answer_is_given_up_after_the_read_timeout() {
    for blocking in [false, true] {
        let (stop, stopped) = mpsc::channel::<()>();
        let (address, server) = one_connection(move |mut stream| {
            take_head(&mut stream);
            send(&mut stream, EMPTY[0].as_bytes());
            let _ = stopped.recv();
        });
        let client = with_read_timeout(Duration::from_millis(300));
        client.set_blocking_mode(blocking);
        connect(&client, address);
        let reply = exchange(&client, Method::Post, "/", &[], Box::new(vec![1; 64 << 20]));
        assert_eq!(reply.failure(), "the server accepted no more of the request for 0.3 s (read_timeout)");
        assert_eq!(reply.code, 200);
        drop(stop);
        server.join().unwrap();
    }
}
