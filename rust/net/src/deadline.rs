//! Deadlines that do not blame the peer for time during which this program was paused.

use std::time::{Duration, Instant};

/// A program that checks less often than this was paused: by the system, by a debugger, or by long loading.
const AWAY: Duration = Duration::from_secs(1);

/// The deadline of an operation with several steps. Check it only if there is nothing to process.
#[derive(Debug)]
pub(crate) struct Deadline {
    /// The time of the deadline, or `None` if there is no deadline.
    at: Option<Instant>,
    looked: Instant,
    /// Whether this step was already extended for a pause. Repeated extensions could keep a step from ever ending.
    is_extended: bool,
}

impl Deadline {
    /// Starts counting at `now`. A timeout that exceeds the range of the clock means no deadline.
    pub(crate) fn new(timeout: Option<Duration>, now: Instant) -> Self {
        Self { at: timeout.and_then(|timeout| now.checked_add(timeout)), looked: now, is_extended: false }
    }

    /// Notes that the connection was checked for progress. If the previous check was at least [`AWAY`] ago and the deadline has passed, the
    /// deadline is extended by the time between the two checks, once in a step.
    pub(crate) fn look(&mut self, now: Instant) {
        let away = now.saturating_duration_since(std::mem::replace(&mut self.looked, now));
        if away >= AWAY && self.has_passed(now) && !self.is_extended {
            self.is_extended = true;
            self.at = self.at.and_then(|at| at.checked_add(away));
        }
    }

    /// Notes that a step is complete.
    pub(crate) fn next_step(&mut self) {
        self.is_extended = false;
    }

    pub(crate) fn has_passed(&self, now: Instant) -> bool {
        self.at.is_some_and(|at| now >= at)
    }

    /// Returns the latest time for the next check.
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
            // Paused for six seconds, then active for half a second.
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
