@tool
extends RefCounted
## The exchanges of one game. It receives messages and reports each exchange that is new, changed or removed, so that a view
## never has to rebuild its list.

const Recorded := preload("recorded.gd")

## Above these limits, the oldest exchanges are removed.
const MOST_EXCHANGES := 5000
const MOST_BYTES := 256 * 1024 * 1024

signal added(exchange: Recorded)
signal changed(exchange: Recorded)
signal removed(exchange: Recorded)
signal cleared

## In the order in which they began.
var exchanges: Array[Recorded] = []
## Number of exchanges that the game did not report, because the editor was too slow.
var left_out := 0
## Number of old exchanges that were removed to make room.
var dropped := 0
## Bytes received in the bodies of the exchanges in the list.
var received := 0
## The first and the last moment of all exchanges, in microseconds since 1970: the scale of the waterfall. 0 while the list is
## empty.
var first_usec := 0
var last_usec := 0

## By the game's id of the exchange.
var _by_id := {}
var _by_task := {}
var _weight := 0
## The part of [member left_out] from earlier runs. The game's counter starts again at 0 in each run.
var _left_out_before := 0


## Processes a message of the game: the number of the batch, the number of exchanges left out so far, and the updates. Returns
## whether the message is valid.
func take(message: Array) -> bool:
	if message.size() < 3 or not message[0] is int or not message[1] is int or not message[2] is Array:
		return false
	left_out = _left_out_before + int(message[1])
	for value: Variant in message[2] as Array:
		if value is Dictionary and (value as Dictionary).get("id") is int:
			_take_news(value)
	return true


## Adds a complete exchange, such as one from a file.
func add(exchange: Recorded) -> void:
	_weight += exchange.weight()
	received += exchange.bytes_received
	exchanges.append(exchange)
	_remember_task(exchange)
	_stretch(exchange)
	added.emit(exchange)
	_make_room()


## Starts a new run, whose ids are independent of those of the last run.
func begin_run() -> void:
	for exchange: Recorded in exchanges:
		if not exchange.is_over:
			exchange.is_over = true
			exchange.error = "The game ended before the exchange was complete."
			changed.emit(exchange)
	_by_id.clear()
	_by_task.clear()
	_left_out_before = left_out


func clear() -> void:
	exchanges.clear()
	_by_task.clear()
	_weight = 0
	received = 0
	left_out = 0
	dropped = 0
	_left_out_before = 0
	first_usec = 0
	last_usec = 0
	# A running exchange is listed again only if the next update has all of its data.
	_by_id.clear()
	cleared.emit()


## The exchanges of the same task in order: redirects and failed attempts. Only the exchange itself if it has no task.
func of_same_task(exchange: Recorded) -> Array[Recorded]:
	var found: Array[Recorded] = []
	found.assign(_by_task.get(exchange.task, [exchange]) as Array)
	return found if found.has(exchange) else [exchange] as Array[Recorded]


func _take_news(news: Dictionary) -> void:
	var id: int = news["id"]
	var exchange: Recorded = _by_id.get(id)
	var is_new := exchange == null
	if is_new:
		# This is the rest of an exchange that was cleared.
		if not news.has("began"):
			return
		exchange = Recorded.new()
		_by_id[id] = exchange
	var weight_before := exchange.weight()
	var received_before := exchange.bytes_received
	exchange.apply(news)
	if is_new:
		add(exchange)
		return
	_weight += exchange.weight() - weight_before
	received += exchange.bytes_received - received_before
	_stretch(exchange)
	changed.emit(exchange)
	_make_room()


func _remember_task(exchange: Recorded) -> void:
	if exchange.task == 0:
		return
	if not _by_task.has(exchange.task):
		_by_task[exchange.task] = []
	(_by_task[exchange.task] as Array).append(exchange)


func _stretch(exchange: Recorded) -> void:
	first_usec = exchange.began if first_usec == 0 else mini(first_usec, exchange.began)
	last_usec = maxi(last_usec, exchange.last_known())


func _make_room() -> void:
	while exchanges.size() > 1 and (exchanges.size() > MOST_EXCHANGES or _weight > MOST_BYTES):
		var oldest: Recorded = exchanges.pop_front()
		dropped += 1
		_weight -= oldest.weight()
		received -= oldest.bytes_received
		_by_id.erase(oldest.id)
		if _by_task.has(oldest.task):
			(_by_task[oldest.task] as Array).erase(oldest)
			if (_by_task[oldest.task] as Array).is_empty():
				_by_task.erase(oldest.task)
		removed.emit(oldest)
