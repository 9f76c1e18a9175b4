//! How many a second.

use std::time::Duration;

/// Counts by whole seconds. Time is what has passed since any moment, the same for all calls.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    /// Which second `now` counts.
    second: u64,
    now: u64,
    /// Of the second before.
    before: u64,
}

impl Rate {
    pub(crate) fn add(&mut self, count: u64, at: Duration) {
        self.turn(at);
        self.now = self.now.saturating_add(count);
    }

    /// How many there were in the last second that is over.
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
