//! The ways to try the zip out.

use std::path::Path;

use anyhow::{Context, Result};

use crate::archive::Archive;
use crate::godot::Godot;
use crate::godot::screen::Screen;
use crate::godot::template::Template;
use crate::page::Findings;
use crate::report::Outcome;
use crate::way::OTHER_PROCESSOR;
use crate::workspace::Workspace;
use crate::{export, library, load, unpacked};

/// A way to try the zip out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trial {
    /// In a game, in a project that no editor has seen.
    Unpacked,
    /// At the first start of the editor, without a window.
    Editor,
    /// At the first start of the editor, as a person sees it.
    Window,
    /// On a system that the add-on has no library for.
    WithoutLibrary,
    /// In the mini host, which acts as the oldest Godot: every library of the zip that can be run here.
    MiniHost,
    /// In a game on another processor, where the zip has a library for it.
    OtherProcessor,
    /// By tests that hang or crash where lives and threads are handled wrongly, which optimized code may do where other code does not.
    Tests,
    /// In an exported game.
    Export,
}

impl Trial {
    pub(crate) const ALL: [Self; 8] = [
        Self::Unpacked,
        Self::Editor,
        Self::Window,
        Self::WithoutLibrary,
        Self::MiniHost,
        Self::OtherProcessor,
        Self::Tests,
        Self::Export,
    ];

    /// What it is called in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unpacked => "package/unpacked",
            Self::Editor => "package/editor",
            Self::Window => "package/window",
            Self::WithoutLibrary => "package/without-library",
            Self::MiniHost => "package/minihost",
            Self::OtherProcessor => "package/other-processor",
            Self::Tests => "package/tests",
            Self::Export => "package/export",
        }
    }

    /// Tries it, and adds what it shows of a library to the findings. `template` is the user's own, for [`Trial::Export`].
    pub(crate) fn run(
        self,
        godot: &Godot,
        workspace: &Workspace,
        archive: &Archive,
        template: Option<&Path>,
        findings: &mut Findings,
    ) -> Outcome {
        let own = library::path_for_this_machine(&workspace.gdextension()).ok().filter(|path| archive.has(path));
        let Some(own) = own else {
            return match self {
                Self::MiniHost => load::try_all(workspace, archive, &mut findings.loaded, |_| Ok(())),
                Self::OtherProcessor => Self::other_processor(workspace, archive, findings),
                _ => Outcome::left_out(format!("{}: the zip contains no library for this machine", self.name())),
            };
        };
        match self {
            Self::Unpacked => {
                let outcome = unpacked::try_without_editor(godot, archive);
                if outcome.held() {
                    let name = own.trim_start_matches("bin/");
                    findings.ran.extend(library::key_of(workspace, name).map(|key| (key, "natively")));
                }
                outcome
            }
            Self::Editor => unpacked::try_first_start(godot, archive, None),
            Self::Window => match Screen::own() {
                Ok(Some(screen)) => unpacked::try_first_start(godot, archive, Some(&screen)),
                Ok(None) => Outcome::left_out("the editor's first start in a window: this needs Linux and Xvfb"),
                Err(error) => Outcome::failed(format!("{error:#}")),
            },
            Self::WithoutLibrary => unpacked::try_without_library(godot, archive),
            Self::MiniHost => load::try_beside_godot(godot, workspace, archive, &mut findings.loaded),
            Self::OtherProcessor => Self::other_processor(workspace, archive, findings),
            Self::Tests => unpacked::run_tests(godot, workspace, archive),
            Self::Export => {
                let found = template.map_or_else(|| Template::find_or_get(godot), Template::named);
                match found {
                    Ok(template) => judge(export::try_out(godot, workspace, archive, &template)),
                    Err(error) if template.is_none() => Outcome::left_out(format!("the exported game: {error:#}")),
                    Err(error) => Outcome::failed(format!("{error:#}")),
                }
            }
        }
    }

    fn other_processor(workspace: &Workspace, archive: &Archive, findings: &mut Findings) -> Outcome {
        let outcome = load::try_arm64_godot(workspace, archive);
        if outcome.held() {
            findings.ran.push((OTHER_PROCESSOR.to_owned(), "in qemu"));
        }
        outcome
    }
}

/// Tries a zip whose classes have the engine's own names: in the mini host, which acts as an engine without those classes, and in an
/// engine that has them.
pub(crate) fn try_engine_names(
    godot: &Godot,
    workspace: &Workspace,
    archive: &Archive,
    findings: &mut Findings,
) -> Outcome {
    load::try_all(workspace, archive, &mut findings.loaded, has_the_engines_names)
        .and(unpacked::try_where_the_class_is(godot, archive))
}

fn has_the_engines_names(output: &str) -> Result<()> {
    ["class HTTPClient: RefCounted", "class HTTPRequest: Node"].into_iter().try_for_each(|class| {
        output
            .lines()
            .any(|line| line == class)
            .then_some(())
            .with_context(|| format!("it does not register {class:?}"))
    })
}

fn judge(problems: Result<Vec<String>>) -> Outcome {
    match problems {
        Ok(problems) if problems.is_empty() => Outcome::passed(""),
        Ok(problems) => Outcome::failed(problems.join("; ")),
        Err(error) => Outcome::failed(format!("{error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_of_the_engines_names_are_asked_for() {
        let client = "class HTTPClient: RefCounted\n";
        assert!(has_the_engines_names(&format!("{client}class HTTPRequest: Node\n")).is_ok());
        let missing = has_the_engines_names(&format!("{client}class HTTPRequestRust: Node\n")).unwrap_err();
        assert!(missing.to_string().contains("HTTPRequest: Node"), "{missing}");
    }
}
