extends Node

const URL := "http://127.0.0.1:8080/"

var _session := HTTPSessionRust.new()


func _ready() -> void:
	# The session saves cookies that have an expiry date in this file.
	_session.cookie_file = "user://cookies.txt"
	await _session.fetch(URL + "login").completed
	for cookie: Dictionary in _session.get_cookies(URL):
		print("%s = %s" % [cookie["name"], cookie["value"]])
	# The session adds them to each request that they apply to.
	var response: HTTPResponseRust = await _session.fetch(URL + "profile").completed
	print(response.get_text() if response.is_ok() else response.get_error_message())


func log_out() -> void:
	_session.clear_cookies()
