# Mistakes of a script are logged, as by the engine's own classes.
# expect-log: ^ERROR: HTTPSessionRust\.(get_cookies|set_cookie|set_basic_auth|set_tls_options|set_https?_proxy|set_(connect_|stall_)?timeout)\(\): .+
# expect-log: ^ERROR: HTTPSessionRust\.(set_cookie_file|set_cache_directory|set_max_connections_per_host)\(\): .+
# expect-log: ^ERROR: HTTPTaskRust\.bind_node\(\): the node is null
# expect-log: ^ERROR: HTTPFormRust\.add_(file|bytes)\(\): .+
# expect-log: ^ERROR: HTTPRequestRust\.(request|request_raw|set_tls_options|set_timeout|set_download_chunk_size|set_download_file)\(\): .+
extends "res://tests/support/fetch_case.gd"
## Bad input to sessions, tasks, forms and nodes: each returns a code or a result with a message, and everything continues to
## work.


func test_settings_out_of_range_are_refused_or_taken_for_the_nearest() -> void:
	var session := new_session()
	if session == null:
		return
	for name: String in ["connect_timeout", "stall_timeout", "timeout"]:
		var before: float = session.get(name)
		for value: float in [-1.0, NAN, INF, -INF, 1e300]:
			session.set(name, value)
			assert_equal(session.get(name), before, "%s after %s" % [name, value])
	for case: Array in [
			["max_redirects", -7, -1], ["max_redirects", 1 << 62, 4_294_967_295], ["max_retries", -7, 0],
			["max_retries", 1 << 62, 4_294_967_295], ["body_size_limit", -7, -1], ["body_size_limit", 0, 0],
			["max_connections_per_host", 0, 6], ["max_connections_per_host", -1, 6]]:
		session.set(case[0], case[1])
		assert_equal(session.get(case[0]), case[2], "%s after %s" % [case[0], case[1]])
	for name: String in ["connect_timeout", "stall_timeout", "timeout"]:
		session.set(name, 1e-12)
		assert_true(session.get(name) > 0.0, "a %s that is nearly 0 must not be 0, which is no limit" % name)
		session.set(name, 30.0)
	session.body_size_limit = 100
	assert_response(await fetched(session, url("/hello")), SUCCESS, 200)


func test_urls_headers_and_methods_of_all_kinds_end_with_a_sentence() -> void:
	var session := new_session()
	if session == null:
		return
	for at: String in ["", " ", "http:", "http:///", "http://[::1", "http://a b/", "file:///etc/passwd", "javascript:1", "http://a:99999/",
			"http://a:0/", "http://\u0007/", "http://a/\r\nX: y", "x".repeat(100_000), "\u202e"]:
		assert_response(await fetched(session, at), INVALID_REQUEST, 0, at.left(30))
	for header: String in ["", ":", ": x", "a b: c", "A\r\n: b", "A: b\nC: d", "Content-Length: 5", "Transfer-Encoding: chunked"]:
		assert_response(await fetched(session, url("/hello"), [header]), INVALID_REQUEST, 0, header)
	for method: int in [-1, 9, 1 << 62, -(1 << 62)]:
		assert_response(await fetched(session, url("/hello"), [], method), INVALID_REQUEST, 0, str(method))
	for body: Variant in [1, 1.5, true, Vector2.ZERO, Node, Callable(), ^"a/b"]:
		assert_response(await fetched(session, url("/hello"), [], 2, body), INVALID_REQUEST, 0, str(body))
	assert_response(await fetched(session, url("/hello")), SUCCESS, 200)


func test_no_message_has_a_secret() -> void:
	var session := new_session()
	if session == null:
		return
	for case: Array in [
			["http://user:hunter2@:80/", []], ["ftp://user:hunter2@a/", []], [url("/hello"), ["Authorization: hunter2\r\nX: y"]],
			[url("/hello"), ["hunter2"]]]:
		var response := await fetched(session, case[0], PackedStringArray(case[1]))
		assert_true(not str(response.get_error_message()).contains("hunter2"), "the message for %s" % [case])


func test_cookies_and_proxies_that_make_no_sense() -> void:
	var session := new_session()
	if session == null:
		return
	assert_equal(session.get_cookies("nonsense").size(), 0, "cookies of no URL")
	for case: Array in [["", ""], ["nonsense", "a=b"], ["http://a.com/", ""], ["http://a.com/", "a=b; Domain=b.com"], ["http://a.com/", "a=\u0001"]]:
		assert_error(session.set_cookie(case[0], case[1]), ERR_INVALID_PARAMETER, "set_cookie(%s)" % [case])
	session.set_tls_options(TLSOptions.server(CryptoKey.new(), X509Certificate.new()))
	session.cookie_file = "res://"
	assert_equal(session.cookie_file, "", "a folder as the cookie file")
	var cookies := folder().path_join("cookies")
	session.cookie_file = cookies
	session.cookie_file = "res://"
	assert_equal(session.cookie_file, cookies, "the earlier file stays in use")
	assert_error(session.set_cookie("http://a.com/", "a=b; Max-Age=60"), OK)
	assert_contains(FileAccess.get_file_as_string(cookies), "a.com", "the earlier file")
	FileAccess.open(cookies, FileAccess.WRITE).store_string("notes of somebody")
	session.cookie_file = folder() + "/./cookies"
	assert_equal(session.cookie_file, "", "a file that has other contents now, with another spelling of its path")
	assert_error(session.set_cookie("http://a.com/", "c=d; Max-Age=60"), OK)
	assert_equal(FileAccess.get_file_as_string(cookies), "notes of somebody", "it is left alone")
	remove_folder()
	for path: String in ["res://cache", "cache", "../cache", "http://a/", "user://../../../../../../../../proc/none"]:
		session.cache_directory = path
		assert_equal(session.cache_directory, "", "the cache in " + path)
	session.set_http_proxy("socks5://a", 1080)
	assert_true((await fetched(session, url("/hello"))).get_result() in [2, INVALID_REQUEST], "an unusable proxy")
	session.set_http_proxy("", -1)
	assert_response(await fetched(session, url("/hello")), SUCCESS, 200)


func test_downloads_to_no_file() -> void:
	var session := new_session()
	if session == null:
		return
	for path: String in ["", "user://", folder(), folder() + "/", "/proc/none/x", "uid://unknown"]:
		var response := await response_of(session.download(url("/hello"), path), path)
		assert_true(response.get_result() in [10, 11, INVALID_REQUEST], "%s: result %d" % [path, response.get_result()])
		assert_true(str(response.get_error_message()).length() > 10, "a sentence for " + path)
		assert_equal(str(response.get_error_message()).contains("\"\""), false, path + ": a sentence with an empty name")
	assert_equal(DirAccess.get_files_at(folder()).size(), 0, "files in the folder")
	DirAccess.remove_absolute(folder() + ".part")
	remove_folder()


func test_a_download_file_that_is_a_folder_fails_with_the_code() -> void:
	var node := made(&"HTTPRequestRust") as Node
	if node == null:
		return
	await wait_frames(1)
	tree.root.add_child(node)
	node.download_file = folder() + "/"
	assert_error(node.request(url("/hello")), OK)
	var result: Array = await node.request_completed
	await wait_frames(1)
	assert_equal([result[0], result[1]], [10, 200], "result and code")
	assert_contains(node.get_task().get_response().get_error_message(), "folder", "sentence")
	node.free()
	remove_folder()


func test_two_downloads_to_one_path() -> void:
	var session := new_session()
	if session == null:
		return
	var path := folder().path_join("one")
	var first: RefCounted = session.download(url("/bytes/3000000?delay_ms=5"), path)
	await wait_frames(5)
	assert_response(await response_of(session.download(url("/bytes/10"), path)), 10, 0, "the second")
	first.cancel()
	assert_response(await response_of(first), CANCELLED, first.get_response().get_response_code(), "the first")
	remove_folder()


func test_two_spellings_of_one_path_are_one_path() -> void:
	var session := new_session()
	if session == null:
		return
	DirAccess.make_dir_recursive_absolute(folder().path_join("inner"))
	var path := folder().path_join("ä ö.bin")
	var first: RefCounted = session.download(url("/bytes/3000000?delay_ms=5"), path)
	await wait_frames(5)
	for spelling: String in ["user://%s/ä ö.bin" % folder().get_file(), folder() + "/inner/../ä ö.bin"]:
		assert_response(await response_of(session.download(url("/bytes/10"), spelling)), 10, 0, spelling)
	assert_response(await response_of(first), SUCCESS, 200, "the first")
	assert_equal(FileAccess.get_file_as_bytes(path).size(), 3_000_000, "its file")
	DirAccess.remove_absolute(folder().path_join("inner"))
	remove_folder()


func test_bodies_that_json_cannot_hold_are_refused_and_others_arrive_whole() -> void:
	var session := new_session()
	if session == null:
		return
	var itself := {}
	itself["a"] = [itself]
	var response := await fetched(session, url("/echo"), [], 2, itself)
	itself.clear()
	assert_response(response, INVALID_REQUEST, 0, "a body that contains itself")
	assert_contains(response.get_error_message(), "contains itself", "sentence")
	var deepest: Variant = 1
	for level: int in 1024:
		if level % 2 == 0:
			deepest = {"a": deepest}
		else:
			deepest = [deepest]
	assert_response(await fetched(session, url("/echo"), [], 2, deepest), SUCCESS, 200, "1024 levels")
	assert_response(await fetched(session, url("/echo"), [], 2, [deepest]), INVALID_REQUEST, 0, "1025 levels")
	assert_equal(
		echo_of(await fetched(session, url("/echo"), [], 2, [1700000000.123456, 0.1, 9007199254740993]))["body_text"],
		"[1700000000.123456,0.1,9007199254740993]", "every digit of a number")
	assert_equal(
		echo_of(await fetched(session, url("/echo"), [], 2, ["\u0001\u000b\\v"]))["body_text"],
		"[\"\\u0001\\u000b\\\\v\"]", "control characters")
	var typed: Array[Dictionary] = [{"a": [1, "b"] as Array}]
	assert_equal(echo_of(await fetched(session, url("/echo"), [], 2, typed))["body_text"], '[{"a":[1,"b"]}]', "a typed array")


func test_a_string_name_is_a_string_as_body_and_as_argument() -> void:
	var session := new_session()
	if session == null:
		return
	assert_equal(echo_of(await fetched(session, url("/echo"), [], 2, &"name"))["body_text"], "name", "body")
	var task: RefCounted = session.callv("fetch", [StringName(url("/hello")), [&"A: b"]])
	assert_response(await response_of(task), SUCCESS, 200, "URL")


func test_a_base_url_and_a_user_that_make_no_sense() -> void:
	var session := new_session()
	if session == null:
		return
	session.base_url = "nonsense"
	var sentence: String = (await fetched(session, "/hello")).get_error_message()
	assert_contains(sentence, "the URL is relative; write it like https://example.com/", "sentence")
	assert_equal(session.get_cookies("/hello").size(), 0, "cookies")
	session.base_url = url("/")
	session.set_basic_auth("a:b", "c")
	assert_equal(sent_values(echo_of(await fetched(session, "/echo")), "Authorization").size(), 0, "credentials")


func test_forms_with_odd_parts() -> void:
	var session := new_session()
	var form := made(&"HTTPFormRust")
	if session == null or form == null:
		return
	form.add_bytes("a", PackedByteArray(), "x", "no type")
	form.add_file("b", "res://project.godot", "x", "a/b\r\nX: y")
	form.add_field("", "")
	form.add_field("\r\n\"--", "\u0000")
	var body: String = echo_of(await fetched(session, url("/echo"), [], 2, form))["body_text"]
	assert_equal(body.count("Content-Disposition"), 2, "parts that were taken")


func test_tasks_and_nodes_with_odd_calls() -> void:
	var session := new_session()
	var node := made(&"HTTPRequestRust") as Node
	if session == null or node == null:
		return
	await wait_frames(1)
	var task: RefCounted = session.fetch(url("/hello"))
	assert_true(task.bind_node(null) == task, "bind_node(null)")
	assert_response(await response_of(task), SUCCESS, 200)
	task.cancel()
	assert_true(task.bind_node(node) == task, "bind_node() of a task that is over")
	node.set_tls_options(null)
	node.set_timeout(-1.0)
	node.set_download_chunk_size(0)
	node.cancel_request()
	tree.root.add_child(node)
	assert_error(node.request_raw("nonsense"), ERR_INVALID_PARAMETER, "request_raw()")
	assert_error(node.request(url("/fault/never-answers", "raw")), OK, "request()")
	node.download_file = "user://x"
	assert_equal(node.download_file, "", "download_file during a request")
	node.free()
