//! A client that feeds a reply to the state machine piece by piece, and returns the outcome.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses only a part")]

use std::mem::discriminant;

use http_protocol::{BodyStep, Connection, Fields, HeadStep, Method, PeerError, Request};

/// The result of one reply for a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub status: Option<u16>,
    /// The name and value of each field of the head.
    pub fields: Vec<(String, Vec<u8>)>,
    pub trailers: Vec<(String, Vec<u8>)>,
    /// The delivered part of the body, even if an error followed.
    pub body: Vec<u8>,
    pub error: Option<PeerError>,
    /// Whether the response was complete before or at the end of the connection.
    pub complete: bool,
    /// Whether another request could be sent before the connection ended.
    pub reusable: bool,
}

impl Outcome {
    pub fn accepted(&self) -> bool {
        self.complete && self.error.is_none()
    }
}

/// How a reply arrives.
pub struct Delivery<'a> {
    pub pieces: Vec<&'a [u8]>,
    /// Whether the server ends the connection after the last piece.
    pub then_end: bool,
    /// The argument `whole` of `Connection::next_body`.
    pub whole: usize,
    /// The maximum number of body bytes in one step.
    pub most: usize,
}

impl<'a> Delivery<'a> {
    pub fn whole(reply: &'a [u8], then_end: bool) -> Self {
        Self { pieces: vec![reply], then_end, whole: 65536, most: 65536 }
    }

    pub fn split_at(reply: &'a [u8], at: usize, then_end: bool) -> Self {
        Self { pieces: vec![&reply[..at], &reply[at..]], ..Self::whole(reply, then_end) }
    }

    pub fn byte_by_byte(reply: &'a [u8], then_end: bool) -> Self {
        Self { pieces: reply.chunks(1).collect(), ..Self::whole(reply, then_end) }
    }
}

/// Returns a connection on which a request with this method and these headers has begun.
pub fn started(method: Method, headers: &[&str]) -> Connection {
    let url = if method == Method::Connect { "host:443" } else { "/" };
    let request =
        Request { method, url, headers, body_length: Some(0), host: "host", user_agent: "test", proxy_prefix: "" };
    let (_, facts) = request.encode().expect("a plain request is valid");
    let mut connection = Connection::new();
    connection.begin(facts).expect("a new connection takes a request");
    connection
}

pub fn receive(method: Method, delivery: &Delivery<'_>) -> Outcome {
    receive_on(&mut started(method, &[]), delivery)
}

pub fn receive_on(connection: &mut Connection, delivery: &Delivery<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut input = Vec::new();
    for piece in &delivery.pieces {
        input.extend_from_slice(piece);
        if let Err(error) = drive(connection, &mut input, &mut outcome, delivery.whole, delivery.most) {
            outcome.error = Some(error);
            return outcome;
        }
    }
    outcome.reusable = connection.is_idle();
    if delivery.then_end && !outcome.complete {
        let ended = drive(connection, &mut input, &mut outcome, 0, delivery.most).and_then(|()| connection.end(&input));
        outcome.complete = ended.is_ok();
        outcome.error = ended.err();
    }
    outcome
}

fn drive(
    connection: &mut Connection,
    input: &mut Vec<u8>,
    outcome: &mut Outcome,
    whole: usize,
    most: usize,
) -> Result<(), PeerError> {
    if outcome.complete && connection.is_idle() && !input.is_empty() {
        // An extra byte after the response makes the connection unusable, but does not change the response.
        connection.unsolicited(input);
        return Ok(());
    }
    if connection.awaits_head() {
        match connection.read_head(input)? {
            HeadStep::NeedMore { skip } => {
                input.drain(..skip);
                return Ok(());
            }
            HeadStep::Head { skip, head, .. } => {
                input.drain(..skip);
                outcome.status = Some(head.status);
                outcome.fields = parts(&head.fields);
                outcome.complete = !connection.is_in_body();
            }
        }
    }
    while connection.is_in_body() {
        match connection.next_body(input, whole, most)? {
            BodyStep::Data { skip, len } => {
                outcome.body.extend_from_slice(&input[skip..skip + len]);
                input.drain(..skip + len);
            }
            BodyStep::NeedMore { skip } => {
                input.drain(..skip);
                return Ok(());
            }
            BodyStep::Done { skip } => {
                input.drain(..skip);
                outcome.complete = true;
                outcome.trailers = parts(&connection.take_trailers());
            }
        }
    }
    Ok(())
}

fn parts(fields: &Fields) -> Vec<(String, Vec<u8>)> {
    fields.iter().map(|field| (field.name().into_owned(), field.value_bytes().to_vec())).collect()
}

/// Returns the outcome of a delivery in one piece, after checking that delivery byte by byte and with every split gives the same outcome.
pub fn receive_every_way(method: Method, reply: &[u8], then_end: bool) -> Outcome {
    let outcome = receive(method, &Delivery::whole(reply, then_end));
    let same = |other: Outcome, how: &str| {
        // If a reply is refused, the split determines how much of it was delivered before, and how much the message quotes.
        let alike = outcome.accepted() == other.accepted()
            && outcome.status.or(other.status) == other.status.or(outcome.status)
            && (!outcome.accepted() || (outcome.body == other.body && outcome.reusable == other.reusable))
            && outcome.error.as_ref().map(discriminant) == other.error.as_ref().map(discriminant);
        assert!(alike, "{:?} {how}: {other:?}, but whole: {outcome:?}", reply.escape_ascii().to_string());
    };
    same(receive(method, &Delivery::byte_by_byte(reply, then_end)), "byte by byte");
    for at in 0..=reply.len() {
        same(receive(method, &Delivery::split_at(reply, at, then_end)), &format!("split at {at}"));
    }
    outcome
}
