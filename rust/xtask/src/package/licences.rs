//! The licences of everything that is linked into the library, as one text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo;
use crate::workspace::{ADDON, Workspace, files_in};

/// Collects the texts. An error where a package says nothing about its licence.
pub(crate) fn collect(workspace: &Workspace) -> Result<String> {
    let output = cargo::command(workspace, ["metadata", "--format-version", "1", "--locked"])
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata is no JSON")?;
    let packages = linked(&metadata, ADDON)?;
    text(&packages)
}

/// What the text needs to know of a package.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Package {
    name: String,
    version: String,
    licence: String,
    source: String,
    folder: String,
}

/// The packages that are linked into `root`, itself and the workspace's own left out: those reached by normal
/// dependencies, on any system, macros and build scripts left out where nothing else needs them.
fn linked(metadata: &Value, root: &str) -> Result<BTreeSet<Package>> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<String, Value> =
        list(&metadata["packages"]).into_iter().map(|package| (text(&package["id"]), package)).collect();
    let nodes: BTreeMap<String, Value> =
        list(&metadata["resolve"]["nodes"]).into_iter().map(|node| (text(&node["id"]), node)).collect();
    let start = packages.iter().find(|(_, package)| package["name"] == root).map(|(id, _)| id.clone());
    let mut open = vec![start.with_context(|| format!("cargo metadata has no package {root}"))?];
    let mut seen = BTreeSet::new();
    let mut linked = BTreeSet::new();
    while let Some(id) = open.pop() {
        let Some(package) = packages.get(&id).filter(|_| seen.insert(id.clone())) else { continue };
        let is_macro = list(&package["targets"])
            .iter()
            .any(|target| list(&target["kind"]).iter().any(|kind| kind == "proc-macro"));
        if is_macro {
            continue;
        }
        if !package["source"].is_null() {
            let manifest = text(&package["manifest_path"]);
            let licence = match (package["license"].as_str(), package["license_file"].as_str()) {
                (Some(licence), _) => licence.to_owned(),
                (None, Some(file)) => format!("see {file}"),
                (None, None) => bail!("{} says nothing about its licence", text(&package["name"])),
            };
            linked.insert(Package {
                name: text(&package["name"]),
                version: text(&package["version"]),
                licence,
                source: text(&package["repository"]),
                folder: Path::new(&manifest).parent().unwrap_or(Path::new("")).to_string_lossy().into_owned(),
            });
        }
        for dependency in nodes.get(&id).map(|node| list(&node["deps"])).unwrap_or_default() {
            if list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null()) {
                open.push(text(&dependency["pkg"]));
            }
        }
    }
    Ok(linked)
}

/// A list of all packages, then every licence text once, with those whose it is.
fn text(packages: &BTreeSet<Package>) -> Result<String> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut list = String::new();
    for package in packages {
        let title = format!("{} {}", package.name, package.version);
        list.push_str(&format!("{title}\n    {}\n    {}\n", package.licence, package.source));
        for file in files_in(Path::new(&package.folder), is_licence) {
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
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_linked_is_followed_and_macros_tests_and_build_scripts_are_not() {
        let package = |name: &str, kind: &str| {
            json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT", "source": "registry", "repository": "r",
                "manifest_path": "/none/Cargo.toml", "targets": [{"kind": [kind]}]})
        };
        let dependency = |name: &str, kind: Value| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [
                {"id": "root", "name": "root", "source": null, "targets": []}, package("a", "lib"), package("b", "lib"),
                package("macro", "proc-macro"), package("dev", "lib"), package("build", "lib")],
            "resolve": {"nodes": [
                {"id": "root", "deps": [
                    dependency("a", Value::Null), dependency("dev", json!("dev")), dependency("build", json!("build"))]},
                {"id": "a", "deps": [dependency("b", Value::Null), dependency("macro", Value::Null)]}]},
        });
        let names: Vec<String> = linked(&metadata, "root").unwrap().into_iter().map(|package| package.name).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn files_of_licences_are_told_by_their_names() {
        assert!(is_licence("LICENSE-MIT") && is_licence("COPYING") && is_licence("license.md"));
        assert!(!is_licence("README.md") && !is_licence("license.rs"));
    }
}
