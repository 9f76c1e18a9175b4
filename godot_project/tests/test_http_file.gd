extends "res://tests/support/test_case.gd"
## The file of the console's saved requests, which other editors and users also edit.

const HttpFile := preload("res://addons/http_client_rust/console/http_file.gd")

const PATH := "user://requests_of_a_test.http"
## A file as users write it in another editor.
const BY_HAND := """# The server of the game.

### Scores
# All of them.
# @read-timeout 5
GET https://a.example/scores?level=3 HTTP/1.1
Accept: application/json
// a comment between headers
Authorization: Bearer by-hand

###
// @name Send a score
POST https://a.example/scores
Content-Type: application/json

{
  "player": "Ada",

  "score": 1200
}


### A line that is only an address
https://a.example/hello

###
# nothing but a comment
"""


func _init() -> void:
	DirAccess.remove_absolute(PATH)


func test_requests_are_read_as_other_editors_write_them() -> void:
	_write(BY_HAND)
	var requests := HttpFile.new(PATH).requests
	assert_equal(requests.map(func(request: Dictionary) -> String: return request["name"]), [
		"Scores", "Send a score", "A line that is only an address"], "names")
	assert_equal(requests[0], {
		"name": "Scores", "method": "GET", "url": "https://a.example/scores?level=3", "read_timeout": 5.0, "body": "",
		"headers": PackedStringArray(["Accept: application/json", "Authorization: Bearer by-hand"])}, "the first")
	assert_equal(requests[1]["body"], "{\n  \"player\": \"Ada\",\n\n  \"score\": 1200\n}", "a body with an empty line")
	assert_equal([requests[2]["method"], requests[2]["url"]], ["GET", "https://a.example/hello"], "the third")


func test_what_is_saved_is_read_as_it_was() -> void:
	var request := {
		"method": "PATCH", "url": "https://[::1]:8443/a b?c={{d}}#e", "headers": PackedStringArray(["X-A: b:c", "X-Empty:"]),
		"body": "\n# no comment\n\tü\n", "ca_file": "res://my ca.pem", "verify": false, "read_timeout": 2.5, "follow": false,
		"listen": true, "retries": 3}
	assert_error(HttpFile.new(PATH).save("One", request), OK, "saving")
	assert_error(HttpFile.new(PATH).save("Two", {"method": "GET", "url": "http://a.example"}), OK, "saving another")
	var found := HttpFile.new(PATH).requests
	assert_equal(found.size(), 2, "requests")
	for key: String in request:
		var expected: Variant = request[key] if key != "body" else "\n# no comment\n\tü"
		assert_equal(found[0][key], expected, key)


func test_saving_changes_nothing_but_that_request() -> void:
	for line_end: String in ["\n", "\r\n"]:
		_write(BY_HAND.replace("\n", line_end))
		var file := HttpFile.new(PATH)
		var request := file.requests[0].duplicate()
		request["headers"] = PackedStringArray(["Accept: text/plain", "Authorization: Bearer of-the-console"])
		request["body"] = "a\nb"
		assert_error(file.save("Scores", request), OK, "saving")
		var expected := BY_HAND.replace("Accept: application/json\n// a comment between headers\n", "Accept: text/plain\n").replace(
			"Bearer by-hand\n", "Bearer by-hand\n\na\nb\n")
		assert_equal(FileAccess.get_file_as_string(PATH), expected.replace("\n", line_end), "the file")


func test_a_request_is_added_at_the_end_and_taken_out_again() -> void:
	_write(BY_HAND)
	assert_error(HttpFile.new(PATH).save("New", {"method": "GET", "url": "http://a.example/new"}), OK, "saving")
	assert_equal(
		FileAccess.get_file_as_string(PATH), BY_HAND + "\n### New\nGET http://a.example/new HTTP/1.1\n", "the file")
	assert_error(HttpFile.new(PATH).remove("New"), OK, "removing")
	assert_equal(FileAccess.get_file_as_string(PATH), BY_HAND + "\n", "the file without it")
	assert_error(HttpFile.new(PATH).remove("New"), ERR_DOES_NOT_EXIST, "removing what is not there")


func test_numbers_of_any_length_are_read_without_an_error_in_the_log() -> void:
	var file := FileAccess.open(PATH, FileAccess.WRITE)
	file.store_string("### A\n# @retries 99999999999999999999\n# @read-timeout 99999999999999999999\nGET http://a.example/\n")
	file.close()
	assert_equal(HttpFile.new(PATH).requests[0]["retries"], 10, "retries")


func test_no_secret_is_written() -> void:
	HttpFile.new(PATH).save("A", {
		"method": "GET", "url": "https://me:secret@a.example/", "headers": PackedStringArray([
			"authorization: secret", "X-API-Key: secret", "X-Functions-Key: secret", "X-Csrf-Token: secret", "Ocp-Apim-Subscription-Key: secret",
			"X-Login: Bearer secret-of-eight", "Accept: text/plain"])})
	assert_true(not FileAccess.get_file_as_string(PATH).contains("secret"), FileAccess.get_file_as_string(PATH))
	assert_contains(FileAccess.get_file_as_string(PATH), "Accept: text/plain", "what is no secret")


func test_what_the_file_cannot_hold_is_refused_with_a_sentence() -> void:
	for case: Array in [
			["", {"url": "http://a/"}, "name"], ["A", {"url": "http://a/\nX-B: c"}, "line break"], ["A\nB", {"url": "http://a/"}, "name"], ["A", {}, "URL"],
			["A", {"url": "http://a/", "bytes": PackedByteArray([1])}, "binary"], ["A", {"url": "http://a/", "body": "a\n### b"}, "###"]]:
		assert_contains(HttpFile.problem_with(case[0], case[1]), case[2])
		assert_error(HttpFile.new(PATH).save(case[0], case[1]), ERR_INVALID_PARAMETER, "saving")
	assert_true(not FileAccess.file_exists(PATH), "nothing was written")


func test_texts_that_are_no_requests_are_read_too() -> void:
	for text: String in ["", "###", "###\n###\n", "# only a comment", "GET", "\n\n\n", "### a\nGET \n", "HTTP/1.1\n", "{\"json\": 1}\n\n"]:
		_write(text)
		var file := HttpFile.new(PATH)
		assert_true(file.requests.size() <= 1, text)
		assert_error(file.save("Mine", {"method": "GET", "url": "http://a.example/"}), OK, "saving behind " + text)
		assert_equal(HttpFile.new(PATH).requests[-1]["url"], "http://a.example/", "what is behind " + text)
		assert_true(FileAccess.get_file_as_string(PATH).begins_with(text), "what was there stays")


func _write(text: String) -> void:
	FileAccess.open(PATH, FileAccess.WRITE).store_buffer(text.to_utf8_buffer())


func test_a_file_with_many_empty_lines_at_its_end_is_read_at_once() -> void:
	# Processing the whole text again for each line would take hours.
	_write("POST http://a.example/\n\nbody" + "\n".repeat(3_000_000))
	assert_equal(HttpFile.new(PATH).requests[0]["body"], "body", "the body")


func test_odd_files_give_requests_or_none_and_are_not_damaged() -> void:
	for text: String in [
			"", "###", "### \n###\n", "\r\n\r\n", "GET", "HTTP/1.1", "GET HTTP/1.1", "# @retries\n# @read-timeout x\n# @\nGET a",
			"\tGET\t", "//", "### a\r\nGET x\r\n\r\nb\r\n", "### a\n### a\nGET y", "{}", "<html>", "\ufeff### a\nGET http://a/"]:
		_write(text)
		var file := HttpFile.new(PATH)
		for request: Dictionary in file.requests:
			assert_equal([typeof(request["url"]), request["headers"] is PackedStringArray], [TYPE_STRING, true], text)
		assert_error(file.save("new", {"method": "GET", "url": "http://new.example"}), OK, text)
		assert_equal(file.requests.filter(func(request: Dictionary) -> bool: return request["name"] == "new").size(), 1, text)
		assert_error(file.remove("new"), OK, text)


func test_a_file_that_is_no_utf8_is_left_as_it_is() -> void:
	var bytes := "### Café\nGET https://a.example/\n".to_utf8_buffer()
	bytes.remove_at(bytes.find(0xa9))
	var file := FileAccess.open(PATH, FileAccess.WRITE)
	file.store_buffer(bytes)
	file.close()
	assert_equal(HttpFile.new(PATH).save("Another", {"url": "https://b.example/"}), ERR_FILE_UNRECOGNIZED, "save()")
	assert_equal(HttpFile.new(PATH).remove("Another"), ERR_FILE_UNRECOGNIZED, "remove()")
	assert_equal(FileAccess.get_file_as_bytes(PATH), bytes, "the file")


func test_a_file_with_a_byte_order_mark_can_be_written() -> void:
	var file := FileAccess.open(PATH, FileAccess.WRITE)
	file.store_buffer(HttpFile.BOM + "### One\nGET https://a.example/\n".to_utf8_buffer())
	file.close()
	assert_equal(HttpFile.new(PATH).save("Two", {"url": "https://b.example/"}), OK, "save()")
	assert_equal(HttpFile.new(PATH).requests.size(), 2, "requests")
