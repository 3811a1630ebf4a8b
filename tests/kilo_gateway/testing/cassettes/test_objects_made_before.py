"""Models that are made before any cassette is in use: at import, without a key, for another gateway."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway import AsyncKiloClient, KiloClient, MissingKeyError
from kilo_gateway.errors import SetupError
from kilo_gateway.settings import key_policy
from kilo_gateway.testing import Account, EmbeddedGateway, use_cassette
from langchain_kilo import ChatKilo, KiloEmbeddings
from llama_index_kilo import KiloEmbedding, KiloLLM

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.usefixtures("folder")

MODEL = "anthropic/claude-sonnet-4.6"
EMBEDDER = "openai/text-embedding-3-small"
HELLO = [{"role": "user", "content": "Hello"}]
KEY = "kilo-real-key-0123456789"
FILE = Path("cassettes/c.kilo.yaml")

CALLS: dict[str, Callable[[], Callable[[], Any]]] = {
    "client": lambda: (client := KiloClient(model=MODEL)) and (lambda: client.complete(HELLO).text),
    "async client": lambda: (
        (client := AsyncKiloClient(model=MODEL)) and (lambda: asyncio.run(client.complete(HELLO)).text)
    ),
    "chat model": lambda: (model := ChatKilo(model=MODEL)) and (lambda: model.invoke("Hello").text),
    "streaming chat model": lambda: (
        (model := ChatKilo(model=MODEL)) and (lambda: [c.text for c in model.stream("Hello")])
    ),
    "awaited chat model": lambda: (
        (model := ChatKilo(model=MODEL)) and (lambda: asyncio.run(model.ainvoke("Hello")).text)
    ),
    "LangChain embeddings": lambda: (model := KiloEmbeddings(model=EMBEDDER)) and (lambda: model.embed_query("Hello")),
    "llm": lambda: (model := KiloLLM(model=MODEL)) and (lambda: model.complete("Hello").text),
    "awaited llm": lambda: (model := KiloLLM(model=MODEL)) and (lambda: asyncio.run(model.acomplete("Hello")).text),
    "LlamaIndex embedding": lambda: (
        (model := KiloEmbedding(model=EMBEDDER)) and (lambda: model.get_text_embedding("Hello"))
    ),
}
"""Each makes an object and returns the call."""


@pytest.mark.parametrize("kind", list(CALLS))
def test_an_object_made_without_a_key_is_recorded_and_replayed(kind: str) -> None:
    """What a test module makes at import asks the embedded gateway while recording, and the file afterwards."""
    with key_policy.check_deferred():
        call = CALLS[kind]()
    with use_cassette("c") as cassette:
        first = call()
    assert cassette.recorded == 1
    assert cassette.origin is not None
    assert cassette.origin["from"] == "embedded gateway"
    with use_cassette("c", record="none") as cassette:
        assert call() == first
    assert cassette.all_played


@pytest.mark.parametrize("kind", ["client", "awaited chat model", "llm"])
def test_an_object_of_a_replay_records_at_the_gateway_of_the_environment(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An object with the placeholder key of one test is recorded in another, with the key and gateway of now."""
    with use_cassette("c"):
        KiloClient(model=MODEL).complete(HELLO)
    with pytest.warns(UserWarning, match="nobody asked for"), use_cassette("c"):
        call = CALLS[kind]()
    with EmbeddedGateway() as gateway:
        gateway.accounts.add(Account(key=KEY))
        monkeypatch.setenv("KILOCODE_API_KEY", KEY)
        monkeypatch.setenv("KILOCODE_BASE_URL", gateway.base_url)
        with use_cassette("d"):
            call()
        (request,) = gateway.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in Path("cassettes/d.kilo.yaml").read_text()


def test_another_path_is_replayed_for_an_object_made_at_import() -> None:
    """A cassette of a gateway below another path answers an object that was made for the default one."""
    client = KiloClient(model=MODEL)
    with use_cassette("c"):
        client.complete(HELLO)
    moved = FILE.read_text().replace("base_url: http://127.0.0.1/api/gateway/", "base_url: https://llm.example/v1/")
    FILE.write_text(
        moved.replace("from: embedded gateway", "from: another server").replace("path: /api/gateway/", "path: /v1/")
    )
    with use_cassette("c") as cassette:
        assert client.complete(HELLO).text
    assert cassette.all_played


def test_a_gateway_that_is_named_by_the_caller_is_asked() -> None:
    """An object that was given a gateway of its own is recorded there."""
    with EmbeddedGateway() as gateway:
        client = KiloClient(model=MODEL, base_url=gateway.base_url, api_key=gateway.api_key)
        with use_cassette("c"):
            client.complete(HELLO)
        assert len(gateway.requests) == 1


def test_a_key_is_not_sent_unencrypted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment names is held to the same rules when an object was made before."""
    client = KiloClient(model=MODEL)
    monkeypatch.setenv("KILOCODE_API_KEY", KEY)
    monkeypatch.setenv("KILOCODE_BASE_URL", "http://llm.example/v1/")
    with pytest.raises(SetupError, match="unencrypted"), use_cassette("c"):
        client.complete(HELLO)


AT_IMPORT = """
import pytest
from kilo_gateway import KiloClient, MissingKeyError
from langchain_kilo import ChatKilo
from llama_index_kilo import KiloLLM
chat, llm, client = ChatKilo(model=M), KiloLLM(model=M), KiloClient(model=M)

@pytest.mark.kilo_cassette
def test_replays():
    assert chat.invoke("a").text and llm.complete("b").text
    assert client.complete([{"role": "user", "content": "c"}]).text

def test_refuses():
    with pytest.raises(MissingKeyError, match="KILOCODE_API_KEY"):
        chat.invoke("a")
    with pytest.raises(MissingKeyError, match="KILOCODE_API_KEY"):
        KiloLLM(model=M)
"""


@pytest.mark.parametrize("home", ["test module", "conftest"])
def test_models_made_at_import_need_no_key(pytester: pytest.Pytester, run: Any, home: str) -> None:
    """A test module or a conftest makes models with no key there; outside of a cassette their calls say what to set."""
    code = AT_IMPORT.replace("=M", f"={MODEL!r}")
    if home == "conftest":
        imports, _, tests = code.partition("@pytest.mark")
        pytester.makeconftest(imports)
        code = f"from conftest import *\n\n@pytest.mark{tests}"
    pytester.makepyfile(test_it=code)
    run(is_strict_about_warnings=False).assert_outcomes(passed=2)
    run("--kilo-record=none", is_strict_about_warnings=False).assert_outcomes(passed=2)
    with pytest.raises(MissingKeyError, match="KILOCODE_API_KEY"):
        ChatKilo(model=MODEL)
