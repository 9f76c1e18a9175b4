@tool
extends RefCounted
## What a person wants to know of a certificate (X.509, DER inside of PEM). Godot's own class keeps it to itself.

const COMMON_NAME: PackedByteArray = [0x55, 0x04, 0x03]
const ORGANIZATION: PackedByteArray = [0x55, 0x04, 0x0a]


## Keys "subject", "issuer", "from" and "until"; empty where the text cannot be read.
static func facts_of(pem: String) -> Dictionary:
	var base64 := ""
	for line: String in pem.split("\n", false):
		if not line.begins_with("-----"):
			base64 += line.strip_edges()
	var der := Marshalls.base64_to_raw(base64) if not base64.is_empty() else PackedByteArray()
	var certificate := _content(der, Vector2i(0, der.size()))
	if certificate.is_empty():
		return {}
	var fields := _content(der, _inner(certificate[0]))
	if fields.is_empty():
		return {}
	fields = _content(der, _inner(fields[0]))
	# A version stands before the serial number in all but the oldest ones.
	var first := 1 if not fields.is_empty() and fields[0].x == 0xa0 else 0
	if fields.size() < first + 5:
		return {}
	var validity := _content(der, _inner(fields[first + 3]))
	if validity.size() < 2:
		return {}
	return {
		"subject": _name(der, fields[first + 4]),
		"issuer": _name(der, fields[first + 2]),
		"from": _time(der, validity[0]),
		"until": _time(der, validity[1]),
	}


## The values that stand one after the other in a part of the bytes: tag, start and end of the content.
static func _content(der: PackedByteArray, part: Vector2i) -> Array[Vector3i]:
	var values: Array[Vector3i] = []
	var at := part.x
	while at + 2 <= part.y:
		var length := der[at + 1]
		var start := at + 2
		if length & 0x80:
			var digits := length & 0x7f
			if digits > 4 or start + digits > part.y:
				return values
			length = 0
			for index: int in digits:
				length = length << 8 | der[start + index]
			start += digits
		if start + length > part.y:
			return values
		values.append(Vector3i(der[at], start, start + length))
		at = start + length
	return values


static func _inner(value: Vector3i) -> Vector2i:
	return Vector2i(value.y, value.z)


## The common name, or else the organization.
static func _name(der: PackedByteArray, value: Vector3i) -> String:
	var organization := ""
	for group: Vector3i in _content(der, _inner(value)):
		for pair: Vector3i in _content(der, _inner(group)):
			var parts := _content(der, _inner(pair))
			if parts.size() < 2:
				continue
			var text := der.slice(parts[1].y, parts[1].z).get_string_from_utf8()
			match der.slice(parts[0].y, parts[0].z):
				COMMON_NAME:
					return text
				ORGANIZATION:
					organization = text
	return organization if not organization.is_empty() else "(no name)"


## 260131120000Z or 20260131120000Z, as 2026-01-31.
static func _time(der: PackedByteArray, value: Vector3i) -> String:
	var text := der.slice(value.y, value.z).get_string_from_ascii()
	if text.length() == 13:
		text = ("20" if text.left(2).to_int() < 50 else "19") + text
	return "%s-%s-%s" % [text.left(4), text.substr(4, 2), text.substr(6, 2)]
