extends Node

const URL := "http://127.0.0.1:8080/v1/chat/completions"
const TOKEN := "…"

var _answer := ""


func _ready() -> void:
	var question := {
		"model": "small", "stream": true, "messages": [{"role": "user", "content": "Where is the key?"}]}
	var task := HTTPSessionRust.shared().listen(
		URL, ["Authorization: Bearer " + TOKEN], HTTPClient.METHOD_POST, question)
	task.event_received.connect(_on_event)
	var response: HTTPResponseRust = await task.completed
	print(_answer if response.is_ok() else response.get_error_message())


func _on_event(_type: String, data: String, _id: String) -> void:
	if data == "[DONE]":
		return
	var event: Variant = JSON.parse_string(data)
	if not event is Dictionary:
		return
	for choice: Dictionary in event.get("choices", []):
		var delta: Dictionary = choice.get("delta", {})
		_answer += str(delta.get("content", ""))
