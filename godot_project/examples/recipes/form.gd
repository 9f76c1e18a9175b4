extends Node


func _ready() -> void:
	var form := HTTPFormRust.new()
	form.add_field("name", "Ada")
	form.add_field("message", "The door in level 3 stays shut.")
	form.add_bytes("log", "line 1\nline 2\n".to_utf8_buffer(), "game.log", "text/plain")
	var task := HTTPSessionRust.shared().fetch("http://127.0.0.1:8080/feedback", [], HTTPClient.METHOD_POST, form)
	var response: HTTPResponseRust = await task.completed
	print("Thank you!" if response.is_ok() else response.get_error_message())
