extends "res://tests/support/test_case.gd"
## Files that the Web stand-in replays, whatever program wrote them.

const Replay := preload("res://addons/http_client_rust/web/replay.gd")
const Names := preload("res://addons/http_client_rust/web/secret_names.gd")
## The names that the tests of the library also use.
const NAMES := "res://../rust/fetch/tests/data/secret_names.json"

const PATH := "user://odd_web.har"
const ENTRY := {
	"_number": 1, "_baseUrl": "http://a.example/", "time": 1, "_end": {"sentence": "x"},
	"request": {"method": "POST", "url": "http://a.example/x", "headers": [{"name": "A", "value": "b"}],
		"postData": {"mimeType": "text/plain", "text": "/w==", "_encoding": "base64"}},
	"response": {"status": 200, "headers": [{"name": "C", "value": "d"}], "content": {"mimeType": "", "text": "eQ==", "encoding": "base64"}}}


func _init() -> void:
	DirAccess.remove_absolute(PATH)


func test_a_file_is_played() -> void:
	var entry := _played({"log": {"entries": [ENTRY]}})
	assert_equal(entry.get("problem", ""), "", "problem")
	assert_equal(entry["response"]["status"], 200, "status")
	assert_equal(entry["response"]["content"]["text"], "eQ==", "body")


func test_whatever_a_file_has_in_its_places_it_is_played_or_refused() -> void:
	var odd: Array[Variant] = [null, true, -1, 1e308, "", "x", "\\E", "=", [], [null], [[]], {}, {"name": []}, [{"name": 1, "value": {}}]]
	var paths: Array[Array] = [[], ["log"], ["log", "entries"], ["log", "entries", 0]]
	for key: String in ENTRY:
		paths.append(["log", "entries", 0, key])
		for inner: Variant in ENTRY[key] if ENTRY[key] is Dictionary else {}:
			paths.append(["log", "entries", 0, key, inner])
	for inner: String in ENTRY["response"]["content"]:
		paths.append(["log", "entries", 0, "response", "content", inner])
		paths.append(["log", "entries", 0, "request", "postData", inner.replace("encoding", "_encoding")])
	for path: Array in paths:
		for value: Variant in odd:
			var file := {"log": {"entries": [ENTRY.duplicate(true)]}}
			var place: Variant = file
			for key: Variant in path.slice(0, -1):
				place = place[key]
			if path.is_empty():
				file = {"": value}
			else:
				place[path[-1]] = value
			var entry := _played(file)
			assert_true(entry.has("problem") or entry["response"]["status"] is int, "%s %s" % [path, value])


func test_a_secret_behind_a_long_text_is_found() -> void:
	var tape := Replay.new(PATH, true, false)
	var body := JSON.stringify({"a": "x\\\"".repeat(1 << 18), "access_token": "behind-secret", "tokens": ["first-secret", 2]}, "", false)
	var asked: Dictionary = tape.call(
		"_asked", HTTPClient.METHOD_POST, "http://a.example/x", "http://a.example/", PackedStringArray(), body.to_utf8_buffer())
	tape.call("_append", asked)
	var text := FileAccess.get_file_as_string(PATH)
	assert_equal([text.contains("behind-secret"), text.contains("first-secret")], [false, false], "secrets")


func test_names_of_secrets_are_those_of_the_library() -> void:
	var names: Variant = JSON.parse_string(FileAccess.get_file_as_string(ProjectSettings.globalize_path(NAMES).simplify_path()))
	if not assert_true(names is Dictionary, "the list of the library"):
		return
	assert_equal((names as Dictionary).keys(), ["all", "value", "where_sent", "if_token", "none"], "lists")
	for list: String in names:
		for name: String in names[list]:
			assert_equal(Names.secrecy(name), Names.Secrecy[list.to_upper()], name)


func test_what_the_library_redacts_is_redacted_and_nothing_else() -> void:
	for case: Array in [
			["{\"token_type\": \"bearer\", \"author\": \"Ada\", \"public_key\": \"abcd\", \"status_code\": 7}", ""],
			["{\"sessionId\": 12345, \"api_key\": \"abcde\"}", "{\"sessionId\": \"[redacted]\", \"api_key\": \"[redacted]\"}"],
			["{\"session\": {\"name\": \"Ada\"}}", ""],
			["{\"access\": \"public\", \"refresh\": \"https://a.example/b/12345\"}", ""],
			["{\"access\": \"4f5cd2e0a9b84c3e\"}", "{\"access\": \"[redacted]\"}"],
			["{\"name\": \"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.\"}", "{\"name\": \"[redacted]\"}"],
			["name=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln&b=1.2.3", "name=[redacted]&b=1.2.3"],
			["{\"a\": {\"credentials\": {\"user\": {\"name\": [\"}\", 1, {}]}}}, \"b\": 2}", "{\"a\": {\"credentials\": \"[redacted]\"}, \"b\": 2}"],
			["{\"secrets\": [\"abcde\", {\"a\": \"it ends h", "{\"secrets\": \"[redacted]\""],
			["{\"to\\u006ben\": \"abcde\"}", "{\"to\\u006ben\": \"[redacted]\"}"],
			["access%5Ftoken=abcde&tokenUrl=b#code=c", "access%5Ftoken=[redacted]&tokenUrl=b#code=[redacted]"],
			["/a;v=1;jsessionid=4f5c", "/a;v=1;jsessionid=[redacted]"],
			["/a?next=/b?token=abcde;f&c=d", "/a?next=/b?token=[redacted]&c=d"],
			["%s&token=abcde" % ";".repeat(10_000), "%s&token=[redacted]" % ";".repeat(10_000)],
			["%s&token=abcde" % "x;".repeat(10_000), "%s&token=[redacted]" % "x;".repeat(10_000)],
			["%s&token=abcde" % ";x=1".repeat(10_000), "%s&token=[redacted]" % ";x=1".repeat(10_000)],
			["{\"tokens\": %s\"deep-secret\"%s}" % ["[".repeat(20_000), "]".repeat(20_000)], "{\"tokens\": \"[redacted]\"}"]]:
		var found: String = Replay.new(PATH, true, false).call("_text_without_secrets", case[0], false)
		assert_equal(found, case[0] if str(case[1]).is_empty() else case[1], str(case[0]).left(80))
	for case: Array in [[true, "{\"code\":\"[redacted]\"}"], [false, "{\"code\":\"abcde\"}"]]:
		var found: String = Replay.new(PATH, true, false).call("_text_without_secrets", "{\"code\":\"abcde\"}", case[0])
		assert_equal(found, case[1], "a code that was sent: %s" % [case[0]])
	for case: Array in [
			["Cookie", "a=b; =c; defgh; ", "a=[redacted]; =[redacted];[redacted]; "], ["Set-Cookie", "a=b; Path=/", "a=[redacted]; Path=/"],
			["X-Api-Key", "abcde", "[redacted]"], ["Author", "abcde", "abcde"], ["Authorization", "Basic YTpi", "[redacted]"],
			["X-Login", "Bearer abcde", "[redacted]"], ["X-Login", "Basic YTpi", "[redacted]"], ["Via", "Basic instincts", "Basic instincts"]]:
		var found: String = Replay.new(PATH, true, false).call("_header_without_secret", case[0], case[1])
		assert_equal(found, case[2], case[0])


func test_a_file_in_a_form_stays_as_it_is_and_is_not_read_as_text() -> void:
	var part := "--b\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n"
	var image := PackedByteArray([0x89, 0x50, 0xff, 0xfe, 0x00, 0xc3])
	var form := (part % "image").to_utf8_buffer() + image + ("\r\n" + part % "password").to_utf8_buffer()
	var redacted: PackedByteArray = Replay.new(PATH, true, false).call(
		"_bytes_without_secrets", form + "form-secret\r\n--b--\r\n".to_utf8_buffer(), "multipart/form-data; boundary=b", true)
	assert_equal(redacted.hex_encode(), (form + "[redacted]\r\n--b--\r\n".to_utf8_buffer()).hex_encode(), "the form")


## Returns the response to the request of `ENTRY`, or `{problem}`.
func _played(file: Dictionary) -> Dictionary:
	var written := FileAccess.open(PATH, FileAccess.WRITE)
	written.store_string(JSON.stringify(file))
	written.close()
	var tape := Replay.new(PATH, false, false)
	if not tape.problem.is_empty():
		return {"problem": tape.problem}
	var asked: Dictionary = tape.call(
		"_asked", HTTPClient.METHOD_POST, "http://a.example/x", "http://a.example/", PackedStringArray(["Content-Type: text/plain"]), PackedByteArray([0xff]))
	return tape.call("_find", asked)
