//! A client of the state machine that is fed a reply piece by piece, and tells what came of it.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses a part")]

use std::mem::discriminant;

use http_protocol::{BodyStep, Connection, Fields, HeadStep, Method, PeerError, Request};

/// What a client makes of one reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub status: Option<u16>,
    /// Name and value of each field of the head.
    pub fields: Vec<(String, Vec<u8>)>,
    pub trailers: Vec<(String, Vec<u8>)>,
    /// All of the body that was delivered, also before an error.
    pub body: Vec<u8>,
    pub error: Option<PeerError>,
    /// The response was complete before the connection ended, or by its end.
    pub complete: bool,
    /// Another request could be sent, looked at before the connection ends.
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
    /// The server ends the connection after the last piece.
    pub then_end: bool,
    /// `whole` of `Connection::next_body`.
    pub whole: usize,
    /// Bytes of body that are taken in one step.
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

/// The facts of a request that matter for its response.
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
        // A late extra byte makes the connection unusable and leaves the response as it is.
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

/// The outcome of one whole delivery, after checking that byte by byte and every split come to the same.
pub fn receive_every_way(method: Method, reply: &[u8], then_end: bool) -> Outcome {
    let outcome = receive(method, &Delivery::whole(reply, then_end));
    let same = |other: Outcome, how: &str| {
        // Where a reply is refused, more or less of it may have been delivered before, and quoted in the message.
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
