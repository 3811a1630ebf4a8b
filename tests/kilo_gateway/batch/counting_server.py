"""A gateway that counts: raw HTTP on loopback, with a latency, and 429 or 400 where it is told to say so."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

Busy = Callable[[int], float | None]
"""The number of a request -> the seconds of `retry-after` in a 429; None to answer."""


@dataclass
class CountingServer:
    """Answers chat requests after a latency, in a thread of its own. A context."""

    latency_seconds: float = 0.0
    busy: Busy = lambda number: None
    refused: frozenset[str] = frozenset()
    """Prompts that get a 400."""
    usage: dict[str, Any] = field(default_factory=lambda: {"prompt_tokens": 5, "completion_tokens": 5, "cost": 0.001})
    status: int = 0
    """What every request gets, as of an unknown model; 0: an answer."""
    broken: bool = False
    """Whether every request gets a 500."""
    answers: dict[str, str] = field(default_factory=dict)
    """Prompt -> answer, where it is not the usual one."""
    bare: dict[str, bytes] = field(default_factory=dict)
    """Prompt -> the whole body of its answer."""
    finish_reason: str = "stop"
    provider: str = "Acme"
    bodies: list[dict[str, Any]] = field(default_factory=list)
    """The requests' own."""
    prompts: Counter[str] = field(default_factory=Counter)
    """How often each prompt was answered."""
    refusals: list[float] = field(default_factory=list)
    """When 429s were said, by the monotonic clock."""
    arrivals: list[float] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        port = self._server.sockets[0].getsockname()[1]
        self.base_url = f"http://127.0.0.1:{port}/"
        return self

    def __exit__(self, *_: object) -> None:
        async def stop() -> None:
            self._server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode().lower().split("\r\n")
                size = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
                body = await reader.readexactly(size)
                writer.write(await self._answer(head, body))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET"):
            return _render(200, b'{"data": []}')
        self.arrivals.append(time.monotonic())
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            wait = self.busy(len(self.arrivals))
            await asyncio.sleep(self.latency_seconds)
        finally:
            self.under_way -= 1
        if wait is not None:
            self.refusals.append(time.monotonic())
            return _render(429, b'{"error": {"message": "Slow down", "code": 429}}', f"retry-after: {wait}\r\n")
        if self.broken:
            return _render(500, b'{"error": {"message": "Broken", "code": 500}}')
        if self.status:
            return _render(self.status, b'{"error": {"message": "No such model", "code": "model_not_found"}}')
        asked = json.loads(body)
        self.bodies.append(asked)
        prompt = asked["messages"][-1]["content"]
        self.prompts[prompt] += 1
        if prompt in self.refused:
            return _render(400, b'{"error": {"message": "Not this one", "code": 400}}')
        if prompt in self.bare:
            return _render(200, self.bare[prompt])
        message = {"role": "assistant", "content": self.answers.get(prompt, f"Answer to {prompt}")}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        answer = {"id": "gen-1", "model": "lab/model", "provider": self.provider, "choices": [choice]}
        answer["usage"] = self.usage
        return _render(200, json.dumps(answer).encode())


def _render(status: int, body: bytes, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body
