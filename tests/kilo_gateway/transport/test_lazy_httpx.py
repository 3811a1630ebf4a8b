"""What a first call loads."""

from __future__ import annotations

from typing import Any

from kilo_gateway.testing import Reply

_CALL = """
import sys
from kilo_gateway import KiloClient
client = KiloClient(base_url=sys.argv[1], api_key=sys.argv[2], model="openai/gpt-4.1-mini")
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


def test_a_plain_call_loads_no_other_http_library(gateway: Any, scripts: Any) -> None:
    """A call of our own engine loads neither httpx nor httpcore; who then loads one and wraps it sees every request."""
    gateway.enqueue(Reply(text="Yes", times=3))
    done = scripts.run(_CALL, gateway.base_url, gateway.api_key)
    assert (done.stdout, done.stderr) == ("[]\n['POST']\n", "")
