@tool
extends RefCounted
## Creates the controls that several views use.


## Adds a button to a row.
static func button(row: Control, text: String, tooltip: String) -> Button:
	return _added(row, Button.new(), text, tooltip) as Button


static func check(row: Control, text: String, is_on: bool, tooltip := "") -> CheckBox:
	var box := _added(row, CheckBox.new(), text, tooltip) as CheckBox
	box.button_pressed = is_on
	return box


## Adds a button that opens a menu and looks like an ordinary button.
static func menu(row: Control, text: String, tooltip: String) -> MenuButton:
	return dressed_menu(_added(row, MenuButton.new(), text, tooltip) as MenuButton)


## Makes a menu button focusable with the keyboard, and gives it the look of a button.
static func dressed_menu(button_of_menu: MenuButton) -> MenuButton:
	button_of_menu.flat = false
	button_of_menu.focus_mode = Control.FOCUS_ALL
	return button_of_menu


## A label that wraps its text and does not widen its column.
static func wrapped_label(column: Control) -> Label:
	var label := Label.new()
	label.autowrap_mode = TextServer.AUTOWRAP_WORD_SMART
	label.custom_minimum_size.x = 1.0
	column.add_child(label)
	return label


## A label of one line that trims its text with an ellipsis.
static func cut_label(row: Control) -> Label:
	var label := Label.new()
	label.text_overrun_behavior = TextServer.OVERRUN_TRIM_ELLIPSIS
	label.custom_minimum_size.x = 1.0
	label.size_flags_horizontal = Control.SIZE_EXPAND_FILL
	row.add_child(label)
	return label


## A file dialog, the system's own if it has one.
static func file_dialog(user: Node, mode: FileDialog.FileMode, filters: PackedStringArray, chosen: Callable) -> FileDialog:
	var files := FileDialog.new()
	files.access = FileDialog.ACCESS_FILESYSTEM
	files.file_mode = mode
	files.filters = filters
	files.use_native_dialog = true
	files.file_selected.connect(chosen)
	user.add_child(files, false, Node.INTERNAL_MODE_BACK)
	return files


## Whether the control or one of its children has the focus.
static func has_focus_in(control: Control) -> bool:
	var focused := control.get_viewport().gui_get_focus_owner()
	return focused != null and (focused == control or control.is_ancestor_of(focused))


static func _added(row: Control, made: BaseButton, text: String, tooltip: String) -> BaseButton:
	made.set(&"text", text)
	made.tooltip_text = tooltip
	row.add_child(made)
	return made
