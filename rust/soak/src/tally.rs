//! Counts the results of all exchanges, and records the memory.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::player::Verdict;

/// If the memory at the end exceeds that in the middle by more than this, it has grown. In bytes.
pub(crate) const GROWTH: u64 = 4 << 20;

/// The average number of exchanges per client that a judgment about memory needs. By then, all clients have transferred their
/// largest body in the smallest pieces.
const WARM: u64 = 100;

/// In a shorter run, the warm-up of the allocator would look like growth.
const LONG_ENOUGH: Duration = Duration::from_secs(5 * 60);

/// The number of mismatches that are shown individually.
const SHOWN: usize = 20;

/// The counts of one thread, or of all threads.
#[derive(Default)]
pub(crate) struct Tally {
    kinds: BTreeMap<&'static str, Counts>,
    /// The mismatches that are shown.
    pub(crate) mismatches: Vec<String>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    complete: u64,
    bytes: u64,
    failed: u64,
    cancelled: u64,
    mismatches: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, kind: &'static str, verdict: Verdict) {
        let counts = self.kinds.entry(kind).or_default();
        match verdict {
            Verdict::Complete { bytes } => {
                counts.complete += 1;
                counts.bytes += bytes;
            }
            Verdict::FailedAsItMust => counts.failed += 1,
            Verdict::Cancelled => counts.cancelled += 1,
            Verdict::Mismatch(what) => {
                counts.mismatches += 1;
                if self.mismatches.len() < SHOWN {
                    eprintln!("mismatch: {what}");
                    self.mismatches.push(what);
                }
            }
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (kind, counts) in other.kinds {
            let sum = self.kinds.entry(kind).or_default();
            *sum = sum.plus(counts);
        }
        self.mismatches.extend(other.mismatches);
    }

    fn sum(&self) -> Counts {
        self.kinds.values().fold(Counts::default(), |sum, counts| sum.plus(*counts))
    }

    pub(crate) fn exchanges(&self) -> u64 {
        let sum = self.sum();
        sum.complete + sum.failed + sum.cancelled + sum.mismatches
    }

    pub(crate) fn wrong(&self) -> u64 {
        self.sum().mismatches
    }

    /// The counts as a Markdown table.
    pub(crate) fn table(&self) -> String {
        let head = "| exchanges | complete | MiB | failed as they must | cancelled | mismatches |\n\
                    | --- | ---: | ---: | ---: | ---: | ---: |\n";
        let rows = self.kinds.iter().map(|(kind, counts)| counts.row(kind));
        rows.chain([self.sum().row("all")]).fold(head.to_owned(), |table, row| table + &row)
    }
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            complete: self.complete + other.complete,
            bytes: self.bytes + other.bytes,
            failed: self.failed + other.failed,
            cancelled: self.cancelled + other.cancelled,
            mismatches: self.mismatches + other.mismatches,
        }
    }

    fn row(self, name: &str) -> String {
        let mib = self.bytes >> 20;
        format!("| {name} | {} | {mib} | {} | {} | {} |\n", self.complete, self.failed, self.cancelled, self.mismatches)
    }
}

/// Samples of the resident memory during the run, in bytes.
#[derive(Default)]
pub(crate) struct Memory {
    samples: Vec<(Duration, u64)>,
}

impl Memory {
    pub(crate) fn note(&mut self, at: Duration, resident: u64) {
        self.samples.push((at, resident));
    }

    /// The median of the samples between these sixths of the run.
    fn median(&self, from: u32, to: u32) -> u64 {
        let whole = self.samples.last().map_or(Duration::ZERO, |(at, _)| *at);
        let within = |at: Duration| at * 6 >= whole * from && at * 6 <= whole * to;
        let mut inside: Vec<u64> =
            self.samples.iter().filter(|(at, _)| within(*at)).map(|(_, resident)| *resident).collect();
        inside.sort_unstable();
        inside.get(inside.len() / 2).copied().unwrap_or_default()
    }

    /// The median memory in the third sixth, when everything has been used often, and in the last sixth.
    pub(crate) fn middle_and_end(&self) -> (u64, u64) {
        (self.median(2, 3), self.median(5, 6))
    }

    /// None if the run was too short for a judgment.
    pub(crate) fn has_grown(&self, exchanges_per_client: u64) -> Option<bool> {
        let (middle, end) = self.middle_and_end();
        let is_long = self.samples.last().is_some_and(|(at, _)| *at >= LONG_ENOUGH);
        (is_long && exchanges_per_client >= WARM).then_some(end > middle + GROWTH)
    }

    /// The medians of all sixths, in MiB.
    pub(crate) fn course(&self) -> String {
        let medians = (0..6).map(|sixth| format!("{:.1}", self.median(sixth, sixth + 1) as f64 / f64::from(1 << 20)));
        medians.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_grows_all_the_time_is_growth_and_a_late_start_is_not() {
        let run = |resident: fn(u64) -> u64| {
            let mut memory = Memory::default();
            (0..600).for_each(|second| memory.note(Duration::from_secs(second), resident(second)));
            memory.has_grown(1000)
        };
        assert_eq!(run(|second| (50 << 20) + second * 20_000), Some(true));
        assert_eq!(run(|second| if second < 190 { 10 << 20 } else { 90 << 20 }), Some(false));
        assert_eq!(run(|second| (50 << 20) + second * 1_000), Some(false));
        assert_eq!(Memory::default().has_grown(1000), None);
    }

    #[test]
    fn the_memory_of_a_short_run_is_not_judged() {
        let mut memory = Memory::default();
        (0..60).for_each(|second| memory.note(Duration::from_secs(second), second << 20));
        assert_eq!(memory.has_grown(1000), None);
    }

    #[test]
    fn every_mismatch_is_counted() {
        let mut tally = Tally::default();
        tally.add("a", Verdict::Complete { bytes: 3 << 20 });
        let mut other = Tally::default();
        other.add("a", Verdict::Mismatch("one".to_owned()));
        other.add("b", Verdict::Cancelled);
        tally.merge(other);
        assert_eq!((tally.exchanges(), tally.wrong()), (3, 1));
        assert!(tally.table().contains("| all | 1 | 3 | 0 | 1 | 1 |"), "{}", tally.table());
    }
}
