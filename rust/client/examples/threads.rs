//! Uses one client in two threads: one waits for the response, the other closes the client after a second. `cargo run -p http-client
//! --example threads -- 127.0.0.1:8080 /slow`.

use std::error::Error;
use std::thread;
use std::time::Duration;

use http_client::{Error as ClientError, HttpClient, Method, Status, TlsOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let path = arguments.next().unwrap_or_else(|| "/".to_owned());
    let client = HttpClient::default();
    client.set_blocking_mode(true);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| answer(&client, &host, &path));
        thread::sleep(Duration::from_secs(1));
        // This ends the blocked call of the other thread.
        client.close();
        match waiting.join() {
            Ok(Ok(code)) => println!("answered in time: {code}"),
            Ok(Err(error)) => println!("given up: {error}"),
            Err(_) => println!("the thread panicked"),
        }
    });
    Ok(())
}

fn answer(client: &HttpClient, host: &str, path: &str) -> Result<u16, ClientError> {
    client.connect_to_host(host, -1, false, &TlsOptions::default())?;
    while client.status() < Status::Connected {
        client.poll()?;
    }
    client.request(Method::Get, path, &[], Box::new(Vec::new()))?;
    while client.status() == Status::Requesting {
        client.poll()?;
    }
    Ok(client.response_code())
}
