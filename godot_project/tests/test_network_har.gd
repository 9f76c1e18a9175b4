extends "res://tests/support/test_case.gd"
## HAR files of the *Network* panel: valid HAR 1.2, read back without loss, and without credentials unless the user wants them.

const Recorded := preload("res://addons/http_client_rust/network/recorded.gd")
const ExchangeList := preload("res://addons/http_client_rust/network/exchange_list.gd")
const Har := preload("res://addons/http_client_rust/network/har.gd")
const NetworkPanel := preload("res://addons/http_client_rust/network/panel.gd")
const HarMenu := preload("res://addons/http_client_rust/network/har_menu.gd")
const BEGAN := 1_700_000_000_123_000
const PATH := "user://network.har"


func _init() -> void:
	deadline_seconds = 90.0


func test_a_saved_file_is_har_1_2() -> void:
	var file: Variant = JSON.parse_string(Har.text_of([_posted()], false))
	var problems := PackedStringArray()
	var file_log: Dictionary = (file as Dictionary)["log"]
	_check(file_log, {"version": TYPE_STRING, "creator": TYPE_DICTIONARY, "entries": TYPE_ARRAY}, "log", problems)
	_check(file_log["creator"], {"name": TYPE_STRING, "version": TYPE_STRING}, "creator", problems)
	var entry: Dictionary = file_log["entries"][0]
	_check(entry, {
		"startedDateTime": TYPE_STRING, "time": TYPE_FLOAT, "request": TYPE_DICTIONARY, "response": TYPE_DICTIONARY,
		"cache": TYPE_DICTIONARY, "timings": TYPE_DICTIONARY}, "entry", problems)
	_check(entry["request"], {
		"method": TYPE_STRING, "url": TYPE_STRING, "httpVersion": TYPE_STRING, "cookies": TYPE_ARRAY, "headers": TYPE_ARRAY,
		"queryString": TYPE_ARRAY, "postData": TYPE_DICTIONARY, "headersSize": TYPE_FLOAT, "bodySize": TYPE_FLOAT}, "request", problems)
	_check(entry["response"], {
		"status": TYPE_FLOAT, "statusText": TYPE_STRING, "httpVersion": TYPE_STRING, "cookies": TYPE_ARRAY, "headers": TYPE_ARRAY,
		"content": TYPE_DICTIONARY, "redirectURL": TYPE_STRING, "headersSize": TYPE_FLOAT, "bodySize": TYPE_FLOAT}, "response", problems)
	_check(entry["response"]["content"], {"size": TYPE_FLOAT, "mimeType": TYPE_STRING, "text": TYPE_STRING}, "content", problems)
	_check(entry["timings"], {
		"blocked": TYPE_FLOAT, "dns": TYPE_FLOAT, "connect": TYPE_FLOAT, "ssl": TYPE_FLOAT, "send": TYPE_FLOAT, "wait": TYPE_FLOAT,
		"receive": TYPE_FLOAT}, "timings", problems)
	for list: Array in [entry["request"]["headers"], entry["request"]["queryString"], entry["request"]["cookies"], entry["response"]["cookies"]]:
		for pair: Dictionary in list:
			_check(pair, {"name": TYPE_STRING, "value": TYPE_STRING}, "pair", problems)
	assert_equal(problems, PackedStringArray(), "what the format wants")
	assert_equal([file_log["version"], entry["startedDateTime"]], ["1.2", "2023-11-14T22:13:20.123Z"], "version and date")
	# The time is the sum of the parts. "connect" includes "ssl".
	assert_equal(entry["time"], 1.0 + 5.0 + 4.0 + 6.0 + 10.0, "time in milliseconds")
	assert_equal([entry["timings"]["connect"], entry["timings"]["ssl"]], [5.0, 3.0], "connect and ssl")
	assert_equal(entry["request"]["queryString"], [{"name": "q", "value": "a b"}, {"name": "token", "value": "query-secret"}], "query")


func test_a_file_comes_back_as_it_was_saved() -> void:
	var saved := [_posted(), _picture(), _failed()] as Array[Recorded]
	var har: Har = Har.read(Har.text_of(saved, false))
	assert_equal([har.problem, har.exchanges.size()], ["", 3], "what was read")
	for index: int in 3:
		for name: String in [
				"method", "status", "reason", "version", "request_headers", "response_headers", "request_body", "response_body",
				"bytes_received", "timings", "error", "requested", "is_over", "task", "connection"]:
			assert_equal(har.exchanges[index].get(name), saved[index].get(name), "%s of %d" % [name, index])
		assert_equal(har.exchanges[index].url(), saved[index].url(), "URL")
		assert_equal(har.exchanges[index].duration(), saved[index].duration(), "duration")
	assert_equal(har.exchanges[0].tls["version"], "TLSv1.3", "TLS")
	assert_equal(Har.text_of(har.exchanges, false), Har.text_of(Har.read(Har.text_of(har.exchanges, false)).get("exchanges"), false), "once more")


func test_bodies_are_saved_unpacked() -> void:
	var text := "{\"plain\": true}"
	var packed := {
		"gzip": text.to_utf8_buffer().compress(FileAccess.COMPRESSION_GZIP),
		"deflate": text.to_utf8_buffer().compress(FileAccess.COMPRESSION_DEFLATE),
		"zstd": text.to_utf8_buffer().compress(FileAccess.COMPRESSION_ZSTD),
		"br": Marshalls.base64_to_raw("CweAeyJwbGFpbiI6IHRydWV9Aw==")}
	for coding: String in packed:
		var shown := _posted()
		shown.response_body = packed[coding]
		shown.bytes_received = shown.response_body.size()
		shown.response_headers.append("Content-Encoding: " + coding)
		var entry: Dictionary = JSON.parse_string(Har.text_of([shown], false))["log"]["entries"][0]
		assert_equal(entry["response"]["content"]["text"], text, coding)
		assert_equal(entry["response"]["content"]["size"], float(text.length()), "size of " + coding)
		var again: Har = Har.read(Har.text_of([shown], true))
		assert_equal(again.exchanges[0].response_body.get_string_from_utf8(), text, "read back: " + coding)


func test_no_credential_is_in_a_file_unless_it_is_wanted() -> void:
	var shown := _posted()
	shown.error = "nothing came after https://a.example/?token=query-secret"
	var text := Har.text_of([shown], true)
	for secret: String in ["header-secret", "query-secret", "cookie-secret", "set-cookie-secret", "json-secret", "answer-secret", "form-secret"]:
		assert_true(not text.contains(secret), secret + " is in the file")
		assert_true(Har.text_of([shown], false).contains(secret) or secret == "form-secret", secret + " was there before")
	for kept: String in ["\"q\"", "a b", "[redacted]", "https://a.example/login", "\"player\\\": \\\"Ada", "X-Plain"]:
		assert_contains(text, kept, "what is no secret")
	var form := _posted()
	form.request_headers = PackedStringArray(["Content-Type: application/x-www-form-urlencoded"])
	form.request_body = "user=Ada&password=form-secret".to_utf8_buffer()
	form.response_body = "You are form-secret".to_utf8_buffer()
	form.bytes_received = form.response_body.size()
	text = Har.text_of([form], true)
	assert_true(not text.contains("form-secret") and text.contains("user=Ada"), "a form, and where its secret stands again")
	var parts := _posted()
	parts.request_headers = PackedStringArray(["Content-Type: multipart/form-data; boundary=x"])
	parts.request_body = "--x\r\nContent-Disposition: form-data; name=\"api_key\"\r\n\r\npart-secret\r\n--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\nContent-Type: a/b\r\n\r\n".to_utf8_buffer()
	parts.request_body.append_array(PackedByteArray([0, 0xff, 0xfe]) + "part-secret".to_utf8_buffer() + PackedByteArray([0]))
	var read: Har = Har.read(Har.text_of([parts], true))
	var bytes := read.exchanges[0].request_body.hex_encode()
	assert_true(not bytes.contains("part-secret".to_utf8_buffer().hex_encode()), "a form with bytes in it")
	assert_equal(bytes.count("[redacted]".to_utf8_buffer().hex_encode()), 2, "its secret, and where it stands among bytes")
	assert_true(bytes.contains("00fffe") and bytes.ends_with("00"), "the bytes around it")


func test_what_is_no_file_of_that_kind_gives_a_sentence() -> void:
	for text: String in ["", "{", "[]", "{\"log\": 1}", "{\"log\": {\"entries\": {}}}", "{\"log\": {\"entries\": [1, {\"request\": {}}]}}"]:
		var refused: Har = Har.read(text)
		assert_true(not refused.problem.is_empty() and refused.exchanges.is_empty(), "'%s': %s" % [text, refused.problem])
	# A file of a browser has keys of its own, and leaves out optional ones.
	var other := "{\"log\": {\"version\": \"1.2\", \"entries\": [{\"startedDateTime\": \"2026-01-31T12:00:00.5+02:00\", \"request\": {\"method\": \"GET\", \"url\": \"https://b.example/\", \"_x\": 1}, \"response\": {\"status\": 200, \"headers\": [{\"name\": \"Content-Encoding\", \"value\": \"br\"}], \"content\": {\"size\": 2, \"text\": \"!!!\", \"encoding\": \"base64\"}}}]}}"
	var har: Har = Har.read(other)
	assert_equal([har.problem, har.exchanges.size()], ["", 1], "a file of a browser's")
	var shown := har.exchanges[0]
	assert_equal([shown.url(), shown.status, shown.response_body], ["https://b.example/", 200, PackedByteArray()], "its entry")
	assert_equal(shown.requested, Time.get_unix_time_from_datetime_string("2026-01-31T10:00:00") * 1_000_000 + 500_000, "its time")


func test_the_menu_saves_loads_and_says_what_came_of_it() -> void:
	var menu := HarMenu.new()
	var said := PackedStringArray()
	menu.said.connect(func(text: String, _is_bad: bool) -> void: said.append(text))
	menu.list = ExchangeList.new()
	menu.list.add(_posted())
	assert_true(menu.redacts(), "credentials are replaced from the start")
	assert_error(menu.save(PATH), OK, "saving")
	assert_true(not FileAccess.get_file_as_string(PATH).contains("header-secret"), "without credentials")
	menu.set_redacts(false)
	assert_error(menu.save(PATH), OK, "saving")
	assert_contains(FileAccess.get_file_as_string(PATH), "header-secret", "with credentials")
	assert_error(menu.load_file(PATH), OK, "loading")
	assert_equal(menu.list.exchanges.size(), 2, "what is listed")
	assert_not_equal(menu.save("user://no-such-folder/a.har"), OK, "a path that cannot be written")
	assert_not_equal(menu.load_file("user://nothing.har"), OK, "a file that is not there")
	assert_equal(said.size(), 5, "a sentence each: %s" % [said])
	menu.free()


func _posted() -> Recorded:
	var shown := Recorded.new()
	shown.apply({
		"id": 1, "connection": 3, "task": 2, "origin": "https://a.example", "began": BEGAN - 6000, "requested": BEGAN, "method": "POST",
		"scheme": "https", "peer": "[::1]:443", "status": 200, "version": "HTTP/1.1", "reason": "OK", "over": true,
		"request_head": "POST /login?q=a+b&token=query-secret HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer header-secret\r\nCookie: sid=cookie-secret\r\nContent-Type: application/json\r\nX-Plain: yes\r\n\r\n".to_utf8_buffer(),
		"request_body": "{\"player\": \"Ada\", \"password\": \"json-secret\"}".to_utf8_buffer(),
		"response_headers": PackedStringArray(["Content-Type: application/json", "Set-Cookie: sid=set-cookie-secret; Path=/"]),
		"response_body": "{\"access_token\": \"answer-secret\"}".to_utf8_buffer(), "bytes_received": 33,
		"timings": {"dns": 1000, "connect": 2000, "tls": 3000, "send": 4000, "first_byte": 10_000, "total": 20_000},
		"tls": {"version": "TLSv1.3", "cipher_suite": "A", "key_exchange": "B", "alpn": "", "resumed": false, "peer_certificates": PackedStringArray(), "certificate_facts": [
			{"subject": "CN=a", "issuer": "CN=b", "names": PackedStringArray(["a.example"]), "not_before": 1_700_000_000, "not_after": 1_800_000_000}]}})
	return shown


func _picture() -> Recorded:
	var shown := Recorded.new()
	shown.apply({
		"id": 2, "connection": 3, "task": 0, "began": BEGAN, "requested": BEGAN, "method": "GET", "scheme": "http", "status": 200,
		"version": "HTTP/1.0", "reason": "", "over": true, "is_on_kept": true,
		"request_head": "GET /a.png HTTP/1.1\r\nHost: a.example:8080\r\n\r\n".to_utf8_buffer(),
		"response_headers": PackedStringArray(["Content-Type: image/png"]), "response_body": PackedByteArray([0x89, 0x50, 0, 0xff]),
		"bytes_received": 4, "timings": {"dns": -1, "connect": -1, "tls": -1, "send": 0, "first_byte": 1000, "total": 2000}})
	return shown


func _failed() -> Recorded:
	var shown := Recorded.new()
	shown.apply({
		"id": 3, "connection": 4, "task": 0, "began": BEGAN, "requested": BEGAN, "method": "PUT", "scheme": "http", "over": true,
		"request_head": "PUT /x HTTP/1.1\r\nHost: a.example\r\n\r\n".to_utf8_buffer(), "request_body": PackedByteArray([0, 1, 2]),
		"error": "the server ended the connection", "version": "HTTP/1.1",
		"timings": {"dns": -1, "connect": -1, "tls": -1, "send": 1000, "first_byte": 1000, "total": 1000}})
	return shown


func _check(part: Dictionary, wanted: Dictionary, name: String, problems: PackedStringArray) -> void:
	for key: String in wanted:
		if typeof(part.get(key)) != wanted[key]:
			problems.append("%s.%s" % [name, key])


func test_a_secret_is_found_behind_a_long_text_and_whatever_its_length() -> void:
	var shown := _posted()
	shown.response_headers = PackedStringArray(["Content-Type: application/json"])
	shown.response_body = JSON.stringify({"a": "x\\\"".repeat(1 << 20), "access_token": "behind-secret", "password": "p1", "b": "p1"}, "", false).to_utf8_buffer()
	shown.bytes_received = shown.response_body.size()
	shown.request_headers = PackedStringArray(["Content-Type: multipart/form-data; boundary=x"])
	shown.request_body = ("--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\n%s\r\n" % "long text ".repeat(1_500_000)
		+ "--x\r\nContent-Disposition: form-data; name=\"private_key\"\r\n\r\nline-one-secret\r\nline-two-secret\r\n--x--\r\n").to_utf8_buffer()
	var text := Har.text_of([shown], true)
	assert_equal([text.contains("behind-secret"), text.contains("line-one-secret"), text.contains("line-two-secret")], [false, false, false], "secrets")
	var body: Variant = JSON.parse_string(Har.read(text).get("exchanges")[0].response_body.get_string_from_utf8())
	assert_equal([body["access_token"], body["password"], body["b"]], ["[redacted]", "[redacted]", "p1"], "values")
	shown.response_headers = PackedStringArray(["Content-Type: text/plain"])
	shown.response_body = "it\"s {\"token\": \"stray-secret\"}".to_utf8_buffer()
	assert_true(not Har.text_of([shown], true).contains("stray-secret"), "behind a quote that stands for itself")


func test_the_names_of_secrets_are_those_of_recordings() -> void:
	var shown := _posted()
	var head := "POST /a?next=/b?token=nested-secret&c=d&password=part-one?part-two;part-three HTTP/1.1\r\nContent-Type: application/json\r\nX-Login: Bearer login-secret\r\nAuthor: author-name\r\n\r\n"
	shown.apply({"id": 1, "request_head": head.to_utf8_buffer()})
	shown.request_body = "{\"sid\": \"sid-secret\", \"otp\": 123456, \"code\": \"code-secret\", \"x\": \"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.\"}".to_utf8_buffer()
	shown.response_headers = PackedStringArray(["Content-Type: application/json"])
	shown.response_body = "{\"author\": \"author-name\", \"token_type\": \"some-type\", \"code\": \"code-shown\", \"licenseKey\": \"key-secret\"}".to_utf8_buffer()
	shown.bytes_received = shown.response_body.size()
	assert_contains(Har.text_of([shown], false), "nested-secret", "the request")
	var text := Har.text_of([shown], true)
	for secret: String in ["nested-secret", "part-one", "part-two", "part-three", "login-secret", "sid-secret", "123456", "code-secret", "eyJzdWIiOiIxIn0", "key-secret"]:
		assert_true(not text.contains(secret), secret + " is in the file")
	for kept: String in ["author-name", "some-type", "code-shown"]:
		assert_contains(text, kept, "what is no secret")


func test_lists_under_a_secret_name_are_replaced_as_in_recordings() -> void:
	var shown := _posted()
	shown.request_body = "{\"tokens\": [\"abc\", \"list-secret\", 12345, null], \"names\": [\"Ada\"], \"pin\": [\"kept-list\"]}".to_utf8_buffer()
	shown.response_body = "{\"credentials\": {\"user\": {\"name\": \"deep-secret\"}}, \"again\": \"list-secret\", \"tokens\": [\"cut-secr".to_utf8_buffer()
	shown.bytes_received = shown.response_body.size()
	var entry: Dictionary = JSON.parse_string(Har.text_of([shown], true))["log"]["entries"][0]
	assert_equal(
		entry["request"]["postData"]["text"],
		"{\"tokens\": [\"[redacted]\", \"[redacted]\", \"[redacted]\", null], \"names\": [\"Ada\"], \"pin\": [\"kept-list\"]}", "request")
	assert_equal(
		entry["response"]["content"]["text"],
		"{\"credentials\": {\"user\": {\"name\": \"[redacted]\"}}, \"again\": \"[redacted]\", \"tokens\": [\"[redacted]", "response")


func test_a_body_with_control_characters_comes_back_and_every_program_can_read_the_file() -> void:
	var shown := _posted()
	var controls := ""
	for code: int in range(1, 0x21):
		controls += char(code)
	controls += "\\v \\\\v \\a\u0007\\\u000b\u000b\u007f\u2028"
	shown.response_headers = PackedStringArray(["Content-Type: text/plain"])
	shown.response_body = controls.to_utf8_buffer()
	shown.bytes_received = shown.response_body.size()
	shown.reason = "a\u0001\u000bb"
	var text := Har.text_of([shown], false)
	assert_true(RegEx.create_from_string("[\\x01-\\x09\\x0b-\\x1f]|(?<!\\\\)(?:\\\\\\\\)*+\\\\[av]").search(text) == null, "what JSON does not have")
	var har: Har = Har.read(text)
	if assert_equal([har.problem, har.exchanges.size()], ["", 1], "what was read"):
		assert_equal(har.exchanges[0].response_body, shown.response_body, "body")
		assert_equal(har.exchanges[0].reason, shown.reason, "reason")


func test_numbers_of_any_length_leave_no_error_in_the_log() -> void:
	var shown := _posted()
	shown.response_headers = PackedStringArray(["Content-Length: " + "9".repeat(20)])
	assert_equal(shown.as_console_exchange().expected, -1, "length")
	var har: Har = Har.read(Har.text_of([shown], false).replace("\"connection\": \"3\"", "\"connection\": \"%s\"" % "9".repeat(30)))
	assert_equal(har.exchanges.size(), 1, "exchanges")


func test_a_secret_of_one_exchange_is_replaced_in_those_after_it() -> void:
	var next := _failed()
	next.target = "/session/answer-secret"
	next.error = "nothing came after /session/answer-secret"
	assert_true(not Har.text_of([_posted(), next], true).contains("answer-secret"), "it is in the file")


## A file as Chrome 126 writes it: HTTP/2, lowercase names and pseudo-header fields, a cached response, a request blocked by an
## extension, and a WebSocket.
func test_a_file_of_a_browser_is_read() -> void:
	var image := Marshalls.raw_to_base64(PackedByteArray([0x89, 0x50, 0x4e, 0x47]))
	var har: Har = Har.read(JSON.stringify({"log": {"version": "1.2", "creator": {"name": "WebInspector", "version": "537.36"}, "pages": [], "entries": [
		_of_chrome("https://api.example.com/v1/scores?top=3", {
			"status": 200, "content": {"size": 17, "mimeType": "application/json", "text": "{\"player\": \"Ada\"}"}}),
		_of_chrome("https://cdn.example.com/ada.png", {
			"status": 200, "content": {"size": 4, "mimeType": "image/png", "text": image, "encoding": "base64"}}, {"_fromCache": "disk"}),
		_of_chrome("https://ads.example.com/x.js", {
			"status": 0, "content": {"size": 0, "mimeType": "x-unknown"}, "_error": "net::ERR_BLOCKED_BY_CLIENT"}),
		_of_chrome("wss://live.example.com/chat", {"status": 101, "content": {"size": 0, "mimeType": "x-unknown"}})]}}))
	assert_equal([har.problem, har.exchanges.size()], ["", 4], "what was read")
	var scores := har.exchanges[0]
	assert_equal(
		Array(scores.request_headers), ["accept: application/json", "cookie: session=abc"], "headers, without what only HTTP/2 has")
	assert_equal(Array(scores.response_headers), ["content-type: text/plain"], "headers of the response")
	assert_equal([scores.status, scores.requested], [200, 1_719_831_600_250_000], "status and date")
	assert_equal(scores.response_body.get_string_from_utf8(), "{\"player\": \"Ada\"}", "body")
	assert_equal(scores.timings, {"dns": 2000, "connect": 10000, "tls": 8000, "send": 500, "first_byte": 30500, "total": 32000}, "phases")
	assert_equal(har.exchanges[1].response_body.size(), 4, "a picture")
	assert_equal(har.exchanges[1].store_text(), "from disk cache", "what it kept")
	assert_equal([har.exchanges[2].error, har.exchanges[2].status_text()], ["net::ERR_BLOCKED_BY_CLIENT", "failed"], "what was stopped")
	assert_equal(har.exchanges[3].url(), "wss://live.example.com/chat", "an address of another scheme")
	var again: Har = Har.read(Har.text_of(har.exchanges, false))
	assert_equal(again.exchanges[1].store_text(), "from disk cache", "saved and read again")


func _of_chrome(url: String, response: Dictionary, more := {}) -> Dictionary:
	var whole := {
		"statusText": "", "httpVersion": "http/2.0", "cookies": [], "redirectURL": "", "headersSize": -1, "bodySize": -1, "_transferSize": 90,
		"headers": [{"name": ":status", "value": "200"}, {"name": "content-encoding", "value": "br"}, {"name": "content-type", "value": "text/plain"}]}
	whole.merge(response, true)
	var entry := {
		"_initiator": {"type": "script"}, "_priority": "High", "_resourceType": "fetch", "cache": {}, "connection": "4711", "pageref": "page_1",
		"request": {
			"method": "GET", "url": url, "httpVersion": "http/2.0", "headersSize": -1, "bodySize": 0, "queryString": [], "cookies": [],
			"headers": [
				{"name": ":authority", "value": "api.example.com"}, {"name": ":method", "value": "GET"}, {"name": ":path", "value": "/"},
				{"name": ":scheme", "value": "https"}, {"name": "accept", "value": "application/json"}, {"name": "cookie", "value": "session=abc"}]},
		"response": whole, "serverIPAddress": "[2606:2800:220:1::1]", "startedDateTime": "2024-07-01T11:00:00.250Z", "time": 54.5,
		"timings": {
			"blocked": 4.0, "dns": 2.0, "ssl": 8.0, "connect": 18.0, "send": 0.5, "wait": 30.0, "receive": 1.5, "_blocked_queueing": 1.2}}
	entry.merge(more, true)
	return entry


func test_whatever_a_file_has_in_its_places_it_is_read_or_refused() -> void:
	var odd: Array[Variant] = [null, true, -1, 1e308, 1e18, "", "x", "9999-99-99T99:99:99Z", "2023-02-29T00:00:00Z", "2024-02-30T00:00:00Z", "[::", [], [null], [[]], {}, {"name": []}, [{"name": 1, "value": {}}]]
	var paths: Array[Array] = [
		["log"], ["log", "entries"], ["log", "entries", 0], ["log", "entries", 0, "request"], ["log", "entries", 0, "response"]]
	var whole: Dictionary = JSON.parse_string(Har.text_of([_posted()], false))
	var entry: Dictionary = whole["log"]["entries"][0]
	for key: String in entry:
		paths.append(["log", "entries", 0, key])
		for inner: Variant in entry[key] if entry[key] is Dictionary else {}:
			paths.append(["log", "entries", 0, key, inner])
	for inner: String in entry["response"]["content"]:
		paths.append(["log", "entries", 0, "response", "content", inner])
	for inner: String in entry["_tls"]["certificate_facts"][0]:
		paths.append(["log", "entries", 0, "_tls", "certificate_facts", 0, inner])
	var panel := NetworkPanel.new()
	tree.root.add_child(panel)
	for path: Array in paths:
		for value: Variant in odd:
			var file := whole.duplicate(true)
			var place: Variant = file
			for key: Variant in path.slice(0, -1):
				place = place[key]
			place[path[-1]] = value
			var har: Har = Har.read(JSON.stringify(file))
			for read: Recorded in har.exchanges:
				var again := Har.text_of([read], true)
				assert_true(JSON.parse_string(again) is Dictionary, "%s %s" % [path, value])
				if path.size() > 3 and path[3] in ["_tls", "timings"]:
					panel.list.add(read)
					panel.choose(read)
	panel.queue_free()
	await wait_frames(2)
