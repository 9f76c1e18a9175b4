# deadline: 300
extends "res://tests/support/fetch_case.gd"
## Servers that fail, lie or attack, from a script's view: each case has its result, code and message, and the session continues
## to work.

const CONNECTION_ERROR := HTTPRequest.RESULT_CONNECTION_ERROR
const TOO_LARGE := HTTPRequest.RESULT_BODY_SIZE_LIMIT_EXCEEDED
const DAMAGED := HTTPRequest.RESULT_BODY_DECOMPRESS_FAILED
const REQUEST_FAILED := HTTPRequest.RESULT_REQUEST_FAILED


func test_bombs_end_at_the_limit_also_one_in_another() -> void:
	var zeros := PackedByteArray()
	zeros.resize(64 << 20)
	var packed := zeros.compress(FileAccess.COMPRESSION_GZIP)
	assert_true(packed.size() * 900 < zeros.size(), "1:900 at least, it is %d" % packed.size())
	zeros.clear()
	var session := new_session()
	session.body_size_limit = 1 << 20
	for case: Array in [
			["gzip", packed], ["gzip, gzip", packed.compress(FileAccess.COMPRESSION_GZIP)],
			["gzip, zstd", packed.compress(FileAccess.COMPRESSION_ZSTD)]]:
		var response := await fetched(session, url_of_reply(response_with(["Content-Encoding: " + case[0]], case[1])))
		_assert_failed(response, TOO_LARGE, 200, case[0])
	var many := ", ".join(PackedStringArray(["gzip", "gzip", "gzip", "gzip", "gzip", "gzip"]))
	_assert_failed(await fetched(session, url_of_reply(response_with(["Content-Encoding: " + many], [1, 2, 3]))), DAMAGED, 200, "six codings")
	await _goes_on(session)


func test_every_coding_that_is_cut_or_damaged_fails_and_nothing_of_it_is_given_out() -> void:
	var text := "packed ".repeat(400).to_utf8_buffer()
	var codings := {
		"gzip": text.compress(FileAccess.COMPRESSION_GZIP), "deflate": text.compress(FileAccess.COMPRESSION_DEFLATE),
		"zstd": text.compress(FileAccess.COMPRESSION_ZSTD)}
	var session := new_session()
	for coding: String in codings:
		var whole: PackedByteArray = codings[coding]
		var header := PackedStringArray(["Content-Encoding: " + coding])
		var right := await fetched(session, url_of_reply(response_with(header, whole)))
		assert_true(right.get_body() == text, "%s is read" % coding)
		@warning_ignore("integer_division")
		for cut: int in [1, whole.size() / 2, whole.size() - 1]:
			var response := await fetched(session, url_of_reply(response_with(header, whole.slice(0, cut))))
			_assert_failed(response, DAMAGED, 200, "%s cut after %d" % [coding, cut])
		var damaged := whole.duplicate()
		@warning_ignore("integer_division")
		damaged[whole.size() / 2] ^= 0x55
		damaged[0] ^= 0xff
		_assert_failed(await fetched(session, url_of_reply(response_with(header, damaged))), DAMAGED, 200, coding + " damaged")
	for junk: String in ["no brotli at all", "\u0001"]:
		var response := await fetched(session, url_of_reply(response_with(["Content-Encoding: br"], junk.to_utf8_buffer())))
		_assert_failed(response, DAMAGED, 200, "br of " + junk)
	await _goes_on(session)


func test_redirects_without_an_end_and_to_where_nobody_should_go() -> void:
	var session := new_session()
	var reply := "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"
	var server := _Replies.new(tree, [(reply % "/again").to_utf8_buffer()])
	var loop := await fetched(session, "http://127.0.0.1:%d/" % server.port())
	_assert_failed(loop, HTTPRequest.RESULT_REDIRECT_LIMIT_REACHED, 302, "a loop")
	assert_equal([loop.get_redirects().size(), server.heads.size()], [10, 11], "redirects")
	for target: String in ["file:///etc/passwd", "data:text/plain,hello", "ftp://example.com/", "javascript:alert(1)", "gopher://a/"]:
		var response := await fetched(session, url_of_reply(reply % target))
		_assert_failed(response, REQUEST_FAILED, 302, target)
		assert_true(response.get_body().is_empty(), target)
	for target: String in ["http://", "//", "http://[::1", "http://a b/", "http://\u007f/"]:
		var response := await fetched(session, url_of_reply(reply % target))
		_assert_failed(response, REQUEST_FAILED, 302, "no URL: " + target)
	await _goes_on(session)


func test_a_user_in_a_location_is_nobodys_credentials() -> void:
	var session := new_session()
	var target := "http://user:se4ret@%s/echo" % address_of("http")
	var response := await fetched(session, url_of_reply("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % target))
	assert_response(response, SUCCESS, 200, "followed")
	assert_true(not response.get_text().to_lower().contains("authorization"), "sent: " + response.get_text())
	assert_true(not response.get_url().contains("se4ret"), response.get_url())


func test_credentials_of_every_kind_stay_with_their_origin() -> void:
	var session := new_session()
	session.base_url = "http://%s/" % address_of("raw")
	session.set_bearer_auth("of-the-session")
	var reply := "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % url("/echo")
	var own := PackedStringArray(["Cookie: a=by-hand", "Proxy-Authorization: Basic YTpi", "X-Other: stays"])
	var echo := echo_of(await fetched(session, reply_target(reply, true), own))
	var names: Array = echo["headers"].map(func(pair: Array) -> String: return str(pair[0]).to_lower())
	for name: String in ["authorization", "cookie", "proxy-authorization"]:
		assert_true(not names.has(name), "%s went to another origin: %s" % [name, names])
	assert_true(names.has("x-other"), "what is no secret goes along: %s" % [names])


func test_cookies_for_others_and_for_public_suffixes_are_not_kept() -> void:
	var session := new_session()
	var refused := [
		"a=1; Domain=example.com", "b=1; Domain=com", "c=1; Domain=co.uk", "__Host-d=1; Path=/; Domain=127.0.0.1", "__Secure-e=1",
		"f=1; Secure", "g=%s" % "x".repeat(5000), "h=1\u0001; Path=/", "=; Path=/"]
	var headers := PackedStringArray()
	for cookie: String in refused:
		headers.append("Set-Cookie: " + cookie)
	headers.append("Set-Cookie: kept=1")
	await fetched(session, url_of_reply(response_with(headers, [])))
	var names: Array = session.get_cookies(url("/", "raw")).map(func(cookie: Dictionary) -> String: return cookie["name"])
	assert_true(names.has("kept"), "the good one: %s" % [names])
	for name: String in ["a", "b", "c", "__Host-d", "__Secure-e", "g", "h"]:
		assert_true(not names.has(name), "%s was kept" % name)
	assert_equal(session.get_cookies("http://example.com/").size(), 0, "of another host")


func test_cookies_by_the_thousand_are_bounded() -> void:
	var session := new_session()
	for turn: int in 3:
		var headers := PackedStringArray()
		for number: int in 900:
			headers.append("Set-Cookie: c%d=%s" % [turn * 900 + number, "v".repeat(20)])
		assert_response(await fetched(session, url_of_reply(response_with(headers, []))), SUCCESS, 200, "round %d" % turn)
	var kept: int = session.get_cookies(url("/", "raw")).size()
	assert_true(kept > 0 and kept <= 200, "%d cookies of one host are kept" % kept)
	await _goes_on(session)


func test_event_streams_without_an_end_of_line_are_bounded() -> void:
	var session := new_session()
	session.max_retries = 0
	var head := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n"
	var line := PackedByteArray()
	line.resize(9 << 20)
	line.fill(0x61)
	var large := await _served((head % line.size()).to_utf8_buffer() + line, session)
	_assert_failed(large, TOO_LARGE, 200, "an event stream of one line")


func test_an_event_is_whole_also_with_nul_characters() -> void:
	var session := new_session()
	if session == null:
		return
	var reply := "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n".to_utf8_buffer()
	for byte: int in "event: a_b\ndata: c_d\n\n".to_utf8_buffer():
		reply.append(0 if byte == 0x5f else byte)
	var task: RefCounted = session.listen(url_of_reply(reply))
	var events := recorded(task)
	while named(events, "event_received").is_empty() and not task.is_completed():
		await wait_frames(1)
	task.cancel()
	await response_of(task)
	assert_equal(named(events, "event_received")[0][1], ["a\ufffdb", "c\ufffdd", ""], "event")


func test_a_part_that_somebody_else_wrote_is_not_gone_on_with() -> void:
	var path := folder().path_join("save.bin")
	for notes: String in ["", "no notes of ours", "{\"url\": \"%s\"}" % url("/file/30000")]:
		FileAccess.open(path + ".part", FileAccess.WRITE).store_string("of another program")
		if not notes.is_empty():
			FileAccess.open(path + ".part.info", FileAccess.WRITE).store_string(notes)
		var session := new_session()
		var response := await response_of(session.download(url("/file/30000"), path))
		assert_response(response, SUCCESS, 200, "with notes '%s'" % notes)
		assert_equal(FileAccess.get_file_as_bytes(path), (await fetched(session, url("/bytes/30000"))).get_body(), "the file")
		DirAccess.remove_absolute(path)
	assert_equal(DirAccess.get_files_at(folder()).size(), 0, "files that are left")
	remove_folder()


func test_a_file_that_cannot_get_its_name_keeps_its_part() -> void:
	var path := folder().path_join("taken")
	DirAccess.make_dir_recursive_absolute(path.path_join("full"))
	var session := new_session()
	var response := await response_of(session.download(url("/file/30000"), path))
	_assert_failed(response, HTTPRequest.RESULT_DOWNLOAD_FILE_WRITE_ERROR, 200, "a folder in its place")
	assert_contains(response.get_error_message(), "taken", "sentence")
	assert_equal(FileAccess.get_file_as_bytes(path + ".part").size(), 30_000, "bytes that are kept")
	DirAccess.remove_absolute(path.path_join("full"))
	DirAccess.remove_absolute(path)
	assert_response(await response_of(session.download(url("/file/30000"), path)), SUCCESS, 416, "the name alone was missing")
	assert_equal(FileAccess.get_file_as_bytes(path).size(), 30_000, "the file")
	DirAccess.remove_absolute(path)
	remove_folder()


func test_a_server_that_ignores_ranges_or_has_another_version_starts_over() -> void:
	var path := folder().path_join("save.bin")
	var session := new_session()
	session.max_retries = 0
	# Half of the body arrives, with a validator.
	var half := "HTTP/1.1 200 OK\r\nETag: \"one\"\r\nContent-Length: 10\r\n\r\n01234"
	for second: Array in [
			["HTTP/1.1 200 OK\r\nETag: \"one\"\r\nContent-Length: 10\r\n\r\nABCDEFGHIJ", "ABCDEFGHIJ"],
			["HTTP/1.1 200 OK\r\nETag: \"two\"\r\nContent-Length: 3\r\n\r\nnew", "new"]]:
		var replies := [half.to_utf8_buffer(), (second[0] as String).to_utf8_buffer()]
		var server := _Replies.new(tree, replies)
		var at := "http://127.0.0.1:%d/save" % server.port()
		_assert_failed(await response_of(session.download(at, path)), CONNECTION_ERROR, 200, "half")
		assert_equal(FileAccess.get_file_as_string(path + ".part"), "01234", "the part")
		assert_response(await response_of(session.download(at, path)), SUCCESS, 200, second[1])
		assert_contains(server.heads[1], "Range: bytes=5-", "the second request")
		assert_contains(server.heads[1], "If-Range: \"one\"", "the second request")
		assert_equal(FileAccess.get_file_as_string(path), second[1], "the file")
		DirAccess.remove_absolute(path)
	remove_folder()


func test_a_range_that_was_not_asked_for_is_never_written() -> void:
	var path := folder().path_join("save.bin")
	var session := new_session()
	session.max_retries = 0
	var half := "HTTP/1.1 200 OK\r\nETag: \"one\"\r\nContent-Length: 10\r\n\r\n01234"
	for content_range: String in ["bytes 4-8/10", "bytes 5-9/11", "bytes 6-9/10", "bytes 5-4/10", "pages 5-9/10", "bytes */10", ""]:
		var range_line := "Content-Range: %s\r\n" % content_range if not content_range.is_empty() else ""
		var second := "HTTP/1.1 206 Partial Content\r\nETag: \"one\"\r\n%sContent-Length: 5\r\n\r\nABCDE" % range_line
		var server := _Replies.new(tree, [half.to_utf8_buffer(), second.to_utf8_buffer()])
		var at := "http://127.0.0.1:%d/save" % server.port()
		await response_of(session.download(at, path))
		_assert_failed(await response_of(session.download(at, path)), REQUEST_FAILED, 206, "'%s'" % content_range)
		assert_equal(FileAccess.get_file_as_string(path + ".part"), "01234", "the part after '%s'" % content_range)
		assert_true(not FileAccess.file_exists(path), "no file")
		DirAccess.remove_absolute(path + ".part")
		DirAccess.remove_absolute(path + ".part.info")
	remove_folder()


func test_form_files_that_shrink_or_vanish_fail_with_the_name_of_their_field() -> void:
	var path := folder().path_join("save.bin")
	var session := new_session()
	var body := PackedByteArray()
	body.resize(40 << 20)
	for vanishes: bool in [false, true]:
		FileAccess.open(path, FileAccess.WRITE).store_buffer(body)
		var form := made(&"HTTPFormRust") as RefCounted
		form.add_file("the save", path)
		if vanishes:
			DirAccess.remove_absolute(path)
			_assert_failed(await fetched(session, url("/upload"), [], HTTPClient.METHOD_POST, form), INVALID_REQUEST, 0, "vanished before")
			continue
		# The server does not read the body, so the file is not sent to its end.
		var task: RefCounted = session.fetch(url("/fault/never-answers", "raw"), [], HTTPClient.METHOD_POST, form)
		while task.get_uploaded_bytes() == 0 and not task.is_completed():
			await wait_frames(1)
		FileAccess.open(path, FileAccess.WRITE).store_string("short")
		var response := await response_of(task)
		_assert_failed(response, REQUEST_FAILED, 0, "shrank")
		assert_contains(response.get_error_message(), "the save", "sentence")
	DirAccess.remove_absolute(path)
	remove_folder()
	await _goes_on(session)


func test_header_text_of_players_never_becomes_a_header_of_its_own() -> void:
	var session := new_session()
	for text: String in ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\r\n\r\nGET / HTTP/1.1"]:
		_assert_failed(await fetched(session, url("/echo"), ["X-Name: " + text]), INVALID_REQUEST, 0, text.c_escape())
		_assert_failed(await fetched(session, url("/echo?name=") + text), INVALID_REQUEST, 0, "URL " + text.c_escape())
		var form := made(&"HTTPFormRust") as RefCounted
		form.add_field(text, "value")
		form.add_bytes("file", [1, 2, 3], text)
		var response := await fetched(session, url("/echo"), [], HTTPClient.METHOD_POST, form)
		var echo := echo_of(response)
		assert_true(not str(echo["headers"]).to_lower().contains("x-evil"), str(echo["headers"]))
		assert_true(not str(echo["body_text"]).contains("\nX-Evil"), str(echo["body_text"]))
	var umlauts := echo_of(await fetched(session, url("/echo"), ["X-Name: Jörg \u2603"]))
	assert_true(umlauts["headers"].any(func(pair: Array) -> bool: return pair[0] == "X-Name"), "any other text is sent")


func test_broken_replies_have_their_result_and_the_session_goes_on() -> void:
	var session := new_session()
	session.max_retries = 0
	for fault: String in [
			"reset-at-once", "reset-in-head", "reset-in-body", "reset-in-chunk", "body-cut-short", "endless-1xx",
			"megabytes-of-header?mb=1", "garbage"]:
		var response := await fetched(session, url("/fault/" + fault, "raw"))
		assert_equal(response.get_result(), CONNECTION_ERROR, fault)
		assert_true(not response.get_error_message().is_empty(), fault + " has a sentence")
	await _goes_on(session)


func _assert_failed(response: RefCounted, result: int, code: int, what: String) -> void:
	if assert_response(response, result, code, what):
		assert_true(response.get_error_message().length() > 10, what + " has a sentence")
		assert_true(response.get_body().is_empty(), what + " gives nothing out")


func _goes_on(session: RefCounted) -> void:
	assert_response(await fetched(session, url("/hello")), SUCCESS, 200, "the session goes on")


func _served(reply: PackedByteArray, session: RefCounted) -> RefCounted:
	var server := _Replies.new(tree, [reply])
	return await response_of(session.listen("http://127.0.0.1:%d/" % server.port()))


## A server that sends one reply for each connection, and then closes it. It works once per frame.
class _Replies extends RefCounted:
	var heads := PackedStringArray()
	var _server := TCPServer.new()
	var _replies: Array
	var _clients: Array[StreamPeerTCP] = []
	var _received := PackedStringArray()
	## The rest of the reply to each client, set when the client's request head is complete.
	var _left: Array[PackedByteArray] = []

	func _init(tree: SceneTree, replies: Array) -> void:
		_replies = replies
		_server.listen(0, "127.0.0.1")
		tree.process_frame.connect(_work)

	func port() -> int:
		return _server.get_local_port()

	func _work() -> void:
		while _server.is_connection_available():
			_clients.append(_server.take_connection())
			_received.append("")
			_left.append(PackedByteArray())
		for index: int in _clients.size():
			var client := _clients[index]
			client.poll()
			if client.get_status() != StreamPeerTCP.STATUS_CONNECTED:
				continue
			if not _received[index].ends_with("\r\n\r\n"):
				_received[index] += client.get_utf8_string(client.get_available_bytes())
				if _received[index].ends_with("\r\n\r\n"):
					heads.append(_received[index])
					_left[index] = _replies[mini(heads.size(), _replies.size()) - 1]
			if _received[index].ends_with("\r\n\r\n"):
				var sent: Array = client.put_partial_data(_left[index])
				_left[index] = _left[index].slice(sent[1])
				if _left[index].is_empty():
					client.disconnect_from_host()
