//! The benchmark: its cases, the compared sides and the table. The measuring loops are GDScript, in `godot_project/bench`.

pub(crate) mod cases;
pub(crate) mod figures;
