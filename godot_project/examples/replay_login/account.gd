extends RefCounted
## A part of a game: the player's account on a server. The login uses JSON, a redirect and a cookie.

var session := HTTPSessionRust.new()
var player := ""
var level := 0


## Returns an error message, or an empty string on success.
func log_in(user: String, password: String) -> String:
	var credentials := {"user": user, "password": password}
	var response: HTTPResponseRust = await session.fetch("login", [], HTTPClient.METHOD_POST, credentials).completed
	if response.get_response_code() == 401:
		return "The name or the password is wrong."
	# The server redirects to the account and sets a cookie for this session.
	return _read(response)


## Returns an error message, or an empty string on success.
func refresh() -> String:
	var response: HTTPResponseRust = await session.fetch("me").completed
	if response.get_response_code() == 401:
		return "Log in first."
	return _read(response)


## Returns an error message, or an empty string on success.
func log_out() -> String:
	var response: HTTPResponseRust = await session.fetch("logout", [], HTTPClient.METHOD_POST).completed
	player = ""
	level = 0
	return "" if response.is_ok() else response.get_error_message()


func _read(response: HTTPResponseRust) -> String:
	if not response.is_ok():
		return response.get_error_message()
	# JSON from a server can have any content: check it before you use it.
	var account: Variant = response.get_json()
	if not account is Dictionary:
		return "The server's answer is not an account."
	player = str(account.get("player", ""))
	level = int(str(account.get("level", 0)))
	return ""
