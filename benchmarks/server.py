"""A gateway that costs next to nothing: canned answers over asyncio, in a process of its own.

The embedded gateway thinks; this one only sends, so that what is measured is the client.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n"
_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "cost": 0.000123}


def _event(delta: dict[str, object], finish_reason: str | None = None, **extra: object) -> bytes:
    chunk = {
        "id": "gen-1787000000-BenchBenchBenchBench",
        "object": "chat.completion.chunk",
        "created": 1787000000,
        "model": "kilo-embedded/canned",
        "provider": "Canned",
        "system_fingerprint": None,
        "choices": [
            {"index": 0, "delta": delta, "finish_reason": finish_reason, "native_finish_reason": finish_reason}
        ],
        **extra,
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def _http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def render_stream(count: int) -> list[bytes]:
    """Return the pieces of a streamed answer of `count` text chunks, one HTTP chunk for each event."""
    events = [b": KILO PROCESSING\n\n"]
    events += [_event({"role": "assistant", "content": f" word{i % 10}"}) for i in range(count)]
    events += [_event({"role": "assistant", "content": ""}, "stop", usage=_USAGE), b"data: [DONE]\n\n"]
    head = _HEAD % b"text/event-stream" + b"transfer-encoding: chunked\r\n\r\n"
    return [head, *map(_http_chunk, events), b"0\r\n\r\n"]


def render_answer() -> bytes:
    """Return a whole answer."""
    body = json.dumps(
        {
            "id": "gen-1",
            "object": "chat.completion",
            "created": 1787000000,
            "model": "kilo-embedded/canned",
            "provider": "Canned",
            "system_fingerprint": None,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "The answer is forty-two."},
                    "finish_reason": "stop",
                    "native_finish_reason": "stop",
                }
            ],
            "usage": _USAGE,
        }
    ).encode()
    return _HEAD % b"application/json" + b"content-length: %d\r\n\r\n" % len(body) + body


class _Protocol(asyncio.Protocol):
    """Answers each request by its body: `"stream":true` gets as many chunks as `max_tokens` says."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer = render_answer()
        self._streams: dict[int, list[bytes]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        found = re.search(rb"(?i)content-length: *(\d+)", head)
        size = int(found.group(1)) if found else 0
        if not separator or len(rest) < size:
            return
        body, self._buffer = rest[:size], rest[size:]
        assert isinstance(self._transport, asyncio.WriteTransport)
        if not re.search(rb'"stream": ?true', body):
            self._transport.write(self._answer)
            return
        asked = re.search(rb'"max_(?:completion_)?tokens": ?(\d+)', body)
        count = int(asked.group(1)) if asked else 100
        for piece in self._streams.setdefault(count, render_stream(count)):
            self._transport.write(piece)


async def _main() -> None:
    server = await asyncio.get_running_loop().create_server(_Protocol, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@contextmanager
def canned_gateway() -> Iterator[str]:
    """Run the server in another process; yields its base URL."""
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/api/gateway/"
        finally:
            process.terminate()


if __name__ == "__main__":
    asyncio.run(_main())
