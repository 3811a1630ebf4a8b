"""Serves one application on 127.0.0.1 in a thread of its own, and stops at once when told."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Self

import uvicorn

from kilo_gateway.testing.loopback.connection import NumberedProtocol

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HOST = "127.0.0.1"
_START_SECONDS = 10.0
_STOP_SECONDS = 5.0
_BACKLOG = 2048
_MAX_HEADER_BYTES = 256 * 1024
_TICK_SECONDS = 1.0


class _Server(uvicorn.Server):
    """Uvicorn's server that stops at once: open connections are cut, running answers cancelled."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = asyncio.Event()
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept, and say so to the thread that waits."""
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        """Renew the date header each second until told to stop."""
        while not self.stopping.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), _TICK_SECONDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listener, cut every connection and cancel every answer."""
        for server in self.servers:
            server.close()
        for one in sockets or []:
            one.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


class LoopbackServer:
    """One server for one application: `start`, then `stop`; each once at a time."""

    def __init__(self, app: ASGIApp, *, port: int = 0, name: str = "loopback server") -> None:
        self._app = app
        self._name = name
        self._wanted_port = port
        self._port: int | None = None
        self._thread: threading.Thread | None = None
        self._server: _Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def port(self) -> int:
        """The TCP port; fixed once started."""
        if self._port is None:
            raise RuntimeError(f"the {self._name} was not started")
        return self._port

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> Self:
        """Bind, serve in a new thread and return once requests are answered.

        Raises: RuntimeError when it runs already or does not come up; OSError when the port is taken.
        """
        if self._thread is not None:
            raise RuntimeError(f"this {self._name} is running already")
        # Named as TCP, because asyncio turns Nagle's delay (40 ms an answer) off only for sockets that say so.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, self._wanted_port))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
        self._port = listener.getsockname()[1]
        started = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(listener, started), name=f"{self._name} {self._port}", daemon=True
        )
        self._thread.start()
        if not started.wait(_START_SECONDS) or self._server is None or not self._server.ready.wait(_START_SECONDS):
            raise RuntimeError(f"the {self._name} did not come up")
        return self

    def _run(self, listener: socket.socket, started: threading.Event) -> None:
        config = uvicorn.Config(
            self._app,
            http=NumberedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
            timeout_keep_alive=60,
        )

        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._server = _Server(config)
            started.set()
            await self._server.serve(sockets=[listener])

        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(serve())

    def stop(self) -> None:
        """Stop serving; open connections are cut. Does nothing when it is not running."""
        if self._thread is None or self._loop is None or self._server is None:
            return
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._server.stopping.set)
        self._thread.join(_STOP_SECONDS)
        self._thread = self._server = self._loop = None
