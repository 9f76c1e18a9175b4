extends SceneTree
## The first steps with HTTPClientRust, in the order of the HTTPClient tutorial in Godot's documentation.
##
##     godot --headless --path godot_project --script res://examples/tutorial.gd -- --http=HOST:PORT

var _host := "127.0.0.1"
var _port := 8080


func _initialize() -> void:
	for argument: String in OS.get_cmdline_user_args():
		if argument.begins_with("--http="):
			_host = argument.trim_prefix("--http=").get_slice(":", 0)
			_port = argument.get_slice(":", 1).to_int()
	quit(await _talk())


## Returns the exit code. It is 0 if everything succeeded.
func _talk() -> int:
	# 1. One client can make any number of requests to any number of hosts, one after the other.
	var http := HTTPClientRust.new()

	# 2. Connecting takes some time, so connect_to_host() only starts it.
	if http.connect_to_host(_host, _port) != OK:
		printerr("This host or port cannot be used: ", http.get_error_message())
		return 1

	# 3. poll() advances the connection, and the status shows the progress. A game calls poll() every frame.
	while http.get_status() in [HTTPClientRust.STATUS_RESOLVING, HTTPClientRust.STATUS_CONNECTING]:
		http.poll()
		print("Connecting…")
		await process_frame
	if http.get_status() != HTTPClientRust.STATUS_CONNECTED:
		printerr("Not connected: ", http.get_error_message())
		return 1

	# 4. Send a request. The host is already known, so pass only the path.
	var headers: PackedStringArray = ["User-Agent: HTTPClientRust-Tutorial/1.0", "Accept: text/plain"]
	if http.request(HTTPClientRust.METHOD_GET, "/stream?lines=3&delay_ms=50", headers) != OK:
		printerr("This request cannot be sent: ", http.get_error_message())
		return 1

	# 5. Wait for the headers of the response.
	while http.get_status() == HTTPClientRust.STATUS_REQUESTING:
		http.poll()
		print("Requesting…")
		await process_frame
	if not http.has_response():
		printerr("No response: ", http.get_error_message())
		return 1

	# 6. Check the status code (200 means success) and the headers.
	var code := http.get_response_code()
	print("Response code: ", code)
	print("Headers: ", http.get_response_headers_as_dictionary())
	if http.is_response_chunked():
		print("The response is chunked, so its length is not known yet.")
	else:
		print("The response body has %d bytes." % http.get_response_body_length())

	# 7. Read the body until it ends. An empty chunk means that nothing new has arrived yet.
	var body := PackedByteArray()
	while http.get_status() == HTTPClientRust.STATUS_BODY:
		http.poll()
		var chunk := http.read_response_body_chunk()
		if chunk.is_empty():
			await process_frame
		else:
			body.append_array(chunk)

	# 8. After a complete body, the client is connected and ready for the next request. If the server closed the connection to
	# mark the end of the body, the client is disconnected. Every other status is an error.
	if http.get_status() not in [HTTPClientRust.STATUS_CONNECTED, HTTPClientRust.STATUS_DISCONNECTED]:
		printerr("The response is incomplete: ", http.get_error_message())
		return 1
	print("Bytes received: ", body.size())
	print(body.get_string_from_utf8())
	if code != 200:
		printerr("The server responded with code %d, which is not a success." % code)
		return 1
	return 0
