@tool
extends EditorDebuggerPlugin
## Adds a *Network* tab to the editor's debugger for every running game.
##
## The game sends "http_client_rust:exchanges". The editor answers with "http_client_rust:taken" when it has processed a message,
## and turns the recording on or off with "http_client_rust:listen". The game sends nothing before it is turned on, and waits
## while an answer is missing.

const PANEL_FILE := "panel.gd"
const TAB := "Network"
const CAPTURE := "http_client_rust"

## Emitted when the user sends a request again. The console sends it.
signal sent_again(request: Dictionary)

var _panels := {}


func _has_capture(capture: String) -> bool:
	return capture == CAPTURE


func _capture(message: String, data: Array, session_id: int) -> bool:
	var panel: Control = _panels.get(session_id)
	if panel == null or message != CAPTURE + ":exchanges" or not panel.call("take", data):
		return false
	get_session(session_id).send_message(CAPTURE + ":taken", [data[0]])
	return true


func _setup_session(session_id: int) -> void:
	var session := get_session(session_id)
	# The panel's script names the class, and would not parse if the library is missing.
	var panel: Control = (load(_beside(PANEL_FILE)) as GDScript).new()
	panel.name = TAB
	panel.connect(&"recording_changed", _listen.bind(session_id))
	panel.connect(&"sent_again", func(request: Dictionary) -> void: sent_again.emit(request))
	_panels[session_id] = panel
	session.add_session_tab(panel)
	session.started.connect(_on_started.bind(session_id))
	session.stopped.connect(_on_stopped.bind(session_id))
	# The plugin may be enabled while a game runs.
	if session.is_active():
		_listen(bool(panel.call("is_recording")), session_id)


## The panel of a game; null if there is none.
func panel_of(session_id: int) -> Control:
	return _panels.get(session_id)


## Removes the tabs.
func leave() -> void:
	for session_id: int in _panels:
		var panel: Control = _panels[session_id]
		var session := get_session(session_id)
		if session != null:
			if session.is_active():
				_listen(false, session_id)
			session.remove_session_tab(panel)
		panel.queue_free()
	_panels.clear()


func _on_started(session_id: int) -> void:
	var panel: Control = _panels.get(session_id)
	if panel != null:
		panel.call("begin_run")
		_listen(bool(panel.call("is_recording")), session_id)


func _on_stopped(session_id: int) -> void:
	var panel: Control = _panels.get(session_id)
	if panel != null:
		panel.call("end_run")


func _listen(is_recording: bool, session_id: int) -> void:
	var session := get_session(session_id)
	if session != null and session.is_active():
		session.send_message(CAPTURE + ":listen", [is_recording])


func _beside(file: String) -> String:
	return (get_script() as Script).resource_path.get_base_dir().path_join(file)
