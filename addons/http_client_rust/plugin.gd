@tool
extends EditorPlugin
## Adds the HTTP panel at the bottom of the editor, the Network tab in the debugger, Project → Tools → Move scripts to
## HTTPClientRust…, and the export stand-ins for platforms without a library.

const CLASS := &"HTTPClientRust"
const MENU_ITEM := "Move scripts to HTTPClientRust…"

var _panel: Control
var _network: EditorDebuggerPlugin
var _dialog: ConfirmationDialog
var _export: EditorExportPlugin


func _enter_tree() -> void:
	_panel = _make_panel()
	_panel.name = "HTTP"
	add_control_to_bottom_panel(_panel, "HTTP")
	add_tool_menu_item(MENU_ITEM, move_scripts)
	_add_network()
	_export = (load(_beside("export/stand_ins.gd")) as GDScript).new()
	add_export_plugin(_export)


func _exit_tree() -> void:
	remove_export_plugin(_export)
	remove_tool_menu_item(MENU_ITEM)
	if _network != null:
		_network.call("leave")
		remove_debugger_plugin(_network)
		_network = null
	remove_control_from_bottom_panel(_panel)
	_panel.queue_free()
	if _dialog != null:
		_dialog.queue_free()


## Opens the dialog that moves scripts.
func move_scripts() -> void:
	if _dialog == null:
		_dialog = (load(_beside("editor/migration_dialog.gd")) as GDScript).new()
		_dialog.set("undo_redo", get_undo_redo())
		EditorInterface.get_base_control().add_child(_dialog)
	_dialog.call("open")


func _add_network() -> void:
	if not ClassDB.class_exists(CLASS):
		return
	_network = (load(_beside("network/debugger_plugin.gd")) as GDScript).new()
	_network.connect(&"sent_again", _send_again)
	add_debugger_plugin(_network)


## Sends a request of a game again, in the console.
func _send_again(request: Dictionary) -> void:
	var console := _panel.find_child("HTTPConsole", true, false)
	if console != null:
		make_bottom_panel_item_visible(_panel)
		console.call("fill_in", request)
		console.call("send")


## Loads the panel's scripts at run time: they name the class, and would not parse if the library is missing.
func _make_panel() -> Control:
	if not ClassDB.class_exists(CLASS):
		var label := Label.new()
		label.text = "The library of HTTPClientRust is not loaded. Restart the editor. If that does not help, the add-on has no library for this system."
		label.autowrap_mode = TextServer.AUTOWRAP_WORD_SMART
		return label
	var frame: ScrollContainer = (load(_beside("console/frame.gd")) as GDScript).new()
	frame.set("display_scale", EditorInterface.get_editor_scale())
	var console := (load(_beside("console/console.tscn")) as PackedScene).instantiate()
	console.name = "HTTPConsole"
	# The history is stored for each project, outside of version control.
	console.set("history_file", EditorInterface.get_editor_paths().get_project_settings_dir().path_join("http_console.json"))
	# The saved requests are part of the project.
	console.set("requests_file", "res://requests.http")
	frame.add_child(console)
	return frame


func _beside(file: String) -> String:
	return (get_script() as Script).resource_path.get_base_dir().path_join(file)
