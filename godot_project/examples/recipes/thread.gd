extends Node

var _thread := Thread.new()


func _ready() -> void:
	_thread.start(_work)


func _work() -> void:
	# wait_to_finish() blocks only this thread, until the response has arrived.
	var response := HTTPSessionRust.shared().fetch("http://127.0.0.1:8080/level.json").wait_to_finish()
	var level: Variant = response.get_json() if response.is_ok() else null
	_show.call_deferred(level, response.get_error_message())


func _show(level: Variant, problem: String) -> void:
	print("The level was loaded." if level is Dictionary else problem)


func _exit_tree() -> void:
	if _thread.is_started():
		_thread.wait_to_finish()
