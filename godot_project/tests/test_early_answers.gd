# deadline: 120
extends "res://tests/support/test_case.gd"
## A server that responds before it has read the request, and continues reading, like a handler that ends its response at once.

const SIZE := 20 * 1024 * 1024


func test_all_of_the_upload_is_sent_after_an_early_success() -> void:
	var bytes := PackedByteArray()
	bytes.resize(SIZE)
	bytes.fill(0x61)
	var body := bytes.get_string_from_ascii()
	for reply: String in [
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
	]:
		for blocking: bool in [false, true]:
			for upload: Variant in [bytes, body]:
				var what := "%s, %s, blocking %s" % [reply.left(12), type_string(typeof(upload)), blocking]
				var server := TCPServer.new()
				server.listen(0, "127.0.0.1")
				var thread := Thread.new()
				thread.start(_serve.bind(server, reply))
				var client := new_client()
				client.blocking_mode_enabled = blocking
				client.read_timeout = 20.0
				var opening := Exchange.new(client)
				await opening.open("127.0.0.1", server.get_local_port())
				var answer := await exchange(client, HTTPClient.METHOD_POST, "/", PackedStringArray(), upload)
				assert_equal(answer.last_status(), "CONNECTED", "status: " + what)
				assert_equal(answer.text(), "ok" if "chunked" in reply else "", "body: " + what)
				assert_equal(answer.message, "", "message: " + what)
				assert_equal(thread.wait_to_finish(), SIZE, "bytes that the server got: " + what)
				client.close()


## Responds, and then reads to the end of the body. Returns the number of bytes of the body.
func _serve(server: TCPServer, reply: String) -> int:
	var end := Time.get_ticks_msec() + 20_000
	while not server.is_connection_available():
		OS.delay_msec(1)
		if Time.get_ticks_msec() > end:
			return -1
	var peer := server.take_connection()
	var head := ""
	while not head.ends_with("\r\n\r\n"):
		var byte := peer.get_data(1)
		if byte[0] != OK:
			return -1
		head += (byte[1] as PackedByteArray).get_string_from_ascii()
	peer.put_data(reply.to_ascii_buffer())
	var received := 0
	while received < SIZE and Time.get_ticks_msec() < end:
		var piece := peer.get_partial_data(1 << 18)
		if piece[0] != OK:
			break
		received += (piece[1] as PackedByteArray).size()
		if (piece[1] as PackedByteArray).is_empty():
			OS.delay_msec(1)
	return received
