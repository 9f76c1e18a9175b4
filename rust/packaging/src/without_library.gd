# The engine says that the add-on has no library for this system, as it does on the web.
# expect-log: ^ERROR: No GDExtension library found for current OS and architecture
# allow-log: ^ERROR: GDExtension dynamic library not found
# allow-log: ^ERROR: Error loading extension
extends SceneTree
## A project with the add-on where there is no library for it: it loads, and a script that asks first gets the engine's own class.


func make_client() -> RefCounted:
	var known := ClassDB.class_exists(&"HTTPClientRust")
	return ClassDB.instantiate(&"HTTPClientRust" if known else &"HTTPClient")


func _initialize() -> void:
	var http := make_client()
	http.blocking_mode_enabled = true
	var address := OS.get_cmdline_user_args()[0].split(":")
	http.connect_to_host(address[0], int(address[1]))
	while http.get_status() in [HTTPClient.STATUS_RESOLVING, HTTPClient.STATUS_CONNECTING]:
		http.poll()
	http.request(HTTPClient.METHOD_GET, "/hello", [])
	while http.get_status() == HTTPClient.STATUS_REQUESTING:
		http.poll()
	print(http.get_class(), " ", http.get_response_code())
	quit(0 if http.is_class("HTTPClient") and http.get_response_code() == 200 else 1)
