extends "res://tests/support/test_case.gd"
## Compares the class reference with the registered classes in both directions: every member has a description, and every
## description has a member.

const FOLDER := "res://addons/http_client_rust/doc/"
const CLASSES: Array[String] = [
	"HTTPClientRust", "HTTPClientRustStream", "HTTPFormRust", "HTTPRequestRust", "HTTPResponseRust", "HTTPSessionRust",
	"HTTPTaskRust"]
## A shorter description is too short to be useful.
const SHORTEST := 12


func test_every_method_is_described_with_its_arguments_as_registered() -> void:
	for name: String in CLASSES:
		var page := _page(name)
		var members: Dictionary = page["member"]
		var accessors := PackedStringArray()
		for member: Dictionary in members.values():
			accessors.append(member["setter"])
			accessors.append(member["getter"])
		var methods: Dictionary = page["method"]
		var registered := _methods(name)
		for method: String in registered:
			if not accessors.has(method):
				assert_equal(methods.get(method, {}).get("signature", "missing"), registered[method], name + "." + method)
		for method: String in methods:
			assert_true(registered.has(method), "%s.%s is described and not registered" % [name, method])
			_check_text(methods[method], "%s.%s" % [name, method])


func test_every_property_is_described() -> void:
	for name: String in CLASSES:
		var members: Dictionary = _page(name)["member"]
		var registered := {}
		for property: Dictionary in ClassDB.class_get_property_list(name, true):
			if not property["usage"] & PROPERTY_USAGE_CATEGORY:
				registered[property["name"]] = property
		for property: String in registered:
			assert_true(members.has(property), "%s.%s has no description" % [name, property])
		for property: String in members:
			if assert_true(registered.has(property), "%s.%s is described and not registered" % [name, property]):
				_check_text(members[property], "%s.%s" % [name, property])
				for role: String in ["setter", "getter"]:
					var method: String = members[property][role]
					assert_true(ClassDB.class_has_method(name, method, true), "%s's %s %s" % [property, role, method])


func test_every_signal_is_described_with_its_arguments_as_registered() -> void:
	for name: String in CLASSES:
		var signals: Dictionary = _page(name)["signal"]
		var registered := {}
		for info: Dictionary in ClassDB.class_get_signal_list(name, true):
			var shown := PackedStringArray()
			for argument: Dictionary in info["args"]:
				shown.append("%s: %s" % [argument["name"], _type(argument, false)])
			registered[info["name"]] = "%s(%s)" % [info["name"], ", ".join(shown)]
		for signal_name: String in registered:
			assert_equal(signals.get(signal_name, {}).get("signature", "missing"), registered[signal_name], name + "." + signal_name)
		for signal_name: String in signals:
			assert_true(registered.has(signal_name), "%s.%s is described and not registered" % [name, signal_name])
			_check_text(signals[signal_name], "%s.%s" % [name, signal_name])


func test_every_constant_is_described_with_its_enum_and_value() -> void:
	for name: String in CLASSES:
		var constants: Dictionary = _page(name)["constant"]
		var registered := ClassDB.class_get_integer_constant_list(name, true)
		for constant: String in registered:
			assert_true(constants.has(constant), "%s.%s has no description" % [name, constant])
		for constant: String in constants:
			if assert_true(registered.has(constant), "%s.%s is described and not registered" % [name, constant]):
				_check_text(constants[constant], "%s.%s" % [name, constant])
				assert_equal(
					str(constants[constant]["value"]).to_int(), ClassDB.class_get_integer_constant(name, constant), constant)
				assert_equal(
					str(constants[constant]["enum"]), str(ClassDB.class_get_integer_constant_enum(name, constant, true)),
					"the enum of " + constant)


func test_every_link_leads_to_something() -> void:
	var link := RegEx.create_from_string("\\[(method|member|signal|constant|enum|param) ([A-Za-z0-9_./]+)\\]")
	for name: String in CLASSES:
		for found: RegExMatch in link.search_all(FileAccess.get_file_as_string(FOLDER + name + ".xml")):
			var target := found.get_string(2)
			if found.get_string(1) == "param" or target.contains("/"):
				continue
			var place := name if not target.contains(".") else target.get_slice(".", 0)
			var member := target.get_slice(".", 1) if target.contains(".") else target
			var there := false
			match found.get_string(1):
				"method":
					there = ClassDB.class_has_method(place, member)
				"member":
					there = ClassDB.class_get_property_list(place).any(
						func(property: Dictionary) -> bool: return property["name"] == member)
				"signal":
					there = ClassDB.class_has_signal(place, member)
				"enum":
					there = ClassDB.class_has_enum(place, member)
				"constant":
					# References may also name the engine's error constants.
					there = ClassDB.class_has_integer_constant(place, member) or member == "OK" or member.begins_with("ERR_")
			assert_true(there, "%s leads nowhere" % found.get_string())


func test_every_example_is_a_script_that_parses() -> void:
	var block := RegEx.create_from_string("(?s)\\[codeblock\\]\\n(.*?)\\n\\t*\\[/codeblock\\]")
	var found := 0
	for name: String in CLASSES:
		var text := FileAccess.get_file_as_string(FOLDER + name + ".xml").xml_unescape()
		for example: RegExMatch in block.search_all(text):
			found += 1
			var script := GDScript.new()
			script.source_code = _as_script(example.get_string(1).dedent())
			assert_error(script.reload(), OK, "parsing an example of %s:\n%s\n" % [name, script.source_code])
	assert_true(found >= 8, "%d examples" % found)


func test_the_classes_themselves_are_described_and_nothing_is_left_open() -> void:
	for name: String in CLASSES:
		var page := _page(name)
		assert_equal(page["name"], name, "name")
		assert_equal(page["inherits"], str(ClassDB.get_parent_class(name)), "base class")
		for part: String in ["brief_description", "description"]:
			assert_true(str(page[part]).length() > SHORTEST, "%s of %s" % [part, name])
		var text := FileAccess.get_file_as_string(FOLDER + name + ".xml")
		assert_equal(text.count("[codeblock]"), text.count("[/codeblock]"), "code blocks of " + name)
		assert_equal(text.count("[code]"), text.count("[/code]"), "[code] of " + name)


## Wraps an example that is not a whole script in a function, and declares the variables that it uses.
func _as_script(example: String) -> String:
	var head := "extends Node\n"
	if not example.begins_with("var http :=") and example.contains("http."):
		head += "var http := HTTPClientRust.new()\nvar file: FileAccess\n"
	if not example.begins_with("func ") and not example.contains("\nfunc "):
		example = "func example() -> void:\n" + example.indent("    ")
	return head + example + "\n"


func _check_text(entry: Dictionary, what: String) -> void:
	assert_true(str(entry.get("text", "")).length() > SHORTEST, what + " needs a description")


## The attributes of the class, and its entries by name under "method", "member", "constant" and "signal".
func _page(name: String) -> Dictionary:
	var page := {"method": {}, "member": {}, "constant": {}, "signal": {}, "brief_description": "", "description": "", "name": ""}
	var parser := XMLParser.new()
	if not assert_error(parser.open(FOLDER + name + ".xml"), OK, "opening the page of " + name):
		return page
	var entry := {}
	while parser.read() == OK:
		match parser.get_node_type():
			XMLParser.NODE_ELEMENT:
				var attributes := {}
				for index: int in parser.get_attribute_count():
					attributes[parser.get_attribute_name(index)] = parser.get_attribute_value(index)
				match parser.get_node_name():
					"class":
						page.merge(attributes, true)
					"brief_description":
						entry = {"into": "brief_description"}
					"description" when not entry.has("kind"):
						entry = {"into": "description"}
					"method", "member", "constant", "signal":
						entry = attributes
						entry["kind"] = parser.get_node_name()
						entry["params"] = PackedStringArray()
						page[entry["kind"]][entry["name"]] = entry
					"return":
						entry["return"] = _shown_type(attributes)
					"param":
						var shown := "%s: %s" % [attributes["name"], _shown_type(attributes)]
						if attributes.has("default"):
							shown += " = " + str(attributes["default"]).xml_unescape()
						entry["params"].append(shown)
			XMLParser.NODE_TEXT:
				var text := parser.get_node_data().strip_edges()
				if entry.has("into"):
					page[entry["into"]] += text
				elif entry.has("kind") and not text.is_empty():
					entry["text"] = text
			XMLParser.NODE_ELEMENT_END:
				if parser.get_node_name() == "method":
					entry["signature"] = "%s(%s) -> %s%s" % [
						entry["name"], ", ".join(entry["params"]), entry["return"],
						" " + str(entry["qualifiers"]) if entry.has("qualifiers") else ""]
				if parser.get_node_name() == "signal":
					entry["signature"] = "%s(%s)" % [entry["name"], ", ".join(entry["params"])]
				if parser.get_node_name() in ["method", "member", "constant", "signal", "brief_description"]:
					entry = {}
				elif parser.get_node_name() == "description" and entry.has("into"):
					entry = {}
	return page


func _shown_type(attributes: Dictionary) -> String:
	return str(attributes.get("enum", attributes["type"]))


func _methods(name: String) -> Dictionary:
	var signatures := {}
	for method: Dictionary in ClassDB.class_get_method_list(name, true):
		# The engine calls these methods itself.
		if str(method["name"]).begins_with("_"):
			continue
		var defaults: Array = method["default_args"]
		var method_arguments: Array = method["args"]
		var shown := PackedStringArray()
		for index: int in method_arguments.size():
			var argument: Dictionary = method_arguments[index]
			var part := "%s: %s" % [argument["name"], _type(argument, false)]
			var default_index := index - (method_arguments.size() - defaults.size())
			if default_index >= 0:
				part += " = " + var_to_str(defaults[default_index])
			shown.append(part)
		signatures[method["name"]] = "%s(%s) -> %s%s" % [
			method["name"], ", ".join(shown), _type(method["return"], true),
			" const" if method["flags"] & METHOD_FLAG_CONST else " static" if method["flags"] & METHOD_FLAG_STATIC else ""]
	return signatures


func _type(info: Dictionary, returned: bool) -> String:
	if info["class_name"] != &"":
		return info["class_name"]
	if info["type"] == TYPE_NIL:
		return "void" if returned and not info["usage"] & PROPERTY_USAGE_NIL_IS_VARIANT else "Variant"
	if info["type"] == TYPE_ARRAY and info["hint"] == PROPERTY_HINT_ARRAY_TYPE:
		return info["hint_string"] + "[]"
	return type_string(info["type"])
