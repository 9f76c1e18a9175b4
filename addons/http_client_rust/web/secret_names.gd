extends RefCounted
## Names of what is secret: headers, parameters of a URL, fields of a form and of JSON. The lists are those of the library, in
## rust/fetch/src/replay/names.rs; a test compares them.

## What a name says of its value.
enum Secrecy {
	## It can be shown.
	NONE,
	## It is secret where it is sent, as the code of a login is. In an answer the name means something else.
	WHERE_SENT,
	## It is secret, if it is one value.
	VALUE,
	## Everything in it is secret.
	ALL,
}

## Words that make a name one of a secret, also at the end of a word that was written without a gap, such as `authtoken`.
const ENDINGS: PackedStringArray = [
	"token", "tokens", "secret", "secrets", "password", "passwords", "passwd", "passphrase", "passcode", "pwd", "credential", "credentials",
	"apikey", "signature", "authorization",
]
## Words that do so alone.
const WORDS: PackedStringArray = [
	"auth", "pass", "sig", "sign", "hmac", "jwt", "otp", "totp", "pin", "session", "sessionid", "sid", "ssid", "csrf", "xsrf", "nonce",
	"assertion", "verifier", "ticket", "bearer", "cookie", "cookies", "accesskey", "secretkey", "privatekey", "authkey", "sessionkey",
]
## A key is a secret unless one of these stands before it.
const HARMLESS_KEYS: PackedStringArray = ["public", "primary", "foreign", "sort", "cache", "partition", "object", "translation"]
## What is said about a secret is none.
const ABOUT: PackedStringArray = [
	"type", "types", "url", "uri", "endpoint", "expires", "expiry", "expiration", "count", "length", "limit", "policy", "hint", "algorithm",
]
## What a code is that is secret where it is sent, unless it is just called so.
const SENT_CODES: PackedStringArray = ["auth", "device", "user"]
## `apiKey`, `API_Key`, `x-api-key2` and `user[api.key]` have two words each, or three.
const WORD := "\\p{Lu}+(?=\\p{Lu}\\p{Ll})|\\p{Lu}*[^\\p{Lu}\\P{L}]+|\\p{Lu}+"
const LONGEST_NAME := 256

static var _words := RegEx.create_from_string(WORD)


## What a name says of its value.
static func secrecy(name: String) -> Secrecy:
	var words := PackedStringArray()
	for found: RegExMatch in _words.search_all(name.left(LONGEST_NAME)):
		words.append(found.get_string().to_lower())
	var last := words[-1] if not words.is_empty() else ""
	if words.is_empty() or ABOUT.has(last) or last == "in" and words.has("expires"):
		return Secrecy.NONE
	for word: String in words:
		for ending: String in ENDINGS:
			if word.ends_with(ending):
				return Secrecy.ALL
	for word: String in words:
		if WORDS.has(word):
			return Secrecy.VALUE
	var before := words[-2] if words.size() > 1 else ""
	if last == "key":
		return Secrecy.NONE if HARMLESS_KEYS.has(before) else Secrecy.VALUE
	if last == "code" and (words.size() == 1 or Array(words).any(func(word: String) -> bool: return SENT_CODES.has(word))):
		return Secrecy.WHERE_SENT
	return Secrecy.NONE
