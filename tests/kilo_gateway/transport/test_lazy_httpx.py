"""What a first call loads."""

from __future__ import annotations

import subprocess
import sys

_CALL = """
import sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from kilo_gateway import KiloClient

class Answer(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = b'{"choices": [{"message": {"role": "assistant", "content": "Yes"}, "finish_reason": "stop"}]}'
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass

server = HTTPServer(("127.0.0.1", 0), Answer)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = KiloClient(api_key="k", base_url=f"http://127.0.0.1:{server.server_port}/")
ask = lambda: client.complete([{"role": "user", "content": "Well?"}]).text
assert ask() == "Yes"
print(sorted({"httpx", "httpcore", "h11"} & set(sys.modules)))

import httpx
plain, seen = httpx.Client.send, []
httpx.Client.send = lambda self, request, **how: seen.append(request.method) or plain(self, request, **how)
assert ask() == "Yes"
httpx.Client.send = plain
assert ask() == "Yes"
print(seen)
"""


def test_a_plain_call_loads_no_other_http_library() -> None:
    """A call of our own engine loads neither httpx nor httpcore; who then loads one and wraps it sees every request."""
    done = subprocess.run([sys.executable, "-c", _CALL], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["[]", "['POST']", ""]
