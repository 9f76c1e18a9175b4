@tool
extends VBoxContainer
## The cookies that a session has for the address that was asked last.

const Exchange := preload("exchange.gd")
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
	_about = Label.new()
	_about.text_overrun_behavior = TextServer.OVERRUN_TRIM_ELLIPSIS
	_about.custom_minimum_size.x = 1.0
	_about.size_flags_horizontal = SIZE_EXPAND_FILL
	row.add_child(_about)
	_clear = Button.new()
	_clear.text = "Delete all"
	_clear.tooltip_text = "Deletes the cookies of all servers from the session"
	_clear.pressed.connect(forget_all)
	row.add_child(_clear)
	_table = Table.new(COLUMNS)
	_table.size_flags_vertical = SIZE_EXPAND_FILL
	add_child(_table)


## Lists the cookies that would be sent to the address of an exchange.
func show_cookies(exchange: Exchange) -> void:
	_table.clear()
	var root := _table.create_item()
	_session = exchange.session if exchange != null else null
	_clear.disabled = _session == null
	if _session == null or Exchange.parts_of(exchange.url).is_empty():
		_about.text = "No cookies"
		return
	var parts := Exchange.parts_of(exchange.answer_url if not exchange.answer_url.is_empty() else exchange.url)
	var cookies := _session.get_cookies(str(parts["origin"]) + str(parts["target"]))
	_about.text = "%d for %s" % [cookies.size(), parts["origin"]]
	for cookie: Dictionary in cookies:
		var item := _table.create_item(root)
		var expires := int(cookie.get("expires", -1))
		item.set_text(0, cookie.get("name", ""))
		item.set_text(1, cookie.get("value", ""))
		item.set_text(2, str(cookie.get("domain", "")) + str(cookie.get("path", "")))
		item.set_text(3, Time.get_datetime_string_from_unix_time(expires, true) if expires > 0 else "at the end of the session")
		item.set_tooltip_text(1, item.get_text(1))


## Has the session forget all its cookies.
func forget_all() -> void:
	if _session != null:
		_session.clear_cookies()
	_table.clear()
	_about.text = "No cookies"
