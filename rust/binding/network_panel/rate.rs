//! Counts events per second.

use std::time::Duration;

/// Counts in whole seconds. All calls must measure their time from the same moment.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    /// The second that `now` belongs to.
    second: u64,
    now: u64,
    /// The count of the previous second.
    before: u64,
}

impl Rate {
    pub(crate) fn add(&mut self, count: u64, at: Duration) {
        self.turn(at);
        self.now = self.now.saturating_add(count);
    }

    /// The count of the last complete second.
    pub(crate) fn last_second(&mut self, at: Duration) -> u64 {
        self.turn(at);
        self.before
    }

    fn turn(&mut self, at: Duration) {
        let second = at.as_secs();
        if second <= self.second {
            return;
        }
        self.before = if second == self.second + 1 { self.now } else { 0 };
        (self.second, self.now) = (second, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_count_of_the_last_whole_second_and_none_after_a_silent_one() {
        let at = Duration::from_millis;
        let mut rate = Rate::default();
        rate.add(3, at(100));
        rate.add(4, at(900));
        assert_eq!(rate.last_second(at(999)), 0, "it is not over");
        assert_eq!(rate.last_second(at(1000)), 7);
        rate.add(5, at(1500));
        assert_eq!(rate.last_second(at(1999)), 7);
        assert_eq!(rate.last_second(at(2000)), 5);
        assert_eq!(rate.last_second(at(4000)), 0);
    }
}
