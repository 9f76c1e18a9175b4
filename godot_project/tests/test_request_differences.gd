# deadline: 180
# Errors that the nodes print for some of these cases.
# expect-log: Condition "!_check_request_url\(p_method, p_url\)" is true
# expect-log: Invalid HTTP header at index 0
# expect-log: Index p_method = 42 is out of bounds
# expect-log: ^ERROR: HTTPRequestRust\.request\(\): .+
extends "res://tests/support/fetch_case.gd"
## Intended differences between HTTPRequestRust and the engine's HTTPRequest: the rows of docs/differences.md, tested on both
## nodes.


func test_all_redirects_are_followed() -> void:
	for code: String in ["303", "307", "308"]:
		var case := [_redirect(code, url("/echo")), ["Content-Type: text/plain"], HTTPClient.METHOD_POST, "body", {}]
		await _assert_comes_out(&"HTTPRequest", case, [SUCCESS, code.to_int()])
		var echo := _echo(await _assert_comes_out(&"HTTPRequestRust", case, [SUCCESS, 200]))
		var keeps := code != "303"
		assert_equal(echo["method"], "POST" if keeps else "GET", "method after " + code)
		assert_equal(str(echo["body_text"]), "body" if keeps else "", "body after " + code)
		assert_equal(sent_values(echo, "Content-Type").size(), int(keeps), "Content-Type after " + code)


func test_a_post_that_becomes_a_get_sends_no_body() -> void:
	var case := [_redirect("302", url("/echo")), ["Content-Type: text/plain"], HTTPClient.METHOD_POST, "body", {}]
	var engines := _echo(await _assert_comes_out(&"HTTPRequest", case, [SUCCESS, 200]))
	var ours := _echo(await _assert_comes_out(&"HTTPRequestRust", case, [SUCCESS, 200]))
	assert_equal([engines["method"], engines["body_length"]], ["GET", 4.0], "the engine's")
	assert_equal([ours["method"], ours["body_length"]], ["GET", 0.0], "ours")


func test_locations_are_resolved() -> void:
	var relative := [url("/redirect?to=../hello"), [], 0, "", {}]
	await _assert_comes_out(&"HTTPRequest", relative, [4, 0])
	assert_equal((await _assert_comes_out(&"HTTPRequestRust", relative, [SUCCESS, 200]))["body"], HELLO, "the body")
	var network_path := [url("/redirect?to=//%s/hello" % address_of("http")), [], 0, "", {}]
	await _assert_comes_out(&"HTTPRequest", network_path, [SUCCESS, 404])
	assert_equal((await _assert_comes_out(&"HTTPRequestRust", network_path, [SUCCESS, 200]))["body"], HELLO, "the body")


func test_credentials_stay_with_their_server() -> void:
	var to := url("/echo").replace("127.0.0.1", "localhost")
	var case := [_redirect("302", to), ["Authorization: x", "Cookie: a=b"], 0, "", {}]
	var engines := _echo(await _assert_comes_out(&"HTTPRequest", case, [SUCCESS, 200]))
	var ours := _echo(await _assert_comes_out(&"HTTPRequestRust", case, [SUCCESS, 200]))
	for name: String in ["Authorization", "Cookie"]:
		assert_equal([sent_values(engines, name).size(), sent_values(ours, name).size()], [1, 0], name)


func test_a_redirect_to_a_file_fails() -> void:
	var case := [_redirect("302", "file:///etc/passwd"), [], 0, "", {}]
	await _assert_comes_out(&"HTTPRequest", case, [4, 0])
	await _assert_comes_out(&"HTTPRequestRust", case, [9, 302])


func test_an_error_page_is_no_file() -> void:
	var case := [url("/status/404"), [], 0, "", {"download_file": folder().path_join("page")}]
	assert_equal((await _assert_comes_out(&"HTTPRequest", case, [SUCCESS, 404]))["file"], 14, "the engine's file")
	assert_equal((await _assert_comes_out(&"HTTPRequestRust", case, [SUCCESS, 404]))["file"], -1, "ours")
	remove_folder()


func test_half_a_body_is_no_file() -> void:
	var case := [url("/fault/body-cut-short", "raw"), [], 0, "", {"download_file": folder().path_join("half")}]
	assert_equal((await _outcome(&"HTTPRequest", case))["file"], 400, "the engine's file")
	assert_equal((await _assert_comes_out(&"HTTPRequestRust", case, [4, 200]))["file"], -1, "ours")
	remove_folder()


func test_a_body_that_breaks_off_has_its_code() -> void:
	for fault: String in ["body-cut-short", "reset-in-body", "reset-in-chunk"]:
		var case := [url("/fault/" + fault, "raw"), [], 0, "", {}]
		assert_equal((await _outcome(&"HTTPRequest", case))["code"], 0, "the engine's code of " + fault)
		await _assert_comes_out(&"HTTPRequestRust", case, [4, 200])
	var late := [url("/fault/stop-in-chunk", "raw"), [], 0, "", {"timeout": 0.5}]
	await _assert_comes_out(&"HTTPRequest", late, [13, 0])
	await _assert_comes_out(&"HTTPRequestRust", late, [13, 200])


func test_a_truncated_gzip_body_fails() -> void:
	var packed := "packed ".repeat(500).to_utf8_buffer().compress(FileAccess.COMPRESSION_GZIP)
	var cut := response_with(["Content-Encoding: gzip"], packed.slice(0, packed.size() - 9))
	var case := [url_of_reply(cut, false), [], 0, "", {}]
	await _assert_comes_out(&"HTTPRequest", case, [SUCCESS, 200])
	await _assert_comes_out(&"HTTPRequestRust", case, [8, 200])


func test_a_body_that_lasts_until_the_connection_ends_is_read() -> void:
	var case := [url_of_reply("HTTP/1.1 200 OK\r\n\r\nall of it"), [], 0, "", {}]
	assert_not_equal((await _outcome(&"HTTPRequest", case))["body"], "all of it", "the engine's body")
	assert_equal((await _assert_comes_out(&"HTTPRequestRust", case, [SUCCESS, 200]))["body"], "all of it", "the body")


func test_what_makes_no_sense_is_refused_at_once() -> void:
	for case: Array in [
			[url("/hello"), ["nonsense"], 0, "", {}], [url("/hello"), ["A: b\r\nC: d"], 0, "", {}], [url("/hello"), [], 42, "", {}],
			[url("/hello"), [], HTTPClient.METHOD_CONNECT, "", {}]]:
		assert_error((await _outcome(&"HTTPRequest", case))["error"], OK, "the engine's request()")
		assert_error((await _outcome(&"HTTPRequestRust", case))["error"], ERR_INVALID_PARAMETER, "request()")


func test_other_codings_are_taken() -> void:
	var case := [url("/echo"), [], 0, "", {}]
	var ours := _echo(await _assert_comes_out(&"HTTPRequestRust", case, [SUCCESS, 200]))
	var engines := _echo(await _assert_comes_out(&"HTTPRequest", case, [SUCCESS, 200]))
	assert_equal(sent_values(engines, "Accept-Encoding"), PackedStringArray(["gzip, deflate"]), "the engine's")
	assert_equal(sent_values(ours, "Accept-Encoding"), PackedStringArray(["gzip, deflate, br, zstd"]), "ours")
	for name: String in ["User-Agent", "Accept", "Host"]:
		assert_equal(sent_values(ours, name), sent_values(engines, name), name)


func test_it_takes_few_frames() -> void:
	await wait_frames(1)
	var node := made(&"HTTPRequestRust") as Node
	if node == null:
		return
	tree.root.add_child(node)
	for turn: int in 3:
		node.request(url("/hello"))
		var frame := Engine.get_process_frames()
		# The server and the worker thread get time, but no frame passes.
		OS.delay_msec(200)
		await node.request_completed
		assert_true(Engine.get_process_frames() - frame <= 1, "%d frames" % (Engine.get_process_frames() - frame))
	node.queue_free()


func _redirect(code: String, to: String) -> String:
	return url_of_reply("HTTP/1.1 %s X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % [code, to], false)


func _echo(outcome: Dictionary) -> Dictionary:
	var parsed: Variant = JSON.parse_string(outcome["body"])
	if parsed is Dictionary:
		return parsed
	assert_true(false, "expected the server's JSON")
	return {"method": "", "headers": [], "body_text": "", "body_length": -1.0}


func _assert_comes_out(name: StringName, case: Array, expected: Array) -> Dictionary:
	var outcome := await _outcome(name, case)
	assert_equal([outcome["result"], outcome["code"]], expected, "result and code of %s for %s" % [name, str(case[0]).left(70)])
	return outcome


## `case` is the URL, the headers, the method, the body and the properties to set.
func _outcome(name: StringName, case: Array) -> Dictionary:
	# Before the first frame, the root is not in the tree.
	await wait_frames(1)
	var outcome := {"error": FAILED, "result": -1, "code": -1, "body": "", "file": -1}
	var node := made(name) as Node
	if node == null:
		return outcome
	tree.root.add_child(node)
	node.timeout = 10.0
	for property: String in case[4]:
		node.set(property, case[4][property])
	node.request_completed.connect(
		func(result: int, code: int, _headers: PackedStringArray, body: PackedByteArray) -> void:
			outcome.merge({"result": result, "code": code, "body": body.get_string_from_utf8()}, true))
	outcome["error"] = node.request(case[0], PackedStringArray(case[1]), case[2], case[3])
	var end := Time.get_ticks_msec() + 15_000
	while outcome["result"] == -1 and outcome["error"] == OK and Time.get_ticks_msec() < end:
		await wait_frames(1)
	var path: String = node.download_file
	await wait_frames(1)
	node.free()
	if not path.is_empty() and FileAccess.file_exists(path):
		outcome["file"] = FileAccess.get_file_as_bytes(path).size()
		DirAccess.remove_absolute(path)
	return outcome
