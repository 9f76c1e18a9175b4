extends Node


func _ready() -> void:
	var session := HTTPSessionRust.new()
	# session.set_proxy_from_environment() uses the variables HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
	session.set_http_proxy("127.0.0.1", 3128)
	session.set_https_proxy("127.0.0.1", 3128)
	var response: HTTPResponseRust = await session.fetch("http://game.example/news").completed
	print(response.get_text() if response.is_ok() else response.get_error_message())
