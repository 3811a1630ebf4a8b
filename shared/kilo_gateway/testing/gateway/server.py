"""The embedded gateway: a real HTTP server on loopback in a thread of its own. Binds nothing but 127.0.0.1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from kilo_gateway.gate import forget_gates
from kilo_gateway.testing.accounts import DEFAULT_KEY
from kilo_gateway.testing.fault import Fault
from kilo_gateway.testing.gateway.app import GatewayApp
from kilo_gateway.testing.gateway.errors import render_error
from kilo_gateway.testing.gateway.routes import ENDPOINTS
from kilo_gateway.testing.gateway.state import GatewayState
from kilo_gateway.testing.loopback.server import LoopbackServer
from kilo_gateway.testing.options import VERSIONS, Options
from kilo_gateway.testing.reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing.accounts import Accounts
    from kilo_gateway.testing.options import Version
    from kilo_gateway.testing.received import Received


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
        self._server = LoopbackServer(GatewayApp(self.state), port=port, name="embedded gateway")

    def start(self) -> Self:
        """Bind, serve in a new thread and return once requests are answered.

        Raises: RuntimeError when it runs already or does not come up; OSError when the port is taken.
        """
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop serving; open connections are cut. Does nothing when it is not running."""
        self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The TCP port; fixed once started."""
        return self._server.port

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return self._server.origin

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

        Raises:
            ValueError: an unknown endpoint, a reply that it does not take, or a named error that the version lacks.
            TypeError: what is no reply or fault.
        """
        if endpoint not in ENDPOINTS:
            raise ValueError(f"endpoint must be one of {', '.join(ENDPOINTS)}, not {endpoint!r}")
        for item in items:
            if not isinstance(item, (Reply, Fault)):
                raise TypeError(f"enqueue takes Reply and Fault, not {type(item).__name__}")
            if isinstance(item, Fault) and item.error_id is not None:
                render_error(item.error_id, fill=item.fill)
            reply = item.reply if isinstance(item, Fault) else item
            if endpoint != "chat" and reply is not None and reply.body is None and reply.events is None:
                raise ValueError(f"a reply for {endpoint} needs its whole body: Reply(body=...) or Reply(events=...)")
        self.state.enqueue(items, endpoint)

    def clear(self) -> None:
        """Forget the requests seen, the script and the rate counters, and end pauses that callers here share."""
        self.state.clear()
        forget_gates()

    def wait_until(self, predicate: Callable[[], bool], timeout_seconds: float = 5.0) -> bool:
        """Wait until the predicate holds; return whether it did in time."""
        return self.state.wait_until(predicate, timeout_seconds)
