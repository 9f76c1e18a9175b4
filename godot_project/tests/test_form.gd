extends "res://tests/support/fetch_case.gd"
## HTTPFormRust: the bytes of a form, and errors of its files.


func test_it_has_the_methods_that_are_promised() -> void:
	assert_equal(ClassDB.get_parent_class(&"HTTPFormRust"), &"RefCounted", "base class")
	assert_methods(&"HTTPFormRust", [
		"add_field(name: String, value: String) -> void",
		"add_file(name: String, path: String, filename: String = \"\", content_type: String = \"\") -> void",
		"add_bytes(name: String, bytes: PackedByteArray, filename: String, content_type: String = \"application/octet-stream\") -> void",
		"get_content_type() -> String", "get_length() -> int"])


func test_a_form_is_sent_as_browsers_write_it() -> void:
	var form := made(&"HTTPFormRust")
	var session := new_session()
	if form == null or session == null:
		return
	form.add_field("a\"b", "one\ntwo\rthree\r\n")
	form.add_bytes("file", "bytes".to_utf8_buffer(), "né\"\n.bin")
	form.add_bytes("typed", PackedByteArray(), "x.png", "image/png")
	var type: String = form.get_content_type()
	assert_true(type.begins_with("multipart/form-data; boundary="), "the content type: " + type)
	var boundary := type.get_slice("boundary=", 1)
	var expected := (
		"--B\r\nContent-Disposition: form-data; name=\"a%22b\"\r\n\r\none\r\ntwo\r\nthree\r\n\r\n"
		+ "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"né%22%0A.bin\"\r\nContent-Type: application/octet-stream\r\n\r\nbytes\r\n"
		+ "--B\r\nContent-Disposition: form-data; name=\"typed\"; filename=\"x.png\"\r\nContent-Type: image/png\r\n\r\n\r\n"
		+ "--B--\r\n").replace("--B", "--" + boundary)
	assert_equal(form.get_length(), expected.to_utf8_buffer().size(), "get_length()")
	var echo := echo_of(await fetched(session, url("/echo"), [], HTTPClient.METHOD_POST, form))
	assert_equal(echo["body_text"], expected, "the body")
	assert_equal(sent_values(echo, "Content-Type"), PackedStringArray([type]), "Content-Type")
	assert_equal(sent_values(echo, "Content-Length"), PackedStringArray([str(form.get_length())]), "Content-Length")
	echo = echo_of(await fetched(session, url("/echo"), [], HTTPClient.METHOD_POST, form))
	assert_equal(echo["body_text"], expected, "the body, sent again")


func test_two_forms_have_different_boundaries() -> void:
	var first := made(&"HTTPFormRust")
	var second := made(&"HTTPFormRust")
	if first != null and second != null:
		assert_not_equal(first.get_content_type(), second.get_content_type(), "the boundary")


func test_files_come_from_the_disk_and_from_the_project() -> void:
	var session := new_session()
	var form := made(&"HTTPFormRust")
	if session == null or form == null:
		return
	var path := folder().path_join("form.txt")
	var file := FileAccess.open(path, FileAccess.WRITE)
	file.store_string("from the disk")
	file.close()
	form.add_file("one", path)
	form.add_file("two", "res://tests/test_form.gd", "script.txt", "text/x-gdscript")
	var own := FileAccess.get_file_as_string("res://tests/test_form.gd")
	var body: String = echo_of(await fetched(session, url("/echo"), [], HTTPClient.METHOD_POST, form))["body_text"]
	assert_contains(body, "name=\"one\"; filename=\"form.txt\"\r\nContent-Type: text/plain\r\n\r\nfrom the disk\r\n", "the first file")
	assert_contains(body, "name=\"two\"; filename=\"script.txt\"\r\nContent-Type: text/x-gdscript\r\n\r\n" + own, "the second file")
	remove_folder()


func test_a_large_file_arrives_whole() -> void:
	var session := new_session()
	var form := made(&"HTTPFormRust")
	if session == null or form == null:
		return
	var path := folder().path_join("large.bin")
	var block := PackedByteArray()
	block.resize(1 << 20)
	block.fill(65)
	var file := FileAccess.open(path, FileAccess.WRITE)
	for part: int in 8:
		file.store_buffer(block)
	file.close()
	form.add_file("large", path)
	var task: RefCounted = session.fetch(url("/upload"), [], HTTPClient.METHOD_POST, form)
	var events := recorded(task)
	var response := await response_of(task)
	if assert_response(response, SUCCESS, 200):
		assert_equal(int(response.get_json()["bytes"]), form.get_length(), "bytes that arrived")
		assert_equal(task.get_uploaded_bytes(), form.get_length(), "get_uploaded_bytes()")
		var progress := named(events, "upload_progressed")
		assert_true(not progress.is_empty(), "upload_progressed must have come")
		if not progress.is_empty():
			assert_equal(progress.back()[1], [form.get_length(), form.get_length()], "the last upload_progressed")
	remove_folder()


func test_a_file_that_is_not_there_is_an_invalid_request() -> void:
	var session := new_session()
	var form := made(&"HTTPFormRust")
	if session == null or form == null:
		return
	form.add_file("gone", "user://no-such-file.bin")
	assert_equal(form.get_length(), -1, "get_length()")
	var task: RefCounted = session.fetch(url("/echo"), [], HTTPClient.METHOD_POST, form)
	assert_true(not task.is_completed(), "not completed at once")
	var response := await response_of(task)
	if assert_response(response, INVALID_REQUEST, 0):
		assert_contains(response.get_error_message(), "gone", "the message names the field")
		assert_contains(response.get_error_message(), "no-such-file.bin", "the message names the file")


## An exported game has its files in a pack.
func test_a_file_of_a_pack_is_read_while_it_is_sent() -> void:
	const LENGTH := 48 << 20
	DirAccess.make_dir_recursive_absolute(folder())
	var large := folder().path_join("large.bin")
	var pack := folder().path_join("files.pck")
	var file := FileAccess.open(large, FileAccess.WRITE)
	var piece := "a piece of a large file ".repeat(4096).to_utf8_buffer()
	while file.get_position() < LENGTH:
		file.store_buffer(piece)
	file.close()
	var packer := PCKPacker.new()
	assert_equal(packer.pck_start(pack), OK, "pck_start()")
	assert_equal(packer.add_file("res://only_in_the_pack/large.bin", large), OK, "add_file()")
	assert_equal(packer.flush(), OK, "flush()")
	var length := FileAccess.open(large, FileAccess.READ).get_length()
	DirAccess.remove_absolute(large)
	assert_true(ProjectSettings.load_resource_pack(pack), "load_resource_pack()")
	var session := new_session()
	assert_response(await fetched(session, url("/hello")), SUCCESS, 200, "the worker runs")

	var before := _resident_kib()
	var form := made(&"HTTPFormRust") as RefCounted
	form.add_file("level", "res://only_in_the_pack/large.bin")
	assert_true(form.get_length() > length, "get_length() is %d" % form.get_length())
	var task: RefCounted = session.fetch(url("/upload"), [], HTTPClient.METHOD_POST, form)
	var most := before
	while not task.is_completed():
		most = maxi(most, _resident_kib())
		await wait_frames(1)
	assert_response(task.get_response(), SUCCESS, 200, "upload")
	assert_equal(int(task.get_response().get_json()["bytes"]), form.get_length(), "bytes that arrived")
	assert_true(most - before < length / 4096.0, "memory grew by %d KiB for a file of %d" % [most - before, length])
	remove_folder()


## Resident memory in KiB; 0 if the system does not report it.
func _resident_kib() -> int:
	if not FileAccess.file_exists("/proc/self/status"):
		return 0
	var status := FileAccess.open("/proc/self/status", FileAccess.READ)
	while not status.eof_reached():
		var line := status.get_line()
		if line.begins_with("VmRSS:"):
			return line.trim_prefix("VmRSS:").to_int()
	return 0
