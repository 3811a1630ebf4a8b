"""Errors in cassettes: a refused key is never recorded, and a replayed error says that it is old."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kilo_gateway import AsyncKiloClient, AuthenticationError, KiloClient
from kilo_gateway.errors import KiloError
from kilo_gateway.testing import CassetteError, EmbeddedGateway, Fault, NoMatchError, use_cassette
from langchain_kilo import ChatKilo
from llama_index_kilo import KiloLLM

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("folder")

MODEL = "anthropic/claude-sonnet-4.6"
HELLO = [{"role": "user", "content": "Hello"}]
FILE = Path("cassettes/c.kilo.yaml")

CALLS: dict[str, Any] = {
    "client": lambda: KiloClient(model=MODEL, max_retries=0).complete(HELLO),
    "stream": lambda: list(KiloClient(model=MODEL, max_retries=0).stream(HELLO)),
    "async client": lambda: asyncio.run(AsyncKiloClient(model=MODEL, max_retries=0).complete(HELLO)),
    "embeddings": lambda: KiloClient(max_retries=0).embed(["a"], model="acme/no-such-model"),
    "chat model": lambda: ChatKilo(model=MODEL, max_retries=0).invoke("Hello"),
    "awaited chat model": lambda: asyncio.run(ChatKilo(model=MODEL, max_retries=0).ainvoke("Hello")),
    "llm": lambda: KiloLLM(model=MODEL, max_retries=0).complete("Hello"),
}
REFUSED = [
    Fault(status=401, body={"error": {"message": "Invalid API key"}}),
    Fault(status=400, body={"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}),
    Fault(status=200, body={"error": {"message": "User not found.", "code": 401}}),
]


@pytest.fixture
def own_gateway(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Serve a gateway that the environment names."""
    with EmbeddedGateway() as gateway:
        monkeypatch.setenv("KILOCODE_API_KEY", gateway.api_key)
        monkeypatch.setenv("KILOCODE_BASE_URL", gateway.base_url)
        yield gateway


@pytest.mark.parametrize("fault", REFUSED, ids=["status", "word", "within a 200"])
def test_a_refused_key_is_not_recorded(own_gateway: EmbeddedGateway, fault: Fault) -> None:
    """After the key was corrected the same lines record an answer."""
    own_gateway.enqueue(fault)
    with pytest.raises(AuthenticationError) as caught, use_cassette("c"):
        CALLS["client"]()
    assert "eplayed" not in str(caught.value)
    assert not FILE.exists()
    with use_cassette("c"):
        assert CALLS["client"]().text


@pytest.mark.parametrize("kind", ["stream", "async client", "chat model", "llm"])
def test_a_refused_key_is_not_recorded_for_anybody(own_gateway: EmbeddedGateway, kind: str) -> None:
    """The rule holds for every way of asking."""
    own_gateway.enqueue(REFUSED[0])
    with pytest.raises(AuthenticationError), use_cassette("c"):
        CALLS[kind]()
    assert not FILE.exists()


def test_a_refused_key_leaves_the_old_cassette(own_gateway: EmbeddedGateway) -> None:
    """Recording again with a wrong key loses nothing."""
    with use_cassette("c"):
        CALLS["client"]()
    before = FILE.read_bytes()
    own_gateway.enqueue(REFUSED[0])
    with pytest.raises(AuthenticationError), use_cassette("c", record="rewrite"):
        CALLS["client"]()
    assert FILE.read_bytes() == before


@pytest.mark.parametrize("kind", list(CALLS))
def test_a_replayed_error_says_that_it_is_one(own_gateway: EmbeddedGateway, kind: str) -> None:
    """Its message names the file and what recorded it; the live one does not."""
    own_gateway.enqueue(Fault(status=404, body={"error": {"message": "Model not found"}}))
    with pytest.raises(KiloError) as live, use_cassette("c"):
        CALLS[kind]()
    with pytest.raises(KiloError) as replayed, use_cassette("c"):
        CALLS[kind]()
    told = "(Replayed: cassettes/c.kilo.yaml, recorded from embedded gateway of version "
    assert told not in str(live.value)
    assert told in str(replayed.value)


def test_a_replayed_error_says_of_when_it_is(own_gateway: EmbeddedGateway) -> None:
    """The day of the recording stands in the message; a refused key of an older cassette is replayed so, too."""
    own_gateway.enqueue(Fault(status=404, body={"error": {"message": "Invalid API key"}}))
    with pytest.raises(KiloError), use_cassette("c"):
        CALLS["client"]()
    recorded = "from: Kilo Gateway\n  recorded: '2026-03-04'"
    text = FILE.read_text().replace("status: 404", "status: 401").replace("from: embedded gateway", recorded)
    FILE.write_text(text)
    with pytest.raises(AuthenticationError, match="recorded from Kilo Gateway on 2026-03-04"), use_cassette("c"):
        CALLS["client"]()


def test_an_error_within_a_replayed_stream_says_that_it_is_one(own_gateway: EmbeddedGateway) -> None:
    """An error that came as an event is told from a live one like any other."""
    body = b'data: {"error":{"message":"Overloaded","code":503}}\n\n'
    own_gateway.enqueue(Fault(status=200, headers={"content-type": "text/event-stream"}, body=body.decode()))
    with pytest.raises(KiloError), use_cassette("c"):
        CALLS["stream"]()
    with pytest.raises(KiloError, match="Replayed: cassettes/c"), use_cassette("c"):
        CALLS["stream"]()


def test_a_real_recording_is_not_replaced_by_the_embedded_gateway() -> None:
    """Without a key a cassette of the real gateway is neither rewritten nor added to."""
    with use_cassette("c"):
        CALLS["client"]()
    FILE.write_text(FILE.read_text().replace("from: embedded gateway", "from: Kilo Gateway"))
    before = FILE.read_bytes()
    for mode in ("rewrite", "all", "new_episodes"):
        with pytest.raises(CassetteError, match="et KILOCODE_API_KEY") as caught, use_cassette("c", record=mode):
            KiloClient(model=MODEL).complete([{"role": "user", "content": "new"}])
        assert not isinstance(caught.value, NoMatchError)
        assert FILE.read_bytes() == before


def test_the_embedded_gateway_is_named_loudly(caplog: pytest.LogCaptureFixture, run: Any, pytester: Any) -> None:
    """Who records without a key is told what answered: in the log, or in the summary of pytest."""
    code = """
from kilo_gateway import KiloClient
from kilo_gateway.testing import use_cassette

@use_cassette
def test_it():
    assert KiloClient(model="openai/gpt-5-mini").complete([{"role": "user", "content": "Hello"}]).text
"""
    pytester.makepyfile(test_it=code)
    run().stdout.fnmatch_lines(
        ["recorded  cassettes/test_it/test_it.kilo.yaml from the embedded gateway", "There was no key: the embedded*"]
    )
    run("--kilo-record=none").stdout.no_fnmatch_line("There was no key*")
