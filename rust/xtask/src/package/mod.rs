//! The zip that a game's author unpacks: what goes into it, and whether it works.

mod addon;
mod archive;
mod export;
pub(crate) mod licences;
mod trial;

use std::path::Path;

use anyhow::Result;

pub(crate) use archive::{Archive, Entry};

use crate::godot::Godot;
use crate::godot::screen::Screen;
use crate::godot::template::Template;
use crate::report::{Outcome, Report};
use crate::workspace::Workspace;

/// The step that makes the zip.
pub(crate) const ZIP: &str = "package/zip";

/// Makes the zip as a step of a report; see [`addon::make`].
pub(crate) fn make_as_step(workspace: &Workspace, prebuilt: bool, report: &mut Report) -> Option<Archive> {
    let mut archive = None;
    report.step(ZIP, || match addon::make(workspace, prebuilt) {
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
    /// By tests that hang or crash where lives and threads are handled wrongly, which optimized code may do where other code does not.
    Tests,
    /// In an exported game.
    Export,
}

impl Trial {
    pub(crate) const ALL: [Self; 6] =
        [Self::Unpacked, Self::Editor, Self::Window, Self::WithoutLibrary, Self::Tests, Self::Export];

    /// What it is called in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unpacked => "package/unpacked",
            Self::Editor => "package/editor",
            Self::Window => "package/window",
            Self::WithoutLibrary => "package/without-library",
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
        match self {
            Self::Unpacked => trial::try_without_editor(godot, archive),
            Self::Editor => trial::try_first_start(godot, archive, None),
            Self::Window => match Screen::own() {
                Ok(Some(screen)) => trial::try_first_start(godot, archive, Some(&screen)),
                Ok(None) => Outcome::left_out("the editor's first start in a window: it needs Linux and Xvfb"),
                Err(error) => Outcome::failed(format!("{error:#}")),
            },
            Self::WithoutLibrary => trial::try_without_library(godot, archive),
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

fn judge(problems: Result<Vec<String>>) -> Outcome {
    match problems {
        Ok(problems) if problems.is_empty() => Outcome::passed(""),
        Ok(problems) => Outcome::failed(problems.join("; ")),
        Err(error) => Outcome::failed(format!("{error:#}")),
    }
}
