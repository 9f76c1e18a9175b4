//! The properties of `HTTPSessionRust` for recording and replay. A change takes effect with the next request, which starts a new
//! recording or replay.

use godot::builtin::GString;
use godot::global::godot_error;
use godot::obj::Gd;
use godot::register::godot_api;
use godot::register::info::{PropertyHint, PropertyHintInfo};

use crate::high::replay::{REPLAY_OFF, REPLAY_ONLY, ReplayProperties};
use crate::high::session::HttpSessionRust;
use crate::high::session_properties::property;
use crate::high::values::{REPLAY_MODES, ReplayModeValue};
use crate::registration::{hint, register_enum};

#[godot_api(secondary)]
impl HttpSessionRust {
    #[func]
    fn get_replay_file(&self) -> GString {
        GString::from(&self.own_shared().own().replay.file)
    }

    #[func(gd_self)]
    fn set_replay_file(this: Gd<Self>, path: GString) {
        set(&this, |replay| replay.file = path.to_string());
    }

    #[func]
    fn get_replay_mode(&self) -> ReplayModeValue {
        ReplayModeValue(self.own_shared().own().replay.mode)
    }

    #[func(gd_self)]
    fn set_replay_mode(this: Gd<Self>, mode: ReplayModeValue) {
        if !(REPLAY_OFF..=REPLAY_ONLY).contains(&mode.0) {
            godot_error!(
                "HTTPSessionRust.set_replay_mode(): there is no mode {}; use a value of HTTPSessionRust.ReplayMode",
                mode.0
            );
            return;
        }
        set(&this, |replay| replay.mode = mode.0);
    }

    #[func]
    fn is_keeping_replay_timing(&self) -> bool {
        self.own_shared().own().replay.keeps_timing
    }

    #[func(gd_self)]
    fn set_replay_timing(this: Gd<Self>, enabled: bool) {
        set(&this, |replay| replay.keeps_timing = enabled);
    }
}

fn set(this: &Gd<HttpSessionRust>, change: impl FnOnce(&mut ReplayProperties)) {
    let shared = HttpSessionRust::shared_of(this);
    let mut own = shared.own();
    change(&mut own.replay);
    own.replay.is_new = true;
}

/// Registers the properties and the enum with the class, which must be registered already.
pub(crate) fn register() {
    register_enum::<HttpSessionRust>("ReplayMode", REPLAY_MODES);
    property::<GString>("replay_file", ["get_replay_file", "set_replay_file"], hint(PropertyHint::SAVE_FILE, "*.har"));
    property::<i64>("replay_mode", ["get_replay_mode", "set_replay_mode"], hint(PropertyHint::ENUM, "Off,Record,Only"));
    property::<bool>("replay_timing", ["is_keeping_replay_timing", "set_replay_timing"], PropertyHintInfo::none());
}
