//! The Godot of a Debian machine, which `get_godot.sh` gets.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::process_group::Leader;
use crate::workspace::{Workspace, files_in};

/// Where the template of exported games stands beside the program that [`get_once`] names.
pub(crate) const TEMPLATE: &str = "root/usr/bin/godot-template-release";

/// The script's exit code on a machine that it cannot do it on.
const NOT_HERE: i32 = 2;

/// The program in the cache folder; gets it first if it is not there yet. `None` where this is no Debian machine.
pub(crate) fn get_once(cache: &Path) -> Result<Option<PathBuf>> {
    if !cfg!(target_os = "linux") {
        return Ok(None);
    }
    let mut script = Command::new("sh");
    script.arg(Workspace::find()?.root().join("rust/xtask/get_godot.sh")).arg(cache);
    run(script)
}

fn run(mut script: Command) -> Result<Option<PathBuf>> {
    script.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut leader = Leader::start(&mut script).context("cannot start sh")?;
    let output = leader.child.stdout.take().context("the script has an output")?;
    let path = std::io::read_to_string(output).context("cannot read where Godot is")?;
    let status = leader.child.wait().context("cannot wait for the script")?;
    match status.code() {
        Some(0) => Ok(Some(path.trim_end().into())),
        Some(NOT_HERE) => Ok(None),
        _ => bail!(
            "cannot get Godot from this machine's Debian mirror, and why stands above; \
             install Godot 4.3 or newer yourself and set GODOT to its program"
        ),
    }
}

/// The loader of an unpacked C library, below its root.
pub(crate) fn loader_in(root: &Path) -> Option<PathBuf> {
    let is_loader = |name: &str| name.starts_with("ld-linux-");
    ["usr/lib64", "usr/lib"].iter().flat_map(|folder| files_in(&root.join(folder), is_loader)).next()
}

#[cfg(all(test, target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    const DEBIAN: &str = "'http://mirror.test/debian/dists/bookworm/InRelease' a 0\n\
                          'http://mirror.test/debian/dists/bookworm-updates/InRelease' a 0\n\
                          'http://mirror.test/debian-security/dists/bookworm-security/InRelease' a 0\n";

    /// A machine whose apt has these sources, says so much of a package, and downloads one package of two programs.
    struct Machine(TempDir);

    impl Machine {
        fn new(sources: &str, pinned_version_is_there: bool) -> Self {
            let machine = Self(tempfile::tempdir().unwrap());
            machine.file("sources", sources);
            let simulated = if pinned_version_is_there { "true" } else { "false" };
            machine.program(
                "apt-get",
                &format!(
                    r#"echo "$*" >>"$machine/calls"
case "$*" in
    "update --print-uris") cat "$machine/sources" ;;
    *--simulate*) {simulated} ;;
    *" update") cat "${{2%/*}}/parts/suite.sources" >>"$machine/calls"; ! grep -q refused "${{2%/*}}/parts/suite.sources" ;;
    *) touch "${{2%/*}}/cache/archives/godot.deb" ;;
esac"#
                ),
            );
            machine.program(
                "dpkg",
                r#"mkdir -p "$3/usr/bin" "$3/usr/lib64" "$3/usr/lib"
printf '#!/bin/sh\necho 4.6.3.stable\n' >"$3/usr/lib64/ld-linux-x86-64.so.2"
cp "$3/usr/lib64/ld-linux-x86-64.so.2" "$3/usr/lib/ld-linux-aarch64.so.1"
chmod +x "$3"/usr/lib*/ld-linux-*"#,
            );
            machine
        }

        fn file(&self, name: &str, text: &str) {
            std::fs::write(self.0.path().join(name), text).unwrap();
        }

        fn program(&self, name: &str, script: &str) {
            self.file(name, &format!("#!/bin/sh\nmachine={}\n{script}\n", self.0.path().display()));
            let path = self.0.path().join(name);
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }

        fn get(&self) -> Result<Option<PathBuf>> {
            let mut script = Command::new("sh");
            script.arg(Workspace::find()?.root().join("rust/xtask/get_godot.sh")).arg(self.0.path().join("cache"));
            script.env("PATH", format!("{}:/usr/bin:/bin", self.0.path().display()));
            run(script)
        }

        fn calls(&self) -> String {
            std::fs::read_to_string(self.0.path().join("calls")).unwrap()
        }

        fn cached(&self) -> usize {
            std::fs::read_dir(self.0.path().join("cache")).unwrap().count()
        }
    }

    #[test]
    fn godot_comes_once_from_debians_main_archive_and_no_other() {
        let machine = Machine::new(DEBIAN, true);
        let program = machine.get().unwrap().unwrap();
        assert_eq!(machine.get().unwrap(), Some(program.clone()));

        let calls = machine.calls();
        assert_eq!(calls.matches(" update\n").count(), 1, "{calls}");
        assert!(calls.contains("URIs: http://mirror.test/debian/\nSuites: forky\n"), "{calls}");
        assert!(calls.contains("--download-only godot=4.6.3* "), "{calls}");
        let version = Command::new(&program).output().unwrap().stdout;
        assert_eq!(String::from_utf8_lossy(&version), "4.6.3.stable\n");
        assert!(loader_in(&program.with_file_name("root")).is_some());
        assert_eq!(machine.cached(), 1);
    }

    #[test]
    fn a_suite_that_has_moved_on_gives_what_it_has() {
        let machine = Machine::new(DEBIAN, false);
        assert!(machine.get().unwrap().is_some());
        assert!(machine.calls().contains("--download-only godot godot-template-release "), "{}", machine.calls());
    }

    #[test]
    fn a_mirror_that_fails_is_followed_by_the_next_and_leaves_nothing_behind() {
        let refused = "'http://refused.test/linux/debian/dists/stable/InRelease' a 0\n";
        assert!(Machine::new(&format!("{refused}{DEBIAN}"), true).get().unwrap().is_some());
        let machine = Machine::new(refused, true);
        assert!(machine.get().is_err());
        assert_eq!(machine.cached(), 0);
    }

    #[test]
    fn a_machine_of_another_system_is_no_debian() {
        for sources in
            ["", "'http://mirror.test/ubuntu/dists/noble/InRelease' a 0\n", &DEBIAN.replace("bookworm", "a-b")]
        {
            assert_eq!(Machine::new(sources, true).get().unwrap(), None);
        }
    }

    #[test]
    fn a_folder_of_an_older_recipe_is_replaced() {
        let machine = Machine::new(DEBIAN, true);
        let program = machine.get().unwrap().unwrap();
        std::fs::write(program.with_file_name("recipe"), "0").unwrap();
        std::fs::write(program.with_file_name("old"), "").unwrap();
        assert_eq!(machine.get().unwrap(), Some(program.clone()));
        assert!(!program.with_file_name("old").exists());
    }
}
