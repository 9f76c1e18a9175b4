//! The class `HTTPFormRust`: a form with its fields and files.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use godot::builtin::{GString, PackedByteArray};
use godot::classes::{Crypto, FileAccess, IRefCounted, RefCounted};
use godot::global::godot_error;
use godot::obj::{Base, NewGd};
use godot::register::{GodotClass, godot_api};
use http_fetch::multipart::{DiskFile, Form, FormError, Source};

use crate::high::packed_file::PackedFile;
use crate::high::session;

/// A form. See the module.
#[derive(GodotClass)]
#[class(tool, base = RefCounted, rename = HTTPFormRust)]
pub(crate) struct HttpFormRust {
    form: Mutex<Form>,
}

impl HttpFormRust {
    /// A copy of the form in its current state.
    pub(crate) fn form(&self) -> Arc<Form> {
        Arc::new(self.lock().clone())
    }

    fn lock(&self) -> MutexGuard<'_, Form> {
        self.form.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[godot_api]
impl IRefCounted for HttpFormRust {
    fn init(_base: Base<RefCounted>) -> Self {
        let random = Crypto::new_gd().generate_random_bytes(16);
        let random = random.as_slice().try_into().unwrap_or_default();
        Self { form: Mutex::new(Form::new(random)) }
    }
}

#[godot_api]
impl HttpFormRust {
    #[func(gd_self)]
    fn add_field(this: godot::obj::Gd<Self>, name: GString, value: GString) {
        this.bind().lock().add_field(&name.to_string(), &value.to_string());
    }

    #[func(gd_self)]
    fn add_file(
        this: godot::obj::Gd<Self>,
        name: GString,
        path: GString,
        #[opt(default = "")] filename: GString,
        #[opt(default = "")] content_type: GString,
    ) {
        let source = source_of(&path);
        let filename = if filename.is_empty() { last_part(&path.to_string()) } else { filename.to_string() };
        let added = this.bind().lock().add_source(&name.to_string(), source, &filename, &content_type.to_string());
        report("add_file", added);
    }

    #[func(gd_self)]
    fn add_bytes(
        this: godot::obj::Gd<Self>,
        name: GString,
        bytes: PackedByteArray,
        filename: GString,
        #[opt(default = "application/octet-stream")] content_type: GString,
    ) {
        let (name, filename) = (name.to_string(), filename.to_string());
        let added = this.bind().lock().add_bytes(&name, bytes.to_vec(), &filename, &content_type.to_string());
        report("add_bytes", added);
    }

    #[func]
    fn get_content_type(&self) -> GString {
        GString::from(&self.lock().content_type())
    }

    #[func]
    fn get_length(&self) -> i64 {
        let form = self.lock().clone();
        form.body().ok().and_then(|body| i64::try_from(body.content_length()).ok()).unwrap_or(-1)
    }
}

fn report(method: &str, added: Result<(), FormError>) {
    if let Err(error) = added {
        godot_error!("HTTPFormRust.{method}(): {error}");
    }
}

fn last_part(path: &str) -> String {
    path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
}

/// The source of a file's bytes: the disk, or the pack of an exported game.
fn source_of(path: &GString) -> Arc<dyn Source> {
    let (on_disk, path_text) = (session::on_disk(path), path.to_string());
    if !path_text.starts_with("res://")
        || on_disk.as_os_str() != path_text.as_str() && std::fs::exists(&on_disk).unwrap_or(false)
    {
        return Arc::new(DiskFile(on_disk));
    }
    if FileAccess::file_exists(path) {
        return Arc::new(PackedFile::new(path));
    }
    Arc::new(DiskFile(path_text.into()))
}
