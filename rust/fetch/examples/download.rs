//! Downloads a file and shows how far it is; started again, it goes on where it broke off:
//! `cargo run -p http-fetch --example download -- URL FILE`

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use http_fetch::{Download, Notice, Request, Session, Settings};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, file] = arguments.as_slice() else {
        eprintln!("usage: download URL FILE");
        return ExitCode::FAILURE;
    };
    let session = Session::new(Settings::default());
    let task = session.download(Request::get(url), Download::to(file));
    loop {
        for notice in task.next_notices(None) {
            match notice {
                Notice::Progress { bytes, total: Some(total) } => print!("\r{bytes} of {total} bytes"),
                Notice::Progress { bytes, total: None } => print!("\r{bytes} bytes"),
                Notice::Retrying { attempt, after, reason } => {
                    println!("\n{reason}; attempt {attempt} follows in {after:.1?}");
                }
                Notice::Completed(response) => {
                    println!("\n{} {}", response.result, response.error);
                    return if response.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
                }
                _ => {}
            }
        }
        // Whatever this cannot show in time is told with the next progress.
        let _ = std::io::stdout().flush();
        std::thread::sleep(Duration::from_millis(100));
    }
}
