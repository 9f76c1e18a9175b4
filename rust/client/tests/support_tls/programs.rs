//! Servers and proxies that we did not write, each started for one test and ended with it.

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

/// How often a port is tried that somebody else may take in the meantime.
const ATTEMPTS: usize = 5;

/// A program that ends with this value, and its folder.
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
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a program can be started; says so where it cannot.
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

/// `openssl s_server`, which answers `GET /hello` with [`HELLO`] and ends the connection.
pub struct OpenSsl {
    pub address: SocketAddr,
    pub program: Program,
}

/// The body that [`OpenSsl`] and [`Nginx`] send.
pub const HELLO: &str = "hello\n";

impl OpenSsl {
    /// None, and a line on stderr, where there is no openssl.
    pub fn start(identity: &Identity, arguments: &[&str]) -> Option<Self> {
        Self::start_as(identity, &[&["-HTTP"], arguments].concat(), Stdio::null())
    }

    /// One that prints what comes, and does what is typed: `R` asks for another handshake.
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
        // It stands still once nobody takes what it prints.
        thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Some(Self { address, program })
    }
}

/// One server of an nginx.
pub struct NginxServer<'a> {
    pub identity: &'a Identity,
    /// Further lines of its block.
    pub lines: &'a str,
}

/// nginx, which answers everything with [`HELLO`] and keeps the connection.
pub struct Nginx {
    /// In the order of the servers.
    pub addresses: Vec<SocketAddr>,
    pub program: Program,
}

impl Nginx {
    /// None, and a line on stderr, where there is no nginx.
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
    /// None, and a line on stderr, where there is no tinyproxy.
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

    /// What it wrote down.
    pub fn log(&self) -> String {
        fs::read_to_string(self.program.folder().join("log")).unwrap_or_default()
    }
}

/// Starts a program that must be told its ports, and waits until it listens at the first.
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
