//! Finds and starts the servers.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{PATIENCE, content};

/// The process of a server and its files. Dropping it ends the process.
pub(crate) struct Server {
    process: Child,
    address: SocketAddr,
    files: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Server {
    /// Starts httpbin with its own server. Returns `None` if Python does not have the package.
    pub(crate) fn httpbin() -> Option<Server> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python/bin/python3");
        let mut lack = "python3, which is not installed".to_owned();
        for python in [own, PathBuf::from("python3")] {
            let mut command = Command::new(python);
            command.args(["-c", include_str!("server.py")]).stdout(Stdio::piped()).stderr(Stdio::null());
            let Some(mut process) = spawn(&mut command) else { continue };
            let mut line = String::new();
            BufReader::new(process.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
            let server = |port| Server {
                process,
                address: (Ipv4Addr::LOCALHOST, port).into(),
                files: tempfile::tempdir().expect("a temporary folder"),
            };
            match line.trim().split_once(' ') {
                Some(("port", port)) => return Some(server(port.parse().expect("a port"))),
                Some(("lacks", package)) => {
                    lack = format!("Python's package {package}, which is not installed (.ci/python.txt)");
                    drop(server(0));
                }
                _ => panic!("{command:?} says {line:?}"),
            }
        }
        left_out(&format!("what needs {lack}"));
        None
    }

    /// Starts nginx as one process of the current user. Returns `None` if it is not installed. `settings` apply to the served files.
    pub(crate) fn nginx(settings: &str) -> Option<Server> {
        for _ in 0..10 {
            let files = tempfile::tempdir().expect("a temporary folder");
            for folder in ["www", "temporary"] {
                fs::create_dir(files.path().join(folder)).expect("a temporary folder");
            }
            fs::write(files.path().join("www/content.bin"), content()).expect("a temporary file");
            let address = unused_address();
            let Some(process) = start_nginx(files.path(), address, settings) else {
                left_out("what needs nginx, which is not installed");
                return None;
            };
            let mut server = Server { process, address, files };
            if server.is_listening() {
                return Some(server);
            }
        }
        panic!("nginx does not start");
    }

    /// Starts tinyproxy with these lines in its settings. Returns `None` if it is not installed.
    pub(crate) fn tinyproxy(settings: &str) -> Option<Server> {
        for _ in 0..10 {
            let files = tempfile::tempdir().expect("a temporary folder");
            let address = unused_address();
            let log = files.path().join("log");
            let all = format!(
                "Port {}\nListen 127.0.0.1\nTimeout 600\nMaxClients 100\nAllow 127.0.0.1\nLogFile \"{}\"\nLogLevel Connect\n{settings}\n",
                address.port(),
                log.display()
            );
            fs::write(files.path().join("tinyproxy.conf"), all).expect("a temporary file");
            let mut command = Command::new("tinyproxy");
            command.arg("-d").arg("-c").arg(files.path().join("tinyproxy.conf"));
            let Some(process) = spawn(command.stdout(Stdio::null()).stderr(Stdio::null())) else {
                left_out("what needs tinyproxy, which is not installed");
                return None;
            };
            let mut server = Server { process, address, files };
            if server.is_listening() {
                return Some(server);
            }
        }
        panic!("tinyproxy does not start");
    }

    /// Ends nginx abruptly.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts nginx again on the same port, with other settings.
    pub(crate) fn restart_nginx(&mut self, settings: &str) {
        self.kill();
        self.process = start_nginx(self.files.path(), self.address, settings).expect("it was there");
        assert!(self.is_listening(), "nginx finds its port in use");
    }

    fn is_listening(&mut self) -> bool {
        let started = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if self.process.try_wait().expect("a child").is_some() {
                let logs = ["error.log", "log"].map(|name| self.files.path().join(name));
                let log: String = logs.iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
                let is_taken =
                    log.contains("Address already in use") || log.contains("Could not create listening socket");
                assert!(is_taken, "the server ended: {log}");
                return false;
            }
            assert!(started.elapsed() < PATIENCE, "the server does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        true
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the log of tinyproxy.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.files.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the URL with another host name, which is another origin.
    pub(crate) fn other_origin(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.address.port())
    }

    /// Returns the folder with the served files. Tests also store received files in it.
    pub(crate) fn folder(&self) -> &Path {
        self.files.path()
    }

    /// Returns the log of nginx: status, Range, If-Range, the connection and bytes, one line for each completed request. Waits until it is
    /// as expected, because nginx may write a line after its response was read.
    pub(crate) fn until_logged(&self, is_there: impl Fn(&[&str]) -> bool) -> String {
        let started = Instant::now();
        loop {
            let log = fs::read_to_string(self.files.path().join("access.log")).unwrap_or_default();
            if is_there(&log.lines().collect::<Vec<_>>()) {
                return log;
            }
            assert!(started.elapsed() < PATIENCE, "nginx wrote {log:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Returns an unused port, because these programs cannot report one that the system chose. If another process takes it first, the caller
/// tries again.
fn unused_address() -> SocketAddr {
    let unused = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    unused.local_addr().expect("it is bound")
}

/// Starts a program. Returns `None` if it is not installed.
fn spawn(command: &mut Command) -> Option<Child> {
    // Servers are in folders that are not in every user's path.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
    match command.env("PATH", path).stdin(Stdio::null()).spawn() {
        Ok(process) => Some(process),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{command:?}: {error}"),
    }
}

/// Not captured by libtest.
fn left_out(what: &str) {
    writeln!(std::io::stderr(), "left out: {what}").expect("stderr");
}

fn start_nginx(folder: &Path, address: SocketAddr, settings: &str) -> Option<Child> {
    let configuration = format!(
        r#"
daemon off;
master_process off;
pid nginx.pid;
events {{ worker_connections 64; }}
http {{
    log_format asked '$status range="$http_range" if-range=$http_if_range connection=$connection sent=$body_bytes_sent';
    access_log access.log asked;
    client_body_temp_path temporary;
    proxy_temp_path temporary;
    fastcgi_temp_path temporary;
    uwsgi_temp_path temporary;
    scgi_temp_path temporary;
    client_max_body_size 1m;
    server {{
        listen {address};
        root www;
        {settings}
    }}
}}
"#
    );
    fs::write(folder.join("nginx.conf"), configuration).expect("a temporary file");
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).args(["-e", "error.log", "-c", "nginx.conf"]);
    spawn(command.stderr(Stdio::null()))
}
