extends SceneTree
## Requests a text, and prints the code, the headers and the body of the response.
##
##     godot --headless --path godot_project --script res://examples/get.gd -- --http=HOST:PORT

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
	_http.request(HTTPClientRust.METHOD_GET, "/hello", ["Accept: text/plain"])
	problem = await _wait_for_response()
	if not problem.is_empty():
		return problem
	print("Code: ", _http.get_response_code())
	for header: String in _http.get_response_headers():
		print(header)
	var body := await _read_body()
	if _http.get_status() == HTTPClientRust.STATUS_CONNECTION_ERROR:
		return "The response is incomplete: " + _http.get_error_message()
	print()
	print(body.get_string_from_utf8())
	return "" if _http.get_response_code() == 200 else "Expected code 200."


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
