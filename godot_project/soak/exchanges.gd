extends RefCounted
## The exchanges of the soak run for sessions and nodes, with their expected results.

const SUCCESS := HTTPResponseRust.RESULT_SUCCESS
const CANCELLED := HTTPResponseRust.RESULT_CANCELLED
const BLOCK := 1 << 20
## Lengths of uploads. Their checksums are requested from the server at the start.
const UPLOADS: Array[int] = [0, 1, 1000, 65_536, 300_000]
## Lengths of compressed texts. The server compresses each of them once.
const TEXTS: Array[int] = [1, 5000, 200_000]
## Kinds of exchanges. A kind is chosen as often as it is listed here.
const KINDS: Array[StringName] = [
	&"fetch", &"fetch", &"fetch", &"fetch_cancelled", &"packed", &"stream", &"stream", &"download", &"download_resumed",
	&"upload", &"form", &"listen", &"redirect", &"retry", &"fault", &"silence", &"endless", &"node", &"node", &"node_download",
	&"node_freed", &"session_dropped", &"thread"]
const NAMES := {
	fetch = "bodies in memory", fetch_cancelled = "bodies, cancelled in the middle", packed = "packed bodies", stream = "streams",
	download = "downloads", download_resumed = "downloads that break off and go on", upload = "uploads", form = "forms",
	listen = "event streams", redirect = "redirects", retry = "retries", fault = "broken replies", silence = "replies that stop",
	endless = "endless replies, cancelled", node = "node requests", node_download = "node downloads",
	node_freed = "nodes freed in the middle", session_dropped = "sessions that nobody holds", thread = "requests from threads"}

## Number of tasks that were started and completed.
var started := 0
var completed := 0
var _tree: SceneTree
var _arguments: Dictionary
var _block := PackedByteArray()
var _checksums := {}
var _texts := {}
## The common session, and one with a short timeout.
var _session: HTTPSessionRust
var _impatient: HTTPSessionRust


## The state of one exchange of a player.
class Player extends RefCounted:
	var index: int
	var random: RandomNumberGenerator
	var kind: StringName
	var verdict := "mismatch"
	var bytes := 0
	var what := ""

	func _init(number: int, numbers: RandomNumberGenerator) -> void:
		index = number
		random = numbers

	func one_in(count: int) -> bool:
		return random.randi() % count == 0

	func length() -> int:
		match random.randi() % 10:
			0:
				return random.randi() % 3
			1, 2:
				return random.randi() % 600_000
		return random.randi() % 40_000

	func complete(count: int) -> void:
		verdict = "complete"
		bytes = count


func _init(tree: SceneTree, arguments: Dictionary) -> void:
	_tree = tree
	_arguments = arguments


## Loads the data that bodies are compared with. Returns the problem, or an empty string.
func prepare() -> String:
	_session = _new_session()
	DirAccess.make_dir_recursive_absolute(_folder())
	var file := FileAccess.open(_folder().path_join("upload.bin"), FileAccess.WRITE)
	for target: String in ["/bytes/%d" % BLOCK] + UPLOADS.map(func(length: int) -> String: return "/crc/%d" % length):
		var response: HTTPResponseRust = await _session.fetch(_url(target)).completed
		if not response.is_ok():
			return response.get_error_message()
		if target.begins_with("/crc/"):
			_checksums[target.get_file().to_int()] = response.get_json()["crc32"]
		else:
			_block = response.get_body()
	file.store_buffer(_block.slice(0, 150_000))
	file.close()
	for length: int in TEXTS:
		var response: HTTPResponseRust = await _session.fetch(_url("/gzip/%d" % length)).completed
		_texts[length] = response.get_body()
		if (_texts[length] as PackedByteArray).size() != length:
			return "a packed text of %d bytes came with %d" % [length, (_texts[length] as PackedByteArray).size()]
	# The run starts without connections, as it will end.
	close()
	await _tree.create_timer(0.3).timeout
	_session = _new_session()
	_impatient = _new_session()
	_impatient.max_retries = 0
	_impatient.timeout = 0.4
	return ""


## Drops the sessions, and with them their connections.
func close() -> void:
	_session = null
	_impatient = null
	for file: String in DirAccess.get_files_at(_folder()):
		if file != "upload.bin":
			DirAccess.remove_absolute(_folder().path_join(file))


## Chooses the next kind of exchange, and returns its name.
func pick(player: Player) -> String:
	player.kind = KINDS[player.random.randi() % KINDS.size()]
	return NAMES[player.kind]


func play(player: Player) -> void:
	await Callable(self, "_" + player.kind).call(player)


func _fetch(player: Player) -> void:
	var length := player.length()
	player.what = _body_target(player, length)
	var response := await _response_of(_session.fetch(_url_for(player)))
	_judge_block(player, response, response.get_body(), length)


func _fetch_cancelled(player: Player) -> void:
	var length := player.length()
	player.what = _body_target(player, length)
	var task := _session.fetch(_url_for(player))
	var ended := _ended(task)
	await _frames(player.random.randi() % 4)
	task.cancel()
	var response := await _end_of(task, ended)
	if response.get_result() == CANCELLED:
		player.verdict = "cancelled" if response.get_body().is_empty() else "mismatch"
	else:
		_judge_block(player, response, response.get_body(), length)


func _packed(player: Player) -> void:
	var length: int = TEXTS[player.random.randi() % TEXTS.size()]
	player.what = "/gzip/%d" % length
	var response := await _response_of(_session.fetch(_url_for(player)))
	_judge(player, response, SUCCESS, 200, response.get_body() == _texts[length], length)


func _stream(player: Player) -> void:
	var length := player.length()
	player.what = _body_target(player, length)
	var body: Array[PackedByteArray] = [PackedByteArray()]
	var task := _session.stream(_url_for(player))
	task.chunk_received.connect(func(chunk: PackedByteArray) -> void: body[0].append_array(chunk))
	var response := await _response_of(task)
	_judge_block(player, response, body[0], length)


func _download(player: Player) -> void:
	var length := player.length()
	player.what = "/file/%d" % length
	await _downloaded(player, length)


## Each time, the server closes the connection after a little more than half of the file.
func _download_resumed(player: Player) -> void:
	var length := 2000 + player.random.randi() % 2_000_000
	@warning_ignore("integer_division")
	player.what = "/file/%d?cut=%d" % [length, length / 2 + 1]
	await _downloaded(player, length)


func _downloaded(player: Player, length: int) -> void:
	var path := _folder().path_join("%d.bin" % player.index)
	DirAccess.remove_absolute(path)
	var url := _url_for(player)
	if player.one_in(4):
		# In some cases, the download resumes one that was cancelled.
		var first := _session.download(url, path)
		var ended := _ended(first)
		await _frames(player.random.randi() % 3)
		first.cancel()
		await _end_of(first, ended)
	if not FileAccess.file_exists(path):
		var response := await _response_of(_session.download(url, path))
		if response.get_result() != SUCCESS:
			player.what += ": " + response.get_error_message()
			return
	var file := FileAccess.get_file_as_bytes(path)
	if file == _expected(length) and not FileAccess.file_exists(path + ".part"):
		player.complete(length)
	else:
		player.what += ": the file has %d bytes" % file.size()


func _upload(player: Player) -> void:
	var length: int = UPLOADS[player.random.randi() % UPLOADS.size()]
	player.what = "/upload of %d" % length
	var task := _session.fetch(_url("/upload", player.one_in(3)), [], HTTPClient.METHOD_POST, _expected(length))
	_judge_receipt(player, await _response_of(task), length, _checksums[length])


func _form(player: Player) -> void:
	var form := HTTPFormRust.new()
	form.add_field("name", "player %d" % player.index)
	form.add_bytes("bytes", _expected(player.length()), "b.bin")
	form.add_file("file", _folder().path_join("upload.bin"))
	player.what = "/upload of a form"
	var task := _session.fetch(_url("/upload", player.one_in(3)), [], HTTPClient.METHOD_POST, form)
	_judge_receipt(player, await _response_of(task), form.get_length(), null)


## The server sends three events per connection. The task is cancelled after a number of events that usually needs several
## connections.
func _listen(player: Player) -> void:
	var wanted := 2 + player.random.randi() % 9
	player.what = "/events"
	var found := PackedStringArray()
	var task := _session.listen(_url("/events", player.one_in(3)))
	task.event_received.connect(
		func(_type: String, data: String, id: String) -> void:
			found.append("%s %s" % [data, id])
			if found.size() == wanted:
				task.cancel())
	var response := await _response_of(task)
	var expected := PackedStringArray()
	for number: int in range(1, found.size() + 1):
		expected.append("event %d %d" % [number, number])
	if response.get_result() == CANCELLED and found == expected and found.size() == wanted:
		player.complete(0)
	else:
		player.what += ": result %d, %s: %s" % [response.get_result(), found, response.get_error_message()]


func _redirect(player: Player) -> void:
	var length := player.length()
	player.what = "/redirect?to=/bytes/%d" % length
	var response := await _response_of(_session.fetch(_url_for(player)))
	_judge_block(player, response, response.get_body(), length)
	if response.get_redirects().size() != 1:
		player.verdict = "mismatch"


func _retry(player: Player) -> void:
	player.what = "/status/503"
	var session := _new_session()
	session.max_retries = 1
	var response := await _response_of(session.fetch(_url_for(player)))
	_judge(player, response, SUCCESS, 503, response.get_attempts() == 2, 0)


func _fault(player: Player) -> void:
	var faults := [
		"reset-at-once", "reset-in-head?ms=5", "reset-in-body?ms=5", "reset-in-chunk?ms=5", "body-cut-short", "endless-1xx",
		"megabytes-of-header?mb=1", "garbage?seed=%d" % player.random.randi(), "gzip-bomb", "refused"]
	var fault: String = faults[player.random.randi() % faults.size()]
	player.what = fault
	var session := _new_session()
	session.max_retries = 0
	session.body_size_limit = 1 << 20
	var at := "http://127.0.0.1:%s/" % _arguments["refused-port"]
	if fault != "refused":
		at = "http://%s/fault/%s" % [_arguments["raw"], fault]
	var response := await _response_of(session.fetch(at))
	var wanted := HTTPResponseRust.RESULT_CONNECTION_ERROR
	if fault == "gzip-bomb":
		wanted = HTTPResponseRust.RESULT_BODY_SIZE_LIMIT_EXCEEDED
	elif fault == "refused":
		wanted = HTTPResponseRust.RESULT_CANT_CONNECT
	_judge_failure(player, response, wanted)


func _silence(player: Player) -> void:
	var faults := ["never-answers", "stop-in-head", "stop-in-chunk", "stop-between-chunks"]
	player.what = faults[player.random.randi() % faults.size()]
	var response := await _response_of(_impatient.fetch("http://%s/fault/%s" % [_arguments["raw"], player.what]))
	_judge_failure(player, response, HTTPResponseRust.RESULT_TIMEOUT)


func _endless(player: Player) -> void:
	player.what = "endless-small-chunks"
	var task := _session.stream("http://%s/fault/endless-small-chunks" % _arguments["raw"])
	var ended := _ended(task)
	await _frames(player.random.randi() % 30)
	task.cancel()
	var response := await _end_of(task, ended)
	if response.get_result() == CANCELLED:
		player.verdict = "cancelled"


func _node(player: Player) -> void:
	var length := player.length()
	player.what = _body_target(player, length)
	var node := _new_node(player)
	var calls: Array[Array] = []
	node.request_completed.connect(
		func(result: int, code: int, _headers: PackedStringArray, body: PackedByteArray) -> void:
			calls.append([result, code, body]))
	node.request(_url_for(player))
	var response := await _response_of(node.get_task())
	_judge_block(player, response, calls[0][2] if calls.size() == 1 else PackedByteArray(), length)
	if calls.size() != 1 or calls[0][0] != response.get_result():
		player.verdict = "mismatch"
		player.what += ": %d signals" % calls.size()
	node.queue_free()


func _node_download(player: Player) -> void:
	var length := player.length()
	player.what = "/file/%d" % length
	var node := _new_node(player)
	node.download_file = _folder().path_join("node-%d.bin" % player.index)
	node.request(_url_for(player))
	var response := await _response_of(node.get_task())
	var file := FileAccess.get_file_as_bytes(node.download_file)
	_judge(player, response, SUCCESS, 200, file == _expected(length), length)
	DirAccess.remove_absolute(node.download_file)
	node.queue_free()


## After this, only the task may report the end of the request, not the node.
func _node_freed(player: Player) -> void:
	var length := player.length()
	player.what = _body_target(player, length)
	var node := _new_node(player)
	var calls: Array[int] = [0]
	node.request_completed.connect(
		func(_result: int, _code: int, _headers: PackedStringArray, _body: PackedByteArray) -> void: calls[0] += 1)
	node.request(_url_for(player))
	var task := node.get_task()
	var ended := _ended(task)
	await _frames(player.random.randi() % 4)
	var before := calls[0]
	match player.random.randi() % 3:
		0:
			node.free()
		1:
			node.cancel_request()
		_:
			_tree.root.remove_child(node)
	var response := await _end_of(task, ended)
	await _frames(2)
	# A call after this point would be wrong.
	var is_silent := calls[0] == before
	if response.get_result() == CANCELLED and is_silent:
		player.verdict = "cancelled"
	elif before == 1 and is_silent:
		_judge_block(player, response, response.get_body(), length)
	if is_instance_valid(node):
		node.queue_free()


func _session_dropped(player: Player) -> void:
	var length := player.length()
	player.what = _body_target(player, length)
	var session := _new_session()
	var tasks: Array[HTTPTaskRust] = []
	for _index: int in 3:
		tasks.append(session.fetch(_url_for(player)))
	var ends := tasks.map(_ended)
	session = null
	for index: int in tasks.size():
		var response := await _end_of(tasks[index], ends[index])
		player.verdict = "mismatch"
		_judge_block(player, response, response.get_body(), length)
		if player.verdict != "complete":
			return


func _thread(player: Player) -> void:
	var length := player.length()
	player.what = _body_target(player, length)
	var at := _url_for(player)
	var session := _session
	var responses: Array[HTTPResponseRust] = []
	var ask := func() -> void: responses.append(session.fetch(at).wait_to_finish())
	started += 1
	var id := WorkerThreadPool.add_task(ask)
	while not WorkerThreadPool.is_task_completed(id):
		await _tree.process_frame
	WorkerThreadPool.wait_for_task_completion(id)
	completed += 1
	_judge_block(player, responses[0], responses[0].get_body(), length)


func _new_session() -> HTTPSessionRust:
	var session := HTTPSessionRust.new()
	session.trusted_ca_file = _arguments["ca-file"]
	return session


func _new_node(player: Player) -> HTTPRequestRust:
	var node := HTTPRequestRust.new()
	node.session = _session
	_tree.root.add_child(node)
	node.use_threads = player.one_in(2)
	return node


func _body_target(player: Player, length: int) -> String:
	match player.random.randi() % 4:
		0:
			return "/chunked/%d?size=%d" % [length, 1 + player.random.randi() % 30_000]
		1:
			return "/until-close/%d" % length
	return "/bytes/%d" % length


func _url(target: String, is_secure := false) -> String:
	return ("https://%s%s" % [_arguments["https"], target]) if is_secure else ("http://%s%s" % [_arguments["http"], target])


func _url_for(player: Player) -> String:
	return _url(player.what, player.one_in(3))


func _folder() -> String:
	return OS.get_user_data_dir().path_join("soak")


func _expected(length: int) -> PackedByteArray:
	var body := PackedByteArray()
	while body.size() < length:
		body.append_array(_block.slice(0, length - body.size()))
	return body


func _frames(count: int) -> void:
	for _index: int in count:
		await _tree.process_frame


## Counts how often a task is completed.
func _ended(task: HTTPTaskRust) -> Array[int]:
	var ends: Array[int] = [0]
	started += 1
	task.completed.connect(
		func(_response: HTTPResponseRust) -> void:
			ends[0] += 1
			completed += 1)
	return ends


func _response_of(task: HTTPTaskRust) -> HTTPResponseRust:
	return await _end_of(task, _ended(task))


func _end_of(task: HTTPTaskRust, ended: Array[int]) -> HTTPResponseRust:
	while ended[0] == 0:
		await _tree.process_frame
	return task.get_response()


func _judge_block(player: Player, response: HTTPResponseRust, body: PackedByteArray, length: int) -> void:
	var is_right := body.size() == length and body == _expected(length)
	_judge(player, response, SUCCESS, 200, is_right, length)
	if player.verdict == "mismatch":
		player.what += ": %d bytes in place of %d" % [body.size(), length]


func _judge_receipt(player: Player, response: HTTPResponseRust, length: int, checksum: Variant) -> void:
	var receipt: Variant = response.get_json()
	var is_right: bool = receipt is Dictionary and receipt["bytes"] == length
	if is_right and checksum != null:
		is_right = receipt["crc32"] == checksum
	_judge(player, response, SUCCESS, 200, is_right, length)
	if player.verdict == "mismatch":
		player.what += ": the server saw %s" % [receipt]


func _judge(player: Player, response: HTTPResponseRust, result: int, code: int, is_right: bool, bytes: int) -> void:
	if response.get_result() == result and response.get_response_code() == code and is_right:
		player.complete(bytes)
	else:
		player.what += ": result %d, code %d, %s" % [
			response.get_result(), response.get_response_code(), response.get_error_message()]


func _judge_failure(player: Player, response: HTTPResponseRust, result: int) -> void:
	if response.get_result() == result and not response.get_error_message().is_empty():
		player.verdict = "failed"
	else:
		player.what += ": result %d in place of %d, %s" % [response.get_result(), result, response.get_error_message()]
