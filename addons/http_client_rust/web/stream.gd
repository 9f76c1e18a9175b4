extends StreamPeerExtension
## HTTPClientRustStream without the library. A browser does not give access to its connections, so this stream is never connected.


func get_status() -> int:
	return 0


func poll() -> Error:
	return ERR_UNCONFIGURED


func get_connected_host() -> String:
	return ""


func get_connected_port() -> int:
	return 0


func get_local_port() -> int:
	return 0


func set_no_delay(_enabled: bool) -> void:
	pass


func disconnect_from_host() -> void:
	pass


func _get_available_bytes() -> int:
	return 0
