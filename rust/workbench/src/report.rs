//! Collects the results of the steps of a test run, and prints them at the end.

use std::process::ExitCode;
use std::time::Duration;

use crate::log_rule::without_colours;

/// The result of one step.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The number of passed checks: 1 for a single check, or the number of tests.
    pub passed: usize,
    /// The number of failed checks.
    pub failed: usize,
    /// Further information for the table.
    pub note: String,
    /// The parts that were left out because a tool is missing.
    pub left_out: Vec<String>,
}

impl Outcome {
    /// A single check that passed.
    pub fn passed(note: impl Into<String>) -> Self {
        Self { passed: 1, note: note.into(), ..Self::default() }
    }

    /// A single check that failed.
    pub fn failed(note: impl Into<String>) -> Self {
        Self { failed: 1, note: note.into(), ..Self::default() }
    }

    /// A step that could not run here. Only the first line of the reason counts.
    pub fn left_out(what: impl Into<String>) -> Self {
        let what = what.into();
        Self { left_out: what.lines().next().map(str::to_owned).into_iter().collect(), ..Self::default() }
    }

    /// Combines this outcome with another one, as one step.
    pub fn and(mut self, other: Self) -> Self {
        let notes = [std::mem::take(&mut self.note), other.note];
        self.note = notes.into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join("; ");
        self.left_out.extend(other.left_out);
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed, ..self }
    }

    /// Whether at least one check ran, and all of them passed.
    pub fn held(&self) -> bool {
        self.verdict() == "ok"
    }

    fn verdict(&self) -> &'static str {
        match (self.passed, self.failed) {
            (_, 1..) => "FAILED",
            (0, 0) if !self.left_out.is_empty() => "left out",
            _ => "ok",
        }
    }

    /// Adds everything that the output of a child reports as left out.
    pub fn with_left_out_of(mut self, output: &str) -> Self {
        self.left_out.extend(left_out(output));
        self
    }
}

/// The names in the lines `left out: ...` of an output.
fn left_out(output: &str) -> Vec<String> {
    output
        .lines()
        .filter_map(|line| {
            let line = without_colours(line);
            let line = line.trim();
            // With one thread, the name of a Rust test comes before its output.
            let line = match line.split_once(" ... ") {
                Some((test, rest)) if test.starts_with("test ") => rest,
                _ => line,
            };
            line.strip_prefix(LEFT_OUT).map(str::to_owned)
        })
        .collect()
}

/// Whether a line reports something that was left out.
pub fn says_left_out(line: &str) -> bool {
    line.starts_with(LEFT_OUT)
}

const LEFT_OUT: &str = "left out: ";

/// The steps that have run.
#[derive(Default)]
pub struct Report {
    steps: Vec<(String, Outcome, Duration)>,
}

impl Report {
    /// Runs a step under a heading, and prints its result.
    pub fn step(&mut self, name: impl Into<String>, run: impl FnOnce() -> Outcome) {
        let name = name.into();
        println!("\n== {name}");
        let started = std::time::Instant::now();
        let outcome = run();
        match outcome.verdict() {
            "FAILED" => println!("FAILED: {name}: {}", outcome.note),
            "left out" => outcome.left_out.iter().for_each(|what| println!("{LEFT_OUT}{what}")),
            _ => {}
        }
        self.steps.push((name, outcome, started.elapsed()));
    }

    /// The sums over all steps: passed and failed checks.
    pub fn sums(&self) -> (usize, usize) {
        self.steps
            .iter()
            .fold((0, 0), |(passed, failed), (_, outcome, _)| (passed + outcome.passed, failed + outcome.failed))
    }

    /// Prints the table, everything that was left out, and the closing line.
    pub fn conclude(&self) -> ExitCode {
        println!("\n== Summary");
        let width = self.steps.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or_default();
        for (name, outcome, took) in &self.steps {
            let verdict = outcome.verdict();
            let seconds = took.as_secs_f32();
            let line = format!("{verdict:8}  {name:width$}  {seconds:6.1} s  {}", outcome.note);
            println!("{}", line.trim_end());
        }

        let mut left_out: Vec<&String> = self.steps.iter().flat_map(|(_, outcome, _)| &outcome.left_out).collect();
        left_out.sort();
        left_out.dedup();
        if !left_out.is_empty() {
            println!();
        }
        for item in left_out {
            println!("{LEFT_OUT}{item}");
        }

        let (passed, failed) = self.sums();
        println!("\n{passed} passed, {failed} failed");
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_collected_from_any_line() {
        let output = "ok   a\nleft out: nginx is missing\n\x1b[0mleft out: b\n\
                      test a::b ... left out: c\nnot left out: d\n";
        assert_eq!(left_out(output), ["nginx is missing", "b", "c"]);
    }

    #[test]
    fn a_step_that_was_left_out_is_no_step_that_passed() {
        let left_out = Outcome::left_out("no screen");
        assert_eq!((left_out.passed, left_out.failed, left_out.verdict()), (0, 0, "left out"));
        assert_eq!(Outcome::passed("").and(left_out).verdict(), "ok");
    }

    #[test]
    fn one_failure_fails_two_outcomes_together() {
        let both = Outcome::passed("3 tests").and(Outcome::failed("no"));
        assert_eq!((both.passed, both.failed, both.verdict()), (1, 1, "FAILED"));
        assert_eq!(both.note, "3 tests; no");
    }

    #[test]
    fn tests_and_checks_add_up() {
        let mut report = Report::default();
        report.step("one", || Outcome::passed(""));
        report.step("two", || Outcome { passed: 5, failed: 2, ..Outcome::default() });
        assert_eq!(report.sums(), (6, 2));
    }
}
