# deadline: 120
# A script or the environment sets a proxy that cannot be used.
# expect-log: ^ERROR: HTTPSessionRust\.set_http_proxy\(\): cannot use the proxy .*
extends "res://tests/support/fetch_case.gd"
## Sessions and nodes with proxies: what the proxies receive, and which servers see the credentials.

const SmallProxy := preload("res://tests/fixtures/small_proxy.gd")
const REFUSAL := "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"


func test_a_session_and_a_node_send_whole_urls_to_an_http_proxy_as_the_engines_node_does() -> void:
	var first_lines := {}
	for kind: StringName in [&"HTTPSessionRust", &"HTTPRequestRust", &"HTTPRequest"]:
		var proxy := SmallProxy.new(tree)
		var code := 0
		if kind == &"HTTPSessionRust":
			var session := new_session()
			session.set_http_proxy("127.0.0.1", proxy.port())
			code = (await fetched(session, "http://host.test:8080/path?a=b")).get_response_code()
		else:
			var node := made(kind) as Node
			tree.root.add_child(node)
			node.set_http_proxy("127.0.0.1", proxy.port())
			assert_equal(node.request("http://host.test:8080/path?a=b"), OK, "request()")
			code = (await node.request_completed)[1]
			# The node must not be freed in its own signal.
			node.queue_free()
		assert_equal(code, 200, "code of %s" % kind)
		first_lines[kind] = proxy.heads[0].get_slice("\r\n", 0)
		assert_contains(proxy.heads[0], "\r\nHost: host.test:8080", "head of %s" % kind)
	assert_equal(first_lines[&"HTTPSessionRust"], "GET http://host.test:8080/path?a=b HTTP/1.1", "request line")
	assert_equal(first_lines[&"HTTPRequestRust"], first_lines[&"HTTPRequest"], "that of both nodes")


func test_https_goes_through_a_tunnel_and_the_server_learns_nothing_of_the_proxy() -> void:
	var proxy := SmallProxy.new(tree)
	var session := new_session()
	session.trusted_ca_file = arguments["ca-file"]
	session.set_https_proxy("user:p%40ss@127.0.0.1", proxy.port())
	for _index: int in 2:
		var response := await fetched(session, url("/echo", "https").replace("127.0.0.1", "localhost"))
		assert_response(response, SUCCESS, 200, "through the tunnel")
		assert_true(not response.get_text().to_lower().contains("proxy-"), "what the server got: " + response.get_text())
	assert_equal(proxy.heads.size(), 1, "one tunnel for both")
	assert_contains(proxy.heads[0], "CONNECT localhost:%d HTTP/1.1" % port_of("https"), "request line")
	assert_contains(proxy.heads[0], "Proxy-Authorization: Basic " + Marshalls.utf8_to_base64("user:p@ss"), "credentials")


func test_a_refusal_of_the_proxy_is_told_without_the_password() -> void:
	var proxy := SmallProxy.new(tree)
	proxy.connect_answer = REFUSAL
	proxy.answer = REFUSAL
	var session := new_session()
	session.set_http_proxy("user:se4ret@127.0.0.1", proxy.port())
	session.set_https_proxy("user:se4ret@127.0.0.1", proxy.port())
	assert_response(await fetched(session, "http://host.test/"), SUCCESS, 407, "the proxy's answer is the response")
	var refused := await fetched(session, "https://host.test/")
	assert_response(refused, HTTPRequest.RESULT_CANT_CONNECT, 0, "no tunnel")
	assert_contains(refused.get_error_message(), "proxy 127.0.0.1:%d answered 407" % proxy.port(), "sentence")
	assert_true(not refused.get_error_message().contains("se4ret"), refused.get_error_message())


func test_a_connection_by_way_of_a_proxy_is_for_that_way_alone() -> void:
	var first := SmallProxy.new(tree)
	var second := SmallProxy.new(tree)
	var session := new_session()
	for proxy: RefCounted in [first, second, null, first, second, null]:
		session.set_http_proxy("127.0.0.1" if proxy != null else "", proxy.port() if proxy != null else 0)
		var expected := "proxy" if proxy != null else HELLO
		assert_equal((await fetched(session, url("/hello"))).get_text(), expected, "answer")
	assert_equal([first.heads.size(), second.heads.size()], [2, 2], "requests")
	assert_equal([first.connections(), second.connections()], [1, 1], "connections")


func test_a_node_takes_its_sessions_proxies_and_its_own_before_them() -> void:
	var of_session := SmallProxy.new(tree)
	var of_node := SmallProxy.new(tree)
	var session := new_session()
	session.set_http_proxy("127.0.0.1", of_session.port())
	var node := made(&"HTTPRequestRust") as Node
	node.set("session", session)
	tree.root.add_child(node)
	for _index: int in 2:
		assert_equal(node.request("http://host.test/"), OK, "request()")
		await node.request_completed
		node.set_http_proxy("127.0.0.1", of_node.port())
	assert_equal([of_session.heads.size(), of_node.heads.size()], [1, 1], "requests")
	node.set_http_proxy("", -1)
	assert_equal(node.request(url("/hello")), OK, "request()")
	assert_equal((await node.request_completed)[1], 200, "without one")
	assert_equal([of_session.heads.size(), of_node.heads.size()], [1, 1], "requests")
	# The node must not be freed in its own signal.
	node.queue_free()


func test_the_environment_names_a_proxy_and_what_is_reached_without() -> void:
	var proxy := SmallProxy.new(tree)
	var before := {}
	for name: String in ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"]:
		if OS.has_environment(name):
			before[name] = OS.get_environment(name)
			OS.unset_environment(name)
	OS.set_environment("http_proxy", "http://user:pass@127.0.0.1:%d/" % proxy.port())
	OS.set_environment("no_proxy", "127.0.0.1")
	var session := new_session()
	session.set_proxy_from_environment()
	assert_equal((await fetched(session, "http://host.test/")).get_text(), "proxy", "by the proxy")
	assert_equal((await fetched(session, url("/hello"))).get_text(), HELLO, "without")
	assert_contains(proxy.heads[0], "Proxy-Authorization: Basic " + Marshalls.utf8_to_base64("user:pass"), "credentials")
	assert_equal(proxy.heads.size(), 1, "requests")
	for name: String in ["http_proxy", "no_proxy"]:
		OS.unset_environment(name)
	for name: String in before:
		OS.set_environment(name, before[name])


func test_a_proxy_that_cannot_be_used_refuses_and_is_never_passed_by() -> void:
	var session := new_session()
	session.set_http_proxy("socks5://127.0.0.1", 1080)
	var response := await fetched(session, url("/hello"))
	assert_response(response, INVALID_REQUEST, 0, "socks")
	assert_contains(response.get_error_message(), "socks5", "sentence")
	session.set_http_proxy("127.0.0.1", refused_port())
	session.max_retries = 0
	response = await fetched(session, url("/hello"))
	assert_response(response, HTTPRequest.RESULT_CANT_CONNECT, 0, "not there")
	assert_contains(response.get_error_message(), "proxy 127.0.0.1:%d" % refused_port(), "sentence")
