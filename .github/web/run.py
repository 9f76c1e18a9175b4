"""Serves the exported sample project and the embedded server from one origin, opens it in headless Chromium, and waits for the result."""

import http.server
import json
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

EXPECTED = "JSON: 200 OK"
SECONDS = 120


def main() -> int:
    site, program = Path(sys.argv[1]), sys.argv[2]
    server = subprocess.Popen([program, "--ca-file", "ca.pem"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    embedded = json.loads(server.stdout.readline())["http"]

    class Handler(http.server.SimpleHTTPRequestHandler):
        """Serves the files of the site, and forwards all other requests to the embedded server."""

        def __init__(self, *args):
            super().__init__(*args, directory=str(site))

        def do_GET(self):
            if self.path == "/" or (site / self.path.lstrip("/").split("?")[0]).is_file():
                return super().do_GET()
            with urllib.request.urlopen(f"http://{embedded}{self.path}") as answer:
                body = answer.read()
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.headers["Content-Type"])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

    web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{web.server_port}"

    # The sample project reads the addresses from its command line. In a web export, the command line is a list in the page.
    page_file = site / "index.html"
    arguments = json.dumps(["--", f"--http={address}", f"--raw={address}", "--once=JSON"])
    page_file.write_text(page_file.read_text().replace('"args":[]', f'"args":{arguments}'))

    said = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(args=["--use-angle=swiftshader", "--enable-unsafe-swiftshader"])
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"http://{address}/index.html")
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and not any(EXPECTED in line for line in said):
            page.wait_for_timeout(200)
        browser.close()
    server.terminate()
    print("\n".join(said))
    if any("SCRIPT ERROR" in line for line in said):
        return 1
    return 0 if any(EXPECTED in line for line in said) else 1


if __name__ == "__main__":
    sys.exit(main())
