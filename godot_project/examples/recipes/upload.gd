extends Node


func _ready() -> void:
	var form := HTTPFormRust.new()
	form.add_field("player", "Ada")
	# The file is read while it is sent, so it is never in memory as a whole.
	form.add_file("save", "user://save.dat")
	var task := HTTPSessionRust.shared().fetch("http://127.0.0.1:8080/saves", [], HTTPClient.METHOD_POST, form)
	task.upload_progressed.connect(_show_progress)
	var response: HTTPResponseRust = await task.completed
	print("Uploaded." if response.is_ok() else response.get_error_message())


func _show_progress(bytes: int, total: int) -> void:
	print("%d %%" % (100.0 * bytes / total if total > 0 else 0.0))
