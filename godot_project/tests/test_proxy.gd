# deadline: 120
# An unusable proxy is a mistake of the script or of the environment.
# expect-log: ^ERROR: HTTPClientRust\.(set_https?_proxy|set_proxy_from_environment|connect_to_host)\(\): cannot use the proxy .*
extends "res://tests/support/test_case.gd"
## Proxies: what they receive, tested with both classes if the engine's own class does the same.

const SmallProxy := preload("res://tests/fixtures/small_proxy.gd")


func test_a_request_to_a_proxy_has_the_whole_url_on_both() -> void:
	var first_lines: Array[String] = []
	for client_class: StringName in [class_under_test(), BUILT_IN]:
		var proxy := SmallProxy.new(tree)
		var client := new_client(client_class)
		client.set_http_proxy("127.0.0.1", proxy.port())
		client.connect_to_host("host.test", 8080)
		await _poll_to_the_end(client)
		assert_status(client, HTTPClient.STATUS_CONNECTED, client_class)
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/path?a=b")
		assert_equal([answer.code, answer.text()], [200, "proxy"], client_class)
		first_lines.append(proxy.heads[0].get_slice("\r\n", 0))
		assert_contains(proxy.heads[0], "\r\nHost: host.test:8080", "head of %s" % client_class)
	assert_equal(first_lines[0], "GET http://host.test:8080/path?a=b HTTP/1.1", "request line")
	assert_equal(first_lines[0], first_lines[1], "request lines of both")


func test_tls_goes_through_a_tunnel_on_both() -> void:
	for client_class: StringName in [class_under_test(), BUILT_IN]:
		var proxy := SmallProxy.new(tree)
		var client := new_client(client_class)
		client.set_https_proxy("127.0.0.1", proxy.port())
		var chain := X509Certificate.new()
		chain.load(arguments["ca-file"])
		client.connect_to_host("localhost", port_of("https"), TLSOptions.client(chain))
		await _poll_to_the_end(client)
		if assert_status(client, HTTPClient.STATUS_CONNECTED, client_class):
			var echo := echoed(await exchange(client, HTTPClient.METHOD_GET, "/echo"))
			assert_equal(echo["target"], "/echo", "target, %s" % client_class)
		assert_equal(
			proxy.heads[0].get_slice("\r\n", 0), "CONNECT localhost:%d HTTP/1.1" % port_of("https"), "request line, %s" % client_class)


func test_credentials_go_to_the_proxy_only() -> void:
	var proxy := SmallProxy.new(tree)
	var client := new_client()
	client.set_http_proxy("user:p%40ss@127.0.0.1", proxy.port())
	client.set_https_proxy("user:p%40ss@127.0.0.1", proxy.port())
	client.trusted_ca_file = arguments["ca-file"]
	var expected := "Proxy-Authorization: Basic " + Marshalls.utf8_to_base64("user:p@ss")
	client.connect_to_host("host.test")
	await _poll_to_the_end(client)
	await exchange(client, HTTPClient.METHOD_GET, "/")
	assert_contains(proxy.heads[0], expected, "head")
	client.connect_to_host("localhost", port_of("https"), true)
	await _poll_to_the_end(client)
	assert_contains(proxy.heads[1], expected, "head of CONNECT")
	var echo := echoed(await exchange(client, HTTPClient.METHOD_GET, "/echo"))
	assert_equal(sent_values(echo, "Proxy-Authorization"), PackedStringArray(), "what the server got")


func test_a_refusal_of_the_proxy_is_told() -> void:
	var proxy := SmallProxy.new(tree)
	proxy.connect_answer = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
	var client := new_client()
	client.set_https_proxy("127.0.0.1", proxy.port())
	client.connect_to_host("host.test", -1, true)
	await _poll_to_the_end(client)
	assert_status(client, HTTPClient.STATUS_CANT_CONNECT)
	assert_contains(
		client.get_error_message(), "proxy 127.0.0.1:%d answered 407 Proxy Authentication Required" % proxy.port(), "message")


func test_a_proxy_is_unset_by_an_empty_host_or_port_minus_one() -> void:
	for unset: Array in [["", 8080], ["127.0.0.1", -1], ["", -1]]:
		for client_class: StringName in [class_under_test(), BUILT_IN]:
			var proxy := SmallProxy.new(tree)
			var client := new_client(client_class)
			client.set_http_proxy("127.0.0.1", proxy.port())
			client.callv(&"set_http_proxy", unset)
			await connect_client(client)
			var answer := await exchange(client, HTTPClient.METHOD_GET, "/hello")
			assert_equal([answer.code, proxy.heads.size()], [200, 0], "%s, %s" % [unset, client_class])


func test_a_proxy_that_is_not_there_is_named() -> void:
	var client := new_client()
	client.set_http_proxy("127.0.0.1", refused_port())
	client.connect_to_host("host.test")
	await _poll_to_the_end(client)
	assert_status(client, HTTPClient.STATUS_CANT_CONNECT)
	assert_contains(client.get_error_message(), "proxy 127.0.0.1:%d" % refused_port(), "message")


func test_with_a_proxy_that_cannot_be_used_no_connection_is_made_on_either() -> void:
	for wrong: String in ["socks5://user:secret@127.0.0.1", "https://127.0.0.1", "127.0.0.1:1:1"]:
		for client_class: StringName in [class_under_test(), BUILT_IN]:
			var proxy := SmallProxy.new(tree)
			var client := new_client(client_class)
			client.set_http_proxy("127.0.0.1", proxy.port())
			client.set_http_proxy(wrong, 1080)
			client.connect_to_host("127.0.0.1", port_of("http"))
			await _poll_to_the_end(client)
			assert_true(
				client.get_status() in [HTTPClient.STATUS_DISCONNECTED, HTTPClient.STATUS_CANT_RESOLVE, HTTPClient.STATUS_CANT_CONNECT],
				"status %d, %s, %s" % [client.get_status(), wrong, client_class])
			assert_equal(proxy.heads.size(), 0, "requests to the old one")


func test_a_proxy_that_cannot_be_used_is_told_when_it_is_set_and_when_it_is_needed() -> void:
	for scheme: String in ["http", "https"]:
		var client := new_client()
		var secure := scheme == "https"
		client.call("set_%s_proxy" % scheme, "socks5://user:secret@127.0.0.1", 1080)
		var message: String = client.get_error_message()
		assert_contains(message, "socks5", "message")
		assert_equal(message.contains("secret"), false, "a password in the message")
		assert_equal(client.connect_to_host("127.0.0.1", port_of(scheme), secure), ERR_INVALID_PARAMETER, scheme)
		assert_equal(client.get_error_message(), message, "message of connect_to_host()")
		assert_status(client, HTTPClient.STATUS_DISCONNECTED)
		var other := "http" if secure else "https"
		assert_equal(client.connect_to_host("127.0.0.1", port_of(other), not secure), OK, "the other kind of connection")
		client.call("set_%s_proxy" % scheme, "", -1)
		assert_equal(client.connect_to_host("127.0.0.1", port_of(scheme), secure), OK, "without a proxy")


func test_a_variable_that_cannot_be_used_leaves_the_others() -> void:
	var proxy := SmallProxy.new(tree)
	OS.set_environment("http_proxy", "http://127.0.0.1:%d/path" % proxy.port())
	OS.set_environment("https_proxy", "socks5://user:secret@127.0.0.1")
	var client := new_client()
	client.set_proxy_from_environment()
	OS.unset_environment("http_proxy")
	OS.unset_environment("https_proxy")
	assert_contains(client.get_error_message(), "https_proxy", "message")
	client.connect_to_host("host.test")
	await _poll_to_the_end(client)
	await exchange(client, HTTPClient.METHOD_GET, "/")
	assert_equal(proxy.heads.size(), 1, "requests to the proxy")
	assert_equal(client.connect_to_host("host.test", -1, true), ERR_INVALID_PARAMETER, "with TLS")


func test_credentials_of_a_script_for_a_proxy_reach_no_server() -> void:
	var own := PackedStringArray(["Proxy-Authorization: Bearer own"])
	var client := new_client()
	await connect_client(client)
	var echo := echoed(await exchange(client, HTTPClient.METHOD_GET, "/echo", own))
	assert_equal(sent_values(echo, "Proxy-Authorization"), PackedStringArray(), "what the server got")
	var proxy := SmallProxy.new(tree)
	client.set_http_proxy("127.0.0.1", proxy.port())
	client.connect_to_host("host.test")
	await _poll_to_the_end(client)
	await exchange(client, HTTPClient.METHOD_GET, "/", own)
	assert_contains(proxy.heads[0], own[0], "what the proxy got")


func test_a_proxy_that_wants_ntlm_is_told_apart() -> void:
	var proxy := SmallProxy.new(tree)
	proxy.connect_answer = "HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n"
	var client := new_client()
	client.set_https_proxy("127.0.0.1", proxy.port())
	client.connect_to_host("host.test", -1, true)
	await _poll_to_the_end(client)
	assert_contains(client.get_error_message(), "it requires NTLM, but only Basic is supported", "message")


func test_the_environment_counts_only_when_it_is_asked_for() -> void:
	var proxy := SmallProxy.new(tree)
	OS.set_environment("http_proxy", "http://127.0.0.1:%d" % proxy.port())
	OS.set_environment("no_proxy", "direct.test, 127.0.0.1")
	var client := new_client()
	await connect_client(client)
	assert_equal(proxy.heads.size(), 0, "requests to the proxy")
	client.set_proxy_from_environment()
	client.connect_to_host("host.test")
	await _poll_to_the_end(client)
	await exchange(client, HTTPClient.METHOD_GET, "/")
	assert_equal(proxy.heads.size(), 1, "requests to the proxy once it was asked for")
	await connect_client(client)
	var answer := await exchange(client, HTTPClient.METHOD_GET, "/hello")
	assert_equal([answer.code, proxy.heads.size()], [200, 1], "an exception is reached directly")
	OS.unset_environment("http_proxy")
	OS.unset_environment("no_proxy")


func _poll_to_the_end(client: RefCounted) -> void:
	while client.get_status() in [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING]:
		client.poll()
		await wait_frames(1)
