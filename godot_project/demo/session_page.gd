extends ScrollContainer
## The features of a session: many requests at once, downloads that can be resumed, uploads and events.

const FeatureRow := preload("res://demo/feature_row.gd")
const MEBIBYTE := 1024 * 1024
const PICTURES := 12
const DOWNLOAD_BYTES := 32 * MEBIBYTE
## The server closes the connection after this many bytes.
const CUT_BYTES := 12 * MEBIBYTE
const UPLOAD_BYTES := 16 * MEBIBYTE
const EVENTS := 10
const DOWNLOAD_PATH := "user://sample_download.bin"
const UPLOAD_PATH := "user://sample_upload.bin"

## The URL of the embedded server. Set it before a button is pressed.
var server := "http://127.0.0.1:8080"
var images: FeatureRow
var download: FeatureRow
var upload: FeatureRow
var events: FeatureRow

var _session := HTTPSessionRust.new()
## The running tasks of each row.
var _tasks := {}


func _ready() -> void:
	var rows: VBoxContainer = $Rows
	images = _add_row(rows, FeatureRow.new("Images", "%d requests at once, over at most six connections." % PICTURES), load_images)
	download = _add_row(
		rows, FeatureRow.new("Download", "continues where it stopped, after an interruption or a pause.", "Start", "Pause"), start_download)
	upload = _add_row(rows, FeatureRow.new("Upload", "a form with a field and a file. The file is read while it is sent."), start_upload)
	events = _add_row(
		rows, FeatureRow.new("Events", "%d server-sent events. The server closes the connection after each one, and the session reconnects." % EVENTS), start_events)
	_session.max_retries = 5


func load_images() -> void:
	for old: Node in images.content.get_children():
		old.queue_free()
	images.run("Loading…")
	var tasks: Array[HTTPTaskRust] = []
	for index: int in PICTURES:
		tasks.append(_session.fetch("%s/image.png?number=%d" % [server, index]).bind_node(self))
	_tasks[images] = tasks
	var done := 0
	for task: HTTPTaskRust in tasks:
		var response: HTTPResponseRust = await task.wait()
		if not response.is_ok():
			images.finish(response.get_error_message())
			return
		done += 1
		images.show_progress(done, PICTURES)
		_show_picture(response.get_body())
	images.finish("%d images loaded" % done)


func start_download() -> void:
	download.run("Downloading…")
	var task := _session.download("%s/file/%d?cut=%d" % [server, DOWNLOAD_BYTES, CUT_BYTES], DOWNLOAD_PATH).bind_node(self)
	_tasks[download] = [task]
	task.progressed.connect(func(bytes: int, total: int) -> void:
		download.show_progress(bytes, total)
		download.say("%s of %s" % [String.humanize_size(bytes), String.humanize_size(total)]))
	task.retrying.connect(func(_attempt: int, seconds: float, _reason: String) -> void:
		download.say("The connection was lost after %s. Continuing in %.1f s…" % [
			String.humanize_size(task.get_downloaded_bytes()), seconds]))
	var response: HTTPResponseRust = await task.completed
	if response.is_ok():
		download.finish("Saved to %s after %d attempts" % [DOWNLOAD_PATH, response.get_attempts()])
	elif response.get_result() == HTTPResponseRust.RESULT_CANCELLED:
		download.finish("Paused at %d %%" % floori(100.0 * download.bar.value))
	else:
		download.finish(response.get_error_message())


func start_upload() -> void:
	var bytes := PackedByteArray()
	bytes.resize(UPLOAD_BYTES)
	var file := FileAccess.open(UPLOAD_PATH, FileAccess.WRITE)
	if file == null:
		upload.finish("Cannot write %s: %s" % [UPLOAD_PATH, error_string(FileAccess.get_open_error())])
		return
	file.store_buffer(bytes)
	file.close()
	upload.run("Uploading…")
	var form := HTTPFormRust.new()
	form.add_field("player", "Ada")
	form.add_file("save", UPLOAD_PATH)
	var task := _session.fetch(server + "/upload", [], HTTPClient.METHOD_POST, form).bind_node(self)
	_tasks[upload] = [task]
	task.upload_progressed.connect(func(sent: int, total: int) -> void:
		upload.show_progress(sent, total)
		upload.say("%s of %s" % [String.humanize_size(sent), String.humanize_size(total)]))
	var response: HTTPResponseRust = await task.completed
	var receipt: Variant = response.get_json() if response.is_ok() else null
	if receipt is Dictionary:
		upload.finish("The server received %d of %d bytes." % [receipt["bytes"], form.get_length()])
	else:
		upload.finish(response.get_error_message())


func start_events() -> void:
	events.run("Waiting…")
	var task := _session.listen(server + "/events?count=1&retry=200").bind_node(self)
	_tasks[events] = [task]
	task.event_received.connect(func(_type: String, data: String, id: String) -> void:
		events.show_progress(id.to_int(), EVENTS)
		events.say("Latest: " + data)
		if id.to_int() >= EVENTS:
			task.cancel())
	var response: HTTPResponseRust = await task.completed
	if response.get_result() == HTTPResponseRust.RESULT_CANCELLED:
		events.finish("%d events received" % roundi(EVENTS * events.bar.value))
	else:
		events.finish(response.get_error_message())


func _add_row(rows: Control, row: FeatureRow, start: Callable) -> FeatureRow:
	row.started.connect(start)
	row.stopped.connect(_stop.bind(row))
	rows.add_child(row)
	return row


func _stop(row: FeatureRow) -> void:
	for task: HTTPTaskRust in _tasks.get(row, []):
		task.cancel()


func _show_picture(bytes: PackedByteArray) -> void:
	var image := Image.new()
	if image.load_png_from_buffer(bytes) != OK:
		return
	var picture := TextureRect.new()
	picture.texture = ImageTexture.create_from_image(image)
	images.content.add_child(picture)
