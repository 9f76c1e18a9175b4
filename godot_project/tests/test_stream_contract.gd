# deadline: 240
# These tests make requests on closed connections, which is a mistake of a script.
# expect-log: ^ERROR: HTTPClientRust\.request\(\): .+
extends "res://tests/support/test_case.gd"
## HTTP over every kind of StreamPeer that a script can assign to `connection`: data after a response, how responses end, and
## pieces of every size.

const FarEnds := preload("res://tests/fixtures/far_ends.gd")
const HEAD := "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
const PLANTED := "HTTP/1.1 203 Planted\r\nContent-Length: 0\r\n\r\n"
## Number of frames in which sent data arrives.
const SOON := 10


func _init() -> void:
	deadline_seconds = 60.0
	GDExtensionManager.load_extension("res://.godot/test_peer.gdextension")


func test_an_answer_comes_whole_however_it_is_cut() -> void:
	for kind: String in FarEnds.KINDS:
		var pair := _client_over(kind)
		for piece: int in [1, 7, 1000]:
			_request(pair)
			var reply := (HEAD % 20 + "01234567890123456789").to_utf8_buffer()
			for start: int in range(0, reply.size(), piece):
				pair.far.send(reply.slice(start, start + piece))
				pair.client.poll()
			var answer := await _answer(pair)
			assert_equal([answer.code, answer.text()], [200, "01234567890123456789"], "%s, pieces of %d" % [kind, piece])
			assert_status(pair.client, HTTPClient.STATUS_CONNECTED, kind)


func test_a_body_that_fills_a_buffer_exactly_or_by_a_byte_less_comes_whole() -> void:
	for kind: String in FarEnds.KINDS:
		var pair := _client_over(kind)
		pair.client.read_chunk_size = 4096
		for size: int in [4095, 4096, 4097, 65535, 65536, 65537]:
			var body := PackedByteArray()
			body.resize(size)
			body.fill(size % 251)
			_request(pair)
			pair.far.send((HEAD % size).to_utf8_buffer() + body.slice(0, size - 1))
			for frame: int in 3:
				pair.client.poll()
				await wait_frames(1)
			pair.far.send(body.slice(size - 1))
			var answer := await _answer(pair)
			assert_true(answer.body == body, "%s, %d bytes: %d came" % [kind, size, answer.body.size()])
			assert_status(pair.client, HTTPClient.STATUS_CONNECTED, kind)


func test_nothing_is_an_answer_that_came_before_the_request() -> void:
	for kind: String in FarEnds.KINDS:
		for at_once: bool in [true, false]:
			var pair := _client_over(kind)
			_request(pair)
			var reply := (HEAD % 5 + "hello").to_utf8_buffer()
			pair.far.send(reply + PLANTED.to_utf8_buffer() if at_once else reply)
			assert_equal((await _answer(pair)).text(), "hello", "%s, body" % kind)
			if not at_once:
				pair.far.send(PLANTED.to_utf8_buffer())
			await _poll_until(pair, HTTPClient.STATUS_CONNECTION_ERROR)
			assert_not_equal(pair.client.request(HTTPClient.METHOD_GET, "/", []), OK, "%s, the next request" % kind)
			assert_equal(pair.client.get_response_code(), 200, "%s, code" % kind)


func test_an_end_behind_an_answer_is_noticed() -> void:
	for kind: String in FarEnds.KINDS:
		var pair := _client_over(kind)
		_request(pair)
		pair.far.send((HEAD % 5 + "hello").to_utf8_buffer())
		pair.far.end()
		assert_equal((await _answer(pair)).text(), "hello", "%s, body" % kind)
		await _poll_until(pair, HTTPClient.STATUS_CONNECTION_ERROR)
		assert_not_equal(pair.client.request(HTTPClient.METHOD_GET, "/", []), OK, "%s, the next request" % kind)


func test_a_body_until_the_end_comes_whole() -> void:
	for kind: String in FarEnds.KINDS:
		var pair := _client_over(kind)
		_request(pair)
		var body := PackedByteArray()
		body.resize(100_000)
		body.fill(65)
		pair.far.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_utf8_buffer() + body)
		pair.far.end()
		var answer := await _answer(pair)
		assert_equal(answer.body.size(), body.size(), "%s, bytes" % kind)
		assert_status(pair.client, HTTPClient.STATUS_DISCONNECTED, kind)


func test_what_came_before_an_error_is_delivered_first() -> void:
	for kind: String in FarEnds.KINDS:
		var pair := _client_over(kind)
		if not pair.far.is_in_memory():
			continue
		_request(pair)
		pair.far.send((HEAD % 10 + "hello").to_utf8_buffer())
		FarEnds.peer_of(pair.far).call(&"fail")
		assert_equal((await _answer(pair)).text(), "hello", "%s, what came" % kind)
		assert_status(pair.client, HTTPClient.STATUS_CONNECTION_ERROR, kind)
		assert_not_equal(pair.client.get_error_message(), "", "%s, message" % kind)


func test_nothing_there_is_no_end_and_no_error() -> void:
	for kind: String in FarEnds.KINDS:
		var pair := _client_over(kind)
		for frame: int in SOON:
			assert_error(pair.client.poll(), OK, "%s, poll() of an idle one" % kind)
		_request(pair)
		for frame: int in SOON:
			assert_error(pair.client.poll(), OK, "%s, poll()" % kind)
			assert_status(pair.client, HTTPClient.STATUS_REQUESTING, kind)
			await wait_frames(1)
		pair.far.send((HEAD % 0).to_utf8_buffer())
		assert_equal((await _answer(pair)).code, 200, "%s, code" % kind)


func test_a_write_that_takes_nothing_is_tried_again_later_and_not_at_once() -> void:
	for kind: String in FarEnds.KINDS:
		var pair := _client_over(kind)
		if not pair.far.is_in_memory():
			continue
		var peer := FarEnds.peer_of(pair.far)
		peer.call(&"set_room", 0)
		assert_error(pair.client.request(HTTPClient.METHOD_POST, "/", [], "x".repeat(1000)), OK, "%s, request()" % kind)
		var before: int = peer.call(&"get_transfers")
		for frame: int in 10:
			pair.client.poll()
		assert_below(int(peer.call(&"get_transfers")) - before, 200, "%s, calls of ten polls" % kind)
		assert_equal(pair.client.get_request_bytes_sent(), 0, "%s, bytes sent" % kind)
		var sent := PackedByteArray()
		for frame: int in 200:
			peer.call(&"set_room", 10)
			pair.client.poll()
			sent.append_array(pair.far.received())
		var text := sent.get_string_from_utf8()
		assert_true(text.begins_with("POST / HTTP/1.1\r\n"), "%s, request line" % kind)
		assert_true(text.ends_with("\r\n\r\n" + "x".repeat(1000)), "%s, body" % kind)
		assert_equal(pair.client.get_request_bytes_sent(), sent.size(), "%s, bytes sent" % kind)


class Pair extends RefCounted:
	var client: RefCounted
	var below: RefCounted
	var far: FarEnds.FarEnd


func _client_over(kind: String) -> Pair:
	var pair := Pair.new()
	pair.below = new_client()
	pair.far = FarEnds.make(kind, pair.below)
	pair.client = new_client()
	pair.client.set_connection(pair.far.near)
	assert_status(pair.client, HTTPClient.STATUS_CONNECTED, kind)
	return pair


func _request(pair: Pair) -> void:
	assert_error(pair.client.request(HTTPClient.METHOD_GET, "/", []), OK, "request()")


func _answer(pair: Pair) -> Exchange:
	var client := pair.client
	var answer := Exchange.new(client)
	for frame: int in 600:
		if client.get_status() != HTTPClient.STATUS_REQUESTING:
			break
		client.poll()
		pair.far.received()
		await wait_frames(1)
	answer.code = client.get_response_code()
	for frame: int in 6000:
		if client.get_status() != HTTPClient.STATUS_BODY:
			break
		client.poll()
		var chunk: PackedByteArray = client.read_response_body_chunk()
		answer.body.append_array(chunk)
		pair.far.received()
		if chunk.is_empty():
			await wait_frames(1)
	return answer


func _poll_until(pair: Pair, status: int) -> void:
	for frame: int in 600:
		if pair.client.get_status() == status:
			break
		pair.client.poll()
		pair.far.received()
		await wait_frames(1)
	assert_status(pair.client, status, "what polling came to")
