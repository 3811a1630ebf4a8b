"""Fixtures of the embedded gateway's own tests: a running gateway of each version and a plain client."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest

from kilo_gateway.testing import EmbeddedGateway


@pytest.fixture(scope="module")
def module_gateway() -> Iterator[EmbeddedGateway]:
    """A running gateway of the newest version, shared by a module's tests."""
    with EmbeddedGateway() as running:
        yield running


@pytest.fixture
def gateway(module_gateway: EmbeddedGateway) -> Iterator[EmbeddedGateway]:
    """The module's gateway, as good as new after each test."""
    options, catalog = copy.copy(vars(module_gateway.options)), list(module_gateway.catalog)
    accounts = {account.key: copy.copy(account) for account in module_gateway.accounts}
    yield module_gateway
    vars(module_gateway.options).update(options)
    module_gateway.catalog[:] = catalog
    module_gateway.accounts.by_key = accounts
    module_gateway.clear()


@pytest.fixture(scope="module")
def february() -> Iterator[EmbeddedGateway]:
    """A running gateway of the version of February 2026."""
    with EmbeddedGateway(version="2026-02") as running:
        yield running


class Caller:
    """A plain HTTP client with a key; what a test says is what is sent."""

    def __init__(self, gateway: EmbeddedGateway, *, key: str | None = None) -> None:
        self.gateway = gateway
        headers = {"authorization": f"Bearer {gateway.api_key if key is None else key}"}
        # Nothing here speaks TLS, whose context would take most of a test's time.
        self.http = httpx.Client(base_url=gateway.base_url, headers=headers, timeout=5, trust_env=False, verify=False)

    def chat(self, text: str | None = "Hello", *, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        """Send one chat request."""
        merged: dict[str, Any] = {"model": "openai/gpt-5-mini", **body}
        if text is not None:
            merged.setdefault("messages", [{"role": "user", "content": text}])
        return self.http.post("chat/completions", json=merged, headers=headers)

    def stream(self, text: str = "Hello", **body: Any) -> list[Any]:
        """Send one streamed chat request; return its parsed data events."""
        return self.events(self.chat(text, stream=True, **body).content)

    @staticmethod
    def events(data: bytes) -> list[Any]:
        """Return the JSON of each data line, and `[DONE]` as text."""
        lines = [line[6:] for line in data.split(b"\n") if line.startswith(b"data: ")]
        return ["[DONE]" if line == b"[DONE]" else orjson.loads(line) for line in lines]


@pytest.fixture
def connect() -> Iterator[Callable[..., Caller]]:
    """Makes further clients: `connect(gateway, key=...)`; all are closed at the end."""
    made: list[Caller] = []

    def open_one(gateway: EmbeddedGateway, *, key: str | None = None) -> Caller:
        made.append(Caller(gateway, key=key))
        return made[-1]

    yield open_one
    for one in made:
        one.http.close()


@pytest.fixture
def caller(gateway: EmbeddedGateway) -> Iterator[Caller]:
    """A client of the newest gateway with the ordinary key."""
    made = Caller(gateway)
    yield made
    made.http.close()


@pytest.fixture
def february_caller(february: EmbeddedGateway) -> Iterator[Caller]:
    """A client of the February gateway with the ordinary key."""
    made = Caller(february)
    yield made
    made.http.close()
