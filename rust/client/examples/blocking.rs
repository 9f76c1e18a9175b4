//! Fetches a page in blocking mode: `cargo run -p http-client --example blocking -- http://127.0.0.1:8080/`.

use std::error::Error;
use std::io::{Write, stdout};

use http_client::{HttpClient, Method, Status, TlsOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8080/".to_owned());
    let client = HttpClient::default();
    client.set_blocking_mode(true);
    let (origin, path) = split(&url);
    client.connect_to_host(origin, -1, false, &TlsOptions::default())?;
    while client.status() < Status::Connected {
        client.poll()?;
    }
    client.request(Method::Get, path, &[], Box::new(Vec::new()))?;
    while client.status() == Status::Requesting {
        client.poll()?;
    }
    eprintln!("{} in {:?}", client.response_code(), client.timings());
    while client.status() == Status::Body {
        stdout().write_all(&client.read_response_body_chunk::<Vec<u8>>()?)?;
    }
    Ok(())
}

/// Splits a URL after the scheme and host.
fn split(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    match url[host..].find(['/', '?', '#']) {
        Some(path) => url.split_at(host + path),
        None => (url, "/"),
    }
}
