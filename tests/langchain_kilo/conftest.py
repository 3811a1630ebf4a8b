"""An embedded gateway for the tests of ChatKilo, emptied before each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway.catalog import discovery
from kilo_gateway.gate import forget_gates
from kilo_gateway.settings.settings import VARIABLES
from kilo_gateway.testing import EmbeddedGateway
from langchain_kilo import ChatKilo

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL = "anthropic/claude-sonnet-4.6"

Make = "Callable[..., ChatKilo]"


@pytest.fixture
def gateway(running_gateway: EmbeddedGateway) -> EmbeddedGateway:
    """The server, without requests seen and answers scripted."""
    running_gateway.clear()
    running_gateway.options.accept_kilo_auto = False
    discovery.forget()
    forget_gates()
    return running_gateway


@pytest.fixture
def make(gateway: EmbeddedGateway) -> Callable[..., ChatKilo]:
    """Return a function that makes a ChatKilo at the embedded gateway."""

    def make_model(**arguments: Any) -> ChatKilo:
        given = {"model": MODEL, "api_key": gateway.api_key, "base_url": gateway.base_url, "max_retries": 0}
        return ChatKilo(**{**given, **arguments})

    return make_model


@pytest.fixture
def benchmark() -> Callable[..., Any]:
    """Do once what LangChain's standard tests would time: `make bench` does that."""
    return lambda work: work()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take this machine's settings out of the environment."""
    for names in VARIABLES.values():
        for name in names:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("LC_OUTPUT_VERSION", raising=False)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a retry follow at once."""
    monkeypatch.setattr("kilo_gateway.errors.waits.FIRST_BACKOFF_SECONDS", 0.0)
    monkeypatch.setattr("kilo_gateway.gate.gate.FIRST_PAUSE_SECONDS", 0.0)
