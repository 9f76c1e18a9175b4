extends Node

var _session := HTTPSessionRust.new()


func _ready() -> void:
	_session.base_url = "http://127.0.0.1:8080"
	if await log_in("Ada", "open sesame"):
		var response: HTTPResponseRust = await _session.fetch("/scores").completed
		print(response.get_text() if response.is_ok() else response.get_error_message())


func log_in(user: String, password: String) -> bool:
	var task := _session.fetch("/login", [], HTTPClient.METHOD_POST, {"user": user, "password": password})
	var response: HTTPResponseRust = await task.completed
	var answer: Variant = response.get_json()
	if not response.is_ok() or not answer is Dictionary or not answer.get("token") is String:
		print("Not logged in: " + response.get_error_message())
		return false
	# From now on, every request to this server contains the token. Other servers do not receive it.
	_session.set_bearer_auth(answer["token"])
	return true
