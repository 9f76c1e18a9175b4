//! Tests the gate between threads and an engine in every possible order of threads: `src/gate.rs` itself, with loom's lock and a small
//! engine.
// loom's threads have their own stacks, through which a panic cannot unwind in programs that MinGW linked. loom chooses the orders, which
// are the same on every system.
#![cfg(not(all(windows, target_env = "gnu")))]
#![allow(dead_code, missing_docs, reason = "only the client uses all of the gate")]

#[path = "../src/gate.rs"]
mod gate;

/// Replaces `src/sync.rs` for the gate.
mod sync {
    use std::hash::{DefaultHasher, Hash, Hasher};

    pub(crate) use loom::sync::{Mutex, MutexGuard};

    pub(crate) fn this_thread() -> usize {
        let mut hasher = DefaultHasher::new();
        loom::thread::current().id().hash(&mut hasher);
        hasher.finish() as usize
    }
}

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use gate::{Gate, Taken};
use loom::sync::atomic::AtomicBool;
use loom::thread;

/// An engine that records what is done with it.
struct Engine {
    view: View,
    cancel: Arc<Cancel>,
    /// A script's stream. When it is dropped, the script calls the client.
    stream: Option<Asking>,
}

#[derive(Clone, Debug, Default)]
struct View {
    status: Status,
    /// The number of completed calls.
    polls: u32,
    message: &'static str,
    /// The open connection. As in the client, its last view releases the holder.
    open: Option<Arc<Open>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Status {
    #[default]
    Disconnected,
    Connecting,
    Connected,
}

/// An open connection with a number.
#[derive(Debug)]
struct Open {
    number: u32,
    held: std::sync::Mutex<Weak<Hold>>,
}

/// The holder of an open connection.
#[derive(Debug, Default)]
struct Hold {
    let_go: AtomicU32,
}

#[derive(Default)]
struct Cancel(AtomicBool);

#[derive(Clone, Default)]
struct Settings {
    blocking: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(hold) = self.held.get_mut().unwrap().upgrade() {
            hold.let_go.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl gate::Engine for Engine {
    type View = View;
    type Settings = Settings;
    type Cancel = Cancel;

    fn new(cancel: Arc<Cancel>) -> Self {
        Self { view: View::default(), cancel, stream: None }
    }

    fn view(&self) -> &View {
        &self.view
    }

    fn view_mut(&mut self) -> &mut View {
        &mut self.view
    }

    fn is_same(one: &View, other: &View) -> bool {
        let numbers = |view: &View| view.open.as_ref().map(|open| open.number);
        (one.status, one.polls, one.message, numbers(one)) == (other.status, other.polls, other.message, numbers(other))
    }

    fn cancel(cancel: &Cancel) {
        cancel.0.store(true, loom::sync::atomic::Ordering::Release);
    }
}

type Client = Gate<Engine>;

/// The failure of a call.
#[derive(Debug, PartialEq, Eq)]
enum Error {
    Taken(Taken),
    Closed,
}

fn run<T>(client: &Client, work: impl FnOnce(&mut Engine, &Settings) -> Result<T, Error>) -> Result<T, Error> {
    client.run(work).unwrap_or_else(|taken| {
        client.change_view(|view| view.message = "taken");
        Err(Error::Taken(taken))
    })
}

fn connect_to(client: &Client, number: u32) -> Result<(), Error> {
    run(client, |engine, _| {
        let open = Some(Arc::new(Open { number, held: std::sync::Mutex::default() }));
        engine.view = View { status: Status::Connecting, open, ..View::default() };
        Ok(())
    })
}

fn connect(client: &Client) -> Result<(), Error> {
    connect_to(client, 80)
}

/// Completes a pending connection. Blocks forever if the client is in blocking mode.
fn poll(client: &Client) -> Result<(), Error> {
    run(client, |engine, settings| {
        if engine.view.status == Status::Disconnected {
            return Ok(());
        }
        if settings.blocking {
            while !engine.cancel.0.load(loom::sync::atomic::Ordering::Acquire) {
                thread::yield_now();
            }
            engine.view = View { message: "closed", ..View::default() };
            return Err(Error::Closed);
        }
        engine.view.status = Status::Connected;
        engine.view.polls += 1;
        Ok(())
    })
}

/// A call during which the engine panics.
fn panics(client: &Client) -> Result<(), Error> {
    run(client, |engine, _| {
        engine.view.polls += 1;
        panic!("the engine panics, as it was asked to");
    })
}

fn catching(call: impl FnOnce() -> Result<(), Error>) -> Option<Result<(), Error>> {
    catch_unwind(AssertUnwindSafe(call)).ok()
}

fn panics_and_goes_on(client: &Client) {
    let _ = catching(|| panics(client));
}

fn adopt(client: &Client, stream: Asking) -> Result<(), Error> {
    run(client, |engine, _| {
        engine.stream = Some(stream);
        Ok(())
    })
}

fn close(client: &Client) {
    client.replace();
}

fn state(client: &Client) -> (Status, u32) {
    client.view(|view| (view.status, view.polls))
}

/// Holds the open connection, like a `RawConnection`.
fn hold(client: &Client) -> Option<Arc<Hold>> {
    let open = client.view(|view| view.open.clone())?;
    let mut place = open.held.lock().unwrap();
    let hold = place.upgrade().unwrap_or_else(|| {
        let hold = Arc::new(Hold::default());
        *place = Arc::downgrade(&hold);
        hold
    });
    Some(hold)
}

fn set_blocking(client: &Client, blocking: bool) {
    client.change_settings(|settings| settings.blocking = blocking);
}

fn connecting(blocking: bool) -> Arc<Client> {
    let client = Client::new(Arc::new(Settings { blocking }));
    connect(&client).expect("nobody else is there");
    Arc::new(client)
}

fn in_thread<T: 'static>(client: &Arc<Client>, work: impl FnOnce(&Client) -> T + 'static) -> thread::JoinHandle<T> {
    let client = client.clone();
    thread::spawn(move || work(&client))
}

fn assert_serves(client: &Client) {
    set_blocking(client, false);
    connect(client).expect("the engine is in its place");
    poll(client).expect("the engine is in its place");
    assert_eq!(state(client), (Status::Connected, 1));
}

fn assert_done_or_busy(result: Result<(), Error>) -> bool {
    match result {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error, Error::Taken(Taken::ByAnotherThread));
            false
        }
    }
}

#[test]
fn of_two_calls_each_is_done_or_told_that_the_client_is_busy_and_no_engine_is_lost() {
    loom::model(|| {
        let client = connecting(false);
        let other = in_thread(&client, poll);
        let mine = assert_done_or_busy(poll(&client));
        let others = assert_done_or_busy(other.join().unwrap());
        assert!(mine || others);
        // The view shows all completed calls: no result is lost.
        assert_eq!(state(&client), (Status::Connected, u32::from(mine) + u32::from(others)));
        assert_serves(&client);
    });
}

#[test]
fn after_close_nothing_of_a_call_that_ran_meanwhile_is_seen() {
    loom::model(|| {
        let client = connecting(false);
        let other = in_thread(&client, poll);
        close(&client);
        // The call is either complete, or works on an engine that was replaced.
        assert_eq!(state(&client), (Status::Disconnected, 0));
        other.join().unwrap().expect("the client was never busy");
        assert_eq!(state(&client), (Status::Disconnected, 0));
        assert_eq!(client.view(|view| view.message), "");
        assert_serves(&client);
    });
}

#[test]
fn close_ends_a_call_that_blocks_whenever_it_comes() {
    loom::model(|| {
        let client = connecting(true);
        let other = in_thread(&client, poll);
        close(&client);
        if let Err(error) = other.join().unwrap() {
            assert_eq!(error, Error::Closed);
        }
        assert_eq!(state(&client), (Status::Disconnected, 0));
        assert_eq!(client.view(|view| view.message), "");
        assert_serves(&client);
    });
}

#[test]
fn two_calls_and_a_close_leave_a_closed_client_that_serves() {
    loom::model(|| {
        let client = connecting(false);
        let first = in_thread(&client, poll);
        let second = in_thread(&client, poll);
        close(&client);
        assert_eq!(state(&client), (Status::Disconnected, 0));
        assert_done_or_busy(first.join().unwrap());
        assert_done_or_busy(second.join().unwrap());
        assert_eq!(state(&client), (Status::Disconnected, 0));
        assert_serves(&client);
    });
}

#[test]
fn two_closes_end_a_call_that_blocks() {
    loom::model(|| {
        let client = connecting(true);
        let call = in_thread(&client, poll);
        let closing = in_thread(&client, close);
        close(&client);
        closing.join().unwrap();
        call.join().unwrap().unwrap_or_else(|error| assert_eq!(error, Error::Closed));
        assert_eq!(state(&client).0, Status::Disconnected);
        assert_serves(&client);
    });
}

#[test]
fn a_connection_made_after_a_close_is_not_taken_away_by_the_call_before_it() {
    loom::model(|| {
        let client = connecting(false);
        let other = in_thread(&client, poll);
        close(&client);
        let connected = assert_done_or_busy(connect_to(&client, 81));
        let polled = assert_done_or_busy(other.join().unwrap());
        assert!(connected || polled);
        let number = client.view(|view| view.open.as_ref().map(|open| open.number));
        assert_eq!(number, connected.then_some(81));
        match (connected, state(&client)) {
            (false, (Status::Disconnected, polls)) => assert_eq!(polls, 0),
            (true, (Status::Connecting, polls)) => assert_eq!(polls, 0),
            (true, (Status::Connected, polls)) => assert_eq!(polls, 1),
            (_, state) => panic!("{state:?}, connected: {connected}"),
        }
        assert_serves(&client);
    });
}

#[test]
fn getters_see_one_call_or_none_of_it() {
    loom::model(|| {
        let client = connecting(false);
        let other = in_thread(&client, poll);
        assert!(matches!(state(&client), (Status::Connecting, 0) | (Status::Connected, 1)));
        other.join().unwrap().expect("getters keep no call out");
        assert_eq!(state(&client), (Status::Connected, 1));
    });
}

#[test]
fn a_call_that_panics_leaves_a_client_that_serves_whatever_another_thread_does() {
    type Call = fn(&Client) -> Result<(), Error>;
    let others: [Call; 2] = [poll, |client| {
        close(client);
        Ok(())
    }];
    for other in others {
        loom::model(move || {
            let client = connecting(false);
            let panicking = in_thread(&client, |client| catching(|| panics(client)).map(assert_done_or_busy));
            assert_done_or_busy(other(&client));
            match panicking.join().unwrap() {
                Some(done) => assert!(!done, "it neither panicked nor was the client busy"),
                // The engine that panicked during the call is gone.
                None => assert_eq!(state(&client), (Status::Disconnected, 0)),
            }
            assert_serves(&client);
        });
    }
}

#[test]
fn who_holds_a_connection_is_let_go_whichever_call_ends_it() {
    type Call = fn(&Client);
    let ends: [Call; 3] = [close, |client| drop(connect_to(client, 81)), panics_and_goes_on];
    for end in ends {
        loom::model(move || {
            let client = connecting(false);
            let ending = in_thread(&client, end);
            let held = hold(&client);
            ending.join().unwrap();
            let now = hold(&client);
            if let Some(held) = &held {
                let is_still_open = now.as_ref().is_some_and(|now| Arc::ptr_eq(now, held));
                assert_eq!(held.let_go.load(Ordering::SeqCst), u32::from(!is_still_open));
            }
        });
    }
}

/// A script's stream. When it is dropped, the script calls the client.
struct Asking(Weak<Client>);

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(client) = self.0.upgrade() {
            state(&client);
            close(&client);
        }
    }
}

#[test]
fn a_stream_that_calls_the_client_as_it_goes_finds_it_unlocked() {
    type Call = fn(&Client);
    let ends: [Call; 3] = [close, panics_and_goes_on, |client| drop(adopt(client, Asking(Weak::new())))];
    for end in ends {
        loom::model(move || {
            let client = Arc::new(Client::new(Arc::default()));
            adopt(&client, Asking(Arc::downgrade(&client))).expect("nobody else is there");
            end(&client);
            assert_serves(&client);
        });
    }
}

#[test]
fn what_an_engine_has_open_is_dropped_with_the_last_view_of_it_and_not_under_the_lock() {
    loom::model(|| {
        let client = connecting(false);
        let held = hold(&client).expect("it is open");
        // With a call and a close at the same time, one of them has the engine, and the other has the view.
        let other = in_thread(&client, poll);
        close(&client);
        drop(other.join().unwrap());
        assert_eq!(held.let_go.load(Ordering::SeqCst), 1, "once, and not by a view that stays");
    });
}

#[test]
fn settings_changed_during_a_call_hold_from_the_next_one_on() {
    loom::model(|| {
        let client = connecting(false);
        let other = in_thread(&client, poll);
        set_blocking(&client, true);
        close(&client);
        match other.join().unwrap() {
            Ok(()) => {}
            Err(error) => assert_eq!(error, Error::Closed),
        }
        assert!(client.settings().blocking);
        assert_serves(&client);
    });
}

#[test]
fn a_call_that_leads_back_to_the_client_is_told_apart_from_one_of_another_thread() {
    loom::model(|| {
        let client = connecting(false);
        let other = in_thread(&client, |client| {
            let back = run(client, |_, _| Ok(poll(client)))?;
            assert_eq!(back, Err(Error::Taken(Taken::ByThisThread)));
            Ok(())
        });
        // A concurrent call comes from another thread.
        assert_done_or_busy(poll(&client));
        assert_done_or_busy(other.join().unwrap());
    });
}
