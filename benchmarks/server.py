"""A gateway that costs next to nothing: canned answers over asyncio, in a process of its own.

The embedded gateway thinks; this one only sends, so that what is measured is the client. The prompt says what is
wanted, since every client sends it as it is: `chunks=2000 kind=tools delay_ms=50 gap_ms=20`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n"
_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "cost": 0.000123}
_WANTED = re.compile(rb"(chunks|kind|delay_ms|gap_ms)=(\w+)")
_END = b"0\r\n\r\n"


@dataclass(frozen=True)
class Wanted:
    """What a prompt asks for."""

    is_stream: bool
    chunks: int = 100
    kind: str = "text"
    """`text`, or `tools`: the arguments of one tool call, in as many fragments."""
    delay_ms: int = 0
    """Before the answer."""
    gap_ms: int = 0
    """Between the chunks of a live stream, each of which holds the moment it was sent."""


def parse_wanted(body: bytes) -> Wanted:
    """Return what the body of a request asks for."""
    words = {name.decode(): value.decode() for name, value in _WANTED.findall(body)}
    numbers = {name: int(words[name]) for name in ("chunks", "delay_ms", "gap_ms") if name in words}
    is_stream = bool(re.search(rb'"stream": ?true', body))
    return Wanted(is_stream, kind=words.get("kind", "text"), **numbers)


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


def _stream_head() -> bytes:
    head = _HEAD % b"text/event-stream" + b"transfer-encoding: chunked\r\n\r\n"
    return head + _http_chunk(b": KILO PROCESSING\n\n")


def _stream_tail(finish_reason: str) -> list[bytes]:
    last = _event({"role": "assistant", "content": ""}, finish_reason, usage=_USAGE)
    return [_http_chunk(last), _http_chunk(b"data: [DONE]\n\n"), _END]


def _text_chunk(text: str) -> bytes:
    return _http_chunk(_event({"role": "assistant", "content": text}))


def _tool_chunks(count: int) -> list[bytes]:
    """Return one call whose arguments, `{"words": ["w0", "w1", ...]}`, come in `count` fragments."""
    function = {"name": "remember", "arguments": '{"words": ["w"'}
    first: dict[str, object] = {"index": 0, "id": "call_1", "type": "function", "function": function}
    pieces = [first]
    pieces += [{"index": 0, "function": {"arguments": f', "w{i % 10}"'}} for i in range(count - 2)]
    pieces.append({"index": 0, "function": {"arguments": "]}"}})
    return [_http_chunk(_event({"role": "assistant", "content": None, "tool_calls": [piece]})) for piece in pieces]


@lru_cache(maxsize=8)
def render_stream(count: int, kind: str = "text") -> list[bytes]:
    """Return the pieces of a streamed answer of `count` chunks, one HTTP chunk for each event."""
    if kind == "tools":
        return [_stream_head(), *_tool_chunks(count), *_stream_tail("tool_calls")]
    return [_stream_head(), *(_text_chunk(f" word{i % 10}") for i in range(count)), *_stream_tail("stop")]


def render_answer() -> bytes:
    """Return a whole answer."""
    message = {"role": "assistant", "content": "The answer is forty-two."}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "native_finish_reason": "stop"}
    body = json.dumps(
        {
            "id": "gen-1",
            "object": "chat.completion",
            "created": 1787000000,
            "model": "kilo-embedded/canned",
            "provider": "Canned",
            "system_fingerprint": None,
            "choices": [choice],
            "usage": _USAGE,
        }
    ).encode()
    return _HEAD % b"application/json" + b"content-length: %d\r\n\r\n" % len(body) + body


class _Protocol(asyncio.Protocol):
    """Answers each request by its prompt."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answer = render_answer()
        self._live: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, _ = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        found = re.search(rb"(?i)content-length: *(\d+)", head)
        begin = len(head) + 4
        end = begin + (int(found.group(1)) if found else 0)
        if len(self._buffer) < end:
            return
        body = bytes(self._buffer[begin:end])
        del self._buffer[:end]
        self._answer_to(parse_wanted(body))

    def _answer_to(self, wanted: Wanted) -> None:
        if wanted.gap_ms:
            self._live = asyncio.get_running_loop().create_task(self._send_live(wanted))
        elif wanted.delay_ms:
            asyncio.get_running_loop().call_later(wanted.delay_ms / 1000, self._send, wanted)
        else:
            self._send(wanted)

    def _send(self, wanted: Wanted) -> None:
        if not wanted.is_stream:
            self._transport.write(self._answer)
            return
        for piece in render_stream(wanted.chunks, wanted.kind):
            self._transport.write(piece)

    async def _send_live(self, wanted: Wanted) -> None:
        self._transport.write(_stream_head())
        for _ in range(wanted.chunks):
            await asyncio.sleep(wanted.gap_ms / 1000)
            self._transport.write(_text_chunk(f"{time.monotonic():.6f} "))
        self._transport.write(b"".join(_stream_tail("stop")))


async def _main() -> None:
    server = await asyncio.get_running_loop().create_server(_Protocol, "127.0.0.1", 0, backlog=4096)
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
