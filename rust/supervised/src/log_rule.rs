//! The log rule: a run fails if its log contains an error, a warning or a leak that nobody announced.
//!
//! An engine continues after most errors, so an exit code of 0 proves little. A script announces expected lines in its head (see
//! `script_head`): `# expect-log: REGEX` must match a line, `# allow-log: REGEX` may match one.

use regex::Regex;

/// The log of a good run contains none of these substrings. `ERROR:` and `WARNING:` only count as separate words, so that a
/// transcript may contain `STATUS_CONNECTION_ERROR: ...`.
const SUSPICIOUS: [&str; 11] = [
    "ERROR:",
    "SCRIPT ERROR",
    "WARNING:",
    "Parse Error",
    "leaked",
    "Leaked",
    "RID allocations",
    "ObjectDB instances",
    "orphan",
    "handle_crash",
    "panicked at",
];

/// An announced kind of line.
#[derive(Debug, Clone)]
pub struct Announced {
    /// Matches a part of the line, without terminal colors.
    pub pattern: Regex,
    /// Whether it must match at least one line.
    pub required: bool,
}

/// The problems of a log, one sentence each. Empty for a good log.
pub fn violations(log: &str, announced: &[Announced]) -> Vec<String> {
    let log = without_colours(log);
    let mut matched = vec![false; announced.len()];
    let mut unannounced = Vec::new();
    for line in log.lines() {
        let mut excused = false;
        for (announced, matched) in announced.iter().zip(&mut matched) {
            if announced.pattern.is_match(line) {
                *matched = true;
                excused = true;
            }
        }
        if !excused && is_suspicious(line) {
            unannounced.push(line);
        }
    }

    let mut violations = Vec::new();
    // One sentence for any number of lines, because a script that does not load causes dozens.
    match unannounced.as_slice() {
        [] => {}
        [line] => violations.push(format!("its log has a line that no expect-log or allow-log matches: {line}")),
        [first, ..] => violations.push(format!(
            "its log has {} lines that no expect-log or allow-log matches; the first is: {first}",
            unannounced.len()
        )),
    }
    for (announced, matched) in announced.iter().zip(matched) {
        if announced.required && !matched {
            violations.push(format!("its log has no line that matches its `# expect-log: {}`", announced.pattern));
        }
    }
    violations
}

/// Whether a good log never contains this line.
pub fn is_suspicious(line: &str) -> bool {
    // The name of a passed test may contain such a word, such as leak.
    if line.starts_with("ok ") {
        return false;
    }
    SUSPICIOUS.iter().any(|&sign| {
        line.match_indices(sign).any(|(position, _)| {
            !sign.ends_with(':')
                || !line[..position].ends_with(|before: char| before.is_alphanumeric() || before == '_')
        })
    })
}

/// The text without escape sequences for terminal colors.
pub fn without_colours(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(pattern: &str, required: bool) -> Announced {
        Announced { pattern: Regex::new(pattern).unwrap(), required }
    }

    #[test]
    fn a_log_without_errors_passes() {
        assert!(violations("Godot Engine v4.6.3\nok   it_works\n", &[]).is_empty());
    }

    #[test]
    fn every_sign_of_trouble_fails_a_run() {
        for line in [
            "ERROR: Condition \"!f\" is true.",
            "USER ERROR: something",
            "SCRIPT ERROR: Invalid call.",
            "WARNING: ObjectDB instances leaked at exit (run with --verbose for details).",
            "SCRIPT ERROR: Parse Error: Expected expression",
            "Leaked instance: RefCounted:1",
            "ERROR: 2 RID allocations of type 'Texture' were leaked at exit.",
            "1 orphan node",
            "handle_crash: Program crashed with signal 11",
            "thread 'main' panicked at rust/binding/lib.rs:1:1:",
        ] {
            assert_eq!(violations(line, &[]).len(), 1, "{line}");
        }
    }

    #[test]
    fn an_error_in_colour_is_found() {
        assert_eq!(violations("\x1b[1;31mERROR:\x1b[0;91m no\x1b[0m", &[]).len(), 1);
        assert_eq!(violations("ERR\x1b[0mOR: no", &[]).len(), 1);
    }

    #[test]
    fn many_errors_are_one_sentence_with_their_number_and_the_first() {
        let found = violations("ERROR: a\nfine\nERROR: b\nERROR: b\n", &[]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("3 lines") && found[0].ends_with("ERROR: a"), "{found:?}");
    }

    #[test]
    fn an_announced_error_is_excused_and_another_is_not() {
        let announced = [announced("^ERROR: refused by .*$", true)];
        let found = violations("ERROR: refused by peer\nERROR: other\n", &announced);
        assert_eq!(found.len(), 1);
        assert!(found[0].ends_with("ERROR: other"), "{found:?}");
    }

    #[test]
    fn an_expected_line_that_never_comes_fails_a_run_and_an_allowed_one_does_not() {
        assert_eq!(violations("", &[announced("refused", true)]).len(), 1);
        assert!(violations("", &[announced("refused", false)]).is_empty());
    }

    #[test]
    fn one_line_can_satisfy_two_expectations() {
        let both = [announced("refused", true), announced("by peer", true)];
        assert!(violations("ERROR: refused by peer", &both).is_empty());
    }

    #[test]
    fn the_name_of_a_status_is_not_an_error() {
        assert!(violations("STATUS_CONNECTION_ERROR: the peer ended", &[]).is_empty());
    }

    #[test]
    fn the_name_of_a_test_may_speak_of_leaks() {
        assert!(violations("ok   an_orphan_client_is_not_leaked", &[]).is_empty());
        assert_eq!(violations("FAIL nothing_is_leaked: 1 left", &[]).len(), 1);
    }

    #[test]
    fn colours_are_taken_off_and_tabs_and_a_cut_sequence_do_no_harm() {
        assert_eq!(without_colours("a\x1b[1;31mb\x1b[0m\tc\n"), "ab\tc\n");
        assert_eq!(without_colours("a\x1b[1;3"), "a");
    }
}
