//! Benchmarks of exchanges over loopback, without Godot. Run them with `cargo bench -p http-client`.
#![allow(missing_docs, reason = "criterion's macros generate public items without documentation")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use http_client::{HttpClient, Method, Status, TlsOptions};
use test_server::TestServer;

fn small_exchange(criterion: &mut Criterion) {
    let server = TestServer::start().unwrap();
    let client = connected(&server);
    criterion.bench_function("keep-alive GET of 1 KiB", |bencher| {
        bencher.iter(|| assert_eq!(get(&client, "/small/1024"), 1024));
    });
}

fn idle_poll(criterion: &mut Criterion) {
    let server = TestServer::start().unwrap();
    let client = connected(&server);
    get(&client, "/small/1024");
    criterion.bench_function("poll() on an idle connection", |bencher| bencher.iter(|| client.poll().unwrap()));
}

fn bodies(criterion: &mut Criterion) {
    const BODY: usize = 8 << 20;
    let server = TestServer::start().unwrap();
    let client = connected(&server);
    let mut group = criterion.benchmark_group("8 MiB");
    group.throughput(Throughput::Bytes(BODY as u64)).sample_size(20);
    for path in [format!("/bytes/{BODY}"), format!("/chunked/{BODY}?size=16384"), format!("/chunked/{BODY}?size=512")] {
        group.bench_with_input(BenchmarkId::new("GET", &path), &path, |bencher, path| {
            bencher.iter(|| assert_eq!(get(&client, path), BODY));
        });
    }
    group.finish();
}

fn connected(server: &TestServer) -> HttpClient {
    let client = HttpClient::default();
    client.connect_to_host("127.0.0.1", server.http().port().into(), false, &TlsOptions::default()).unwrap();
    while client.status() < Status::Connected {
        client.poll().unwrap();
    }
    client
}

/// Polls like a game, without waiting, and returns the length of the body.
fn get(client: &HttpClient, path: &str) -> usize {
    client.request(Method::Get, path, &[], Box::new(Vec::new())).unwrap();
    while client.status() == Status::Requesting {
        client.poll().unwrap();
    }
    let mut received = 0;
    while client.status() == Status::Body {
        received += client.read_response_body_chunk::<Vec<u8>>().unwrap().len();
    }
    received
}

criterion_group!(benches, small_exchange, idle_poll, bodies);
criterion_main!(benches);
