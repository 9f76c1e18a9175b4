extends SceneTree
## A game for the pictures of the *Network* panel. It makes requests like a real game, until the editor stops it.
## Arguments: --http=ADDRESS, --refused-port=PORT.

const TARGETS: PackedStringArray = [
	"/scores?ms=30", "/image.png?number=1", "/image.png?number=2", "/image.png?number=3", "/redirect?to=/scores", "/players/alan",
	"/html", "/chat?delay_ms=25", "/bytes/120000", "/scores?season=6&ms=350", "/status/503", "/bytes/400000?delay_ms=2"]

var _arguments := {}
var _session := HTTPSessionRust.new()
var _left := 0


func _initialize() -> void:
	for argument: String in OS.get_cmdline_user_args():
		var parts := argument.trim_prefix("--").split("=", true, 1)
		_arguments[parts[0]] = parts[1] if parts.size() == 2 else ""
	_session.max_retries = 1
	_session.base_url = "http://%s/" % _arguments["http"]
	_session.set_bearer_auth("a-token-of-the-game")
	_session.cache_directory = "user://picture_cache"
	_begin.call_deferred()


func _begin() -> void:
	await process_frame
	var login := {"player": "Ada", "password": "countess"}
	await _session.fetch("/echo?login", PackedStringArray(), HTTPClientRust.METHOD_POST, login).wait()
	for target: String in TARGETS:
		_fetch(target)
	await _session.fetch("/cacheable?level=1&control=max-age%3D60").wait()
	await _session.fetch("/cacheable?level=1&control=max-age%3D60").wait()
	_fetch("http://127.0.0.1:%s/leaderboard" % _arguments["refused-port"])
	while _left > 0:
		await process_frame
	# Normally, the editor stops the game before this.
	await create_timer(120.0).timeout
	quit()


func _fetch(target: String) -> void:
	_left += 1
	await _session.fetch(target).wait()
	_left -= 1
