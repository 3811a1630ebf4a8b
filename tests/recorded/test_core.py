"""The core client against recorded answers: sync, async, streamed, embeddings, discovery and the gateway's errors."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kilo_gateway import AsyncKiloClient, InvalidRequestError, KiloClient
from kilo_gateway.errors import KiloError

pytestmark = pytest.mark.kilo_cassette

MODEL = "anthropic/claude-sonnet-4.6"
QUESTION = [{"role": "user", "content": "The train leaves at 20:29. When does the train leave?"}]


def test_a_whole_answer() -> None:
    """A completion has text, usage and cost."""
    answer = KiloClient(model=MODEL).complete(QUESTION)
    assert "20:29" in answer.text
    assert answer.usage is not None
    assert answer.usage.cost is not None


def test_a_whole_answer_awaited() -> None:
    """The async client reads the same."""
    answer = asyncio.run(AsyncKiloClient(model=MODEL).complete(QUESTION))
    assert "20:29" in answer.text


def test_a_stream() -> None:
    """The deltas of a stream are the whole answer."""
    stream = KiloClient(model=MODEL).stream(QUESTION)
    text = "".join(delta.text or "" for delta in stream)
    assert "20:29" in text
    assert stream.completion.text == text


def test_an_async_stream() -> None:
    """The async client streams the same."""

    async def read() -> tuple[str, Any]:
        stream = AsyncKiloClient(model=MODEL).stream(QUESTION)
        return "".join([delta.text or "" async for delta in stream]), stream.completion

    text, completion = asyncio.run(read())
    assert "20:29" in text
    assert completion.text == text


@pytest.mark.kilo_cassette("test_a_stream", pieces="random:7")
def test_a_stream_in_random_pieces() -> None:
    """Wherever the network cuts the stream, the answer is the same."""
    stream = KiloClient(model=MODEL).stream(QUESTION)
    assert "".join(delta.text or "" for delta in stream) == stream.completion.text
    assert "20:29" in stream.completion.text


def test_embeddings() -> None:
    """Vectors come in the order of their texts."""
    found = KiloClient().embed(["a canal", "a bee"], model="openai/text-embedding-3-small", dimensions=8)
    assert [len(vector) for vector in found.vectors] == [8, 8]


@pytest.mark.kilo_cassette(models=["kilo-auto/balanced", "openai/gpt-5-mini"])
def test_discovery() -> None:
    """The gateway's models stand before the bundled ones."""
    models = KiloClient().list_models()
    assert [model.id for model in models[:2]] == ["kilo-auto/balanced", "openai/gpt-5-mini"]
    assert "kilo/auto" in [model.id for model in models]


@pytest.mark.kilo_cassette(models=["kilo-auto/balanced"])
def test_the_default_model() -> None:
    """The default model is answered by its successor when the gateway does not know it."""
    answer = KiloClient().complete(QUESTION)
    assert "20:29" in answer.text


def test_an_error() -> None:
    """An unknown model is a typed error with the gateway's own words."""
    with pytest.raises(KiloError, match="no-such-model") as caught:
        KiloClient(model="acme/no-such-model").complete(QUESTION)
    assert not isinstance(caught.value, InvalidRequestError)
