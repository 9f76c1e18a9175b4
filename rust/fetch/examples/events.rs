//! Prints server-sent events, across reconnections: `cargo run -p http-fetch --example events -- URL`

use http_fetch::{Notice, Request, Session, Settings};

fn main() {
    let Some(url) = std::env::args().nth(1) else { return eprintln!("usage: events URL") };
    let session = Session::new(Settings::default());
    let task = session.listen(Request::get(url));
    loop {
        for notice in task.next_notices(None) {
            match notice {
                Notice::Event(event) => println!("{} [{}]: {}", event.kind, event.id, event.data),
                Notice::Retrying { after, reason, .. } => println!("({reason}; again in {after:.1?})"),
                Notice::Completed(response) => return println!("{} {}", response.result, response.error),
                _ => {}
            }
        }
    }
}
