//! Chooses the next exchange, and its expected result.

use std::time::Duration;

use http_client::Method;

/// A small random generator (xorshift64*). The same seed gives the same exchanges on every machine.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // The generator never leaves the state zero.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number from 0 up to and not including `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // The upper bits are more random.
        (self.next() >> 16) % end.max(1)
    }

    pub(crate) fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A random part of `block`.
    fn bytes(&mut self, block: &[u8], count: u64) -> Vec<u8> {
        let count = count as usize % block.len();
        let start = self.below((block.len() - count) as u64) as usize;
        block[start..start + count].to_vec()
    }
}

/// One of the server's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Http,
    Https,
    Raw,
    Refused,
    NeverAccepts,
}

/// One exchange.
pub(crate) struct Plan {
    /// The row of the summary in which it is counted.
    pub(crate) kind: &'static str,
    pub(crate) place: Place,
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) body: Vec<u8>,
    pub(crate) expect: Expect,
    /// Whether the connection can be used again afterwards.
    pub(crate) keeps: bool,
    /// The number of calls after which the client is closed.
    pub(crate) cancel_after: Option<u64>,
    pub(crate) read_timeout: Duration,
    pub(crate) read_chunk_size: i64,
    /// Whether all available bytes are read at once, instead of chunk by chunk.
    pub(crate) available: bool,
}

/// The expected result of an exchange that is not cancelled.
pub(crate) enum Expect {
    /// This status code, and this number of bytes of the server's repeated block.
    Block(u16, u64),
    /// Status 200 and this text.
    Text(&'static str),
    /// The checksum of the sent body, as JSON.
    Receipt,
    /// A failure with a connection error.
    Failure,
    /// The connection cannot be made.
    CannotConnect,
    /// Success or failure. The only requirement is that the client stays usable.
    Any,
}

/// The text of the status 413, which is the only reply without success.
pub(crate) const TOO_LARGE: &str = "too large\n";

const PATIENT: Duration = Duration::from_secs(60);
const IMPATIENT: Duration = Duration::from_millis(300);

impl Plan {
    /// Chooses an exchange. Bodies consist of parts of `block`.
    pub(crate) fn next(random: &mut Random, block: &[u8]) -> Self {
        let mut plan = match random.below(100) {
            0..70 => Self::well_behaved(random, block),
            70..96 => Self::fault(random, block),
            96..98 => Self::new("refused connections", Place::Refused, "/", Expect::CannotConnect),
            _ => Self {
                cancel_after: Some(random.below(50)),
                ..Self::new("connections that are never accepted", Place::NeverAccepts, "/", Expect::Any)
            },
        };
        plan.read_chunk_size = random.pick(&[256, 1000, 4096, 65536, 65536, 65536, 1 << 20]);
        plan.available = random.one_in(3);
        if random.one_in(10) {
            plan.cancel_after = Some(random.below(60));
        }
        plan
    }

    fn new(kind: &'static str, place: Place, target: impl Into<String>, expect: Expect) -> Self {
        Self {
            kind,
            place,
            method: Method::Get,
            target: target.into(),
            body: Vec::new(),
            expect,
            keeps: matches!(place, Place::Http | Place::Https),
            cancel_after: None,
            read_timeout: PATIENT,
            read_chunk_size: 65536,
            available: false,
        }
    }

    fn well_behaved(random: &mut Random, block: &[u8]) -> Self {
        let place = if random.one_in(3) { Place::Https } else { Place::Http };
        let length = match random.below(10) {
            0 => random.below(3),
            1..8 => random.below(40_000),
            _ => random.below(600_000),
        };
        let plan = |kind, target: String, expect| Self::new(kind, place, target, expect);
        match random.below(12) {
            0..3 => plan("bodies with a length", format!("/bytes/{length}"), Expect::Block(200, length)),
            3..6 => {
                let size = 1 + random.below(30_000).max(length / 100);
                let target = format!("/chunked/{length}?size={size}");
                plan("chunked bodies", target, Expect::Block(200, length))
            }
            6 => Self {
                keeps: false,
                ..plan("bodies until close", format!("/until-close/{length}"), Expect::Block(200, length))
            },
            7 => Self {
                method: Method::Head,
                ..plan("bodyless responses", format!("/bytes/{length}"), Expect::Block(200, 0))
            },
            8 => plan("bodyless responses", "/status/204".to_owned(), Expect::Block(204, 0)),
            9 => Self {
                keeps: false,
                ..plan("responses that say close", "/close".to_owned(), Expect::Text("This connection ends now.\n"))
            },
            10 => {
                plan("interim responses", "/early-hints".to_owned(), Expect::Text("Hello from the embedded server.\n"))
            }
            _ => Self {
                method: random.pick(&[Method::Post, Method::Put, Method::Patch]),
                body: random.bytes(block, length),
                ..plan("uploads", "/upload".to_owned(), Expect::Receipt)
            },
        }
    }

    fn fault(random: &mut Random, block: &[u8]) -> Self {
        const FAILING: &[&str] = &[
            "reset-at-once",
            "reset-in-head?ms=5",
            "reset-in-body?ms=5",
            "reset-in-chunk?ms=5",
            "body-cut-short",
            "endless-1xx",
            "megabytes-of-header?mb=1",
        ];
        const STALLING: &[&str] = &["never-answers", "stop-in-head", "stop-in-chunk", "stop-between-chunks"];
        const ENDLESS: &[&str] = &["endless-small-chunks", "length-max?ms=1"];
        const ANSWERING: &[&str] = &["drip?ms=1", "half-close", "idle-close?ms=1", "two-responses", "data-after-end"];
        let raw = |kind, fault: String, expect| Self::new(kind, Place::Raw, format!("/fault/{fault}"), expect);
        match random.below(10) {
            0..3 => raw("broken replies", random.pick(FAILING).to_owned(), Expect::Failure),
            3..5 => Self {
                read_timeout: IMPATIENT,
                ..raw("replies that stop", random.pick(STALLING).to_owned(), Expect::Failure)
            },
            5 => Self {
                cancel_after: Some(random.below(200)),
                ..raw("endless replies, cancelled", random.pick(ENDLESS).to_owned(), Expect::Any)
            },
            6 => raw("garbage", format!("garbage?seed={}", random.below(1 << 20)), Expect::Failure),
            7 => Self {
                method: Method::Post,
                body: random.bytes(block, 300_000),
                ..raw("early refusals of an upload", "early-413?ms=20".to_owned(), Expect::Text(TOO_LARGE))
            },
            _ => raw("odd but complete replies", random.pick(ANSWERING).to_owned(), Expect::Text("hello")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_plans_the_same_exchanges() {
        let plans = |seed| {
            let mut random = Random::new(seed);
            (0..100)
                .map(|_| Plan::next(&mut random, &[7; 1000]))
                .map(|plan| (plan.target, plan.body))
                .collect::<Vec<_>>()
        };
        assert_eq!(plans(1), plans(1));
        assert_ne!(plans(1), plans(2));
    }
}
