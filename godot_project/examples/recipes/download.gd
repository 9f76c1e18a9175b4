extends Node

const PATH := "user://level.pck"

var _bar := ProgressBar.new()


func _ready() -> void:
	_bar.max_value = 1.0
	_bar.step = 0.0
	add_child(_bar)
	var task := HTTPSessionRust.shared().download("http://127.0.0.1:8080/level.pck", PATH)
	task.progressed.connect(_show_progress)
	# Cancels the download when this node leaves the tree.
	task.bind_node(self)
	var response: HTTPResponseRust = await task.completed
	print("Saved to %s" % PATH if response.is_ok() else response.get_error_message())


func _show_progress(bytes: int, total: int) -> void:
	# The total is -1 if the server does not send it.
	_bar.indeterminate = total < 0
	_bar.value = float(bytes) / total if total > 0 else 0.0
