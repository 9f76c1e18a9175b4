extends RefCounted
## The sentences about what a browser does not support, and functions that several stand-ins use. The stand-ins refuse the same
## things on all systems, so that tests on a desktop are also valid on the web.

const BLOCKING := "a browser cannot block; set blocking_mode_enabled to false and call poll() every frame"
const WAITING := "wait_to_finish() cannot block in a browser; await the task's signal completed, or wait()"
const PROXY := "a browser chooses its proxy itself; remove the proxy"
const CERTIFICATES := (
	"a browser only trusts its own certificates; remove trusted_ca_file, and any TLSOptions that contain certificates or names, or "
	+ "that do not verify the server")
const COOKIES := "a browser manages the cookies itself and does not show them to scripts"
const CONNECTION := "a browser does not give access to its connections; connection is always null and cannot be set"
const FILES := "in a browser, files can only be written to user://"
## Warnings about members that have no effect. Each is printed once.
const WITHOUT_EFFECT := {
	"cache_directory": "a browser has its own cache; cache_directory has no effect",
	"max_connections_per_host": "a browser has its own limit of connections; max_connections_per_host has no effect",
	"cookies_enabled": "a browser manages the cookies itself; cookies_enabled has no effect",
	"max_redirects": "a browser follows redirects itself; max_redirects has no effect",
	"get_response_trailers": "a browser does not show trailers to scripts; get_response_trailers() is always empty",
	"get_tls_info": "a browser does not show its TLS connections to scripts; get_tls_info() is always empty",
}

## Headers that a browser does not let a script send (Fetch standard, forbidden request-header).
const WITHHELD: PackedStringArray = [
	"accept-charset", "accept-encoding", "access-control-request-headers", "access-control-request-method", "connection", "cookie",
	"cookie2", "date", "dnt", "expect", "host", "keep-alive", "origin", "referer", "set-cookie", "te", "trailer", "transfer-encoding",
	"upgrade", "via",
]

## The groups are scheme, user, host, port, target and fragment.
const URL := (
	"^(?i)(https?)://(?:([^/?#@]*)@)?"
	+ "(\\[[0-9A-Fa-f:.]+\\]|[^/?#@:\\[\\]\\s\\\\\\x00-\\x20\\x7f\\x{202a}-\\x{202e}]+)(?::([0-9]{1,5}))?([/?][^#]*)?(#.*)?$")

## The names about which a warning was printed already.
static var _said := {}


## Warns once about each header that a browser does not send.
static func warn_of_withheld(headers: PackedStringArray) -> void:
	for header: String in headers:
		var name := header.get_slice(":", 0).strip_edges().to_lower()
		if WITHHELD.has(name):
			warn_once(name, "a browser does not let scripts send the header %s" % name)


static func warn_of_no_effect(member: String) -> void:
	warn_once(member, WITHOUT_EFFECT[member])


## Prints a warning once, for what neither an error nor a response reports.
static func warn_once(what: String, sentence: String) -> void:
	if not _said.has(what):
		_said[what] = true
		push_warning("HTTPClientRust: " + sentence)


static func can_be_written(path: String) -> bool:
	return path.begins_with("user://") or path.begins_with(ProjectSettings.globalize_path("user://"))


## Returns whether TLSOptions require no more than a browser does anyway.
static func takes_options(options: TLSOptions) -> bool:
	return options == null or not (
		options.is_server() or options.is_unsafe_client() or options.get_trusted_ca_chain() != null
		or not options.get_common_name_override().is_empty())


## Returns what is wrong with the header lines, or an empty text. [param length] is the length of the body.
static func problem_of_headers(headers: PackedStringArray, length: int) -> String:
	for header: String in headers:
		var name := header.get_slice(":", 0)
		var at := "the header %s" % var_to_str(name.left(40)) if header.contains(":") else "a header"
		if not header.contains(":") or name.is_empty():
			return at + " is not of the form \"Name: value\"; correct it"
		if RegEx.create_from_string("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$").search(name) == null:
			return at + " has a character in its name that is not allowed there; remove it"
		if RegEx.create_from_string("[\\x00-\\x08\\x0a-\\x1f\\x7f]").search(header) != null:
			return at + " contains a line break or another control character; remove it"
		if name.to_lower() == "content-length" and header.get_slice(":", 1).strip_edges() != str(length):
			return "the header Content-Length contradicts the body of %d bytes; leave it out" % length
		if name.to_lower() == "transfer-encoding":
			return "the header Transfer-Encoding cannot be set; leave it out"
	return ""


static func has_header(headers: PackedStringArray, name: String) -> bool:
	return not values_of(headers, name).is_empty()


static func values_of(headers: PackedStringArray, name: String) -> PackedStringArray:
	var values := PackedStringArray()
	for header: String in headers:
		var colon := header.find(":")
		if header.left(colon).strip_edges().nocasecmp_to(name) == 0:
			values.append(header.substr(colon + 1).strip_edges())
	return values


## Returns `{scheme, host, port, target}` of an absolute URL, or `{problem}`.
static func parts_of(url: String) -> Dictionary:
	var scheme_found := RegEx.create_from_string("^([A-Za-z][A-Za-z0-9+.-]*):").search(url)
	if scheme_found == null:
		return {"problem": "the URL is relative; write it like https://example.com/path"}
	var scheme := scheme_found.get_string(1).to_lower()
	if not scheme in ["http", "https"]:
		return {"problem": "the URL starts with %s; write it with http:// or https://" % var_to_str(scheme.left(20))}
	if RegEx.create_from_string("^[^:]*:/*([?#]|$)").search(url) != null:
		return {"problem": "the URL has no host; check the part after //"}
	var found := RegEx.create_from_string(URL).search(url)
	if found == null or RegEx.create_from_string("[\\r\\n\\x00]").search(url) != null:
		return {"problem": "the URL is not of the form http://host:port/path, or contains a character that is not allowed there"}
	if not found.get_string(3).begins_with("[") and RegEx.create_from_string("^[^.%]+([.][^.%]+)*[.]?$").search(found.get_string(3)) == null:
		return {"problem": "%s is not a host name" % var_to_str(found.get_string(3).left(40))}
	if not found.get_string(2).is_empty():
		return {"problem": "a browser does not accept a user and password in a URL; use set_basic_auth() of the session"}
	var port := (443 if scheme == "https" else 80) if found.get_string(4).is_empty() else found.get_string(4).to_int()
	if port < 1 or port > 65535:
		return {"problem": "there is no port %d; ports are 1 to 65535" % port}
	var target := found.get_string(5)
	return {
		"scheme": scheme, "host": found.get_string(3), "port": port,
		"target": target_of(target if target.begins_with("/") else "/" + target),
	}


## Returns a target as it is sent: without its fragment, and with all characters percent-encoded that are not allowed there.
static func target_of(target: String) -> String:
	var text := ""
	for byte: int in target.get_slice("#", 0).to_utf8_buffer():
		var keeps := byte > 0x20 and byte < 0x7f and not byte in [0x22, 0x3c, 0x3e, 0x5c, 0x5e, 0x60, 0x7b, 0x7c, 0x7d]
		text += char(byte) if keeps else "%%%02X" % byte
	return text


## Resolves a URL against a base URL (RFC 3986, 5.2). Returns the same text if there is nothing to resolve.
static func resolved(base: String, url: String) -> String:
	if base.is_empty() or RegEx.create_from_string("^[A-Za-z][A-Za-z0-9+.-]*:").search(url) != null:
		return url
	var found := RegEx.create_from_string("^(\\w+:)(//[^/?#]*)([^?#]*)(\\?[^#]*)?").search(base)
	if found == null:
		return url
	var path := found.get_string(3)
	if url.begins_with("//"):
		return found.get_string(1) + url
	var rest := ""
	if url.is_empty() or url.begins_with("#"):
		return found.get_string(1) + found.get_string(2) + path + found.get_string(4) + url
	if url.begins_with("?"):
		return found.get_string(1) + found.get_string(2) + path + url
	var end := RegEx.create_from_string("[?#]").search(url)
	if end != null:
		rest = url.substr(end.get_start())
		url = url.left(end.get_start())
	var parts := PackedStringArray()
	var all := (url if url.begins_with("/") else path.left(path.rfind("/") + 1) + url).trim_prefix("/").split("/")
	for index: int in all.size():
		var is_last := index + 1 == all.size()
		match all[index]:
			".", "..":
				if all[index] == ".." and not parts.is_empty():
					parts.remove_at(parts.size() - 1)
				if is_last:
					parts.append("")
			_:
				parts.append(all[index])
	return found.get_string(1) + found.get_string(2) + "/" + "/".join(parts) + rest
