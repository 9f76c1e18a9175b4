//! Benchmarks of an exchange with and without an observer. Run them with `cargo bench -p http-net`.
#![allow(missing_docs, reason = "criterion's macros generate public items without documentation")]

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use http_net::memory::{MemoryStream, pair};
use http_net::{Body, ConnectionId, Content, Context, Event, Link, Method, Observer, Request};

const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[derive(Default)]
struct Counting {
    events: AtomicU64,
    is_curious: bool,
}

impl Observer for Counting {
    fn event(&self, _: ConnectionId, event: &Event<'_>) {
        black_box(event);
        self.events.fetch_add(1, Ordering::Relaxed);
    }

    fn wants_content(&self) -> bool {
        self.is_curious
    }

    fn content(&self, _: ConnectionId, content: Content<'_>) {
        black_box(&content);
        self.events.fetch_add(1, Ordering::Relaxed);
    }
}

/// Performs one exchange in memory, which causes six events.
fn exchange(link: &mut Link, far: &MemoryStream, now: Instant) {
    let request = Request { method: Method::Get, url: "/", headers: &[], user_agent: "bench" };
    link.begin(&request, Body::empty(), now).unwrap();
    far.take();
    far.push(REPLY);
    link.receive_head(now).unwrap().unwrap();
    assert_eq!(link.read_available::<Vec<u8>>(now).unwrap(), b"hello");
}

fn exchanges(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("an exchange in memory");
    let observers: [(&str, Option<Counting>); 3] = [
        ("that nobody watches", None),
        ("of which the events are counted", Some(Counting::default())),
        ("that is shown whole", Some(Counting { is_curious: true, ..Counting::default() })),
    ];
    for (name, observer) in observers {
        let context = Arc::new(Context::new(Instant::now, None));
        context.set_observer(observer.map(|observer| Arc::new(observer) as _));
        let now = context.now();
        let (near, far) = pair(1 << 16);
        let mut link = Link::over(context, Box::new(near), None, now);
        group.bench_function(name, |bencher| bencher.iter(|| exchange(&mut link, &far, now)));
    }
    group.finish();
}

criterion_group!(benches, exchanges);
criterion_main!(benches);
