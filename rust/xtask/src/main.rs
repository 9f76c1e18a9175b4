//! The project's tasks. `cargo xtask --help` explains them to people.
//!
//! ```text
//! commands/   one file per subcommand
//! checks      what needs no Godot
//! bench/      what `bench` measures, and its table
//! ```

mod bench;
mod checks;
mod commands;
#[cfg(test)]
mod file_circles;
#[cfg(test)]
mod texts;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use supervised::{captured, closing_line, log_rule, process_group, script_head};
use workbench::{cargo, godot, interface, report, servers, stage, workspace};

use crate::workspace::Workspace;

/// Builds, shows and tests HTTPClientRust.
///
/// Godot is taken from $GODOT, from the PATH (4.3 or newer), or from the cache folder, where it is put on a
/// Debian machine if there is none. HTTP_CLIENT_RUST_CACHE names another cache folder.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the library and stage the add-on in the sample project.
    Build(commands::build::Arguments),
    /// Run the sample headless: a transcript of real exchanges with the embedded server.
    Demo(commands::demo::Arguments),
    /// Run every check and every test, in Rust, in Godot and with the packed add-on.
    Test(commands::test::Arguments),
    /// Measure HTTPClientRust beside the engine's HTTPClient, and print a table.
    Bench(commands::bench::Arguments),
    /// Build the library as it is published, with its symbols, for any machine that Rust can build for.
    Library(commands::library::Arguments),
    /// Make the zip that a game's author unpacks, in dist/, and try it out.
    Package(commands::package::Arguments),
    /// Take the pictures of the documentation: the sample, the editor's panel, the help.
    Screenshots(commands::screenshots::Arguments),
    /// Many clients and random exchanges with the embedded server: every body checked, memory watched.
    Soak(commands::soak::Arguments),
    /// Tell which lines of the protocol and the client their tests reach.
    Coverage,
    /// Run Godot on the sample project, with the arguments given.
    Godot(commands::godot::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = process_group::kill_all_on_interrupt().and_then(|()| {
        let workspace = Workspace::find()?;
        match arguments.command {
            Task::Build(arguments) => commands::build::run(&workspace, &arguments),
            Task::Demo(arguments) => commands::demo::run(&workspace, &arguments),
            Task::Test(arguments) => commands::test::run(&workspace, &arguments),
            Task::Bench(arguments) => commands::bench::run(&workspace, &arguments),
            Task::Library(arguments) => commands::library::run(&workspace, &arguments),
            Task::Package(arguments) => commands::package::run(&workspace, &arguments),
            Task::Screenshots(arguments) => commands::screenshots::run(&workspace, &arguments),
            Task::Soak(arguments) => commands::soak::run(&workspace, &arguments),
            Task::Coverage => commands::coverage::run(&workspace),
            Task::Godot(arguments) => commands::godot::run(&workspace, &arguments),
        }
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Arguments::command().debug_assert();
    }
}
