extends HTTPClientRust
## A class between: what extends it names the same classes.

var other: HTTPClientRust


func twice() -> Array[HTTPClientRust]:
	other = HTTPClientRust.new()
	return [self, other]
