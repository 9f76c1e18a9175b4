# deadline: 180
# Bad arguments are logged, as by the built-in class.
# expect-log: ^ERROR: HTTPClientRust\.connect_to_host\(\): .+
# expect-log: ^ERROR: HTTPClientRust\.request\(\): .+
extends "res://tests/support/test_case.gd"
## The intended differences between HTTPClientRust and the built-in class: one test for each row of the table of differences that
## can be observed over plain HTTP. The built-in class does not run here.

const OK_HEAD := "HTTP/1.1 200 OK\r\n"
const CHUNKED_HEAD := OK_HEAD + "Transfer-Encoding: chunked\r\n\r\n"
const SWITCHING := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"


func test_the_host_may_have_a_scheme_a_port_and_a_slash_at_the_end() -> void:
	var address := address_of("http")
	for host: String in [address, "http://" + address, "HTTP://%s/" % address, address + "/"]:
		var client := new_client()
		var opening := Exchange.new(client)
		await opening.open(host, -1)
		assert_error(opening.error, OK, "connect_to_host(%s)" % host)
		assert_equal(opening.last_status(), "CONNECTED", "status with %s" % host)
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/echo")
		assert_equal(sent_values(echoed(answer), "Host"), PackedStringArray([address]), "Host for %s" % host)


func test_the_host_may_be_an_ipv6_address_with_or_without_brackets() -> void:
	var address := "[::1]:%d" % refused_port()
	for host: String in [address, "http://%s/" % address, "[::1]", "0:0:0:0:0:0:0:1"]:
		var opening := Exchange.new(new_client())
		await opening.open(host, -1 if host.contains(address) else refused_port())
		assert_not_equal(opening.error, ERR_INVALID_PARAMETER, "connect_to_host(%s)" % host)
		assert_equal(opening.last_status(), "CANT_CONNECT", "status with %s" % host)
		assert_contains(opening.message, str(refused_port()), "message")


func test_a_host_name_may_have_letters_of_any_script() -> void:
	var opening := Exchange.new(new_client())
	await opening.open("bücher.invalid", 80)
	assert_error(opening.error, OK, "connect_to_host()")
	assert_equal(opening.last_status(), "CANT_RESOLVE", "status")
	assert_matches(opening.message, "bücher\\.invalid|xn--bcher-kva\\.invalid", "message")


func test_anything_else_as_host_is_refused() -> void:
	for host: String in [
			"", "http://", "http:///", "a b.example", "host.example/path", "host.example?q", "user@host.example",
			"host.example:port", "host.example:0", "host.example:65536", "host.example:-1", "[::1", "::1]", "[host.example]",
			"[::1]x", "http://http://host.example", "ftp://host.example", "host.exa\nmple", "host.example\r\nX: 1", "ho\tst.example"]:
		var client := new_client()
		assert_error(client.connect_to_host(host, -1), ERR_INVALID_PARAMETER, "connect_to_host(%s)" % var_to_str(host))
		assert_status(client, HTTPClient.STATUS_DISCONNECTED, "status after %s" % var_to_str(host))
		assert_not_equal(client.get_error_message(), "", "message for %s" % var_to_str(host))


func test_port_0_and_ports_above_65535_are_refused() -> void:
	for port: int in [0, 65536, 65616, 1 << 32, (1 << 32) + 80, 1 << 40, 9_223_372_036_854_775_807]:
		var client := new_client()
		assert_error(client.connect_to_host("127.0.0.1", port), ERR_INVALID_PARAMETER, "port %d" % port)
		assert_status(client, HTTPClient.STATUS_DISCONNECTED, "status after port %d" % port)
		assert_contains(client.get_error_message(), str(port), "message")


func test_any_negative_port_means_the_default() -> void:
	for port: int in [-1, -2, -80, -65536, -(1 << 40), -9_223_372_036_854_775_807]:
		var client := new_client()
		assert_error(client.connect_to_host("127.0.0.1", port), OK, "port %d" % port)
		assert_status(client, HTTPClient.STATUS_CONNECTING, "status after port %d" % port)


func test_a_url_without_a_slash_gets_one() -> void:
	# The example in the reference requests "index.php".
	assert_equal(await _target_sent_for("echo?a=1"), "/echo?a=1", "target")


func test_the_references_post_example_works_as_it_stands() -> void:
	var client: RefCounted = await connected_client()
	var fields := {"username": "user", "password": "pass"}
	var query_string: String = client.query_string_from_dict(fields)
	var headers := PackedStringArray(
		["Content-Type: application/x-www-form-urlencoded", "Content-Length: " + str(query_string.length())])
	var answer := await exchange(client, HTTPClient.METHOD_POST, "echo", headers, query_string)
	var echo := echoed(answer)
	assert_equal(echo["body_text"], "username=user&password=pass", "body")
	assert_equal(sent_values(echo, "Content-Length"), PackedStringArray(["27"]), "Content-Length, once")


func test_a_fragment_is_not_sent() -> void:
	assert_equal(await _target_sent_for("/echo?a=1#part"), "/echo?a=1", "target")
	assert_equal(await _target_sent_for("/echo#a?b=1"), "/echo", "target")


func test_bytes_that_may_not_stand_in_a_target_are_percent_encoded() -> void:
	assert_equal(await _target_sent_for("/echo?q=ä b\"<>"), "/echo?q=%C3%A4%20b%22%3C%3E", "target")
	assert_equal(await _target_sent_for("/echo?q=😀"), "/echo?q=%F0%9F%98%80", "target")


func test_nothing_else_of_a_target_is_touched() -> void:
	for target: String in [
			"/echo?sig=a%2fb%2Fc&x='(1)'", "/echo?a=../b/./c//d", "/echo?a=%41%zz&b=+&c=a%20b", "/echo?[]=1&a:b@c;d,e=$!*~",
			"/echo?&&==", "/echo?"]:
		assert_equal(await _target_sent_for(target), target, "target")


func test_a_backslash_does_not_become_a_slash() -> void:
	var target := await _target_sent_for("/echo?a\\b")
	assert_true(target in ["/echo?a\\b", "/echo?a%5Cb"], "expected the backslash as it is or as %%5C, got %s" % target)


func test_an_absolute_url_of_a_script_is_sent_as_it_is() -> void:
	# The built-in class does the same, for scripts that talk to a proxy themselves.
	var url := "http://%s/echo" % address_of("http")
	var client: RefCounted = await connected_client()
	assert_error(client.request(HTTPClient.METHOD_GET, url, []), OK, "request()")


func test_line_breaks_in_a_url_or_header_send_nothing() -> void:
	var client: RefCounted = await connected_client()
	for line_break: String in ["\r\n", "\n", "\r"]:
		var target := "/echo HTTP/1.1%sX-Smuggled: 1" % line_break
		var header := "X-A: 1%sX-Smuggled: 1" % line_break
		var shown := line_break.c_escape()
		assert_error(client.request(HTTPClient.METHOD_GET, target, []), ERR_INVALID_PARAMETER, "URL with " + shown)
		assert_error(client.request(HTTPClient.METHOD_GET, "/echo", [header]), ERR_INVALID_PARAMETER, "header with " + shown)
		assert_not_equal(client.get_error_message(), "", "message for " + shown)
		assert_status(client, HTTPClient.STATUS_CONNECTED, "status after " + shown)
	var echo := echoed(await exchange(client, HTTPClient.METHOD_GET, "/echo"))
	assert_equal(sent_values(echo, "X-Smuggled").size(), 0, "smuggled headers")


func test_a_content_length_that_contradicts_the_body_is_refused() -> void:
	var client: RefCounted = await connected_client()
	for stated: String in ["3", "5", "0", "-4", "+4", "4x", "", "4, 5", "99999999999999999999"]:
		var headers := PackedStringArray(["Content-Length: " + stated])
		assert_error(
			client.request(HTTPClient.METHOD_POST, "/echo", headers, "four"), ERR_INVALID_PARAMETER, "Content-Length: " + stated)
		assert_status(client, HTTPClient.STATUS_CONNECTED, "status")
		assert_matches(client.get_error_message(), "length", "message")
	var answer := await exchange(client, HTTPClient.METHOD_POST, "/echo", PackedStringArray(["content-length: 4"]), "four")
	assert_equal(echoed(answer)["body_text"], "four", "a length that is right")


func test_the_length_counts_bytes_and_not_characters() -> void:
	var client: RefCounted = await connected_client()
	var headers := PackedStringArray(["Content-Length: 1"])
	assert_error(client.request(HTTPClient.METHOD_POST, "/echo", headers, "ü"), ERR_INVALID_PARAMETER, "1 for two bytes")
	headers[0] = "Content-Length: 2"
	assert_equal(echoed(await exchange(client, HTTPClient.METHOD_POST, "/echo", headers, "ü"))["body_text"], "ü", "body")


func test_post_put_and_patch_without_a_body_say_so() -> void:
	var client: RefCounted = await connected_client()
	for method: int in [HTTPClient.METHOD_POST, HTTPClient.METHOD_PUT, HTTPClient.METHOD_PATCH]:
		var echo := echoed(await exchange(client, method, "/echo"))
		assert_equal(sent_values(echo, "Content-Length"), PackedStringArray(["0"]), "Content-Length of method %d" % method)
	for method: int in [HTTPClient.METHOD_GET, HTTPClient.METHOD_DELETE, HTTPClient.METHOD_OPTIONS]:
		var echo := echoed(await exchange(client, method, "/echo"))
		assert_equal(sent_values(echo, "Content-Length").size(), 0, "Content-Lengths of method %d" % method)


func test_headers_answer_as_often_as_they_are_asked_and_has_response_once() -> void:
	var client: RefCounted = await connected_client()
	var answer := Exchange.new(client)
	client.request(HTTPClient.METHOD_GET, "/hello", [])
	while client.get_status() == HTTPClient.STATUS_REQUESTING:
		client.poll()
		await wait_frames(1)
	assert_true(client.has_response(), "has_response() before the headers were read")
	var headers: PackedStringArray = client.get_response_headers()
	assert_not_equal(headers.size(), 0, "number of headers")
	assert_true(not client.has_response(), "has_response() must be false once the headers were read")
	assert_equal(client.get_response_headers(), headers, "the second time")
	assert_equal(client.get_response_headers_as_dictionary().size(), headers.size(), "as a dictionary")
	await answer.read_body()
	assert_equal(client.get_response_headers(), headers, "after the body")
	assert_true(not client.has_response(), "has_response() must still be false")


func test_has_response_is_true_again_with_the_next_response() -> void:
	var client: RefCounted = await connected_client()
	await exchange(client, HTTPClient.METHOD_GET, "/hello")
	assert_true(not client.has_response(), "has_response() after the headers were read")
	client.request(HTTPClient.METHOD_GET, "/hello", [])
	assert_true(not client.has_response(), "has_response() before the answer")
	while client.get_status() == HTTPClient.STATUS_REQUESTING:
		client.poll()
		await wait_frames(1)
	assert_true(client.has_response(), "has_response() with the next answer")


func test_the_response_is_kept_after_the_connection_ended() -> void:
	var client: RefCounted = await connected_client()
	var answer := await exchange(client, HTTPClient.METHOD_GET, "/until-close/1000")
	assert_equal(answer.last_status(), "DISCONNECTED", "status")
	assert_equal(client.get_response_code(), 200, "get_response_code()")
	assert_equal(client.get_response_headers(), answer.headers, "get_response_headers()")
	assert_equal(client.get_response_body_length(), -1, "get_response_body_length()")
	client.close()
	assert_equal(client.get_response_code(), 0, "get_response_code() after close()")
	assert_equal(client.get_response_headers().size(), 0, "headers after close()")


func test_the_response_is_kept_until_the_next_request() -> void:
	var client: RefCounted = await connected_client()
	await exchange(client, HTTPClient.METHOD_GET, "/status/404?body=1")
	assert_equal(client.get_response_code(), 404, "code after the body")
	client.request(HTTPClient.METHOD_GET, "/slow?ms=50", [])
	assert_equal(client.get_response_code(), 0, "code after the next request()")
	assert_equal(client.get_response_headers().size(), 0, "headers after the next request()")


func test_repeated_headers_are_joined_under_their_first_spelling() -> void:
	var answer := await answer_to(
		OK_HEAD + "X-Value: one\r\nOther: x\r\nx-value: two\r\nX-VALUE: three\r\nContent-Length: 0\r\n\r\n", false)
	var dictionary: Dictionary = answer.client.get_response_headers_as_dictionary()
	assert_equal(dictionary, {"X-Value": "one; two; three", "Other": "x", "Content-Length": "0"}, "dictionary")
	assert_equal(
		answer.headers,
		PackedStringArray(["X-Value: one", "Other: x", "x-value: two", "X-VALUE: three", "Content-Length: 0"]), "list")


func test_set_cookie_keeps_every_value() -> void:
	var client: RefCounted = await connected_client()
	await exchange(client, HTTPClient.METHOD_GET, "/set-cookies")
	var cookies := ""
	var dictionary: Dictionary = client.get_response_headers_as_dictionary()
	for name: String in dictionary:
		if name.to_lower() == "set-cookie":
			cookies = dictionary[name]
	var listed := Array(client.get_response_headers()).filter(
		func(header: String) -> bool: return header.to_lower().begins_with("set-cookie:"))
	assert_true(listed.size() >= 2, "the server sends several cookies, got %s" % [listed])
	for header: String in listed:
		assert_contains(cookies, header.split(":", true, 1)[1].strip_edges(), "Set-Cookie in the dictionary")


func test_equal_content_lengths_are_one() -> void:
	for lengths: String in ["Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5, 5"]:
		var answer := await answer_to(OK_HEAD + lengths + "\r\n\r\nhello", false)
		assert_equal(answer.text(), "hello", "body")
		assert_equal(answer.length, 5, "length")
	var repeated := await answer_to(OK_HEAD + "Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello", false)
	assert_equal(repeated.client.get_response_headers_as_dictionary(), {"Content-Length": "5"}, "dictionary")


func test_different_content_lengths_are_an_error() -> void:
	var answer := await answer_to(OK_HEAD + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", false)
	_assert_failed(answer, "length")


func test_interim_responses_are_skipped() -> void:
	for interim: String in ["100 Continue", "102 Processing", "103 Early Hints"]:
		var answer := await answer_to(
			"HTTP/1.1 %s\r\nLink: </a>\r\n\r\n" % interim + OK_HEAD + "Content-Length: 2\r\n\r\nhi", false)
		assert_equal(answer.code, 200, "code after " + interim)
		assert_equal(answer.headers, PackedStringArray(["Content-Length: 2"]), "headers after " + interim)
		assert_equal(answer.text(), "hi", "body after " + interim)
		assert_equal(answer.statuses, ["REQUESTING", "BODY", "CONNECTED"] as Array[String], "statuses with " + interim)


func test_101_that_nobody_asked_for_is_an_error() -> void:
	_assert_failed(await answer_to(SWITCHING, false), "101")


func test_101_that_the_request_asked_for_is_the_answer() -> void:
	var client: RefCounted = await connected_client("raw")
	var target := reply_target(SWITCHING, false)
	client.request(HTTPClient.METHOD_GET, target, ["Connection: Upgrade", "Upgrade: x"])
	while client.get_status() == HTTPClient.STATUS_REQUESTING:
		client.poll()
		await wait_frames(1)
	assert_equal(client.get_response_code(), 101, "code")
	assert_equal(client.get_error_message(), "", "message")


func test_without_a_length_the_body_lasts_until_the_connection_ends() -> void:
	var answer := await answer_to(OK_HEAD + "Content-Type: text/plain\r\n\r\nuntil the end", true)
	assert_equal(answer.text(), "until the end", "body")
	assert_equal(answer.length, -1, "length")
	assert_equal(answer.statuses, ["REQUESTING", "BODY", "DISCONNECTED"] as Array[String], "statuses")
	assert_equal(answer.message, "", "message")


func test_http_1_0_without_a_length_lasts_until_the_connection_ends() -> void:
	var answer := await answer_to("HTTP/1.0 200 OK\r\n\r\nold", true)
	assert_equal(answer.text(), "old", "body")
	assert_equal(answer.last_status(), "DISCONNECTED", "status")


func test_a_malformed_field_is_delivered_with_the_rest() -> void:
	var answer := await answer_to(
		OK_HEAD + "Set-Cookie: a=\u0001b\r\nAccess-Control-Allow-Credentials : true\r\nPHP Warning:  x in y\r\n"
		+ "Content-Length: 5\r\n\r\nhello", false)
	assert_equal(answer.text(), "hello", "body")
	assert_equal(answer.headers, PackedStringArray([
		"Set-Cookie: a=\u0001b", "Access-Control-Allow-Credentials : true", "PHP Warning:  x in y", "Content-Length: 5",
	]), "headers")
	assert_equal(answer.client.get_response_headers_as_dictionary(), {
		"Set-Cookie": "a=\u0001b", "Access-Control-Allow-Credentials": "true", "PHP Warning": "x in y", "Content-Length": "5",
	}, "dictionary")
	assert_error(answer.client.poll(), ERR_CONNECTION_ERROR, "poll() after that")


func test_a_malformed_field_that_decides_where_the_answer_ends_is_an_error() -> void:
	for field: String in ["Content-Length : 5", "Transfer -Encoding: chunked", "Connection\t: close", "Content-Length: 5\u0001"]:
		_assert_failed(await answer_to(OK_HEAD + field + "\r\n\r\nhello", true), "malformed header")


func test_a_request_that_says_close_is_the_last() -> void:
	var client: RefCounted = await connected_client()
	var answer := await exchange(client, HTTPClient.METHOD_GET, "/hello", ["Connection: close"])
	assert_equal(answer.last_status(), "CONNECTED", "status after the answer")
	assert_error(client.request(HTTPClient.METHOD_GET, "/hello", []), ERR_CONNECTION_ERROR, "the next request()")
	assert_status(client, HTTPClient.STATUS_CONNECTION_ERROR)


func test_the_first_cause_stays_part_of_the_message() -> void:
	var client := new_client()
	var opening := Exchange.new(client)
	await opening.open("127.0.0.1", refused_port())
	assert_matches(opening.message, "refused", "message")
	assert_error(client.request(HTTPClient.METHOD_GET, "/", []), ERR_INVALID_PARAMETER, "request()")
	assert_contains(client.get_error_message(), opening.message, "message after request()")
	assert_error(client.poll(), ERR_CANT_CONNECT, "poll()")
	assert_equal(client.get_error_message(), opening.message, "message after poll()")
	client.connect_to_host(host_of("http"), port_of("http"))
	assert_equal(client.get_error_message(), "", "message after the next connect")


func test_204_and_304_have_no_body_whatever_length_they_state() -> void:
	for status_line: String in ["204 No Content", "304 Not Modified"]:
		var answer := await answer_to("HTTP/1.1 %s\r\nContent-Length: 10\r\n\r\n" % status_line, false)
		assert_equal(answer.statuses, ["REQUESTING", "BODY", "CONNECTED"] as Array[String], "statuses of " + status_line)
		assert_equal(answer.code, status_line.left(3).to_int(), "code")
		assert_equal(answer.body.size(), 0, "bytes of body")


func test_a_body_cut_short_is_an_error_that_says_how_much_came() -> void:
	var answer := await answer_to(OK_HEAD + "Content-Length: 1234\r\n\r\nhello", true)
	assert_equal(answer.text(), "hello", "what came")
	_assert_failed(answer, "5 .*1,?234|1,?234.* 5 ")
	assert_equal(answer.client.get_response_code(), 200, "code, kept")


func test_a_chunked_body_cut_short_is_an_error() -> void:
	for rest: String in ["5\r\nhello\r\n", "5\r\nhello\r\n0\r\n", "5\r\nhello\r\n6\r\nwor"]:
		var answer := await answer_to(CHUNKED_HEAD + rest, true)
		assert_true(answer.text().begins_with("hello"), "what came: expected it to begin with hello, got %s" % answer.text())
		_assert_failed(answer, "chunk|before|cut|incomplete|ended|closed")


func test_chunk_extensions_are_skipped() -> void:
	var reply := CHUNKED_HEAD + "5;name=value;b=\"x;y\"\r\nhello\r\n0005 ; a\r\nworld\r\n0;last\r\n\r\n"
	for options: String in ["", "&split=1"]:
		var answer := await answer_to(reply, false, options)
		assert_equal(answer.text(), "helloworld", "body")
		assert_equal(answer.last_status(), "CONNECTED", "status")
		assert_true(answer.chunked, "is_response_chunked()")


func test_a_chunk_that_fits_is_returned_whole_and_alone() -> void:
	var reply := CHUNKED_HEAD + "3\r\nabc\r\n5\r\ndefgh\r\n1\r\ni\r\n0\r\n\r\n"
	for options: String in ["", "&split=1", "&split=7"]:
		var answer := await answer_to(reply, false, options)
		assert_equal(answer.chunk_sizes, [3, 5, 1] as Array[int], "pieces with '%s'" % options)


func test_a_chunk_larger_than_the_read_chunk_size_comes_in_pieces() -> void:
	var client: RefCounted = await connected_client()
	client.read_chunk_size = 256
	var answer := await exchange(client, HTTPClient.METHOD_GET, "/chunked/5000?size=1000")
	assert_equal(answer.body.size(), 5000, "bytes")
	assert_true(answer.chunk_sizes.max() <= 256, "no piece may exceed 256 bytes, got %s" % [answer.chunk_sizes])
	assert_equal(answer.last_status(), "CONNECTED", "status")


func test_bytes_that_came_before_a_reset_are_delivered() -> void:
	var text := "x".repeat(3000)
	var client: RefCounted = await connected_client("raw")
	var answer := Exchange.new(client)
	var target := reply_target(OK_HEAD + "Content-Length: 10000\r\n\r\n" + text, false, "&reset=1")
	await answer.start(HTTPClient.METHOD_GET, target, PackedStringArray(), "")
	await wait_seconds(0.2)
	await answer.read_body()
	assert_equal(answer.body.size(), 3000, "bytes")
	_assert_failed(answer, "3,?000")


func test_bytes_that_came_before_the_end_are_delivered_however_late_they_are_read() -> void:
	var client: RefCounted = await connected_client("raw")
	var answer := Exchange.new(client)
	var target := reply_target(OK_HEAD + "Connection: close\r\n\r\n" + "y".repeat(3000), true)
	await answer.start(HTTPClient.METHOD_GET, target, PackedStringArray(), "")
	await wait_seconds(0.2)
	for round_number: int in 5:
		assert_error(client.poll(), OK, "poll() before the body was read")
		assert_status(client, HTTPClient.STATUS_BODY)
	await answer.read_body()
	assert_equal(answer.body.size(), 3000, "bytes")
	assert_equal(answer.last_status(), "DISCONNECTED", "status")


func test_poll_never_ends_a_body() -> void:
	var client: RefCounted = await connected_client()
	for target: String in ["/empty", "/hello", "/chunked/0", "/until-close/0"]:
		await connect_client(client)
		var answer := Exchange.new(client)
		await answer.start(HTTPClient.METHOD_GET, target, PackedStringArray(), "")
		await wait_seconds(0.1)
		for round_number: int in 10:
			client.poll()
			assert_status(client, HTTPClient.STATUS_BODY, "status after poll() of %s" % target)
		await answer.read_body()
		assert_not_equal(answer.last_status(), "BODY", "status after reading %s" % target)


func test_header_text_that_is_not_utf_8_is_read_as_latin_1() -> void:
	var reply := (OK_HEAD + "X-Name: caf").to_utf8_buffer()
	reply.append(0xe9)
	reply.append_array("\r\nContent-Length: 0\r\n\r\n".to_utf8_buffer())
	var answer := await answer_to(reply, false)
	assert_equal(answer.headers[0] if not answer.headers.is_empty() else "", "X-Name: café", "header")


func test_header_text_in_utf_8_is_read_as_such_and_sent_as_such() -> void:
	var answer := await answer_to(OK_HEAD + "X-Name: café €\r\nContent-Length: 0\r\n\r\n", false)
	assert_equal(answer.headers[0] if not answer.headers.is_empty() else "", "X-Name: café €", "header received")
	var client: RefCounted = await connected_client()
	var echo := echoed(await exchange(client, HTTPClient.METHOD_GET, "/echo", PackedStringArray(["X-Name: café €"])))
	var sent := "".join(sent_values(echo, "X-Name"))
	# Some servers interpret the bytes as Latin-1 or Windows-1252.
	assert_true(sent in ["café €", "cafÃ© â‚¬", "cafÃ© â\u0082¬"], "expected UTF-8, got %s" % var_to_str(sent))


func test_the_message_of_a_refused_port_names_host_and_port() -> void:
	var opening := Exchange.new(new_client())
	await opening.open("127.0.0.1", refused_port())
	assert_contains(opening.message, "127.0.0.1", "message")
	assert_contains(opening.message, str(refused_port()), "message")
	assert_matches(opening.message, "refused", "message")


func test_the_message_of_an_unknown_host_names_it() -> void:
	var opening := Exchange.new(new_client())
	await opening.open("name.invalid", 80)
	assert_contains(opening.message, "name.invalid", "message")


func test_every_way_in_which_a_peer_breaks_off_has_a_message_that_names_it() -> void:
	var expected := {
		"body-cut-short": "body|byte", "reset-in-head": "reset", "reset-in-body": "reset", "reset-in-chunk": "reset",
		"reset-at-once": "reset|closed|ended",
	}
	for fault: String in expected:
		var client: RefCounted = await connected_client("raw")
		_assert_failed(await exchange(client, HTTPClient.METHOD_GET, "/fault/" + fault), expected[fault])
	for reply: String in ["", "HTTP/1.1 200 OK\r\nContent-Le"]:
		_assert_failed(await answer_to(reply, true), "closed|ended|before")


func test_every_way_in_which_a_peer_falls_silent_is_ended_by_the_read_timeout() -> void:
	for fault: String in ["never-answers", "stop-in-head", "stop-in-chunk", "stop-between-chunks"]:
		var client: RefCounted = await connected_client("raw")
		client.read_timeout = 0.3
		_assert_failed(await exchange(client, HTTPClient.METHOD_GET, "/fault/" + fault), "0\\.3|300 ?ms")


func test_every_kind_of_bad_reply_has_a_message_that_names_it() -> void:
	var replies := {
		"SSH-2.0-OpenSSH_9.2\r\n": "HTTP", "HTTP/1.1 xyz OK\r\n\r\n": "status|HTTP", "HTTP/1.1 99 Low\r\n\r\n": "status|99|HTTP",
		OK_HEAD + "Content-Length: five\r\n\r\nhello": "Content-Length",
		OK_HEAD + "Content-Length: -5\r\n\r\nhello": "Content-Length",
		OK_HEAD + "Content-Length: 99999999999999999999\r\n\r\n": "Content-Length",
		OK_HEAD + "Transfer-Encoding: gzip, chunked\r\n\r\n": "Transfer-Encoding|transfer coding",
		CHUNKED_HEAD + "xyz\r\n": "chunk", CHUNKED_HEAD + "5\r\nhelloXX": "chunk",
		CHUNKED_HEAD + "FFFFFFFFFFFFFFFFF\r\n": "chunk",
	}
	for reply: String in replies:
		_assert_failed(await answer_to(reply, false), replies[reply])


func test_a_success_has_no_message_also_after_a_failure() -> void:
	var client := new_client()
	await Exchange.new(client).open("127.0.0.1", refused_port())
	assert_not_equal(client.get_error_message(), "", "message after the failure")
	await connect_client(client)
	var answer := await exchange(client, HTTPClient.METHOD_GET, "/hello")
	assert_equal(answer.message, "", "message after the success")


func test_a_connect_timeout_ends_a_connection_that_nobody_takes() -> void:
	var client := new_client()
	client.connect_timeout = 0.3
	var opening := Exchange.new(client)
	await opening.open(host_of("never-accepts"), port_of("never-accepts"))
	assert_equal(opening.last_status(), "CANT_CONNECT", "status")
	assert_matches(opening.message, "0\\.3|300 ?ms|time", "message")


func test_the_connect_timeout_starts_from_the_project_setting() -> void:
	const SETTING := "network/limits/tcp/connect_timeout_seconds"
	var before: int = ProjectSettings.get_setting(SETTING)
	ProjectSettings.set_setting(SETTING, 7)
	var client := new_client()
	ProjectSettings.set_setting(SETTING, before)
	assert_equal(client.connect_timeout, 7.0, "connect_timeout of a client made under 7 s")
	assert_equal(new_client().connect_timeout, float(before), "connect_timeout of one made after")


func test_the_read_timeout_does_not_follow_the_time_scale() -> void:
	for scale: float in [0.01, 100.0]:
		Engine.time_scale = scale
		var client := await connected_client("raw")
		client.read_timeout = 0.5
		var start := Time.get_ticks_msec()
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/fault/never-answers")
		var took := Time.get_ticks_msec() - start
		assert_equal(answer.last_status(), "CONNECTION_ERROR", "status at a time scale of %s" % scale)
		assert_true(took >= 500 and took < 5000, "half a second was asked for, %d ms it took" % took)
	Engine.time_scale = 1.0


func _target_sent_for(url: String) -> String:
	var client: RefCounted = await connected_client()
	return echoed(await exchange(client, HTTPClient.METHOD_GET, url))["target"]


func _assert_failed(answer: Exchange, pattern: String) -> void:
	assert_equal(answer.last_status(), "CONNECTION_ERROR", "status")
	assert_error(answer.client.poll(), ERR_CONNECTION_ERROR, "poll() after the failure")
	assert_matches(answer.message, pattern, "message")
