//! Property: any bytes are read as a recording or refused with a sentence, and everything that is read can be replayed.

use http_fetch::{Replay, har};

/// Panics if the property does not hold.
pub fn check(data: &[u8]) {
    let read = har::read(data);
    let problem = Replay::only("it.har", data, false).problem_of_file();
    match read {
        Ok(entries) => {
            assert_eq!(problem, None);
            for entry in entries {
                assert!(!entry.request.method.is_empty() && !entry.request.url.is_empty());
                let total = entry.timings.send + entry.timings.wait + entry.timings.receive;
                assert!(total.as_secs() <= 3 * 24 * 3600, "{total:?}");
            }
        }
        Err(error) => {
            let sentence = error.to_string();
            assert!(problem.is_some_and(|problem| problem.contains(&sentence)), "{sentence}");
        }
    }
}
