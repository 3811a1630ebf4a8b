"""What model objects of both frameworks do with their settings: one rule, held once."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import pytest
from pydantic import SecretStr

from kilo_gateway.errors import InvalidSettingError, KiloError
from kilo_gateway.testing import EmbeddedGateway
from langchain_kilo import ChatKilo, KiloEmbeddings
from llama_index_kilo import KiloEmbedding, KiloLLM

KEY = "a-key-that-must-stay-hidden"
ALL = pytest.mark.parametrize("kind", [ChatKilo, KiloLLM, KiloEmbeddings, KiloEmbedding])
CHAT = pytest.mark.parametrize("kind", [ChatKilo, KiloLLM])


def _say(model: Any) -> str:
    """Return what a chat model answers, whichever framework it is of."""
    return str(model.invoke("Hello").text if isinstance(model, ChatKilo) else model.complete("Hello").text)


async def _asay(model: Any) -> str:
    """Return what a chat model answers to an awaited call."""
    answer = await (model.ainvoke("Hello") if isinstance(model, ChatKilo) else model.acomplete("Hello"))
    return str(answer.text)


@ALL
def test_fields_show_what_is_used(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A field holds the argument, else its variable, else the default, as the settings made it."""
    monkeypatch.setenv("KILOCODE_TASK_ID", " task-of-environment ")
    made = kind(api_key=KEY, base_url="https://gateway.example/api", max_retries=5)
    assert (made.base_url, made.max_retries, made.task_id) == ("https://gateway.example/api/", 5, "task-of-environment")
    assert (kind(api_key=KEY).base_url, kind(api_key=KEY).max_retries) == ("https://api.kilo.ai/api/gateway/", 2)
    assert made.settings.describe()["task_id"]["from"] == "KILOCODE_TASK_ID"


@ALL
def test_a_changed_setting_counts_and_a_bad_one_is_refused(kind: Any) -> None:
    """An assigned setting is checked at once, is shown as it is used, and holds from the next call on."""
    made = kind(api_key=KEY)
    made.base_url = "https://other.example/api"
    made.api_key = "another-key"
    assert made.base_url == made.settings.base_url == "https://other.example/api/"
    assert isinstance(made.api_key, SecretStr)
    assert made.settings.api_key.get_secret_value() == "another-key"
    with pytest.raises(InvalidSettingError):
        made.max_retries = -1
    assert made.max_retries == made.settings.max_retries == 2
    made.base_url = None
    assert made.settings.base_url == made.base_url == "https://api.kilo.ai/api/gateway/"


@ALL
def test_headers_may_be_changed_where_they_are(kind: Any) -> None:
    """A header that is added to the mapping of an object is sent from then on."""
    made = kind(api_key=KEY, default_headers={"X-One": "1"})
    made.default_headers["X-Two"] = "2"
    assert made.settings.default_headers == {"X-One": "1", "X-Two": "2"}


@pytest.mark.parametrize("kind", [KiloLLM, KiloEmbedding])
def test_both_names_of_the_gateway_are_one(kind: Any) -> None:
    """`api_base` and `base_url` always say the same, however one of them was given or changed."""
    made = kind(api_key=KEY, api_base="https://one.example")
    assert made.api_base == made.base_url == "https://one.example/"
    made.base_url = "https://two.example"
    assert made.api_base == made.base_url == "https://two.example/"
    made.api_base = "https://three.example"
    assert made.api_base == made.base_url == made.settings.base_url == "https://three.example/"


@CHAT
def test_a_key_may_come_from_a_function(kind: Any) -> None:
    """A function given as `api_key` is asked at each call: plain in both ways, async in awaited calls alone."""
    with EmbeddedGateway() as gateway:
        asked: list[str] = []

        def key() -> str:
            asked.append("plain")
            return gateway.api_key

        async def async_key() -> str:
            asked.append("async")
            return gateway.api_key

        model = kind(api_key=key, base_url=gateway.base_url)
        assert asked == []
        assert _say(model)
        assert asyncio.run(_asay(model))
        awaited = kind(api_key=async_key, base_url=gateway.base_url)
        assert asyncio.run(_asay(awaited))
        assert asked == ["plain", "plain", "async"]
        with pytest.raises(KiloError, match="async function"):
            _say(awaited)


@ALL
def test_copies_and_pickles(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy with another setting leaves the first alone; a pickle holds no key, and takes one where it is read."""
    made = kind(api_key=KEY, task_id="one")
    changed = made.model_copy(update={"task_id": "two"})
    assert (made.settings.task_id, changed.settings.task_id) == ("one", "two")
    assert copy.deepcopy(made).settings.api_key.get_secret_value() == KEY
    data = pickle.dumps(made)
    assert KEY.encode() not in data
    monkeypatch.setenv("KILOCODE_API_KEY", "key-of-that-process")
    revived = pickle.loads(data)
    assert revived.settings.api_key.get_secret_value() == "key-of-that-process"
    assert revived.task_id == "one"


@ALL
def test_reprs_are_short_and_hold_no_key(kind: Any) -> None:
    """A repr shows the model and what was given, and neither a key nor a secret header."""
    shown = repr(kind(api_key=KEY, task_id="one", default_headers={"X-Api-Key": KEY}))
    assert "model" in shown
    assert "task_id='one'" in shown
    assert "max_retries" not in shown
    assert KEY not in shown
