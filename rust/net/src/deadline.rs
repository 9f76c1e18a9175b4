//! Until when something must have come to an end, fairly: time in which nobody could look is not held against the peer.

use std::time::{Duration, Instant};

/// Whoever looks less often than this was stopped: by the system, a debugger, a long load.
const AWAY: Duration = Duration::from_secs(1);

/// The deadline of something that goes step by step. It counts only where a look found nothing.
#[derive(Debug)]
pub(crate) struct Deadline {
    /// None is never.
    at: Option<Instant>,
    looked: Instant,
    /// This step was given back the time of an absence. One that could have it again and again would never end.
    is_extended: bool,
}

impl Deadline {
    /// Counts from `now`. A timeout that goes beyond what the clock can tell is none.
    pub(crate) fn new(timeout: Option<Duration>, now: Instant) -> Self {
        Self { at: timeout.and_then(|timeout| now.checked_add(timeout)), looked: now, is_extended: false }
    }

    /// Notes that the peer was looked at. If the deadline passed since the last look, and that is long ago, it is put off by as much.
    pub(crate) fn look(&mut self, now: Instant) {
        let away = now.saturating_duration_since(std::mem::replace(&mut self.looked, now));
        if away >= AWAY && self.has_passed(now) && !self.is_extended {
            self.is_extended = true;
            self.at = self.at.and_then(|at| at.checked_add(away));
        }
    }

    /// Notes that a step is done.
    pub(crate) fn next_step(&mut self) {
        self.is_extended = false;
    }

    pub(crate) fn has_passed(&self, now: Instant) -> bool {
        self.at.is_some_and(|at| now >= at)
    }

    /// When to look again at the latest.
    pub(crate) fn at(&self) -> Option<Instant> {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Duration = Duration::from_millis(16);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn who_looks_often_gets_no_more_time_than_was_said() {
        let start = Instant::now();
        let mut deadline = Deadline::new(Some(2 * SECOND), start);
        let mut now = start;
        while !deadline.has_passed(now) {
            now += FRAME;
            deadline.look(now);
            deadline.next_step();
        }
        assert!(now - start < 2 * SECOND + FRAME, "{:?}", now - start);
    }

    #[test]
    fn time_in_which_nobody_looked_is_given_back_once_for_each_step() {
        let start = Instant::now();
        let mut deadline = Deadline::new(Some(2 * SECOND), start);
        deadline.look(start + SECOND);
        for absence in 1..=3 {
            // Frozen for six seconds, then half a second at work.
            let back = start + SECOND + absence * 6 * SECOND;
            deadline.look(back);
            assert!(!deadline.has_passed(back + SECOND / 2));
            assert!(deadline.has_passed(back + SECOND));
            deadline.look(back);
            deadline.next_step();
        }
        deadline.look(start + 25 * SECOND);
        assert!(!deadline.has_passed(start + 25 * SECOND));
        deadline.look(start + 31 * SECOND);
        assert!(deadline.has_passed(start + 31 * SECOND), "a second time in the same step");
    }

    #[test]
    fn a_timeout_longer_than_the_clock_can_tell_is_none() {
        let now = Instant::now();
        for timeout in [None, Some(Duration::MAX), Some(Duration::from_secs(u64::MAX / 2))] {
            let mut deadline = Deadline::new(timeout, now);
            deadline.look(now + 1000 * SECOND);
            assert!(!deadline.has_passed(now + 1000 * SECOND), "{timeout:?}");
        }
    }
}
