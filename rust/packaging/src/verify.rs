//! What every library of the zip is held to, whoever built it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

use crate::inspect::{Part, Version, parts_of};
use crate::source_paths::{self, Replacement};

/// What Godot calls first, and the only thing that a library gives to others.
const ENTRY_SYMBOL: &str = "gdext_rust_init";
/// The godot crate's own, on Linux: Rust's standard library finds it in place of glibc's.
const OF_THE_GODOT_CRATE: &str = "__cxa_thread_atexit_impl";
/// What a library with the engine's names calls once it knows that the engine has none of them: `rust/binding/engine_names.rs`.
const BEHIND_THE_ENTRY_SYMBOL: &str = "gdext_rust_init_of_the_crate";

/// The libraries that each system has. What is not there would have to come with the game.
#[rustfmt::skip]
const OF_THE_SYSTEM: [(&str, &[&str]); 5] = [
    ("linux", &["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1", "libgcc_s.so.1",
        "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"]),
    ("windows", &["kernel32.dll", "ntdll.dll", "ws2_32.dll", "crypt32.dll", "bcrypt.dll", "bcryptprimitives.dll", "advapi32.dll",
        "msvcrt.dll", "ucrtbase.dll", "userenv.dll", "api-ms-win-core-synch-l1-2-0.dll", "api-ms-win-crt-*"]),
    ("macos", &["/usr/lib/libSystem.B.dylib", "/usr/lib/libiconv.2.dylib",
        "/System/Library/Frameworks/Security.framework/Versions/A/Security",
        "/System/Library/Frameworks/CoreFoundation.framework/Versions/A/CoreFoundation"]),
    ("ios", &["/usr/lib/libSystem.B.dylib", "/usr/lib/libiconv.2.dylib",
        "/System/Library/Frameworks/Security.framework/Security",
        "/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation"]),
    ("android", &["libc.so", "libm.so", "libdl.so", "liblog.so"]),
];

const MICROSOFTS_C: &str = "api-ms-win-crt-";
const ALL_OF_MICROSOFTS_C: &str = "api-ms-win-crt-…";

/// What a Mac's library may import, as `LIBRARY SYMBOL` a line. Before another one is added, it is looked up in Apple's headers: the
/// oldest macOS must have it. `iconv` is only named to the linker.
pub(crate) const MACOS_IMPORTS: &str = include_str!("macos_imports.txt");

/// The newest things that a library may want of the systems it is for.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// `None` where the library is for the machine that built it.
    pub(crate) glibc: Option<Version>,
    pub(crate) macos: Version,
}

impl Limits {
    /// For what is published.
    pub(crate) const PUBLISHED: Self = Self { glibc: Some(Version(2, 28)), macos: Version(11, 0) };
    /// For what was built here for this system alone.
    pub(crate) const THIS_MACHINE: Self = Self { glibc: None, ..Self::PUBLISHED };
}

/// In bytes, for each processor.
const TOO_LARGE: usize = 10 << 20;

/// What was found out about one library, and what is wrong with it.
pub(crate) struct Verdict {
    /// Its line in the .gdextension.
    pub(crate) key: String,
    /// In bytes.
    pub(crate) size: usize,
    /// What must be there for it to be loaded, without the folders.
    pub(crate) needs: Vec<String>,
    /// The oldest systems that load it, one for each processor where that differs.
    pub(crate) oldest: Vec<String>,
    pub(crate) problems: Vec<String>,
}

/// Reads a library and judges it. `key` is its line in the .gdextension; `folders` are those that it may not name.
pub(crate) fn judge(key: &str, library: &Path, limits: Limits, folders: &[Replacement]) -> Result<Verdict> {
    let content = std::fs::read(library).with_context(|| format!("cannot read {}", library.display()))?;
    let parts = parts_of(&content).with_context(|| library.display().to_string())?;
    let mut problems: Vec<String> = parts.iter().flat_map(|part| problems_of(key, part, limits)).collect();
    let processors: Vec<&str> = parts.iter().map(|part| part.processor.as_str()).collect();
    let expected: Vec<&str> = match key.split_once('.') {
        Some((_, processor)) => vec![processor],
        None => vec!["arm64", "x86_64"],
    };
    if processors != expected {
        problems.push(format!("is for {}, but must be for {}", processors.join(" and "), expected.join(" and ")));
    }
    // Microsoft's compiler cannot replace the paths of C sources.
    let by_microsoft = key.starts_with("windows") && cfg!(windows);
    if let Some(folder) = source_paths::named_in(&content, folders).filter(|_| !by_microsoft) {
        problems.push(format!("contains the path {}, which is a folder of this machine", folder.display()));
    }
    let needs = parts.first().map(|part| shortened(&part.libraries)).unwrap_or_default();
    let oldest: Vec<String> = parts
        .iter()
        .filter_map(|part| {
            let apple = part.apple_minimum.map(|version| format!("{version} ({})", part.processor));
            part.glibc.map(|version| format!("glibc {version}")).or(apple)
        })
        .collect();
    Ok(Verdict { key: key.to_owned(), size: content.len(), needs, oldest, problems })
}

/// Their names without folders; the many parts of Microsoft's C library as one.
fn shortened(libraries: &BTreeSet<String>) -> Vec<String> {
    let (of_c, mut names): (Vec<&str>, Vec<&str>) =
        libraries.iter().map(|name| base_name(name)).partition(|name| name.starts_with(MICROSOFTS_C));
    names.extend(of_c.first().map(|_| ALL_OF_MICROSOFTS_C));
    names.into_iter().map(str::to_owned).collect()
}

fn problems_of(key: &str, part: &Part, limits: Limits) -> Vec<String> {
    let system = key.split('.').next().unwrap_or(key);
    let mut problems = Vec::new();
    if !part.exports.contains(ENTRY_SYMBOL) {
        problems.push(format!("does not export {ENTRY_SYMBOL}"));
    }
    let is_known = |name: &str| {
        [ENTRY_SYMBOL, BEHIND_THE_ENTRY_SYMBOL].contains(&name) || (system == "linux" && name == OF_THE_GODOT_CRATE)
    };
    let more: Vec<&str> = part.exports.iter().map(String::as_str).filter(|name| !is_known(name)).collect();
    if let Some(first) = more.first() {
        problems.push(format!("exports more symbols ({}), such as {first}", more.len()));
    }
    let allowed = OF_THE_SYSTEM.iter().find(|(name, _)| *name == system).map(|(_, names)| *names).unwrap_or_default();
    let is_allowed = |library: &str| {
        allowed.iter().any(|name| name.strip_suffix('*').map_or(*name == library, |start| library.starts_with(start)))
    };
    problems.extend(
        part.libraries
            .iter()
            .filter(|name| !is_allowed(name))
            .map(|name| format!("needs {name}, which {system} does not have")),
    );
    if part.size >= TOO_LARGE {
        problems.push(format!("has {} bytes for {}, but must have fewer than {TOO_LARGE}", part.size, part.processor));
    }
    if system == "macos" {
        let unknown = part.imports.iter().filter(|import| {
            let line = format!("{} {}", base_name(&import.library), import.name);
            !MACOS_IMPORTS.lines().any(|known| known == line)
        });
        problems.extend(unknown.map(|import| {
            format!("imports {} from {}, which is not in macos_imports.txt", import.name, import.library)
        }));
        // Macs with Apple's processors load nothing that is not signed, be it by nobody.
        match &part.signature {
            None if part.processor == "arm64" => problems.push("is not signed for arm64".to_owned()),
            Some(Err(problem)) => problems.push(format!("has a wrong signature for {}: {problem}", part.processor)),
            _ => {}
        }
        if part.apple_minimum.is_none_or(|minimum| minimum > limits.macos) {
            problems.push(format!("needs a newer macOS than {}", limits.macos));
        }
    }
    // Devices with Android 15 and newer may have such pages; those with 32 bits do not.
    if system == "android" && part.processor.ends_with("64") && part.page_size.is_none_or(|size| size < 16384) {
        problems.push("does not support pages of 16 KiB".to_owned());
    }
    if let (Some(found), Some(most)) = (part.glibc, limits.glibc)
        && found > most
    {
        problems.push(format!("needs glibc {found}, but must run with {most}"));
    }
    problems
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Import;

    fn part(exports: &[&str], libraries: &[&str]) -> Part {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        Part {
            processor: "arm64".to_owned(),
            exports: set(exports),
            libraries: set(libraries),
            glibc: Some(Version(2, 17)),
            apple_minimum: Some(Version(11, 0)),
            signature: Some(Ok(())),
            ..Part::default()
        }
    }

    fn problems(key: &str, part: &Part) -> String {
        problems_of(key, part, Limits::PUBLISHED).join("; ")
    }

    #[test]
    fn a_library_that_gives_its_entry_symbol_alone_and_needs_the_system_alone_is_good() {
        assert_eq!(problems("linux.arm64", &part(&["gdext_rust_init"], &["libc.so.6", "ld-linux-aarch64.so.1"])), "");
        assert_eq!(problems("windows.arm64", &part(&["gdext_rust_init"], &["api-ms-win-crt-heap-l1-1-0.dll"])), "");
    }

    #[test]
    fn a_library_without_the_entry_symbol_or_with_more_symbols_is_refused() {
        assert!(problems("linux.arm64", &part(&[], &[])).contains("does not export gdext_rust_init"));
        let of_engine_names = part(&["gdext_rust_init", "gdext_rust_init_of_the_crate"], &[]);
        assert_eq!(problems("linux.arm64", &of_engine_names), "");
        let more = problems("linux.arm64", &part(&["gdext_rust_init", "aws_lc_0_SSL_new"], &[]));
        assert_eq!(more, "exports more symbols (1), such as aws_lc_0_SSL_new");
    }

    #[test]
    fn a_library_that_players_would_have_to_install_is_found_out() {
        let found = problems("windows.x86_64", &part(&["gdext_rust_init"], &["kernel32.dll", "libgcc_s_seh-1.dll"]));
        assert_eq!(found, "needs libgcc_s_seh-1.dll, which windows does not have");
    }

    #[test]
    fn the_parts_of_microsofts_c_library_are_named_once() {
        let libraries = ["/usr/lib/a.dylib", "api-ms-win-crt-heap-l1-1-0.dll", "api-ms-win-crt-math-l1-1-0.dll"];
        let names = shortened(&libraries.map(str::to_owned).into());
        assert_eq!(names, ["a.dylib", "api-ms-win-crt-…"]);
    }

    #[test]
    fn a_newer_system_than_was_promised_is_found_out() {
        let newer = Part { glibc: Some(Version(2, 34)), ..part(&["gdext_rust_init"], &[]) };
        assert_eq!(problems("linux.arm64", &newer), "needs glibc 2.34, but must run with 2.28");
        assert!(problems_of("linux.arm64", &newer, Limits::THIS_MACHINE).is_empty());
        let newer = Part { apple_minimum: Some(Version(14, 0)), ..part(&["gdext_rust_init"], &[]) };
        assert_eq!(problems("macos", &newer), "needs a newer macOS than 11.0");
        let unsigned = Part { signature: None, ..part(&["gdext_rust_init"], &[]) };
        assert_eq!(problems("macos", &unsigned), "is not signed for arm64");
        let changed = Part { signature: Some(Err("page 3".to_owned())), ..part(&["gdext_rust_init"], &[]) };
        assert_eq!(problems("macos", &changed), "has a wrong signature for arm64: page 3");
    }

    #[test]
    fn a_library_that_is_too_large_for_a_processor_is_found_out() {
        let of_size = |size| Part { size, ..part(&["gdext_rust_init"], &[]) };
        assert_eq!(problems("macos", &of_size(TOO_LARGE - 1)), "");
        assert_eq!(
            problems("macos", &of_size(TOO_LARGE)),
            "has 10485760 bytes for arm64, but must have fewer than 10485760"
        );
    }

    #[test]
    fn android_needs_large_pages_where_it_has_64_bits() {
        let of_pages = |size| Part { page_size: Some(size), glibc: None, ..part(&["gdext_rust_init"], &["libc.so"]) };
        assert_eq!(problems("android.arm64", &of_pages(16384)), "");
        assert_eq!(problems("android.arm64", &of_pages(4096)), "does not support pages of 16 KiB");
        assert_eq!(problems("android.arm32", &Part { processor: "arm32".to_owned(), ..of_pages(4096) }), "");
    }

    #[test]
    fn a_symbol_that_nobody_looked_up_for_macos_is_found_out() {
        let import = |name: &str| Import { library: "/usr/lib/libSystem.B.dylib".to_owned(), name: name.to_owned() };
        let mac = Part { imports: [import("_malloc"), import("_brand_new")].into(), ..part(&["gdext_rust_init"], &[]) };
        assert_eq!(
            problems("macos", &mac),
            "imports _brand_new from /usr/lib/libSystem.B.dylib, which is not in macos_imports.txt"
        );
    }
}
