extends RefCounted
## The sample requests. All of them go to the embedded server.

const DEFAULTS := {"http": "127.0.0.1:8080", "https": "localhost:8443", "raw": "127.0.0.1:8081", "refused-port": "1", "ca-file": ""}
const MEBIBYTE := 1024 * 1024


## [param addresses] are the addresses of the server, with the names of the command-line arguments as keys. A request has the
## keys that the console accepts, and "title" and "about". If its result is not a short response with code 200, it also has
## "code", "fails" or "is_large".
static func all(addresses: Dictionary) -> Array[Dictionary]:
	var of := DEFAULTS.merged(addresses, true)
	var http := "http://%s" % of["http"]
	var https := "https://%s" % str(of["https"]).replace("127.0.0.1", "localhost")
	var raw := "http://%s" % of["raw"]
	return [
		{"title": "JSON", "about": "The console indents the response.", "url": http + "/scores?ms=60", "headers": ["Accept: application/json"]},
		{"title": "Picture", "about": "A PNG file, shown as an image.", "url": http + "/image.png"},
		{"title": "POST a form", "about": "The server sends back what it received.", "method": "POST", "url": http + "/echo",
			"headers": ["Content-Type: application/x-www-form-urlencoded"], "body": "name=Ada&level=3"},
		{"title": "PUT JSON", "about": "The server sends back what it received.", "method": "PUT", "url": http + "/echo",
			"headers": ["Content-Type: application/json"], "body": "{\n  \"player\": \"Ada\",\n  \"score\": 1200\n}"},
		{"title": "Chunked stream", "about": "The lines arrive one after the other.", "url": http + "/stream?lines=8&delay_ms=150"},
		{"title": "Event stream", "about": "Server-sent events. See the Events tab.", "method": "POST", "url": http + "/chat?delay_ms=150",
			"listen": true},
		{"title": "Cookies", "about": "The Cookies tab lists the cookies from the server.", "url": http + "/set-cookies"},
		{"title": "Slow server", "about": "The server waits for two seconds.", "url": http + "/slow?ms=2000"},
		{"title": "Download 100 MiB", "about": "Shows the rate and the remaining time.", "url": http + "/bytes/%d?delay_ms=2" % (100 * MEBIBYTE),
			"is_large": true},
		{"title": "Upload 64 MiB", "about": "The body is binary data.", "method": "PUT", "url": http + "/upload",
			"headers": ["Content-Type: application/octet-stream"], "bytes": _zeros(64 * MEBIBYTE), "is_large": true},
		{"title": "TLS", "about": "The Connection tab shows the certificate and the cipher.", "url": https + "/scores?ms=30", "ca_file": of["ca-file"]},
		{"title": "Redirect", "about": "Followed automatically. The Connection tab shows the steps.", "url": http + "/redirect?to=/scores"},
		{"title": "Redirect by hand", "about": "Press Follow to follow it.", "url": http + "/redirect", "follow": false,
			"code": 302},
		{"title": "Error 404", "about": "A response like any other.", "url": http + "/nothing-here", "code": 404},
		{"title": "Error 503", "about": "The server is not available.", "url": http + "/status/503", "code": 503},
		{"title": "Fails: connection refused", "about": "No program listens on this port.", "url": "http://127.0.0.1:%s/" % of["refused-port"], "code": 0, "fails": true},
		{"title": "Fails: not trusted", "about": "The certificate is not trusted.", "url": https + "/hello", "code": 0, "fails": true},
		{"title": "Fails: body cut short", "about": "Only 400 of 1000 bytes arrive.", "url": raw + "/fault/body-cut-short", "fails": true},
		{"title": "Fails: silent server", "about": "Ends after the read timeout.", "url": raw + "/fault/never-answers", "read_timeout": 2.0,
			"code": 0, "fails": true},
		{"title": "Fails: not HTTP", "about": "The server sends random bytes.", "url": raw + "/fault/garbage", "code": 0, "fails": true},
	]


static func _zeros(count: int) -> PackedByteArray:
	var bytes := PackedByteArray()
	bytes.resize(count)
	return bytes
