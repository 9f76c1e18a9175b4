extends "res://tests/support/fetch_case.gd"
## What a browser does not support: each case gives a message. Runs only in exports without the library.
# expect-log: ^WARNING: HTTPClientRust: a browser does not let scripts send the header (cookie|connection)
# expect-log: ^ERROR: HTTPClientRust\.(connect_to_host|request|set_connection|set_https?_proxy)\(\): .*browser
# expect-log: ^WARNING: HTTPClientRust: a browser does not show (its TLS connections|trailers) to scripts
# expect-log: ^WARNING: HTTPClientRust: a browser has its own (cache|limit of connections); \w+ has no effect
# expect-log: ^WARNING: HTTPClientRust: a browser manages the cookies itself; cookies_enabled has no effect
# expect-log: HTTPSessionRust\.(set_cookie|set_cookie_file|clear_cookies)\(\): a browser manages the cookies itself


func test_the_library_is_not_there() -> void:
	assert_true(not ClassDB.class_exists(&"HTTPClientRust"), "the class of the library")
	assert_true(not FileAccess.file_exists("res://addons/http_client_rust/http_client_rust.gdextension"), "its description")
	assert_true(not FileAccess.file_exists("res://.godot/extension_list.cfg"), "the list of extensions")


func test_a_client_refuses_what_a_browser_cannot_do_and_says_so() -> void:
	for case: Array in [
			[func(client: RefCounted) -> void: client.blocking_mode_enabled = true, false, "cannot block"],
			[func(client: RefCounted) -> void: client.set_http_proxy("proxy.example", 8080), false, "proxy"],
			[func(client: RefCounted) -> void: client.set_https_proxy("proxy.example", 8080), true, "proxy"],
			[func(client: RefCounted) -> void: client.trusted_ca_file = "res://x.pem", true, "certificates"],
			[func(_client: RefCounted) -> void: pass, TLSOptions.client_unsafe(), "certificates"]]:
		var client := new_client()
		(case[0] as Callable).call(client)
		assert_error(client.connect_to_host("127.0.0.1", port_of("http"), case[1]), ERR_UNAVAILABLE, case[2])
		assert_contains(client.get_error_message(), case[2], "the message")
		assert_status(client, HTTPClient.STATUS_DISCONNECTED)
	var plain := await connected_client()
	plain.connection = StreamPeerBuffer.new()
	assert_contains(plain.get_error_message(), "connection", "setting the connection")
	assert_true(plain.connection == null, "the connection")
	for method: int in [HTTPClient.METHOD_TRACE, HTTPClient.METHOD_CONNECT]:
		assert_error(plain.request(method, "/hello", []), ERR_UNAVAILABLE, "method %d" % method)
	assert_error(plain.request(HTTPClient.METHOD_GET, "http://other.example/", []), ERR_UNAVAILABLE, "another host")
	assert_contains(plain.get_error_message(), "browser", "the message")
	assert_equal(plain.get_tls_info(), {}, "get_tls_info()")
	assert_equal((await exchange(plain, HTTPClient.METHOD_GET, "/hello", ["Connection: close"])).code, 200, "a header that is left out")


func test_a_session_refuses_what_a_browser_cannot_do_and_says_so() -> void:
	for case: Array in [
			[func(session: RefCounted) -> void: session.set_http_proxy("proxy.example", 8080), url("/hello"), "proxy"],
			[func(session: RefCounted) -> void: session.trusted_ca_file = "res://x.pem", url("/hello", "https"), "certificates"],
			[func(session: RefCounted) -> void: session.set_tls_options(TLSOptions.client_unsafe()), url("/hello", "https"), "certificates"]]:
		var session := new_session()
		(case[0] as Callable).call(session)
		var response := await fetched(session, case[1])
		if assert_response(response, INVALID_REQUEST, 0, case[2]):
			assert_contains(response.get_error_message(), case[2], "the message")
	var blocked: RefCounted = new_session().fetch(url("/hello"))
	assert_response(blocked.wait_to_finish(), 9, 0, "wait_to_finish()")
	assert_contains(blocked.get_response().get_error_message(), "cannot block", "the message")
	var elsewhere := await response_of(new_session().download(url("/hello"), "/tmp/file"))
	assert_response(elsewhere, INVALID_REQUEST, 0, "a file outside of user://")
	assert_contains(elsewhere.get_error_message(), "user://", "the message")
	var cookies := new_session()
	assert_error(cookies.set_cookie(url("/"), "a=b"), ERR_UNAVAILABLE, "set_cookie()")
	cookies.cookie_file = "user://cookies"
	cookies.clear_cookies()
	assert_equal([cookies.get_cookies(url("/")).size(), cookies.cookie_file], [0, ""], "cookies")
	assert_response(await fetched(cookies, url("/hello"), ["Cookie: a=b"]), SUCCESS, 200, "a header that is left out")


func test_what_has_no_effect_and_no_error_says_so_once() -> void:
	var said: Dictionary = (load(stand_in_of(&"HTTPClientRust").get_base_dir().path_join("limits.gd")) as Script).get("_said")
	for turn: int in 2:
		var session := new_session()
		session.cache_directory = ""
		session.max_connections_per_host = 6
		session.cookies_enabled = true
		assert_equal(said.has("cache_directory") or said.has("cookies_enabled"), turn > 0, "a default")
		session.cache_directory = "user://cache"
		session.max_connections_per_host = 2
		session.cookies_enabled = false
		var client := new_client()
		assert_equal([client.get_response_trailers().size(), client.get_tls_info()], [0, {}], "what is always empty")
		for member: String in ["cache_directory", "max_connections_per_host", "cookies_enabled", "get_response_trailers", "get_tls_info"]:
			assert_true(said.has(member), member)


func test_in_a_browser_the_length_of_a_body_is_that_of_the_header_unless_it_is_packed() -> void:
	for case: Array in [
			[["X-A: b"], 5], [["Content-Encoding: gzip"], -1], [["Content-Encoding: br", "X-A: b"], -1]]:
		var client := await connected_client("raw")
		client.set("_is_browser", true)
		var reply := response_with(PackedStringArray(case[0]), "hello".to_utf8_buffer())
		var answer := await exchange(client, HTTPClient.METHOD_GET, reply_target(reply, true))
		assert_equal([answer.code, answer.body.size()], [200, 5], "answer with %s" % [case[0]])
		assert_equal(client.get_response_body_length(), case[1], "length with %s" % [case[0]])


func test_a_stream_that_a_script_makes_is_not_connected() -> void:
	var stream := made(&"HTTPClientRustStream")
	assert_equal([stream.get_status(), stream.poll(), stream.get_connected_host()], [0, ERR_UNCONFIGURED, ""], "a stream")


func test_the_stand_ins_have_no_names_for_the_editor() -> void:
	for info: Dictionary in ProjectSettings.get_global_class_list():
		assert_true(not str(info["path"]).begins_with("res://addons/"), "%s is a name" % info["class"])
	assert_true(is_known(&"HTTPSessionRust"), "they are here")
