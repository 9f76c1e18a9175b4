//! The Debian archive that this machine is configured to use, read from apt's own files.
//!
//! Both of apt's formats (sources.list(5)): one line for each source, and stanzas as in Debian control files.

use std::path::Path;

use crate::workspace::files_in;

/// Where Debian's packages come from, and which keys sign them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DebianSource {
    uri: String,
    /// The field's value as it stands: a path, or an embedded key over several lines.
    signed_by: Option<String>,
}

impl DebianSource {
    /// A stanza for another suite of the same archive.
    pub(crate) fn stanza(&self, suite: &str) -> String {
        let mut stanza = format!("Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\n", self.uri);
        if let Some(signed_by) = &self.signed_by {
            stanza.push_str(&format!("Signed-By: {signed_by}\n"));
        }
        stanza
    }
}

/// The sources of Debian's main archive in this machine's configuration.
pub(crate) fn of_this_machine() -> Vec<DebianSource> {
    in_folder(Path::new("/etc/apt"))
}

fn in_folder(apt: &Path) -> Vec<DebianSource> {
    let mut files = files_in(apt, |name| name == "sources.list");
    files.extend(files_in(&apt.join("sources.list.d"), |name| name.ends_with(".list") || name.ends_with(".sources")));
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let sources = if file.extension().is_some_and(|extension| extension == "sources") {
            in_stanzas(&text)
        } else {
            in_lines(&text)
        };
        for source in sources {
            if !found.contains(&source) {
                found.push(source);
            }
        }
    }
    found
}

/// What one entry says, in either format.
#[derive(Default)]
struct Entry {
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    signed_by: Option<String>,
}

impl Entry {
    fn debian_sources(self) -> Vec<DebianSource> {
        let signed_by_debian = self.signed_by.as_deref().is_none_or(is_debians_key);
        let usable = signed_by_debian
            && self.suites.iter().any(|suite| is_main_archive(suite))
            && self.components.iter().any(|component| component == "main");
        if !usable {
            return Vec::new();
        }
        let signed_by = self.signed_by;
        self.uris
            .into_iter()
            .filter(|uri| is_debians_path(uri))
            .map(|uri| DebianSource { uri, signed_by: signed_by.clone() })
            .collect()
    }
}

/// A release's own suite, not its updates, security fixes or backports, and not a folder of someone's own archive.
fn is_main_archive(suite: &str) -> bool {
    !suite.contains('/') && !suite.contains('-')
}

/// Debian's archive lies under `debian` on every mirror; a cloud image names a file with the mirrors instead.
fn is_debians_path(uri: &str) -> bool {
    let last = uri.trim_end_matches('/').rsplit('/').next();
    last == Some("debian") || (uri.starts_with("mirror+file:") && last == Some("debian.list"))
}

/// Others keep packages for Debian under `/debian` too, signed with a key of their own.
fn is_debians_key(signed_by: &str) -> bool {
    let names: Vec<&str> = signed_by.split([',', ' ', '\n']).filter(|name| !name.is_empty()).collect();
    !names.is_empty()
        && names.iter().all(|path| path.rsplit('/').next().is_some_and(|name| name.starts_with("debian-archive-")))
}

/// The one-line format: `deb [option=value ...] URI suite component ...`.
fn in_lines(text: &str) -> Vec<DebianSource> {
    text.lines().filter_map(entry_of_line).flat_map(Entry::debian_sources).collect()
}

fn entry_of_line(line: &str) -> Option<Entry> {
    let line = line.split('#').next()?.trim();
    let mut rest = line.strip_prefix("deb")?;
    if !rest.starts_with(char::is_whitespace) {
        return None;
    }
    rest = rest.trim_start();
    let mut signed_by = None;
    if let Some(options) = rest.strip_prefix('[') {
        let (options, after) = options.split_once(']')?;
        signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by=")).map(str::to_owned);
        rest = after;
    }
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Entry { uris: vec![words.next()?], suites: vec![words.next()?], components: words.collect(), signed_by })
}

/// The stanza format (deb822).
fn in_stanzas(text: &str) -> Vec<DebianSource> {
    let mut sources = Vec::new();
    let mut stanza: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            let entry = entry_of_stanza(&std::mem::take(&mut stanza));
            sources.extend(entry.into_iter().flat_map(Entry::debian_sources));
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = stanza.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((key, value)) = line.split_once(':') {
            stanza.push((key.to_lowercase(), value.trim().to_owned()));
        }
    }
    sources
}

fn entry_of_stanza(fields: &[(String, String)]) -> Option<Entry> {
    let field = |name: &str| {
        let found = fields.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    let words = |name: &str| -> Vec<String> {
        let words = field(name).unwrap_or_default().split_whitespace();
        words.map(str::to_owned).collect()
    };
    let disabled = field("enabled").is_some_and(|enabled| ["no", "false", "0"].contains(&enabled));
    if disabled || !words("types").contains(&"deb".to_owned()) {
        return None;
    }
    Some(Entry {
        uris: words("uris"),
        suites: words("suites"),
        components: words("components"),
        signed_by: field("signed-by").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

    fn source(uri: &str, signed_by: Option<&str>) -> DebianSource {
        DebianSource { uri: uri.to_owned(), signed_by: signed_by.map(str::to_owned) }
    }

    #[test]
    fn the_stanzas_of_a_debian_image_give_the_main_archive_and_not_the_security_one() {
        let text = format!(
            "Types: deb\n# a comment\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\n\
             Components: main\nSigned-By: {KEY}\n\n\
             Types: deb\nURIs: http://mirror.test/debian-security\nSuites: bookworm-security\n\
             Components: main\nSigned-By: {KEY}\n"
        );
        assert_eq!(in_stanzas(&text), [source("http://mirror.test/debian", Some(KEY))]);
    }

    #[test]
    fn one_line_sources_are_read_with_and_without_options() {
        let text = format!(
            "# deb http://old.test/debian bookworm main\n\
             deb-src http://mirror.test/debian bookworm main\n\
             deb http://mirror.test/debian/ bookworm main contrib # mine\n\
             deb [arch=amd64 signed-by={KEY}] https://other.test/pub/debian trixie main\n\
             deb http://mirror.test/debian bookworm-backports main\n"
        );
        assert_eq!(
            in_lines(&text),
            [source("http://mirror.test/debian/", None), source("https://other.test/pub/debian", Some(KEY)),]
        );
    }

    #[test]
    fn the_archives_of_others_are_not_taken_for_debians() {
        let text = "deb [signed-by=/etc/apt/keyrings/docker.asc] https://docker.test/linux/debian bookworm stable\n\
                    deb [signed-by=/usr/share/keyrings/wine.key] https://wine.test/debian bookworm main\n\
                    deb https://nginx.test/packages/debian bookworm nginx\n\
                    deb https://mongo.test/debian bookworm/mongo/7.0 main\n\
                    deb https://ubuntu.test/ubuntu noble main\n\
                    deb\n\
                    deb [signed-by=\n\
                    debian http://mirror.test/debian bookworm main\n";
        assert_eq!(in_lines(text), []);
    }

    #[test]
    fn a_disabled_stanza_and_one_of_source_packages_are_passed_over() {
        let rest = "URIs: http://mirror.test/debian\nSuites: sid\nComponents: main\n";
        assert_eq!(in_stanzas(&format!("Types: deb\nEnabled: no\n{rest}")), []);
        assert_eq!(in_stanzas(&format!("Types: deb-src\n{rest}")), []);
        assert_eq!(in_stanzas(&format!("types: deb deb-src\n{rest}")).len(), 1);
    }

    #[test]
    fn an_embedded_key_is_not_known_to_be_debians() {
        let text = "Types: deb\nURIs: http://mirror.test/debian\nSuites: sid\nComponents: main\n\
                    Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ\n";
        assert_eq!(in_stanzas(text), []);
    }

    #[test]
    fn a_cloud_images_list_of_mirrors_is_taken() {
        let text = "Types: deb\nURIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: trixie\nComponents: main\n";
        assert_eq!(in_stanzas(text).len(), 1);
    }

    #[test]
    fn both_formats_are_read_from_a_configuration_and_each_source_once() {
        let folder = tempfile::tempdir().unwrap();
        let parts = folder.path().join("sources.list.d");
        std::fs::create_dir(&parts).unwrap();
        let line = "deb http://mirror.test/debian sid main\n";
        std::fs::write(folder.path().join("sources.list"), line).unwrap();
        std::fs::write(parts.join("again.list"), line).unwrap();
        std::fs::write(parts.join("off.list.save"), "deb http://x.test/debian sid main\n").unwrap();
        let stanza = "Types: deb\nURIs: http://two.test/debian\nSuites: sid\nComponents: main\n";
        std::fs::write(parts.join("debian.sources"), stanza).unwrap();
        assert_eq!(
            in_folder(folder.path()),
            [source("http://mirror.test/debian", None), source("http://two.test/debian", None),]
        );
    }

    #[test]
    fn a_machine_without_apt_has_no_source() {
        assert_eq!(in_folder(Path::new("/no/such/folder")), []);
    }

    #[test]
    fn the_stanza_names_the_other_suite_and_keeps_the_key() {
        assert_eq!(
            source("http://mirror.test/debian", Some(KEY)).stanza("forky"),
            format!("Types: deb\nURIs: http://mirror.test/debian\nSuites: forky\nComponents: main\nSigned-By: {KEY}\n")
        );
    }
}
