# deadline: 180
# Both classes log an error for misuse. The built-in class also logs one for a name that does not exist.
# allow-log: getaddrinfo failed
# allow-log: Condition ".*" is true
# allow-log: Index .* is out of bounds
# allow-log: Invalid HTTP header
# allow-log: ^ERROR: HTTPClientRust\.\w+\(\):
extends "res://tests/support/test_case.gd"
## Drives the engine's HTTPClient and HTTPClientRust through the same steps, and compares everything that a script sees:
## statuses, return codes of poll(), response code, headers, lengths, body.
##
## Intended differences are tested in test_differences.gd.

const LARGE := 8 * 1024 * 1024
const FORM := "Content-Type: application/x-www-form-urlencoded"


func test_get() -> void:
	await _compare_requests([[HTTPClient.METHOD_GET, "/hello"]], [200])


func test_get_with_headers_of_the_caller() -> void:
	var headers := PackedStringArray(["X-First: 1", "X-Second:  two words ", "Accept: text/plain", "User-Agent: mine/1.0"])
	await _compare_requests([[HTTPClient.METHOD_GET, "/hello", headers]], [200])


func test_head() -> void:
	await _compare_requests(
		[[HTTPClient.METHOD_HEAD, "/hello"], [HTTPClient.METHOD_HEAD, "/bytes/100000"], [HTTPClient.METHOD_GET, "/hello"]],
		[200, 200, 200])


func test_post_with_text() -> void:
	await _compare_requests(
		[[HTTPClient.METHOD_POST, "/upload", PackedStringArray([FORM]), "name=ü&value=€😀"]], [200])


func test_post_with_bytes() -> void:
	await _compare_requests(
		[[HTTPClient.METHOD_POST, "/upload", PackedStringArray(), PackedByteArray(range(256))]], [200])


func test_post_with_a_length_that_the_caller_states() -> void:
	await _compare_requests(
		[[HTTPClient.METHOD_POST, "/upload", PackedStringArray([FORM, "Content-Length: 7"]), "a=1&b=2"]], [200])


func test_put_delete_options_and_patch() -> void:
	await _compare_requests([
		[HTTPClient.METHOD_PUT, "/upload", PackedStringArray(), "put"],
		[HTTPClient.METHOD_DELETE, "/hello"],
		[HTTPClient.METHOD_OPTIONS, "/hello"],
		[HTTPClient.METHOD_PATCH, "/upload", PackedStringArray(), "patch"],
	], [])


func test_the_server_receives_the_same_request() -> void:
	var requests: Array[Array] = [
		[HTTPClient.METHOD_GET, "/echo?a=1&b=%20x", PackedStringArray(["X-One: 1", "x-one: 2", "Cookie: a=b; c=d"])],
		[HTTPClient.METHOD_POST, "/echo", PackedStringArray([FORM]), "name=ü"],
		[HTTPClient.METHOD_PUT, "/echo", PackedStringArray(["host: elsewhere.example", "ACCEPT: a/b", "user-agent: me"]), "x"],
		[HTTPClient.METHOD_DELETE, "/echo"],
		[HTTPClient.METHOD_PATCH, "/echo", PackedStringArray(["Content-Length: 2"]), PackedByteArray([0x61, 0x62])],
	]
	var seen := {}
	for client_class: StringName in [BUILT_IN, class_under_test()]:
		var client: RefCounted = await connected_client("http", client_class)
		seen[client_class] = []
		for request: Array in requests:
			var answer: Exchange = await exchange.callv([client] + request)
			var echo := echoed(answer)
			# The order of the fields that the client adds itself does not matter.
			var fields: Array = echo["headers"].map(
				func(field: Array) -> String: return str(field[0]).to_lower() + ": " + str(field[1]))
			fields.sort()
			echo["headers"] = fields
			seen[client_class].append(echo)
	for index: int in requests.size():
		for key: String in ["method", "target", "version", "headers", "body_length", "body_crc32", "body_text"]:
			assert_equal(
				seen[class_under_test()][index].get(key), seen[BUILT_IN][index].get(key), "request %d, %s" % [index, key])


func test_the_callers_headers_are_sent_in_the_callers_order_and_spelling() -> void:
	var own := ["X-Zed: 1", "x-alpha: 2", "X-Zed: 3"]
	for client_class: StringName in [BUILT_IN, class_under_test()]:
		var client: RefCounted = await connected_client("http", client_class)
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/echo", PackedStringArray(own))
		var sent: Array = echoed(answer)["headers"].map(func(field: Array) -> String: return "%s: %s" % field)
		assert_equal(sent.filter(func(field: String) -> bool: return field in own), own, "headers from %s" % client_class)


func test_204_has_no_body() -> void:
	await _compare_requests([[HTTPClient.METHOD_GET, "/status/204"], [HTTPClient.METHOD_GET, "/hello"]], [204, 200])


func test_204_205_and_304_whose_fields_speak_of_a_body_have_an_empty_one() -> void:
	var connected: Array[String] = ["REQUESTING", "BODY", "CONNECTED"]
	var disconnected: Array[String] = ["REQUESTING", "BODY", "DISCONNECTED"]
	for status_line: String in ["204 No Content", "205 Reset Content", "304 Not Modified"]:
		for fields: Array in [
			["Content-Length: 0", "", false, connected],
			["content-length: 0\r\nConnection: close", "", false, connected],
			# The built-in class waits for the last chunk.
			["Transfer-Encoding: chunked", "0\r\n\r\n", false, connected],
			["Connection: close", "", true, disconnected],
		]:
			var reply := "HTTP/1.1 %s\r\nX: y\r\n%s\r\n\r\n%s" % [status_line, fields[0], fields[1]]
			await _compare("%s with %s" % [status_line, fields[0]], [status_line.to_int()], func(client: RefCounted) -> Array:
				await connect_client(client, "raw")
				var answer := Exchange.new(client)
				# The built-in class may detect the end of the connection in poll() before the script has read the body.
				answer.polls_while_reading = false
				await answer.send(HTTPClient.METHOD_GET, reply_target(reply, fields[2]), PackedStringArray(), "")
				assert_equal(answer.statuses, fields[3], "statuses of %s with %s" % [status_line, fields[0]])
				return [answer.record()])


func test_head_of_a_204_is_body_until_the_first_read() -> void:
	await _compare("HEAD of a 204", [204], func(client: RefCounted) -> Array:
		await connect_client(client, "raw")
		var target := reply_target("HTTP/1.1 204 No Content\r\n\r\n", false)
		return [(await exchange(client, HTTPClient.METHOD_HEAD, target)).record()])


## Some scripts use only the status: they send in CONNECTED, and are done in BODY.
func test_a_script_that_is_done_in_body_sends_one_request() -> void:
	for reply: String in ["HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
			"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n"]:
		await _compare("done in BODY", [], func(client: RefCounted) -> Array:
			await connect_client(client, "raw")
			var target := reply_target(reply, reply.contains("close"))
			var sent := 0
			var is_done := false
			while not is_done and sent < 10:
				match client.get_status():
					HTTPClient.STATUS_CONNECTED:
						sent += 1
						assert_error(client.request(HTTPClient.METHOD_GET, target, []), OK, "request()")
					HTTPClient.STATUS_BODY:
						client.read_response_body_chunk()
						is_done = true
					_:
						client.poll()
						await wait_frames(1)
			return [{"done": is_done, "sent": sent}])


func test_404_with_a_body() -> void:
	await _compare_requests([[HTTPClient.METHOD_GET, "/status/404?body=1"]], [404])


func test_other_response_codes() -> void:
	await _compare_requests([
		[HTTPClient.METHOD_GET, "/status/201?body=1"], [HTTPClient.METHOD_GET, "/status/418?body=1"],
		[HTTPClient.METHOD_GET, "/status/500?body=1"], [HTTPClient.METHOD_GET, "/status/599?body=1"],
	], [201, 418, 500, 599])


func test_a_redirect_is_not_followed() -> void:
	await _compare_requests([[HTTPClient.METHOD_GET, "/redirect?to=/hello"], [HTTPClient.METHOD_GET, "/hello"]], [302, 200])


func test_several_requests_on_one_connection() -> void:
	await _compare_requests([
		[HTTPClient.METHOD_GET, "/hello"], [HTTPClient.METHOD_GET, "/chunked/50000?size=1000"],
		[HTTPClient.METHOD_POST, "/upload", PackedStringArray(), "body"], [HTTPClient.METHOD_HEAD, "/json"],
		[HTTPClient.METHOD_GET, "/json"], [HTTPClient.METHOD_GET, "/empty"], [HTTPClient.METHOD_GET, "/hello"],
	], [200, 200, 200, 200, 200, 200, 200])


func test_an_empty_body_is_body_until_the_first_read() -> void:
	await _compare_requests([[HTTPClient.METHOD_GET, "/empty"]], [200])


func test_chunked_bodies() -> void:
	await _compare_requests([
		[HTTPClient.METHOD_GET, "/chunked/1"], [HTTPClient.METHOD_GET, "/chunked/100000?size=777"],
		[HTTPClient.METHOD_GET, "/stream?lines=3&delay_ms=20"], [HTTPClient.METHOD_GET, "/chunked/0"],
		[HTTPClient.METHOD_GET, "/trailers"],
	], [200, 200, 200, 200, 200])


func test_each_chunk_that_fits_is_returned_whole_and_alone() -> void:
	await _compare("chunk sizes", [200], func(client: RefCounted) -> Array:
		await connect_client(client)
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/chunked/20000?size=3000")
		return [answer.record(), {"chunk sizes": answer.chunk_sizes}])


func test_a_large_body() -> void:
	for client_class: StringName in [BUILT_IN, class_under_test()]:
		var client: RefCounted = await connected_client("http", client_class)
		var stated := await exchange(client, HTTPClient.METHOD_GET, "/crc/%d" % LARGE)
		var expected: int = int(JSON.parse_string(stated.text())["crc32"])
		for target: String in ["/bytes/%d" % LARGE, "/chunked/%d" % LARGE]:
			var answer := await exchange(client, HTTPClient.METHOD_GET, target)
			assert_equal(answer.body.size(), LARGE, "size of %s from %s" % [target, client_class])
			assert_equal(crc32(answer.body), expected, "CRC-32 of %s from %s" % [target, client_class])
	await _compare_requests([[HTTPClient.METHOD_GET, "/bytes/%d" % LARGE]], [200])


func test_chunks_are_the_scripts_own_whether_it_keeps_changes_or_drops_them() -> void:
	for client_class: StringName in [BUILT_IN, class_under_test()]:
		var client: RefCounted = await connected_client("http", client_class)
		var stated := await exchange(client, HTTPClient.METHOD_GET, "/crc/%d" % LARGE)
		var expected: int = int(JSON.parse_string(stated.text())["crc32"])
		for target: String in ["/bytes/%d" % LARGE, "/chunked/%d?size=16384" % LARGE]:
			for kept_of_ten: int in [0, 1, 5, 10]:
				var what := "%s from %s, %d of ten kept" % [target, client_class, kept_of_ten]
				var changed: Array[PackedByteArray] = []
				var kept: Array[PackedByteArray] = []
				var body := PackedByteArray()
				var reads := 0
				client.request(HTTPClient.METHOD_GET, target, [])
				while client.get_status() in [HTTPClient.STATUS_REQUESTING, HTTPClient.STATUS_BODY]:
					client.poll()
					if client.get_status() != HTTPClient.STATUS_BODY:
						continue
					var chunk: PackedByteArray = client.read_response_body_chunk()
					body.append_array(chunk)
					reads += 1 if not chunk.is_empty() else 0
					if not chunk.is_empty() and reads % 10 < kept_of_ten:
						kept.append(chunk.duplicate())
						chunk.fill(7)
						changed.append(chunk)
				assert_equal(crc32(body), expected, "CRC-32 of %s" % what)
				for index: int in kept.size():
					var all_sevens := changed[index].count(7) == changed[index].size()
					assert_true(all_sevens and kept[index] != changed[index], "chunk %d of %s" % [index, what])
				assert_true(kept_of_ten == 0 or not kept.is_empty(), "chunks were kept of %s" % what)


func test_a_large_upload() -> void:
	var bytes := PackedByteArray()
	bytes.resize(LARGE)
	for index: int in range(0, LARGE, 4099):
		bytes[index] = index & 0xff
	for client_class: StringName in [BUILT_IN, class_under_test()]:
		var client: RefCounted = await connected_client("http", client_class)
		var answer := await exchange(client, HTTPClient.METHOD_POST, "/upload", PackedStringArray(), bytes)
		var received: Dictionary = echoed(answer)
		assert_equal(int(received.get("bytes", -1)), LARGE, "bytes that the server got from %s" % client_class)
		assert_equal(int(received.get("crc32", -1)), crc32(bytes), "their CRC-32, from %s" % client_class)


func test_a_body_until_close_ends_disconnected() -> void:
	# The body is read without poll(): in poll(), the built-in class may detect the end before the script has read everything.
	await _compare("until close", [200], func(client: RefCounted) -> Array:
		await connect_client(client)
		var answer := Exchange.new(client)
		answer.polls_while_reading = false
		await answer.send(HTTPClient.METHOD_GET, "/until-close/300000", PackedStringArray(), "")
		assert_equal(answer.last_status(), "DISCONNECTED", "status after the end")
		assert_error(client.poll(), ERR_UNCONFIGURED, "poll() after the end")
		return [answer.record()])


func test_after_connection_close_the_next_poll_says_so() -> void:
	await _compare("closed by the server", [200], func(client: RefCounted) -> Array:
		await connect_client(client)
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/close")
		await answer.poll_until_status_changes()
		assert_equal(answer.last_status(), "CONNECTION_ERROR", "status after the server ended")
		assert_error(client.poll(), ERR_CONNECTION_ERROR, "poll() after that")
		return [answer.record()])


func test_a_server_that_ends_an_idle_connection() -> void:
	await _compare("idle close", [200], func(client: RefCounted) -> Array:
		await connect_client(client, "raw")
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/fault/idle-close?ms=50")
		await answer.poll_until_status_changes()
		assert_equal(answer.last_status(), "CONNECTION_ERROR", "status after the server ended")
		assert_error(client.request(HTTPClient.METHOD_GET, "/", []), ERR_INVALID_PARAMETER, "request() after that")
		return [answer.record()])


func test_a_server_that_ends_before_it_has_answered() -> void:
	for reply: String in ["", "HTTP/1.1 200 OK\r\nContent-Le"]:
		await _compare("end in the head", [], func(client: RefCounted) -> Array:
			await connect_client(client, "raw")
			var answer := await exchange(client, HTTPClient.METHOD_GET, reply_target(reply, true))
			assert_equal(answer.last_status(), "CONNECTION_ERROR", "status after the server ended")
			assert_error(client.poll(), ERR_CONNECTION_ERROR, "poll() after that")
			return [answer.record()])


func test_the_same_object_connects_to_another_host() -> void:
	await _compare("reconnect", [200, 200, 200], func(client: RefCounted) -> Array:
		var records := []
		for server: String in ["http", "raw", "http"]:
			await connect_client(client, server)
			var target := "/hello" if server == "http" else reply_target("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nraw", false)
			var answer := await exchange(client, HTTPClient.METHOD_GET, target)
			records.append(answer.record())
		return records)


func test_reconnecting_in_the_middle_of_a_body() -> void:
	await _compare("reconnect in a body", [200], func(client: RefCounted) -> Array:
		await connect_client(client)
		var first := Exchange.new(client)
		await first.start(HTTPClient.METHOD_GET, "/bytes/1000000", PackedStringArray(), "")
		assert_status(client, HTTPClient.STATUS_BODY)
		await connect_client(client)
		return [(await exchange(client, HTTPClient.METHOD_GET, "/hello")).record()])


func test_close_leaves_nothing_behind() -> void:
	await _compare("close", [], func(client: RefCounted) -> Array:
		await connect_client(client)
		var first := Exchange.new(client)
		await first.start(HTTPClient.METHOD_GET, "/bytes/1000", PackedStringArray(), "")
		client.close()
		return [{
			"status": client.get_status(), "has_response": client.has_response(), "code": client.get_response_code(),
			"headers": client.get_response_headers(), "length": client.get_response_body_length(),
			"connection is null": client.get_connection() == null, "poll": client.poll(),
		}])


func test_closing_twice_and_when_never_connected() -> void:
	await _compare("close twice", [], func(client: RefCounted) -> Array:
		client.close()
		client.close()
		return [{"status": client.get_status(), "poll": client.poll()}])


func test_a_refused_port() -> void:
	await _compare("refused", [], func(client: RefCounted) -> Array:
		var opening := Exchange.new(client)
		await opening.open("127.0.0.1", refused_port())
		assert_equal(opening.last_status(), "CANT_CONNECT", "status")
		assert_error(client.poll(), ERR_CANT_CONNECT, "poll() after that")
		assert_error(client.request(HTTPClient.METHOD_GET, "/", []), ERR_INVALID_PARAMETER, "request() after that")
		return [opening.record()])


func test_an_unknown_host_name() -> void:
	await _compare("unknown host", [], func(client: RefCounted) -> Array:
		var opening := Exchange.new(client)
		await opening.open("name.invalid", 80)
		assert_equal(opening.last_status(), "CANT_RESOLVE", "status")
		assert_error(client.poll(), ERR_CANT_RESOLVE, "poll() after that")
		return [opening.record()])


func test_a_name_is_resolved_before_it_is_connected_to() -> void:
	await _compare("localhost", [200], func(client: RefCounted) -> Array:
		var opening := Exchange.new(client)
		await opening.open("localhost", port_of("http"))
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/hello")
		return [opening.record(), answer.record()])


func test_a_scheme_before_the_host_is_stripped() -> void:
	await _compare("scheme", [200], func(client: RefCounted) -> Array:
		var opening := Exchange.new(client)
		await opening.open("HTTP://" + host_of("http"), port_of("http"))
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/hello")
		return [opening.record(), answer.record()])


func test_blocking_mode() -> void:
	await _compare("blocking", [200, 200, 200], func(client: RefCounted) -> Array:
		client.blocking_mode_enabled = true
		await connect_client(client)
		var records := []
		for target: String in ["/hello", "/chunked/100000?size=5000", "/bytes/300000"]:
			records.append((await exchange(client, HTTPClient.METHOD_GET, target)).record())
		return records)


func test_blocking_reads_fill_the_chunk_size() -> void:
	await _compare("blocking chunk sizes", [200], func(client: RefCounted) -> Array:
		client.blocking_mode_enabled = true
		client.read_chunk_size = 1000
		await connect_client(client)
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/bytes/5500")
		assert_equal(answer.chunk_sizes, [1000, 1000, 1000, 1000, 1000, 500] as Array[int], "pieces")
		return [answer.record(), {"pieces": answer.chunk_sizes}])


func test_no_piece_is_larger_than_the_read_chunk_size() -> void:
	for client_class: StringName in [BUILT_IN, class_under_test()]:
		var client: RefCounted = await connected_client("http", client_class)
		for size: int in [256, 4096, 65536, 1 << 24]:
			client.set_read_chunk_size(size)
			assert_equal(client.get_read_chunk_size(), size, "get_read_chunk_size() of %s" % client_class)
			var answer := await exchange(client, HTTPClient.METHOD_GET, "/bytes/20000")
			assert_equal(answer.body.size(), 20000, "bytes")
			assert_true(answer.chunk_sizes.max() <= size, "%s returned %s for %d" % [client_class, answer.chunk_sizes, size])


func test_a_read_chunk_size_out_of_range_changes_nothing() -> void:
	await _compare("chunk size", [], func(client: RefCounted) -> Array:
		var sizes := []
		for size: int in [1000, 255, 0, -1, (1 << 24) + 1, 256, 1 << 24]:
			client.set_read_chunk_size(size)
			sizes.append(client.get_read_chunk_size())
		return [{"sizes": sizes}])


func test_has_response_is_true_until_the_headers_are_read() -> void:
	await _compare("latch", [], func(client: RefCounted) -> Array:
		var seen := [client.has_response()]
		await connect_client(client)
		client.request(HTTPClient.METHOD_GET, "/hello", [])
		seen.append(client.has_response())
		while client.get_status() == HTTPClient.STATUS_REQUESTING:
			client.poll()
			await wait_frames(1)
		seen.append(client.has_response())
		var headers: Dictionary = client.get_response_headers_as_dictionary()
		seen.append(client.has_response())
		headers.erase("Date")
		headers.erase("date")
		return [{"has_response": seen, "headers": headers}])


func test_the_loop_of_the_tutorial() -> void:
	# The loop connects, waits, requests, waits, and then calls poll() and reads while the status is BODY.
	await _compare("tutorial", [], func(client: RefCounted) -> Array:
		var calls := [client.connect_to_host(host_of("http"), port_of("http"))]
		while client.get_status() in [HTTPClient.STATUS_CONNECTING, HTTPClient.STATUS_RESOLVING]:
			client.poll()
			await wait_frames(1)
		calls.append(client.get_status())
		calls.append(client.request(HTTPClient.METHOD_GET, "/chunked/30000?size=1000", ["Accept: */*"]))
		while client.get_status() == HTTPClient.STATUS_REQUESTING:
			client.poll()
			await wait_frames(1)
		calls.append(client.get_status())
		calls.append(client.has_response())
		calls.append(client.is_response_chunked())
		calls.append(client.get_response_code())
		calls.append(client.get_response_body_length())
		var body := PackedByteArray()
		while client.get_status() == HTTPClient.STATUS_BODY:
			client.poll()
			var chunk: PackedByteArray = client.read_response_body_chunk()
			if chunk.size() == 0:
				await wait_frames(1)
			else:
				body.append_array(chunk)
		calls.append(client.get_status())
		assert_equal(body.size(), 30000, "bytes")
		return [{"calls": calls, "body": crc32(body)}])


func test_misuse_that_both_refuse_alike() -> void:
	await _compare("misuse", [200], func(client: RefCounted) -> Array:
		var errors := {
			"poll() when not connected": client.poll(),
			"request() when not connected": client.request(HTTPClient.METHOD_GET, "/", []),
			"request_raw() when not connected": client.request_raw(HTTPClient.METHOD_GET, "/", [], PackedByteArray()),
			"an empty host": client.connect_to_host(""),
			"nothing but a scheme": client.connect_to_host("http://"),
			"read outside of a body": client.read_response_body_chunk(),
		}
		await connect_client(client)
		errors["method 9"] = client.request(9, "/hello", [])
		errors["method -1"] = client.request(-1, "/hello", [])
		errors["a header without a colon"] = client.request(HTTPClient.METHOD_GET, "/hello", ["nothing"])
		errors["a header without a name"] = client.request(HTTPClient.METHOD_GET, "/hello", [": value"])
		errors["an empty header"] = client.request(HTTPClient.METHOD_GET, "/hello", [""])
		errors["read when connected"] = client.read_response_body_chunk()
		errors["status after all that"] = client.get_status()
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/hello")
		return [answer.record(), errors])


func test_a_request_while_one_is_running_is_refused() -> void:
	await _compare("two at once", [200], func(client: RefCounted) -> Array:
		await connect_client(client)
		var answer := Exchange.new(client)
		client.request(HTTPClient.METHOD_GET, "/slow?ms=100", [])
		var while_requesting: int = client.request(HTTPClient.METHOD_GET, "/hello", [])
		while client.get_status() == HTTPClient.STATUS_REQUESTING:
			client.poll()
			await wait_frames(1)
		answer.code = client.get_response_code()
		var while_in_body: int = client.request(HTTPClient.METHOD_GET, "/hello", [])
		await answer.read_body()
		return [answer.record(), {"requesting": while_requesting, "body": while_in_body}])


func test_a_refused_connect_has_closed_the_old_connection() -> void:
	await _compare("refused connect", [], func(client: RefCounted) -> Array:
		await connect_client(client)
		return [{"error": client.connect_to_host(""), "status": client.get_status(), "poll": client.poll()}])


## Sends the requests, each an array of method, target, headers and body, one after the other on one connection.
func _compare_requests(requests: Array[Array], codes: Array[int]) -> void:
	await _compare("requests", codes, func(client: RefCounted) -> Array:
		await connect_client(client)
		var records := []
		for request: Array in requests:
			var answer: Exchange = await exchange.callv([client] + request)
			records.append(answer.record())
		return records)


## Runs `steps` with a client of each class. Both must return the same array of dictionaries. If `codes` are given, the response
## codes must be these, because two clients that fail in the same way would prove nothing.
func _compare(what: String, codes: Array[int], steps: Callable) -> void:
	var expected: Array = await steps.call(new_client(BUILT_IN))
	var actual: Array = await steps.call(new_client())
	assert_equal(actual.size(), expected.size(), "%s: number of records" % what)
	for index: int in mini(actual.size(), expected.size()):
		for key: String in expected[index]:
			assert_equal(actual[index].get(key), expected[index][key], "%s %d, %s" % [what, index + 1, key])
	if not codes.is_empty():
		var seen: Array[int] = []
		for record: Dictionary in expected:
			if record.get("code", 0) != 0:
				seen.append(record["code"])
		assert_equal(seen, codes, "%s: response codes" % what)
