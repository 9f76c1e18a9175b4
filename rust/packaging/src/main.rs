//! The program of [`packaging`].

use std::process::ExitCode;

use clap::Parser;
use packaging::Arguments;
use supervised::process_group;
use workbench::workspace::Workspace;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = process_group::kill_all_on_interrupt()
        .and_then(|()| Workspace::find())
        .and_then(|workspace| packaging::run(&workspace, &arguments));
    result.unwrap_or_else(|error| {
        eprintln!("package: {error:#}");
        ExitCode::FAILURE
    })
}
