extends "res://tests/support/test_case.gd"
## The common behavior of HTTPClientRust and its stand-in for exports without the library. Runs with both.
# expect-log: ^ERROR: HTTPClientRust\.(connect_to_host|request|read_response_body_chunk)\(\): .+


func test_answers_of_every_kind_come_whole() -> void:
	for case: Array in [
			[HTTPClient.METHOD_GET, "/hello", 200, 32], [HTTPClient.METHOD_HEAD, "/hello", 200, 0],
			[HTTPClient.METHOD_GET, "/status/204", 204, 0],
			[HTTPClient.METHOD_GET, "/status/404", 404, -1], [HTTPClient.METHOD_GET, "/chunked/100000", 200, 100_000],
			[HTTPClient.METHOD_GET, "/bytes/2000000", 200, 2_000_000]]:
		var client := await connected_client()
		var answer := await exchange(client, case[0], case[1])
		assert_equal(answer.code, case[2], "code of " + case[1])
		if case[3] >= 0:
			assert_equal(answer.body.size(), case[3], "bytes of " + case[1])
		assert_status(client, HTTPClient.STATUS_CONNECTED, "status after " + case[1])
		assert_equal(answer.message, "", "message after " + case[1])


func test_one_request_follows_the_other() -> void:
	var client := await connected_client()
	for turn: int in 3:
		assert_equal((await exchange(client, HTTPClient.METHOD_GET, "/hello")).code, 200, "code")
	var echo := echoed(await exchange(client, HTTPClient.METHOD_POST, "/echo?a=b c#d", ["X-One: 1"], "Zoë"))
	assert_equal([echo["method"], echo["target"], echo["body_text"]], ["POST", "/echo?a=b%20c", "Zoë"], "the request")
	assert_equal(sent_values(echo, "X-One"), PackedStringArray(["1"]), "a header")
	echo = echoed(await exchange(client, HTTPClient.METHOD_PUT, "echo", [], "raw".to_utf8_buffer()))
	assert_equal([echo["target"], echo["body_text"]], ["/echo", "raw"], "bytes, and a path without a slash")
	echo = echoed(await exchange(client, HTTPClient.METHOD_POST, "/echo"))
	assert_equal(sent_values(echo, "Content-Length"), PackedStringArray(["0"]), "an empty body")


func test_headers_are_told_in_every_form() -> void:
	var client := await connected_client()
	var started := Exchange.new(client)
	await started.start(HTTPClient.METHOD_GET, "/set-cookies", [], "")
	assert_true(not client.has_response(), "has_response() after the headers were read")
	assert_equal(client.get_response_header_values("set-COOKIE").size(), 2, "get_response_header_values()")
	var joined := "; ".join(client.get_response_header_values("Set-Cookie"))
	assert_equal(client.get_response_headers_as_dictionary()["Set-Cookie"], joined, "joined values")
	assert_equal(client.get_response_headers(), started.headers, "get_response_headers() once more")
	assert_true(client.get_timings()["first_byte"] > 0, "get_timings()")
	assert_equal(client.get_request_bytes_sent() > 0, ClassDB.class_exists(&"HTTPClientRust"), "bytes that were sent")
	await started.read_body()
	assert_true(client.get_timings()["total"] > 0, "the time of all of it")


func test_read_response_body_available_gives_all_that_has_come() -> void:
	var client := await connected_client()
	await Exchange.new(client).start(HTTPClient.METHOD_GET, "/bytes/300000", [], "")
	var body := PackedByteArray()
	while client.get_status() == HTTPClient.STATUS_BODY:
		client.poll()
		body.append_array(client.read_response_body_available())
		await wait_frames(1)
	assert_equal(body.size(), 300_000, "bytes")
	assert_status(client, HTTPClient.STATUS_CONNECTED)


func test_failures_have_their_status_and_a_sentence() -> void:
	var client := new_client()
	for case: Array in [
			["127.0.0.1", refused_port(), HTTPClient.STATUS_CANT_CONNECT], ["name.invalid", 80, HTTPClient.STATUS_CANT_RESOLVE]]:
		var opening := Exchange.new(client)
		await opening.open(case[0], case[1])
		assert_status(client, case[2], case[0])
		assert_contains(opening.message, case[0], "the message names the host")
		assert_error(client.request(HTTPClient.METHOD_GET, "/", []), ERR_INVALID_PARAMETER, "request()")
	for fault: String in ["/fault/body-cut-short", "/fault/reset-in-body"]:
		client = await connected_client("raw")
		var answer := await exchange(client, HTTPClient.METHOD_GET, fault)
		assert_status(client, HTTPClient.STATUS_CONNECTION_ERROR, fault)
		assert_true(answer.message.length() > 20, "a sentence for " + fault)
		assert_equal(client.get_response_code(), 200, "the code stays known")
		assert_true(client.poll() != OK, "poll() afterwards")


func test_arguments_that_make_no_sense_are_refused_with_a_sentence() -> void:
	var client := new_client()
	assert_error(client.poll(), ERR_UNCONFIGURED, "poll() without a connection")
	for case: Array in [
			["", 80], ["a b", 80], ["example.com/path", 80], ["example.com", 0], ["example.com", 65536], ["example.com:81", 82],
			["user:pass@example.com", 80], ["http://", -1]]:
		assert_error(client.connect_to_host(case[0], case[1]), ERR_INVALID_PARAMETER, "connect_to_host(%s)" % [case])
		assert_true(client.get_error_message().length() > 20, "a sentence for %s" % [case])
		assert_true(not client.get_error_message().contains("pass@"), "no secret")
	assert_error(client.connect_to_host("127.0.0.1", 80, 12), ERR_INVALID_PARAMETER, "use_ssl")
	for host: String in ["http://127.0.0.1:%d/" % port_of("http"), "127.0.0.1:%d" % port_of("http")]:
		assert_error(client.connect_to_host(host), OK, host)
	client = await connected_client()
	for case: Array in [
			["/hello", ["A: b\r\nC: d"]], ["/hello", ["no colon"]], ["/a\nb", []], ["/hello", ["Content-Length: 5"]]]:
		assert_error(client.request(HTTPClient.METHOD_GET, case[0], case[1]), ERR_INVALID_PARAMETER, "request(%s)" % [case])
		assert_true(client.get_error_message().length() > 20, "a sentence for %s" % [case])
	assert_error(client.request(99, "/hello", []), ERR_INVALID_PARAMETER, "a method")
	assert_status(client, HTTPClient.STATUS_CONNECTED, "nothing was sent")
	assert_equal((await exchange(client, HTTPClient.METHOD_GET, "/hello")).code, 200, "a request afterwards")


func test_read_timeout_ends_the_wait_for_a_silent_server() -> void:
	for fault: String in ["/fault/never-answers", "/fault/stop-in-chunk"]:
		var client := await connected_client("raw")
		client.read_timeout = 0.3
		var answer := await exchange(client, HTTPClient.METHOD_GET, fault)
		assert_status(client, HTTPClient.STATUS_CONNECTION_ERROR, fault)
		assert_contains(answer.message, "0.3", "the message")


func test_close_ends_everything_at_once() -> void:
	for target: String in ["/fault/never-answers", "/fault/stop-in-chunk"]:
		var client := await connected_client("raw")
		client.request(HTTPClient.METHOD_GET, target, [])
		await wait_frames(5)
		client.close()
		assert_status(client, HTTPClient.STATUS_DISCONNECTED, target)
		assert_error(client.poll(), ERR_UNCONFIGURED, "poll()")
		assert_equal(client.read_response_body_chunk().size(), 0, "a read")
