//! The project's tasks. `cargo xtask --help` explains them.
//!
//! ```text
//! commands/   one file per subcommand
//! checks      the checks that need no Godot
//! bench/      the cases of `bench`, and its table
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

/// Builds, runs and tests HTTPClientRust.
///
/// Uses the Godot in $GODOT, in the PATH (4.3 or newer) or in the cache folder. On a Debian-based system,
/// downloads Godot if there is none. HTTP_CLIENT_RUST_CACHE sets another cache folder.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the library, and put the add-on into the sample project.
    Build(commands::build::Arguments),
    /// Run the sample project headless, and print real exchanges with the embedded server.
    Demo(commands::demo::Arguments),
    /// Run every check and every test, in Rust, in Godot and with the packed add-on.
    Test(commands::test::Arguments),
    /// Compare the performance of HTTPClientRust and the built-in HTTPClient, and print a table.
    Bench(commands::bench::Arguments),
    /// Build the release library, with its symbols, for any platform that Rust supports.
    Library(commands::library::Arguments),
    /// Create the zip for game developers in dist/, and test it.
    Package(commands::package::Arguments),
    /// Take the pictures of the documentation: the sample project, the editor's panels, the help.
    Screenshots(commands::screenshots::Arguments),
    /// Make random exchanges with the embedded server with many clients, and check every body and the memory.
    Soak(commands::soak::Arguments),
    /// Show which lines of the protocol, the connections, the client and the sessions are covered by tests.
    Coverage,
    /// Run Godot on the sample project, with the given arguments.
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
