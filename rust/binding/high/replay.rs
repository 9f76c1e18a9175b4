//! The recording and replay properties of a session, and the settings that result from them.

use std::path::PathBuf;

use godot::builtin::GString;
use godot::classes::file_access::ModeFlags;
use godot::classes::{FileAccess, ProjectSettings};
use godot::obj::Singleton;
use http_fetch::Replay;

pub(crate) const REPLAY_OFF: i64 = 0;
pub(crate) const REPLAY_RECORD: i64 = 1;
pub(crate) const REPLAY_ONLY: i64 = 2;

/// The properties, as a script has set them.
#[derive(Clone, Default)]
pub(crate) struct ReplayProperties {
    pub(crate) file: String,
    pub(crate) mode: i64,
    pub(crate) keeps_timing: bool,
    /// The session's settings do not reflect these values yet.
    pub(crate) is_new: bool,
}

impl ReplayProperties {
    /// Starts the recording, or reads the file, which can be in the pack of an exported game.
    pub(crate) fn begin(&self) -> Replay {
        let path = &GString::from(&self.file);
        match self.mode {
            REPLAY_OFF => Replay::off(),
            _ if path.is_empty() => Replay::refused(
                "replay_file is empty; set it to the file to record to or to \
                replay from",
            ),
            REPLAY_RECORD => {
                let on_disk = ProjectSettings::singleton().globalize_path(path).to_string();
                Replay::record(on_disk.as_ref())
            }
            _ if !FileAccess::file_exists(path) => Replay::refused(format!(
                "the replay_file {:?} does not exist; record it first with REPLAY_RECORD, and add *.har to the filter \
                 for non-resource files in the export preset",
                path.to_string()
            )),
            _ => self.play(),
        }
    }
    /// What lies on the disk is read on the worker: such a file may have hundreds of MiB. Only the engine can read what lies in a pack.
    fn play(&self) -> Replay {
        let (path, name) = (&GString::from(&self.file), self.file.clone());
        let Some(mut file) = FileAccess::open(path, ModeFlags::READ) else {
            return Replay::refused(format!("the replay file {name:?} cannot be opened; check that it may be read"));
        };
        // Of a file in a pack it is empty, or no path of the system.
        let on_disk = PathBuf::from(file.get_path_absolute().to_string());
        if on_disk.is_absolute() && on_disk.is_file() {
            return Replay::only_file(&name, &on_disk, self.keeps_timing);
        }
        let length = file.get_length();
        let bytes = file.get_buffer(i64::try_from(length).unwrap_or_default());
        Replay::only(&name, bytes.as_slice(), self.keeps_timing)
    }
}
