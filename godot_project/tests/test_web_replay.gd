extends "res://tests/support/test_case.gd"
## Files that the Web stand-in replays, whatever program wrote them.

const Replay := preload("res://addons/http_client_rust/web/replay.gd")
const Names := preload("res://addons/http_client_rust/web/secret_names.gd")
const BodyText := preload("res://addons/http_client_rust/console/body_text.gd")
const Secrets := preload("res://addons/http_client_rust/web/secrets.gd")
## The names that the tests of the library also use.
const NAMES := "res://../rust/fetch/tests/data/secret_names.json"
const CREDENTIALS := "res://../rust/fetch/tests/data/credentials.json"

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


func test_a_recording_with_control_characters_is_played() -> void:
	var tape := Replay.new(PATH, true, false)
	var controls := "\u0001\u0007\u000b\u001f\\v\\a"
	var entry := _asked("http://a.example/x", PackedByteArray([0xff]))
	entry["response"] = {"status": 200, "headers": [{"name": "A", "value": controls}], "content": {"text": controls}}
	tape.call("_append", entry)
	var played := Replay.new(PATH, false, false)
	assert_equal(played.problem, "", "problem")
	assert_equal(played.call("_find", entry)["response"]["content"]["text"], controls, "text")


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


func test_credentials_in_any_header_are_those_of_the_library() -> void:
	var lists: Variant = JSON.parse_string(FileAccess.get_file_as_string(ProjectSettings.globalize_path(CREDENTIALS).simplify_path()))
	if not assert_true(lists is Dictionary, "the list of the library"):
		return
	for value: String in lists["credentials"]:
		assert_true(Names.has_credentials(value), value)
	for value: String in lists["none"]:
		assert_true(not Names.has_credentials(value), value)


func test_what_the_library_redacts_is_redacted_and_nothing_else() -> void:
	for case: Array in [
			["{\"token_type\": \"bearer\", \"author\": \"Ada\", \"public_key\": \"abcd\", \"status_code\": 7}", ""],
			["{\"sessionId\": 12345, \"api_key\": \"abcde\"}", "{\"sessionId\": \"[redacted]\", \"api_key\": \"[redacted]\"}"],
			["{\"session\": {\"name\": \"Ada\"}}", ""],
			["{\"access\": \"public\", \"refresh\": \"https://a.example/b/12345\"}", ""],
			["{\"access\": \"4f5cd2e0a9b84c3e\"}", "{\"access\": \"[redacted]\"}"],
			["{\"name\": \"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.\"}", "{\"name\": \"[redacted]\"}"],
			["name=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln&b=1.2.3", "name=[redacted]&b=1.2.3"],
			["{\"a\": {\"credentials\": {\"user\": {\"name\": [\"}\", 1, {}]}}}, \"b\": 2}", "{\"a\": {\"credentials\": {\"user\": {\"name\": [\"[redacted]\", \"[redacted]\", {}]}}}, \"b\": 2}"],
			["{\"secrets\": [\"abcde\", {\"a\": \"it ends h", "{\"secrets\": [\"[redacted]\", {\"a\": \"[redacted]"],
			["{\"tokens\": [\"abcde\", \"[redacted]\", true, {\"n\": -1.5}], \"b\": [\"c\"]}", "{\"tokens\": [\"[redacted]\", \"[redacted]\", true, {\"n\": \"[redacted]\"}], \"b\": [\"c\"]}"],
			["{\"password\": \"it ends h", "{\"password\": \"[redacted]"],
			["{\"password\": \"it ends h\\", "{\"password\": \"[redacted]"],
			["{\"body\": \"{\\\"token\\\": \\\"abc\\/defgh\\\"}\"}", "{\"body\": \"{\\\"token\\\": \\\"[redacted]\\\"}\"}"],
			["see https://me:hunter22@a.example/b, hunter22", "see https://[redacted]@a.example/b, [redacted]"],
			["{\"to\\u006ben\": \"abcde\"}", "{\"to\\u006ben\": \"[redacted]\"}"],
			["access%5Ftoken=abcde&tokenUrl=b#code=c", "access%5Ftoken=[redacted]&tokenUrl=b#code=[redacted]"],
			["/a;v=1;jsessionid=4f5c", "/a;v=1;jsessionid=[redacted]"],
			["/a?next=/b?token=abcde;f&c=d", "/a?next=/b?token=[redacted]&c=d"],
			["%s&token=abcde" % ";".repeat(10_000), "%s&token=[redacted]" % ";".repeat(10_000)],
			["%s&token=abcde" % "x;".repeat(10_000), "%s&token=[redacted]" % "x;".repeat(10_000)],
			["%s&token=abcde" % ";x=1".repeat(10_000), "%s&token=[redacted]" % ";x=1".repeat(10_000)],
			["{\"tokens\": %s\"deep-secret\"%s}" % ["[".repeat(20_000), "]".repeat(20_000)], "{\"tokens\": %s\"[redacted]\"%s}" % ["[".repeat(20_000), "]".repeat(20_000)]]]:
		var found := _redacted(case[0], false)
		assert_equal(found, case[0] if str(case[1]).is_empty() else case[1], str(case[0]).left(80))
	for case: Array in [[true, "{\"code\":\"[redacted]\"}"], [false, "{\"code\":\"abcde\"}"]]:
		var found := _redacted("{\"code\":\"abcde\"}", case[0])
		assert_equal(found, case[1], "a code that was sent: %s" % [case[0]])
	for case: Array in [
			["Cookie", "a=b; =c; defgh; ", "a=[redacted]; =[redacted]; [redacted]; "], ["Set-Cookie", "a=b; Path=/", "a=[redacted]; Path=/"],
			["X-Api-Key", "abcde", "[redacted]"], ["Author", "abcde", "abcde"], ["Authorization", "Basic YTpi", "[redacted]"],
			["X-Login", "Bearer abcdefgh", "[redacted]"], ["X-Login", "Basic YWJjOmRlZg==", "[redacted]"], ["X-Login", "Bearer abcdefg", "Bearer abcdefg"],
			["Set-Cookie", "a=b\nc=d; Path=/", "a=[redacted]\nc=[redacted]; Path=/"], ["Location", "/a?token=b", "/a?token=[redacted]"], ["Via", "Basic instincts", "Basic instincts"]]:
		var found := Secrets.new().redact_header(case[0], case[1], false)
		assert_equal(found, case[2], case[0])


func test_a_file_in_a_form_stays_as_it_is_and_is_not_read_as_text() -> void:
	var part := "--b\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n"
	var image := PackedByteArray([0x89, 0x50, 0xff, 0xfe, 0x00, 0xc3])
	var form := (part % "image").to_utf8_buffer() + image + ("\r\n" + part % "password").to_utf8_buffer()
	var redacted := Secrets.new().redact_body(
		form + "form-secret\r\n--b--\r\n".to_utf8_buffer(), "multipart/form-data; boundary=b", true)
	assert_equal(redacted.hex_encode(), (form + "[redacted]\r\n--b--\r\n".to_utf8_buffer()).hex_encode(), "the form")


func test_of_two_secrets_the_longer_one_is_replaced() -> void:
	for order: Array in [["secret-a", "secret-a-and-b"], ["secret-a-and-b", "secret-a"]]:
		var secrets := Secrets.new()
		for secret: String in order:
			secrets.redact_text("token=" + secret, true)
		assert_equal(secrets.replace("<secret-a-and-b secret-a>"), "<[redacted] [redacted]>", "text")
		var bytes := secrets.replace_in_body(PackedByteArray([0]) + "secret-a-and-b secret-a".to_utf8_buffer())
		assert_equal(bytes.hex_encode(), "00" + "[redacted] [redacted]".to_utf8_buffer().hex_encode(), "bytes")


func test_a_secret_among_bytes_is_found_wherever_it_begins_and_nothing_else_changes() -> void:
	var tape := Replay.new(PATH, true, false)
	var mark := "[redacted]".to_utf8_buffer()
	for place: int in 3:
		var before := PackedByteArray([0, 0xff, 0xfe]).slice(0, place + 1)
		# The digits of CCCCCCCC also occur in 444444444, but not at the beginning of a byte.
		var entry := _asked("http://a.example/?token=CCCCCCCC", before + "444444444CCCCCCCC4".to_utf8_buffer())
		var kept: Dictionary = tape.call("_without_secrets", entry)
		assert_equal(
			Marshalls.base64_to_raw(kept["request"]["postData"]["text"]).hex_encode(),
			(before + "444444444".to_utf8_buffer() + mark + "4".to_utf8_buffer()).hex_encode(), "after %d bytes" % (place + 1))


func test_of_many_secrets_each_is_found_and_the_oldest_are_forgotten() -> void:
	var secrets := Secrets.new()
	for number: int in Secrets.MOST + 10:
		secrets.redact_text("token=%05d-secret ü%d" % [number, number], true)
		secrets.add("%05d-sécret ü%d" % [number, number])
	var last := "%05d-sécret ü%d" % [Secrets.MOST + 9, Secrets.MOST + 9]
	assert_equal(secrets.replace("<%s %s>" % [last, last.uri_encode()]), "<[redacted] [redacted]>", "text")
	var bytes := secrets.replace_in_body(PackedByteArray([0, 0xff]) + last.to_utf8_buffer())
	assert_equal(bytes.hex_encode(), "00ff" + "[redacted]".to_utf8_buffer().hex_encode(), "bytes")
	assert_equal(secrets.replace("00000-sécret ü0"), "00000-sécret ü0", "the oldest")
	assert_equal((secrets.get("_known") as Dictionary).size(), Secrets.MOST, "secrets")


func test_a_short_secret_is_replaced_where_it_stands_alone() -> void:
	var secrets := Secrets.new()
	secrets.redact_text("password=cost&pin=abc&token=true", true)
	assert_equal(secrets.replace("costs cost, abc true a/cost"), "costs [redacted], abc true a/[redacted]", "text")


func test_a_secret_is_found_in_every_way_of_writing_it() -> void:
	var secrets := Secrets.new()
	secrets.redact_text("{\"token\": \"a/b \\\"<c>+d\"}", false)
	for text: String in ["a/b \"<c>+d", "a%2Fb%20%22%3Cc%3E%2Bd", "a%2Fb+%22%3Cc%3E%2Bd", "a/b \\\"<c>+d", "a/b &quot;&lt;c&gt;+d"]:
		assert_equal(secrets.replace("<%s>" % text), "<[redacted]>", text)


func test_no_place_of_an_entry_has_the_secret() -> void:
	var tape := Replay.new(PATH, true, false)
	var entry := _asked("http://a.example/", PackedByteArray(), "http://me:base-secret@a.example/?key=base-key")
	entry["response"] = {
		"headers": [{"name": "Location", "value": "/next?token=next-secret"}, {"name": "X-Login", "value": "Basic em9lOnBhc3Mtc2VjcmV0"}],
		"redirectURL": "/next?token=next-secret", "content": {"text": "pass-secret"}}
	entry["_end"] = {"sentence": "nothing came from http://a.example/?key=base-key"}
	var text := JSON.stringify(tape.call("_without_secrets", entry))
	for secret: String in ["base-secret", "base-key", "next-secret", "pass-secret", "em9lOn"]:
		assert_true(not text.contains(secret), "%s is in %s" % [secret, text])


func test_utf8_is_known_and_only_its_last_character_may_be_cut_off() -> void:
	var whole := "aé€😀\u0300\uFFFD".to_utf8_buffer()
	for length: int in whole.size() + 1:
		var cut := whole.slice(0, length)
		assert_true(BodyText.is_utf8(cut), "%d bytes of UTF-8" % length)
		assert_true(whole.get_string_from_utf8().begins_with(BodyText.from_utf8(cut)), "text of %d bytes" % length)
		assert_true(length - BodyText.whole_length(cut) < 4, "rest of %d bytes" % length)
		assert_true(BodyText.is_utf8(cut.slice(0, BodyText.whole_length(cut)) + PackedByteArray([0]) + whole), "with a zero")
	for digits: String in [
			"80", "c0", "c080", "c1bf", "c328", "c3a9a9", "e08080", "e09fbf", "e282", "e28228", "e282acac", "eda080", "f08080af", "f09f98",
			"f09f982a", "f09f9880bf", "f4908080", "f5808080", "f888808080", "ff", "fe"]:
		# At the end of a text, two of them are the beginning of a character.
		for end: String in ["61", "c3a9", "00"] if digits in ["e282", "f09f98"] else ["", "61", "c3a9", "00"]:
			for start: String in ["", "61", "e282ac", "00"]:
				assert_true(not BodyText.is_utf8((start + digits + end).hex_decode()), start + digits + end)


func test_bytes_that_are_no_text_are_redacted_without_a_line_in_the_log() -> void:
	for bytes: PackedByteArray in [
			PackedByteArray([0xc3]), PackedByteArray([0xed, 0xa0, 0x80]), PackedByteArray([0xc0, 0x80]), PackedByteArray([0xff]),
			PackedByteArray([0xf0, 0x9f, 0x98]), PackedByteArray([0x80]), PackedByteArray([0x00])]:
		for type: String in ["", "multipart/form-data; boundary=b", "multipart/form-data; boundary=\"\"", "boundary="]:
			var body := "{\"token\": \"some-secret\"} some-secret ".to_utf8_buffer() + bytes
			var secrets := Secrets.new()
			var redacted := secrets.replace_in_body(secrets.redact_body(body, type, false))
			assert_equal(
				redacted.hex_encode(), ("{\"token\": \"[redacted]\"} [redacted] ".to_utf8_buffer() + bytes).hex_encode(), "%s %s" % [bytes, type])


static func _redacted(text: String, is_sent: bool) -> String:
	var secrets := Secrets.new()
	return secrets.replace(secrets.redact_text(text, is_sent))


static func _asked(url: String, body: PackedByteArray, base_url := "http://a.example/") -> Dictionary:
	return Replay.new(PATH, true, false).call("_asked", HTTPClient.METHOD_POST, url, base_url, PackedStringArray(), body)


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
