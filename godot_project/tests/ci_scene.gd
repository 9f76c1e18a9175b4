extends Node
## A scene like one of a game's own tests: it makes a request without blocking the game's frames.
##
## Started on its own, it quits with exit code 0 or 1:
##     godot --headless --path godot_project res://tests/ci_scene.tscn -- --http=HOST:PORT

signal finished(code: int, text: String)

@export var target := "/hello"
@export var deadline_seconds := 20.0

var address := ""

var _client := HTTPClientRust.new()
var _body := PackedByteArray()
var _seconds := 0.0


func _ready() -> void:
	for argument: String in OS.get_cmdline_user_args():
		if argument.begins_with("--http="):
			address = argument.trim_prefix("--http=")
	finished.connect(_on_finished)
	var error := _client.connect_to_host(address.get_slice(":", 0), address.get_slice(":", 1).to_int())
	if error != OK:
		_finish(0, _client.get_error_message())


func _process(delta: float) -> void:
	_seconds += delta
	if _seconds > deadline_seconds:
		_finish(0, "no answer after %s seconds" % deadline_seconds)
		return
	_client.poll()
	match _client.get_status():
		HTTPClientRust.STATUS_RESOLVING, HTTPClientRust.STATUS_CONNECTING, HTTPClientRust.STATUS_REQUESTING:
			pass
		HTTPClientRust.STATUS_CONNECTED:
			if _client.get_response_code() == 0:
				_client.request(HTTPClientRust.METHOD_GET, target, [])
			else:
				_finish(_client.get_response_code(), _body.get_string_from_utf8())
		HTTPClientRust.STATUS_BODY:
			_body.append_array(_client.read_response_body_chunk())
		_:
			_finish(0, _client.get_error_message())


func _finish(code: int, text: String) -> void:
	set_process(false)
	finished.emit(code, text)


func _on_finished(code: int, text: String) -> void:
	if get_tree().current_scene == self:
		print("%d %s" % [code, text.strip_edges()])
		get_tree().quit(0 if code == 200 else 1)
