extends SceneTree
## Downloads a file to user:// in pieces, and shows a progress bar. The file is never in memory as a whole.
##
##     godot --headless --path godot_project --script res://examples/download_with_progress.gd -- --http=HOST:PORT

const SIZE := 16 * 1024 * 1024
const SOURCE := "/bytes/%d" % SIZE
const DESTINATION := "user://download.bin"
const BAR_WIDTH := 30

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
	# With larger pieces, fewer calls are needed. The default is 64 KiB.
	_http.read_chunk_size = 256 * 1024
	_http.request(HTTPClientRust.METHOD_GET, SOURCE, [])
	problem = await _wait_for_response()
	if not problem.is_empty():
		return problem
	if _http.get_response_code() != 200:
		return "The server responded with code %d." % _http.get_response_code()
	var file := FileAccess.open(DESTINATION, FileAccess.WRITE)
	if file == null:
		return "Cannot write %s: %s" % [DESTINATION, error_string(FileAccess.get_open_error())]
	await _receive_into(file)
	var received := file.get_position()
	file.close()
	if _http.get_status() == HTTPClientRust.STATUS_CONNECTION_ERROR:
		return "The download is incomplete: " + _http.get_error_message()
	print("Saved %d bytes as %s" % [received, ProjectSettings.globalize_path(DESTINATION)])
	return "" if received == SIZE else "Expected %d bytes." % SIZE


func _receive_into(file: FileAccess) -> void:
	# -1 if the server does not send the length of the body.
	var total := _http.get_response_body_length()
	var shown := -1
	while _http.get_status() == HTTPClientRust.STATUS_BODY:
		_http.poll()
		var chunk := _http.read_response_body_chunk()
		if chunk.is_empty():
			await process_frame
			continue
		file.store_buffer(chunk)
		var tenth := int(10.0 * file.get_position() / total) if total > 0 else -1
		if tenth != shown:
			shown = tenth
			print(_bar(file.get_position(), total))


## For example: [#########---------------------]  30 %
func _bar(received: int, total: int) -> String:
	var filled := int(float(BAR_WIDTH) * received / total)
	return "[%s%s] %3d %%" % ["#".repeat(filled), "-".repeat(BAR_WIDTH - filled), int(100.0 * received / total)]


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
