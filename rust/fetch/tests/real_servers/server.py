# httpbin with two more pages: one returns the form that werkzeug has read, the other a body in any
# coding. Prints its port.
import sys

try:
    import gzip
    import json
    import zlib

    import brotli
    import zstandard
    from flask import request
    from httpbin import app
    from werkzeug.serving import WSGIRequestHandler, make_server
except ImportError as error:
    print("lacks", error.name, flush=True)
    sys.exit()


@app.route("/form", methods=["POST"])
def form():
    lines = []
    for name, value in request.form.items(multi=True):
        lines.append(json.dumps(["field", name, value]))
    for name, file in request.files.items(multi=True):
        lines.append(json.dumps(["file", name, file.filename, file.content_type, file.read().hex()]))
    return "".join(line + "\n" for line in lines)


PACKERS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda body: brotli.compress(body, quality=5),
    "zstd": zstandard.ZstdCompressor().compress,
}


@app.route("/packed/<codings>", methods=["GET", "POST"])
def packed(codings):
    body = request.get_data() or b"".join(b"line %d\n" % number for number in range(100000))
    for coding in codings.split(","):
        body = PACKERS[coding](body)
    cut = int(request.args.get("cut", "0"))
    response = app.make_response(body[: len(body) - cut])
    response.headers["Content-Encoding"] = codings
    response.headers["Content-Type"] = "text/plain"
    return response


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, *arguments):
        pass


server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
print("port", server.server_port, flush=True)
server.serve_forever()
