//! Sessions through tinyproxy, which closes each connection to a client after one response, except for tunnels.

use std::net::SocketAddr;
use std::sync::OnceLock;

use http_fetch::{ResultCode, Session, Settings};
use http_net::{Proxies, Proxy, TlsOptions, Trust};
use test_server::TestServer;

use super::servers::Server;
use super::{PATIENCE, get, text};

fn server() -> &'static TestServer {
    static SERVER: OnceLock<TestServer> = OnceLock::new();
    SERVER.get_or_init(|| TestServer::start().expect("the server starts"))
}

fn through(proxy: SocketAddr, user: &str) -> Session {
    let chosen = Proxy::choose(&format!("{user}{}", proxy.ip()), proxy.port().into());
    Session::new(Settings {
        timeout: Some(PATIENCE),
        proxies: Proxies { http: chosen.clone(), https: chosen, ..Proxies::default() },
        tls: TlsOptions { trust: Trust::Pem(server().ca_pem().as_bytes().into()), ..TlsOptions::default() },
        ..Settings::default()
    })
}

fn urls(path: &str) -> [String; 2] {
    [format!("http://{}{path}", server().http()), format!("https://localhost:{}{path}", server().https().port())]
}

/// Settings that only allow tunnels to this port.
fn settings(more: &str) -> String {
    format!("ConnectPort {}\n{more}", server().https().port())
}

#[test]
fn requests_go_through_tinyproxy_with_and_without_tls_and_its_password_reaches_no_server() {
    let Some(proxy) = Server::tinyproxy(&settings("BasicAuth user p4ss")) else { return };
    let session = through(proxy.address(), "user:p4ss@");
    let [plain, secure] = urls("/echo");
    for _ in 0..3 {
        let sent = text(&get(&session, &plain)).to_lowercase();
        assert!(sent.contains("\"via\"") && !sent.contains("authorization"), "{sent}");
        let sent = text(&get(&session, &secure)).to_lowercase();
        assert!(!sent.contains("\"via\"") && !sent.contains("authorization"), "{sent}");
    }
    for url in urls("/bytes/2000000") {
        let response = get(&session, &url);
        assert!(response.is_ok() && response.body.len() == 2_000_000, "{} {}", response.result, response.error);
    }
    let tunnels = proxy.log().lines().filter(|line| line.contains("CONNECT localhost")).count();
    assert_eq!(tunnels, 1, "one tunnel for all four: {}", proxy.log());
}

#[test]
fn without_the_right_password_tinyproxys_answer_is_told() {
    let Some(proxy) = Server::tinyproxy(&settings("BasicAuth user p4ss")) else { return };
    let [plain, secure] = urls("/hello");
    // tinyproxy responds to a wrong password with 401.
    for (user, code) in [("", 407), ("user:wr0ng@", 401)] {
        let session = through(proxy.address(), user);
        let response = get(&session, &plain);
        assert_eq!((response.result, response.code()), (ResultCode::Success, code), "{user:?}");
        let response = get(&session, &secure);
        assert_eq!((response.result, response.code()), (ResultCode::CantConnect, 0), "{user:?}");
        let start = format!("proxy {} answered {code} ", proxy.address());
        assert!(response.error.starts_with(&start) && !response.error.contains("wr0ng"), "{}", response.error);
    }
}

#[test]
fn a_server_that_tinyproxy_cannot_reach_is_named_by_the_one_who_asked() {
    let Some(proxy) = Server::tinyproxy(&format!("ConnectPort {}", server().refused_port())) else { return };
    let session = through(proxy.address(), "");
    let response = get(&session, &format!("https://127.0.0.1:{}/", server().refused_port()));
    assert_eq!(response.result, ResultCode::CantConnect);
    assert!(response.error.starts_with(&format!("proxy {} answered 5", proxy.address())), "{}", response.error);
    session.set(|settings| settings.max_retries = 0);
    let response = get(&session, "http://name.invalid/");
    assert_eq!(response.result, ResultCode::Success, "the proxy's page: {}", response.error);
    assert!((500..600).contains(&response.code()), "{}", response.code());
}
