extends "res://tests/support/fetch_case.gd"
## Recording and replay in an export without the library, in the library's own format.
# expect-log: ^ERROR: HTTPSessionRust\.set_replay_mode\(\): there is no mode 3
# expect-log: ^ERROR: HTTPRequestRust\.request\(\): the replay_file

const MISS := 102
const RECORD := 1
const ONLY := 2
const FILE := "user://tape.har"
## A file of the library: out of order, with a base URL, markers and a binary body.
const OF_THE_LIBRARY := """{"log":{"version":"1.2","creator":{"name":"HTTPClientRust","version":"0.1.0"},"entries":[
{"_baseUrl":"http://127.0.0.1:8123/api/","_number":2,"request":{"method":"GET","url":"http://127.0.0.1:8123/api/me?token=[redacted]","headers":[{"name":"Cookie","value":"[redacted]"}]},"response":{"status":200,"headers":[{"name":"Content-Type","value":"application/json"},{"name":"Content-Encoding","value":"gzip"},{"name":"Content-Length","value":"9"}],"content":{"size":13,"text":"{\\"level\\":\\"8\\"}"}},"time":1.0},
{"_baseUrl":"http://127.0.0.1:8123/api/","_number":1,"request":{"method":"GET","url":"http://127.0.0.1:8123/api/me?token=[redacted]","headers":[]},"response":{"status":401,"headers":[],"content":{"size":3,"text":"AP8K","encoding":"base64"}},"time":1.0},
{"_baseUrl":"http://127.0.0.1:8123/api/","_number":3,"request":{"method":"POST","url":"http://127.0.0.1:8123/api/login","headers":[],"postData":{"mimeType":"application/json","text":"{\\"user\\":\\"zoe\\",\\"password\\":\\"[redacted]\\"}"}},"response":{"status":303,"headers":[{"name":"Location","value":"/api/me?token=x"}],"content":{}},"time":1.0},
{"_number":4,"request":{"method":"GET","url":"http://game.example/broken","headers":[]},"response":{"status":0,"headers":[],"content":{}},"_end":{"kind":"reset","sentence":"the connection was reset"},"time":1.0}
]}}
"""


func test_a_file_of_the_library_is_played_without_a_network() -> void:
	_write(OF_THE_LIBRARY)
	var session := _session("http://127.0.0.1:%d/api/" % refused_port(), ONLY)
	var first := await fetched(session, "me?token=mine")
	if assert_response(first, SUCCESS, 401, "the first in order"):
		assert_equal(first.get_body(), PackedByteArray([0, 255, 10]), "a body that is no text")
	for turn: int in 2:
		var second := await fetched(session, "me?token=mine")
		if assert_response(second, SUCCESS, 200, "the last one, as often as it is asked for"):
			assert_equal(second.get_json(), {"level": "8"}, "its body")
			assert_equal([second.get_header("Content-Encoding"), second.get_header("Content-Length")], ["", "13"], "its headers")
	var login := {"password": "any", "user": "zoe"}
	var redirected := await fetched(session, "login", [], HTTPClient.METHOD_POST, login)
	if assert_response(redirected, SUCCESS, 200, "a redirect, and its target"):
		assert_equal(redirected.get_redirects().size(), 1, "redirects")
	assert_response(await fetched(session, "login", [], HTTPClient.METHOD_POST, login), MISS, 0, "a POST more often than it was recorded")
	session.max_retries = 0
	assert_response(await fetched(session, "http://game.example/broken"), 4, 0, "a failure that was recorded")
	var miss := await fetched(session, "me?token=hunter2&other=1")
	if assert_response(miss, MISS, 0):
		assert_contains(miss.get_error_message(), "the nearest is entry", "the sentence")
		assert_contains(miss.get_error_message(), "URL differs", "what differs")
		assert_true(not miss.get_error_message().contains("hunter2"), "no secret")


func test_what_was_recorded_is_played_and_has_no_secret_in_it() -> void:
	var session := _session(url("/"), RECORD)
	session.max_retries = 0
	session.set_bearer_auth("bearer-s3cret")
	var recorded_answers := await _everything(session)
	var text := FileAccess.get_file_as_string(FILE)
	var har: Variant = JSON.parse_string(text)
	if assert_true(har is Dictionary, "the file is JSON"):
		assert_equal((har["log"]["entries"] as Array).size(), 8, "entries, one for each exchange")
	assert_true(not text.contains("s3cret"), "no secret is in the file: %s" % text.substr(text.find("s3cret") - 60, 120))
	for found: RegExMatch in RegEx.create_from_string("\"text\":\"([A-Za-z0-9+/=]{40,})\"").search_all(text):
		var digits := Marshalls.base64_to_raw(found.get_string(1)).hex_encode()
		assert_true(not digits.contains("s3cret".to_utf8_buffer().hex_encode()), "no secret in what is no text")
	session = _session("http://127.0.0.1:%d/" % refused_port(), ONLY)
	session.max_retries = 0
	var played := await _everything(session)
	assert_equal(played.size(), recorded_answers.size(), "answers")
	for index: int in played.size():
		# Secrets that the server echoed are not in the file.
		var parts := 2 if index in [2, 3] else 3
		assert_equal(played[index].slice(0, parts), recorded_answers[index].slice(0, parts), "answer %d" % index)


func test_the_node_records_and_plays_with_its_session() -> void:
	for mode: int in [RECORD, ONLY]:
		var node := made(&"HTTPRequestRust") as Node
		node.session = _session(url("/"), mode)
		tree.root.add_child.call_deferred(node)
		await wait_frames(1)
		assert_error(node.request(url("/hello") if mode == RECORD else "http://127.0.0.1:%d/hello" % refused_port()), OK)
		var result: Array = await node.request_completed
		assert_equal([result[0], result[1], (result[3] as PackedByteArray).get_string_from_utf8()], [SUCCESS, 200, HELLO], "answer")
		await wait_frames(1)
		if mode == ONLY:
			assert_error(node.request("http://a.invalid/nothing"), OK)
			result = await node.request_completed
			assert_equal(result[0], 9, "a miss is RESULT_REQUEST_FAILED")
			assert_equal(node.get_task().get_response().get_result(), MISS, "and its task says which")
			await wait_frames(1)
			node.session.replay_file = "user://missing.har"
			assert_error(node.request("http://a.invalid/nothing"), ERR_INVALID_PARAMETER, "no file")
		node.free()


func test_what_cannot_be_played_or_recorded_is_told() -> void:
	_write("{\"log\":{\"entries\":[{\"request\":")
	for case: Array in [
			[ONLY, "", "replay_file is empty"], [RECORD, "", "replay_file is empty"], [ONLY, "user://missing.har", "does not exist"],
			[ONLY, FILE, "is damaged"], [RECORD, "/tmp/x.har", "user://"], [RECORD, "user://no/such/folder/x.har", "cannot be written"]]:
		var session := new_session()
		session.replay_file = case[1]
		session.replay_mode = case[0]
		var response := await fetched(session, url("/hello"))
		if assert_response(response, INVALID_REQUEST, 0, str(case)):
			assert_contains(response.get_error_message(), case[2], str(case))
		session.replay_mode = 3
		assert_equal(session.replay_mode, case[0], "a mode that there is not changes nothing")
		session.replay_mode = 0
		assert_response(await fetched(session, url("/hello")), SUCCESS, 200, "off")


func test_timing_is_kept_where_that_is_asked_for() -> void:
	_write(OF_THE_LIBRARY.replace("\"time\":1.0", "\"time\":300.0"))
	var session := _session("http://127.0.0.1:%d/api/" % refused_port(), ONLY)
	session.replay_timing = true
	var response := await fetched(session, "me?token=mine")
	if assert_response(response, SUCCESS, 401):
		assert_true(response.get_timings()["first_byte"] >= 290_000, "the time until the first byte: %s" % response.get_timings())


func _session(base: String, mode: int) -> RefCounted:
	var session := new_session()
	session.base_url = base
	session.replay_file = FILE
	session.replay_mode = mode
	return session


func _write(text: String) -> void:
	var file := FileAccess.open(FILE, FileAccess.WRITE)
	file.store_string(text)


func _everything(session: RefCounted) -> Array[Array]:
	var told: Array[Array] = []
	var form := made(&"HTTPFormRust")
	form.add_field("password", "form-s3cret")
	form.add_bytes("file", PackedByteArray([0, 255, 10]), "a.bin")
	var other_form := made(&"HTTPFormRust")
	other_form.add_field("token", "other-s3cret")
	for case: Array in [
			["hello?token=query-s3cret", [], 0, null], ["set-cookies", [], 0, null],
			["echo", [], 2, {"user": "Zoë", "password": "json-s3cret", "keys": ["api_key", {"secret": ["nested-s3cret"]}]}],
			["echo", ["X-Api-Key: header-s3cret"], 2, other_form], ["status/503", [], 0, null], ["upload", [], 3, form],
			["bytes/100000", [], 0, null]]:
		var response := await fetched(session, case[0], PackedStringArray(case[1]), case[2], case[3])
		told.append([response.get_result(), response.get_response_code(), response.get_body()])
	var chunks: Array[PackedByteArray] = []
	var stream: RefCounted = session.stream("bytes/100000?a")
	stream.chunk_received.connect(func(chunk: PackedByteArray) -> void: chunks.append(chunk))
	await response_of(stream)
	var body := PackedByteArray()
	for chunk: PackedByteArray in chunks:
		body.append_array(chunk)
	told.append([stream.get_response().get_result(), 200, body])
	return told
