extends "res://tests/support/test_case.gd"
## Bodies as the console and the *Network* panel show them. No text may be so long that it stops the editor.

const BodyText := preload("res://addons/http_client_rust/console/body_text.gd")
const ConsoleExchange := preload("res://addons/http_client_rust/console/exchange.gd")
const EventTable := preload("res://addons/http_client_rust/console/event_table.gd")
const RequestTabs := preload("res://addons/http_client_rust/console/request_tabs.gd")
const Table := preload("res://addons/http_client_rust/console/table.gd")


func test_bodies_are_shown_as_what_they_are() -> void:
	assert_equal(BodyText.best_view("application/problem+json; charset=utf-8", PackedByteArray()), "json", "view")
	assert_equal(BodyText.best_view("", PackedByteArray([0, 1])), "hex", "view")
	assert_equal(BodyText.best_view("image/png", "no picture".to_utf8_buffer()), "text", "view")
	assert_equal(
		BodyText.pretty_json("{\"b\":[[1],2.50,{}],\"c\" : \"a,{\\\"\",\"d\":[]}".to_utf8_buffer()),
		"{\n  \"b\": [\n    [\n      1\n    ],\n    2.50,\n    {}\n  ],\n  \"c\": \"a,{\\\"\",\n  \"d\": []\n}", "JSON")
	assert_contains(BodyText.pretty_json("{".to_utf8_buffer()), "not JSON")
	assert_matches(BodyText.hex("Hi\n".to_utf8_buffer()), "^00000000  48 69 0a +Hi\\.$")
	assert_equal(BodyText.text(PackedByteArray([0x67, 0xfc, 0x6e])), "gün", "Latin-1")


func test_json_is_shown_with_line_breaks_whatever_its_length() -> void:
	var long := JSON.stringify(range(150_000))
	assert_true(long.length() > BodyText.SHOWN_CHARACTERS * 4 and long.length() < BodyText.PARSED_BYTES, "the length is %d" % long.length())
	assert_equal(BodyText.pretty_json(long.to_utf8_buffer()).left(12), "[\n  0,\n  1,\n", "long JSON")
	assert_equal(BodyText.pretty_json("{\"a\": [1, \"b c\\".to_utf8_buffer(), false), "{\n  \"a\": [\n    1,\n    \"b c\\", "JSON that was cut off")
	assert_equal(BodyText.pretty_json("]],\"".to_utf8_buffer(), false), "\n]\n],\n\"", "half of JSON")
	var deep := "%s%s1%s" % ["[".repeat(1000), "1,".repeat(100_000), "]".repeat(1000)]
	assert_true(BodyText.pretty_json(deep.to_utf8_buffer()).length() < BodyText.SHOWN_CHARACTERS * 1.1, "deep JSON")


func test_an_image_that_is_cut_off_or_huge_is_not_decoded() -> void:
	var image := Image.create_empty(40, 30, false, Image.FORMAT_RGB8)
	for body: PackedByteArray in [image.save_png_to_buffer(), image.save_jpg_to_buffer(), image.save_webp_to_buffer(true)]:
		assert_equal(BodyText.best_view("image/any", body), "image", "view")
		assert_equal(BodyText.image_of(body).get_size(), Vector2i(40, 30), "size")
		assert_true(BodyText.image_of(body.slice(0, body.size() >> 1), false) == null, "half of an image")
		for length: int in mini(body.size(), 40):
			BodyText.best_view("image/any", body.slice(0, length))
			assert_true(BodyText.image_of(body.slice(0, length), false) == null, "%d bytes of an image" % length)
	# Heads of images with 30,000 times 30,000 pixels, without any pixels. The engine would log that it cannot decode them.
	for head: String in [
			"89504e470d0a1a0a0000000d494844520000753000007530", "ffd8ffe000044142ffc000110875307530", "ffd8ffc200110875307530",
			"424d0000000000000000000000000000000030750000307500", "52494646000000005745425056503858000000000000000030750030750000"]:
		assert_equal(BodyText.image_of(head.hex_decode()), null, head)


func test_no_long_line_reaches_a_text_field_or_a_list() -> void:
	var line := "x".repeat(1 << 20)
	var tabs := RequestTabs.new()
	tabs.fill_in({"body": line})
	var events := EventTable.new()
	var listened := ConsoleExchange.new()
	listened.events = [[1, "a", "b", line]]
	listened.event_count = 1
	events.show_events(listened)
	for text: String in [
			BodyText.text(line.to_utf8_buffer()), BodyText.pretty_json(("[\"%s\"]" % line).to_utf8_buffer()),
			BodyText.pretty_json(("[\"%s" % line).to_utf8_buffer(), false), tabs.texts()[1].text, events.details.text]:
		var longest := 0
		for part: String in text.split("\n"):
			longest = maxi(longest, part.length())
		assert_true(longest <= BodyText.LONGEST_LINE, "a line has %d characters" % longest)
		assert_true(text.length() < BodyText.SHOWN_CHARACTERS * 1.1, "a text has %d characters" % text.length())
	var lines := BodyText.text("\n".repeat(100_000).to_utf8_buffer()).count("\n")
	assert_true(lines <= BodyText.MOST_LINES, "a text has %d lines" % lines)
	assert_equal((tabs.filled_in()["bytes"] as PackedByteArray).get_string_from_utf8() == line, true, "the whole body is sent")
	var table := Table.new(["Name", "Value"])
	table.add_row(["a", line]).select(0)
	assert_true(table.get_selected().get_text(1).length() <= Table.LONGEST_TEXT, "the text of a cell")
	assert_true(table.get_selected().get_tooltip_text(1).length() <= Table.LONGEST_TEXT, "the tooltip of a cell")
	assert_true(table.row_text() == "a: " + line, "what Ctrl+C copies")
	for node: Node in [tabs, events, table]:
		node.free()
