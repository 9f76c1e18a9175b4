@tool
extends MenuButton
## The panel's menu for saving, copying and loading HAR files.

const Recorded := preload("recorded.gd")
const ExchangeList := preload("exchange_list.gd")
const Har := preload("har.gd")
const Controls := preload("../console/controls.gd")

enum Item { SAVE, COPY, LOAD, REDACT }

## Emitted with the result, which the panel shows.
signal said(text: String, is_bad: bool)

var list: ExchangeList

var _files: FileDialog


func _init() -> void:
	text = "HAR"
	tooltip_text = "HAR files contain requests and responses. Browsers and other tools can also read them."
	Controls.dressed_menu(self)
	var menu := get_popup()
	menu.add_item("Save all…", Item.SAVE)
	menu.add_item("Copy all", Item.COPY)
	menu.add_item("Load…", Item.LOAD)
	menu.add_separator()
	menu.add_check_item("Replace credentials", Item.REDACT)
	menu.set_item_checked(menu.get_item_index(Item.REDACT), true)
	menu.set_item_tooltip(
		menu.get_item_index(Item.REDACT), "Replaces passwords, tokens and cookies with [redacted] in saved files and copies")
	menu.id_pressed.connect(_on_pressed)


## Whether credentials are replaced in saved and copied files.
func redacts() -> bool:
	return get_popup().is_item_checked(get_popup().get_item_index(Item.REDACT))


func set_redacts(replaces: bool) -> void:
	get_popup().set_item_checked(get_popup().get_item_index(Item.REDACT), replaces)


## Writes all exchanges of the list to a file.
func save(path: String) -> Error:
	var file := FileAccess.open(path, FileAccess.WRITE)
	var error := FileAccess.get_open_error() if file == null else OK
	if file != null:
		file.store_string(Har.text_of(list.exchanges, redacts()))
		error = file.get_error()
		file.close()
	if error == OK:
		said.emit("Saved to %s%s." % [path, ", credentials replaced" if redacts() else ", credentials included"], false)
	else:
		said.emit("%s cannot be written: %s." % [path, error_string(error)], true)
	return error


## Adds the exchanges of a file to the list.
func load_file(path: String) -> Error:
	var text_of_file := FileAccess.get_file_as_string(path)
	if text_of_file.is_empty():
		var error := FileAccess.get_open_error()
		said.emit("%s cannot be read: %s." % [path, error_string(error) if error != OK else "The file is empty"], true)
		return error if error != OK else ERR_FILE_CORRUPT
	var har: Har = Har.read(text_of_file)
	if not har.problem.is_empty():
		said.emit("%s: %s" % [path, har.problem], true)
		return ERR_FILE_CORRUPT
	for exchange: Recorded in har.exchanges:
		list.add(exchange)
	said.emit("Loaded %d exchanges from %s." % [har.exchanges.size(), path], false)
	return OK


func _on_pressed(id: int) -> void:
	match id:
		Item.SAVE:
			_choose(FileDialog.FILE_MODE_SAVE_FILE, "network.har")
		Item.LOAD:
			_choose(FileDialog.FILE_MODE_OPEN_FILE, "")
		Item.COPY:
			DisplayServer.clipboard_set(Har.text_of(list.exchanges, redacts()))
		Item.REDACT:
			set_redacts(not redacts())


func _choose(mode: FileDialog.FileMode, name_of_file: String) -> void:
	if _files == null:
		_files = Controls.file_dialog(self, mode, ["*.har;HTTP archives"], _on_file)
	_files.file_mode = mode
	_files.current_file = name_of_file
	_files.popup_centered_ratio(0.6)


func _on_file(path: String) -> void:
	if _files.file_mode == FileDialog.FILE_MODE_SAVE_FILE:
		save(path)
	else:
		load_file(path)
