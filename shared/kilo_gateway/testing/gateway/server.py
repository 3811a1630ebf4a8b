"""The embedded gateway: a real HTTP server on loopback in a thread of its own. Binds nothing but 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any, Self

import uvicorn

from kilo_gateway.testing.accounts import DEFAULT_KEY
from kilo_gateway.testing.fault import Fault
from kilo_gateway.testing.gateway.app import GatewayApp
from kilo_gateway.testing.gateway.connection import NumberedProtocol
from kilo_gateway.testing.gateway.errors import render_error
from kilo_gateway.testing.gateway.routes import ENDPOINTS
from kilo_gateway.testing.gateway.state import GatewayState
from kilo_gateway.testing.options import VERSIONS, Options
from kilo_gateway.testing.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing.accounts import Accounts
    from kilo_gateway.testing.options import Version
    from kilo_gateway.testing.received import Received

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
        await asyncio.sleep(0.01)
        tasks = list(self.server_state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


class EmbeddedGateway:
    """A gateway for tests and demos: `with EmbeddedGateway() as gateway:` serves until the block ends.

    It answers as the real one does on the wire. Its models are small rules; each answer's `model` says so.
    """

    def __init__(
        self, *, version: Version = "newest", port: int = 0, delay_ms: float = 0.0, options: Options | None = None
    ) -> None:
        if version not in VERSIONS:
            raise ValueError(f"version must be one of {', '.join(VERSIONS)}, not {version!r}")
        self.options = options or Options(version=version, event_delay_seconds=delay_ms / 1000)
        self.state = GatewayState(self.options)
        self._wanted_port = port
        self._port: int | None = None
        self._thread: threading.Thread | None = None
        self._server: _Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> Self:
        """Bind, serve in a new thread and return once requests are answered.

        Raises: RuntimeError when it runs already or does not come up; OSError when the port is taken.
        """
        if self._thread is not None:
            raise RuntimeError("this embedded gateway is running already")
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
            target=self._run, args=(listener, started), name=f"embedded-gateway-{self._port}", daemon=True
        )
        self._thread.start()
        if not started.wait(_START_SECONDS) or self._server is None or not self._server.ready.wait(_START_SECONDS):
            raise RuntimeError("the embedded gateway did not come up")
        return self

    def _run(self, listener: socket.socket, started: threading.Event) -> None:
        config = uvicorn.Config(
            GatewayApp(self.state),
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

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The TCP port; fixed once started."""
        if self._port is None:
            raise RuntimeError("the embedded gateway was not started")
        return self._port

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    @property
    def base_url(self) -> str:
        """The base URL for a client, with its slash."""
        return f"{self.origin}/api/gateway/"

    @property
    def api_key(self) -> str:
        """The key of an ordinary account with balance."""
        return DEFAULT_KEY

    @property
    def accounts(self) -> Accounts:
        """Who may use the gateway."""
        return self.state.accounts

    @property
    def catalog(self) -> list[dict[str, Any]]:
        """The entries of the model list; change them in place."""
        return self.state.catalog

    @property
    def requests(self) -> list[Received]:
        """The requests so far, in order of arrival."""
        return self.state.requests

    @property
    def open_streams(self) -> int:
        """How many streamed answers are being sent now."""
        return self.state.open_streams

    @property
    def pending(self) -> int:
        """How many enqueued items were not used yet."""
        return self.state.pending

    def enqueue(self, *items: Reply | Fault, endpoint: str = "chat") -> None:
        """Script the next answers of an endpoint, in order; afterwards the built-in models answer again.

        `endpoint` is one of chat, models, embeddings, fim, profile, balance and the other names in `routes.ENDPOINTS`.
        Any but chat takes only replies with a whole `body`, or with all `events`.

        Raises: ValueError for an unknown endpoint, a reply that it does not take, and a named error that the version
            does not have; TypeError for what is no reply or fault.
        """
        if endpoint not in ENDPOINTS:
            raise ValueError(f"endpoint must be one of {', '.join(ENDPOINTS)}, not {endpoint!r}")
        for item in items:
            if not isinstance(item, (Reply, Fault)):
                raise TypeError(f"enqueue takes Reply and Fault, not {type(item).__name__}")
            if isinstance(item, Fault) and item.error_id is not None:
                render_error(item.error_id, self.options.version, fill=item.fill)
            reply = item.reply if isinstance(item, Fault) else item
            if endpoint != "chat" and reply is not None and reply.body is None and reply.events is None:
                raise ValueError(f"a reply for {endpoint} needs its whole body: Reply(body=...) or Reply(events=...)")
        self.state.enqueue(items, endpoint)

    def clear(self) -> None:
        """Forget the requests seen, the script and the rate counters."""
        self.state.clear()

    def wait_until(self, predicate: Callable[[], bool], timeout_seconds: float = 5.0) -> bool:
        """Wait until the predicate holds; return whether it did in time."""
        return self.state.wait_until(predicate, timeout_seconds)
