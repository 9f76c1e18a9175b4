extends "res://tests/support/fetch_case.gd"
## Recording and replay: responses that a session has recorded are replayed without a server and without a network.
# expect-log: HTTPSessionRust.set_replay_mode\(\): there is no mode 3
# expect-log: HTTPRequestRust.request\(\): the replay_file "user://missing.har" does not exist

const REPLAY_MISS := 102
const OFF := 0
const RECORD := 1
const ONLY := 2
const POST := HTTPClient.METHOD_POST
## A certificate whose script asks for a request while a session reads it.
class AskingCertificate extends X509Certificate:
	var session: RefCounted
	var task: RefCounted

	@warning_ignore("native_method_override")
	func save_to_string() -> String:
		task = session.fetch("http://127.0.0.1:9/")
		return ""


## Does the same, but first waits until the other certificate is being read too.
class MeetingCertificate extends AskingCertificate:
	var tasks: Array[RefCounted] = []
	var is_read := Semaphore.new()
	var other_is_read: Semaphore

	@warning_ignore("native_method_override")
	func save_to_string() -> String:
		if tasks.is_empty():
			is_read.post()
			other_is_read.wait()
		tasks.append(session.fetch("http://127.0.0.1:9/"))
		return ""


const EXAMPLE := "res://examples/replay_login/replay_login.tscn"


func tape(name := "tape.har") -> String:
	return folder().path_join(name)


func recording() -> RefCounted:
	var session := new_session()
	if session != null:
		session.base_url = url("/")
		session.replay_file = tape()
		session.replay_mode = RECORD
	return session


## A session that replays as if on another machine: no server listens on its port.
func playing(file := tape()) -> RefCounted:
	var session := new_session()
	if session != null:
		session.base_url = "http://127.0.0.1:%d/" % refused_port()
		session.replay_file = file
		session.replay_mode = ONLY
	return session


func entries() -> Array:
	var har: Variant = JSON.parse_string(FileAccess.get_file_as_string(tape()))
	if not assert_true(har is Dictionary, "the file must be JSON"):
		return []
	assert_equal(har["log"]["version"], "1.2", "version")
	return har["log"]["entries"]


func test_it_has_the_properties_and_the_enum_that_are_promised() -> void:
	assert_enum(&"HTTPSessionRust", &"ReplayMode", {"REPLAY_OFF": OFF, "REPLAY_RECORD": RECORD, "REPLAY_ONLY": ONLY})
	var session := new_session()
	if session == null:
		return
	for property: Array in [["replay_file", "", "res://x.har"], ["replay_mode", OFF, ONLY], ["replay_timing", false, true]]:
		assert_equal(session.get(property[0]), property[1], "default of " + property[0])
		session.set(property[0], property[2])
		assert_equal(session.get(property[0]), property[2], property[0])
	session.replay_mode = 3
	assert_equal(session.replay_mode, ONLY, "a mode that there is not changes nothing")


func everything(session: RefCounted, file: String) -> Array:
	var told := []
	var note := func(response: RefCounted) -> void:
		told.append([response.get_result(), response.get_response_code(), response.get_redirects().size(), response.get_body()])
	note.call(await fetched(session, "hello?token=query-s3cret"))
	note.call(await fetched(session, "set-cookies"))
	note.call(await fetched(session, "echo", [], POST, {"user": "Zoë", "password": "json-s3cret"}))
	note.call(await fetched(session, "status/503", ["X-Api-Key: header-s3cret"]))
	var form: RefCounted = made(&"HTTPFormRust")
	form.add_field("password", "form-s3cret")
	form.add_bytes("file", PackedByteArray([0, 255, 10]), "a.bin")
	note.call(await fetched(session, "echo", [], POST, form))
	note.call(await fetched(session, "bytes/100000"))
	var chunks := []
	var stream: RefCounted = session.stream("bytes/100000?a")
	stream.chunk_received.connect(func(chunk: PackedByteArray) -> void: chunks.append(chunk))
	note.call(await response_of(stream, "stream"))
	var streamed := PackedByteArray()
	for chunk: PackedByteArray in chunks:
		streamed.append_array(chunk)
	told.append(streamed)
	note.call(await response_of(session.download("bytes/5000", file), "download"))
	told.append(FileAccess.get_file_as_bytes(file))
	return told


func test_what_was_recorded_is_played_on_another_machine_and_has_no_secret_in_it() -> void:
	var session := recording()
	if session == null:
		return
	session.max_retries = 0
	session.set_bearer_auth("bearer-s3cret")
	var recorded_answers := await everything(session, tape("recorded.bin"))
	assert_true(entries().size() >= 8, "entries")
	var text := FileAccess.get_file_as_string(tape())
	assert_true(not text.contains("s3cret"), "a secret is in the file")
	assert_true(not text.contains("abc123"), "a cookie is in the file")
	session = playing()
	session.max_retries = 0
	session.set_bearer_auth("another")
	var played := await everything(session, tape("played.bin"))
	assert_equal(played.size(), recorded_answers.size(), "answers")
	for index: int in played.size():
		# The file has the echoed request in redacted form.
		if index != 2 and index != 4:
			assert_true(played[index] == recorded_answers[index], "answer %d is the same" % index)
		else:
			assert_equal(played[index].slice(0, 3), recorded_answers[index].slice(0, 3), "answer %d" % index)
	var miss := await fetched(session, "hello?token=query-s3cret&other", [], POST, "x")
	if assert_response(miss, REPLAY_MISS, 0):
		assert_contains(miss.get_error_message(), "the nearest is entry", "the sentence names the nearest entry")
		assert_true(not miss.get_error_message().contains("s3cret"), "and no secret")
	remove_folder()


func test_events_and_cookies_and_redirects_are_played() -> void:
	var session := recording()
	if session == null:
		return
	var events := response_with(["Content-Type: text/event-stream"], "id: 1\ndata: a\n\ndata: b\n\n".to_utf8_buffer())
	var at := url_of_reply(events)
	var redirect := url_of_reply(response_with(["Location: " + url("/hello"), "Set-Cookie: a=b; Path=/"], [], "302 Found"))
	for pass_number: int in 2:
		var listener: RefCounted = session.listen(at)
		var data := []
		var heard := func(_type: String, text: String, _id: String) -> void: data.append(text)
		listener.event_received.connect(heard)
		for frame: int in 600:
			if data.size() >= 2:
				break
			await wait_frames(1)
		listener.cancel()
		assert_response(await response_of(listener), CANCELLED, 200)
		assert_equal(data.slice(0, 2), ["a", "b"], "events")
		var response := await fetched(session, redirect)
		if assert_response(response, SUCCESS, 200):
			assert_equal(response.get_text(), HELLO, "text")
			assert_equal(response.get_redirects().size(), 1, "redirects")
		assert_equal(session.get_cookies(url("/", "raw")).size(), 1, "cookies")
		session = playing()
	remove_folder()


func test_nodes_play_over_their_session() -> void:
	var session := recording()
	if session == null:
		return
	for pass_number: int in 2:
		var node: Node = made(&"HTTPRequestRust")
		node.session = session
		tree.root.add_child.call_deferred(node)
		await wait_frames(1)
		assert_error(node.request(url("/hello") if pass_number == 0 else "http://127.0.0.1:%d/hello" % refused_port()), OK)
		var result: Array = await Signal(node, &"request_completed")
		assert_equal(result[0], SUCCESS, "result")
		assert_equal((result[3] as PackedByteArray).get_string_from_utf8(), HELLO, "body")
		if pass_number == 1:
			assert_error(node.request("http://a.invalid/nothing"), OK)
			result = await Signal(node, &"request_completed")
			assert_equal(result[0], 9, "a miss is one of the engine's results: RESULT_REQUEST_FAILED")
			assert_equal(node.get_task().get_response().get_result(), REPLAY_MISS, "and its task says which")
			session.replay_file = "user://missing.har"
			assert_error(node.request("http://a.invalid/nothing"), ERR_INVALID_PARAMETER)
		node.queue_free()
		await wait_frames(2)
		session = playing()
	remove_folder()


func test_what_cannot_be_played_or_recorded_is_told_by_the_task() -> void:
	var session := new_session()
	if session == null:
		return
	FileAccess.open(tape("damaged.har"), FileAccess.WRITE).store_string("{\"log\":{\"entries\":[{\"request\":")
	for case: Array in [
			[ONLY, "", "replay_file is empty"], [RECORD, "", "replay_file is empty"],
			[ONLY, tape("missing.har"), "does not exist"], [ONLY, tape("damaged.har"), "is damaged"],
			[RECORD, "/no/such/folder/x.har", "cannot be written"]]:
		session.replay_mode = case[0]
		session.replay_file = case[1]
		var response := await fetched(session, url("/hello"))
		if assert_response(response, INVALID_REQUEST, 0, str(case)):
			assert_contains(response.get_error_message(), case[2], str(case))
	session.replay_mode = OFF
	assert_response(await fetched(session, url("/hello")), SUCCESS, 200)
	remove_folder()


func test_the_file_is_whole_after_each_exchange_and_begins_anew_when_it_is_set_again() -> void:
	var session := recording()
	if session == null:
		return
	for number: int in [1, 2, 3]:
		await fetched(session, "hello?%d" % number)
		assert_equal(entries().size(), number, "entries")
	session.replay_mode = RECORD
	await fetched(session, "hello")
	assert_equal(entries().size(), 1, "entries of the second recording")
	session = playing()
	for time: int in 2:
		assert_response(await fetched(session, "hello"), SUCCESS, 200, "a GET is answered as often as it is made")
	remove_folder()


func test_a_file_in_a_pack_is_played() -> void:
	var session := recording()
	if session == null:
		return
	await fetched(session, "hello")
	session.replay_mode = OFF
	var packer := PCKPacker.new()
	assert_error(packer.pck_start(tape("game.pck")), OK)
	assert_error(packer.add_file("res://in_a_pack.har", tape()), OK)
	assert_error(packer.flush(), OK)
	assert_true(ProjectSettings.load_resource_pack(tape("game.pck")), "the pack must load")
	var response := await fetched(playing("res://in_a_pack.har"), "hello")
	if assert_response(response, SUCCESS, 200):
		assert_equal(response.get_text(), HELLO, "text")
	remove_folder()


func test_the_example_runs_where_there_is_no_network() -> void:
	var godot := OS.get_environment("GODOT")
	if not assert_true(not godot.is_empty(), "this test needs the path of Godot in GODOT"):
		return
	var run := [godot, "--headless", "--path", ProjectSettings.globalize_path("res://"), EXAMPLE]
	var output := []
	if OS.execute("unshare", ["-rn", "true"]) == 0:
		# This network namespace has no usable interface, not even loopback.
		assert_equal(OS.execute("unshare", ["-rn"] + run, output, true), 0, "exit code")
	elif OS.execute("strace", ["-V"]) == 0:
		print("left out: a network namespace, which is not allowed here; strace counts the sockets of the example in its place")
		var log_file := tape("strace.txt")
		assert_equal(OS.execute("strace", ["-f", "-e", "trace=socket,connect", "-o", log_file] + run, output, true), 0, "exit code")
		assert_true(not FileAccess.get_file_as_string(log_file).contains("AF_INET"), "a socket was opened")
	else:
		print("left out: a network namespace and strace, which are not here; that game.example has no address has to do")
		assert_equal(OS.execute(godot, run.slice(1), output, true), 0, "exit code")
	assert_equal("".join(output).count("ok: "), 9, "checks of the example in %s" % "".join(output))
	remove_folder()


func test_requests_of_all_threads_wait_while_one_opens_the_file() -> void:
	var lines := PackedStringArray()
	for number: int in 3000:
		lines.append("{\"request\":{\"method\":\"GET\",\"url\":\"http://127.0.0.1:9/%d\"},\"response\":{\"status\":200,\"content\":{\"text\":\"x\"}}}" % number)
	var file := FileAccess.open(tape(), FileAccess.WRITE)
	file.store_string("{\"log\":{\"entries\":[%s]}}" % ",".join(lines))
	file.close()
	var session := playing()
	if session == null:
		return
	var ask := func(number: int) -> int:
		var task: RefCounted = session.fetch(str(number))
		return task.wait_to_finish().get_result()
	var threads: Array[Thread] = []
	for number: int in 8:
		threads.append(Thread.new())
		threads[-1].start(ask.bind(number))
	for thread: Thread in threads:
		while thread.is_alive():
			await wait_frames(1)
		assert_equal(thread.wait_to_finish(), OK, "answered from the file, and from nowhere else")


func test_a_script_that_asks_for_a_request_while_the_session_is_made_ready_is_refused_and_waits_for_nothing() -> void:
	var session := new_session()
	if session == null:
		return
	var certificate := AskingCertificate.new()
	certificate.session = session
	session.set_tls_options(TLSOptions.client(certificate))
	var outer := await response_of(session.fetch(url("/hello")))
	assert_response(outer, INVALID_REQUEST, 0, "its certificate is empty")
	if assert_true(certificate.task != null, "the script of the certificate must run"):
		var inner := await response_of(certificate.task)
		if assert_response(inner, INVALID_REQUEST, 0, "the request from within"):
			assert_contains(inner.get_error_message(), "call_deferred()", "message")
	certificate.session = null
	certificate.task = null
	session.set_tls_options(null)
	assert_response(await response_of(session.fetch(url("/hello"))), SUCCESS, 200, "a later request")


func test_sessions_whose_scripts_ask_each_other_while_they_are_made_ready_do_not_wait_for_each_other() -> void:
	var sessions: Array[RefCounted] = [new_session(), new_session()]
	if sessions[0] == null:
		return
	var certificates: Array[MeetingCertificate] = [MeetingCertificate.new(), MeetingCertificate.new()]
	var threads: Array[Thread] = []
	for number: int in 2:
		certificates[number].session = sessions[1 - number]
		certificates[number].other_is_read = certificates[1 - number].is_read
		sessions[number].set_tls_options(TLSOptions.client(certificates[number]))
	for session: RefCounted in sessions:
		threads.append(Thread.new())
		threads[-1].start(session.fetch.bind(url("/hello")))
	for thread: Thread in threads:
		while thread.is_alive():
			await wait_frames(1)
		assert_response(await response_of(thread.wait_to_finish()), INVALID_REQUEST, 0, "its certificate is empty")
	var refused := 0
	for number: int in 2:
		for task: RefCounted in certificates[number].tasks:
			var inner := await response_of(task)
			assert_response(inner, INVALID_REQUEST, 0, "a request from within")
			refused += int("call_deferred()" in inner.get_error_message())
		certificates[number].tasks.clear()
		certificates[number].session = null
		sessions[number].set_tls_options(null)
	assert_true(refused >= 1, "one of them is refused")


func test_a_node_is_told_of_a_damaged_file_by_its_completion() -> void:
	var session := playing(tape("damaged.har"))
	if session == null:
		return
	FileAccess.open(tape("damaged.har"), FileAccess.WRITE).store_string("{\"log\":{\"entries\":[{\"request\":")
	var node: Node = made(&"HTTPRequestRust")
	node.session = session
	tree.root.add_child.call_deferred(node)
	await wait_frames(1)
	# The file is read on the worker, so that it costs no frame.
	assert_error(node.request("http://a.invalid/"), OK)
	var result: Array = await Signal(node, &"request_completed")
	assert_equal(result[0], 9, "RESULT_REQUEST_FAILED")
	var response: RefCounted = node.get_task().get_response()
	assert_equal(response.get_result(), INVALID_REQUEST, "result of the task")
	assert_contains(response.get_error_message(), "is damaged", "message")
	node.queue_free()
	await wait_frames(2)
	remove_folder()


func test_sessions_and_games_that_record_into_one_file_share_it() -> void:
	var sessions := [recording(), recording()]
	if sessions[0] == null:
		return
	for number: int in 6:
		await fetched(sessions[number % 2], "hello?%d" % number)
	assert_equal(entries().size(), 6, "entries")
	for session: RefCounted in sessions:
		session.replay_mode = OFF
		await fetched(session, "hello")
	var directory := DirAccess.open(folder())
	directory.include_hidden = true
	assert_equal(Array(directory.get_files()), ["tape.har"], "the lock is removed")
	remove_folder()
