//! The table of `docs/platforms.md`: what this run found out about each library, and nothing that a person remembers of another run.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::verify::Verdict;
use crate::workspace::Workspace;

/// What stands around the table in the page.
const BEGIN: &str = "<!-- `cargo xtask package --all-targets --record` writes from here -->\n";
const END: &str = "<!-- to here -->\n";
const HEAD: &str = "| library | state | size | needs | oldest system |\n| --- | --- | --- | --- | --- |\n";

/// What was found out about the libraries of one zip, each by its line in the .gdextension.
#[derive(Default)]
pub(crate) struct Findings {
    /// What stands in the files.
    pub(crate) verdicts: Vec<Verdict>,
    /// The mini host loaded them, in this way.
    pub(crate) loaded: Vec<(String, &'static str)>,
    /// A Godot ran with them, in this way.
    pub(crate) ran: Vec<(String, &'static str)>,
}

impl Findings {
    /// A table in Markdown.
    pub(crate) fn table(&self) -> String {
        let line = |verdict: &Verdict| {
            let needs: Vec<String> = verdict.needs.iter().map(|name| format!("`{name}`")).collect();
            let oldest = if verdict.oldest.is_empty() { "–".to_owned() } else { verdict.oldest.join(", ") };
            let size = verdict.size as f64 / f64::from(1 << 20);
            let state = self.state(&verdict.key);
            format!("| {} | {state} | {size:.1} MiB | {} | {oldest} |\n", verdict.key, needs.join(", "))
        };
        HEAD.to_owned() + &self.verdicts.iter().map(line).collect::<String>()
    }

    fn state(&self, key: &str) -> String {
        let way = |list: &[(String, &'static str)]| list.iter().find(|(found, _)| found == key).map(|(_, way)| *way);
        match (way(&self.ran), way(&self.loaded)) {
            (Some(way), _) => format!("runs {way}"),
            (None, Some(way)) => format!("loads {way}"),
            (None, None) => "links".to_owned(),
        }
    }
}

/// Puts the table into the page.
pub(crate) fn record(workspace: &Workspace, findings: &Findings) -> Result<()> {
    let page = path(workspace);
    let text = std::fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
    let text = with_table(&text, &findings.table())?;
    std::fs::write(&page, text).with_context(|| format!("cannot write {}", page.display()))
}

fn path(workspace: &Workspace) -> PathBuf {
    workspace.root().join("docs/platforms.md")
}

fn with_table(page: &str, table: &str) -> Result<String> {
    let around = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = around.with_context(|| {
        format!("docs/platforms.md has no place for the table: it must be between the lines {BEGIN:?} and {END:?}")
    })?;
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(key: &str) -> Verdict {
        let needs = vec!["libc.so.6".to_owned()];
        Verdict { key: key.to_owned(), size: 5 << 20, needs, oldest: Vec::new(), problems: Vec::new() }
    }

    #[test]
    fn a_library_has_the_best_state_that_was_seen() {
        let findings = Findings {
            verdicts: ["linux.x86_64", "windows.x86_64", "macos"].map(verdict).into(),
            loaded: vec![("linux.x86_64".to_owned(), "natively"), ("windows.x86_64".to_owned(), "in Wine")],
            ran: vec![("linux.x86_64".to_owned(), "natively")],
        };
        let lines: Vec<String> = findings.table().lines().skip(2).map(str::to_owned).collect();
        assert_eq!(lines[0], "| linux.x86_64 | runs natively | 5.0 MiB | `libc.so.6` | – |");
        assert!(lines[1].contains("| loads in Wine |") && lines[2].contains("| macos | links |"), "{lines:?}");
    }

    #[test]
    fn a_table_takes_the_place_of_the_last_one_and_of_nothing_else() {
        let page = format!("before\n{BEGIN}old\n{END}after\n");
        assert_eq!(with_table(&page, "new\n").unwrap(), format!("before\n{BEGIN}new\n{END}after\n"));
        assert!(with_table("no place\n", "new\n").is_err());
    }

    /// State by line of the .gdextension, in both tables of the page.
    fn told(page: &str) -> Vec<(String, String)> {
        let cells = |line: &str| {
            let mut cells = line.strip_prefix("| ")?.split(" | ").map(str::to_owned);
            Some((cells.next()?, cells.next()?))
        };
        let is_key = |key: &str| key == "macos" || (key.contains('.') && !key.contains(' '));
        page.lines().filter_map(cells).filter(|(key, _)| is_key(key)).collect()
    }

    fn read(name: &str) -> String {
        std::fs::read_to_string(Workspace::find().unwrap().root().join(name)).unwrap()
    }

    #[test]
    fn the_page_says_of_every_library_once_how_far_it_was_tried() {
        let description = std::fs::read_to_string(Workspace::find().unwrap().gdextension()).unwrap();
        let (_, libraries) = description.split_once("[libraries]").unwrap();
        let lines = libraries.lines().take_while(|line| !line.starts_with("[icons"));
        let mut keys: Vec<&str> = lines.filter_map(|line| Some(line.split_once(" = ")?.0)).collect();
        let page = read("docs/platforms.md");
        let mut found = told(&page);
        found.sort();
        keys.sort_unstable();
        assert_eq!(found.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(), keys);
        for (key, state) in &found {
            let is_known = ["runs ", "loads ", "links", "untested"].iter().any(|known| state.starts_with(known));
            assert!(is_known, "{key}: {state:?} is no state");
        }
        assert!(page.split_once(BEGIN).unwrap().1.starts_with(HEAD), "the table has other columns now");
    }

    #[test]
    fn readme_says_of_each_library_what_the_page_says() {
        let readme = read("README.md");
        for (key, state) in told(&read("docs/platforms.md")) {
            let platform = match key.split('.').next().unwrap() {
                "macos" => "macOS".to_owned(),
                "ios" | "android" => "iOS, Android".to_owned(),
                _ => key.replace("linux.", "Linux ").replace("windows.", "Windows "),
            };
            let line = readme.lines().find_map(|line| line.strip_prefix(&format!("| {platform} | ")));
            let word = |text: &str| text.split([' ', ',']).next().unwrap().to_owned();
            assert_eq!(line.map(word), Some(word(&state)), "{platform}");
        }
    }
}
