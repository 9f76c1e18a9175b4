extends Node


func _ready() -> void:
	var session := HTTPSessionRust.new()
	# A PEM file with the certificate authority that signed the server's certificate. The server is still verified.
	session.trusted_ca_file = "res://certificates/studio_ca.pem"
	var response: HTTPResponseRust = await session.fetch("https://localhost:8443/news").completed
	print(response.get_text() if response.is_ok() else response.get_error_message())
	print(response.get_tls_info().get("version", "no TLS"))
