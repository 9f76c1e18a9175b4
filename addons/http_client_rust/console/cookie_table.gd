@tool
extends VBoxContainer
## The session's cookies for the address of the last request.

const Exchange := preload("exchange.gd")
const Controls := preload("controls.gd")
const Table := preload("table.gd")

const COLUMNS: PackedStringArray = ["Name", "Value", "Domain and path", "Expires"]

var _session: HTTPSessionRust
var _table: Table
var _clear: Button
var _about: Label


func _init() -> void:
	name = "Cookies"
	var row := HBoxContainer.new()
	add_child(row)
	_about = Controls.cut_label(row)
	_clear = Controls.button(row, "Delete all", "Deletes the cookies of all servers from the session")
	_clear.pressed.connect(delete_all)
	_table = Table.new(COLUMNS)
	# The column of dates needs more room than the others.
	_table.set_column_expand_ratio(COLUMNS.size() - 1, 2)
	_table.size_flags_vertical = SIZE_EXPAND_FILL
	add_child(_table)


## Lists the cookies that the session would send to the address of an exchange.
func show_cookies(exchange: Exchange) -> void:
	_table.clear()
	_table.create_item()
	_session = exchange.session if exchange != null else null
	_clear.disabled = _session == null
	if _session == null or Exchange.parts_of(exchange.url).is_empty():
		_about.text = "No cookies"
		return
	var parts := Exchange.parts_of(exchange.answer_url if not exchange.answer_url.is_empty() else exchange.url)
	var cookies := _session.get_cookies(str(parts["origin"]) + str(parts["target"]))
	_about.text = "%d %s for %s" % [cookies.size(), "cookie" if cookies.size() == 1 else "cookies", parts["origin"]]
	for cookie: Dictionary in cookies:
		var expires := int(cookie.get("expires", -1))
		_table.add_row([
			cookie.get("name", ""), cookie.get("value", ""), str(cookie.get("domain", "")) + str(cookie.get("path", "")),
			Time.get_datetime_string_from_unix_time(expires, true) + " UTC" if expires > 0 else "end of session"])


## Deletes all cookies of the session.
func delete_all() -> void:
	if _session != null:
		_session.clear_cookies()
	_table.clear()
	_about.text = "No cookies"
