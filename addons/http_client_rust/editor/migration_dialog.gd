@tool
extends ConfirmationDialog
## Shows what moving the project's scripts would change, and does it in one step that can be undone.

const Migration := preload("migration.gd")
const ProjectScripts := preload("project_scripts.gd")

const Colors := preload("../console/colors.gd")

## Columns of the list: clicking a name must not untick it.
const TICK := 0
const NAME := 1

## Given by the plugin.
var undo_redo: EditorUndoRedoManager

var _scripts: ProjectScripts
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
	_summary = Label.new()
	_summary.text_overrun_behavior = TextServer.OVERRUN_TRIM_ELLIPSIS
	_summary.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	top.add_child(_summary)
	for choice: Array in [["All", true], ["None", false]]:
		var button := Button.new()
		button.text = choice[0]
		button.tooltip_text = "Tick all that can be moved" if choice[1] else "Untick all"
		button.pressed.connect(tick_all.bind(choice[1]))
		top.add_child(button)
	_refusal = Label.new()
	_refusal.autowrap_mode = TextServer.AUTOWRAP_WORD_SMART
	_refusal.visible = false
	rows.add_child(_refusal)
	var split := HSplitContainer.new()
	split.size_flags_vertical = Control.SIZE_EXPAND_FILL
	rows.add_child(split)
	_files = Tree.new()
	_files.hide_root = true
	_files.columns = 2
	_files.set_column_expand(TICK, false)
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
	var unsaved := _unsaved()
	for change: Migration.Change in _scripts.changes:
		if unsaved.has(change.path):
			change.held_back = ProjectScripts.UNSAVED
	_refusal.visible = false
	_fill()
	_diff.add_theme_font_override(&"normal_font", get_theme_font(&"source", &"EditorFonts"))
	_diff.add_theme_font_size_override(&"normal_font_size", get_theme_font_size(&"source_size", &"EditorFonts"))
	popup_centered(Vector2i(Vector2(1000.0, 600.0) * EditorInterface.get_editor_scale()))


## Ticks all that nothing speaks against, or nothing.
func tick_all(ticked: bool) -> void:
	for item: TreeItem in _items():
		var change: Migration.Change = item.get_metadata(NAME)
		item.set_checked(TICK, ticked and change.held_back.is_empty())
	_summarize()


## Writes the scripts that are ticked, unless one of them has unsaved changes or would not parse; [method refusal] says so.
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
			problems[change.path] = ProjectScripts.UNSAVED
	var lines := PackedStringArray()
	for path: String in problems:
		lines.append("%s: %s" % [path, problems[path]])
	_refusal.text = "Nothing was written.\n" + "\n".join(lines)
	_refusal.visible = not lines.is_empty()
	_refusal.add_theme_color_override(&"font_color", Colors.readable(Colors.BAD, self))
	if after.is_empty() or not lines.is_empty():
		return false
	undo_redo.create_action("Move scripts to HTTPClientRust", UndoRedo.MERGE_DISABLE, self)
	undo_redo.add_do_method(self, &"write", after, before)
	undo_redo.add_undo_method(self, &"write", before, after)
	undo_redo.commit_action()
	return true


## Why the last [method apply] wrote nothing; empty if it wrote.
func refusal() -> String:
	return _refusal.text if _refusal.visible else ""


## Writes texts and has the editor notice. For the undo history.
func write(texts: Dictionary, expected: Dictionary) -> void:
	var problems := ProjectScripts.write(texts, expected)
	for problem: String in problems:
		push_warning(problem)
	if not problems.is_empty():
		return
	for path: String in texts:
		_show_in_editor(expected[path], texts[path])
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


func _apply_and_hide() -> void:
	if apply():
		hide()


## Has an open editor show what was written, or saving there would bring the old text back.
func _show_in_editor(old: String, new: String) -> void:
	for editor: ScriptEditorBase in EditorInterface.get_script_editor().get_open_script_editors():
		var text := editor.get_base_editor() as TextEdit
		if text != null and text.text == old.replace("\r", ""):
			text.text = new.replace("\r", "")
			text.tag_saved_version()


## Scripts whose text in the script editor is not that of their file, by their paths.
func _unsaved() -> Dictionary:
	var shown := {}
	for editor: ScriptEditorBase in EditorInterface.get_script_editor().get_open_script_editors():
		var text := editor.get_base_editor() as TextEdit
		if text != null:
			shown[text.text.replace("\r", "").strip_edges(false, true)] = true
	var unsaved := {}
	for script: Script in EditorInterface.get_script_editor().get_open_scripts():
		if not FileAccess.file_exists(script.resource_path):
			continue
		var in_file := FileAccess.get_file_as_string(script.resource_path).replace("\r", "").strip_edges(false, true)
		if not shown.is_empty() and not shown.has(in_file):
			unsaved[script.resource_path] = true
	return unsaved


func _fill() -> void:
	_files.clear()
	_diff.clear()
	var root := _files.create_item()
	var doubtful := Colors.readable(Colors.DOUBTFUL, self)
	for change: Migration.Change in _scripts.changes:
		var item := _files.create_item(root)
		item.set_metadata(NAME, change)
		item.set_tooltip_text(NAME, change.path if change.held_back.is_empty() else "%s: %s" % [change.path, change.held_back])
		if change.is_changed():
			item.set_cell_mode(TICK, TreeItem.CELL_MODE_CHECK)
			item.set_checked(TICK, change.held_back.is_empty())
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
		_summary.text = "No script of this project uses HTTPClient."
		return
	_summary.text = "%d uses in %d scripts become HTTPClientRust; %d places need a look." % [count, ticked.size(), notes]


## The rows of scripts that can be moved.
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
		_diff.add_text("Not ticked: %s\n\n" % change.held_back)
		_diff.pop()
	for line: String in Migration.diff(change):
		var color := Colors.readable(Colors.GOOD if line.begins_with("+") else Colors.BAD, self)
		if line.begins_with(" "):
			_diff.add_text(line + "\n")
			continue
		_diff.push_color(color)
		_diff.add_text(line + "\n")
		_diff.pop()
	if not change.notes.is_empty():
		_diff.add_text("\nNeeds a look:\n")
		_diff.push_color(Colors.readable(Colors.DOUBTFUL, self))
		for note: String in change.notes:
			_diff.add_text("line %s\n" % note)
		_diff.pop()
	if change.left_alone > 0:
		_diff.add_text("\nUses that stay, since no client takes them: %d\n" % change.left_alone)
