//! The closing line of a test run: `N passed, N failed`, and possibly `, N skipped`.

use std::sync::LazyLock;

use regex::Regex;

static CLOSING: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(\d{1,9}) passed, (\d{1,9}) failed(?:, \d+ skipped)?$").expect("a valid pattern"));
static CARGO: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^test result: \w+\. (\d{1,9}) passed; (\d{1,9}) failed;").expect("a valid pattern"));

/// The numbers of passed and failed tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The number of passed tests.
    pub passed: usize,
    /// The number of failed tests.
    pub failed: usize,
}

impl Counts {
    /// The counts in the last closing line of a run in Godot. `None` if there is none.
    pub fn of_godot_tests(output: &str) -> Option<Self> {
        output.lines().rev().find_map(|line| Self::matched(&CLOSING, line.trim()))
    }

    /// The sum of the results that `cargo test` prints, one for each test program.
    pub fn of_cargo_test(output: &str) -> Self {
        let results = output.lines().filter_map(|line| Self::matched(&CARGO, line));
        results.fold(Self::default(), |sum, counts| Self {
            passed: sum.passed + counts.passed,
            failed: sum.failed + counts.failed,
        })
    }

    fn matched(pattern: &Regex, line: &str) -> Option<Self> {
        let captures = pattern.captures(line)?;
        Some(Self { passed: captures[1].parse().ok()?, failed: captures[2].parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_closing_line_counts() {
        let counts = Counts::of_godot_tests("1 passed, 1 failed\nok   a\n12 passed, 0 failed\nbye\n");
        assert_eq!(counts, Some(Counts { passed: 12, failed: 0 }));
    }

    #[test]
    fn skipped_tests_may_follow() {
        let counts = Counts::of_godot_tests("3 passed, 1 failed, 2 skipped");
        assert_eq!(counts, Some(Counts { passed: 3, failed: 1 }));
    }

    #[test]
    fn a_line_that_says_more_is_no_closing_line() {
        assert_eq!(Counts::of_godot_tests("about 3 passed, 1 failed, I think"), None);
        assert_eq!(Counts::of_godot_tests(""), None);
    }

    #[test]
    fn the_results_of_several_test_programs_add_up() {
        let output = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured\n\
                      test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured\n";
        assert_eq!(Counts::of_cargo_test(output), Counts { passed: 4, failed: 2 });
    }
}
