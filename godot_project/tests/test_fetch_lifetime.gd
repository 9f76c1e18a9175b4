extends "res://tests/support/fetch_case.gd"
## Lifetime of sessions, tasks and nodes: freed in every state, by the thousand, and when the engine quits.
# deadline: 240


func _init() -> void:
	deadline_seconds = 90.0


func test_a_task_that_nobody_holds_completes() -> void:
	var session := new_session()
	if session == null:
		return
	var codes: Array[int] = []
	session.fetch(url("/slow?ms=50")).completed.connect(
		func(response: RefCounted) -> void: codes.append(response.get_response_code()))
	session = null
	while codes.is_empty():
		await wait_frames(1)
	assert_equal(codes, [200] as Array[int], "the code")


func test_a_task_and_its_session_are_freed_after_completion() -> void:
	var session := new_session()
	if session == null:
		return
	var watched: Array[WeakRef] = [weakref(session)]
	for how: String in ["fetch", "stream", "wait", "cancel", "invalid", "counted"]:
		watched.append_array(await _run_one(session, how))
	session = null
	await wait_frames(5)
	for index: int in watched.size():
		assert_true(watched[index].get_ref() == null, "object %d must be gone" % index)


func test_nodes_can_be_freed_in_every_state() -> void:
	if not assert_true(ClassDB.class_exists(&"HTTPRequestRust"), "the class"):
		return
	for at: String in [
			url("/hello"), url("/fault/never-answers", "raw"), url("/fault/stop-in-chunk", "raw"), url("/bytes/5000000"),
			"http://%s/" % address_of("never-accepts"), "http://name.invalid/"]:
		for frames: int in [0, 1, 2, 10]:
			var node := made(&"HTTPRequestRust") as Node
			tree.root.add_child(node)
			node.request(at)
			var task: RefCounted = node.get_task()
			await wait_frames(frames)
			node.free()
			await response_of(task, at)
			assert_true(task.is_completed(), "%s, freed after %d frames" % [at, frames])


func test_a_thousand_tasks_at_once_complete_once_each() -> void:
	var session := new_session()
	if session == null:
		return
	var counts := {}
	for turn: int in 1000:
		var task: RefCounted = session.fetch(url("/bytes/%d" % turn))
		task.completed.connect(func(response: RefCounted) -> void:
			counts[turn] = counts.get(turn, 0) + 1
			if response.get_body().size() != turn:
				counts[turn] += 100)
	var end := Time.get_ticks_msec() + 60_000
	while session.get_active_count() > 0 and Time.get_ticks_msec() < end:
		await wait_frames(1)
	await wait_frames(2)
	assert_equal(counts.size(), 1000, "completed tasks")
	assert_equal(counts.values().max(), 1, "completions with the right body")


func test_a_thousand_tasks_are_cancelled_at_once() -> void:
	var session := new_session()
	if session == null:
		return
	var results := {}
	for turn: int in 1000:
		session.fetch(url("/slow?ms=5000")).completed.connect(
			func(response: RefCounted) -> void: results[turn] = response.get_result())
	await wait_frames(2)
	session.cancel_all()
	while results.size() < 1000:
		await wait_frames(1)
	assert_equal(results.values().min(), CANCELLED, "results")


func test_many_requests_leave_no_objects_behind() -> void:
	var session := new_session()
	if session == null:
		return
	for round_number: int in 2:
		for turn: int in 50:
			await response_of(session.fetch(url("/hello")))
	await wait_frames(5)
	var before := Performance.get_monitor(Performance.OBJECT_COUNT)
	for turn: int in 300:
		await response_of(session.fetch(url("/hello")))
	await wait_frames(5)
	assert_true(
		Performance.get_monitor(Performance.OBJECT_COUNT) - before < 10,
		"%d objects more" % (Performance.get_monitor(Performance.OBJECT_COUNT) - before))


func test_cancel_all_in_a_handler_ends_what_is_still_to_be_told() -> void:
	var session := new_session()
	if session == null:
		return
	var results: Array[int] = []
	for turn: int in 20:
		session.fetch(url("/hello")).completed.connect(func(response: RefCounted) -> void:
			results.append(response.get_result())
			session.cancel_all())
	# All tasks have ended before the first signal is emitted.
	OS.delay_msec(500)
	while results.size() < 20:
		await wait_frames(1)
	assert_equal([results.count(SUCCESS), results.count(CANCELLED)], [1, 19], "results")


func test_a_script_may_be_reloaded_while_it_awaits() -> void:
	var session := new_session()
	if session == null:
		return
	var script := GDScript.new()
	script.source_code = _waiting_source(1)
	assert_error(script.reload(), OK, "the script parses")
	var object: RefCounted = script.new()
	var task: RefCounted = session.fetch(url("/slow?ms=200"))
	object.listen_to(task)
	await wait_frames(2)
	script.source_code = _waiting_source(2)
	assert_error(script.reload(true), OK, "the script parses again")
	assert_response(await response_of(task), SUCCESS, 200)
	await wait_frames(2)
	assert_equal(object.codes, [200] as Array[int], "what the reloaded script was told")
	assert_equal(object.version(), 2, "version")


func test_threads_make_requests_on_one_session() -> void:
	var session := new_session()
	if session == null:
		return
	var threads: Array[Thread] = []
	for index: int in 4:
		threads.append(Thread.new())
		threads[index].start(func() -> int:
			var good := 0
			for turn: int in 25:
				var response: RefCounted = session.fetch(url("/hello")).wait_to_finish()
				good += int(response.get_response_code() == 200)
			return good)
	for thread: Thread in threads:
		while thread.is_alive():
			await wait_frames(1)
		assert_equal(thread.wait_to_finish(), 25, "good answers")


func test_the_engine_quits_in_every_state() -> void:
	if not assert_true(ClassDB.class_exists(&"HTTPSessionRust"), "the class"):
		return
	var stuck := url("/fault/never-answers", "raw")
	for case: Array in [
			["fetch", stuck, 1, 100], ["fetch", stuck, 30, 100], ["fetch", "http://name.invalid/", 1, 100],
			["fetch", "http://%s/" % address_of("never-accepts"), 20, 100], ["stream", url("/fault/endless-small-chunks", "raw"), 20, 100],
			["listen", stuck, 20, 100], ["download", url("/bytes/100000000?delay_ms=10"), 20, 100], ["node", stuck, 20, 100],
			["shared", stuck, 20, 100], ["await", stuck, 20, 100], ["thread", stuck, 20, -1], ["shared", url("/hello"), 120, 0], ["sequence", stuck, 20, 100]]:
		_assert_quits(case)


func test_the_engine_quits_while_a_script_awaits_one_task_after_the_other() -> void:
	if not assert_true(ClassDB.class_exists(&"HTTPSessionRust"), "the class"):
		return
	# The engine does not free the variables of a function that never resumes.
	var text := _run(
		"res://tests/fixtures/quit_while_fetching.gd",
		["--how=loop", "--url=" + url("/fault/never-answers", "raw"), "--frames=20"], ["ERROR", "handle_crash", "panicked"])
	assert_contains(text, "finalized", "what it printed")


func test_objects_may_be_freed_after_the_extension() -> void:
	if not assert_true(ClassDB.class_exists(&"HTTPSessionRust"), "the class"):
		return
	# The engine reports them as leaked, because they still exist when it looks for leaks.
	var text := _run(
		"res://tests/fixtures/quit_while_fetching.gd", ["--how=left", "--url=" + url("/hello"), "--frames=20"],
		["handle_crash", "panic", "double free"])
	assert_contains(text, "finalized", "what it printed")


func test_a_main_loop_without_a_tree_works_and_quits() -> void:
	if not assert_true(ClassDB.class_exists(&"HTTPSessionRust"), "the class"):
		return
	var text := _run("res://tests/fixtures/main_loop_fetch.gd", ["--url=" + url("")])
	assert_contains(text, "completed with 200", "what it printed")


func test_the_engine_quits_right_after_a_thousand_requests() -> void:
	var session := new_session()
	if session == null:
		return
	for turn: int in 1000:
		session.fetch(url("/slow?ms=5000"))
	tree.root.set_meta(&"still_fetching", session)


## Another Godot process quits in the middle of this: with code 0, with a log that has no leak, error or crash, and with a
## completed task.
func _assert_quits(case: Array) -> void:
	var text := _run(
		"res://tests/fixtures/quit_while_fetching.gd", ["--how=" + case[0], "--url=" + case[1], "--frames=%d" % case[2]])
	assert_contains(text, "finalized", "%s: what it printed" % [case])
	if case[3] >= 0:
		assert_contains(text, "completed with %d" % case[3], "%s: the task" % [case])


func _run(
		script: String, options: PackedStringArray,
		suspicious_words: PackedStringArray = ["ERROR", "WARNING", "leaked", "ObjectDB instances", "handle_crash", "panicked"]) -> String:
	var godot := OS.get_environment("GODOT")
	if not assert_true(not godot.is_empty(), "this test needs $GODOT, the program to start"):
		return ""
	var command := PackedStringArray(["--headless", "--path", ProjectSettings.globalize_path("res://"), "--script", script, "--"])
	command.append_array(options)
	var output: Array = []
	assert_equal(OS.execute(godot, command, output, true), 0, "exit code of %s" % [options])
	var text := str(output[0]) if not output.is_empty() else ""
	for suspicious: String in suspicious_words:
		# The message does not contain the whole text, which would be taken for an error of this run.
		assert_true(not text.contains(suspicious), "%s: its log has the word %s, backwards" % [options, suspicious.reverse()])
	return text


func _run_one(session: RefCounted, how: String) -> Array[WeakRef]:
	var task: RefCounted
	match how:
		"stream":
			task = session.stream(url("/hello"))
		"cancel":
			task = session.fetch(url("/fault/never-answers", "raw"))
			task.cancel()
		"counted":
			task = session.fetch(url("/hello"))
			var held := task
			var listener := func(_response: RefCounted) -> void: held.get_url()
			task.completed.connect(listener, CONNECT_REFERENCE_COUNTED)
			task.completed.connect(listener, CONNECT_REFERENCE_COUNTED)
		"invalid":
			task = session.fetch("nonsense")
		_:
			task = session.fetch(url("/hello"))
	if how == "wait":
		await task.wait()
	var response := await response_of(task, how)
	return [weakref(task), weakref(response)]


func _waiting_source(version: int) -> String:
	return """
extends RefCounted
var codes: Array[int] = []

func version() -> int:
	return %d

func listen_to(task: RefCounted) -> void:
	task.completed.connect(_on_completed)

func _on_completed(response: RefCounted) -> void:
	codes.append(response.get_response_code())
""" % version
