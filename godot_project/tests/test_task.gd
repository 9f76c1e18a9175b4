extends "res://tests/support/fetch_case.gd"
## HTTPTaskRust: its signals, their order and their frames, and that it is completed exactly once.


func test_it_has_the_members_that_are_promised() -> void:
	assert_equal(ClassDB.get_parent_class(&"HTTPTaskRust"), &"RefCounted", "base class")
	assert_methods(&"HTTPTaskRust", [
		"cancel() -> void", "is_completed() -> bool", "get_response() -> HTTPResponseRust", "wait() -> Signal",
		"wait_to_finish() -> HTTPResponseRust", "bind_node(node: Node) -> HTTPTaskRust", "get_url() -> String",
		"get_downloaded_bytes() -> int", "get_body_size() -> int", "get_uploaded_bytes() -> int"])
	assert_signals(&"HTTPTaskRust", [
		"completed(response: HTTPResponseRust)", "response_started(response: HTTPResponseRust)",
		"progressed(bytes: int, total: int)", "upload_progressed(bytes: int, total: int)",
		"chunk_received(chunk: PackedByteArray)", "event_received(type: String, data: String, id: String)",
		"retrying(attempt: int, seconds: float, reason: String)"])


func test_the_response_has_the_members_that_are_promised() -> void:
	assert_equal(ClassDB.get_parent_class(&"HTTPResponseRust"), &"RefCounted", "base class")
	assert_methods(&"HTTPResponseRust", [
		"get_result() -> HTTPResponseRust.Result", "get_response_code() -> int", "get_headers() -> PackedStringArray",
		"get_header(name: String) -> String", "get_header_values(name: String) -> PackedStringArray",
		"get_body() -> PackedByteArray", "get_text() -> String", "get_json() -> Variant", "is_ok() -> bool",
		"get_error_message() -> String", "get_url() -> String", "get_redirects() -> PackedStringArray",
		"get_attempts() -> int", "is_from_cache() -> bool", "get_timings() -> Dictionary", "get_tls_info() -> Dictionary"])
	var results := {}
	for constant: String in ClassDB.class_get_enum_constants(&"HTTPRequest", &"Result", true):
		results[constant] = ClassDB.class_get_integer_constant(&"HTTPRequest", constant)
	results.merge({"RESULT_CANCELLED": 100, "RESULT_INVALID_REQUEST": 101, "RESULT_REPLAY_MISS": 102})
	assert_enum(&"HTTPResponseRust", &"Result", results)


func test_signals_come_in_order_on_the_main_thread_and_give_one_object() -> void:
	var session := new_session()
	if session == null:
		return
	var task: RefCounted = session.fetch(url("/hello"))
	var events := recorded(task)
	assert_true(task.get_response() == null, "no response yet")
	assert_equal(task.get_url(), url("/hello"), "get_url()")
	var response := await response_of(task)
	await wait_frames(3)
	var names := events.map(func(event: Array) -> String: return event[0])
	assert_equal([names.front(), names.back()], ["response_started", "completed"], "the first and the last signal")
	assert_equal(names.count("completed"), 1, "completed")
	assert_equal(names.count("response_started"), 1, "response_started")
	for event: Array in events:
		assert_true(event[3], "%s on the main thread" % event[0])
	assert_true(events.front()[1][0] == response and events.back()[1][0] == response, "the same object")
	assert_equal(task.get_downloaded_bytes(), HELLO.length(), "get_downloaded_bytes()")
	assert_equal(task.get_body_size(), HELLO.length(), "get_body_size()")


func test_every_signal_can_be_awaited() -> void:
	var session := new_session()
	if session == null:
		return
	var response: RefCounted = await session.fetch(url("/hello")).completed
	assert_response(response, SUCCESS, 200, "completed")
	response = await session.fetch(url("/hello")).response_started
	assert_equal(response.get_response_code(), 200, "response_started")
	var progress: Array = await session.fetch(url("/bytes/300000")).progressed
	assert_equal(progress[1], 300_000, "total of progressed")
	var chunk: PackedByteArray = await session.stream(url("/bytes/300000")).chunk_received
	assert_true(not chunk.is_empty(), "chunk_received")
	var sent: Array = await session.fetch(url("/upload"), [], 2, "x".repeat(300_000)).upload_progressed
	assert_equal(sent[1], 300_000, "total of upload_progressed")
	var retry: Array = await session.fetch(url("/status/503")).retrying
	assert_equal(retry[0], 2, "attempt of retrying: the one to come")
	assert_true(retry[1] > 0.0 and str(retry[2]).length() > 3, "seconds and reason of retrying: %s" % [retry])
	var events := response_with(["Content-Type: text/event-stream"], "event: a\nid: 7\ndata: x\ndata: y\n\n".to_utf8_buffer())
	var listening: RefCounted = session.listen(url_of_reply(events))
	assert_equal(await listening.event_received, ["a", "x\ny", "7"], "event_received")
	session.cancel_all()
	await response_of(listening)


func test_a_stream_gives_every_byte_and_keeps_none() -> void:
	var session := new_session()
	if session == null:
		return
	var task: RefCounted = session.stream(url("/bytes/3000000"))
	var body := PackedByteArray()
	task.chunk_received.connect(func(chunk: PackedByteArray) -> void: body.append_array(chunk))
	var response := await response_of(task)
	if assert_response(response, SUCCESS, 200):
		assert_equal(body.size(), 3_000_000, "bytes")
		assert_equal(crc32(body), int((await fetched(session, url("/crc/3000000"))).get_json()["crc32"]), "the bytes")
		assert_equal(response.get_body().size(), 0, "get_body()")


func test_progress_comes_at_most_once_a_frame_and_ends_with_the_whole() -> void:
	var session := new_session()
	if session == null:
		return
	var task: RefCounted = session.fetch(url("/bytes/5000000"))
	var events := recorded(task)
	await response_of(task)
	var frames := named(events, "progressed").map(func(event: Array) -> int: return event[2])
	assert_true(not frames.is_empty(), "progressed")
	for index: int in range(1, frames.size()):
		assert_true(frames[index] > frames[index - 1], "progressed in frame %d and %d" % [frames[index - 1], frames[index]])
	assert_equal(named(events, "progressed").back()[1], [5_000_000, 5_000_000], "the last one")


func test_cancel_completes_in_every_state() -> void:
	var session := new_session()
	if session == null:
		return
	for at: String in [
			url("/hello"), url("/fault/never-answers", "raw"), url("/fault/stop-in-chunk", "raw"), url("/status/503"),
			"http://%s/" % address_of("never-accepts"), "http://name.invalid/"]:
		for frames: int in [0, 1, 20]:
			var task: RefCounted = session.fetch(at)
			var events := recorded(task)
			await wait_frames(frames)
			var was_over: bool = task.is_completed()
			task.cancel()
			task.cancel()
			var response := await response_of(task, at)
			await wait_frames(2)
			assert_equal(named(events, "completed").size(), 1, "completed, %s after %d frames" % [at, frames])
			if not was_over:
				assert_equal(response.get_result(), CANCELLED, "result of %s after %d frames" % [at, frames])


func test_code_and_headers_stay_known_when_the_body_breaks_off() -> void:
	var session := new_session()
	if session == null:
		return
	session.max_retries = 0
	var task: RefCounted = session.fetch(url("/fault/body-cut-short", "raw"))
	var response := await response_of(task)
	if assert_response(response, 4, 200):
		assert_equal(response.get_header("Content-Length"), "1000", "a header")
		assert_equal(task.get_downloaded_bytes(), 400, "bytes that came")


func test_wait_gives_the_response_before_and_after_the_end() -> void:
	var session := new_session()
	if session == null:
		return
	var task: RefCounted = session.fetch(url("/hello"))
	var response: RefCounted = await task.wait()
	assert_response(response, SUCCESS, 200, "before")
	assert_true(task.is_completed(), "is_completed()")
	assert_true(await task.wait() == response, "after")
	task = session.fetch(url("/slow?ms=50"))
	var seen: Array[RefCounted] = []
	for turn: int in 3:
		(func() -> void: seen.append(await task.wait())).call()
	await response_of(task)
	await wait_frames(2)
	assert_equal(seen.size(), 3, "three who wait")


func test_wait_works_in_a_thread_before_and_after_the_end() -> void:
	var session := new_session()
	if session == null:
		return
	var codes: Array[int] = []
	var thread := Thread.new()
	thread.start(func() -> void:
		var task: RefCounted = session.fetch(url("/slow?ms=100"))
		codes.append((await task.wait()).get_response_code()))
	await wait_frames(1)
	thread.wait_to_finish()
	var other := Thread.new()
	other.start(func() -> void:
		var task: RefCounted = session.fetch(url("/hello"))
		task.wait_to_finish()
		codes.append((await task.wait()).get_response_code()))
	await wait_frames(1)
	other.wait_to_finish()
	while codes.size() < 2:
		await wait_frames(1)
	assert_equal(codes, [200, 200] as Array[int], "codes")


func test_wait_to_finish_blocks_and_delivers_on_the_main_thread() -> void:
	var session := new_session()
	if session == null:
		return
	var task: RefCounted = session.stream(url("/bytes/1000000"))
	var events := recorded(task)
	var frame := Engine.get_process_frames()
	var response: RefCounted = task.wait_to_finish()
	assert_equal(Engine.get_process_frames(), frame, "no frame went by")
	assert_response(response, SUCCESS, 200)
	var bytes := 0
	for event: Array in named(events, "chunk_received"):
		bytes += (event[1][0] as PackedByteArray).size()
	assert_equal(bytes, 1_000_000, "bytes of the chunks")
	assert_equal(named(events, "completed").size(), 1, "completed")
	assert_true(task.wait_to_finish() == response, "once more")
	await wait_frames(2)
	assert_equal(named(events, "completed").size(), 1, "completed, frames later")


func test_wait_to_finish_delivers_nothing_of_others() -> void:
	var session := new_session()
	if session == null:
		return
	var other: RefCounted = session.fetch(url("/hello"))
	var events := recorded(other)
	session.fetch(url("/slow?ms=300")).wait_to_finish()
	assert_equal(events.size(), 0, "signals of the other task meanwhile")
	await response_of(other)
	assert_equal(named(events, "completed").size(), 1, "completed")


func test_wait_to_finish_works_from_a_thread_while_the_main_thread_is_blocked() -> void:
	var session := new_session()
	if session == null:
		return
	var events: Array[Array] = []
	var thread := Thread.new()
	thread.start(func() -> RefCounted:
		var task: RefCounted = session.fetch(url("/hello"))
		var response: RefCounted = task.wait_to_finish()
		assert_true(task.is_completed() and task.get_response() == response, "completed for the thread")
		return response)
	assert_response(thread.wait_to_finish(), SUCCESS, 200)
	await wait_frames(1)
	assert_equal(events.size(), 0, "nothing else")


func test_a_task_that_was_made_on_a_thread_signals_on_the_main_thread() -> void:
	var session := new_session()
	if session == null:
		return
	var thread := Thread.new()
	thread.start(func() -> Array: 
		var task: RefCounted = session.fetch(url("/slow?ms=50"))
		return [task, recorded(task)])
	var made_there: Array = thread.wait_to_finish()
	assert_response(await response_of(made_there[0]), SUCCESS, 200)
	var events: Array[Array] = made_there[1]
	assert_equal(named(events, "completed").size(), 1, "completed")
	for event: Array in events:
		assert_true(event[3], "%s on the main thread" % event[0])


func test_a_bound_task_ends_with_its_node() -> void:
	var session := new_session()
	if session == null:
		return
	for how: String in ["leave", "free", "free outside"]:
		var node := Node.new()
		if how != "free outside":
			tree.root.add_child(node)
		var task: RefCounted = session.fetch(url("/fault/never-answers", "raw"))
		assert_true(task.bind_node(node) == task, "bind_node() gives the task")
		await wait_frames(3)
		assert_true(not task.is_completed(), "under way")
		if how == "leave":
			tree.root.remove_child(node)
		else:
			node.free()
		assert_response(await response_of(task, how), CANCELLED, 0, how)
		if how == "leave":
			assert_equal(node.get_signal_connection_list(&"tree_exiting").size(), 0, "connections that are left")
			node.free()


func test_a_completed_task_leaves_its_node_alone() -> void:
	var session := new_session()
	if session == null:
		return
	var node := Node.new()
	tree.root.add_child(node)
	for turn: int in 3:
		await response_of(session.fetch(url("/hello")).bind_node(node))
	assert_equal(node.get_signal_connection_list(&"tree_exiting").size(), 0, "connections that are left")
	node.free()


func test_signals_come_while_the_tree_is_paused() -> void:
	var session := new_session()
	if session == null:
		return
	tree.paused = true
	assert_response(await response_of(session.fetch(url("/hello"))), SUCCESS, 200)
	tree.paused = false


func test_a_request_in_a_handler_and_a_cancel_in_a_handler() -> void:
	var session := new_session()
	if session == null:
		return
	var second: Array[RefCounted] = []
	session.fetch(url("/hello")).completed.connect(
		func(_response: RefCounted) -> void: second.append(session.fetch(url("/json"))))
	var streamed: RefCounted = session.stream(url("/bytes/3000000"))
	var events := recorded(streamed)
	streamed.chunk_received.connect(func(_chunk: PackedByteArray) -> void: streamed.cancel())
	assert_response(await response_of(streamed), CANCELLED, 200, "cancelled by its own handler")
	assert_equal(named(events, "chunk_received").size(), 1, "chunks: none after cancel()")
	while second.is_empty():
		await wait_frames(1)
	assert_response(await response_of(second[0]), SUCCESS, 200, "made in a handler")


func test_a_handler_may_wait_for_its_own_task() -> void:
	var session := new_session()
	if session == null:
		return
	var task: RefCounted = session.stream(url("/bytes/3000000"))
	var events := recorded(task)
	var waits := [0]
	task.chunk_received.connect(func(_chunk: PackedByteArray) -> void:
		waits[0] += 1
		if waits[0] == 1:
			task.wait_to_finish())
	assert_response(await response_of(task), SUCCESS, 200)
	await wait_frames(2)
	var bytes := 0
	for event: Array in named(events, "chunk_received"):
		bytes += (event[1][0] as PackedByteArray).size()
	assert_equal(bytes, 3_000_000, "bytes of the chunks")
	assert_equal(events.back()[0], "completed", "the last signal")
	assert_equal(named(events, "completed").size(), 1, "completed")


func test_one_request_takes_one_frame_or_two() -> void:
	var session := new_session()
	if session == null:
		return
	await fetched(session, url("/hello"))
	var task: RefCounted = session.fetch(url("/slow?ms=1"))
	var start := Engine.get_process_frames()
	OS.delay_msec(200)
	await task.completed
	assert_true(Engine.get_process_frames() - start <= 1, "%d frames" % (Engine.get_process_frames() - start))
