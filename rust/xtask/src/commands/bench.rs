//! `cargo xtask bench`: compares the engine's HTTPClient with HTTPClientRust in a Markdown table.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::build::build_and_stage;
use crate::bench::cases::{Case, FETCH_SCRIPT, SCRIPT, Tables};
use crate::bench::figures::{Figures, HEAD};
use crate::captured::Echo;
use crate::cargo;
use crate::godot::run::{DEADLINE, Run};
use crate::godot::{Godot, find};
use crate::script_head::ScriptHead;
use crate::servers::Servers;
use crate::stage;
use crate::workspace::Workspace;

/// The arguments of the command.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run only the cases whose names contain this.
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// How many times each side is measured.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Do a fraction of the work, to try the command; do not quote these figures.
    #[arg(long)]
    quick: bool,
    /// Instead of the table, measure how the cost grows with clients, headers and bodies.
    #[arg(long)]
    growth: bool,
    /// Instead of the table, measure single calls.
    #[arg(long, conflicts_with_all = ["growth", "fetch"])]
    calls: bool,
    /// Compare sessions and nodes with the built-in HTTPRequest. With --growth, measure how their cost grows.
    #[arg(long)]
    fetch: bool,
}

/// Runs the command. A figure that misses its goal is not an error. The table shows it.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let tables = Tables::read(workspace)?;
    let (all, script) = match (arguments.fetch, arguments.growth, arguments.calls) {
        (true, true, _) => (tables.fetch_growth, FETCH_SCRIPT),
        (true, ..) => (tables.fetch, FETCH_SCRIPT),
        (_, true, _) => (tables.growth, SCRIPT),
        (.., true) => (tables.calls, SCRIPT),
        _ => (tables.table, SCRIPT),
    };
    let wanted = |case: &&Case| arguments.case.as_deref().is_none_or(|name| case.name.contains(name));
    let cases: Vec<&Case> = all.iter().filter(wanted).collect();
    if cases.is_empty() {
        let names: Vec<_> = all.iter().map(|case| &*case.name).collect();
        bail!("there is no such case; the cases are: {}", names.join(", "));
    }
    if !cfg!(target_os = "linux") {
        bail!("the benchmark reads processor time and memory from /proc, which only Linux has");
    }

    build_and_stage(workspace, true)?;
    let godot = find::find_or_get()?;
    let setting = Setting {
        // In a debug build, the server would limit the figures.
        servers: Servers::start_optimized(workspace)?,
        bare_loop: cargo::build_program(workspace, "bare-loop", &[])?,
        has_curl: which::which("curl").is_ok(),
        script,
    };
    // A copy, so that a build in another terminal does not change the measured library.
    let project = tempfile::Builder::new().prefix("http_client_rust-bench-").tempdir()?;
    stage::copy_folder(&workspace.godot_project(), project.path(), &|_| false)?;
    let mut table = vec![HEAD.to_owned()];
    let mut complete = true;
    for case in cases {
        eprintln!("{}", case.name);
        match measure(project.path(), &godot, &setting, case, arguments) {
            Ok(figures) => table.extend(case.rows.iter().map(|row| figures.line(case, row))),
            Err(error) => {
                eprintln!("{}: {error:#}", case.name);
                complete = false;
            }
        }
    }
    println!("\n{}", table.join("\n"));
    Ok(if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The programs and scripts of the measurement.
struct Setting {
    servers: Servers,
    bare_loop: PathBuf,
    has_curl: bool,
    /// The script that runs the cases, in the project's folder `bench`.
    script: &'static str,
}

/// Runs one case in its own Godot, so that no case is affected by the memory of another one.
fn measure(project: &Path, godot: &Godot, setting: &Setting, case: &Case, arguments: &Arguments) -> Result<Figures> {
    let mut given = vec![
        "--script".to_owned(),
        format!("res://bench/{}", setting.script),
        "--".to_owned(),
        format!("--case={}", case.name),
        format!("--pairs={}", arguments.pairs),
        format!("--http={}", setting.servers.port("http")?),
        format!("--https={}", setting.servers.port("https")?),
        format!("--bare-loop={}", setting.bare_loop.display()),
    ];
    given.extend(setting.servers.some_arguments(&["ca-file"]));
    if arguments.quick {
        given.push("--quick".to_owned());
    }
    if setting.has_curl {
        given.push("--curl".to_owned());
    }
    let finished = godot.run(Run {
        name: &case.name,
        project,
        arguments: given.into_iter().map(Into::into).collect(),
        screen: None,
        home: None,
        environment: Vec::new(),
        head: ScriptHead::of(&project.join("bench").join(setting.script))?,
        deadline: DEADLINE,
        echo: Echo::Nothing,
    })?;
    match finished.problems().as_slice() {
        [] => Ok(Figures::read(&finished.output)),
        problems => bail!("{}\n{}", problems.join("; "), finished.output),
    }
}
