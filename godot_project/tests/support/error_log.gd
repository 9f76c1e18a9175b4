extends Logger
## Collects the logged errors. Scripts can read the log only from Godot 4.5 on, so load this file by its path.

var messages := PackedStringArray()
var _mutex := Mutex.new()


func _log_error(
		_function: String, _file: String, _line: int, code: String, rationale: String, _editor_notify: bool,
		error_type: int, _script_backtraces: Array[ScriptBacktrace]) -> void:
	if error_type == ERROR_TYPE_WARNING:
		return
	_mutex.lock()
	messages.append(rationale if not rationale.is_empty() else code)
	_mutex.unlock()
