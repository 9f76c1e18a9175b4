extends "res://tests/support/fetch_case.gd"
## HTTPSessionRust and HTTPResponseRust: what is sent, what is received, and what is kept between requests.
# expect-log: HTTPSessionRust.set_cookie\(\): the cookie's Domain
# expect-log: HTTPSessionRust.set_cookie\(\): the URL starts with "ftp"
# expect-log: HTTPSessionRust.set_bearer_auth\(\): base_url is empty
# expect-log: HTTPSessionRust.set_timeout\(\): a timeout of -1
# expect-log: HTTPSessionRust.set_max_connections_per_host\(\): 0 connections

const REQUEST := "url: String, custom_headers: PackedStringArray = PackedStringArray(), method: int = 0, body: Variant = null"


func test_it_has_the_methods_that_are_promised() -> void:
	assert_equal(ClassDB.get_parent_class(&"HTTPSessionRust"), &"RefCounted", "base class")
	assert_methods(&"HTTPSessionRust", [
		"fetch(%s) -> HTTPTaskRust" % REQUEST, "stream(%s) -> HTTPTaskRust" % REQUEST, "listen(%s) -> HTTPTaskRust" % REQUEST,
		"download(url: String, path: String, custom_headers: PackedStringArray = PackedStringArray()) -> HTTPTaskRust",
		"static shared() -> HTTPSessionRust",
		"set_bearer_auth(token: String) -> void", "set_basic_auth(user: String, password: String) -> void",
		"clear_auth() -> void", "set_http_proxy(host: String, port: int) -> void",
		"set_https_proxy(host: String, port: int) -> void", "set_proxy_from_environment() -> void",
		"set_tls_options(options: TLSOptions) -> void", "get_cookies(url: String) -> Array[Dictionary]",
		"set_cookie(url: String, cookie: String) -> Error", "clear_cookies() -> void", "cancel_all() -> void",
		"get_active_count() -> int"])
	assert_signals(&"HTTPSessionRust", [])


func test_its_properties_have_the_defaults_that_are_promised() -> void:
	var session := new_session()
	if session == null:
		return
	var seconds := float(ProjectSettings.get_setting("network/limits/tcp/connect_timeout_seconds", 30))
	var expected := {
		"base_url": "", "default_headers": PackedStringArray(), "connect_timeout": seconds, "stall_timeout": 30.0,
		"timeout": 0.0, "max_redirects": 10, "allow_insecure_redirects": false, "max_retries": 2,
		"retry_unsafe_methods": false, "body_size_limit": 134_217_728, "accept_compression": true, "cookies_enabled": true,
		"cookie_file": "", "cache_directory": "", "max_connections_per_host": 6, "trusted_ca_file": ""}
	for name: String in expected:
		assert_equal(session.get(name), expected[name], name)
	assert_matches(str(session.get("user_agent")), "^GodotEngine/4\\.[0-9.a-z]+.* \\(.+\\)$", "user_agent")
	for property: Dictionary in ClassDB.class_get_property_list(&"HTTPSessionRust", true):
		assert_equal(property["usage"], PROPERTY_USAGE_DEFAULT, "usage of %s" % property["name"])
	var others := {
		"base_url": "http://example.com/a/", "default_headers": PackedStringArray(["A: b"]), "user_agent": "me", "connect_timeout": 1.5,
		"stall_timeout": 2.5, "timeout": 3.5, "max_redirects": 3, "allow_insecure_redirects": true, "max_retries": 0,
		"retry_unsafe_methods": true, "body_size_limit": -1, "accept_compression": false, "cookies_enabled": false,
		"max_connections_per_host": 2, "trusted_ca_file": "res://x.pem"}
	for name: String in others:
		session.set(name, others[name])
		assert_equal(session.get(name), others[name], name + " as it was set")


func test_a_fetch_gives_code_headers_and_body() -> void:
	var session := new_session()
	if session == null:
		return
	var response := await fetched(session, url("/hello?a=1#part"))
	if not assert_response(response, SUCCESS, 200):
		return
	assert_true(response.is_ok(), "is_ok()")
	assert_equal(response.get_error_message(), "", "get_error_message()")
	assert_equal(response.get_body(), HELLO.to_utf8_buffer(), "get_body()")
	assert_equal(response.get_text(), HELLO, "get_text()")
	assert_true(response.get_json() == null, "get_json() of what is none")
	assert_equal(response.get_header("content-TYPE"), "text/plain; charset=utf-8", "get_header()")
	assert_equal(response.get_header("nothing"), "", "get_header() of one that is not there")
	assert_true(response.get_headers().has("Content-Type: text/plain; charset=utf-8"), "get_headers()")
	assert_equal(response.get_url(), url("/hello?a=1#part"), "get_url()")
	assert_equal(response.get_redirects(), PackedStringArray(), "get_redirects()")
	assert_equal(response.get_attempts(), 1, "get_attempts()")
	assert_equal(response.is_from_cache(), false, "is_from_cache()")
	for phase: String in ["dns", "connect", "tls", "send", "first_byte", "total"]:
		assert_true(response.get_timings().has(phase), "the time of " + phase)
	assert_equal(response.get_tls_info(), {}, "get_tls_info() without TLS")


func test_the_timings_on_a_kept_connection_do_not_include_the_connecting() -> void:
	var session := new_session()
	if session == null:
		return
	for number: int in 2:
		var response := await fetched(session, url("/hello"))
		if not assert_response(response, SUCCESS, 200):
			return
		var timings: Dictionary = response.get_timings()
		assert_equal(timings["connect"] >= 0, number == 0, "connect: %s" % timings)
		assert_equal([timings["dns"], timings["tls"]], [-1, -1], "neither name nor TLS")
		assert_true(timings["total"] >= timings["first_byte"] and timings["first_byte"] >= 0, "the response: %s" % timings)


func test_repeated_headers_are_given_one_by_one() -> void:
	var session := new_session()
	if session == null:
		return
	var response := await fetched(session, url("/set-cookies"))
	if assert_response(response, SUCCESS, 200):
		assert_equal(response.get_header_values("set-cookie").size(), 2, "get_header_values()")


func test_an_error_code_is_a_success_with_a_sentence() -> void:
	var session := new_session()
	if session == null:
		return
	session.max_retries = 0
	for code: int in [404, 500]:
		var response := await fetched(session, url("/status/%d" % code))
		if assert_response(response, SUCCESS, code):
			assert_true(not response.is_ok(), "is_ok() of %d" % code)
			assert_contains(response.get_error_message(), str(code), "the message names the code")
			assert_contains(response.get_error_message(), "/status/", "the message names the URL")


func test_text_is_read_by_its_charset_and_json_whatever_its_type() -> void:
	var session := new_session()
	if session == null:
		return
	var latin := response_with(["Content-Type: text/plain; charset=iso-8859-1"], PackedByteArray([0x5a, 0x6f, 0xeb]))
	assert_equal((await fetched(session, url_of_reply(latin))).get_text(), "Zoë", "Latin-1")
	var utf8 := response_with([], "Zoë".to_utf8_buffer())
	assert_equal((await fetched(session, url_of_reply(utf8))).get_text(), "Zoë", "UTF-8")
	var with_nul := response_with([], PackedByteArray([0x61, 0, 0x62, 0]))
	assert_equal((await fetched(session, url_of_reply(with_nul))).get_text(), "a\ufffdb\ufffd", "NUL characters")
	var half_json := response_with([], "[1]".to_utf8_buffer() + PackedByteArray([0, 0x78]))
	assert_true((await fetched(session, url_of_reply(half_json))).get_json() == null, "JSON that ends with NUL and more")
	var json := response_with(["Content-Type: text/html"], "{\"a\": [1, null]}".to_utf8_buffer())
	assert_equal((await fetched(session, url_of_reply(json))).get_json(), {"a": [1.0, null]}, "JSON")


func test_bodies_of_every_type_are_sent() -> void:
	var session := new_session()
	if session == null:
		return
	var post := HTTPClient.METHOD_POST
	var cases := [
		[null, "", []], ["Zoë", "Zoë", []], ["raw".to_utf8_buffer(), "raw", []],
		[{"a": 1}, "{\"a\":1}", ["application/json"]], [[1, "x"], "[1,\"x\"]", ["application/json"]]]
	for case: Array in cases:
		var echo := echo_of(await fetched(session, url("/echo"), [], post, case[0]))
		assert_equal(echo["method"], "POST", "method")
		assert_equal(str(echo["body_text"]), case[1], "body for %s" % type_string(typeof(case[0])))
		assert_equal(Array(sent_values(echo, "Content-Type")), case[2], "Content-Type for %s" % type_string(typeof(case[0])))
	var own := echo_of(await fetched(session, url("/echo"), ["content-type: application/vnd.api+json"], post, {}))
	assert_equal(sent_values(own, "Content-Type"), PackedStringArray(["application/vnd.api+json"]), "the script's own Content-Type")


func test_every_method_is_sent() -> void:
	var session := new_session()
	if session == null:
		return
	var names := ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "", "PATCH"]
	for method: int in names.size():
		if method in [HTTPClient.METHOD_HEAD, HTTPClient.METHOD_CONNECT]:
			continue
		assert_equal(echo_of(await fetched(session, url("/echo"), [], method))["method"], names[method], "method %d" % method)
	var head := await fetched(session, url("/hello"), [], HTTPClient.METHOD_HEAD)
	assert_response(head, SUCCESS, 200, "HEAD")
	assert_equal(head.get_body().size(), 0, "the body of HEAD")


func test_default_headers_user_agent_and_base_url_are_used() -> void:
	var session := new_session()
	if session == null:
		return
	session.base_url = url("/folder/")
	session.default_headers = ["X-One: default", "X-Two: default"]
	session.user_agent = "Game/1.0"
	var echo := echo_of(await fetched(session, "/echo?x=%20y", ["x-two: own"]))
	assert_equal(echo["target"], "/echo?x=%20y", "target")
	assert_equal(sent_values(echo, "X-One"), PackedStringArray(["default"]), "X-One")
	assert_equal(sent_values(echo, "X-Two"), PackedStringArray(["own"]), "X-Two")
	assert_equal(sent_values(echo, "User-Agent"), PackedStringArray(["Game/1.0"]), "User-Agent")
	var relative := await fetched(session, "../hello")
	assert_equal(relative.get_url(), url("/hello"), "a relative URL")


func test_a_signed_query_is_sent_and_followed_as_it_was_given() -> void:
	var session := new_session()
	if session == null:
		return
	var target := "/echo?sig=a'b%27(c)*!$;:@,~&d='"
	var echo := echo_of(await fetched(session, url(target)))
	assert_equal(echo["target"], target, "the target that the server got")
	var redirected := await fetched(session, url("/redirect?to=" + "/echo?sig=a'b".uri_encode()))
	assert_equal(redirected.get_url(), url("/echo?sig=a'b"), "where a redirect led")
	assert_equal(echo_of(redirected)["target"], "/echo?sig=a'b", "the target that was redirected to")


func test_redirects_are_followed_and_listed() -> void:
	var session := new_session()
	if session == null:
		return
	var response := await fetched(session, url("/redirect?to=/redirect"))
	if assert_response(response, SUCCESS, 200):
		assert_equal(response.get_text(), HELLO, "body")
		assert_equal(response.get_url(), url("/hello"), "get_url()")
		assert_equal(response.get_redirects(), PackedStringArray([url("/redirect?to=/redirect"), url("/redirect")]), "get_redirects()")
	session.max_redirects = 1
	assert_response(await fetched(session, url("/redirect?to=/redirect")), 12, 302, "one redirect too many")
	session.max_redirects = 0
	assert_response(await fetched(session, url("/redirect")), 12, 302, "no redirects")


func test_compressed_bodies_are_decoded_unless_that_is_off() -> void:
	var session := new_session()
	if session == null:
		return
	var text := "compressed ".repeat(1000)
	var packed := text.to_utf8_buffer().compress(FileAccess.COMPRESSION_GZIP)
	var reply := url_of_reply(response_with(["Content-Encoding: gzip"], packed))
	assert_equal((await fetched(session, reply)).get_text(), text, "decoded")
	assert_contains(sent_values(echo_of(await fetched(session, url("/echo"))), "Accept-Encoding")[0], "gzip", "Accept-Encoding")
	session.accept_compression = false
	assert_equal((await fetched(session, reply)).get_body(), packed, "as it came")
	assert_equal(sent_values(echo_of(await fetched(session, url("/echo"))), "Accept-Encoding").size(), 0, "no Accept-Encoding")


func test_damaged_compression_and_bombs_fail() -> void:
	var session := new_session()
	if session == null:
		return
	var packed := "compressed ".repeat(1000).to_utf8_buffer().compress(FileAccess.COMPRESSION_GZIP)
	var cut := response_with(["Content-Encoding: gzip"], packed.slice(0, packed.size() - 6))
	assert_response(await fetched(session, url_of_reply(cut)), 8, 200, "truncated")
	session.body_size_limit = 1 << 20
	assert_response(await fetched(session, url("/fault/gzip-bomb", "raw")), 7, 200, "a bomb")
	assert_response(await fetched(session, url("/bytes/1048577")), 7, 200, "one byte too many")
	assert_response(await fetched(session, url("/bytes/1048576")), SUCCESS, 200, "as many as allowed")


func test_connections_are_used_again() -> void:
	var session := new_session()
	var server := Counting.new()
	if session == null:
		return
	for turn: int in 3:
		var task: RefCounted = session.fetch(server.url())
		while not task.is_completed():
			server.serve()
			await wait_frames(1)
		assert_response(task.get_response(), SUCCESS, 200)
	assert_equal(server.connections, 1, "connections for three requests")


func test_cookies_are_kept_shown_and_sent() -> void:
	var session := new_session()
	if session == null:
		return
	assert_error(session.set_cookie(url("/"), "own=1; Path=/echo; Max-Age=60"), OK, "set_cookie()")
	await fetched(session, url("/set-cookies"))
	var names := []
	for cookie: Dictionary in session.get_cookies(url("/echo")):
		names.append(cookie["name"])
	names.sort()
	assert_equal(names, ["own", "session", "theme"], "get_cookies()")
	assert_equal(session.get_cookies(url("/hello")).size(), 2, "cookies of another path")
	var sent := sent_values(echo_of(await fetched(session, url("/echo"))), "Cookie")
	if assert_equal(sent.size(), 1, "Cookie fields"):
		assert_contains(sent[0], "session=abc123", "the header")
	sent = sent_values(echo_of(await fetched(session, url("/echo"), ["Cookie: by=hand"])), "Cookie")
	assert_equal(sent, PackedStringArray(["by=hand"]), "a header given by hand")
	session.cookies_enabled = false
	assert_equal(sent_values(echo_of(await fetched(session, url("/echo"))), "Cookie").size(), 0, "cookies are off")
	session.cookies_enabled = true
	session.clear_cookies()
	assert_equal(session.get_cookies(url("/echo")).size(), 0, "after clear_cookies()")


func test_a_cookie_has_all_that_is_known_of_it() -> void:
	var session := new_session()
	if session == null:
		return
	session.set_cookie("https://www.example.com/a", "n=v; Domain=example.com; Path=/a; Secure; HttpOnly; SameSite=Lax; Max-Age=60")
	var cookies: Array[Dictionary] = session.get_cookies("https://api.example.com/a/b")
	if assert_equal(cookies.size(), 1, "cookies"):
		var cookie := cookies[0]
		assert_equal(
			[cookie["name"], cookie["value"], cookie["domain"], cookie["path"], cookie["secure"], cookie["http_only"], cookie["same_site"]],
			["n", "v", "example.com", "/a", true, true, "Lax"], "what it is")
		assert_true(absf(cookie["expires"] - Time.get_unix_time_from_system() - 60.0) < 30.0, "expires: %s" % cookie["expires"])
	assert_error(session.set_cookie("https://a.com/", "n=v; Domain=com"), ERR_INVALID_PARAMETER, "a cookie for a public suffix")
	assert_error(session.set_cookie("ftp://a.com/", "n=v"), ERR_INVALID_PARAMETER, "a URL of another scheme")


func test_cookies_that_last_are_kept_in_a_file() -> void:
	var path := folder().path_join("cookies")
	var session := new_session()
	if session == null:
		return
	session.cookie_file = path
	await fetched(session, url("/set-cookies"))
	var end := Time.get_ticks_msec() + 10_000
	while not FileAccess.file_exists(path) and Time.get_ticks_msec() < end:
		await wait_frames(1)
	var again := new_session()
	again.cookie_file = path
	var names := []
	for cookie: Dictionary in again.get_cookies(url("/")):
		names.append(cookie["name"])
	assert_equal(names, ["theme"], "cookies of the next run")
	remove_folder()


func test_credentials_go_to_the_origin_of_base_url_only() -> void:
	var session := new_session()
	if session == null:
		return
	session.base_url = url("/")
	session.set_bearer_auth("secret")
	assert_equal(
		sent_values(echo_of(await fetched(session, "/echo")), "Authorization"), PackedStringArray(["Bearer secret"]), "to the origin")
	session.set_basic_auth("Aladdin", "open sesame")
	assert_equal(
		sent_values(echo_of(await fetched(session, "/echo")), "Authorization"),
		PackedStringArray(["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]), "user and password")
	var other := url("/echo").replace("127.0.0.1", "localhost")
	assert_equal(sent_values(echo_of(await fetched(session, other)), "Authorization").size(), 0, "to another origin")
	var away := echo_of(await fetched(session, "/redirect?to=" + other))
	assert_equal(sent_values(away, "Authorization").size(), 0, "after a redirect to another origin")
	session.clear_auth()
	assert_equal(sent_values(echo_of(await fetched(session, "/echo")), "Authorization").size(), 0, "after clear_auth()")


func test_a_download_becomes_a_file() -> void:
	var session := new_session()
	if session == null:
		return
	var path := folder().path_join("down.bin")
	var response := await response_of(session.download(url("/bytes/3000000"), path))
	if assert_response(response, SUCCESS, 200):
		var crc: Dictionary = (await fetched(session, url("/crc/3000000"))).get_json()
		assert_equal(crc32(FileAccess.get_file_as_bytes(path)), int(crc["crc32"]), "the file")
		assert_equal(response.get_body().size(), 0, "nothing in memory")
	assert_true(not FileAccess.file_exists(path + ".part"), "no .part is left")
	remove_folder()


func test_a_download_that_is_answered_by_an_error_leaves_no_file() -> void:
	var session := new_session()
	if session == null:
		return
	var path := folder().path_join("none.bin")
	assert_response(await response_of(session.download(url("/status/404"), path)), SUCCESS, 404)
	assert_true(not FileAccess.file_exists(path), "no file")
	assert_response(await response_of(session.download(url("/hello"), folder().path_join("no/such/folder/x"))), 10, 200, "no folder")
	remove_folder()


func test_invalid_requests_complete_a_frame_later_and_say_why() -> void:
	var session := new_session()
	if session == null:
		return
	for case: Array in [
			["ftp://example.com/", [], 0, null], ["/relative", [], 0, null], ["http://", [], 0, null], ["", [], 0, null],
			[url("/hello"), ["no colon"], 0, null], [url("/hello"), ["A: b\r\nC: d"], 0, null], [url("/hello"), [], 99, null],
			[url("/hello"), [], -1, null], [url("/hello"), [], 0, 12], [url("/hello"), [], 0, self],
			[url("/hello"), [], HTTPClient.METHOD_CONNECT, null]]:
		var task: RefCounted = session.fetch(case[0], PackedStringArray(case[1]), case[2], case[3])
		assert_true(not task.is_completed(), "not at once: %s" % [case])
		var response := await response_of(task)
		if assert_response(response, INVALID_REQUEST, 0, str(case)):
			assert_true(response.get_error_message().length() > 10, "a sentence for %s" % [case])


func test_failures_have_their_result_and_a_sentence() -> void:
	var session := new_session()
	if session == null:
		return
	session.max_retries = 0
	var cases := [
		["http://127.0.0.1:%d/" % refused_port(), 2, 0], ["http://name.invalid/", 3, 0],
		[url("/fault/body-cut-short", "raw"), 4, 200], [url("/fault/reset-in-body", "raw"), 4, 200],
		[url("/hello", "https"), 5, 0], [url_of_reply(""), 4, 0]]
	for case: Array in cases:
		var response := await fetched(session, case[0])
		if assert_response(response, case[1], case[2], case[0]):
			assert_true(response.get_error_message().length() > 10, "a sentence for %s" % case[0])


func test_timeouts_say_which_they_are() -> void:
	var session := new_session()
	if session == null:
		return
	session.max_retries = 0
	session.timeout = 0.3
	var response := await fetched(session, url("/fault/never-answers", "raw"))
	if assert_response(response, 13, 0, "timeout"):
		assert_matches(response.get_error_message(), "timeout", "the message")
	session.timeout = 0.0
	session.stall_timeout = 0.3
	assert_response(await fetched(session, url("/fault/stop-in-chunk", "raw")), 13, 200, "stall_timeout")


func test_tls_works_with_its_options() -> void:
	var session := new_session()
	if session == null:
		return
	session.trusted_ca_file = arguments.get("ca-file", "")
	var at := url("/hello", "https").replace("127.0.0.1", "localhost")
	var response := await fetched(session, at)
	if assert_response(response, SUCCESS, 200):
		assert_equal(response.get_tls_info()["version"], "TLSv1.3", "version")
	var careless := new_session()
	careless.set_tls_options(TLSOptions.client_unsafe())
	assert_response(await fetched(careless, at), SUCCESS, 200, "client_unsafe()")


func test_cancel_all_and_the_count_of_what_is_active() -> void:
	var session := new_session()
	if session == null:
		return
	assert_equal(session.get_active_count(), 0, "at first")
	var tasks: Array[RefCounted] = []
	for turn: int in 4:
		tasks.append(session.fetch(url("/fault/never-answers", "raw")))
	assert_equal(session.get_active_count(), 4, "started")
	session.cancel_all()
	for task: RefCounted in tasks:
		assert_response(await response_of(task), CANCELLED, 0)
	assert_equal(session.get_active_count(), 0, "at last")


func test_shared_is_one_for_all() -> void:
	if not assert_true(ClassDB.class_exists(&"HTTPSessionRust"), "the class"):
		return
	var first: RefCounted = ClassDB.class_call_static(&"HTTPSessionRust", &"shared")
	assert_true(first == ClassDB.class_call_static(&"HTTPSessionRust", &"shared"), "the same object")


func test_at_most_six_connections_to_a_host() -> void:
	var session := new_session()
	var server := Counting.new()
	if session == null:
		return
	var tasks: Array[RefCounted] = []
	for turn: int in 60:
		tasks.append(session.fetch(server.url()))
	while session.get_active_count() > 0:
		server.serve()
		await wait_frames(1)
	for task: RefCounted in tasks:
		assert_response(await response_of(task), SUCCESS, 200)
	assert_equal(server.connections, 6, "connections for sixty requests")


func test_values_that_make_no_sense_are_refused() -> void:
	var session := new_session()
	if session == null:
		return
	session.set_bearer_auth("secret")
	session.base_url = url("/")
	assert_equal(sent_values(echo_of(await fetched(session, "/echo")), "Authorization").size(), 0, "credentials without a base_url")
	session.timeout = -1.0
	assert_equal(session.timeout, 0.0, "timeout")
	session.max_connections_per_host = 0
	assert_equal(session.max_connections_per_host, 6, "max_connections_per_host")


func test_the_classes_are_types_in_gdscript_and_can_be_extended() -> void:
	# This is a separate script, because it does not parse without the extension.
	var script := load("res://tests/fixtures/typed_fetch.gd") as GDScript
	if not assert_true(script != null and script.can_instantiate(), "the script must load"):
		return
	var session: RefCounted = script.new()
	assert_equal(session.name, "mine", "a variable of the script")
	assert_equal(await session.result_of(url("/hello")), SUCCESS, "a typed result")
	assert_equal(session.form_result(url("/hello")), SUCCESS, "a form")
	assert_equal((script.made() as RefCounted).get_class(), "HTTPSessionRust", "new()")
	for name: StringName in [&"HTTPTaskRust", &"HTTPResponseRust"]:
		assert_true(not ClassDB.can_instantiate(name), "%s is made by sessions only" % name)


func test_json_keeps_the_order_of_keys_and_says_null_for_what_is_none() -> void:
	var session := new_session()
	if session == null:
		return
	var data := {"z": 1, "a": [true, null, "Zoë"], "m": {"y": 1, "b": 2.5}}
	var echo := echo_of(await fetched(session, url("/echo"), [], 2, data))
	assert_equal(echo["body_text"], "{\"z\":1,\"a\":[true,null,\"Zoë\"],\"m\":{\"y\":1,\"b\":2.5}}", "as sent")
	for text: String in ["", "{", "nonsense", "{\"a\":}"]:
		var response := await fetched(session, url_of_reply(response_with(["Content-Type: application/json"], text.to_utf8_buffer())))
		assert_true(response.get_json() == null, "JSON of " + text)


func test_bodies_are_the_scripts_own() -> void:
	var session := new_session()
	if session == null:
		return
	var response := await fetched(session, url("/hello"))
	var body: PackedByteArray = response.get_body()
	body[0] = 0
	body.append(1)
	assert_equal(response.get_text(), HELLO, "the response's text after its body was changed")
	assert_equal(response.get_body(), HELLO.to_utf8_buffer(), "the response's body")


## A server that responds with "hi", and counts its connections.
class Counting:
	var connections := 0
	var _server := TCPServer.new()
	var _peers: Array[StreamPeerTCP] = []

	func _init() -> void:
		_server.listen(0, "127.0.0.1")

	func url() -> String:
		return "http://127.0.0.1:%d/" % _server.get_local_port()

	func serve() -> void:
		while _server.is_connection_available():
			connections += 1
			_peers.append(_server.take_connection())
		for peer: StreamPeerTCP in _peers:
			peer.poll()
			var waiting := peer.get_available_bytes()
			if waiting > 0 and peer.get_utf8_string(waiting).ends_with("\r\n\r\n"):
				peer.put_data("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_utf8_buffer())
