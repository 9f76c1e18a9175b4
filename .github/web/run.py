"""Runs the exported sample and the tests of web exports in headless Chromium, with the embedded server.

    python3 .github/web/run.py --godot GODOT --server target/debug/test-server --engine FOLDER

FOLDER has what is in web_nothreads_release.zip (or _debug) of Godot's export templates. `cargo xtask build` comes first. Names of test files
behind the options run these alone.
"""

import argparse
import http.client
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

PROJECT = Path(__file__).parent.parent.parent / "godot_project"
PRESETS = Path(__file__).parent / "export_presets.cfg"
PLUGIN = '\n[editor_plugins]\n\nenabled=PackedStringArray("res://addons/http_client_rust/plugin.cfg")\n'
SAMPLE = "JSON: 200 OK"
SAID = "HTTPClientRust: there is no library for this platform"
TESTS = [
    "test_web_scripts.gd", "web/limits.gd", "web/named.gd", "web/replays.gd", "test_recipes.gd", "test_web_client.gd", "test_session.gd",
    "test_task.gd", "test_form.gd", "test_request_node.gd", "test_query_string.gd", "test_bad_input.gd", "test_fetch_bad_input.gd",
]
LEFT_OUT = "--left-out=res://tests/web/left_out.json,res://tests/web/left_out_in_browser.json"
SECONDS = 240
FLAGS = [
    "--headless", "--no-sandbox", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-quic", "--disable-gpu", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-certificate-errors",
]
# The pack is a page's own: the engine prints to the console, and the page sends on what it prints, in order.
PAGE = """<!doctype html><meta charset="utf-8"><title>HTTPClientRust</title><canvas id="canvas" width="800" height="600"></canvas>
<script src="%(engine)s.js"></script><script>
let lines = [], said = Promise.resolve();
const flush = () => { const all = lines.splice(0).join("\\n"); if (all) said = said.then(() => fetch("/said", {method: "POST", body: all})); };
setInterval(flush, 100);
window.onerror = (message) => { lines.push("PAGE ERROR: " + message); };
new Engine(%(config)s).startGame({
    onPrint: (...parts) => lines.push(parts.join(" ")), onPrintError: (...parts) => lines.push(parts.join(" ")),
    onExit: (code) => { lines.push("PAGE EXIT: " + code); flush(); },
}).catch((error) => lines.push("PAGE ERROR: " + error));
</script>"""


class Site(http.server.BaseHTTPRequestHandler):
    """The page, the engine and the pack; everything else goes to the embedded server, so that both have one origin."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        run = self.server.run
        name = self.path.split("?")[0].lstrip("/")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        files = {"index.html": run.page, "game.pck": run.pack.read_bytes}
        if name == "said":
            run.hear(body.decode())
            self.answer(200, [], b"")
        elif name in files:
            self.answer(200, [("Content-Type", "text/html" if name == "index.html" else "application/octet-stream")], files[name]())
        elif name and (run.options.engine / name).is_file():
            kind = "application/wasm" if name.endswith(".wasm") else "text/javascript"
            self.answer(200, [("Content-Type", kind)], (run.options.engine / name).read_bytes())
        else:
            upstream = http.client.HTTPConnection(run.facts["http"])
            hop = ("connection", "host", "accept-encoding", "transfer-encoding", "content-length")
            upstream.request(self.command, self.path, body or None, {k: v for k, v in self.headers.items() if k.lower() not in hop})
            reply = upstream.getresponse()
            self.answer(reply.status, [field for field in reply.getheaders() if field[0].lower() not in hop], reply.read())

    do_POST = do_PUT = do_DELETE = do_GET


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """The browser resets its connections when it is ended."""


class Run:
    """One page, until the game ends."""

    def __init__(self, options, facts, pack, arguments):
        self.options, self.facts, self.pack, self.arguments = options, facts, pack, arguments
        self.lines, self.is_over = [], threading.Event()

    def hear(self, text):
        self.lines += text.split("\n")
        if any(line.startswith(("PAGE EXIT", "PAGE ERROR")) for line in self.lines):
            self.is_over.set()

    def page(self):
        engine = next(self.options.engine.glob("*.wasm")).stem
        config = {"args": self.arguments, "executable": engine, "mainPack": "game.pck", "canvasResizePolicy": 0, "gdextensionLibs": []}
        return (PAGE % {"engine": engine, "config": json.dumps(config)}).encode()

    def run(self, flags):
        site = Server(("127.0.0.1", 0), Site)
        site.run = self
        threading.Thread(target=site.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{site.server_port}"
        self.arguments = [argument.replace("SITE", address) for argument in self.arguments]
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            command = [self.options.browser, *FLAGS, *flags, f"--user-data-dir={profile}", f"http://{address}/index.html"]
            browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            if not self.is_over.wait(SECONDS):
                self.lines.append(f"PAGE ERROR: it goes on after {SECONDS} s")
            os.killpg(browser.pid, signal.SIGTERM)
            browser.wait()
        site.shutdown()
        return self.lines


def export(options, folder, arguments):
    """The packs of the sample and of the tests, from a copy of the project in which the recipes have the addresses of the server."""
    project = folder / "project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns(".godot"))
    (project / ".godot").mkdir()
    (project / ".godot/extension_list.cfg").write_text("res://addons/http_client_rust/http_client_rust.gdextension\n")
    shutil.copy(PRESETS, project)
    settings = (project / "project.godot").read_text() + PLUGIN
    main = 'run/main_scene.tests_in_browser="res://tests/web/in_browser.tscn"\nrun/main_scene='
    (project / "project.godot").write_text(settings.replace("run/main_scene=", main))
    recipes = ["res://tests/run.gd", "--", "--keep-recipes", "--test=res://tests/test_recipes.gd", LEFT_OUT.split(",")[0], *arguments]
    steps = [["--script", "res://tests/web/save_binary.gd"], ["--script", *recipes]]
    steps += [["--export-pack", name, folder / f"{name}.pck"] for name in ("Web", "Web tests")]
    home = {name: str(folder) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
    for step in steps:
        command = [options.godot, "--headless", "--path", project, *step]
        done = subprocess.run(command, env=os.environ | home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
        if done.returncode != 0 or "--export-pack" in step and SAID not in done.stdout:
            sys.exit(f"{done.stdout}\n{step} failed: {done.returncode}")
    return folder / "Web.pck", folder / "Web tests.pck"


def main():
    parser = argparse.ArgumentParser()
    for name in ("godot", "server"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--engine", required=True, type=Path)
    parser.add_argument("--browser", default="chromium")
    parser.add_argument("tests", nargs="*", default=TESTS)
    options = parser.parse_args()
    failed = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = subprocess.Popen(
            [options.server, "--ca-file", folder / "ca.pem"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        facts = json.loads(server.stdout.readline())
        keys = {"http": "http", "https": "https", "raw": "raw", "speaks-first": "speaks_first", "never-accepts": "never_accepts"}
        arguments = [f"--{name}={facts[key]}" for name, key in keys.items()]
        arguments += [f"--refused-port={facts['refused'].split(':')[-1]}", f"--ca-file={folder / 'ca.pem'}"]
        sample, tests = export(options, folder, arguments)
        lines = Run(options, facts, sample, ["--", "--http=SITE", "--raw=SITE", "--once=JSON"]).run([])
        judge("the sample", lines, any(line.startswith(SAMPLE) for line in lines), failed)
        for test in options.tests:
            # The embedded server allows no other site to read its answers.
            run = Run(options, facts, tests, ["--", f"--test=res://tests/{test}", LEFT_OUT, *arguments])
            lines = run.run(["--disable-web-security"])
            judge(test, lines, any(line.endswith(" passed, 0 failed") for line in lines), failed)
        server.terminate()
    print(f"{len(options.tests) + 1 - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def judge(name, lines, is_good, failed):
    is_good = is_good and not any("SCRIPT ERROR" in line or line.startswith("PAGE ERROR") for line in lines)
    shown = [line for line in lines if line.startswith(("Godot Engine", "ok ", "FAIL")) or line.endswith("failed")] if is_good else lines
    print(f"{'ok' if is_good else 'FAILED'}  {name}", *shown, sep="\n    ", flush=True)
    if not is_good:
        failed.append(name)


if __name__ == "__main__":
    sys.exit(main())
