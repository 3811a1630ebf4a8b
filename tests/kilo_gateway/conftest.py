"""A gateway on loopback for each test, and one way to drive the blocking and the awaited client."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace
from typing import Any

import anyio.lowlevel
import pytest

from kilo_gateway import AsyncKiloClient, Completion, Delta, KiloClient, KiloError
from kilo_gateway.catalog import discovery
from kilo_gateway.gate import forget_gates
from kilo_gateway.testing import EmbeddedGateway

from .cli.executable import Forks
from .scripts import Scripts
from .wire_server import WireServer

MODEL = "openai/gpt-4.1-mini"
ASK = [{"role": "user", "content": "Hello"}]
_OUTSIDE = ("proxy", "ssl_cert")


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing known of any gateway, and no setting in the environment."""
    for name in list(os.environ):
        if name.startswith("KILO") or any(word in name.lower() for word in _OUTSIDE):
            monkeypatch.delenv(name)
    discovery.forget()
    forget_gates()
    yield
    discovery.forget()
    forget_gates()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds waited between tries, recorded instead of slept; the gate's clock goes on by them."""
    recorded: list[float] = []
    monkeypatch.setattr("kilo_gateway.gate.gate.FIRST_PAUSE_SECONDS", 0.0)  # a call's own waits are the pause
    monkeypatch.setattr("kilo_gateway.gate.entering.monotonic", lambda: time.monotonic() + sum(recorded))

    async def record(seconds: float) -> None:
        recorded.append(seconds)
        await anyio.lowlevel.checkpoint()  # others go on meanwhile

    for module in ("sync_loop", "sync_stream"):
        monkeypatch.setattr(f"kilo_gateway.{module}.time", SimpleNamespace(sleep=recorded.append))
    for module in ("async_loop", "async_stream"):
        monkeypatch.setattr(f"kilo_gateway.{module}.anyio", SimpleNamespace(sleep=record))
    return recorded


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """The process that runs of the command line are forked from."""
    server = Forks()
    yield server
    server.close()


@pytest.fixture(scope="session")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scripts]:
    """The interpreter that scripts are forked from."""
    server = Scripts(tmp_path_factory.mktemp("scripts"))
    yield server
    server.close()


@pytest.fixture
def gateway() -> Iterator[EmbeddedGateway]:
    """A gateway of the newest version."""
    with EmbeddedGateway() as running:
        yield running


@dataclass
class Streamed:
    """What came out of one stream."""

    deltas: list[Delta]
    completion: Completion
    error: KiloError | None = None

    @property
    def text(self) -> str:
        """The text of all deltas."""
        return "".join(delta.text for delta in self.deltas)


class Session:
    """One client, driven alike whether it blocks or is awaited."""

    def __init__(self, client: Any, runner: asyncio.Runner | None) -> None:
        self.client = client
        self._runner = runner

    def wait(self, result: Any) -> Any:
        """Return the result, awaited where it needs to be."""
        return result if self._runner is None else self._runner.run(_awaited(result), context=copy_context())

    def complete(self, messages: Any = ASK, **options: Any) -> Completion:
        """Return the whole answer."""
        return self.wait(self.client.complete(messages, **options))

    def stream(self, messages: Any = ASK, *, first: int | None = None, **options: Any) -> Streamed:
        """Read a stream to its end or its error; with `first` only so many deltas, then close it."""
        stream = self.client.stream(messages, **options)
        deltas: list[Delta] = []
        error = None
        try:
            self.wait(_read(stream, deltas, first) if self._runner is None else _aread(stream, deltas, first))
        except KiloError as caught:
            error = caught
        return Streamed(deltas, stream.completion, error)

    def fail(self, messages: Any = ASK, *, stream: bool = False, **options: Any) -> KiloError:
        """Return the error that a call ends with."""
        if stream:
            error = self.stream(messages, **options).error
            assert error is not None, "the stream ended without an error"
            return error
        with pytest.raises(KiloError) as caught:
            self.complete(messages, **options)
        return caught.value

    def discover(self, **options: Any) -> Any:
        """Return the catalog."""
        return self.wait(self.client.discover(**options))

    def list_models(self, **options: Any) -> Any:
        """Return the models."""
        return self.wait(self.client.list_models(**options))


async def _awaited(result: Any) -> Any:
    return await result


def _read(stream: Any, deltas: list[Delta], first: int | None) -> None:
    with stream:
        while first is None or len(deltas) < first:
            delta = next(stream, None)
            if delta is None:
                return
            deltas.append(delta)


async def _aread(stream: Any, deltas: list[Delta], first: int | None) -> None:
    async with stream:
        while first is None or len(deltas) < first:
            delta = await anext(stream, None)
            if delta is None:
                return
            deltas.append(delta)


Connect = Callable[..., Session]


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> str:
    """Which of the two clients is driven."""
    return str(request.param)


@pytest.fixture
def open_session(mode: str) -> Iterator[Connect]:
    """Make a session from a client's own arguments."""
    with ExitStack() as stack:
        runner = stack.enter_context(asyncio.Runner()) if mode == "async" else None

        def make(*args: Any, **arguments: Any) -> Session:
            return Session((AsyncKiloClient if runner else KiloClient)(*args, **arguments), runner)

        yield make


@pytest.fixture
def connect(gateway: EmbeddedGateway, open_session: Connect) -> Connect:
    """Make a session with the test's gateway; arguments are the client's and win over the usual ones."""
    return lambda **arguments: open_session(
        **{"api_key": gateway.api_key, "base_url": gateway.base_url, "model": MODEL, **arguments}
    )


@pytest.fixture
def serve() -> Iterator[Callable[..., WireServer]]:
    """Start bare servers."""
    with ExitStack() as stack:

        def start(answer: Callable[[BaseHTTPRequestHandler], None], **fields: Any) -> WireServer:
            server = WireServer(answer, **fields)
            server.start(stack)
            return server

        yield start
