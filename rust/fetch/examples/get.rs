//! Fetches URLs, all at once, and prints what came of each: `cargo run -p http-fetch --example get -- URL…`

use http_fetch::{Request, Session, Settings};

fn main() {
    let session = Session::new(Settings::default());
    let tasks: Vec<_> = std::env::args().skip(1).map(|url| session.fetch(Request::get(url))).collect();
    if tasks.is_empty() {
        eprintln!("usage: get URL…");
    }
    for task in tasks {
        let response = task.wait();
        println!("{} {} ({} bytes)", response.code(), response.facts.url, response.body.len());
        if !response.error.is_empty() {
            println!("  {}: {}", response.result, response.error);
        }
    }
}
