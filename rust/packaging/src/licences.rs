//! The licences of everything that is linked into the library, as one text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use cargo_metadata::{DepKindInfo, DependencyKind, Metadata, Target};

use crate::cargo;
use crate::workspace::{ADDON, Workspace, files_in};

/// Collects the texts. An error where a package says nothing about its licence.
pub(crate) fn collect(workspace: &Workspace) -> Result<String> {
    text(&linked(&cargo::metadata(workspace)?, ADDON)?)
}

/// What the text needs to know of a package.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    licence: String,
    source: String,
    folder: PathBuf,
}

/// The packages that are linked into `root`, itself and the workspace's own left out: those reached by normal
/// dependencies, on any system, macros and build scripts left out where nothing else needs them.
fn linked(metadata: &Metadata, root: &str) -> Result<BTreeSet<Package>> {
    let nodes = &metadata.resolve.as_ref().context("cargo did not list the dependencies")?.nodes;
    let start = metadata.packages.iter().find(|package| package.name == root);
    let mut open = vec![&start.with_context(|| format!("cargo does not know the package {root}"))?.id];
    let (mut seen, mut linked) = (BTreeSet::new(), BTreeSet::new());
    while let Some(id) = open.pop() {
        let package = metadata.packages.iter().find(|package| package.id == *id).filter(|_| seen.insert(id));
        let Some(package) = package.filter(|package| !package.targets.iter().any(Target::is_proc_macro)) else {
            continue;
        };
        if package.source.is_some() {
            linked.insert(known_of(package)?);
        }
        let needed = nodes.iter().filter(|node| node.id == *id).flat_map(|node| &node.deps);
        let is_normal = |kind: &DepKindInfo| kind.kind == DependencyKind::Normal;
        open.extend(needed.filter(|needed| needed.dep_kinds.iter().any(is_normal)).map(|needed| &needed.pkg));
    }
    Ok(linked)
}

fn known_of(package: &cargo_metadata::Package) -> Result<Package> {
    let licence = match (&package.license, &package.license_file) {
        (Some(licence), _) => licence.clone(),
        (None, Some(file)) => format!("see {file}"),
        (None, None) => bail!("{} does not name its licence", package.name),
    };
    Ok(Package {
        name: package.name.to_string(),
        version: package.version.to_string(),
        licence,
        source: package.repository.clone().unwrap_or_default(),
        folder: package.manifest_path.with_file_name("").into(),
    })
}

/// A list of all packages, then every licence text once, with those whose it is.
fn text(packages: &BTreeSet<Package>) -> Result<String> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut list = String::new();
    for package in packages {
        let title = format!("{} {}", package.name, package.version);
        list.push_str(&format!("{title}\n    {}\n    {}\n", package.licence, package.source));
        for file in files_in(&package.folder, is_licence) {
            let content = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let content = String::from_utf8_lossy(&content).replace("\r\n", "\n").trim().to_owned();
            let owners = texts.entry(content).or_default();
            if owners.last() != Some(&title) {
                owners.push(title.clone());
            }
        }
    }
    let mut whole = format!(
        "The library of HTTPClientRust contains these packages, under these licences.\n\
         HTTPClientRust's own licence is in the file LICENSE.\n\n{list}"
    );
    for (content, owners) in texts {
        let rule = "=".repeat(100);
        whole.push_str(&format!("\n{rule}\n{}\n{rule}\n\n{content}\n", owners.join(", ")));
    }
    Ok(whole)
}

fn is_licence(name: &str) -> bool {
    let name = name.to_uppercase();
    ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"].iter().any(|start| name.starts_with(start))
        && !name.ends_with(".RS")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_linked_is_followed_and_macros_tests_and_build_scripts_are_not() {
        let package = |name: &str, kind: &str, source: Value| {
            json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT", "source": source, "repository": "r",
                "dependencies": [], "features": {}, "edition": "2021", "manifest_path": "/none/Cargo.toml",
                "targets": [{"name": name, "kind": [kind], "crate_types": [kind], "src_path": "/none/lib.rs"}]})
        };
        let of_registry = |name, kind| package(name, kind, json!("registry"));
        let dependency =
            |name: &str, kind: Value| json!({"name": name, "pkg": name, "dep_kinds": [{"kind": kind, "target": null}]});
        let node = |name: &str, deps: Value| json!({"id": name, "deps": deps, "dependencies": [], "features": []});
        let metadata = json!({
            "packages": [
                package("root", "lib", Value::Null), of_registry("a", "lib"), of_registry("b", "lib"),
                of_registry("macro", "proc-macro"), of_registry("dev", "lib"), of_registry("build", "lib")],
            "resolve": {"root": null, "nodes": [
                node("root", json!([
                    dependency("a", Value::Null), dependency("dev", json!("dev")), dependency("build", json!("build"))])),
                node("a", json!([dependency("b", Value::Null), dependency("macro", Value::Null)]))]},
            "workspace_members": ["root"], "workspace_root": "/none", "target_directory": "/none", "version": 1,
        });
        let metadata: Metadata = serde_json::from_value(metadata).unwrap();
        let names: Vec<String> = linked(&metadata, "root").unwrap().into_iter().map(|package| package.name).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn files_of_licences_are_told_by_their_names() {
        assert!(is_licence("LICENSE-MIT") && is_licence("COPYING") && is_licence("license.md"));
        assert!(!is_licence("README.md") && !is_licence("license.rs"));
    }
}
