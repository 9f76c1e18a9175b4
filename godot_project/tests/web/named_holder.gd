extends Node
## Uses names of the project for classes of the add-on.

@export var request: TestsNamedRequest

var requests: Array[TestsNamedRequest] = []


func ask(session: TestsNamedSession, path: String) -> HTTPResponseRust:
	return await session.ask(path).wait() if session is HTTPSessionRust else null


func is_one(what: Variant) -> bool:
	return what is TestsNamedSession and (what as HTTPSessionRust) != null
