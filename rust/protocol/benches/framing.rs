//! Benchmarks of the protocol: reading a head, decoding chunks, writing a request. Run them with `cargo bench -p http-protocol`.
#![allow(missing_docs, reason = "criterion's macros generate public items without documentation")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use http_protocol::{BodyStep, Connection, HeadStep, Method, Request, RequestFacts};

fn heads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head");
    for lines in [4, 13, 42, 420] {
        let mut head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n".to_vec();
        for number in 1..lines {
            head.extend_from_slice(format!("X-Field-{number}: {}\r\n", "v".repeat(36)).as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        group.throughput(Throughput::Bytes(head.len() as u64));
        group.bench_with_input(BenchmarkId::new("lines", lines), &head, |bencher, head| {
            bencher.iter(|| begun().read_head(black_box(head)).unwrap());
        });
    }
    group.finish();
}

fn chunks(criterion: &mut Criterion) {
    const BODY: usize = 1 << 20;
    let mut group = criterion.benchmark_group("chunked");
    group.throughput(Throughput::Bytes(BODY as u64));
    for size in [512, 16 * 1024] {
        let mut chunk = format!("{size:x}\r\n").into_bytes();
        chunk.resize(chunk.len() + size, 7);
        chunk.extend_from_slice(b"\r\n");
        let mut body = chunk.repeat(BODY / size);
        body.extend_from_slice(b"0\r\n\r\n");
        group.bench_with_input(BenchmarkId::new("chunk", size), &body, |bencher, body| {
            bencher.iter(|| {
                let mut connection = in_chunked_body();
                let mut rest = &body[..];
                let mut received = 0;
                while let BodyStep::Data { skip, len } = connection.next_body(black_box(rest), 65536, 65536).unwrap() {
                    rest = &rest[skip + len..];
                    received += len;
                }
                assert_eq!(received, BODY);
            });
        });
    }
    group.finish();
}

fn requests(criterion: &mut Criterion) {
    criterion.bench_function("request", |bencher| bencher.iter(|| encoded(black_box("/search?q=1&page=2"))));
}

fn encoded(url: &str) -> (Vec<u8>, RequestFacts) {
    let headers = ["Accept: application/json", "Authorization: Bearer 0123456789", "X-Client: bench"];
    let request = Request {
        method: Method::Get,
        url,
        headers: &headers,
        body_length: Some(0),
        host: "example.com",
        user_agent: "bench",
        proxy_prefix: "",
    };
    request.encode().unwrap()
}

fn begun() -> Connection {
    let mut connection = Connection::new();
    connection.begin(RequestFacts::default()).unwrap();
    connection
}

fn in_chunked_body() -> Connection {
    let mut connection = begun();
    let head = connection.read_head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
    assert!(matches!(head, HeadStep::Head { .. }));
    connection
}

criterion_group!(benches, heads, chunks, requests);
criterion_main!(benches);
