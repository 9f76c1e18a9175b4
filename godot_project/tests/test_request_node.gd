extends "res://tests/support/fetch_case.gd"
## Compares HTTPRequestRust with the engine's HTTPRequest: every member, and the same cases on both nodes with the same server.
# expect-log: Condition "!is_inside_tree\(\)" is true
# expect-log: HTTPRequest is processing a request
# expect-log: Invalid URL scheme: 'ftp://'
# expect-log: Error parsing URL: 'http://'
# expect-log: HTTPRequestRust.request\(\): the node is not in the tree
# expect-log: HTTPRequestRust.request\(\): a request is running
# expect-log: HTTPRequestRust.request\(\): the URL starts with "ftp"
# expect-log: HTTPRequestRust.request\(\): the URL has no host
# expect-log: HTTPRequestRust.request\(\): the URL is relative
# expect-log: TLS handshake error: -9984
# deadline: 180

const NODE := &"HTTPRequestRust"
const ENGINE_NODE := &"HTTPRequest"
## Members that only the new class has.
const EXTRA_METHODS := ["get_task", "get_session", "set_session"]
const EXTRA_PROPERTIES := ["session"]


## The calls of `request_completed`, if any.
class Outcome:
	var error := OK
	var calls: Array[Array] = []


func test_every_member_is_that_of_the_engines_class() -> void:
	if not assert_true(ClassDB.class_exists(NODE), "there must be a class %s" % NODE):
		return
	assert_equal(ClassDB.get_parent_class(NODE), ClassDB.get_parent_class(ENGINE_NODE), "base class")
	var expected := _methods(ENGINE_NODE)
	var actual := _methods(NODE)
	for name: String in expected:
		assert_equal(actual.get(name, "missing"), expected[name], "method " + name)
	for name: String in actual:
		assert_true(expected.has(name) or EXTRA_METHODS.has(name), "nobody knows the method " + name)
	for name: String in EXTRA_METHODS:
		assert_true(actual.has(name), "the method " + name)


func test_every_property_is_that_of_the_engines_class() -> void:
	var ours := made(NODE) as Node
	var engines := made(ENGINE_NODE) as Node
	if ours != null:
		var expected := _properties(ENGINE_NODE)
		var actual := _properties(NODE)
		for name: String in expected:
			assert_equal(actual.get(name, {}), expected[name], "property " + name)
			assert_equal(ours.get(name), engines.get(name), "default of " + name)
			assert_equal(
				ClassDB.class_get_property_default_value(NODE, name),
				ClassDB.class_get_property_default_value(ENGINE_NODE, name), "registered default of " + name)
		for name: String in actual:
			assert_true(expected.has(name) or EXTRA_PROPERTIES.has(name), "nobody knows the property " + name)
		assert_true(ours.get("session") == null, "session")
		assert_true(ours.call("get_task") == null, "get_task()")
		ours.free()
	engines.free()


func test_signals_and_results_are_those_of_the_engines_class() -> void:
	var expected: Array[Dictionary] = ClassDB.class_get_signal_list(ENGINE_NODE, true)
	var actual: Array[Dictionary] = ClassDB.class_get_signal_list(NODE, true)
	assert_equal(actual.size(), expected.size(), "signals")
	for index: int in mini(actual.size(), expected.size()):
		assert_equal([actual[index]["name"], _arguments(actual[index])], [expected[index]["name"], _arguments(expected[index])], "signal")
	var results := {}
	for constant: String in ClassDB.class_get_enum_constants(ENGINE_NODE, &"Result", true):
		results[constant] = ClassDB.class_get_integer_constant(ENGINE_NODE, constant)
	assert_enum(NODE, &"Result", results)
	assert_equal(ClassDB.class_get_enum_list(NODE, true), ClassDB.class_get_enum_list(ENGINE_NODE, true), "enums")


func test_properties_take_what_the_engines_take() -> void:
	var ours := made(NODE) as Node
	var engines := made(ENGINE_NODE) as Node
	if ours != null:
		for case: Array in [
				["download_file", "user://x"], ["download_chunk_size", 4096], ["use_threads", true], ["accept_gzip", false],
				["body_size_limit", 100], ["body_size_limit", -1], ["max_redirects", 0], ["max_redirects", -1], ["timeout", 2.5]]:
			for node: Node in [ours, engines]:
				node.set(case[0], case[1])
			assert_equal(ours.get(case[0]), engines.get(case[0]), case[0])
		ours.free()
	engines.free()


func test_the_same_requests_come_out_the_same() -> void:
	if not assert_true(is_known(NODE), "the class"):
		return
	var text := "packed ".repeat(500)
	var gzip := response_with(["Content-Encoding: gzip"], text.to_utf8_buffer().compress(FileAccess.COMPRESSION_GZIP))
	var cases := [
		["hello", url("/hello"), [], 0, "", {}], ["json", url("/json"), [], 0, "", {}], ["empty", url("/empty"), [], 0, "", {}],
		["404", url("/status/404"), [], 0, "", {}], ["503, not retried", url("/status/503"), [], 0, "", {}],
		["post", url("/upload"), ["Content-Type: text/plain"], 2, "some text", {}], ["put", url("/upload"), [], 3, "x", {}],
		["delete", url("/hello"), [], 4, "", {}], ["raw", url("/upload"), [], 2, "bytes".to_utf8_buffer(), {}],
		["chunked", url("/chunked/100000"), [], 0, "", {}], ["large", url("/bytes/2000000"), [], 0, "", {}],
		["gzip", url_of_reply(gzip, false), [], 0, "", {}], ["gzip not wanted", url_of_reply(gzip, false), [], 0, "", {"accept_gzip": false}],
		["one redirect", url("/redirect"), [], 0, "", {}],
		["redirect limit", url("/redirect?to=/redirect"), [], 0, "", {"max_redirects": 1}],
		["body limit", url("/bytes/1000"), [], 0, "", {"body_size_limit": 999}], ["body limit met", url("/bytes/1000"), [], 0, "", {"body_size_limit": 1000}],
		["timeout", url("/fault/never-answers", "raw"), [], 0, "", {"timeout": 0.3}],
		["refused", "http://127.0.0.1:%d/" % refused_port(), [], 0, "", {}], ["no such name", "http://name.invalid/", [], 0, "", {}],
		["certificate", url("/hello", "https"), [], 0, "", {}]]
	for case: Array in cases:
		var expected := await _outcome(ENGINE_NODE, case)
		var actual := await _outcome(NODE, case)
		assert_equal(actual, expected, case[0])


func test_the_same_downloads_write_the_same_files() -> void:
	if not assert_true(is_known(NODE), "the class"):
		return
	for case: Array in [
			["file", url("/bytes/300000"), [], 0, "", {"download_file": folder().path_join("a.bin")}],
			["no folder", url("/hello"), [], 0, "", {"download_file": folder().path_join("none/a.bin")}]]:
		var path: String = case[5]["download_file"]
		var expected := await _outcome(ENGINE_NODE, case)
		var expected_file := FileAccess.get_file_as_bytes(path) if FileAccess.file_exists(path) else PackedByteArray()
		DirAccess.remove_absolute(path)
		assert_equal(await _outcome(NODE, case), expected, case[0])
		var file := FileAccess.get_file_as_bytes(path) if FileAccess.file_exists(path) else PackedByteArray()
		assert_true(file == expected_file, "%s: the file has %d bytes, the engine's %d" % [case[0], file.size(), expected_file.size()])
		assert_true(not FileAccess.file_exists(path + ".part"), "%s: no .part is left" % case[0])
		DirAccess.remove_absolute(path)
	remove_folder()


func test_request_returns_the_same_error_codes() -> void:
	if not assert_true(is_known(NODE), "the class"):
		return
	var codes := {}
	for name: StringName in [ENGINE_NODE, NODE]:
		var node := made(name) as Node
		var found := [node.request("http://127.0.0.1/")]
		tree.root.add_child(node)
		found.append(node.request(url("/fault/never-answers", "raw")))
		found.append(node.request(url("/hello")))
		node.cancel_request()
		found.append(node.request("ftp://example.com/"))
		found.append(node.request("http://"))
		node.cancel_request()
		found.append(node.request(url("/hello")))
		node.cancel_request()
		node.free()
		codes[name] = found.map(func(code: int) -> String: return error_name(code))
	assert_equal(codes[NODE], codes[ENGINE_NODE], "error codes")


func test_cancel_and_leaving_the_tree_emit_nothing_and_the_task_completes() -> void:
	if not assert_true(is_known(NODE), "the class"):
		return
	for how: String in ["cancel", "leave", "free"]:
		var node := made(NODE) as Node
		tree.root.add_child(node)
		var calls: Array[int] = []
		node.request_completed.connect(func(result: int, _c: int, _h: PackedStringArray, _b: PackedByteArray) -> void: calls.append(result))
		assert_error(node.request(url("/fault/never-answers", "raw")), OK)
		var task: RefCounted = node.get_task()
		await wait_frames(5)
		match how:
			"cancel":
				node.cancel_request()
			"leave":
				tree.root.remove_child(node)
			"free":
				node.free()
		assert_response(await response_of(task, how), CANCELLED, 0, how)
		await wait_frames(2)
		assert_equal(calls.size(), 0, how + ": signals")
		if how == "leave":
			tree.root.add_child(node)
		if how != "free":
			assert_error(node.request(url("/hello")), OK, "a request after " + how)
			await node.request_completed
			await wait_frames(1)
			assert_equal(calls, [SUCCESS] as Array[int], "its result")
			node.free()


func test_a_handler_can_ask_again_and_free_its_node() -> void:
	if not assert_true(is_known(NODE), "the class"):
		return
	var node := made(NODE) as Node
	tree.root.add_child(node)
	var codes: Array[int] = []
	node.request_completed.connect(func(_r: int, code: int, _h: PackedStringArray, _b: PackedByteArray) -> void:
		codes.append(code)
		if codes.size() < 3:
			codes.append(-node.request(url("/hello")))
		else:
			node.queue_free())
	node.request(url("/hello"))
	while is_instance_valid(node):
		await wait_frames(1)
	assert_equal(codes, [200, 0, 200] as Array[int], "codes")
	node = made(NODE)
	tree.root.add_child(node)
	node.request_completed.connect(
		func(_r: int, _c: int, _h: PackedStringArray, _b: PackedByteArray) -> void: node.free(), CONNECT_DEFERRED)
	node.request(url("/hello"))
	await response_of(node.get_task())
	await wait_frames(2)
	assert_true(not is_instance_valid(node), "freed by its handler")


func test_status_and_sizes_are_told_meanwhile() -> void:
	if not assert_true(is_known(NODE), "the class"):
		return
	var node := made(NODE) as Node
	tree.root.add_child(node)
	assert_equal(node.get_http_client_status(), HTTPClient.STATUS_DISCONNECTED, "status before")
	assert_equal([node.get_body_size(), node.get_downloaded_bytes()], [-1, 0], "sizes before")
	node.request(url("/fault/stop-in-chunk", "raw"))
	for turn: int in 600:
		if node.get_http_client_status() == HTTPClient.STATUS_BODY:
			break
		await wait_frames(1)
	assert_equal(node.get_http_client_status(), HTTPClient.STATUS_BODY, "status while the body comes")
	node.cancel_request()
	assert_equal(node.get_http_client_status(), HTTPClient.STATUS_DISCONNECTED, "status after cancel_request()")
	node.request(url("/bytes/1000"))
	await node.request_completed
	await wait_frames(1)
	assert_equal([node.get_body_size(), node.get_downloaded_bytes()], [1000, 1000], "sizes after")
	node.free()


func test_it_works_while_the_tree_is_paused() -> void:
	if not assert_true(is_known(NODE), "the class"):
		return
	var node := made(NODE) as Node
	tree.root.add_child(node)
	tree.paused = true
	node.request(url("/hello"))
	var result: Array = await node.request_completed
	await wait_frames(1)
	tree.paused = false
	assert_equal(result[1], 200, "code")
	node.free()


func test_its_session_gives_connections_and_nothing_else() -> void:
	var session := new_session()
	if session == null:
		return
	var node := made(NODE) as Node
	tree.root.add_child(node)
	session.base_url = url("/")
	session.default_headers = ["X-Own: 1"]
	session.set_bearer_auth("secret")
	session.set_cookie(url("/"), "a=b")
	node.session = session
	assert_true(node.session == session, "the property")
	node.request(url("/echo"))
	var result: Array = await node.request_completed
	await wait_frames(1)
	var echo: Dictionary = JSON.parse_string((result[3] as PackedByteArray).get_string_from_utf8())
	for name: String in ["X-Own", "Authorization", "Cookie"]:
		assert_equal(sent_values(echo, name).size(), 0, name)
	assert_equal(node.request("/echo"), ERR_INVALID_PARAMETER, "base_url does not count")
	assert_response(await fetched(session, "/hello"), SUCCESS, 200)
	assert_equal(session.get_active_count(), 0, "active tasks")
	node.free()


func test_an_error_page_never_becomes_the_file() -> void:
	if not assert_true(is_known(NODE), "the class"):
		return
	var node := made(NODE) as Node
	tree.root.add_child(node)
	node.download_file = folder().path_join("page.bin")
	node.request(url("/status/404"))
	var result: Array = await node.request_completed
	await wait_frames(1)
	assert_equal([result[0], result[1]], [SUCCESS, 404], "result and code")
	assert_true(not FileAccess.file_exists(node.download_file), "no file")
	node.free()
	remove_folder()


func test_scripts_may_extend_it_and_have_their_own_exit_tree() -> void:
	if not assert_true(is_known(NODE), "the class"):
		return
	var script := GDScript.new()
	script.source_code = """extends HTTPRequestRust
var left := false
func _init() -> void:
	timeout = 5.0
func _exit_tree() -> void:
	left = true
func ask(at: String, how: HTTPClient.Method) -> Error:
	var status: HTTPClient.Status = get_http_client_status()
	return request(at, PackedStringArray(), how) if status == HTTPClient.STATUS_DISCONNECTED else FAILED
"""
	assert_error(script.reload(), OK, "the script parses")
	var node: Node = script.new()
	tree.root.add_child(node)
	assert_error(node.ask(url("/hello"), HTTPClient.METHOD_POST), OK, "request()")
	var result: Array = await node.request_completed
	await wait_frames(1)
	assert_equal(result[1], 200, "code")
	node.ask(url("/fault/never-answers", "raw"), HTTPClient.METHOD_GET)
	var task: RefCounted = node.get_task()
	tree.root.remove_child(node)
	assert_true(node.left, "the script's own _exit_tree()")
	assert_response(await response_of(task), CANCELLED, 0)
	node.free()


func _outcome(name: StringName, case: Array) -> Dictionary:
	# Before the first frame, the root is not in the tree.
	await wait_frames(1)
	var node := made(name) as Node
	tree.root.add_child(node)
	for property: String in case[5]:
		node.set(property, case[5][property])
	var outcome := Outcome.new()
	node.request_completed.connect(
		func(result: int, code: int, headers: PackedStringArray, body: PackedByteArray) -> void:
			outcome.calls.append([result, code, _lasting(headers), body.size(), body.hex_encode().md5_text()]))
	if case[4] is PackedByteArray:
		outcome.error = node.request_raw(case[1], PackedStringArray(case[2]), case[3], case[4])
	else:
		outcome.error = node.request(case[1], PackedStringArray(case[2]), case[3], case[4])
	var end := Time.get_ticks_msec() + 15_000
	while outcome.calls.is_empty() and Time.get_ticks_msec() < end and outcome.error == OK:
		await wait_frames(1)
	await wait_frames(2)
	var status: int = node.get_http_client_status()
	node.free()
	return {"error": outcome.error, "calls": outcome.calls, "status": status}


func _lasting(headers: PackedStringArray) -> Array:
	return Array(headers).filter(func(header: String) -> bool: return not header.to_lower().begins_with("date:"))


func _methods(name: StringName) -> Dictionary:
	var found := {}
	for method: Dictionary in ClassDB.class_get_method_list(name, true):
		if not str(method["name"]).begins_with("_"):
			found[method["name"]] = [
				_arguments(method), method["default_args"], _shown_info(method["return"]), method["flags"] & ~METHOD_FLAG_OBJECT_CORE]
	return found


func _properties(name: StringName) -> Dictionary:
	var found := {}
	for property: Dictionary in ClassDB.class_get_property_list(name, true):
		if not property["usage"] & PROPERTY_USAGE_CATEGORY:
			found[property["name"]] = [
				_shown_info(property), property["hint"], property["hint_string"], property["usage"],
				ClassDB.class_get_property_getter(name, property["name"]), ClassDB.class_get_property_setter(name, property["name"])]
	return found


func _arguments(info: Dictionary) -> Array:
	return (info["args"] as Array).map(func(argument: Dictionary) -> Array: return [argument["name"], _shown_info(argument)])


func _shown_info(info: Dictionary) -> Array:
	return [info["type"], str(info["class_name"])]
