//! The cases of the benchmark and their goals, from `godot_project/bench/rows.json`.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::workspace::Workspace;

/// The tables of the benchmark.
#[derive(Deserialize)]
pub(crate) struct Tables {
    /// The figures that the documentation quotes.
    pub(crate) table: Vec<Case>,
    /// How the cost grows with the load.
    pub(crate) growth: Vec<Case>,
    /// The cost of single calls: each hot path of the binding by itself.
    pub(crate) calls: Vec<Case>,
    /// Sessions and nodes compared with the engine's node.
    pub(crate) fetch: Vec<Case>,
    /// How the cost of sessions and nodes grows.
    pub(crate) fetch_growth: Vec<Case>,
}

/// The script for the cases of the first three tables, in `godot_project/bench`, and the one for the others.
pub(crate) const SCRIPT: &str = "bench.gd";
pub(crate) const FETCH_SCRIPT: &str = "fetch_bench.gd";

/// One run of Godot: the name of the case in the script, and its rows.
#[derive(Deserialize)]
pub(crate) struct Case {
    #[serde(rename = "case")]
    pub(crate) name: String,
    pub(crate) rows: Vec<Row>,
}

/// One row of a table: a figure of HTTPClientRust next to one of something else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) title: String,
    /// The name of the figure in the output of the script.
    pub(crate) figure: String,
    pub(crate) unit: Unit,
    /// The side in the first column.
    #[serde(default = "built_in")]
    pub(crate) against: String,
    /// The side in the second column, which is a way of reading: `ours` or `available`.
    #[serde(default = "ours")]
    pub(crate) ours: String,
    /// The minimum of the ratio of our figure to the other one.
    pub(crate) ratio_at_least: Option<f64>,
    /// The maximum of the ratio.
    pub(crate) ratio_at_most: Option<f64>,
    /// The maximum of our figure, independent of the other one.
    pub(crate) at_most: Option<f64>,
}

/// The format of a figure.
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
    /// Reads the tables.
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
