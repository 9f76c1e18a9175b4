//! Copies the project and enables an editor plugin in the copy.
//!
//! The sample itself does not change, so that opening it in the editor runs no tests.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::stage;

/// The time limit of an editor test. The first start of the editor also imports the project.
pub const DEADLINE: Duration = Duration::from_secs(180);

const SECTION: &str = "[editor_plugins]";

/// Copies a project to a temporary folder, and enables the plugin in this folder of the project.
pub fn copy_with_plugin(project: &Path, plugin: &Path) -> Result<TempDir> {
    let copy = tempfile::Builder::new()
        .prefix("http_client_rust-editor-")
        .tempdir()
        .context("cannot make a temporary folder")?;
    // Only the list of extensions is copied from Godot's own folder. The editor creates the rest, as in a fresh checkout.
    let kept = Path::new(".godot").join("extension_list.cfg");
    stage::copy_folder(project, copy.path(), &|below| {
        below.starts_with(".godot") && below != Path::new(".godot") && below != kept
    })?;

    let below = plugin.strip_prefix(project).with_context(|| format!("{} is not in the project", plugin.display()))?;
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    let settings = copy.path().join("project.godot");
    let text = std::fs::read_to_string(&settings).with_context(|| format!("cannot read {}", settings.display()))?;
    let text = with_plugin(&text, &format!("res://{}/plugin.cfg", parts.join("/")));
    std::fs::write(&settings, text).with_context(|| format!("cannot write {}", settings.display()))?;
    Ok(copy)
}

/// The text of a project.godot with one more enabled plugin.
fn with_plugin(settings: &str, plugin: &str) -> String {
    const LIST: &str = "enabled=PackedStringArray(";
    let enabled =
        settings.find(SECTION).and_then(|section| Some(section + settings[section..].find(LIST)? + LIST.len()));
    if let Some(start) = enabled {
        let (before, after) = settings.split_at(start);
        let separator = if after.trim_start().starts_with(')') { "" } else { ", " };
        return format!("{before}\"{plugin}\"{separator}{after}");
    }
    format!("{settings}\n{SECTION}\n\n{LIST}\"{plugin}\")\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLUGIN: &str = "res://tests/editor_plugin/plugin.cfg";

    #[test]
    fn a_project_without_plugins_gets_a_section() {
        let text = with_plugin("config_version=5\n", PLUGIN);
        assert_eq!(text, format!("config_version=5\n\n[editor_plugins]\n\nenabled=PackedStringArray(\"{PLUGIN}\")\n"));
    }

    #[test]
    fn a_project_with_plugins_keeps_them() {
        let text = with_plugin("[editor_plugins]\n\nenabled=PackedStringArray(\"a\")\n[x]\n", PLUGIN);
        assert!(text.contains(&format!("PackedStringArray(\"{PLUGIN}\", \"a\")\n[x]")), "{text}");
        let text = with_plugin("[editor_plugins]\n\nenabled=PackedStringArray()\n", PLUGIN);
        assert!(text.contains(&format!("PackedStringArray(\"{PLUGIN}\")\n")), "{text}");
    }

    #[test]
    fn the_copy_has_the_list_of_extensions_and_nothing_else_that_godot_made() {
        let project = tempfile::tempdir().unwrap();
        let plugin = project.path().join("tests/editor_plugin");
        std::fs::create_dir_all(&plugin).unwrap();
        std::fs::create_dir_all(project.path().join(".godot/imported")).unwrap();
        for file in ["project.godot", ".godot/extension_list.cfg", ".godot/imported/a"] {
            std::fs::write(project.path().join(file), "x\n").unwrap();
        }

        let copy = copy_with_plugin(project.path(), &plugin).unwrap();

        assert!(copy.path().join(".godot/extension_list.cfg").is_file());
        assert!(!copy.path().join(".godot/imported").exists());
        let settings = std::fs::read_to_string(copy.path().join("project.godot")).unwrap();
        assert!(settings.contains(PLUGIN), "{settings}");
    }
}
