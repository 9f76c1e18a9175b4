@tool
extends ConfirmationDialog
## Shows what moving the project's scripts would change, and does it in one step that can be undone.

const Migration := preload("migration.gd")
const ProjectScripts := preload("project_scripts.gd")

const ADDED := Color("63c466")
const REMOVED := Color("ff7a70")

## Given by the plugin.
var undo_redo: EditorUndoRedoManager

var _scripts: ProjectScripts
var _files: Tree
var _diff: RichTextLabel
var _summary: Label


func _init() -> void:
	title = "Move scripts to HTTPClientRust"
	ok_button_text = "Move"
	confirmed.connect(apply)
	var rows := VBoxContainer.new()
	add_child(rows)
	_summary = Label.new()
	_summary.text_overrun_behavior = TextServer.OVERRUN_TRIM_ELLIPSIS
	rows.add_child(_summary)
	var split := HSplitContainer.new()
	split.size_flags_vertical = Control.SIZE_EXPAND_FILL
	rows.add_child(split)
	_files = Tree.new()
	_files.hide_root = true
	_files.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	_files.size_flags_stretch_ratio = 0.5
	_files.item_selected.connect(_show_selected)
	_files.item_edited.connect(_summarize)
	split.add_child(_files)
	_diff = RichTextLabel.new()
	_diff.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	_diff.selection_enabled = true
	_diff.focus_mode = Control.FOCUS_ALL
	split.add_child(_diff)


## Looks through the project and shows what it found.
func open() -> void:
	var own := (get_script() as Script).resource_path.get_base_dir().get_base_dir()
	_scripts = ProjectScripts.new()
	_scripts.read("res://", own)
	_fill()
	_diff.add_theme_font_override(&"normal_font", get_theme_font(&"source", &"EditorFonts"))
	_diff.add_theme_font_size_override(&"normal_font_size", get_theme_font_size(&"source_size", &"EditorFonts"))
	popup_centered(Vector2i(Vector2(1000.0, 600.0) * EditorInterface.get_editor_scale()))


## Writes the scripts that are ticked.
func apply() -> void:
	var before := {}
	var after := {}
	for change: Migration.Change in _ticked():
		before[change.path] = change.before
		after[change.path] = change.after
	if after.is_empty():
		return
	undo_redo.create_action("Move scripts to HTTPClientRust", UndoRedo.MERGE_DISABLE, self)
	undo_redo.add_do_method(self, &"write", after, before)
	undo_redo.add_undo_method(self, &"write", before, after)
	undo_redo.commit_action()


## Writes texts and has the editor notice. For the undo history.
func write(texts: Dictionary, expected: Dictionary) -> void:
	for problem: String in ProjectScripts.write(texts, expected):
		push_warning(problem)
	for path: String in texts:
		if ResourceLoader.has_cached(path):
			var script := load(path) as GDScript
			script.source_code = FileAccess.get_file_as_string(path)
			script.reload(true)
		EditorInterface.get_resource_filesystem().update_file(path)


## What stands in the list: paths of scripts that would change.
func paths() -> PackedStringArray:
	var found := PackedStringArray()
	for change: Migration.Change in _scripts.changes:
		if change.is_changed():
			found.append(change.path)
	return found


func _fill() -> void:
	_files.clear()
	_diff.clear()
	var root := _files.create_item()
	for change: Migration.Change in _scripts.changes:
		var item := _files.create_item(root)
		item.set_metadata(0, change)
		item.set_tooltip_text(0, change.path)
		if change.is_changed():
			item.set_cell_mode(0, TreeItem.CELL_MODE_CHECK)
			item.set_checked(0, true)
			item.set_editable(0, true)
			item.set_text(0, "%s (%d)" % [change.path.trim_prefix("res://"), change.replaced])
		else:
			item.set_text(0, change.path.trim_prefix("res://"))
		if not change.notes.is_empty():
			item.set_custom_color(0, get_theme_color(&"warning_color", &"Editor"))
	for text: String in _scripts.elsewhere:
		var item := _files.create_item(root)
		item.set_text(0, text.get_slice(":", 0) + ":" + text.get_slice(":", 1))
		item.set_metadata(0, text)
		item.set_custom_color(0, get_theme_color(&"warning_color", &"Editor"))
	_summarize()
	var first := root.get_first_child()
	if first != null:
		first.select(0)


func _summarize() -> void:
	var ticked := _ticked()
	var count := 0
	var notes := _scripts.elsewhere.size()
	for change: Migration.Change in ticked:
		count += change.replaced
	for change: Migration.Change in _scripts.changes:
		notes += change.notes.size()
	get_ok_button().disabled = ticked.is_empty()
	if _scripts.changes.is_empty() and _scripts.elsewhere.is_empty():
		_summary.text = "No script of this project uses HTTPClient."
		return
	_summary.text = (
		"%d uses in %d scripts become HTTPClientRust; %d places need a look. Save open scripts first."
		% [count, ticked.size(), notes])


func _ticked() -> Array[Migration.Change]:
	var ticked: Array[Migration.Change] = []
	var root := _files.get_root()
	for item: TreeItem in root.get_children() if root != null else []:
		var metadata: Variant = item.get_metadata(0)
		if not metadata is Migration.Change:
			continue
		var change: Migration.Change = metadata
		if change.is_changed() and item.is_checked(0):
			ticked.append(change)
	return ticked


func _show_selected() -> void:
	_diff.clear()
	var selected: Variant = _files.get_selected().get_metadata(0)
	if selected is String:
		_diff.add_text(selected)
		return
	var change: Migration.Change = selected
	for line: String in Migration.diff(change):
		var color := ADDED if line.begins_with("+") else REMOVED
		if line.begins_with(" "):
			_diff.add_text(line + "\n")
			continue
		_diff.push_color(color)
		_diff.add_text(line + "\n")
		_diff.pop()
	if not change.notes.is_empty():
		_diff.add_text("\nNeeds a look:\n")
		_diff.push_color(get_theme_color(&"warning_color", &"Editor"))
		for note: String in change.notes:
			_diff.add_text("line %s\n" % note)
		_diff.pop()
	if change.left_alone > 0:
		_diff.add_text("\nUses that stay, since they go to an HTTPRequest: %d\n" % change.left_alone)
