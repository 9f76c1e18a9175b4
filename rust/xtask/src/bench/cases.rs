//! What is measured, and what the figures have to come to.

/// One run of Godot: what `bench.gd` knows under this name, and the rows that come of it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) rows: &'static [Row],
}

/// One row of the table: a figure of HTTPClientRust beside one of something else.
pub(crate) struct Row {
    pub(crate) title: &'static str,
    /// The figure's name in `bench.gd`'s lines.
    pub(crate) figure: &'static str,
    pub(crate) unit: Unit,
    /// What stands in the first column, `built-in` mostly.
    pub(crate) against: &'static str,
    /// Which way of reading stands in the second: `ours`, or `available`.
    pub(crate) ours: &'static str,
    pub(crate) goal: Goal,
}

/// How a figure is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unit {
    /// A number a second.
    PerSecond,
    /// Bytes a second.
    BytesPerSecond,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
    /// Bytes.
    Bytes,
}

/// What a row has to come to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// The ratio of ours to the other is at least this.
    RatioAtLeast(f64),
    /// The ratio is at most this.
    RatioAtMost(f64),
    /// Our own figure is at most this, whatever the other one is.
    FigureAtMost(f64),
    /// None of its own; the row is there to be compared.
    None,
}

const BUILT_IN: &str = "built-in";

const fn row(title: &'static str, figure: &'static str, unit: Unit, goal: Goal) -> Row {
    Row { title, figure, unit, against: BUILT_IN, ours: "ours", goal }
}

impl Row {
    const fn against(mut self, other: &'static str) -> Self {
        self.against = other;
        self
    }

    const fn available(mut self) -> Self {
        self.ours = "available";
        self
    }
}

use Goal::{FigureAtMost, None as NoGoal, RatioAtLeast, RatioAtMost};
use Unit::{Bytes, BytesPerSecond, Microseconds, Nanoseconds, PerSecond};

/// The table.
pub(crate) const CASES: &[Case] = &[
    Case {
        name: "keep_alive",
        rows: &[
            row("keep-alive GET of 1 KiB with 13 header lines", "rate", PerSecond, RatioAtLeast(5.0)),
            row("the same, beside a bare Rust loop", "rate", PerSecond, RatioAtLeast(0.5)).against("bare loop"),
            row("such GETs in a second of processor time", "per_processor_second", PerSecond, RatioAtLeast(5.0)),
            row(
                "the same, beside a bare Rust loop that polls too",
                "per_processor_second",
                PerSecond,
                RatioAtLeast(0.5),
            )
            .against("polling bare loop"),
        ],
    },
    Case {
        name: "new_connections",
        rows: &[
            row("a new connection for each such GET", "rate", PerSecond, RatioAtLeast(2.0)),
            row("the same, beside a bare Rust loop", "rate", PerSecond, NoGoal).against("bare loop"),
        ],
    },
    Case {
        name: "identity",
        rows: &[row("512 MiB identity body, default chunk size", "rate", BytesPerSecond, RatioAtLeast(1.0))],
    },
    Case {
        name: "identity_4m",
        rows: &[row("the same with `read_chunk_size` 4 MiB", "rate", BytesPerSecond, RatioAtLeast(1.0))],
    },
    Case {
        name: "chunked_16k",
        rows: &[row("256 MiB chunked, 16 KiB chunks", "rate", BytesPerSecond, RatioAtLeast(2.5))],
    },
    Case {
        name: "chunked_512",
        rows: &[
            row("32 MiB chunked, 512-byte chunks, one by one", "rate", BytesPerSecond, RatioAtLeast(4.0)),
            row("the same with `read_response_body_available()`", "rate", BytesPerSecond, RatioAtLeast(10.0))
                .available(),
        ],
    },
    Case {
        name: "until_close",
        rows: &[row("256 MiB until the connection closes", "rate", BytesPerSecond, RatioAtLeast(1.0))],
    },
    Case {
        name: "tls",
        rows: &[
            row("512 MiB over TLS 1.3", "rate", BytesPerSecond, RatioAtLeast(3.0)),
            row("the same, beside curl", "rate", BytesPerSecond, RatioAtLeast(0.95)).against("curl"),
        ],
    },
    Case {
        name: "upload",
        rows: &[row("upload of 64 MiB with `request_raw`", "rate", BytesPerSecond, RatioAtLeast(3.0))],
    },
    Case {
        name: "handshake",
        rows: &[
            row("full TLS handshake, time in all its `poll()` calls", "total", Microseconds, RatioAtMost(0.25)),
            row("the same, the longest call", "longest", Microseconds, RatioAtMost(0.25)),
            row("the same, processor time of the loop", "processor_us", Microseconds, NoGoal),
        ],
    },
    Case {
        name: "resumed",
        rows: &[
            row(
                "resumed TLS handshake (the built-in's is full), time in `poll()`",
                "total",
                Microseconds,
                RatioAtMost(0.125),
            ),
            row("the same, processor time of the loop", "processor_us", Microseconds, NoGoal),
        ],
    },
    Case { name: "idle_polls", rows: &[row("`poll()` on an idle connection", "rate", PerSecond, RatioAtLeast(1.0))] },
    Case {
        name: "frames",
        rows: &[
            row("one `poll()` and one read in a frame of 1/60 s", "rate", BytesPerSecond, RatioAtLeast(1.0)),
            row("the same with `read_response_body_available()`", "rate", BytesPerSecond, RatioAtLeast(8.0))
                .available(),
            row("processor time for that in a frame", "processor_us_per_frame", Microseconds, NoGoal).available(),
        ],
    },
    Case {
        name: "paced_frames",
        rows: &[
            row(
                "the same, the server sending a chunk of 128 KiB every 1 to 2 ms",
                "rate",
                BytesPerSecond,
                RatioAtLeast(8.0),
            )
            .available(),
            row("processor time for that in a frame", "processor_us_per_frame", Microseconds, FigureAtMost(1000.0))
                .available(),
        ],
    },
    Case {
        name: "idle_clients",
        rows: &[row("resident memory for each idle client", "bytes", Bytes, FigureAtMost(4096.0))],
    },
    Case {
        name: "crowd",
        rows: &[
            row("500 downloads of 1 MiB at once, a read each in a frame", "total", Microseconds, RatioAtMost(0.5)),
            row("the same, the worst frame", "longest", Microseconds, RatioAtMost(1.0)),
            row("the same with `read_response_body_available()`", "total", Microseconds, RatioAtMost(0.5)).available(),
            row("the same, the worst frame", "longest", Microseconds, RatioAtMost(1.0)).available(),
        ],
    },
    Case {
        name: "blocking",
        rows: &[
            row("blocking mode: processor time for a small GET", "processor_us", Microseconds, RatioAtMost(0.1)),
            row("the same, beside a bare Rust loop", "processor_us", Microseconds, NoGoal).against("bare loop"),
        ],
    },
];

/// What single calls cost: the binding's hot paths, each by itself.
pub(crate) const CALLS: &[Case] = &[Case {
    name: "calls",
    rows: &[
        row("`get_status()`", "get_status", Nanoseconds, NoGoal),
        row("`get_response_code()`", "get_response_code", Nanoseconds, NoGoal),
        row("`get_response_body_length()`", "get_response_body_length", Nanoseconds, NoGoal),
        row(
            "`request()` with one header; ours sends it, the built-in leaves that to `poll()`",
            "request",
            Nanoseconds,
            NoGoal,
        ),
        row("`get_response_headers()` of 13 lines", "headers", Nanoseconds, NoGoal),
        row("`get_response_headers_as_dictionary()`", "dictionary", Nanoseconds, NoGoal),
        row("`new()`, and freeing it", "made", Nanoseconds, NoGoal),
    ],
}];

/// How the cost grows.
pub(crate) const GROWTH: &[Case] = &[
    Case {
        name: "clients",
        rows: &[
            row("processor time for a small GET, 1 client", "clients_1.processor_us", Microseconds, NoGoal),
            row("with 10 clients at once", "clients_10.processor_us", Microseconds, NoGoal),
            row("with 100 clients", "clients_100.processor_us", Microseconds, NoGoal),
            row("with 1,000 clients", "clients_1000.processor_us", Microseconds, NoGoal),
        ],
    },
    Case {
        name: "heads",
        rows: &[
            row("a GET with 4 header lines, 0.2 KiB, all asked for", "heads_4.processor_us", Microseconds, NoGoal),
            row("with 42 lines, 2 KiB", "heads_42.processor_us", Microseconds, NoGoal),
            row("with 420 lines, 20 KiB", "heads_420.processor_us", Microseconds, NoGoal),
            row("for each of 42 lines", "heads_42.processor_us_per_line", Microseconds, NoGoal),
            row("for each of 420 lines", "heads_420.processor_us_per_line", Microseconds, NoGoal),
        ],
    },
    Case {
        name: "bodies",
        rows: &[
            row("processor time for each KiB of a body of 1 KiB", "bodies_1.processor_ns_per_kib", Nanoseconds, NoGoal),
            row("of 32 KiB", "bodies_32.processor_ns_per_kib", Nanoseconds, NoGoal),
            row("of 1 MiB", "bodies_1024.processor_ns_per_kib", Nanoseconds, NoGoal),
            row("of 32 MiB", "bodies_32768.processor_ns_per_kib", Nanoseconds, NoGoal),
            row("of 1 GiB", "bodies_1048576.processor_ns_per_kib", Nanoseconds, NoGoal),
        ],
    },
];
