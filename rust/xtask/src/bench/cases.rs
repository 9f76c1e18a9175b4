//! What is measured, and what the figures have to come to: `godot_project/bench/rows.json`.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::workspace::Workspace;

/// The tables.
#[derive(Deserialize)]
pub(crate) struct Tables {
    /// What the documentation quotes.
    pub(crate) table: Vec<Case>,
    /// How the cost grows.
    pub(crate) growth: Vec<Case>,
    /// What single calls cost: the binding's hot paths, each by itself.
    pub(crate) calls: Vec<Case>,
    /// Sessions and nodes beside the engine's node.
    pub(crate) fetch: Vec<Case>,
    /// How their cost grows.
    pub(crate) fetch_growth: Vec<Case>,
}

/// The script that runs the cases of the first three tables, in `godot_project/bench`; and that of the others.
pub(crate) const SCRIPT: &str = "bench.gd";
pub(crate) const FETCH_SCRIPT: &str = "fetch_bench.gd";

/// One run of Godot: what `bench.gd` knows under this name, and the rows that come of it.
#[derive(Deserialize)]
pub(crate) struct Case {
    #[serde(rename = "case")]
    pub(crate) name: String,
    pub(crate) rows: Vec<Row>,
}

/// One row of a table: a figure of HTTPClientRust beside one of something else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) title: String,
    /// The figure's name in `bench.gd`'s lines.
    pub(crate) figure: String,
    pub(crate) unit: Unit,
    /// What stands in the first column.
    #[serde(default = "built_in")]
    pub(crate) against: String,
    /// Which way of reading stands in the second: `ours`, or `available`.
    #[serde(default = "ours")]
    pub(crate) ours: String,
    /// The ratio of ours to the other is at least this.
    pub(crate) ratio_at_least: Option<f64>,
    /// The ratio is at most this.
    pub(crate) ratio_at_most: Option<f64>,
    /// Our own figure is at most this, whatever the other one is.
    pub(crate) at_most: Option<f64>,
}

/// How a figure is written.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    PerSecond,
    BytesPerSecond,
    Microseconds,
    Nanoseconds,
    Bytes,
    Frames,
    Count,
}

impl Tables {
    /// Reads them.
    pub(crate) fn read(workspace: &Workspace) -> Result<Self> {
        let path = workspace.godot_project().join("bench/rows.json");
        let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| path.display().to_string())
    }
}

fn built_in() -> String {
    "built-in".to_owned()
}

fn ours() -> String {
    "ours".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_of_the_tables_is_one_that_its_script_can_run() {
        let workspace = Workspace::find().unwrap();
        let Tables { table, growth, calls, fetch, fetch_growth } = Tables::read(&workspace).unwrap();
        for (name, tables) in [(SCRIPT, vec![table, growth, calls]), (FETCH_SCRIPT, vec![fetch, fetch_growth])] {
            let script = std::fs::read_to_string(workspace.godot_project().join("bench").join(name)).unwrap();
            for case in tables.iter().flatten() {
                assert!(script.contains(&format!("\nfunc _{}(", case.name)), "{}", case.name);
                assert!(!case.rows.is_empty(), "{}", case.name);
            }
        }
    }
}
