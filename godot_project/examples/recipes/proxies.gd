extends Node


func _ready() -> void:
	var session := HTTPSessionRust.new()
	# Or call session.set_proxy_from_environment() to use the variables http_proxy, https_proxy, all_proxy and no_proxy.
	session.set_http_proxy("127.0.0.1", 3128)
	session.set_https_proxy("127.0.0.1", 3128)
	var response: HTTPResponseRust = await session.fetch("http://game.example/news").completed
	print(response.get_text() if response.is_ok() else response.get_error_message())
