//! Wraps every call from a script: it catches panics and leaves a message, and it prints the script's mistakes in the engine's
//! log.

use std::panic::{AssertUnwindSafe, catch_unwind};

use godot::global::{Error as GError, godot_error};
use http_client::{Error, ErrorCode, HttpClient};

use crate::convert::types::error_code;

/// Runs one call on a client. Returns `otherwise` after an error or a panic.
pub(crate) fn value_of<'a, T>(
    client: impl Into<Option<&'a HttpClient>>,
    method: &str,
    otherwise: T,
    work: impl FnOnce() -> Result<T, Error>,
) -> T {
    match caught(client.into(), work) {
        Ok(value) => value,
        Err(error) => {
            report(method, &error);
            otherwise
        }
    }
}

/// Runs one call on a client that returns an `Error` constant.
pub(crate) fn error_of<'a>(
    client: impl Into<Option<&'a HttpClient>>,
    method: &str,
    work: impl FnOnce() -> Result<(), Error>,
) -> GError {
    match caught(client.into(), work) {
        Ok(()) => GError::OK,
        Err(error) => {
            report(method, &error);
            error_code(error.code)
        }
    }
}

fn caught<T>(client: Option<&HttpClient>, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // The closure writes the result in place. Returning it would copy it twice, which takes half of the time of a getter.
    let mut result = None;
    let ended = catch_unwind(AssertUnwindSafe(|| result = Some(work())));
    if let (Ok(()), Some(result)) = (ended, result) {
        return result;
    }
    let error = Error { code: ErrorCode::Failed, message: FAULT.to_owned() };
    Err(match client {
        Some(client) => client.refused(error),
        None => error,
    })
}

/// Runs one call of another class that returns an `Error` constant. After a panic, the godot crate would return 0, which is `OK`.
pub(crate) fn failed_on_panic(work: impl FnOnce() -> GError) -> GError {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        godot_error!("{FAULT}");
        GError::FAILED
    })
}

/// Runs code that the engine calls on its own. A panic leaves a message.
pub(crate) fn guarded(work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        godot_error!("{FAULT}");
    }
}

const FAULT: &str = "something went wrong inside HTTPClientRust; please report it together with the log";

/// Prints a mistake of the script, as the engine's own classes do. Errors of the network or the server are not mistakes of the
/// script.
fn report(method: &str, error: &Error) {
    // Two threads that use one client are not a mistake to print: the script gets the error code and tries again.
    if error.is_misuse() && error.code != ErrorCode::Busy {
        godot_error!("{}.{method}(): {error}", env!("CLASS_NAME"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use http_client::{Method, Probe, Status, Stream};

    use super::*;

    /// A stream that panics when it is read.
    struct Faulty;

    impl Stream for Faulty {
        fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
            panic!("a fault below the client")
        }

        fn write(&mut self, head: &[u8], body: &[u8]) -> io::Result<usize> {
            Ok(head.len() + body.len())
        }

        fn probe(&mut self) -> io::Result<Probe> {
            Ok(Probe::Quiet)
        }
    }

    #[test]
    fn a_caught_panic_leaves_a_message_and_a_client_that_goes_on() {
        let client = HttpClient::default();
        for _ in 0..2 {
            client.set_stream(Box::new(Faulty), None).unwrap();
            client.request(Method::Get, "/", &[], Box::new(Vec::new())).unwrap();
            let error = caught(Some(&client), || client.poll()).unwrap_err();
            assert_eq!(error.code, ErrorCode::Failed);
            assert!(error.message.contains("please report it"), "{error}");
            assert_eq!(client.error_message(), error.message);
            assert_eq!(client.status(), Status::Disconnected, "what it was in the middle of is given up");
        }
    }

    #[test]
    fn a_caught_panic_of_a_call_without_a_client_is_an_error_too() {
        let error = caught(None, || -> Result<(), Error> { panic!("a fault") }).unwrap_err();
        assert_eq!(error.code, ErrorCode::Failed);
    }
}
