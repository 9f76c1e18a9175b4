class_name TestsNamedSession
extends HTTPSessionRust
## A class of the add-on under a name of the project.


static func made(at: String) -> TestsNamedSession:
	var session := TestsNamedSession.new()
	session.base_url = at
	return session


func ask(path: String) -> HTTPTaskRust:
	return fetch(path)
