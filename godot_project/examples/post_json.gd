extends SceneTree
## Sends JSON and receives JSON, like most web services do.
##
##     godot --headless --path godot_project --script res://examples/post_json.gd -- --http=HOST:PORT

const HEADERS: PackedStringArray = ["Content-Type: application/json", "Accept: application/json"]

var _http := HTTPClientRust.new()


func _initialize() -> void:
	var address := "127.0.0.1:8080"
	for argument: String in OS.get_cmdline_user_args():
		if argument.begins_with("--http="):
			address = argument.trim_prefix("--http=")
	var problem := await _run(address.get_slice(":", 0), address.get_slice(":", 1).to_int())
	if not problem.is_empty():
		printerr(problem)
	quit(0 if problem.is_empty() else 1)


## Returns an error message, or an empty string on success.
func _run(host: String, port: int) -> String:
	var problem := await _connect(host, port)
	if not problem.is_empty():
		return problem
	var score := {"player": "Zoë", "points": 1200}
	_http.request(HTTPClientRust.METHOD_POST, "/echo", HEADERS, JSON.stringify(score))
	problem = await _wait_for_response()
	if not problem.is_empty():
		return problem
	var answer := (await _read_body()).get_string_from_utf8()
	if _http.get_status() == HTTPClientRust.STATUS_CONNECTION_ERROR:
		return "The response is incomplete: " + _http.get_error_message()
	# JSON from a server can have any content: check it before you use it.
	var seen: Variant = JSON.parse_string(answer)
	if not seen is Dictionary:
		return "Expected JSON, got: " + answer
	var received: Variant = JSON.parse_string(str(seen["body_text"]))
	if not received is Dictionary:
		return "The server did not receive JSON, but: %s" % seen["body_text"]
	print("%s has %d points." % [received["player"], received["points"]])
	return "" if received["player"] == score["player"] else "The server received something other than what was sent."


func _connect(host: String, port: int) -> String:
	if _http.connect_to_host(host, port) != OK:
		return "Cannot connect: " + _http.get_error_message()
	while _http.get_status() in [HTTPClientRust.STATUS_RESOLVING, HTTPClientRust.STATUS_CONNECTING]:
		_http.poll()
		await process_frame
	if _http.get_status() != HTTPClientRust.STATUS_CONNECTED:
		return "Cannot connect: " + _http.get_error_message()
	return ""


## Waits for the headers of the response. Returns an error message, or an empty string on success.
func _wait_for_response() -> String:
	while _http.get_status() == HTTPClientRust.STATUS_REQUESTING:
		_http.poll()
		await process_frame
	return "" if _http.has_response() else "No response: " + _http.get_error_message()


## Reads the body until it ends.
func _read_body() -> PackedByteArray:
	var body := PackedByteArray()
	while _http.get_status() == HTTPClientRust.STATUS_BODY:
		_http.poll()
		var chunk := _http.read_response_body_chunk()
		body.append_array(chunk)
		if chunk.is_empty():
			await process_frame
	return body
