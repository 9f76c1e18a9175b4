//! The GDExtension. It registers `HTTPClientRust`, which uses the crate `http-client`, and the other classes, which use the crate
//! `http-fetch`.
//!
//! This crate converts types and contains no rules of HTTP. `low` and `high` have the classes, `convert` the types, and
//! `network_panel` the data for the editor's debugger. The rest is the interface to the engine. `call` catches a panic in an
//! entry point, and `held` keeps values of the engine.

mod call;
mod convert;
mod editor_help;
#[cfg(feature = "engine-names")]
mod engine_names;
mod held;
mod high;
mod low;
mod network_panel;
mod object_registry;
mod pin;
mod registration;

use godot::init::{ExtensionLibrary, InitStage, gdextension};

struct Extension;

// SAFETY: the library follows the engine's thread rules. The functions that it calls on other threads than the main thread are
// documented as safe there.
#[cfg_attr(not(feature = "engine-names"), gdextension)]
#[cfg_attr(feature = "engine-names", gdextension(entry_symbol = gdext_rust_init_of_the_crate))]
unsafe impl ExtensionLibrary for Extension {
    fn on_stage_init(stage: InitStage) {
        if stage == InitStage::Scene {
            pin::keep_loaded();
            low::register();
            high::register();
            network_panel::register();
        }
        // An engine without the classes does not need our pages, or has its own.
        if stage == InitStage::Editor && !cfg!(feature = "engine-names") {
            editor_help::load();
        }
    }

    fn on_stage_deinit(stage: InitStage) {
        if stage == InitStage::Scene {
            network_panel::leave();
            high::release();
            convert::spare::release();
        }
    }
}
