//! Compares the diagram of the states of a connection with its behaviour.

use std::collections::BTreeSet;

use http_protocol::{Connection, Method, Request, RequestFacts};

/// The previous state, the call, and the new state.
type Transition = (&'static str, &'static str, &'static str);

const STATES: [&str; 5] = ["Idle", "AwaitingHead", "Body", "Switched", "Over"];
/// The name of a call, and one way to call it.
type Call = (&'static str, fn(&mut Connection));

/// The calls that are tried.
const CALLS: &[Call] = &[
    ("begin", |connection| drop(connection.begin(facts(Method::Get, &[])))),
    ("begin", |connection| drop(connection.begin(facts(Method::Head, &[])))),
    ("begin", |connection| drop(connection.begin(facts(Method::Connect, &[])))),
    ("begin", |connection| drop(connection.begin(facts(Method::Get, &["Connection: upgrade", "Upgrade: echo"])))),
    ("begin", |connection| drop(connection.begin(facts(Method::Get, &["Connection: close"])))),
    ("read_head", |connection| drop(connection.read_head(b""))),
    ("read_head", |connection| drop(connection.read_head(b"HTTP/1.1 100 Continue\r\n\r\n"))),
    ("read_head", |connection| {
        drop(connection.read_head(b"HTTP/1.1 101 On\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n"))
    }),
    ("read_head", |connection| drop(connection.read_head(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"))),
    ("read_head", |connection| drop(connection.read_head(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))),
    ("read_head", |connection| drop(connection.read_head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))),
    ("read_head", |connection| drop(connection.read_head(b"HTTP/1.1 200 OK\r\n\r\n"))),
    ("read_head", |connection| drop(connection.read_head(b"HTTP/1.1 204 No Content\r\n\r\n"))),
    ("read_head", |connection| drop(connection.read_head(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"))),
    ("read_head", |connection| drop(connection.read_head(b"SSH-2.0-OpenSSH\r\n"))),
    ("next_body", |connection| drop(connection.next_body(b"", 9, 9))),
    ("next_body", |connection| drop(connection.next_body(b"ok", 9, 9))),
    ("next_body", |connection| drop(connection.next_body(b"0\r\n\r\n", 9, 9))),
    ("advance", |connection| connection.advance(2)),
    ("abandon_request", Connection::abandon_request),
    ("end", |connection| drop(connection.end(b""))),
    ("unsolicited", |connection| drop(connection.unsolicited(b"x"))),
];
/// The number of consecutive calls. That is enough for a whole exchange and the start of the next one.
const CALLS_IN_A_ROW: usize = 4;

#[test]
fn the_states_change_as_they_are_drawn_and_in_no_other_way() {
    let mut seen = BTreeSet::new();
    let mut row = [0; CALLS_IN_A_ROW];
    // Try every sequence of calls, each on a new connection.
    loop {
        let mut connection = Connection::new();
        for (name, call) in row.map(|index| CALLS[index]) {
            let before = state(&connection);
            call(&mut connection);
            let after = state(&connection);
            if before != after {
                seen.insert((before, name, after));
            }
        }
        let Some(last) = row.iter().rposition(|&index| index + 1 < CALLS.len()) else { break };
        row[last] += 1;
        row[last + 1..].fill(0);
    }
    let drawn = drawn();
    let missing: Vec<_> = seen.difference(&drawn).collect();
    let untrue: Vec<_> = drawn.difference(&seen).collect();
    assert!(missing.is_empty() && untrue.is_empty(), "not drawn: {missing:?}; drawn, but never seen: {untrue:?}");
}

fn facts(method: Method, headers: &[&str]) -> RequestFacts {
    let url = if method == Method::Connect { "a.test:443" } else { "/" };
    let request =
        Request { method, url, headers, body_length: Some(0), host: "a.test", user_agent: "test", proxy_prefix: "" };
    request.encode().unwrap().1
}

fn state(connection: &Connection) -> &'static str {
    let is = [
        connection.is_idle(),
        connection.awaits_head(),
        connection.is_in_body(),
        connection.is_switched(),
        connection.over().is_some(),
    ];
    assert_eq!(is.iter().filter(|&&is| is).count(), 1, "it is in one state");
    STATES[is.iter().position(|&is| is).unwrap()]
}

/// Reads the lines `FROM ── call ──▶ TO` at the top of the source.
fn drawn() -> BTreeSet<Transition> {
    let mut drawn = BTreeSet::new();
    for line in include_str!("../src/connection.rs").lines() {
        let Some((left, right)) = line.trim_start_matches("//!").split_once('▶') else { continue };
        let (from, call) = left.split_once("──").expect(line);
        let call = call.trim_matches(|c: char| c == '─' || c == ' ');
        let call = CALLS.iter().find(|(name, _)| *name == call).expect(line).0;
        let named = |name: &str| *STATES.iter().find(|state| **state == name).expect(line);
        let to = named(right.split_whitespace().next().expect(line));
        match from.trim() {
            "any" => drawn.extend(STATES.into_iter().filter(|from| *from != to).map(|from| (from, call, to))),
            from => drop(drawn.insert((named(from), call, to))),
        }
    }
    drawn
}
