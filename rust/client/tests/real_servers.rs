//! Tests with independent servers, each started for one test on a free port of this machine.
#![allow(missing_docs)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use http_client::{Method, Status};
use support::{connected, exchange, get, no_body, pause, request_until_body, until_failure};
use tempfile::TempDir;

/// A server and its files. The process ends when this value is dropped.
struct Server {
    process: Child,
    address: SocketAddr,
    files: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    /// Starts nginx as one process of the user who runs the test. Returns `None` if it is not installed.
    fn nginx() -> Option<Server> {
        for _ in 0..10 {
            let files = files();
            // nginx cannot report a port that the system chose, so a free one is found first. If another process takes it, try again.
            let unused = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let address = unused.local_addr().expect("it is bound");
            drop(unused);
            fs::write(files.path().join("nginx.conf"), nginx_configuration(address)).expect("a temporary file");
            let mut command = Command::new("nginx");
            command.arg("-p").arg(files.path()).args(["-e", "error.log", "-c", "nginx.conf"]);
            let process = spawn(command.stderr(Stdio::null()))?;
            let mut server = Server { process, address, files };
            if server.is_listening() {
                return Some(server);
            }
        }
        panic!("nginx does not start");
    }

    fn is_listening(&mut self) -> bool {
        let started = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if self.process.try_wait().expect("a child").is_some() {
                let log = fs::read_to_string(self.files.path().join("error.log")).unwrap_or_default();
                assert!(log.contains("Address already in use"), "nginx ended: {log}");
                return false;
            }
            pause(started);
        }
        true
    }

    /// Starts Python's http.server, which also has a reply without a length. Returns `None` if Python is not installed.
    fn python() -> Option<Server> {
        const PROGRAM: &str = r#"
import http.server

class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        for start in range(0, len(body), 1000):
            self.wfile.write(body[start:start + 1000])

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;
        let files = files();
        let mut command = Command::new("python3");
        command.args(["-c", PROGRAM]).current_dir(files.path().join("www")).stdout(Stdio::piped());
        let mut process = spawn(&mut command)?;
        let mut port = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut port).expect("a line");
        let port: u16 = port.trim().parse().expect("python tells its port");
        Some(Server { process, address: (Ipv4Addr::LOCALHOST, port).into(), files })
    }
}

/// Starts a program. Returns `None` and prints a line if it is not installed.
fn spawn(command: &mut Command) -> Option<Child> {
    // Servers are in folders that are not in every user's PATH.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
    match command.env("PATH", path).stdin(Stdio::null()).spawn() {
        Ok(process) => Some(process),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            support::left_out(&format!("{} is not installed", command.get_program().display()));
            None
        }
        Err(error) => panic!("{command:?}: {error}"),
    }
}

/// Returns 1 MiB of bytes without a short period.
fn content() -> Vec<u8> {
    (0..1u32 << 18).flat_map(|word| word.wrapping_mul(0x9E37_79B9).to_le_bytes()).collect()
}

fn files() -> TempDir {
    let files = tempfile::tempdir().expect("a temporary folder");
    for folder in ["www/short", "www/ssi", "temporary"] {
        fs::create_dir_all(files.path().join(folder)).expect("a temporary folder");
    }
    for (name, bytes) in [
        ("hello.txt", b"hello\n".to_vec()),
        ("content.bin", content()),
        ("short/hello.txt", b"hello\n".to_vec()),
        ("ssi/part.txt", b"part".to_vec()),
        ("ssi/page.html", b"[<!--#include virtual=\"/ssi/part.txt\" -->]".to_vec()),
    ] {
        fs::write(files.path().join("www").join(name), bytes).expect("a temporary file");
    }
    files
}

fn nginx_configuration(address: SocketAddr) -> String {
    format!(
        r#"
daemon off;
master_process off;
pid nginx.pid;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path temporary;
    proxy_temp_path temporary;
    fastcgi_temp_path temporary;
    uwsgi_temp_path temporary;
    scgi_temp_path temporary;
    client_max_body_size 1m;
    server {{
        listen {address};
        root www;
        location /short/ {{ keepalive_timeout 1s; }}
        location /ssi/ {{ ssi on; ssi_types *; }}
    }}
}}
"#
    )
}

#[test]
fn nginx_serves_files_again_and_again_on_one_connection() {
    let Some(server) = Server::nginx() else { return };
    let client = connected(server.address);
    for _ in 0..100 {
        let reply = get(&client, "/hello.txt");
        assert_eq!((reply.code, reply.text(), reply.status), (200, "hello\n", Status::Connected));
        assert_eq!(client.response_body_length(), 6);
    }
    assert!(get(&client, "/content.bin").body == content(), "1 MiB, byte for byte");
    assert!(client.response_header_values("Server")[0].starts_with("nginx"));
    let reply = exchange(&client, Method::Get, "/content.bin", &["Range: bytes=10-19"], no_body());
    assert_eq!((reply.code, reply.body.as_slice()), (206, &content()[10..20]));
    let reply = exchange(&client, Method::Head, "/content.bin", &[], no_body());
    assert_eq!((reply.code, reply.body.len(), reply.status), (200, 0, Status::Connected));
    let tag = client.response_header_values("ETag").remove(0);
    let reply = exchange(&client, Method::Get, "/content.bin", &[&format!("If-None-Match: {tag}")], no_body());
    assert_eq!((reply.code, reply.body.len(), reply.status), (304, 0, Status::Connected));
    let reply = get(&client, "/none");
    assert_eq!((reply.code, reply.status), (404, Status::Connected));
    assert_eq!(exchange(&client, Method::Post, "/hello.txt", &[], Box::new("x")).code, 405);
    assert_eq!(get(&client, "/hello.txt").text(), "hello\n", "still the same connection");
}

#[test]
fn nginx_sends_included_pages_in_chunks() {
    let Some(server) = Server::nginx() else { return };
    let client = connected(server.address);
    for _ in 0..3 {
        request_until_body(&client, "/ssi/page.html");
        assert!(client.is_response_chunked());
        assert_eq!(client.response_body_length(), -1);
        assert_eq!(support::read_body(&client), (b"[part]".to_vec(), None));
        assert_eq!(client.status(), Status::Connected);
    }
}

#[test]
fn nginx_refuses_an_upload_in_the_middle_and_its_answer_is_delivered() {
    let Some(server) = Server::nginx() else { return };
    for blocking in [false, true] {
        let client = connected(server.address);
        client.set_blocking_mode(blocking);
        let reply = exchange(&client, Method::Post, "/hello.txt", &[], Box::new(vec![1; 64 << 20]));
        assert_eq!((reply.code, &reply.error), (413, &None));
        assert!(reply.text().contains("413 Request Entity Too Large"));
        until_failure(&client);
        support::connect(&client, server.address);
        assert_eq!(get(&client, "/hello.txt").text(), "hello\n");
    }
}

#[test]
fn a_connection_that_nginx_closes_while_idle_is_seen_to_be_closed() {
    let Some(server) = Server::nginx() else { return };
    let client = connected(server.address);
    assert_eq!(get(&client, "/short/hello.txt").status, Status::Connected);
    assert_eq!(until_failure(&client).message, "the server closed the idle connection; connect again");
    let error = client.request(Method::Get, "/hello.txt", &[], no_body()).unwrap_err();
    assert_eq!(
        error.message,
        "there is no connection because the server closed the idle connection; call connect_to_host() again"
    );
}

#[test]
fn python_serves_a_file_and_closes() {
    let Some(server) = Server::python() else { return };
    for _ in 0..3 {
        let client = connected(server.address);
        let reply = get(&client, "/content.bin");
        assert_eq!((reply.code, &reply.error, reply.status), (200, &None, Status::Connected));
        assert!(reply.body == content(), "1 MiB, byte for byte");
        assert_eq!(client.response_head().unwrap().minor_version, 0);
        let error = until_failure(&client);
        assert_eq!(
            error.message,
            "the server does not keep the connection open after its last response; connect again"
        );
    }
    let client = connected(server.address);
    assert_eq!(get(&client, "/none").code, 404);
}

#[test]
fn python_ends_a_body_without_a_length_by_closing() {
    let Some(server) = Server::python() else { return };
    for blocking in [false, true] {
        let client = connected(server.address);
        client.set_blocking_mode(blocking);
        let reply = exchange(&client, Method::Post, "/", &[], Box::new(content()));
        assert_eq!((reply.code, &reply.error, reply.status), (200, &None, Status::Disconnected));
        assert!(reply.body == content(), "1 MiB there and back");
        assert_eq!((client.response_code(), client.response_body_length()), (200, -1));
    }
}
