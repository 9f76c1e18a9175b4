//! The system's own way to wait for many sockets. Each registration reports one event, and another thread can end the wait.
//!
//! On Linux, this uses epoll directly: a wait is one system call. The crate `polling`, which is used on all other systems, needs five for
//! each.

use std::time::Duration;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll;
#[cfg(any(test, not(any(target_os = "linux", target_os = "android"))))]
mod portable;

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use self::epoll::{Events, Poller};
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use self::portable::{Events, Poller};

/// The maximum duration of one wait. Every system supports it: the counter of milliseconds of epoll holds 24 days, and kqueue on Apple's
/// systems refuses more than three years.
pub(crate) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::interest::Interest;
    use crate::loopback::pair;

    const LONG: Duration = Duration::from_secs(60);

    /// The contract of both implementations. The portable one is also tested on systems that do not use it.
    macro_rules! contract {
        ($name:ident) => {
            mod $name {
                use super::super::$name::{Events, Poller};
                use super::*;

                fn keys(poller: &Poller, longest: Option<Duration>) -> Vec<usize> {
                    let mut events = Events::default();
                    poller.wait(&mut events, longest).unwrap();
                    events.keys().collect()
                }

                #[test]
                fn a_socket_is_told_of_once_for_each_time_it_is_asked_for_what_is_asked() {
                    let poller = Poller::new().unwrap();
                    let ((near, mut far), (other, _other_far)) = (pair(), pair());
                    poller.add(&near, Interest::Read, 7).unwrap();
                    poller.add(&other, Interest::Read, 8).unwrap();
                    far.write_all(b"x").unwrap();
                    assert_eq!(keys(&poller, Some(LONG)), [7]);
                    assert_eq!(keys(&poller, Some(Duration::ZERO)), [0; 0]);
                    poller.modify(&near, Interest::Read, 9).unwrap();
                    assert_eq!(keys(&poller, Some(LONG)), [9], "it is still to be read");
                    poller.modify(&other, Interest::Write, 8).unwrap();
                    assert_eq!(keys(&poller, Some(LONG)), [8]);
                    poller.modify(&other, Interest::Both, 8).unwrap();
                    assert_eq!(keys(&poller, Some(LONG)), [8]);
                    poller.delete(&near).unwrap();
                    poller.delete(&other).unwrap();
                    assert_eq!(keys(&poller, Some(Duration::from_millis(1))), [0; 0]);
                }

                #[test]
                fn a_wait_of_any_length_is_possible() {
                    let poller = Poller::new().unwrap();
                    for longest in [LONGEST, Duration::from_secs(1_000_000_000), Duration::MAX] {
                        poller.notify().unwrap();
                        assert_eq!(keys(&poller, Some(longest)), [0; 0]);
                    }
                }

                #[test]
                fn a_notice_ends_the_wait_that_runs_or_the_next_one_and_is_no_sockets() {
                    let poller = Poller::new().unwrap();
                    for _ in 0..3 {
                        poller.notify().unwrap();
                        assert_eq!(keys(&poller, None), [0; 0]);
                    }
                    std::thread::scope(|scope| {
                        scope.spawn(|| poller.notify().unwrap());
                        assert_eq!(keys(&poller, None), [0; 0]);
                    });
                }
            }
        };
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    contract!(epoll);
    contract!(portable);
}
