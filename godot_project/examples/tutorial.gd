extends SceneTree
## The first steps with HTTPClientRust, one after the other, as the HTTPClient tutorial takes them.
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


## Returns the exit code: 0 if all went well.
func _talk() -> int:
	# 1. One client is enough for any number of requests, and for any number of hosts.
	var http := HTTPClientRust.new()

	# 2. Connecting takes a while, so connect_to_host() only starts it.
	if http.connect_to_host(_host, _port) != OK:
		printerr("This host or port cannot be used: ", http.get_error_message())
		return 1

	# 3. poll() moves things on; the status tells how far they are. A game calls poll() once in each frame.
	while http.get_status() in [HTTPClientRust.STATUS_RESOLVING, HTTPClientRust.STATUS_CONNECTING]:
		http.poll()
		print("Connecting…")
		await process_frame
	if http.get_status() != HTTPClientRust.STATUS_CONNECTED:
		printerr("Not connected: ", http.get_error_message())
		return 1

	# 4. Ask for something. The host is known already, so only the path is given.
	var headers: PackedStringArray = ["User-Agent: HTTPClientRust-Tutorial/1.0", "Accept: text/plain"]
	if http.request(HTTPClientRust.METHOD_GET, "/stream?lines=3&delay_ms=50", headers) != OK:
		printerr("Not a request that can be sent: ", http.get_error_message())
		return 1

	# 5. Wait until the head of the answer is there.
	while http.get_status() == HTTPClientRust.STATUS_REQUESTING:
		http.poll()
		print("Requesting…")
		await process_frame
	if not http.has_response():
		printerr("No answer: ", http.get_error_message())
		return 1

	# 6. Look at the head: a code (200 is success) and headers.
	var code := http.get_response_code()
	print("Response code: ", code)
	print("Headers: ", http.get_response_headers_as_dictionary())
	if http.is_response_chunked():
		print("The answer comes in chunks; nobody knows yet how long it is.")
	else:
		print("The answer has %d bytes." % http.get_response_body_length())

	# 7. Read the body as long as there is one. An empty chunk means: nothing new yet.
	var body := PackedByteArray()
	while http.get_status() == HTTPClientRust.STATUS_BODY:
		http.poll()
		var chunk := http.read_response_body_chunk()
		if chunk.is_empty():
			await process_frame
		else:
			body.append_array(chunk)

	# 8. A body that came in whole leaves the client connected, ready for the next request, or disconnected, where the
	# server ends its answers by hanging up. Everything else is an error.
	if http.get_status() not in [HTTPClientRust.STATUS_CONNECTED, HTTPClientRust.STATUS_DISCONNECTED]:
		printerr("The answer broke off: ", http.get_error_message())
		return 1
	print("Bytes received: ", body.size())
	print(body.get_string_from_utf8())
	if code != 200:
		printerr("The server answered %d, which is not success." % code)
		return 1
	return 0
