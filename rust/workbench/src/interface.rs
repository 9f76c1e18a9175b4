//! The godot crate's data about Godot: the functions of the engine's interface with their versions, and its classes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::cargo;
use crate::workspace::Workspace;

/// `NAME(function)` for each interface function of Godot 4.3.
pub fn functions_of_4_3(workspace: &Workspace) -> Result<String> {
    let interface = read(&folder(workspace)?.join("gdextension_interface.json"))?;
    names_until(&interface, (4, 3))
}

fn names_until(interface: &Value, newest: (u32, u32)) -> Result<String> {
    let functions = interface["interface"].as_array().context("the description of the interface has no functions")?;
    let mut lines = String::new();
    for function in functions {
        let since = function["since"].as_str().and_then(|since| since.split_once('.'));
        let (major, minor) = since.context("a function of the interface has no version")?;
        if (major.parse()?, minor.parse()?) <= newest {
            lines.push_str(&format!(
                "NAME({})\n",
                function["name"].as_str().context("a function of the interface has no name")?
            ));
        }
    }
    Ok(lines)
}

/// Further options of cargo for a library that registers `HTTPClient` and `HTTPRequest`: the feature, and the API of an engine
/// without these classes. The godot crate looks up every method of every class that it knows, so it must not know these two.
pub fn options_for_engine_names(workspace: &Workspace) -> Result<Vec<String>> {
    let mut api = read(&folder(workspace)?.join("4.3/extension_api.json"))?;
    remove_classes(&mut api, &["HTTPClient", "HTTPRequest"])?;
    let file = workspace.root().join("target/extension_api_without_http_client.json");
    std::fs::create_dir_all(file.with_file_name(""))
        .and_then(|()| std::fs::write(&file, api.to_string()))
        .with_context(|| format!("cannot write {}", file.display()))?;
    let path = serde_json::to_string(&file.to_string_lossy())?;
    let description = format!("env.GDRUST_GODOT_API_JSON={path}");
    Ok(["--no-default-features", "--features", "engine-names", "--config", &description].map(str::to_owned).to_vec())
}

fn remove_classes(api: &mut Value, names: &[&str]) -> Result<()> {
    let classes = api["classes"].as_array_mut().context("the description of the engine has no classes")?;
    let before = classes.len();
    classes.retain(|class| !class["name"].as_str().is_some_and(|name| names.contains(&name)));
    (classes.len() + names.len() == before).then_some(()).context("the description of the engine lacks a class")
}

/// The folder with the sources of the package that describes the interface.
fn folder(workspace: &Workspace) -> Result<PathBuf> {
    let metadata = cargo::metadata(workspace)?;
    let package = metadata
        .packages
        .iter()
        .find(|package| package.name == "gdextension-api")
        .context("the godot crate no longer has the package gdextension-api, which describes the interface")?;
    Ok(package.manifest_path.with_file_name("src").into())
}

fn read(file: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn functions_that_are_newer_than_4_3_are_not_offered() {
        let functions = json!({"interface": [
            {"name": "old", "since": "4.1"}, {"name": "newest", "since": "4.3"}, {"name": "newer", "since": "4.10"}]});
        assert_eq!(names_until(&functions, (4, 3)).unwrap(), "NAME(old)\nNAME(newest)\n");
        assert!(names_until(&json!({"interface": [{"name": "undated"}]}), (4, 3)).is_err());
    }

    #[test]
    fn the_godot_crate_describes_the_interface() {
        let names = functions_of_4_3(&Workspace::find().unwrap()).unwrap();
        assert!(names.contains("NAME(classdb_register_extension_class3)\n"));
        assert!(!names.contains("NAME(classdb_register_extension_class4)\n"));
    }

    #[test]
    fn a_class_that_is_to_go_must_be_there() {
        let mut api = json!({"classes": [{"name": "Node"}, {"name": "HTTPClient"}]});
        assert!(remove_classes(&mut api, &["HTTPClient"]).is_ok());
        assert_eq!(api, json!({"classes": [{"name": "Node"}]}));
        assert!(remove_classes(&mut api, &["HTTPClient"]).is_err());
    }
}
