//! Finds Godot, or downloads it.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::version::{OLDEST, version_of};
use super::{Godot, debian};

/// Looks for Godot in `$GODOT`, the PATH, the usual places and the cache folder. If it is in none of them, downloads it if
/// possible.
pub fn find_or_get() -> Result<Godot> {
    let godot = find(std::env::var_os("GODOT").map(PathBuf::from))?;
    println!("Godot {}: {}", godot.version, godot.program.display());
    Ok(godot)
}

fn find(chosen: Option<PathBuf>) -> Result<Godot> {
    if let Some(chosen) = chosen.filter(|chosen| !chosen.as_os_str().is_empty()) {
        // If the user names a program, no other one replaces it, because that would be confusing.
        return which::which(&chosen)
            .with_context(|| chosen.display().to_string())
            .and_then(usable)
            .context("the program in $GODOT cannot be used");
    }

    let mut refused = Vec::new();
    let installed = ["godot4", "godot"]
        .iter()
        .filter_map(|name| which::which(name).ok())
        .chain(usual_places().into_iter().filter(|place| place.is_file()));
    for program in installed {
        match usable(program) {
            Ok(godot) => return Ok(godot),
            Err(error) => refused.push(format!("{error:#}")),
        }
    }

    if debian::is_possible() {
        let program = debian::install_once(&cache_folder()).context(
            "cannot get Godot from this machine's Debian mirror; \
             install Godot 4.3 or newer yourself and set GODOT to its program",
        )?;
        return usable(program);
    }

    let mut message = format!(
        "there is no Godot {OLDEST} or newer. {}\n\
         Or set GODOT to the path of the program: GODOT=/path/to/godot cargo xtask ...",
        how_to_install()
    );
    for refusal in refused {
        message.push_str("\nNot usable: ");
        message.push_str(&refusal);
    }
    bail!(message)
}

fn usable(program: PathBuf) -> Result<Godot> {
    let version = version_of(&program)?;
    Ok(Godot { program, version })
}

/// The places where installers put Godot without changing the PATH.
fn usual_places() -> Vec<PathBuf> {
    let below = |variable: &str, rest: &str| {
        let folder = std::env::var_os(variable)?;
        Some(PathBuf::from(folder).join(rest))
    };
    let places = if cfg!(target_os = "macos") {
        vec![
            Some("/Applications/Godot.app/Contents/MacOS/Godot".into()),
            below("HOME", "Applications/Godot.app/Contents/MacOS/Godot"),
        ]
    } else if cfg!(windows) {
        vec![
            below("LOCALAPPDATA", r"Microsoft\WinGet\Links\godot.exe"),
            below("USERPROFILE", r"scoop\shims\godot.exe"),
            below("ProgramFiles", r"Godot\godot.exe"),
            below("ProgramFiles(x86)", r"Steam\steamapps\common\Godot Engine\godot.windows.opt.tools.64.exe"),
        ]
    } else {
        Vec::new()
    };
    places.into_iter().flatten().collect()
}

/// The folder for downloads. It is outside `target/`, so that `cargo clean` does not delete it.
pub fn cache_folder() -> PathBuf {
    if let Some(chosen) = std::env::var_os("HTTP_CLIENT_RUST_CACHE").filter(|path| !path.is_empty()) {
        return PathBuf::from(chosen).join("godot");
    }
    let from = |variable: &str| {
        let path = PathBuf::from(std::env::var_os(variable)?);
        // The XDG specification requires ignoring relative paths.
        path.is_absolute().then_some(path)
    };
    from("XDG_CACHE_HOME")
        .or_else(|| Some(from("HOME")?.join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("http_client_rust")
        .join("godot")
}

fn how_to_install() -> &'static str {
    if cfg!(target_os = "macos") {
        return "Install it with `brew install --cask godot`, or move Godot.app to /Applications.";
    }
    if cfg!(windows) {
        return "Install it with `winget install GodotEngine.GodotEngine` or `scoop install godot`.";
    }
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    how_to_install_on_linux(&release)
}

fn how_to_install_on_linux(os_release: &str) -> &'static str {
    let ids: Vec<&str> = os_release
        .lines()
        .filter_map(|line| line.strip_prefix("ID=").or(line.strip_prefix("ID_LIKE=")))
        .flat_map(|ids| ids.trim_matches('"').split_whitespace())
        .collect();
    let is = |id: &str| ids.contains(&id);
    if is("arch") {
        "Install it with `sudo pacman -S godot`."
    } else if is("fedora") {
        "Install it with `sudo dnf install godot`."
    } else if is("opensuse") || is("suse") {
        "Install it with `sudo zypper install godot`."
    } else if is("alpine") {
        "Install it with `sudo apk add godot`."
    } else if is("nixos") {
        "Start a shell that has it: `nix-shell -p godot_4`."
    } else {
        "Unpack the Linux editor from the download page of the Godot project."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_program_that_is_missing_is_an_error_and_nothing_else_is_tried() {
        let message = format!("{:#}", find(Some("/no/such/godot".into())).unwrap_err());
        assert!(message.contains("$GODOT") && message.contains("/no/such/godot"), "{message}");
    }

    #[test]
    fn each_distribution_has_its_own_advice() {
        assert!(how_to_install_on_linux("NAME=x\nID=arch\n").contains("pacman"));
        assert!(how_to_install_on_linux("ID=nobara\nID_LIKE=\"rhel fedora\"\n").contains("dnf"));
        assert!(how_to_install_on_linux("").contains("download page"));
    }
}
