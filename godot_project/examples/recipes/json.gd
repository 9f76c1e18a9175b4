extends Node


func _ready() -> void:
	var score := {"player": "Ada", "score": 1200}
	var task := HTTPSessionRust.shared().fetch("http://127.0.0.1:8080/scores", [], HTTPClient.METHOD_POST, score)
	var response: HTTPResponseRust = await task.completed
	if not response.is_ok():
		print(response.get_error_message())
		return
	var answer: Variant = response.get_json()
	if answer is Dictionary:
		print("Rank: %d" % answer.get("rank", 0))
	else:
		print("This is not JSON: " + response.get_text())
