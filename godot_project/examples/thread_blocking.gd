extends SceneTree
## Makes a request in blocking mode on a separate thread. The code does not wait for frames, and the game continues.
##
##     godot --headless --path godot_project --script res://examples/thread_blocking.gd -- --http=HOST:PORT


func _initialize() -> void:
	var address := "127.0.0.1:8080"
	for argument: String in OS.get_cmdline_user_args():
		if argument.begins_with("--http="):
			address = argument.trim_prefix("--http=")
	var thread := Thread.new()
	thread.start(_fetch.bind(address.get_slice(":", 0), address.get_slice(":", 1).to_int()))
	# The game continues in the meantime.
	var frames := 0
	while thread.is_alive():
		frames += 1
		await process_frame
	var result: Dictionary = thread.wait_to_finish()
	print("%d frames passed in the meantime." % frames)
	if result["problem"] != "":
		printerr(result["problem"])
	else:
		print(result["text"])
	quit(0 if result["problem"] == "" else 1)


## Runs on the thread. Returns {"text": …, "problem": an error message, or an empty string on success}.
func _fetch(host: String, port: int) -> Dictionary:
	var http := HTTPClientRust.new()
	# From now on, poll() and the read methods wait until there is progress. Without read_timeout, they would wait forever
	# if the server sends nothing.
	http.blocking_mode_enabled = true
	http.read_timeout = 30.0

	http.connect_to_host(host, port)
	while http.get_status() in [HTTPClientRust.STATUS_RESOLVING, HTTPClientRust.STATUS_CONNECTING]:
		http.poll()
	if http.get_status() != HTTPClientRust.STATUS_CONNECTED:
		return {"text": "", "problem": "Cannot connect: " + http.get_error_message()}

	http.request(HTTPClientRust.METHOD_GET, "/slow?ms=300", [])
	while http.get_status() == HTTPClientRust.STATUS_REQUESTING:
		http.poll()
	if http.get_response_code() != 200:
		return {"text": "", "problem": "No response with code 200: " + http.get_error_message()}

	var body := PackedByteArray()
	while http.get_status() == HTTPClientRust.STATUS_BODY:
		body.append_array(http.read_response_body_chunk())
	if http.get_status() == HTTPClientRust.STATUS_CONNECTION_ERROR:
		return {"text": "", "problem": "The response is incomplete: " + http.get_error_message()}
	return {"text": body.get_string_from_utf8(), "problem": ""}
