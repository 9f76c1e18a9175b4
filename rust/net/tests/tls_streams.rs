//! Tests what TLS sends first, over a stream in memory.
#![allow(missing_docs)]

#[path = "support/tls_memory.rs"]
mod memory;

use http_net::streams::TlsStream;
use http_net::{Context, TlsOptions};
use memory::Memory;

#[test]
fn the_first_message_fits_a_packet_without_the_hybrid_key_exchange() {
    let length = |without_hybrid| {
        let memory = Memory::new();
        let tls = TlsOptions { without_hybrid, ..TlsOptions::default() };
        let mut stream = TlsStream::start(Context::shared(), Box::new(memory.clone()), "server.test", &tls).unwrap();
        assert_eq!(stream.handshake(), Ok(false));
        let between = memory.between();
        between.to_server.len()
    };
    let (with, without) = (length(false), length(true));
    assert!((1400..1700).contains(&with) && (200..400).contains(&without), "{with} and {without} bytes");
}
