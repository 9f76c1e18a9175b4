extends Node
## Tests the login of a game without a server and without a network, for example on a build server. The responses are in login.har.
##
##     godot --headless --path godot_project res://examples/replay_login/replay_login.tscn
##
## The exit code is 0 if all checks pass. To record the responses from a running server again:
##
##     godot --headless --path godot_project res://examples/replay_login/replay_login.tscn -- --record=http://HOST:PORT/api/

const Account := preload("res://examples/replay_login/account.gd")
const RECORDED := "res://examples/replay_login/login.har"

var _failures := 0


func _ready() -> void:
	var account := Account.new()
	account.session.base_url = "https://game.example/api/"
	account.session.replay_file = RECORDED
	account.session.replay_mode = HTTPSessionRust.REPLAY_ONLY
	for argument: String in OS.get_cmdline_user_args():
		if argument.begins_with("--record="):
			account.session.base_url = argument.trim_prefix("--record=")
			account.session.replay_mode = HTTPSessionRust.REPLAY_RECORD
	await _test_login(account)
	get_tree().quit(0 if _failures == 0 else 1)


func _test_login(account: Account) -> void:
	_check(await account.refresh(), "Log in first.", "nobody is logged in")
	_check(await account.log_in("zoe", "a wrong password"), "The name or the password is wrong.", "a wrong password")
	_check(await account.log_in("zoe", "correct horse"), "", "the right password")
	_check(account.player, "Zoë", "the player")
	_check(account.level, 7, "the level")
	_check(await account.refresh(), "", "the cookie is sent")
	_check(account.level, 8, "the level after a while")
	_check(await account.log_out(), "", "logging out")
	_check(await account.refresh(), "Log in first.", "nobody is logged in any more")


func _check(found: Variant, expected: Variant, what: String) -> void:
	var is_right: bool = typeof(found) == typeof(expected) and found == expected
	print("%s: %s" % ["ok" if is_right else "FAIL", what])
	if not is_right:
		print("    expected %s, found %s" % [expected, found])
		_failures += 1
