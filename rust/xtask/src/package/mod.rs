//! The zip that a game's author unpacks: what goes into it, and whether it works.

mod addon;
mod archive;
pub(crate) mod cross;
mod export;
mod inspect;
pub(crate) mod interface;
pub(crate) mod licences;
mod load;
mod trial;
mod verify;

use std::path::Path;

use anyhow::{Context, Result};

pub(crate) use addon::Build;
pub(crate) use archive::{Archive, Entry};

use crate::godot::Godot;
use crate::godot::screen::Screen;
use crate::godot::template::Template;
use crate::library;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;

/// The step that makes the zip.
pub(crate) const ZIP: &str = "package/zip";

/// Makes the zip as a step of a report; see [`addon::make`].
pub(crate) fn make_as_step(
    workspace: &Workspace,
    build: &Build,
    engine_names: bool,
    report: &mut Report,
) -> Option<Archive> {
    let mut archive = None;
    report.step(ZIP, || match addon::make(workspace, build, engine_names) {
        Ok(made) => {
            archive = Some(made);
            Outcome::passed("")
        }
        Err(error) => Outcome::failed(format!("{error:#}")),
    });
    archive
}

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

    /// Tries it. `template` is the user's own, for [`Trial::Export`].
    pub(crate) fn run(
        self,
        godot: &Godot,
        workspace: &Workspace,
        archive: &Archive,
        template: Option<&Path>,
    ) -> Outcome {
        let runs_here = library::path_for_this_machine(&workspace.gdextension()).is_ok_and(|path| archive.has(&path));
        match self {
            Self::MiniHost if !runs_here => load::try_all(workspace, archive, |_| Ok(())),
            Self::OtherProcessor => load::try_arm64_godot(workspace, archive),
            _ if !runs_here => Outcome::left_out(format!("{}: the zip has no library for this machine", self.name())),
            Self::Unpacked => trial::try_without_editor(godot, archive),
            Self::Editor => trial::try_first_start(godot, archive, None),
            Self::Window => match Screen::own() {
                Ok(Some(screen)) => trial::try_first_start(godot, archive, Some(&screen)),
                Ok(None) => Outcome::left_out("the editor's first start in a window: it needs Linux and Xvfb"),
                Err(error) => Outcome::failed(format!("{error:#}")),
            },
            Self::WithoutLibrary => trial::try_without_library(godot, archive),
            Self::MiniHost => load::try_beside_godot(godot, workspace, archive),
            Self::Tests => trial::run_tests(godot, workspace, archive),
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
}

/// Tries a zip whose class has the engine's own name: in the mini host, which acts as an engine without that class, and in an
/// engine that has it.
pub(crate) fn try_engine_names(godot: &Godot, workspace: &Workspace, archive: &Archive) -> Outcome {
    load::try_all(workspace, archive, |output| {
        let class = "class HTTPClient: RefCounted";
        output
            .lines()
            .any(|line| line == class)
            .then_some(())
            .with_context(|| format!("it does not register {class:?}"))
    })
    .and(trial::try_where_the_class_is(godot, archive))
}

/// Whether the library compiles for what it cannot be linked for here.
pub(crate) fn check_mobile(workspace: &Workspace) -> Outcome {
    match cross::Tools::find_or_get().and_then(|tools| cross::check_mobile(workspace, &tools)) {
        Ok(()) => Outcome::passed(""),
        Err(error) => Outcome::failed(format!("{error:#}")),
    }
}

fn judge(problems: Result<Vec<String>>) -> Outcome {
    match problems {
        Ok(problems) if problems.is_empty() => Outcome::passed(""),
        Ok(problems) => Outcome::failed(problems.join("; ")),
        Err(error) => Outcome::failed(format!("{error:#}")),
    }
}
