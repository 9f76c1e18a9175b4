//! Tests HTTP and HTTPS through tinyproxy.
#![allow(missing_docs)]

mod support;
mod support_tls;

use http_client::{ErrorCode, HttpClient, Status, TlsOptions};
use support::{get, open_at, server, until, until_failure};
use support_tls::programs::TinyProxy;
use support_tls::{info, trusting, try_connect};

fn proxied(proxy: &TinyProxy, user: &str) -> HttpClient {
    let client = HttpClient::default();
    let host = format!("{user}{}", proxy.address.ip());
    client.set_http_proxy(&host, proxy.address.port().into()).unwrap();
    client.set_https_proxy(&host, proxy.address.port().into()).unwrap();
    client
}

fn test_tls() -> TlsOptions {
    trusting(server().ca_pem())
}

fn sent_headers(client: &HttpClient) -> Vec<(String, String)> {
    let echo = get(client, "/echo?a=b").json();
    assert_eq!(echo["target"], "/echo?a=b");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let fields = echo["headers"].as_array().expect("a list");
    fields.iter().map(|field| (text(&field[0]).to_lowercase(), text(&field[1]))).collect()
}

#[test]
fn http_and_https_go_through_a_proxy() {
    let Some(proxy) = TinyProxy::start(
        "ConnectPort 1\nConnectPort HTTPS".replace("HTTPS", &server().https().port().to_string()).as_str(),
        "",
    ) else {
        return;
    };
    let client = proxied(&proxy, "");
    open_at(&client, server().http());
    until(&client, Status::Connected);
    for _ in 0..3 {
        let headers = sent_headers(&client);
        assert!(headers.contains(&("host".to_owned(), server().http().to_string())), "{headers:?}");
        assert!(headers.iter().any(|(name, _)| name == "via"), "tinyproxy was there: {headers:?}");
        if client.poll().is_err() {
            // tinyproxy closes each connection.
            open_at(&client, server().http());
            until(&client, Status::Connected);
        }
    }
    try_connect(&client, "127.0.0.1", server().https().port(), &test_tls()).unwrap();
    assert_eq!(info(&client).version, "TLSv1.3", "the server's TLS, end to end");
    for _ in 0..3 {
        let headers = sent_headers(&client);
        assert!(!headers.iter().any(|(name, _)| name == "via" || name.starts_with("proxy-")), "{headers:?}");
    }
    let body = get(&client, "/bytes/2000000");
    assert_eq!((body.body.len(), body.error), (2_000_000, None));
    assert!(proxy.log().contains("CONNECT"), "{}", proxy.log());
}

#[test]
fn names_are_resolved_by_the_proxy() {
    let Some(proxy) = TinyProxy::start("", "") else { return };
    let client = proxied(&proxy, "");
    client.connect_to_host("name.invalid", 80, false, &TlsOptions::default()).unwrap();
    assert_eq!(client.status(), Status::Connecting, "nothing is resolved here");
    until(&client, Status::Connected);
    let reply = get(&client, "/");
    assert!(reply.code >= 400, "the proxy says that it cannot: {reply:?}");
    let error = try_connect(&client, "name.invalid", 443, &TlsOptions::default()).unwrap_err();
    assert!(error.message.starts_with(&format!("proxy {} answered 5", proxy.address)), "{error}");
    assert!(error.message.ends_with(" when asked for name.invalid:443"), "{error}");
    assert_eq!((error.code, client.status()), (ErrorCode::CantConnect, Status::CantConnect));
}

#[test]
fn credentials_open_the_proxy_and_never_reach_the_server() {
    let Some(proxy) = TinyProxy::start("BasicAuth user p4ss", "") else { return };
    let client = proxied(&proxy, "user:p4ss@");
    open_at(&client, server().http());
    until(&client, Status::Connected);
    let headers = sent_headers(&client);
    assert!(!headers.iter().any(|(name, _)| name.contains("authorization")), "{headers:?}");
    try_connect(&client, "127.0.0.1", server().https().port(), &test_tls()).unwrap();
    let headers = sent_headers(&client);
    assert!(!headers.iter().any(|(name, _)| name.contains("authorization")), "{headers:?}");
}

#[test]
fn without_the_right_credentials_the_proxys_answer_is_shown() {
    let Some(proxy) = TinyProxy::start("BasicAuth user p4ss", "") else { return };
    for user in ["", "user:wrong@", "user@"] {
        let client = proxied(&proxy, user);
        open_at(&client, server().http());
        until(&client, Status::Connected);
        // tinyproxy responds with 401 to wrong credentials.
        let (code, reason) =
            if user.is_empty() { (407, "Proxy Authentication Required") } else { (401, "Unauthorized") };
        assert_eq!(get(&client, "/hello").code, code, "{user:?}: HTTP: the answer is the proxy's");
        let error = try_connect(&client, "127.0.0.1", server().https().port(), &test_tls()).unwrap_err();
        let start = format!("proxy {} answered {code} {reason} when asked for ", proxy.address);
        assert!(error.message.starts_with(&start), "{user:?}: {error}");
        assert!(
            error.message.ends_with(
                "; check the \
            user and password for the proxy"
            ),
            "{user:?}: {error}"
        );
        assert_eq!((error.code, client.status()), (ErrorCode::CantConnect, Status::CantConnect));
    }
}

#[test]
fn a_host_that_the_proxy_refuses_is_named() {
    let Some(proxy) = TinyProxy::start("Filter \"FILTER\"\nFilterURLs Off", "127\\.0\\.0\\.1\n") else { return };
    let client = proxied(&proxy, "");
    open_at(&client, server().http());
    until(&client, Status::Connected);
    assert_eq!(get(&client, "/hello").code, 403);
    let port = server().https().port();
    let error = try_connect(&client, "127.0.0.1", port, &test_tls()).unwrap_err();
    assert!(error.message.starts_with(&format!("proxy {} answered 403 ", proxy.address)), "{error}");
    assert!(error.message.ends_with(&format!(" when asked for 127.0.0.1:{port}")), "{error}");
}

#[test]
fn a_server_that_the_proxy_cannot_reach_is_named() {
    let Some(proxy) = TinyProxy::start("", "") else { return };
    let client = proxied(&proxy, "");
    let error = try_connect(&client, "127.0.0.1", server().refused_port(), &test_tls()).unwrap_err();
    assert!(error.message.starts_with(&format!("proxy {} answered 5", proxy.address)), "{error}");
    assert_eq!(client.status(), Status::CantConnect);
}

#[test]
fn a_proxy_that_was_unset_is_not_asked() {
    let Some(proxy) = TinyProxy::start("BasicAuth user p4ss", "") else { return };
    for (host, port) in [("", 8080), ("127.0.0.1", -1)] {
        let client = proxied(&proxy, "");
        client.set_http_proxy(host, port).unwrap();
        client.set_https_proxy(host, port).unwrap();
        open_at(&client, server().http());
        until(&client, Status::Connected);
        assert_eq!(get(&client, "/hello").code, 200);
        try_connect(&client, "127.0.0.1", server().https().port(), &test_tls()).unwrap();
        assert_eq!(get(&client, "/hello").code, 200);
    }
}

#[test]
fn a_server_with_the_wrong_certificate_is_refused_through_a_proxy_too() {
    let Some(proxy) = TinyProxy::start("", "") else { return };
    let client = proxied(&proxy, "");
    let sentence = support_tls::refusal_of(&client, "127.0.0.1", server().https(), &TlsOptions::default());
    assert!(sentence.starts_with("the certificate of \"127.0.0.1\" was issued by an authority"), "{sentence}");
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    for secure in [false, true] {
        let client = HttpClient::default();
        let port = server().refused_port();
        client.set_http_proxy("127.0.0.1", port.into()).unwrap();
        client.set_https_proxy("127.0.0.1", port.into()).unwrap();
        client.connect_to_host("host.test", -1, secure, &test_tls()).unwrap();
        let error = until_failure(&client);
        assert_eq!(error.code, ErrorCode::CantConnect);
        assert!(error.message.starts_with(&format!("cannot connect to proxy 127.0.0.1:{port} (")), "{error}");
        client.set_http_proxy("name.invalid", 3128).unwrap();
        client.set_https_proxy("name.invalid", 3128).unwrap();
        client.connect_to_host("host.test", -1, secure, &test_tls()).unwrap();
        let error = until_failure(&client);
        assert_eq!(error.code, ErrorCode::CantResolve);
        assert!(error.message.starts_with("the proxy's name \"name.invalid\" could not be resolved"), "{error}");
    }
}
