//! Independent servers and proxies, each started for one test and ended with it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::pki::Identity;
use crate::support::PATIENCE;

/// The number of attempts to find a port that no other process takes in the meantime.
const ATTEMPTS: usize = 5;

/// A program and its folder. The program ends when this value is dropped.
pub struct Program {
    child: Child,
    folder: TempDir,
}

impl Program {
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns whether a program can be started, and prints a line if not.
pub fn is_there(program: &str, version: &str) -> bool {
    let mut command = Command::new(program);
    with_path_of_servers(&mut command).arg(version).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let is_there = command.status().is_ok();
    if !is_there {
        super::left_out(&format!("what needs {program}, which is not on this machine"));
    }
    is_there
}

/// Debian's servers are in sbin, which is not on every user's PATH.
fn with_path_of_servers(command: &mut Command) -> &mut Command {
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/local/sbin:/usr/sbin:/sbin"))
}

/// `openssl s_server`, which sends [`HELLO`] for `GET /hello` and ends the connection.
pub struct OpenSsl {
    pub address: SocketAddr,
    pub program: Program,
}

/// The body that [`OpenSsl`] and [`Nginx`] send.
pub const HELLO: &str = "hello\n";

impl OpenSsl {
    /// Starts the server. Returns `None` and prints a line to stderr if there is no openssl.
    pub fn start(identity: &Identity, arguments: &[&str]) -> Option<Self> {
        Self::start_as(identity, &[&["-HTTP"], arguments].concat(), Stdio::null())
    }

    /// Starts a server that prints received data and executes typed commands: `R` requests another handshake.
    pub fn start_with_keyboard(identity: &Identity, arguments: &[&str]) -> Option<(Self, ChildStdin)> {
        let mut server = Self::start_as(identity, arguments, Stdio::piped())?;
        let keyboard = server.program.child.stdin.take().expect("it is piped");
        Some((server, keyboard))
    }

    fn start_as(identity: &Identity, arguments: &[&str], keyboard: Stdio) -> Option<Self> {
        if !is_there("openssl", "version") {
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
        file("certificate.pem", &identity.certificate);
        file("intermediates.pem", &identity.intermediates);
        file("key.pem", &identity.key);
        file("hello", &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{HELLO}", HELLO.len()));
        let mut command = Command::new("openssl");
        command.args(["s_server", "-accept", "127.0.0.1:0", "-cert", "certificate.pem", "-key", "key.pem"]);
        if !identity.intermediates.is_empty() {
            command.args(["-cert_chain", "intermediates.pem"]);
        }
        command.args(arguments).current_dir(folder.path());
        command.stdin(keyboard).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("openssl starts");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let program = Program { child, folder };
        let mut line = String::new();
        let address = loop {
            line.clear();
            let count = output.read_line(&mut line).expect("text");
            assert!(count > 0, "openssl s_server {arguments:?} did not start");
            if let Some(address) = line.strip_prefix("ACCEPT ") {
                break address.trim().parse().expect("an address");
            }
        };
        // The server stops when nothing reads its output.
        thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Some(Self { address, program })
    }
}

/// One server in the configuration of nginx.
pub struct NginxServer<'a> {
    pub identity: &'a Identity,
    /// Additional lines of its block.
    pub lines: &'a str,
}

/// nginx, which sends [`HELLO`] for every request and keeps the connection open.
pub struct Nginx {
    /// The addresses in the order of the servers.
    pub addresses: Vec<SocketAddr>,
    pub program: Program,
}

impl Nginx {
    /// Starts the servers. Returns `None` and prints a line to stderr if there is no nginx.
    pub fn start(servers: &[NginxServer<'_>]) -> Option<Self> {
        if !is_there("nginx", "-v") {
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let (program, addresses) = start_at_free_ports(folder, servers.len(), |folder, addresses| {
            fs::write(folder.join("nginx.conf"), nginx_conf(folder, servers, addresses)).expect("a file");
            let mut command = Command::new("nginx");
            command.arg("-p").arg(folder).args(["-e", "error.log", "-c", "nginx.conf"]);
            command
        });
        Some(Self { addresses, program })
    }
}

fn nginx_conf(folder: &Path, servers: &[NginxServer<'_>], addresses: &[SocketAddr]) -> String {
    let mut conf = String::from(
        "daemon off; master_process off; pid nginx.pid;\n\
         events { worker_connections 512; }\n\
         http { access_log off; client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d;\n\
         scgi_temp_path e;\n",
    );
    for (index, (server, address)) in servers.iter().zip(addresses).enumerate() {
        fs::write(folder.join(format!("{index}.pem")), server.identity.chain()).expect("a file");
        fs::write(folder.join(format!("{index}.key")), &server.identity.key).expect("a file");
        conf += &format!(
            "server {{ listen {address} ssl; ssl_certificate {index}.pem; ssl_certificate_key {index}.key; {}\n\
             location / {{ return 200 \"{}\"; }} }}\n",
            server.lines,
            HELLO.escape_default()
        );
    }
    conf + "}\n"
}

/// tinyproxy.
pub struct TinyProxy {
    pub address: SocketAddr,
    pub program: Program,
}

impl TinyProxy {
    /// Starts the proxy. Returns `None` and prints a line to stderr if there is no tinyproxy.
    pub fn start(lines: &str, filter: &str) -> Option<Self> {
        if !is_there("tinyproxy", "-v") {
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let (program, addresses) = start_at_free_ports(folder, 1, |folder, addresses| {
            fs::write(folder.join("filter"), filter).expect("a file");
            let conf = format!(
                "Port {}\nListen 127.0.0.1\nTimeout 600\nMaxClients 100\nAllow 127.0.0.1\nLogFile \"{}\"\nLogLevel Connect\n{}\n",
                addresses[0].port(),
                folder.join("log").display(),
                lines.replace("FILTER", &folder.join("filter").display().to_string())
            );
            fs::write(folder.join("tinyproxy.conf"), conf).expect("a file");
            let mut command = Command::new("tinyproxy");
            command.arg("-d").arg("-c").arg(folder.join("tinyproxy.conf"));
            command
        });
        Some(Self { address: addresses[0], program })
    }

    /// Returns its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.program.folder().join("log")).unwrap_or_default()
    }
}

/// Starts a program that must be told its ports, and waits until it listens at the first one.
fn start_at_free_ports(
    folder: TempDir,
    count: usize,
    prepare: impl Fn(&Path, &[SocketAddr]) -> Command,
) -> (Program, Vec<SocketAddr>) {
    let mut folder = Some(folder);
    for _ in 0..ATTEMPTS {
        let free: Vec<_> =
            (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port")).collect();
        let addresses: Vec<_> = free.iter().map(|listener| listener.local_addr().expect("it is bound")).collect();
        drop(free);
        let own = folder.take().unwrap_or_else(|| tempfile::tempdir().expect("a folder"));
        let mut command = prepare(own.path(), &addresses);
        with_path_of_servers(&mut command).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut program = Program { child: command.spawn().expect("it starts"), folder: own };
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if program.child.try_wait().expect("a child").is_some() {
                break;
            }
            if addresses.iter().all(|address| TcpStream::connect(address).is_ok()) {
                return (program, addresses);
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
    panic!("it starts at none of {ATTEMPTS} free ports");
}
