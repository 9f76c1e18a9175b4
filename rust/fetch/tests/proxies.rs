//! Sessions through proxies: what a proxy receives, who gets the credentials, and which connections are reused.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use http_fetch::{Request, Response, ResultCode, Session, Settings, Worker};
use http_net::{Context, Proxies, Proxy, TlsOptions, Trust};
use test_server::TestServer;

/// A hang is a failure, but a slow machine is not.
const PATIENCE: Duration = Duration::from_secs(60);

fn server() -> &'static TestServer {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    SERVER.get_or_init(|| TestServer::start().expect("the server starts"))
}

/// A proxy that answers for every server or tunnels to it. It keeps its connections.
struct SmallProxy {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    /// The heads of the requests, in order.
    heads: Vec<String>,
}

impl SmallProxy {
    /// Sends `answer` to every request except CONNECT. Refuses CONNECT with `refusal`, if there is one.
    fn start(answer: &'static str, refusal: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let seen = Arc::new(Mutex::new(Seen::default()));
        let of_thread = seen.clone();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let seen = of_thread.clone();
                seen.lock().unwrap().connections += 1;
                // Ignore clients that have closed their connection.
                thread::spawn(move || serve(stream, &seen, answer, refusal).ok());
            }
        });
        Self { address, seen }
    }

    fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    fn heads(&self) -> Vec<String> {
        self.seen.lock().unwrap().heads.clone()
    }

    /// Returns the settings that send everything through this proxy, as this user.
    fn proxies(&self, user: &str) -> Proxies {
        let host = format!("{user}{}", self.address.ip());
        let chosen = Proxy::choose(&host, self.address.port().into());
        Proxies { http: chosen.clone(), https: chosen, ..Proxies::default() }
    }
}

fn serve(stream: TcpStream, seen: &Mutex<Seen>, answer: &str, refusal: Option<&str>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut stream = stream;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        seen.lock().unwrap().heads.push(head.clone());
        let Some(authority) = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()) else {
            write!(stream, "HTTP/1.1 {answer}\r\n\r\n")?;
            continue;
        };
        if let Some(refusal) = refusal {
            return write!(stream, "HTTP/1.1 {refusal}\r\n\r\n");
        }
        let port = authority.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or_default();
        let far = TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        let (from, to) = (far.try_clone()?, stream.try_clone()?);
        let back = thread::spawn(move || carry(from, to));
        carry(reader, far);
        return back.join().map_err(|_| std::io::Error::other("it panicked"));
    }
}

fn carry(mut from: impl Read, mut to: TcpStream) {
    // Either end may close first.
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

const PROXYS: &str = "200 OK\r\nContent-Length: 0";
const WANTS_PASSWORD: &str = "407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0";

fn session(proxies: Proxies) -> Session {
    let tls = TlsOptions { trust: Trust::Pem(server().ca_pem().as_bytes().into()), ..TlsOptions::default() };
    let settings = Settings { timeout: Some(PATIENCE), proxies, tls, ..Settings::default() };
    Session::on(Worker::new(Context::shared().clone()), settings)
}

fn get(session: &Session, url: &str) -> Arc<Response> {
    session.fetch(Request::get(url)).wait()
}

fn secure(path: &str) -> String {
    format!("https://localhost:{}{path}", server().https().port())
}

#[test]
fn a_request_to_a_proxy_has_the_whole_url_and_the_credentials() {
    let proxy = SmallProxy::start(PROXYS, None);
    let session = session(proxy.proxies("us%65r:p%40ss@"));
    for _ in 0..2 {
        let response = get(&session, "http://Host.Test:8080/path?a=b#fragment");
        assert!(response.is_ok(), "{response:?}");
    }
    for head in proxy.heads() {
        assert!(head.starts_with("GET http://host.test:8080/path?a=b HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("\r\nHost: host.test:8080\r\n"), "{head}");
        assert!(head.contains("\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n"), "{head}");
    }
    assert_eq!((proxy.connections(), proxy.heads().len()), (1, 2), "the connection is kept");
}

#[test]
fn https_goes_through_a_tunnel_that_is_kept_and_the_server_learns_nothing_of_the_proxy() {
    let proxy = SmallProxy::start(PROXYS, None);
    let session = session(proxy.proxies("user:pass@"));
    for _ in 0..2 {
        let request =
            Request { headers: vec!["Proxy-Authorization: Bearer own".to_owned()], ..Request::get(secure("/echo")) };
        let response = session.fetch(request).wait();
        assert!(response.is_ok() && response.facts.tls.is_some(), "{response:?}");
        assert!(!response.text().to_lowercase().contains("proxy-"), "{}", response.text());
    }
    let heads = proxy.heads();
    assert_eq!((proxy.connections(), heads.len()), (1, 1));
    assert!(heads[0].starts_with(&format!("CONNECT localhost:{} HTTP/1.1\r\n", server().https().port())), "{heads:?}");
    assert!(heads[0].contains("\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n"), "{heads:?}");
    assert!(!heads[0].contains("Bearer own"), "{heads:?}");
}

#[test]
fn a_proxy_that_wants_a_password_is_told_and_asked_once() {
    let proxy = SmallProxy::start(WANTS_PASSWORD, Some(WANTS_PASSWORD));
    let session = session(proxy.proxies("user:se4ret@"));
    let response = get(&session, "http://host.test/");
    assert_eq!((response.result, response.code()), (ResultCode::Success, 407), "its answer is the response");
    let response = get(&session, &secure("/hello"));
    assert_eq!((response.result, response.code()), (ResultCode::CantConnect, 0));
    let start = format!("proxy {} answered 407 Proxy Authentication Required when asked for ", proxy.address);
    assert!(response.error.starts_with(&start), "{}", response.error);
    assert!(response.error.ends_with("; check the user and password for the proxy"), "{}", response.error);
    assert!(!response.error.contains("se4ret"), "{}", response.error);
    assert_eq!((proxy.heads().len(), response.facts.attempts), (2, 1));
}

#[test]
fn a_proxy_that_is_not_there_is_named_and_no_server_is_asked_past_it() {
    let chosen = Proxy::choose("127.0.0.1", server().refused_port().into());
    let session = session(Proxies { http: chosen.clone(), https: chosen, ..Proxies::default() });
    session.set(|settings| settings.max_retries = 0);
    for url in [format!("http://{}/hello", server().http()), secure("/hello")] {
        let response = get(&session, &url);
        assert_eq!(response.result, ResultCode::CantConnect, "{response:?}");
        let start = format!("cannot connect to proxy 127.0.0.1:{} (", server().refused_port());
        assert!(response.error.starts_with(&start), "{}", response.error);
    }
}

#[test]
fn a_proxy_that_cannot_be_used_refuses_the_request_with_its_reason() {
    let session = session(Proxies { http: Proxy::choose("socks5://a", 1080), ..Proxies::default() });
    let response = get(&session, &format!("http://{}/hello", server().http()));
    assert_eq!(response.result, ResultCode::InvalidRequest);
    assert!(response.error.contains("socks5"), "{}", response.error);
}

#[test]
fn a_connection_by_way_of_one_proxy_serves_no_other_way() {
    let (first, second) = (SmallProxy::start(PROXYS, None), SmallProxy::start(PROXYS, None));
    let url = format!("http://{}/hello", server().http());
    let session = session(first.proxies(""));
    // Each of them leaves an idle connection to the same server.
    let ways = [first.proxies(""), second.proxies(""), first.proxies("other@"), Proxies::default()];
    for way in &ways {
        session.set(|settings| settings.proxies = way.clone());
        assert!(get(&session, &url).is_ok());
    }
    assert_eq!((first.connections(), second.connections()), (2, 1), "another user has a connection of its own");
    let [of_first, of_second] = [&first, &second].map(|proxy| proxy.heads().len());
    assert_eq!((of_first, of_second), (2, 1), "and the last one asked the server itself");
    for way in &ways {
        session.set(|settings| settings.proxies = way.clone());
        assert!(get(&session, &url).is_ok());
    }
    assert_eq!((first.connections(), second.connections()), (2, 1), "each finds its own again");
    assert_eq!((first.heads().len(), second.heads().len()), (4, 2));
    let users: Vec<bool> = first.heads().iter().map(|head| head.contains("Proxy-Authorization")).collect();
    assert_eq!(users, [false, true, false, true]);
}

#[test]
fn a_tunnel_to_one_server_serves_no_other() {
    let proxy = SmallProxy::start(PROXYS, None);
    let session = session(proxy.proxies(""));
    let by_address = format!("https://127.0.0.1:{}/hello", server().https().port());
    for url in [secure("/hello"), by_address.clone(), secure("/hello"), by_address] {
        assert!(get(&session, &url).is_ok());
    }
    assert_eq!(proxy.heads().len(), 2, "a tunnel for each: {:?}", proxy.heads());
}

#[test]
fn a_redirect_goes_through_the_proxy_of_its_own_scheme() {
    let to_https =
        Box::leak(format!("302 Found\r\nLocation: {}\r\nContent-Length: 0", secure("/echo")).into_boxed_str());
    let plain = SmallProxy::start(to_https, None);
    let tunnel = SmallProxy::start(PROXYS, None);
    let session = session(Proxies {
        http: plain.proxies("plain:pass@").http,
        https: tunnel.proxies("").https,
        ..Proxies::default()
    });
    let request = Request {
        headers: vec!["Authorization: Bearer of-the-first".to_owned(), "proxy-authorization: Bearer own".to_owned()],
        ..Request::get("http://host.test/")
    };
    let response = session.fetch(request).wait();
    assert!(response.is_ok(), "{response:?}");
    assert!(!response.text().to_lowercase().contains("authorization"), "{}", response.text());
    assert!(plain.heads()[0].contains("\r\nproxy-authorization: Bearer own\r\n"), "{:?}", plain.heads());
    assert!(!tunnel.heads()[0].to_lowercase().contains("authorization"), "{:?}", tunnel.heads());
    assert_eq!((plain.heads().len(), tunnel.heads().len()), (1, 1));
}

#[test]
fn the_proxies_of_the_environment_have_their_exceptions() {
    let proxy = SmallProxy::start(PROXYS, None);
    let address = proxy.address;
    let session = session(Proxies::from_environment(|name| match name {
        "http_proxy" => Some(format!("http://user:pass@{address}/")),
        "no_proxy" => Some("127.0.0.1,.local".to_owned()),
        _ => None,
    }));
    assert!(get(&session, "http://host.test/").is_ok());
    let response = get(&session, &format!("http://{}/hello", server().http()));
    assert!(response.text().starts_with("Hello"), "the server was asked itself: {response:?}");
    assert!(get(&session, &secure("/hello")).result == ResultCode::Success, "https has none");
    assert_eq!(proxy.heads().len(), 1);
    assert!(proxy.heads()[0].contains("\r\nProxy-Authorization: Basic dXNlcjpwYXNz\r\n"));
}
