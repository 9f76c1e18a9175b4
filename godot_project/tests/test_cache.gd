extends "res://tests/support/fetch_case.gd"
## The cache of a session, from a script's view.


func test_a_fresh_response_is_answered_from_the_disk_also_by_another_session() -> void:
	var session := cached_session()
	if session == null:
		return
	var at := url("/cacheable?control=max-age%3D600")
	var first := await fetched(session, at)
	if not assert_response(first, SUCCESS, 200):
		return
	assert_equal(first.is_from_cache(), false, "is_from_cache() of the first")
	var second := await fetched(session, at)
	assert_response(second, SUCCESS, 200)
	assert_equal(second.is_from_cache(), true, "is_from_cache() of the second")
	assert_equal(second.get_text(), first.get_text(), "its body")
	assert_equal(second.get_header("Cache-Control"), "max-age=600", "its header")
	assert_true(second.get_header("Age").is_valid_int(), "its age")
	var other := cached_session()
	assert_equal(other.cache_directory, session.cache_directory, "cache_directory")
	assert_equal((await fetched(other, at)).get_text(), first.get_text(), "the body for another session")
	var without := new_session()
	assert_true((await fetched(without, at)).get_text() != first.get_text(), "a session without the folder asks the server")
	remove_all()


func test_a_stale_response_is_confirmed_by_the_server_and_comes_from_the_cache() -> void:
	var session := cached_session()
	if session == null:
		return
	var at := url("/cacheable?control=no-cache&tag=v1")
	var first := await fetched(session, at)
	var second := await fetched(session, at)
	if assert_response(second, SUCCESS, 200):
		assert_equal(second.is_from_cache(), true, "is_from_cache()")
		assert_equal(second.get_text(), first.get_text(), "its body")
	session.cache_directory = ""
	var third := await fetched(session, at)
	assert_equal(third.is_from_cache(), false, "is_from_cache() where it is off")
	assert_true(third.get_text() != first.get_text(), "a new body")
	remove_all()


func test_a_request_can_ask_for_a_new_response_or_for_one_of_the_cache_alone() -> void:
	var session := cached_session()
	if session == null:
		return
	var at := url("/cacheable?control=max-age%3D600&of=request")
	var missing := await fetched(session, at, ["Cache-Control: only-if-cached"])
	if assert_response(missing, SUCCESS, 504):
		assert_matches(missing.get_error_message(), "^the cache has no response for http://.+only-if-cached", "the sentence")
	var first := await fetched(session, at)
	var renewed := await fetched(session, at, ["Cache-Control: no-cache"])
	assert_true(renewed.get_text() != first.get_text(), "a new body")
	assert_equal((await fetched(session, at, ["Cache-Control: only-if-cached"])).get_text(), renewed.get_text(), "the new one was kept")
	await fetched(session, at, [], HTTPClient.METHOD_POST, "changes it")
	assert_response(await fetched(session, at, ["Cache-Control: only-if-cached"]), SUCCESS, 504, "after a POST")
	remove_all()


func test_a_stream_answers_from_the_cache_and_a_download_and_a_node_do_not() -> void:
	var session := cached_session()
	if session == null:
		return
	var at := url("/cacheable?control=max-age%3D600&of=stream")
	var first := await fetched(session, at)
	var chunks := [PackedByteArray()]
	var task: RefCounted = session.stream(at)
	task.chunk_received.connect(func(chunk: PackedByteArray) -> void: chunks[0] += chunk)
	var streamed := await response_of(task, "the stream")
	assert_equal(streamed.is_from_cache(), true, "is_from_cache() of the stream")
	assert_equal((chunks[0] as PackedByteArray).get_string_from_utf8(), first.get_text(), "its chunks")
	var path := folder().path_join("download.txt")
	var downloaded := await response_of(session.download(at, path), "the download")
	assert_equal(downloaded.is_from_cache(), false, "is_from_cache() of the download")
	assert_true(FileAccess.get_file_as_string(path) != first.get_text(), "it is new")
	var node: Node = made(&"HTTPRequestRust")
	node.set("session", session)
	tree.root.add_child(node)
	assert_error(node.call("request", at), OK, "the node")
	var of_node := await response_of(node.call("get_task"), "the node's task")
	assert_equal(of_node.is_from_cache(), false, "is_from_cache() of the node")
	node.free()
	remove_all()


func test_files_that_were_damaged_are_a_miss_and_no_error() -> void:
	var session := cached_session()
	if session == null:
		return
	var at := url("/cacheable?control=max-age%3D600&of=damage")
	var first := await fetched(session, at)
	var cache: String = session.cache_directory
	var names := DirAccess.get_files_at(cache)
	assert_equal(names.size(), 1, "files: %s" % [names])
	for name: String in names:
		var file := FileAccess.open(cache.path_join(name), FileAccess.WRITE)
		file.store_string("not what was written")
		file.close()
	var second := await fetched(session, at)
	if assert_response(second, SUCCESS, 200):
		assert_equal(second.is_from_cache(), false, "is_from_cache()")
		assert_true(second.get_text() != first.get_text(), "it is new")
	assert_equal((await fetched(session, at)).get_text(), second.get_text(), "and kept again")
	remove_all()


func cached_session() -> RefCounted:
	var session := new_session()
	if session != null:
		session.cache_directory = folder().path_join("cache")
	return session


func remove_all() -> void:
	var cache := folder().path_join("cache")
	for file: String in DirAccess.get_files_at(cache):
		DirAccess.remove_absolute(cache.path_join(file))
	DirAccess.remove_absolute(cache)
	remove_folder()
