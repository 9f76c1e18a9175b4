@tool
extends RefCounted
## Removes credentials from an exchange before it is written to a file that may be shared.

const Recorded := preload("recorded.gd")
const Secrets := preload("../web/secrets.gd")


## A copy of an exchange without its credentials. [param body] is the decompressed body of its response; the copy has the
## redacted body. [param secrets] has those of the exchanges before it in the same file, which are replaced as well.
static func redacted(exchange: Recorded, body: PackedByteArray, secrets := Secrets.new()) -> Recorded:
	var copy := Recorded.new()
	for name: String in [
			"id", "connection", "task", "began", "requested", "is_on_kept", "proxy", "peer", "method", "bytes_sent", "status",
			"version", "bytes_received", "left_out", "timings", "tls", "phase", "is_over"]:
		copy.set(name, exchange.get(name))
	copy.target = secrets.redact_text(exchange.url(), true)
	copy.origin = secrets.redact_text(exchange.origin, true)
	copy.request_headers = _redacted_lines(exchange.request_headers, secrets, true)
	copy.request_body = secrets.redact_body(exchange.request_body, exchange.request_header("Content-Type"), true)
	copy.response_headers = _redacted_lines(exchange.response_headers, secrets, false)
	copy.response_body = secrets.redact_body(body, exchange.response_header("Content-Type"), false)
	copy.error = secrets.redact_text(exchange.error, true)
	# All secrets of the exchange are known now.
	copy.target = secrets.replace(copy.target)
	copy.origin = secrets.replace(copy.origin)
	copy.request_headers = _replaced_lines(copy.request_headers, secrets)
	copy.request_body = secrets.replace_in_body(copy.request_body)
	copy.response_headers = _replaced_lines(copy.response_headers, secrets)
	copy.response_body = secrets.replace_in_body(copy.response_body)
	copy.reason = secrets.replace(exchange.reason)
	copy.error = secrets.replace(copy.error)
	return copy


static func _redacted_lines(lines: PackedStringArray, secrets: Secrets, is_sent: bool) -> PackedStringArray:
	var kept := PackedStringArray()
	for line: String in lines:
		var name := line.get_slice(":", 0)
		kept.append("%s: %s" % [name, secrets.redact_header(name.strip_edges(), line.substr(name.length() + 1).strip_edges(), is_sent)])
	return kept


static func _replaced_lines(lines: PackedStringArray, secrets: Secrets) -> PackedStringArray:
	var kept := PackedStringArray()
	for line: String in lines:
		var name := line.get_slice(":", 0)
		kept.append(name + secrets.replace(line.substr(name.length())))
	return kept
