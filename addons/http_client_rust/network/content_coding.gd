@tool
extends RefCounted
## Decompresses a body (RFC 9110 §8.4) for display. HTTPClientRust itself returns bodies as received.

const GZIP: PackedByteArray = [0x1f, 0x8b]
const ZSTD: PackedByteArray = [0x28, 0xb5, 0x2f, 0xfd]
## Compressed data can expand a thousandfold.
const MOST_BYTES := 32 * 1024 * 1024

## The decompressed body, or the body as received.
var body := PackedByteArray()
## What was done, or why it could not be done; empty if the body is not compressed.
var note := ""


## [param codings] is the value of Content-Encoding.
func _init(packed: PackedByteArray, codings: String, is_whole: bool) -> void:
	body = packed
	if packed.is_empty():
		return
	var names := PackedStringArray()
	for name: String in codings.split(",", false):
		if not name.strip_edges().to_lower() in ["", "identity"]:
			names.append(name.strip_edges().to_lower())
	names.reverse()
	var size := packed.size()
	for name: String in names:
		if not name in ["gzip", "x-gzip", "deflate", "br", "zstd"]:
			note = "The body is compressed with %s, which is not supported here." % name.left(40)
			return
		if not is_whole:
			note = "The body is compressed with %s and incomplete. These are the compressed bytes." % name
			return
		var unpacked := _unpacked(body, name)
		if unpacked.is_empty():
			note = "The headers say that the body is compressed with %s, but it cannot be decompressed." % name
			return
		body = unpacked
	if not names.is_empty():
		note = "Decompressed (%s): %s became %s." % [codings, String.humanize_size(size), String.humanize_size(body.size())]


func _unpacked(packed: PackedByteArray, coding: String) -> PackedByteArray:
	if coding == "br":
		return packed.decompress_dynamic(MOST_BYTES, FileAccess.COMPRESSION_BROTLI)
	if coding == "zstd":
		return packed.decompress(MOST_BYTES, FileAccess.COMPRESSION_ZSTD) if packed.slice(0, 4) == ZSTD else PackedByteArray()
	var is_gzip := packed.slice(0, 2) == GZIP
	# "deflate" is the zlib format (RFC 1950): its first two bytes, as a number, are a multiple of 31.
	var is_zlib := packed.size() > 2 and packed[0] & 0x0f == 8 and (packed[0] * 256 + packed[1]) % 31 == 0
	if is_gzip if coding != "deflate" else is_zlib:
		return packed.decompress_dynamic(
			MOST_BYTES, FileAccess.COMPRESSION_GZIP if is_gzip else FileAccess.COMPRESSION_DEFLATE)
	return PackedByteArray()
