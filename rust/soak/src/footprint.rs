//! The memory that clients need: idle ones, and one that transfers a body larger than any buffer.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use http_client::{Body, HttpClient, Method, Status, TlsOptions, Trust};
use serde_json::Value;

use crate::process;
use crate::server::Addresses;

/// The number of clients that are connected and idle.
const IDLE_CLIENTS: u64 = 1000;
/// The memory that each may use, in bytes.
const PLAIN_CLIENT: u64 = 8 << 10;
const TLS_CLIENT: u64 = 64 << 10;

/// The size of the transferred body, and the memory that the transfer may add to the process, in bytes.
const LARGE_BODY: u64 = 2 << 30;
const TRANSFER: u64 = 32 << 20;

const PATIENCE: Duration = Duration::from_secs(600);

/// One line of the summary.
pub(crate) struct Cost {
    what: String,
    bytes: u64,
    limit: u64,
}

impl Cost {
    pub(crate) fn is_too_high(&self) -> bool {
        self.bytes >= self.limit
    }

    pub(crate) fn row(&self) -> String {
        let shown = |bytes: u64| match bytes {
            0..0x10_0000 => format!("{:.1} KiB", bytes as f64 / 1024.0),
            _ => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
        };
        let verdict = if self.is_too_high() { "**too much**" } else { "held" };
        format!("| {} | {} | {} | {verdict} |", self.what, shown(self.bytes), shown(self.limit))
    }
}

/// Measures everything.
pub(crate) fn measure(addresses: &Addresses) -> Result<Vec<Cost>> {
    Ok(vec![
        idle(addresses, false)?,
        idle(addresses, true)?,
        transfer("a download of 2 GiB", || download(addresses, false))?,
        transfer("a download of 2 GiB over TLS", || download(addresses, true))?,
        transfer("an upload of 2 GiB", || upload(addresses, false))?,
        transfer("an upload of 2 GiB over TLS", || upload(addresses, true))?,
    ])
}

/// Connects clients that each make one exchange and stay connected. A first client creates everything that exists only once.
fn idle(addresses: &Addresses, secure: bool) -> Result<Cost> {
    let first = connected(addresses, secure)?;
    exchange(&first)?;
    let before = process::resident()?;
    let mut clients = Vec::with_capacity(IDLE_CLIENTS as usize);
    for _ in 0..IDLE_CLIENTS {
        let client = connected(addresses, secure)?;
        exchange(&client)?;
        clients.push(client);
    }
    let grown = process::resident()?.saturating_sub(before);
    ensure!(clients.iter().all(|client| client.status() == Status::Connected), "an idle client lost its connection");
    let (how, limit) = if secure { ("TLS", TLS_CLIENT) } else { ("plain", PLAIN_CLIENT) };
    let what = format!("each of {IDLE_CLIENTS} idle clients, {how}");
    Ok(Cost { what, bytes: grown / IDLE_CLIENTS, limit })
}

/// Watches the memory of the process during `work`.
fn transfer(what: &str, work: impl FnOnce() -> Result<()> + Send) -> Result<Cost> {
    let before = process::resident()?;
    let peak = thread::scope(|scope| -> Result<u64> {
        let worker = scope.spawn(work);
        let mut peak = before;
        while !worker.is_finished() {
            peak = peak.max(process::resident()?);
            thread::sleep(Duration::from_millis(10));
        }
        worker.join().map_err(|_| anyhow::anyhow!("{what} panicked"))??;
        Ok(peak)
    })?;
    Ok(Cost { what: what.to_owned(), bytes: peak - before, limit: TRANSFER })
}

fn download(addresses: &Addresses, secure: bool) -> Result<()> {
    let client = connected(addresses, secure)?;
    start(&client, Method::Get, &format!("/bytes/{LARGE_BODY}"), Box::new(Vec::new()))?;
    let mut length = 0;
    while client.status() == Status::Body {
        length += client.read_response_body_chunk::<Vec<u8>>()?.len() as u64;
    }
    ensure!(length == LARGE_BODY, "{length} of {LARGE_BODY} bytes came");
    Ok(())
}

fn upload(addresses: &Addresses, secure: bool) -> Result<()> {
    let client = connected(addresses, secure)?;
    // The system does not allocate memory for pages of zeros until they are written.
    start(&client, Method::Post, "/upload", Box::new(vec![0; LARGE_BODY as usize]))?;
    let mut body = Vec::new();
    while client.status() == Status::Body {
        body.extend(client.read_response_body_chunk::<Vec<u8>>()?);
    }
    let receipt: Value = serde_json::from_slice(&body).context("the server's receipt")?;
    ensure!(receipt["bytes"] == LARGE_BODY, "the server received {receipt}");
    Ok(())
}

fn connected(addresses: &Addresses, secure: bool) -> Result<HttpClient> {
    let client = HttpClient::default();
    client.set_blocking_mode(true);
    let tls = TlsOptions { trust: Trust::Pem(addresses.ca_pem.clone()), ..TlsOptions::default() };
    let address = if secure { addresses.https } else { addresses.http };
    client.connect_to_host("127.0.0.1", address.port().into(), secure, &tls)?;
    while client.status() < Status::Connected {
        client.poll()?;
    }
    Ok(client)
}

fn exchange(client: &HttpClient) -> Result<()> {
    start(client, Method::Get, "/hello", Box::new(Vec::new()))?;
    while client.status() == Status::Body {
        client.read_response_body_chunk::<Vec<u8>>()?;
    }
    Ok(())
}

fn start(client: &HttpClient, method: Method, target: &str, body: Body) -> Result<()> {
    client.request(method, target, &[], body)?;
    let started = Instant::now();
    while client.status() == Status::Requesting {
        client.poll()?;
        ensure!(started.elapsed() < PATIENCE, "{target} was not answered");
    }
    Ok(())
}
