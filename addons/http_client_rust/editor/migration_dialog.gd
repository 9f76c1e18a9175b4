@tool
extends ConfirmationDialog
## Shows how the project's scripts and scenes would change, and changes them in one step that can be undone.

const Migration := preload("migration.gd")
const ProjectScripts := preload("project_scripts.gd")

const Colors := preload("../console/colors.gd")
const Controls := preload("../console/controls.gd")

## Columns of the list. The check box has its own column, so that clicking a name does not toggle it.
const TICK := 0
const NAME := 1
## Maximum size of the dialog, as a part of the editor's window.
const LARGEST_PART := 0.9
## The classes to move from, in the order of the choice above the list.
const KINDS: Array[Array] = [
	[Migration.OLD, Migration.NEW, "Scripts that use HTTPClient. Scripts that can be moved are selected."],
	[Migration.OLD_NODE, Migration.NEW_NODE, "Scripts and scenes that use HTTPRequest. Select the ones to move."]]

## Set by the plugin.
var undo_redo: EditorUndoRedoManager
## The object that is asked for the open scenes: the editor.
var scenes: Object = EditorInterface

var _scripts: ProjectScripts
var _kind: OptionButton
var _files: Tree
var _diff: RichTextLabel
var _summary: Label
var _refusal: Label


func _init() -> void:
	title = "Move scripts to HTTPClientRust"
	ok_button_text = "Move"
	dialog_hide_on_ok = false
	confirmed.connect(_apply_and_hide)
	var rows := VBoxContainer.new()
	add_child(rows)
	var top := HBoxContainer.new()
	rows.add_child(top)
	_kind = OptionButton.new()
	for kind: Array in KINDS:
		_kind.add_item("%s → %s" % [kind[0], kind[1]])
		_kind.set_item_tooltip(_kind.item_count - 1, kind[2])
	_kind.item_selected.connect(func(_index: int) -> void: _read())
	top.add_child(_kind)
	_summary = Controls.cut_label(top)
	Controls.button(top, "All", "Selects all that can be moved").pressed.connect(tick_all.bind(true))
	Controls.button(top, "None", "Deselects all").pressed.connect(tick_all.bind(false))
	_refusal = Controls.wrapped_label(rows)
	_refusal.visible = false
	var split := HSplitContainer.new()
	split.size_flags_vertical = Control.SIZE_EXPAND_FILL
	rows.add_child(split)
	_files = Tree.new()
	_files.hide_root = true
	_files.hide_folding = true
	_files.columns = 2
	_files.set_column_expand(TICK, false)
	_files.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	_files.size_flags_stretch_ratio = 0.5
	_files.item_selected.connect(_show_selected)
	_files.item_edited.connect(_on_ticked)
	split.add_child(_files)
	_diff = RichTextLabel.new()
	_diff.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	_diff.selection_enabled = true
	_diff.focus_mode = Control.FOCUS_ALL
	split.add_child(_diff)


## Reads the project and shows the result.
func open() -> void:
	_read()
	_diff.add_theme_font_override(&"normal_font", get_theme_font(&"source", &"EditorFonts"))
	_diff.add_theme_font_size_override(&"normal_font_size", get_theme_font_size(&"source_size", &"EditorFonts"))
	popup_centered_clamped(Vector2i(Vector2(1000.0, 600.0) * EditorInterface.get_editor_scale()), LARGEST_PART)


## Chooses the class to move from: "HTTPClient" or "HTTPRequest".
func choose(old: String) -> void:
	for index: int in KINDS.size():
		if KINDS[index][0] == old:
			_kind.select(index)
	_read()


func _read() -> void:
	var own := (get_script() as Script).resource_path.get_base_dir().get_base_dir()
	_scripts = ProjectScripts.new()
	_scripts.read("res://", own, KINDS[_kind.selected][0])
	var unsaved := _unsaved()
	for change: Migration.Change in _scripts.changes:
		if unsaved.has(change.path):
			change.held_back = unsaved[change.path]
	_scripts.hold_back_together()
	_refusal.visible = false
	_fill()


## Selects all files that are not held back, or deselects all.
func tick_all(ticked: bool) -> void:
	for item: TreeItem in _items():
		var change: Migration.Change = item.get_metadata(NAME)
		item.set_checked(TICK, ticked and change.held_back.is_empty())
	_summarize()


## Writes the selected files, unless one of them has unsaved changes or would not parse; [method refusal] then has the reason.
func apply() -> bool:
	var ticked := _ticked()
	var problems := _scripts.problems_of(ticked) if not ticked.is_empty() else {}
	var unsaved := _unsaved()
	var before := {}
	var after := {}
	for change: Migration.Change in ticked:
		before[change.path] = change.before
		after[change.path] = change.after
		if unsaved.has(change.path):
			problems[change.path] = unsaved[change.path]
	var lines := PackedStringArray()
	for path: String in problems:
		lines.append("%s: %s" % [path, problems[path]])
	_refusal.text = "No file was changed.\n" + "\n".join(lines)
	_refusal.visible = not lines.is_empty()
	_refusal.add_theme_color_override(&"font_color", Colors.readable(Colors.BAD, self))
	if after.is_empty() or not lines.is_empty():
		return false
	undo_redo.create_action("Move scripts to %s" % KINDS[_kind.selected][1], UndoRedo.MERGE_DISABLE, self)
	undo_redo.add_do_method(self, &"write", after, before)
	undo_redo.add_undo_method(self, &"write", before, after)
	undo_redo.commit_action()
	return true


## The reason why the last [method apply] wrote nothing; empty if it wrote the files.
func refusal() -> String:
	return _refusal.text if _refusal.visible else ""


## Writes texts and updates the editor. Called by the undo history.
func write(texts: Dictionary, expected: Dictionary) -> void:
	var problems := PackedStringArray()
	if _knows_unsaved_scenes():
		# The scene is opened again below, which would discard unsaved changes.
		for path: String in _scenes_in_the_way():
			if texts.has(path):
				problems.append("%s was not written: %s" % [path, ProjectScripts.UNSAVED_SCENE])
	if problems.is_empty():
		problems = ProjectScripts.write(texts, expected)
	for problem: String in problems:
		push_warning(problem)
	if not problems.is_empty():
		return
	for path: String in texts:
		_show_in_editor(expected[path], texts[path])
		if path.get_extension().to_lower() != "gd":
			if ResourceLoader.has_cached(path):
				ResourceLoader.load(path, "", ResourceLoader.CACHE_MODE_REPLACE)
			if _knows_unsaved_scenes() and (scenes.call(&"get_open_scenes") as PackedStringArray).has(path):
				scenes.call(&"reload_scene_from_path", path)
		elif ResourceLoader.has_cached(path):
			var script := load(path) as GDScript
			script.source_code = FileAccess.get_file_as_string(path)
			script.reload(true)
		EditorInterface.get_resource_filesystem().update_file(path)


## The paths in the list: files that would change.
func paths() -> PackedStringArray:
	var found := PackedStringArray()
	for change: Migration.Change in _scripts.changes:
		if change.is_changed():
			found.append(change.path)
	return found


func _apply_and_hide() -> void:
	if apply():
		hide()


## Updates the text in an open script editor. Otherwise, saving there would write the old text again.
func _show_in_editor(old: String, new: String) -> void:
	for editor: ScriptEditorBase in EditorInterface.get_script_editor().get_open_script_editors():
		var text := editor.get_base_editor() as TextEdit
		if text != null and text.text == old.replace("\r", ""):
			text.text = new.replace("\r", "")
			text.tag_saved_version()


## Whether the editor can list the open scenes with unsaved changes: from Godot 4.7 on.
func _knows_unsaved_scenes() -> bool:
	return scenes.has_method(&"get_unsaved_scenes")


## The open scenes with unsaved changes, or all open scenes if the editor cannot list them.
func _scenes_in_the_way() -> PackedStringArray:
	return scenes.call(&"get_unsaved_scenes" if _knows_unsaved_scenes() else &"get_open_scenes")


## The reasons why files must not be written now, by path: a script whose text in the script editor differs from its file, or an
## open scene.
func _unsaved() -> Dictionary:
	var shown := {}
	for editor: ScriptEditorBase in EditorInterface.get_script_editor().get_open_script_editors():
		var text := editor.get_base_editor() as TextEdit
		if text != null:
			shown[text.text.replace("\r", "").strip_edges(false, true)] = true
	var unsaved := {}
	for script: Script in EditorInterface.get_script_editor().get_open_scripts():
		var path := script.resource_path
		var in_file := _scripts.text_of(path)
		if FileAccess.file_exists(path):
			in_file = FileAccess.get_file_as_string(path)
		elif in_file.is_empty():
			continue
		if not shown.is_empty() and not shown.has(in_file.replace("\r", "").strip_edges(false, true)):
			unsaved[path.get_slice("::", 0)] = ProjectScripts.UNSAVED
	for path: String in _scenes_in_the_way():
		unsaved[path] = ProjectScripts.UNSAVED_SCENE if _knows_unsaved_scenes() else ProjectScripts.OPEN_SCENE
	return unsaved


func _fill() -> void:
	_files.clear()
	_diff.clear()
	var root := _files.create_item()
	var doubtful := Colors.readable_in_rows(Colors.DOUBTFUL, _files)
	for change: Migration.Change in _scripts.changes:
		var item := _files.create_item(root)
		item.set_metadata(NAME, change)
		item.set_tooltip_text(NAME, change.path if change.held_back.is_empty() else "%s: %s" % [change.path, change.held_back])
		if change.is_changed():
			item.set_cell_mode(TICK, TreeItem.CELL_MODE_CHECK)
			item.set_checked(TICK, change.held_back.is_empty() and _kind.selected == 0)
			item.set_editable(TICK, true)
			item.set_text(NAME, "%s (%d)" % [change.path.trim_prefix("res://"), change.replaced])
		else:
			item.set_text(NAME, change.path.trim_prefix("res://"))
		if not change.notes.is_empty() or not change.held_back.is_empty():
			item.set_custom_color(NAME, doubtful)
	for text: String in _scripts.elsewhere:
		var item := _files.create_item(root)
		item.set_text(NAME, text.get_slice(":", 0) + ":" + text.get_slice(":", 1))
		item.set_metadata(NAME, text)
		item.set_custom_color(NAME, doubtful)
	_summarize()
	var first := root.get_first_child()
	if first != null:
		first.select(NAME)


## Selects the files that move together with the one that was selected.
func _on_ticked() -> void:
	var edited := _files.get_edited()
	if edited != null and edited.get_metadata(NAME) is Migration.Change:
		for item: TreeItem in _items():
			if (edited.get_metadata(NAME) as Migration.Change).together.has((item.get_metadata(NAME) as Migration.Change).path):
				item.set_checked(TICK, edited.is_checked(TICK))
	_summarize()


func _summarize() -> void:
	var ticked := _ticked()
	var count := 0
	var notes := _scripts.elsewhere.size()
	for change: Migration.Change in ticked:
		count += change.replaced
	for change: Migration.Change in _scripts.changes:
		notes += change.notes.size() + int(not change.held_back.is_empty())
	get_ok_button().disabled = ticked.is_empty()
	if _scripts.changes.is_empty() and _scripts.elsewhere.is_empty():
		_summary.text = "Nothing in this project uses %s." % KINDS[_kind.selected][0]
		return
	_summary.text = "Nothing is selected."
	if not ticked.is_empty():
		_summary.text = "Changes %s in %s to %s." % [_counted(count, "use"), _counted(ticked.size(), "file"), KINDS[_kind.selected][1]]
	if notes > 0:
		_summary.text += " Places to check: %d." % notes


static func _counted(count: int, word: String) -> String:
	return "%d %s" % [count, word if count == 1 else word + "s"]


## The rows of files that can be moved.
func _items() -> Array[TreeItem]:
	var items: Array[TreeItem] = []
	var root := _files.get_root()
	for item: TreeItem in root.get_children() if root != null else []:
		if item.get_metadata(NAME) is Migration.Change and (item.get_metadata(NAME) as Migration.Change).is_changed():
			items.append(item)
	return items


func _ticked() -> Array[Migration.Change]:
	var ticked: Array[Migration.Change] = []
	for item: TreeItem in _items():
		if item.is_checked(TICK):
			ticked.append(item.get_metadata(NAME))
	return ticked


func _show_selected() -> void:
	_diff.clear()
	var selected: Variant = _files.get_selected().get_metadata(NAME)
	if selected is String:
		_diff.add_text(selected)
		return
	var change: Migration.Change = selected
	if not change.held_back.is_empty():
		_diff.push_color(Colors.readable(Colors.DOUBTFUL, self))
		_diff.add_text("Not selected: %s\n\n" % change.held_back)
		_diff.pop()
	if not change.together.is_empty():
		_diff.add_text("Must move together with:\n%s\n\n" % "\n".join(change.together))
	for line: String in Migration.diff(change):
		var color := Colors.readable(Colors.GOOD if line.begins_with("+") else Colors.BAD, self)
		if line.begins_with(" "):
			_diff.add_text(line + "\n")
			continue
		_diff.push_color(color)
		_diff.add_text(line + "\n")
		_diff.pop()
	if not change.notes.is_empty():
		_diff.add_text("\nPlaces to check:\n")
		_diff.push_color(Colors.readable(Colors.DOUBTFUL, self))
		for note: String in change.notes:
			_diff.add_text("line %s\n" % note)
		_diff.pop()
	if change.left_alone > 0:
		_diff.add_text("\nUses that do not change, because no client depends on them: %d\n" % change.left_alone)
