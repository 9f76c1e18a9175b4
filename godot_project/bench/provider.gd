extends SceneTree
## Measures a TLS provider: the first connection of a process, full and resumed handshakes, and bulk data. Run it with each
## provider, as described in docs/tls.md.

const MIB := 1024 * 1024

var _host := ""
var _port := 0


func _initialize() -> void:
	var arguments := {}
	for argument: String in OS.get_cmdline_user_args():
		arguments[argument.trim_prefix("--").get_slice("=", 0)] = argument.get_slice("=", 1)
	_host = "localhost"
	_port = str(arguments["https"]).get_slice(":", 1).to_int()
	var ca_file: String = arguments["ca-file"]
	var pem := FileAccess.get_file_as_string(ca_file)

	var first := _connect(ca_file)
	print("first connection: longest poll() %d µs" % first["longest"])
	var full: Array[int] = []
	for i in 15:
		# A file with a different text gives a different configuration, which has no session to resume.
		var path := "user://ca_%d.pem" % i
		FileAccess.open(path, FileAccess.WRITE).store_string(pem + "\n".repeat(i + 1))
		full.append(_connect(path)["total"])
	var resumed: Array[int] = []
	for i in 15:
		var connection := _connect(ca_file)
		_download(connection["client"], 10)
		if connection["client"].get_tls_info()["resumed"]:
			resumed.append(connection["total"])
	full.sort()
	resumed.sort()
	@warning_ignore("integer_division")
	print("full handshake: %d µs in poll(), resumed: %d µs (medians of %d and %d)" % [
		full[full.size() / 2], resumed[resumed.size() / 2], full.size(), resumed.size()])
	var rates: Array[float] = []
	for i in 5:
		rates.append(_download(first["client"], 256 * MIB))
	rates.sort()
	print("256 MiB: %d MB/s (median of 5), %s" % [rates[2], first["client"].get_tls_info()["cipher_suite"]])
	quit()


func _connect(ca_file: String) -> Dictionary:
	var client := HTTPClientRust.new()
	client.trusted_ca_file = ca_file
	client.connect_to_host(_host, _port, true)
	var total := 0
	var longest := 0
	while client.get_status() < HTTPClientRust.STATUS_CONNECTED:
		var start := Time.get_ticks_usec()
		client.poll()
		var took := Time.get_ticks_usec() - start
		total += took
		longest = maxi(longest, took)
		OS.delay_usec(200)
	return {"client": client, "total": total, "longest": longest}


## Returns megabytes per second.
func _download(client: HTTPClientRust, bytes: int) -> float:
	var start := Time.get_ticks_usec()
	client.request(HTTPClientRust.METHOD_GET, "/bytes/%d" % bytes, [])
	while client.get_status() == HTTPClientRust.STATUS_REQUESTING:
		client.poll()
	var received := 0
	while client.get_status() == HTTPClientRust.STATUS_BODY:
		client.poll()
		received += client.read_response_body_chunk().size()
	return float(received) / (Time.get_ticks_usec() - start)
