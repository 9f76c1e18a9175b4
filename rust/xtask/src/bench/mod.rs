//! The benchmark: what is measured, against what, and how the table is made. The loops themselves are GDScript, in
//! `godot_project/bench`.

pub(crate) mod cases;
pub(crate) mod figures;
