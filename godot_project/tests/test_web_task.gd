extends "res://tests/support/test_case.gd"
## The parts of a task in exports without the library that need no server: event streams and redirects.

const Task := preload("res://addons/http_client_rust/web/task.gd")
const Session := preload("res://addons/http_client_rust/web/session.gd")
const Events := preload("res://addons/http_client_rust/web/events.gd")
const STREAM := "\ufeffdata: a\r\ndata:b\r\rid: 1\nevent: x\ndata\n\n: comment\nretry: 250\ndata: ü\r\n\r\nid: 2\n\ndata: cut"


func test_events_are_the_same_however_their_bytes_are_split() -> void:
	var bytes := STREAM.to_utf8_buffer()
	for length: int in range(1, bytes.size() + 1):
		var events := Events.new()
		var found := []
		for start: int in range(0, bytes.size(), length):
			found.append_array(events.take(bytes.slice(start, start + length)))
		assert_equal(found, [["message", "a\nb", ""], ["x", "", "1"], ["message", "ü", "1"]], "in pieces of %d bytes" % length)
		assert_equal([events.last_id, events.retry, events.problem], ["2", 0.25, ""], "id, retry and problem")


func test_an_id_counts_from_the_next_empty_line_on() -> void:
	var events := Events.new()
	events.take("id: 1\n\nid: 2\n".to_utf8_buffer())
	assert_equal(events.last_id, "1", "id")
	events.begin()
	assert_equal(events.take("data: a\n\n".to_utf8_buffer()), [["message", "a", "1"]] as Array[Array], "the next stream")


func test_a_server_can_set_no_wait_that_is_too_short_or_too_long() -> void:
	for case: Array in [["0", 0.1], ["99999999999999999999", 86_400.0], ["-1", 3.0], ["1e3", 3.0], ["", 3.0]]:
		var events := Events.new()
		events.take(("retry: %s\n" % case[0]).to_utf8_buffer())
		assert_equal(events.retry, case[1], case[0])


func test_a_stream_without_line_ends_and_an_event_without_an_end_are_refused() -> void:
	var events := Events.new()
	for piece: int in 3:
		events.take("x".repeat(Events.LONGEST_LINE >> 1).to_utf8_buffer())
	assert_contains(events.problem, "a line of more than 1048576 bytes", "problem")
	events = Events.new()
	var line := ("data:" + "x".repeat(Events.LONGEST_LINE >> 1) + "\n").to_utf8_buffer()
	for piece: int in 17:
		assert_equal(events.take(line), [] as Array[Array], "events")
	assert_contains(events.problem, "more than 8388608 bytes of data", "problem")
	assert_equal(events.take("\n\n".to_utf8_buffer()), [] as Array[Array], "what comes after it")


func test_a_redirect_to_another_server_takes_no_header_of_the_first_one_along() -> void:
	for case: Array in [["http://a.example/next", 5], ["http://b.example/", 1], ["http://a.example:81/", 1], ["//b.example/", 1]]:
		var task := Task.new()
		task.set("_url", "http://a.example/")
		task.set("_settings", {"max_redirects": 10, "allow_insecure_redirects": false})
		task.set("_headers", PackedStringArray(["Host: a.example", "Authorization: b", "COOKIE: c", "proxy-authorization : d", "X-Other: e"]))
		task.call("_redirect", 302, case[0])
		assert_equal((task.get("_headers") as PackedStringArray).size(), case[1], "%s: %s" % [case[0], task.get("_headers")])
		assert_equal((task.get("_headers") as PackedStringArray)[-1], "X-Other: e", "what is no secret")


func test_a_body_of_json_is_valid_whatever_its_texts_contain() -> void:
	var task := Task.new()
	Session.new().call("_take_body", task, PackedStringArray(), {"a": "\u0001\u000b\\v", "b": [1]})
	assert_equal((task.get("_body") as PackedByteArray).get_string_from_utf8(), "{\"a\":\"\\u0001\\u000b\\\\v\",\"b\":[1]}", "body")
