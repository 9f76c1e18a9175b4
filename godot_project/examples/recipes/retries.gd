extends Node


func _ready() -> void:
	var session := HTTPSessionRust.new()
	session.max_retries = 4
	# The time limit for the whole request in seconds, including the pauses between attempts.
	session.timeout = 60.0
	var task := session.fetch("http://127.0.0.1:8080/news")
	task.retrying.connect(_on_retrying)
	var response: HTTPResponseRust = await task.completed
	print("%d attempts: %s" % [
		response.get_attempts(), response.get_text() if response.is_ok() else response.get_error_message()])


func _on_retrying(attempt: int, seconds: float, reason: String) -> void:
	print("Attempt %d begins in %.1f s: %s" % [attempt, seconds, reason])
