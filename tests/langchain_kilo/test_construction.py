"""Making a ChatKilo: arguments, environment, refusals, and what is never shown."""

from __future__ import annotations

import copy
import json
import pickle
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from langchain_core.exceptions import ModelAuthenticationError, ModelError, ModelInvalidRequestError
from langchain_core.load import dumps, load
from langchain_core.rate_limiters import InMemoryRateLimiter
from langchain_core.runnables import ConfigurableField

from kilo_gateway import errors as core
from kilo_gateway.request.options import FIELD_OF, OPTIONS
from langchain_kilo import ChatKilo

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway

KEY = "a-key-that-must-stay-hidden"


def test_defaults_are_those_of_the_provider_page() -> None:
    """Without arguments the model is `kilocode/kilo/auto` at Kilo's own gateway, tried again twice."""
    model = ChatKilo(api_key=KEY)
    assert (model.model, model.base_url, model.max_retries) == (
        "kilocode/kilo/auto",
        "https://api.kilo.ai/api/gateway/",
        2,
    )


@pytest.mark.parametrize("given", ["kilocode/a/b", "a/b", " a/b "])
def test_prefix_of_the_model_is_optional(given: str) -> None:
    """A ref with and without its prefix is one model, and is shown as a ref."""
    assert ChatKilo(api_key=KEY, model=given).model == "kilocode/a/b"


def test_arguments_beat_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting is the argument, else its variable; the object shows what it uses."""
    monkeypatch.setenv("KILOCODE_API_KEY", "key-of-the-environment")
    monkeypatch.setenv("KILOCODE_MODEL", "lab/of-the-environment")
    monkeypatch.setenv("KILOCODE_ORGANIZATION_ID", "org-of-the-environment")
    model = ChatKilo(model="lab/of-the-argument")
    assert model.model == "kilocode/lab/of-the-argument"
    assert model.organization_id == "org-of-the-environment"
    assert model.api_key.get_secret_value() == "key-of-the-environment"


@pytest.mark.parametrize(
    ("alias", "value", "field", "expected"),
    [
        ("model_name", "a/b", "model", "kilocode/a/b"),
        ("stop_sequences", ["x"], "stop", ["x"]),
        ("model_kwargs", {"top_x": 1}, "extra_body", {"top_x": 1}),
    ],
)
def test_other_spellings_of_arguments(alias: str, value: Any, field: str, expected: Any) -> None:
    """Names that other integrations use mean the same here."""
    assert getattr(ChatKilo(api_key=KEY, **{alias: value}), field) == expected


def test_two_spellings_of_one_argument_are_refused() -> None:
    """`model` and `model_name` together are refused, not resolved by order."""
    with pytest.raises(core.InvalidRequestError, match="only one"):
        ChatKilo(api_key=KEY, model="a/b", model_name="c/d")


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_every_option_of_the_core_is_a_field(name: str) -> None:
    """No option of the gateway is missing; `metadata` is called `request_metadata`, for LangChain has its own."""
    assert FIELD_OF[name] in ChatKilo.model_fields


@pytest.mark.parametrize(
    ("arguments", "near"),
    [({"temprature": 1}, "temperature"), ({"api_kye": "x"}, "api_key"), ({"functions": []}, "tools")],
)
def test_unknown_arguments_are_refused_with_the_nearest(arguments: dict[str, Any], near: str) -> None:
    """A misspelt argument is an error that names the right one; it is never dropped and never sent."""
    with pytest.raises(core.InvalidRequestError, match=f"Did you mean '{near}'"):
        ChatKilo(api_key=KEY, **arguments)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"temperature": "warm"}, core.InvalidRequestError),
        ({"n": True}, core.InvalidRequestError),
        ({"stop": "x", "tools": "y"}, core.InvalidRequestError),
        ({"reasoning": "hihg"}, core.InvalidRequestError),
        ({"reasoning": "low", "reasoning_effort": "high"}, core.InvalidRequestError),
        ({"extra_body": [1]}, core.InvalidRequestError),
        ({"base_url": "nowhere"}, core.InvalidSettingError),
        ({"max_retries": -1}, core.InvalidSettingError),
        ({"timeout": 0}, core.InvalidSettingError),
        ({"model": ""}, core.InvalidModelError),
        ({"api_key": "  "}, core.MissingKeyError),
        ({"default_headers": {"X": "a\nb"}}, core.InvalidSettingError),
    ],
)
def test_bad_arguments_raise_the_cores_typed_errors(arguments: dict[str, Any], error: type[Exception]) -> None:
    """Setup errors are the core's classes, LangChain's `ModelError` and ValueErrors, not pydantic's wrapping."""
    with pytest.raises(error) as caught:
        ChatKilo(**{"api_key": KEY, **arguments})
    assert isinstance(caught.value, ModelError)
    assert isinstance(caught.value, ValueError)
    assert KEY not in str(caught.value)


def test_missing_key_says_how_to_get_one() -> None:
    """Without a key a paid model fails at construction, and the error says what to do."""
    with pytest.raises(core.MissingKeyError, match=r"app\.kilo\.ai.*KILOCODE_API_KEY") as caught:
        ChatKilo(model="a/b")
    assert isinstance(caught.value, ModelAuthenticationError)


def test_free_models_need_no_key() -> None:
    """An id that ends in `:free` can be used without a key."""
    assert ChatKilo(model="lab/model:free").api_key is None


def test_discovery_at_startup_asks_once(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """With `discover="startup"` the model list is fetched when the first object is made, and the profile knows it."""
    make(discover="startup", model="deepseek/deepseek-v3.2")
    make(discover="startup", model="deepseek/deepseek-v3.2")
    assert [request.path for request in gateway.requests] == ["/api/gateway/models"]


def test_secrets_are_never_shown(make: Callable[..., ChatKilo]) -> None:
    """Key and headers appear in no repr, dump, pickle, trace or cache key."""
    model = make(api_key=KEY, default_headers={"X-Anything": "a-header-that-must-stay-hidden"})
    shown = [
        repr(model),
        str(model),
        dumps(model),
        json.dumps(model.asdict(), default=str),
        str(model._get_invocation_params(api_key=KEY, extra_headers={"X-Api-Key": KEY})),
        model._get_llm_string(api_key=KEY, extra_headers={"Authorization": KEY}),
        str(model.model_dump()),
    ]
    assert not [text for text in shown if "must-stay-hidden" in text]
    assert b"must-stay-hidden" not in pickle.dumps(model)


def test_pickled_copy_takes_its_key_from_the_environment(
    make: Callable[..., ChatKilo], monkeypatch: pytest.MonkeyPatch, gateway: EmbeddedGateway
) -> None:
    """A model object that crosses a process boundary works there with that process's key."""
    data = pickle.dumps(make(temperature=0.5, http_client=httpx.Client()))
    monkeypatch.setenv("KILOCODE_API_KEY", gateway.api_key)
    revived = pickle.loads(data)
    assert revived.api_key is None
    assert revived.temperature == 0.5
    assert revived.invoke("Hello").text


def test_deep_copies_share_connections_and_limits(make: Callable[..., ChatKilo]) -> None:
    """A deep copy keeps the key and the options, and shares what holds sockets or locks."""
    client, limiter = httpx.Client(), InMemoryRateLimiter(requests_per_second=1000)
    model = make(http_client=client, rate_limiter=limiter, extra_body={"a": [1]})
    copied = copy.deepcopy(model)
    assert copied.http_client is client
    assert copied.rate_limiter is limiter
    assert copied.extra_body == {"a": [1]}
    assert copied.extra_body["a"] is not model.extra_body["a"]
    assert copied.api_key.get_secret_value() == model.api_key.get_secret_value()
    client.close()


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_dumped_models_load_again(make: Callable[..., ChatKilo], gateway: EmbeddedGateway) -> None:
    """`dumps` and `load` give the same model back, the key coming from where the loader says."""
    model = make(temperature=0.5, reasoning={"max_tokens": 5}, request_metadata={"a": "b"}, timeout=(3, 4))
    revived = load(
        json.loads(dumps(model)),
        allowed_objects=[ChatKilo],
        valid_namespaces=["langchain_kilo"],
        secrets_map={"KILOCODE_API_KEY": gateway.api_key},
    )
    assert revived.asdict() == model.asdict()
    assert revived.invoke("Hello").text


def test_fields_can_be_configured_at_run_time(make: Callable[..., ChatKilo], gateway: EmbeddedGateway) -> None:
    """`configurable_fields` changes a field of one call, and the profile follows the model."""
    model = make().configurable_fields(
        model=ConfigurableField(id="model"), temperature=ConfigurableField(id="temperature")
    )
    changed = model.with_config(configurable={"model": "kilo/auto", "temperature": 0.1})
    gateway.options.accept_kilo_auto = True
    changed.invoke("Hello", extra_headers={"X-Test": "1"})
    assert gateway.requests[-1].body["temperature"] == 0.1
    assert gateway.requests[-1].body["model"] == "kilo/auto"
    prepared, _ = changed.prepare()
    assert prepared.profile["name"] == "Kilo Auto"
    assert len(list(changed.stream("Hello"))) > 2


def test_changed_fields_count_from_then_on(make: Callable[..., ChatKilo], gateway: EmbeddedGateway) -> None:
    """A field that is assigned, or changed in a copy, is used by the next call; no stale client answers."""
    model = make()
    model.invoke("Hello")
    model.task_id = "task-1"
    model.invoke("Hello")
    model.model_copy(update={"task_id": "task-2"}).invoke("Hello")
    assert [request.headers.get("x-kilocode-taskid") for request in gateway.requests] == [None, "task-1", "task-2"]


def test_setup_errors_are_langchains_invalid_requests() -> None:
    """`except ModelInvalidRequestError` catches a misuse of the constructor."""
    with pytest.raises(ModelInvalidRequestError):
        ChatKilo(api_key=KEY, colour="blue")


def test_a_model_without_its_name_says_what_to_write() -> None:
    """`ChatKilo("x")` is told the argument's name; what looks like a key is not shown."""
    with pytest.raises(core.InvalidSettingError, match=r"write ChatKilo\(model='z-ai/glm-5'\)"):
        ChatKilo("z-ai/glm-5")  # type: ignore[misc]
    with pytest.raises(core.InvalidSettingError, match=r"write ChatKilo\(model='kilocode/kilo/auto'\)"):
        ChatKilo("sk-kilo-0123456789abcdef")  # type: ignore[misc]
