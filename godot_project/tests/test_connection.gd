# deadline: 180
# expect-log: set_connection\(\): more than 4 StreamPeerTLS are chained
extends "res://tests/support/test_case.gd"
## Getting and setting the connection property.

const FarEnds := preload("res://tests/fixtures/far_ends.gd")
const SmallProxy := preload("res://tests/fixtures/small_proxy.gd")
const METHODS: Array[StringName] = [
	&"get_status", &"poll", &"get_connected_host", &"get_connected_port", &"get_local_port", &"set_no_delay",
	&"disconnect_from_host", &"get_available_bytes", &"put_data", &"get_data", &"put_partial_data", &"get_partial_data",
]
const UPGRADE: PackedStringArray = ["Connection: Upgrade", "Upgrade: echo"]
const SWITCHING := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"
const HELLO := "Hello from the embedded server.\n"
## RFC 6455, section 1.3.
const WEBSOCKET_ID := "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


func test_there_is_none_without_a_connection() -> void:
	var client := new_client()
	assert_true(client.get_connection() == null, "a new client has none")
	client.connect_to_host(host_of("never-accepts"), port_of("never-accepts"))
	assert_true(client.get_connection() == null, "none while connecting")
	client = await connected_client()
	assert_true(client.connection != null, "a connected client has one")
	client.close()
	assert_true(client.connection == null, "none after close()")


func test_it_is_a_stream_peer_with_the_methods_of_stream_peer_tcp() -> void:
	var client: RefCounted = await connected_client()
	var stream: Object = client.get_connection()
	assert_true(stream is StreamPeer, "it must be a StreamPeer")
	assert_equal(stream.get_class(), "HTTPClientRustStream", "class")
	assert_true(stream == client.get_connection() and stream == client.connection, "it is the same object each time")
	for method: StringName in METHODS:
		assert_true(stream.has_method(method), "it must have %s()" % method)
	assert_equal(stream.get_status(), StreamPeerTCP.STATUS_CONNECTED, "get_status()")
	assert_error(stream.poll(), OK, "poll()")
	assert_equal(stream.get_connected_host(), "127.0.0.1", "get_connected_host()")
	assert_equal(stream.get_connected_port(), port_of("http"), "get_connected_port()")
	assert_true(stream.get_local_port() > 0, "get_local_port()")
	stream.set_no_delay(false)
	stream.set_no_delay(true)
	var answer := await exchange(client, HTTPClient.METHOD_GET, "/hello")
	assert_equal([answer.code, answer.text()], [200, HELLO], "the client goes on as before")
	stream.disconnect_from_host()
	assert_equal(stream.get_status(), StreamPeerTCP.STATUS_NONE, "get_status() after disconnect_from_host()")
	assert_status(client, HTTPClient.STATUS_DISCONNECTED, "the client's status after disconnect_from_host()")
	await connect_client(client)
	assert_true(stream != client.get_connection(), "another connection has another stream")


func test_a_stream_that_a_script_makes_is_not_connected() -> void:
	var stream: RefCounted = ClassDB.instantiate(&"HTTPClientRustStream")
	assert_equal(stream.get_status(), StreamPeerTCP.STATUS_NONE, "get_status()")
	assert_equal(stream.get_available_bytes(), 0, "get_available_bytes()")
	assert_error(stream.put_data(PackedByteArray([1])), ERR_UNCONFIGURED, "put_data()")
	assert_error(stream.get_partial_data(1)[0], ERR_UNCONFIGURED, "get_partial_data()")
	assert_equal(stream.get_connected_host(), "", "get_connected_host()")


func test_after_101_it_speaks_the_other_protocol() -> void:
	for tls: bool in [false, true]:
		var client := await _upgraded(tls)
		var stream: StreamPeer = client.get_connection()
		for text: String in ["hello", "x".repeat(100_000), "\u0001\u0002"]:
			assert_error(stream.put_data(text.to_utf8_buffer()), OK, "put_data(), TLS: %s" % tls)
			assert_equal(_shown(await _receive(stream, text.length())), _shown(text.to_utf8_buffer()), "what came back, TLS: %s" % tls)
		assert_error(client.poll(), OK, "the client's poll()")
		assert_status(client, HTTPClient.STATUS_CONNECTED)


func test_asking_the_stream_swallows_no_answer() -> void:
	for tls: bool in [false, true]:
		var client := new_client()
		client.trusted_ca_file = arguments["ca-file"]
		client.connect_to_host("127.0.0.1", port_of("https" if tls else "http"), tls)
		await _poll_while(client, HTTPClient.STATUS_CONNECTING)
		var stream: StreamPeer = client.connection
		client.request(HTTPClient.METHOD_GET, "/hello", [])
		for frame: int in 30:
			assert_equal(stream.call(&"get_status"), StreamPeerTCP.STATUS_CONNECTED, "get_status(), TLS: %s" % tls)
			assert_error(stream.call(&"poll"), OK, "poll(), TLS: %s" % tls)
			assert_equal(stream.get_available_bytes(), 0, "get_available_bytes(), TLS: %s" % tls)
			assert_error(stream.get_partial_data(100)[0], ERR_BUSY, "get_partial_data(), TLS: %s" % tls)
			assert_error(stream.get_data(1)[0], ERR_BUSY, "get_data(), TLS: %s" % tls)
			await wait_frames(1)
		await _poll_while(client, HTTPClient.STATUS_REQUESTING)
		var answer := Exchange.new(client)
		await answer.read_body()
		assert_equal([client.get_response_code(), answer.text()], [200, HELLO], "the answer, TLS: %s" % tls)


func test_half_a_head_is_not_the_streams() -> void:
	var client: RefCounted = await connected_client("raw")
	client.request(HTTPClient.METHOD_GET, "/fault/drip?ms=1", [])
	var stream: StreamPeer = client.connection
	while client.get_status() == HTTPClient.STATUS_REQUESTING:
		assert_error(client.poll(), OK, "poll()")
		if client.get_status() == HTTPClient.STATUS_REQUESTING:
			assert_error(stream.get_partial_data(3)[0], ERR_BUSY, "get_partial_data()")
		await wait_frames(1)
	assert_equal(client.get_response_code(), 200, "code")


func test_a_partial_write_over_tls_takes_64_kib_at_most() -> void:
	var client := await _upgraded(true)
	var stream: StreamPeer = client.get_connection()
	var much := PackedByteArray()
	much.resize(50_000_000)
	var taken: Array = stream.put_partial_data(much)
	assert_error(taken[0], OK, "put_partial_data()")
	assert_true(taken[1] > 0 and taken[1] <= 65536, "bytes that were taken: %d" % taken[1])


func test_bytes_right_behind_the_head_come_first() -> void:
	var reply := SWITCHING + "first, "
	var client: RefCounted = await connected_client("raw")
	client.request(HTTPClient.METHOD_GET, reply_target(reply, true), ["Connection: Upgrade", "Upgrade: x"])
	await _poll_while(client, HTTPClient.STATUS_REQUESTING)
	assert_equal(client.get_response_code(), 101, "code")
	var stream: StreamPeer = client.get_connection()
	assert_equal(stream.get_available_bytes(), 7, "get_available_bytes()")
	assert_equal((stream.get_partial_data(3)[1] as PackedByteArray).get_string_from_utf8(), "fir", "part")
	assert_equal((stream.get_partial_data(100)[1] as PackedByteArray).get_string_from_utf8(), "st, ", "the rest")
	var ended: Array = stream.get_data(1)
	assert_not_equal(ended[0], OK, "get_data() at the end")
	assert_equal(stream.get_status(), StreamPeerTCP.STATUS_NONE, "get_status() at the end")


func test_a_websocket_is_spoken_by_hand_with_a_real_server() -> void:
	var python := _python_with_websockets()
	if python.is_empty():
		print("left out: the WebSocket server, which needs Python's package websockets")
		assert_true(true, "left out")
		return
	var port_file := ProjectSettings.globalize_path("user://websocket-port")
	DirAccess.remove_absolute(port_file)
	var script := ProjectSettings.globalize_path("res://tests/fixtures/websocket_echo.py")
	var process := OS.create_process(python, [script, port_file])
	while not FileAccess.file_exists(port_file):
		await wait_frames(1)
	var client := new_client()
	client.connect_to_host("127.0.0.1", FileAccess.get_file_as_string(port_file).to_int())
	await _poll_while(client, HTTPClient.STATUS_CONNECTING)
	var key := Marshalls.raw_to_base64(Crypto.new().generate_random_bytes(16))
	client.request(HTTPClient.METHOD_GET, "/", [
		"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + key])
	await _poll_while(client, HTTPClient.STATUS_REQUESTING)
	if assert_equal(client.get_response_code(), 101, "code"):
		var proof := Marshalls.raw_to_base64((key + WEBSOCKET_ID).sha1_buffer())
		assert_equal(client.get_response_header_values("Sec-WebSocket-Accept"), PackedStringArray([proof]), "proof")
		var stream: StreamPeer = client.get_connection()
		assert_equal(await _receive_message(stream), "greeting", "what the server sent unasked")
		for text: String in ["hello", "\u00e9\u4e2d", "x".repeat(125), "y".repeat(60_000)]:
			stream.put_data(_text_frame(text))
			assert_equal(_shown(await _receive_message(stream)), _shown(text), "what came back")
	OS.kill(process)


func test_after_a_2xx_to_connect_it_is_the_tunnel() -> void:
	var proxy := SmallProxy.new(tree)
	var client := new_client()
	client.connect_to_host("127.0.0.1", proxy.port())
	await _poll_while(client, HTTPClient.STATUS_CONNECTING)
	client.request(HTTPClient.METHOD_CONNECT, "localhost:%d" % port_of("https"), [])
	await _poll_while(client, HTTPClient.STATUS_REQUESTING)
	assert_equal(client.get_response_code(), 200, "code")
	# The engine's own TLS runs through the tunnel, with HTTP on top.
	var chain := X509Certificate.new()
	chain.load(arguments["ca-file"])
	var secured := StreamPeerTLS.new()
	assert_error(secured.connect_to_stream(client.get_connection(), "localhost", TLSOptions.client(chain)), OK, "TLS")
	while secured.get_status() == StreamPeerTLS.STATUS_HANDSHAKING:
		secured.poll()
		await wait_frames(1)
	var inner := new_client()
	inner.set_connection(secured)
	var answer := await exchange(inner, HTTPClient.METHOD_GET, "/bytes/100000")
	assert_equal([answer.code, answer.body.size()], [200, 100_000], "answer through the tunnel")
	assert_equal(proxy.heads.size(), 1, "requests that the proxy saw")


func test_http_is_spoken_over_a_tcp_stream_on_both() -> void:
	for client_class: StringName in [class_under_test(), BUILT_IN]:
		var client := new_client(client_class)
		client.set_connection(await _tcp("http"))
		assert_status(client, HTTPClient.STATUS_CONNECTED, client_class)
		for round_number: int in 3:
			var answer := await _fetch(client, "/chunked/50000?size=1000")
			assert_equal(answer.body.size(), 50_000, "bytes, %s" % client_class)
	var alone := new_client()
	alone.set_connection(await _tcp("http"))
	var echo := echoed(await exchange(alone, HTTPClient.METHOD_POST, "/echo", PackedStringArray(), "x".repeat(1000)))
	assert_equal(echo["body_text"], "x".repeat(1000), "body")
	assert_equal(sent_values(echo, "Host"), PackedStringArray([address_of("http")]), "Host")


func test_http_is_spoken_over_the_engines_tls_stream() -> void:
	var chain := X509Certificate.new()
	chain.load(arguments["ca-file"])
	var secured := StreamPeerTLS.new()
	assert_error(secured.connect_to_stream(await _tcp("https"), "localhost", TLSOptions.client(chain)), OK, "TLS")
	while secured.get_status() == StreamPeerTLS.STATUS_HANDSHAKING:
		secured.poll()
		await wait_frames(1)
	var client := new_client()
	client.set_connection(secured)
	for round_number: int in 3:
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/bytes/200000")
		assert_equal([answer.code, answer.body.size()], [200, 200_000], "answer")


func test_more_tls_on_each_other_than_can_be_looked_through_is_refused() -> void:
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(2048)
	var certificate := crypto.generate_self_signed_certificate(key, "CN=far.example")
	var ends := FarEnds.OverTls.new(key, certificate)
	var near := ends.near
	var far := ends.far
	for floor_number: int in 5:
		var secured := StreamPeerTLS.new()
		secured.accept_stream(far, TLSOptions.server(key, certificate))
		var asking := StreamPeerTLS.new()
		asking.connect_to_stream(near, "far.example", TLSOptions.client_unsafe(certificate))
		while asking.get_status() == StreamPeerTLS.STATUS_HANDSHAKING or secured.get_status() == StreamPeerTLS.STATUS_HANDSHAKING:
			asking.poll()
			secured.poll()
			await wait_frames(1)
		assert_equal(asking.get_status(), StreamPeerTLS.STATUS_CONNECTED, "floor %d" % floor_number)
		near = asking
		far = secured
	var client := new_client()
	client.set_connection(near)
	assert_contains(client.get_error_message(), "more than 4 StreamPeerTLS are chained", "message")
	assert_status(client, HTTPClient.STATUS_DISCONNECTED)


func test_http_is_spoken_over_a_unix_socket_where_the_engine_has_it() -> void:
	if not ClassDB.class_exists(&"StreamPeerUDS") or not ClassDB.class_exists(&"UDSServer"):
		print("left out: StreamPeerUDS, which this engine does not have")
		assert_true(true, "left out")
		return
	var path := ProjectSettings.globalize_path("user://socket")
	DirAccess.remove_absolute(path)
	var server: RefCounted = ClassDB.instantiate(&"UDSServer")
	assert_error(server.call("listen", path), OK, "listen()")
	var near: StreamPeer = ClassDB.instantiate(&"StreamPeerUDS")
	assert_error(near.call("connect_to_host", path), OK, "connect_to_host()")
	while not server.call("is_connection_available"):
		near.call("poll")
		await wait_frames(1)
	near.call("poll")
	var far: StreamPeer = server.call("take_connection")
	var client := new_client()
	client.set_connection(near)
	assert_error(client.request(HTTPClient.METHOD_GET, "/", []), OK, "request()")
	while far.get_available_bytes() == 0:
		far.call("poll")
		client.poll()
		await wait_frames(1)
	assert_true(far.get_utf8_string(far.get_available_bytes()).begins_with("GET / HTTP/1.1\r\n"), "request line")
	far.put_data("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_utf8_buffer())
	await _poll_while(client, HTTPClient.STATUS_REQUESTING)
	var answer := Exchange.new(client)
	await answer.read_body()
	assert_equal(answer.text(), "hello", "body")


func test_http_is_spoken_over_a_peer_of_another_extension() -> void:
	var loaded := GDExtensionManager.load_extension("res://.godot/test_peer.gdextension")
	assert_true(
		loaded in [GDExtensionManager.LOAD_STATUS_OK, GDExtensionManager.LOAD_STATUS_ALREADY_LOADED],
		"the extension with TestPeer must load, not %d" % loaded)
	# The built-in class cannot do this: it polls the status of its own socket, whatever stream it was given.
	var peer: StreamPeer = ClassDB.instantiate(&"TestPeer")
	assert_error(peer.call(&"connect_to", "%s:%d" % [host_of("http"), port_of("http")]), OK, "connect_to()")
	var client := new_client()
	client.set_connection(peer)
	assert_status(client, HTTPClient.STATUS_CONNECTED, "after set_connection()")
	for i in 2:
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/bytes/300000")
		assert_equal([answer.code, answer.body.size()], [200, 300_000], "exchange %d" % i)
	client.close()
	assert_equal(peer.get_reference_count(), 1, "the client must let go of the peer")


func test_what_a_peer_of_another_extension_holds_is_read_after_its_end() -> void:
	GDExtensionManager.load_extension("res://.godot/test_peer.gdextension")
	var script := GDScript.new()
	script.source_code = "extends StreamPeerExtension\nvar status := 2\n\n\nfunc get_status() -> int:\n\treturn status\n"
	assert_error(script.reload(), OK, "the script of the peer")
	var peer: StreamPeer = ClassDB.instantiate(&"TestPeer")
	peer.set_script(script)
	peer.call(&"connect_to", "%s:%d" % [host_of("raw"), port_of("raw")])
	var client := new_client()
	client.set_connection(peer)
	var reply := "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"
	assert_error(client.request(HTTPClient.METHOD_GET, reply_target(reply, true), []), OK, "request()")
	for i in 600:
		if peer.get_available_bytes() == reply.length():
			break
		await wait_frames(1)
	peer.set(&"status", 0)
	await _poll_while(client, HTTPClient.STATUS_REQUESTING)
	var answer := Exchange.new(client)
	await answer.read_body()
	assert_equal(answer.text(), "hello", "body")
	assert_status(client, HTTPClient.STATUS_DISCONNECTED)


func test_the_stream_of_one_client_serves_another() -> void:
	for client_class: StringName in [class_under_test(), BUILT_IN]:
		for tls: bool in [false, true]:
			var first := new_client()
			first.trusted_ca_file = arguments["ca-file"]
			first.connect_to_host("localhost", port_of("https" if tls else "http"), tls)
			await _poll_while(first, HTTPClient.STATUS_RESOLVING)
			await _poll_while(first, HTTPClient.STATUS_CONNECTING)
			var second := new_client(client_class)
			second.set_connection(first.get_connection())
			first = null
			for round_number: int in 2:
				var answer := await _fetch(second, "/bytes/100000")
				assert_equal([answer.code, answer.body.size()], [200, 100_000], "%s, TLS: %s" % [client_class, tls])


func test_its_own_stream_given_back_changes_nothing() -> void:
	var client: RefCounted = await connected_client()
	client.set_connection(client.get_connection())
	var answer := await exchange(client, HTTPClient.METHOD_GET, "/hello")
	assert_equal(answer.code, 200, "code")


func test_a_stream_that_is_not_connected_fails_at_the_first_request() -> void:
	for stream: StreamPeer in [StreamPeerTCP.new(), StreamPeerTLS.new(), ClassDB.instantiate(&"HTTPClientRustStream")]:
		var client := new_client()
		client.set_connection(stream)
		var error: int = client.request(HTTPClient.METHOD_GET, "/", [])
		if error == OK:
			await _poll_while(client, HTTPClient.STATUS_REQUESTING)
		assert_status(client, HTTPClient.STATUS_CONNECTION_ERROR, stream.get_class())
		assert_contains(client.get_error_message(), "not connected", "message for %s" % stream.get_class())


func test_a_stream_that_ends_is_noticed() -> void:
	var client := new_client()
	client.set_connection(await _tcp("raw"))
	var answer := await exchange(client, HTTPClient.METHOD_GET, "/fault/body-cut-short")
	assert_status(client, HTTPClient.STATUS_CONNECTION_ERROR)
	assert_equal(answer.body.size(), 400, "what came")


func test_dropping_either_end_is_fine() -> void:
	for round_number: int in 20:
		# The client is freed first: the stream keeps the connection.
		var clients: Array[WeakRef] = []
		var stream := await _stream_of_a_client_that_goes(round_number % 2 == 0, clients)
		await wait_frames(1)
		assert_true(clients[0].get_ref() == null, "the client is freed")
		stream.put_data("still".to_utf8_buffer())
		assert_equal((await _receive(stream, 5)).get_string_from_utf8(), "still", "what came back")
		# The script drops the stream: the client keeps the stream and the connection.
		var client: RefCounted = await connected_client()
		var watched := _stream_that_goes(client)
		assert_true(watched.get_ref() == client.get_connection(), "the stream goes with the connection")
		assert_equal((await exchange(client, HTTPClient.METHOD_GET, "/hello")).code, 200, "code")
		# The connection is closed in the middle of a request.
		stream = client.get_connection()
		client.request(HTTPClient.METHOD_GET, "/slow?ms=1000", [])
		client.close()
		assert_equal(stream.call("get_status"), StreamPeerTCP.STATUS_NONE, "get_status() after close()")
		assert_not_equal(stream.put_data("x".to_utf8_buffer()), OK, "put_data() after close()")


func test_a_client_over_a_clients_stream_is_freed_with_all_of_them() -> void:
	var watched: Array[WeakRef] = []
	await _request_through_two_clients(watched)
	await wait_frames(2)
	for index: int in watched.size():
		assert_true(watched[index].get_ref() == null, "object %d is freed" % index)


## References of a function that has returned are gone; a running function may keep some.
func _stream_of_a_client_that_goes(tls: bool, clients: Array[WeakRef]) -> StreamPeer:
	var client := await _upgraded(tls)
	clients.append(weakref(client))
	return client.get_connection()


func _stream_that_goes(client: RefCounted) -> WeakRef:
	return weakref(client.get_connection())


func _request_through_two_clients(watched: Array[WeakRef]) -> void:
	var tcp := await _tcp("http")
	var first := new_client()
	first.set_connection(tcp)
	var second := new_client()
	second.set_connection(first.get_connection())
	for object: RefCounted in [tcp, first, first.get_connection(), second]:
		watched.append(weakref(object))
	first = null
	assert_equal((await exchange(second, HTTPClient.METHOD_GET, "/hello")).code, 200, "code through two clients")


func _upgraded(tls: bool) -> RefCounted:
	var client := new_client()
	client.trusted_ca_file = arguments["ca-file"]
	client.connect_to_host("127.0.0.1", port_of("https" if tls else "http"), tls)
	await _poll_while(client, HTTPClient.STATUS_CONNECTING)
	client.request(HTTPClient.METHOD_GET, "/upgrade-echo", UPGRADE)
	await _poll_while(client, HTTPClient.STATUS_REQUESTING)
	assert_equal(client.get_response_code(), 101, "code")
	assert_status(client, HTTPClient.STATUS_CONNECTED, "status after 101")
	return client


## The engine's own class polls its own socket, and fails if it was given another stream.
func _fetch(client: RefCounted, target: String) -> Exchange:
	var answer := Exchange.new(client)
	answer.polls_while_reading = client.get_class() != String(BUILT_IN)
	await answer.send(HTTPClient.METHOD_GET, target, PackedStringArray(), "")
	return answer


func _poll_while(client: RefCounted, status: int) -> void:
	while client.get_status() == status:
		client.poll()
		await wait_frames(1)


func _tcp(server: String) -> StreamPeerTCP:
	var stream := StreamPeerTCP.new()
	stream.connect_to_host(host_of(server), port_of(server))
	while stream.get_status() == StreamPeerTCP.STATUS_CONNECTING:
		stream.poll()
		await wait_frames(1)
	return stream


## Receives this number of bytes, which may arrive in pieces; fewer if the stream ends.
func _receive(stream: StreamPeer, size: int) -> PackedByteArray:
	var bytes := PackedByteArray()
	while bytes.size() < size:
		var piece: Array = stream.get_partial_data(size - bytes.size())
		if piece[0] != OK:
			break
		bytes.append_array(piece[1])
		if bytes.size() < size:
			await wait_frames(1)
	return bytes


func _python_with_websockets() -> String:
	for program: String in ["python3", "/usr/bin/python3"]:
		if OS.execute(program, ["-c", "import websockets"]) == 0:
			return program
	return ""


## A message in one frame, masked as a client must do (RFC 6455, section 5.2).
func _text_frame(text: String) -> PackedByteArray:
	var payload := text.to_utf8_buffer()
	var frame := PackedByteArray([0x81])
	if payload.size() < 126:
		frame.append(0x80 | payload.size())
	else:
		frame.append_array([0x80 | 126, payload.size() >> 8, payload.size() & 0xff])
	var mask := Crypto.new().generate_random_bytes(4)
	frame.append_array(mask)
	for index: int in payload.size():
		frame.append(payload[index] ^ mask[index % 4])
	return frame


func _receive_message(stream: StreamPeer) -> String:
	var head := await _receive(stream, 2)
	if not assert_equal(head.slice(0, 1), PackedByteArray([0x81]), "a text message in one frame"):
		return ""
	var size := head[1]
	if size == 126:
		var long := await _receive(stream, 2)
		size = long[0] << 8 | long[1]
	return (await _receive(stream, size)).get_string_from_utf8()
