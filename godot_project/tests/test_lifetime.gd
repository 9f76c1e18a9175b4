# deadline: 180
extends "res://tests/support/test_case.gd"
## Clients that go, or stay, at moments when something is still under way. What goes on in threads of one client stands in
## test_threads.gd.

const BODY_SIZE := 3_000_000
## A body that has not ended when the engine does.
const ENDLESS := "/chunked/1000000000?size=1000&delay_ms=20"


func _init() -> void:
	deadline_seconds = 60.0


func test_the_engine_quits_while_a_name_is_being_resolved() -> void:
	_assert_quits("a-name-that-does-not-exist.invalid:80", HTTPClient.STATUS_RESOLVING)


func test_the_engine_quits_while_a_connection_is_being_made() -> void:
	_assert_quits(address_of("never-accepts"), HTTPClient.STATUS_CONNECTING)


func test_the_engine_quits_in_the_middle_of_a_tls_handshake() -> void:
	# The raw server takes the connection, and what it is sent, and does not answer to TLS.
	_assert_quits(address_of("raw"), HTTPClient.STATUS_CONNECTING, "/", ["--tls"])


func test_the_engine_quits_while_a_response_is_awaited() -> void:
	_assert_quits(address_of("raw"), HTTPClient.STATUS_REQUESTING, "/fault/never-answers")


func test_the_engine_quits_in_the_middle_of_a_body() -> void:
	_assert_quits(address_of("http"), HTTPClient.STATUS_BODY, ENDLESS)


func test_the_engine_quits_in_the_middle_of_a_body_over_tls() -> void:
	_assert_quits(address_of("https"), HTTPClient.STATUS_BODY, ENDLESS, ["--tls"])


func test_the_engine_quits_while_a_thread_waits_for_a_response() -> void:
	_assert_quits(address_of("raw"), HTTPClient.STATUS_REQUESTING, "/fault/never-answers", ["--thread"])


func test_a_client_can_be_freed_in_the_middle_of_a_tls_handshake() -> void:
	var client := new_client()
	var opened: int = client.connect_to_host(host_of("raw"), port_of("raw"), TLSOptions.client_unsafe())
	assert_error(opened, OK, "connect_to_host()")
	for frame: int in 10:
		client.poll()
		await wait_frames(1)
	assert_status(client, HTTPClient.STATUS_CONNECTING)
	client = null
	await wait_frames(10)


func test_a_client_can_be_freed_after_a_failed_handshake() -> void:
	var client := new_client()
	# Nobody knows the server's authority.
	client.connect_to_host(host_of("https"), port_of("https"), TLSOptions.client())
	var opening := Exchange.new(client)
	while client.get_status() == HTTPClient.STATUS_CONNECTING:
		await opening.poll_until_status_changes()
	assert_status(client, HTTPClient.STATUS_TLS_HANDSHAKE_ERROR)
	opening.client = null
	client = null
	await wait_frames(10)


func test_a_client_can_be_freed_while_an_upload_goes_out() -> void:
	for round_number: int in 3:
		var client: RefCounted = await connected_client("raw")
		var body := PackedByteArray()
		body.resize(20_000_000)
		assert_error(client.request_raw(HTTPClient.METHOD_POST, "/fault/never-answers", [], body), OK, "request_raw()")
		client.poll()
		assert_status(client, HTTPClient.STATUS_REQUESTING)


func test_a_script_is_reloaded_while_its_transfer_runs() -> void:
	var script := GDScript.new()
	script.source_code = _downloader_source(1)
	assert_error(script.reload(), OK, "reload() the first time")
	var downloader: RefCounted = script.new()
	downloader.client = await connected_client()
	downloader.client.request(HTTPClient.METHOD_GET, "/chunked/%d?size=5000" % BODY_SIZE, [])
	while downloader.body.size() < BODY_SIZE / 10 and downloader.step():
		await wait_frames(1)
	assert_equal(downloader.version(), 1, "version of the script")

	script.source_code = _downloader_source(2)
	assert_error(script.reload(true), OK, "reload() in the middle of the transfer")
	assert_equal(downloader.version(), 2, "version of the script after reloading it")
	var patience := 2000
	while downloader.step() and patience > 0:
		patience -= 1
		await wait_frames(1)
	assert_equal(downloader.body.size(), BODY_SIZE, "bytes")
	var sum: RefCounted = await connected_client()
	var promised: Variant = JSON.parse_string((await exchange(sum, HTTPClient.METHOD_GET, "/crc/%d" % BODY_SIZE)).text())
	assert_equal(crc32(downloader.body), int(promised["crc32"]), "CRC-32 of the body")


func test_tasks_of_the_worker_thread_pool_fetch_side_by_side() -> void:
	var results: Array = []
	results.resize(16)
	var fetch := func(index: int) -> void:
		results[index] = _fetch(new_client(), 10_000 + index)
	var group := WorkerThreadPool.add_group_task(fetch, results.size())
	while not WorkerThreadPool.is_group_task_completed(group):
		await wait_frames(1)
	WorkerThreadPool.wait_for_group_task_completion(group)
	for index: int in results.size():
		assert_equal(results[index], 10_000 + index, "bytes of task %d" % index)


func test_close_ends_a_call_in_a_task_of_the_worker_thread_pool() -> void:
	var client: RefCounted = await connected_client("raw")
	client.blocking_mode_enabled = true
	client.request(HTTPClient.METHOD_GET, "/fault/never-answers", [])
	var task := WorkerThreadPool.add_task(client.poll)
	await wait_seconds(0.3)
	assert_true(not WorkerThreadPool.is_task_completed(task), "poll() must block")
	client.close()
	var start := Time.get_ticks_msec()
	WorkerThreadPool.wait_for_task_completion(task)
	assert_below(Time.get_ticks_msec() - start, 500.0, "milliseconds until the task ended")
	assert_status(client, HTTPClient.STATUS_DISCONNECTED)


## Another Godot quits with a client in this status: code 0, and a log without a leak, an error or a crash.
func _assert_quits(address: String, status: int, target := "/", options := PackedStringArray()) -> void:
	var godot := OS.get_environment("GODOT")
	if godot.is_empty():
		assert_true(false, "this test needs $GODOT, the program to start")
		return
	var command := PackedStringArray([
		"--headless", "--path", ProjectSettings.globalize_path("res://"), "--script",
		"res://tests/fixtures/quit_while.gd", "--", "--at=" + address, "--target=" + target, "--until=%d" % status])
	command.append_array(options)
	var output: Array = []
	var code := OS.execute(godot, command, output, true)
	var text := str(output[0]) if not output.is_empty() else ""
	assert_equal(code, 0, "exit code")
	assert_contains(text, "quits in status %d" % status, "what it printed")
	for suspicious: String in ["ERROR", "WARNING", "leaked", "ObjectDB instances", "handle_crash", "panicked"]:
		# Not the whole text: it would be taken for an error of this run.
		assert_true(not text.contains(suspicious), "its log has the word " + suspicious.reverse() + ", backwards")


func _downloader_source(version: int) -> String:
	return """
extends RefCounted
var client: RefCounted
var body := PackedByteArray()

func version() -> int:
	return %d

func step() -> bool:
	client.poll()
	if client.get_status() == HTTPClient.STATUS_BODY:
		body.append_array(client.read_response_body_chunk())
	return client.get_status() in [HTTPClient.STATUS_REQUESTING, HTTPClient.STATUS_BODY]
""" % version


## Runs in a task: a whole exchange in blocking mode. Returns how many bytes came.
func _fetch(client: RefCounted, size: int) -> int:
	client.blocking_mode_enabled = true
	client.connect_to_host(host_of("http"), port_of("http"))
	while client.get_status() in [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING]:
		client.poll()
	client.request(HTTPClient.METHOD_GET, "/chunked/%d?size=999" % size, [])
	while client.get_status() == HTTPClient.STATUS_REQUESTING:
		client.poll()
	var received := 0
	while client.get_status() == HTTPClient.STATUS_BODY:
		received += client.read_response_body_chunk().size()
	return received
