# deadline: 180
# The engine's own class logs a failed handshake; HTTPClientRust does not.
# allow-log: ^ERROR: TLS handshake error: -\d+$
# Trusted certificates that cannot be used are a mistake of the script.
# expect-log: ^ERROR: HTTPClientRust\.connect_to_host\(\): the trusted certificates in "user://nothing\.pem" do not exist
# expect-log: ^ERROR: HTTPClientRust\.connect_to_host\(\): the TLSOptions contain a chain of several trusted certificates
# expect-log: ^ERROR: HTTPClientRust\.connect_to_host\(\): the TLSOptions are for a server
extends "res://tests/support/test_case.gd"
## TLS with the options of a script, tested with both classes if the engine's own class supports it.

const FACT_KEYS: Array[String] = ["subject", "issuer", "names", "not_before", "not_after", "serial_number"]
const INFO_KEYS: Array[String] = ["version", "cipher_suite", "key_exchange", "alpn", "resumed", "peer_certificates", "certificate_facts"]
const TIMING_KEYS: Array[String] = ["dns", "connect", "tls", "send", "first_byte", "total"]
const HELLO := "Hello from the embedded server.\n"

## Created once for all tests, since the engine needs seconds to generate a key.
static var _other: X509Certificate


func test_client_options_with_a_chain_trust_its_authority() -> void:
	for client_class: StringName in _both():
		var client := await _opened(client_class, "localhost", TLSOptions.client(_chain()))
		await _assert_hello(client, client_class)


func test_a_name_can_be_given_in_place_of_the_hosts() -> void:
	for client_class: StringName in _both():
		var client := await _opened(client_class, "127.0.0.1", TLSOptions.client(_chain(), "localhost"))
		await _assert_hello(client, client_class)
		var other := await _opened(client_class, "localhost", TLSOptions.client(_chain(), "other.test"))
		assert_status(other, HTTPClient.STATUS_TLS_HANDSHAKE_ERROR, "%s with another name" % client_class)


func test_addresses_in_a_certificate_count() -> void:
	var client := await _opened(class_under_test(), "127.0.0.1", TLSOptions.client(_chain()))
	await _assert_hello(client, class_under_test())


func test_an_unknown_authority_is_refused_in_the_same_way_by_both() -> void:
	for client_class: StringName in _both():
		var client := new_client(client_class)
		assert_error(client.connect_to_host("localhost", port_of("https"), TLSOptions.client()), OK, client_class)
		var codes := await _poll_to_the_end(client)
		assert_status(client, HTTPClient.STATUS_TLS_HANDSHAKE_ERROR, client_class)
		assert_equal(codes, ["Can't connect"], "what poll() returned, %s" % client_class)
		assert_error(client.poll(), ERR_CONNECTION_ERROR, "poll() again, %s" % client_class)
		assert_true(client.get_connection() == null, "get_connection(), %s" % client_class)
		# The client can be used again after the next connect_to_host().
		client.connect_to_host("localhost", port_of("https"), TLSOptions.client(_chain()))
		await _poll_to_the_end(client)
		await _assert_hello(client, client_class)


func test_unsafe_options_check_no_name() -> void:
	for client_class: StringName in _both():
		await _assert_hello(await _opened(client_class, "localhost", TLSOptions.client_unsafe()), client_class)
		await _assert_hello(await _opened(client_class, "localhost", TLSOptions.client_unsafe(_chain())), client_class)


func test_unsafe_options_with_a_chain_check_the_chain() -> void:
	for client_class: StringName in _both():
		var other := await _opened(client_class, "localhost", TLSOptions.client_unsafe(_other_chain()))
		assert_status(other, HTTPClient.STATUS_TLS_HANDSHAKE_ERROR, client_class)
	var client := await _opened(class_under_test(), "localhost", TLSOptions.client_unsafe(_other_chain()))
	assert_contains(client.get_error_message(), "an authority that is not trusted here", "message")


func test_a_certificate_of_the_engines_own_making_is_trusted_if_it_was_given() -> void:
	# The example in the engine's reference: a self-signed certificate without subjectAltName, marked as an authority.
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(2048)
	var certificate := crypto.generate_self_signed_certificate(key, "CN=localhost,O=My Game,C=IT")
	var server := TCPServer.new()
	server.listen(0, "127.0.0.1")
	for client_class: StringName in _both():
		var client := new_client(client_class)
		await _serve_with(server, TLSOptions.server(key, certificate), client, TLSOptions.client(certificate))
		assert_status(client, HTTPClient.STATUS_CONNECTED, "%s, given" % client_class)
		client = new_client(client_class)
		await _serve_with(server, TLSOptions.server(key, certificate), client, TLSOptions.client(_other_chain()))
		assert_status(client, HTTPClient.STATUS_TLS_HANDSHAKE_ERROR, "%s, another one given" % client_class)
	var named := new_client()
	var options := TLSOptions.client(certificate, "other.test")
	await _serve_with(server, TLSOptions.server(key, certificate), named, options)
	assert_status(named, HTTPClient.STATUS_TLS_HANDSHAKE_ERROR, "another name")
	assert_contains(
		named.get_error_message(), 'not for "other.test" but for "localhost", its common name', "message")


func test_options_of_a_server_are_refused() -> void:
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(2048)
	var options := TLSOptions.server(key, crypto.generate_self_signed_certificate(key))
	var client := new_client()
	assert_error(client.connect_to_host("localhost", port_of("https"), options), ERR_INVALID_PARAMETER)
	assert_contains(client.get_error_message(), "TLSOptions.client()", "message")
	assert_status(client, HTTPClient.STATUS_DISCONNECTED)


func test_use_ssl_checks_the_server_unless_verify_host_is_false() -> void:
	var unchecked := new_client()
	unchecked.connect_to_host("localhost", port_of("https"), true, false)
	await _poll_to_the_end(unchecked)
	await _assert_hello(unchecked, "verify_host false")
	var checked := new_client()
	checked.connect_to_host("localhost", port_of("https"), true)
	await _poll_to_the_end(checked)
	assert_status(checked, HTTPClient.STATUS_TLS_HANDSHAKE_ERROR, "verify_host true")
	assert_contains(checked.get_error_message(), "localhost", "message")
	assert_matches(checked.get_error_message(), "^TLS: the certificate of .*authority that is not trusted", "message")


func test_https_in_the_host_turns_tls_on() -> void:
	for client_class: StringName in _both():
		var client := new_client(client_class)
		var options := TLSOptions.client(_chain())
		assert_error(client.connect_to_host("https://localhost", port_of("https"), options), OK, client_class)
		await _poll_to_the_end(client)
		await _assert_hello(client, client_class)
	var alone := new_client()
	alone.trusted_ca_file = arguments["ca-file"]
	alone.connect_to_host("https://localhost:%d/" % port_of("https"))
	await _poll_to_the_end(alone)
	await _assert_hello(alone, "without a third argument")
	alone.connect_to_host("http://127.0.0.1:%d" % port_of("http"))
	await _poll_to_the_end(alone)
	await _assert_hello(alone, "http:// after https://")
	assert_equal(alone.get_tls_info(), {}, "get_tls_info() without TLS")


func test_trusted_ca_file_names_the_authorities() -> void:
	var pem := FileAccess.get_file_as_string(arguments["ca-file"])
	for text: String in [pem, _other_pem() + pem, "# a comment\n" + pem + _other_pem()]:
		_write("user://authorities.pem", text)
		var client := new_client()
		client.trusted_ca_file = "user://authorities.pem"
		client.connect_to_host("localhost", port_of("https"), true)
		await _poll_to_the_end(client)
		await _assert_hello(client, "%d certificates" % text.count("BEGIN CERTIFICATE"))
	_write("user://authorities.pem", _other_pem())
	var stranger := new_client()
	stranger.trusted_ca_file = "user://authorities.pem"
	stranger.connect_to_host("localhost", port_of("https"), true)
	await _poll_to_the_end(stranger)
	assert_status(stranger, HTTPClient.STATUS_TLS_HANDSHAKE_ERROR, "another authority")


func test_a_trusted_ca_file_that_is_not_there_is_named() -> void:
	var client := new_client()
	client.trusted_ca_file = "user://nothing.pem"
	assert_error(client.connect_to_host("localhost", port_of("https"), true), ERR_FILE_CANT_OPEN)
	assert_contains(client.get_error_message(), "user://nothing.pem", "message")
	assert_status(client, HTTPClient.STATUS_DISCONNECTED)


func test_a_chain_of_several_authorities_is_read_from_its_file() -> void:
	var pem := _other_pem() + FileAccess.get_file_as_string(arguments["ca-file"])
	_write("user://several.crt", pem)
	var from_file: X509Certificate = load("user://several.crt")
	var client := await _opened(class_under_test(), "localhost", TLSOptions.client(from_file))
	await _assert_hello(client, "loaded from a file")
	var from_text := X509Certificate.new()
	from_text.load_from_string(pem)
	var refused := new_client()
	assert_error(
		refused.connect_to_host("localhost", port_of("https"), TLSOptions.client(from_text)), ERR_INVALID_PARAMETER)
	assert_contains(refused.get_error_message(), "trusted_ca_file", "message")


func test_get_tls_info_tells_what_was_agreed_on() -> void:
	var client := new_client()
	assert_equal(client.get_tls_info(), {}, "before a connection")
	client = await _opened(class_under_test(), "localhost", TLSOptions.client(_chain()))
	var info: Dictionary = client.get_tls_info()
	assert_equal(info.keys(), INFO_KEYS, "keys")
	assert_equal(info["version"], "TLSv1.3", "version")
	assert_equal(info["key_exchange"], "X25519MLKEM768", "key_exchange")
	assert_matches(info["cipher_suite"], "^TLS13_", "cipher_suite")
	assert_equal(info["alpn"], "http/1.1", "alpn")
	assert_equal(typeof(info["resumed"]), TYPE_BOOL, "type of resumed")
	var certificates: PackedStringArray = info["peer_certificates"]
	assert_equal(certificates.size(), 1, "certificates")
	var parsed := X509Certificate.new()
	assert_error(parsed.load_from_string(certificates[0]), OK, "the engine reads the certificate")
	assert_equal((info["certificate_facts"] as Array).size(), 1, "facts")
	await _assert_hello(client, "info")
	client.close()
	assert_equal(client.get_tls_info(), {}, "after close()")


func test_the_facts_of_the_servers_certificate_are_told() -> void:
	var client := await _opened(class_under_test(), "localhost", TLSOptions.client(_chain()))
	var all: Array[Dictionary] = client.get_tls_info()["certificate_facts"]
	var facts := all[0]
	assert_equal(facts.keys(), FACT_KEYS, "keys")
	assert_equal(facts["names"], PackedStringArray(["localhost", "127.0.0.1", "::1"]), "names")
	assert_contains(facts["issuer"], "CN=", "issuer")
	assert_matches(facts["serial_number"], "^([0-9a-f]{2})+$", "serial number")
	var now := Time.get_unix_time_from_system()
	assert_true(facts["not_before"] < now and now < facts["not_after"], "it is valid now")
	await _assert_hello(client, "facts")


func test_a_certificate_of_the_engines_own_making_has_the_facts_it_was_made_of() -> void:
	var crypto := Crypto.new()
	var key := crypto.generate_rsa(2048)
	var certificate := crypto.generate_self_signed_certificate(
		key, "CN=localhost,O=My\u001bGame,C=IT", "20240229000000", "20491231235959")
	var server := TCPServer.new()
	server.listen(0, "127.0.0.1")
	var client := new_client()
	await _serve_with(server, TLSOptions.server(key, certificate), client, TLSOptions.client_unsafe())
	var facts: Dictionary = client.get_tls_info()["certificate_facts"][0]
	for field: String in ["subject", "issuer"]:
		for part: String in ["CN=localhost", "C=IT", "O=My\\u{1b}Game"]:
			assert_contains(facts[field], part, field)
	assert_equal(facts["names"], PackedStringArray(), "it has no subjectAltName")
	assert_equal(Time.get_datetime_string_from_unix_time(facts["not_before"]), "2024-02-29T00:00:00", "from")
	assert_equal(Time.get_datetime_string_from_unix_time(facts["not_after"]), "2049-12-31T23:59:59", "until")


func test_another_client_with_equal_options_resumes_the_session() -> void:
	var first := await _opened(class_under_test(), "localhost", TLSOptions.client(_chain()))
	await _assert_hello(first, "first")
	var second := await _opened(class_under_test(), "localhost", TLSOptions.client(_chain()))
	assert_equal(second.get_tls_info()["resumed"], true, "resumed")
	await _assert_hello(second, "second")


func test_get_timings_has_every_phase() -> void:
	var client := new_client()
	var timings: Dictionary = client.get_timings()
	assert_equal(timings.keys(), TIMING_KEYS, "keys")
	assert_equal(timings.values(), [-1, -1, -1, -1, -1, -1], "before a connection")
	client = await _opened(class_under_test(), "localhost", TLSOptions.client(_chain()))
	await _assert_hello(client, "timings")
	timings = client.get_timings()
	for key: String in TIMING_KEYS:
		assert_equal(typeof(timings[key]), TYPE_INT, "type of " + key)
		assert_true(timings[key] >= 0, "%s must be there, is %s" % [key, timings[key]])
	assert_true(timings["first_byte"] <= timings["total"], "first_byte is within total: %s" % timings)


func test_the_project_settings_for_tls_count() -> void:
	ProjectSettings.set_setting("network/tls/enable_tls_v1.3", false)
	var client := await _opened(class_under_test(), "localhost", TLSOptions.client(_chain()))
	assert_equal(client.get_tls_info().get("version"), "TLSv1.2", "version without TLS 1.3")
	ProjectSettings.set_setting("network/tls/enable_tls_v1.3", true)
	client = await _opened(class_under_test(), "localhost", TLSOptions.client(_chain()))
	assert_equal(client.get_tls_info().get("version"), "TLSv1.3", "version with it")
	ProjectSettings.set_setting("network/tls/enable_hybrid_key_exchange", false)
	client = await _opened(class_under_test(), "localhost", TLSOptions.client(_chain()))
	assert_equal(client.get_tls_info().get("key_exchange"), "X25519", "key exchange without the hybrid one")
	await _assert_hello(client, "without the hybrid key exchange")
	ProjectSettings.set_setting("network/tls/enable_hybrid_key_exchange", null)
	var before: Variant = ProjectSettings.get_setting("network/tls/certificate_bundle_override", "")
	ProjectSettings.set_setting("network/tls/certificate_bundle_override", arguments["ca-file"])
	client = new_client()
	client.connect_to_host("localhost", port_of("https"), true)
	await _poll_to_the_end(client)
	await _assert_hello(client, "the project's bundle")
	# The script's setting has priority over the project's.
	_write("user://authorities.pem", _other_pem())
	client = new_client()
	client.trusted_ca_file = "user://authorities.pem"
	client.connect_to_host("localhost", port_of("https"), true)
	await _poll_to_the_end(client)
	assert_status(client, HTTPClient.STATUS_TLS_HANDSHAKE_ERROR, "trusted_ca_file before the project's bundle")
	client = await _opened(class_under_test(), "localhost", TLSOptions.client(_other_chain()))
	assert_status(client, HTTPClient.STATUS_TLS_HANDSHAKE_ERROR, "the options before the project's bundle")
	ProjectSettings.set_setting("network/tls/certificate_bundle_override", before)


func test_a_handshake_that_stands_still_is_given_up_whatever_the_time_scale_is() -> void:
	# The server does not accept its connections, but the system establishes them.
	var silent := TCPServer.new()
	silent.listen(0, "127.0.0.1")
	for scale: float in [0.0, 1.0, 100.0]:
		Engine.time_scale = scale
		var client := new_client()
		client.connect_timeout = 0.3
		var started := Time.get_ticks_msec()
		client.connect_to_host("127.0.0.1", silent.get_local_port(), true, false)
		await _poll_to_the_end(client)
		var took := Time.get_ticks_msec() - started
		assert_status(client, HTTPClient.STATUS_TLS_HANDSHAKE_ERROR, "time scale %s" % scale)
		assert_contains(client.get_error_message(), "0.3 s (connect_timeout)", "message")
		assert_true(took >= 299, "it took %d ms with time scale %s" % [took, scale])
		assert_below(took, 3000, "milliseconds with time scale %s" % scale)
	Engine.time_scale = 1.0


func test_plain_http_on_the_port_is_said() -> void:
	var server := TCPServer.new()
	server.listen(0, "127.0.0.1")
	var client := new_client()
	client.connect_to_host("127.0.0.1", server.get_local_port(), true, false)
	var peer: StreamPeerTCP = null
	while client.get_status() in [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING]:
		client.poll()
		if peer == null and server.is_connection_available():
			peer = server.take_connection()
			peer.put_data("HTTP/1.1 400 Bad Request\r\n\r\n".to_utf8_buffer())
		await wait_frames(1)
	assert_status(client, HTTPClient.STATUS_TLS_HANDSHAKE_ERROR)
	assert_contains(client.get_error_message(), "plain HTTP", "message")


func test_a_large_body_comes_whole_over_tls_on_both() -> void:
	var bodies: Array[PackedByteArray] = []
	for client_class: StringName in _both():
		var client := await _opened(client_class, "localhost", TLSOptions.client(_chain()))
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/chunked/700000?size=5000")
		bodies.append(answer.body)
	assert_equal(bodies[0].size(), 700_000, "bytes")
	assert_true(bodies[0] == bodies[1], "both got the same")


func test_a_large_upload_arrives_over_tls() -> void:
	var body := PackedByteArray()
	body.resize(3_000_000)
	for index: int in range(0, body.size(), 997):
		body[index] = index % 256
	var client := await _opened(class_under_test(), "localhost", TLSOptions.client(_chain()))
	var answer := await exchange(client, HTTPClient.METHOD_POST, "/upload", PackedStringArray(), body)
	var told: Dictionary = JSON.parse_string(answer.text())
	assert_equal(int(told["bytes"]), body.size(), "bytes")
	assert_equal(int(told["crc32"]), crc32(body), "CRC-32")


func test_eight_threads_connect_by_tls_at_once() -> void:
	var threads: Array[Thread] = []
	for index: int in 8:
		var thread := Thread.new()
		thread.start(_fetch_in_thread.bind(_chain(), 10_000 + index))
		threads.append(thread)
	for index: int in threads.size():
		while threads[index].is_alive():
			await wait_frames(1)
		assert_equal(threads[index].wait_to_finish(), [10_000 + index, 10_000 + index, 10_000 + index], "thread %d" % index)


func _fetch_in_thread(chain: X509Certificate, size: int) -> Array[int]:
	var sizes: Array[int] = []
	for round_number: int in 3:
		var client := new_client()
		client.blocking_mode_enabled = true
		client.connect_to_host("localhost", port_of("https"), TLSOptions.client(chain))
		while client.get_status() in [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING]:
			client.poll()
		client.request(HTTPClient.METHOD_GET, "/bytes/%d" % size, [])
		while client.get_status() == HTTPClient.STATUS_REQUESTING:
			client.poll()
		var received := 0
		while client.get_status() == HTTPClient.STATUS_BODY:
			received += client.read_response_body_chunk().size()
		sizes.append(received)
	return sizes


func _both() -> Array[StringName]:
	return [class_under_test(), BUILT_IN]


func _chain() -> X509Certificate:
	var chain := X509Certificate.new()
	chain.load(arguments["ca-file"])
	return chain


## An authority that has signed no server certificate.
func _other_chain() -> X509Certificate:
	if _other == null:
		var crypto := Crypto.new()
		_other = crypto.generate_self_signed_certificate(crypto.generate_rsa(2048), "CN=other,O=other,C=IT")
	return _other


func _other_pem() -> String:
	# After the end marker, the engine appends something that is not text.
	return _other_chain().save_to_string().get_slice("-----END CERTIFICATE-----", 0) + "-----END CERTIFICATE-----\n"


func _write(path: String, text: String) -> void:
	var file := FileAccess.open(path, FileAccess.WRITE)
	file.store_string(text)


func _opened(client_class: StringName, host: String, options: TLSOptions) -> RefCounted:
	var client := new_client(client_class)
	assert_error(client.connect_to_host(host, port_of("https"), options), OK, "connect_to_host() of %s" % client_class)
	await _poll_to_the_end(client)
	return client


## Connects to a server in this process, and runs both sides of the handshake.
func _serve_with(server: TCPServer, server_options: TLSOptions, client: RefCounted, options: TLSOptions) -> void:
	client.connect_to_host("localhost", server.get_local_port(), options)
	var peer: StreamPeerTLS = null
	while client.get_status() in [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING]:
		client.poll()
		if peer == null and server.is_connection_available():
			peer = StreamPeerTLS.new()
			peer.accept_stream(server.take_connection(), server_options)
		elif peer != null and peer.get_status() in [StreamPeerTLS.STATUS_HANDSHAKING, StreamPeerTLS.STATUS_CONNECTED]:
			# The engine's server reports the status CONNECTED before the handshake has ended, and needs more polls.
			peer.poll()
		await wait_frames(1)


## Returns the errors that poll() returned.
func _poll_to_the_end(client: RefCounted) -> Array[String]:
	var codes: Array[String] = []
	while client.get_status() in [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING]:
		var error: int = client.poll()
		if error != OK:
			codes.append(error_string(error))
		await wait_frames(1)
	return codes


func _assert_hello(client: RefCounted, what: String) -> void:
	var message: String = client.get_error_message() if client.has_method(&"get_error_message") else ""
	if assert_equal(Exchange.status_name(client.get_status()), "CONNECTED", "%s (%s)" % [what, message]):
		var answer := await exchange(client, HTTPClient.METHOD_GET, "/hello")
		assert_equal([answer.code, answer.text()], [200, HELLO], what)
