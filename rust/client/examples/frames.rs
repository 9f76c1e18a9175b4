//! Downloads a file like a game: each frame does a small part, and never waits for the network. `cargo run -p http-client --example frames
//! -- 127.0.0.1:8080 /file`.

use std::error::Error;
use std::thread::sleep;
use std::time::Duration;

use http_client::{HttpClient, Method, Settings, Status, TlsOptions};

const FRAME: Duration = Duration::from_micros(16_667);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let path = arguments.next().unwrap_or_else(|| "/".to_owned());
    let client = HttpClient::new(Settings { read_timeout: Some(Duration::from_secs(10)), ..Settings::default() });
    client.connect_to_host(&host, -1, false, &TlsOptions::default())?;
    let (mut received, mut frames) = (0, 0);
    loop {
        client.poll()?;
        match client.status() {
            Status::Connected if frames > 0 && client.response_code() != 0 => break,
            Status::Connected => client.request(Method::Get, &path, &[], Box::new(Vec::new()))?,
            Status::Body => {
                received += client.read_response_body_available::<Vec<u8>>()?.len();
                println!("frame {frames}: {received} of {} bytes", client.response_body_length());
            }
            // The body ended with the connection.
            Status::Disconnected => break,
            _ => {}
        }
        sleep(FRAME);
        frames += 1;
    }
    println!("{} with {received} bytes in {frames} frames", client.response_code());
    Ok(())
}
