//! How many connections a session makes, over sockets. The server counts them, and answers only when the test says so.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use http_fetch::{Request, ResultCode, Session, Settings, Task, Worker};
use http_net::Context;

/// A hang is a failure, but a slow machine is not.
const PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Clone)]
struct Patient {
    address: SocketAddr,
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    /// The number of accepted connections.
    connections: usize,
    /// The number of requests that wait for their response, and its maximum so far.
    waiting: usize,
    most: usize,
    answered: usize,
    /// How many more requests may be answered.
    allowed: usize,
}

impl Patient {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let this = Self { address: listener.local_addr().expect("it is bound"), state: Arc::default() };
        let of_thread = this.clone();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let this = of_thread.clone();
                this.change(|state| state.connections += 1);
                // Ignore clients that have closed their connection.
                thread::spawn(move || this.serve(stream).ok());
            }
        });
        this
    }

    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        loop {
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                if reader.read_line(&mut line)? == 0 {
                    return Ok(());
                }
            }
            self.change(|state| {
                state.waiting += 1;
                state.most = state.most.max(state.waiting);
            });
            let (state, changed) = &*self.state;
            let mut state = changed.wait_while(state.lock().unwrap(), |state| state.allowed == 0).unwrap();
            state.allowed -= 1;
            drop(state);
            self.change(|state| {
                state.waiting -= 1;
                state.answered += 1;
            });
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let (state, changed) = &*self.state;
        change(&mut state.lock().unwrap());
        changed.notify_all();
    }

    /// Waits until this many requests wait for their responses. Fails if it takes too long.
    fn until_waiting(&self, count: usize) {
        let (state, changed) = &*self.state;
        let (state, timeout) =
            changed.wait_timeout_while(state.lock().unwrap(), PATIENCE, |state| state.waiting != count).unwrap();
        assert!(!timeout.timed_out(), "{} of {count} wait", state.waiting);
    }

    /// Allows one more response, and waits until `then` requests wait.
    fn answer_one(&self, then: usize) {
        let answered = self.state.0.lock().unwrap().answered + 1;
        self.change(|state| state.allowed += 1);
        let (state, changed) = &*self.state;
        let is_open = |state: &mut State| state.answered != answered || state.waiting != then;
        let (state, timeout) = changed.wait_timeout_while(state.lock().unwrap(), PATIENCE, is_open).unwrap();
        assert!(!timeout.timed_out(), "{} answered, {} wait", state.answered, state.waiting);
    }

    fn counts(&self) -> (usize, usize) {
        let state = self.state.0.lock().unwrap();
        (state.connections, state.most)
    }

    fn get(&self) -> Request {
        Request::get(format!("http://{}/", self.address))
    }
}

fn session() -> Session {
    let settings = Settings { timeout: Some(PATIENCE), ..Settings::default() };
    Session::on(Worker::new(Context::shared().clone()), settings)
}

fn assert_all_answered(tasks: &[Task]) {
    for task in tasks {
        let response = task.wait();
        assert!(response.is_ok(), "{response:?}");
    }
}

#[test]
fn six_connections_to_a_host_are_in_use_and_the_next_request_takes_the_first_that_is_free() {
    let (server, session) = (Patient::start(), session());
    let tasks: Vec<_> = (0..20).map(|_| session.fetch(server.get())).collect();
    server.until_waiting(6);
    for left in (0..20).rev() {
        server.answer_one(left.min(6));
    }
    assert_all_answered(&tasks);
    assert_eq!(server.counts(), (6, 6));
}

#[test]
fn every_session_and_every_host_has_places_of_its_own() {
    let (server, other) = (Patient::start(), Patient::start());
    let sessions = [session(), session()];
    let mut tasks = Vec::new();
    for session in &sessions {
        tasks.extend((0..8).map(|_| session.fetch(server.get())));
        tasks.extend((0..8).map(|_| session.fetch(other.get())));
    }
    for server in [&server, &other] {
        server.until_waiting(12);
        server.change(|state| state.allowed = 16);
    }
    assert_all_answered(&tasks);
    assert_eq!([server.counts(), other.counts()].map(|counts| counts.1), [12, 12]);
}

#[test]
fn listeners_take_no_place_and_wait_for_none() {
    let (server, session) = (Patient::start(), session());
    let tasks: Vec<_> = (0..8).map(|_| session.fetch(server.get())).collect();
    server.until_waiting(6);
    let listeners: Vec<_> = (0..4).map(|_| session.listen(server.get())).collect();
    server.until_waiting(10);
    listeners.iter().for_each(Task::cancel);
    for listener in &listeners {
        assert_eq!(listener.wait().result, ResultCode::Cancelled);
    }
    server.change(|state| state.allowed = 100);
    assert_all_answered(&tasks);
    assert_eq!(server.counts(), (10, 10));
}

#[test]
fn who_has_only_so_much_patience_makes_a_connection_beyond_them() {
    let (server, session) = (Patient::start(), session());
    let first: Vec<_> = (0..6).map(|_| session.fetch(server.get())).collect();
    server.until_waiting(6);
    let settings = Settings { place_patience: Some(Duration::from_millis(50)), ..(*session.settings()).clone() };
    let impatient: Vec<_> = (0..3).map(|_| session.fetch_with(server.get(), None, settings.clone())).collect();
    server.until_waiting(9);
    server.change(|state| state.allowed = 100);
    assert_all_answered(&[first, impatient].concat());
    assert_eq!(server.counts(), (9, 9));
    // All connections are kept, and reused before a new one is made.
    server.change(|state| (state.allowed, state.most) = (0, 0));
    let again: Vec<_> = (0..6).map(|_| session.fetch(server.get())).collect();
    server.until_waiting(6);
    server.change(|state| state.allowed = 100);
    assert_all_answered(&again);
    assert_eq!(server.counts(), (9, 6));
}

#[test]
fn a_lower_limit_holds_for_the_requests_that_begin_after_it() {
    let (server, session) = (Patient::start(), session());
    session.set(|settings| settings.max_connections_per_host = 1);
    let tasks: Vec<_> = (0..4).map(|_| session.fetch(server.get())).collect();
    server.until_waiting(1);
    for left in (0..4).rev() {
        server.answer_one(left.min(1));
    }
    assert_all_answered(&tasks);
    assert_eq!(server.counts(), (1, 1));
}

#[test]
fn a_session_that_is_gone_closes_what_it_kept() {
    let (server, session) = (Patient::start(), session());
    server.change(|state| state.allowed = 100);
    assert_all_answered(&[session.fetch(server.get())]);
    let worker = session.worker().clone();
    drop(session);
    // Another session does not get its connections.
    let next = Session::on(worker, Settings { timeout: Some(PATIENCE), ..Settings::default() });
    assert_all_answered(&[next.fetch(server.get())]);
    assert_eq!(server.counts().0, 2);
}
