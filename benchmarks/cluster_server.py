"""A gateway for the comparison on Ray: answers after a latency, and tells when, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LATENCY_SECONDS = 0.05
_MESSAGE = {"role": "assistant", "content": "yes"}
_ANSWER = json.dumps(
    {
        "id": "gen-1",
        "model": "lab/model",
        "provider": "Canned",
        "choices": [{"index": 0, "message": _MESSAGE, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "cost": 0.000123},
    }
).encode()


class _Counts:
    """What the server has seen since it was last asked."""

    def __init__(self) -> None:
        self.answered_at: list[float] = []
        self.under_way = 0
        self.most_under_way = 0


class _Protocol(asyncio.Protocol):
    """Answers the requests of one connection, one after another."""

    counts = _Counts()

    def __init__(self) -> None:
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not separator:
            return
        lines = head.lower().split(b"\r\n")
        size = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(rest) < size:
            return
        self._buffer.clear()
        if head.startswith(b"GET"):
            self._send(self._tell())
            return
        self.counts.under_way += 1
        self.counts.most_under_way = max(self.counts.most_under_way, self.counts.under_way)
        asyncio.get_running_loop().call_later(LATENCY_SECONDS, self._answer)

    def _answer(self) -> None:
        self.counts.under_way -= 1
        self.counts.answered_at.append(time.monotonic())
        self._send(_ANSWER)

    def _tell(self) -> bytes:
        counts, _Protocol.counts = self.counts, _Counts()
        return json.dumps({"answered_at": counts.answered_at, "most_under_way": counts.most_under_way}).encode()

    def _send(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        if not self._transport.is_closing():
            self._transport.write(head + body)


@contextmanager
def counting_gateway() -> Iterator[str]:
    """Run the server; yields its base URL."""
    command = [sys.executable, "-m", "benchmarks.cluster_server"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def counts_of(base_url: str) -> dict[str, Any]:
    """Return what a server has seen since it was last asked."""
    with urllib.request.urlopen(f"{base_url}counts") as answer:
        counts: dict[str, Any] = json.load(answer)
    return counts


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Protocol, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
