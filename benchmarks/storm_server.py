"""A gateway in a storm, in a process of its own: after a number of requests it says 429 for some seconds, and logs all.

Every line of its log is a request: when it arrived, how many were under way, and whether it was refused.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.server import render_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

CALM_REQUESTS = 1000
"""After so many the storm begins."""
STORM_SECONDS = 5.0
RETRY_AFTER_SECONDS = 2
LATENCY_SECONDS = 0.05
_LOG_PATH = b"GET /log"


class Arrival(NamedTuple):
    """One request."""

    at: float
    """Seconds, by the server's monotonic clock."""
    under_way: int
    """Itself among them."""
    is_refused: bool


class _Server:
    def __init__(self, calm_requests: int) -> None:
        self._calm_requests = calm_requests
        self.arrivals: list[Arrival] = []
        self.under_way = 0
        self._storm_at: float | None = None

    def is_refused(self, now: float) -> bool:
        """Return whether a request that arrives now gets a 429; begins the storm when its time has come."""
        if self._storm_at is None and len(self.arrivals) >= self._calm_requests:
            self._storm_at = now
        return self._storm_at is not None and now < self._storm_at + STORM_SECONDS

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of a connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.lower().split(b"\r\n")
                size = next((int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:")), 0)
                await reader.readexactly(size)
                writer.write(self._log() if head.startswith(_LOG_PATH) else await self._answer(head))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, head: bytes) -> bytes:
        if head.startswith(b"GET"):
            return _render(200, b'{"data": []}')
        now = time.monotonic()
        is_refused = self.is_refused(now)
        self.under_way += 1
        self.arrivals.append(Arrival(now, self.under_way, is_refused))
        await asyncio.sleep(LATENCY_SECONDS)
        self.under_way -= 1
        if is_refused:
            wait = b"retry-after: %d\r\n" % RETRY_AFTER_SECONDS
            return _render(429, b'{"error": {"message": "Slow down", "code": 429}}', wait)
        return _EMBEDDED if b"/embeddings" in head.partition(b"\r\n")[0] else render_answer()

    def _log(self) -> bytes:
        return _render(200, json.dumps(self.arrivals).encode())


def _render(status: int, body: bytes, headers: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n%s\r\n%s" % (status, len(body), headers, body)


_EMBEDDED = _render(
    200,
    json.dumps(
        {
            "model": "openai/text-embedding-3-small",
            "data": [{"index": 0, "embedding": [0.5] * 8}],
            "usage": {"prompt_tokens": 2, "total_tokens": 2, "cost": 0.0000001},
        }
    ).encode(),
)


async def _main(calm_requests: int) -> None:
    server = await asyncio.start_server(_Server(calm_requests).serve, "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@contextmanager
def storm_gateway(calm_requests: int = CALM_REQUESTS) -> Iterator[str]:
    """Run the server in another process; yields its base URL."""
    command = [sys.executable, "-m", "benchmarks.storm_server", str(calm_requests)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.terminate()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1])))
