//! The comments at the top of a GDScript file with settings for its run.
//!
//! ```gdscript
//! # deadline: 300
//! # expect-log: ^ERROR: Can't resolve .*$
//! # allow-log: ^WARNING: slow machine
//! extends "res://tests/support/test.gd"
//! ```
//!
//! The head ends before the first line that is not empty, a comment, an annotation, `extends` or `class_name`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use regex::Regex;

use crate::log_rule::Announced;

/// The settings in a script's head.
#[derive(Debug, Clone, Default)]
pub struct ScriptHead {
    /// How long the script may run, if the head says so.
    pub deadline: Option<Duration>,
    /// The lines that its log must or may contain.
    pub announced: Vec<Announced>,
}

impl ScriptHead {
    /// Reads a script's head.
    pub fn of(script: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(script).with_context(|| format!("cannot read {}", script.display()))?;
        Self::parse(&text).with_context(|| format!("the head of {}", script.display()))
    }

    /// Parses the head of a script without a file.
    pub fn parse(text: &str) -> Result<Self> {
        let mut head = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            let Some(comment) = line.strip_prefix('#') else {
                if belongs_to_head(line) {
                    continue;
                }
                break;
            };
            head.take(comment.trim_start_matches('#').trim()).with_context(|| format!("line {}", index + 1))?;
        }
        Ok(head)
    }

    fn take(&mut self, comment: &str) -> Result<()> {
        let Some((key, value)) = comment.split_once(':') else {
            return Ok(());
        };
        let value = value.trim();
        match key {
            "deadline" => {
                let Some(seconds) = value.parse().ok().filter(|seconds| *seconds > 0) else {
                    bail!("`deadline:` needs a whole number of seconds above 0, not {value:?}");
                };
                self.deadline = Some(Duration::from_secs(seconds));
            }
            "expect-log" | "allow-log" => {
                if value.is_empty() {
                    bail!("`{key}:` needs a regular expression; an empty one would match every line");
                }
                let pattern = Regex::new(value).with_context(|| format!("`{key}:` needs a regular expression"))?;
                self.announced.push(Announced { pattern, required: key == "expect-log" });
            }
            _ => {}
        }
        Ok(())
    }
}

fn belongs_to_head(line: &str) -> bool {
    line.is_empty() || line.starts_with('@') || line.starts_with("extends ") || line.starts_with("class_name ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_without_comments_has_the_defaults() {
        let head = ScriptHead::parse("extends Node\nfunc _ready():\n\tpass\n").unwrap();
        assert_eq!(head.deadline, None);
        assert!(head.announced.is_empty());
    }

    #[test]
    fn a_deadline_and_both_kinds_of_log_lines_are_read() {
        let head = ScriptHead::parse(
            "# What it is about.\n# deadline: 300\n# expect-log: ^ERROR: a: b$\n## allow-log: slow\n",
        )
        .unwrap();
        assert_eq!(head.deadline, Some(Duration::from_secs(300)));
        assert!(head.announced[0].required);
        assert!(head.announced[0].pattern.is_match("ERROR: a: b"));
        assert!(!head.announced[1].required);
    }

    #[test]
    fn the_head_goes_on_over_annotations_and_extends_and_ends_at_the_code() {
        let head =
            ScriptHead::parse("@tool\nextends EditorPlugin\n\n# deadline: 5\nvar a = 1\n# deadline: 6\n").unwrap();
        assert_eq!(head.deadline, Some(Duration::from_secs(5)));
    }

    #[test]
    fn a_deadline_that_is_no_number_is_refused_with_its_line() {
        for wrong in ["", "soon", "0", "-1", "1.5"] {
            let error = ScriptHead::parse(&format!("#\n# deadline: {wrong}\n")).unwrap_err();
            let message = format!("{error:#}");
            assert!(message.contains("line 2") && message.contains("seconds"), "{message}");
        }
    }

    #[test]
    fn a_regular_expression_that_is_none_is_refused() {
        assert!(ScriptHead::parse("# expect-log: (\n").is_err());
        assert!(ScriptHead::parse("# expect-log:\n").is_err());
    }

    #[test]
    fn other_comments_with_a_colon_are_left_alone() {
        assert!(ScriptHead::parse("# note: deadline: never\n").unwrap().announced.is_empty());
    }
}
