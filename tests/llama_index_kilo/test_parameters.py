"""What the constructor and a call take, how they win over one another, and what reaches the wire of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from llama_index.core.base.llms.types import ChatMessage

from kilo_gateway.errors import InvalidRequestError, InvalidSettingError, MissingKeyError
from kilo_gateway.request.options import OPTIONS
from kilo_gateway.settings.timeouts import Timeouts
from llama_index_kilo import KiloLLM

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway

    MakeLlm = Callable[..., KiloLLM]

HI = [ChatMessage(content="hi")]

VALUES: dict[str, Any] = {
    "temperature": 0.25,
    "top_p": 0.5,
    "top_k": 40,
    "top_a": 0.1,
    "min_p": 0.05,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "repetition_penalty": 1.1,
    "logit_bias": {"50256": -100.0},
    "logprobs": True,
    "top_logprobs": 2,
    "seed": 7,
    "n": 1,
    "max_tokens": 100,
    "max_completion_tokens": 120,
    "stop": ["END"],
    "response_format": {"type": "text"},
    "structured_outputs": True,
    "verbosity": "low",
    "modalities": ["text"],
    "audio": {"voice": "alloy", "format": "wav"},
    "image_config": {"aspect_ratio": "1:1"},
    "prediction": {"type": "content", "content": "x"},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
    "tool_choice": "none",
    "parallel_tool_calls": False,
    "provider": {"order": ["anthropic"]},
    "plugins": [{"id": "web"}],
    "transforms": ["middle-out"],
    "models": ["openai/gpt-5.2"],
    "route": "fallback",
    "user": "me",
    "metadata": {"team": "a"},
    "session_id": "s-1",
    "safety_identifier": "me",
    "prompt_cache_key": "k",
    "service_tier": "flex",
    "store": False,
    "include_reasoning": True,
    "web_search_options": {"search_context_size": "low"},
    "cache_control": {"type": "ephemeral"},
}


def _sent(make_llm: MakeLlm, arguments: dict[str, Any], call: dict[str, Any]) -> dict[str, Any]:
    """Return the body that a model sends, read by a transport that answers at once."""
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}
        return httpx.Response(200, json={"id": "gen-1", "model": "m", "choices": [choice]})

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        make_llm(http_client=client, **arguments).chat(HI, **call)
    body: dict[str, Any] = httpx.Response(200, content=bodies[-1]).json()
    return body


def test_every_option_has_a_value_here() -> None:
    """The table of values covers every option of the core, so that a new one is tested at once."""
    assert VALUES.keys() == OPTIONS.keys()


def test_every_option_is_an_argument_of_constructor_and_call(make_llm: MakeLlm) -> None:
    """Each option can be given to the constructor, in additional_kwargs and to a call, and is sent as it is."""
    wrong = []
    for name, value in VALUES.items():
        given = {name: value}
        if name in {"tool_choice", "parallel_tool_calls"}:
            given["tools"] = VALUES["tools"]
        for arguments, call in ((given, {}), ({"additional_kwargs": given}, {}), ({}, given)):
            if (sent := _sent(make_llm, arguments, call).get(name)) != value:
                wrong.append((name, arguments, call, sent))
    assert wrong == []


def test_no_option_is_sent_unless_given(make_llm: MakeLlm) -> None:
    """Nothing but model and messages is sent by default: every default is the gateway's own."""
    assert _sent(make_llm, {}, {}).keys() & OPTIONS.keys() == set()


def test_max_tokens_is_sent_only_when_set(make_llm: MakeLlm) -> None:
    """No limit is sent by default; the constructor's is sent; a call's wins over it."""
    assert "max_tokens" not in _sent(make_llm, {}, {})
    assert _sent(make_llm, {"max_tokens": 50}, {})["max_tokens"] == 50
    assert _sent(make_llm, {"max_tokens": 50}, {"max_tokens": 5})["max_tokens"] == 5


def test_precedence(make_llm: MakeLlm) -> None:
    """A call's argument wins over additional_kwargs, which wins over the field; None in a call omits the option."""
    arguments = {"temperature": 0.1, "seed": 1, "top_p": 0.1, "additional_kwargs": {"seed": 2, "top_p": 0.2}}
    body = _sent(make_llm, arguments, {"top_p": 0.3, "temperature": None})
    assert (body["seed"], body["top_p"]) == (2, 0.3)
    assert "temperature" not in body


def test_extra_body_is_flat_and_merged(make_llm: MakeLlm) -> None:
    """Extra_body is merged over the body, the call's entries over the constructor's."""
    body = _sent(make_llm, {"extra_body": {"one": 1, "two": 1}}, {"extra_body": {"two": 2}})
    assert (body["one"], body["two"]) == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"reasoning": "high"}, {"effort": "high"}),
        ({"reasoning_effort": "low"}, {"effort": "low"}),
        ({"reasoning": {"max_tokens": 2000}}, {"max_tokens": 2000}),
        ({"reasoning": {"enabled": True}, "reasoning_effort": "high"}, {"enabled": True, "effort": "high"}),
    ],
)
def test_reasoning_is_sent(make_llm: MakeLlm, arguments: dict[str, Any], expected: dict[str, Any]) -> None:
    """A level or an object, given to the constructor or to a call, arrives as the gateway's `reasoning`."""
    for body in (_sent(make_llm, arguments, {}), _sent(make_llm, {}, arguments)):
        assert body["reasoning"] == expected
        assert "reasoning_effort" not in body


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"temprature": 0.3}, "'temperature'"),
        ({"api_keys": "k"}, "'api_key'"),
        ({"top_pp": 0.3}, "'top_p'"),
        ({"organisation_id": "x"}, "'organization_id'"),
    ],
)
def test_unknown_constructor_argument(arguments: dict[str, Any], hint: str) -> None:
    """An unknown argument of the constructor is refused, with the nearest known one."""
    with pytest.raises(InvalidRequestError, match=hint):
        KiloLLM(api_key="test-key", **arguments)


def test_unknown_call_argument(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """An unknown argument of a call is refused, with the nearest known one, before anything is sent."""
    with pytest.raises(InvalidRequestError, match="'temperature'"):
        ask.chat(llm, "hi", temprature=0.3)
    with pytest.raises(InvalidRequestError, match="'temperature'"):
        ask.stream(llm, "hi", temprature=0.3)
    assert gateway.requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"temperature": "hot"},
        {"max_tokens": 1.5},
        {"additional_kwargs": {"temprature": 1}},
        {"additional_kwargs": {"extra_headers": {"Authorization": "Bearer x"}}},
        {"reasoning": "hgih"},
        {"reasoning": "low", "reasoning_effort": "high"},
        {"extra_body": 3},
    ],
)
def test_wrong_options_are_refused_at_construction(arguments: dict[str, Any]) -> None:
    """An option of the wrong kind is a typed error of the constructor, not a failure of the first call."""
    with pytest.raises((InvalidRequestError, InvalidSettingError)):
        KiloLLM(api_key="test-key", **arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"base_url": "ftp://x/"},
        {"timeout": -1},
        {"max_retries": -1},
        {"context_window": "many"},
        {"additional_kwargs": 3},
    ],
)
def test_wrong_settings_are_typed_errors(arguments: dict[str, Any]) -> None:
    """A setting that cannot work raises InvalidSettingError, which is a ValueError and no error of pydantic."""
    with pytest.raises(InvalidSettingError) as caught:
        KiloLLM(api_key="test-key", **arguments)
    assert isinstance(caught.value, ValueError)
    assert "pydantic" not in type(caught.value).__module__


def test_missing_key_says_how_to_get_one() -> None:
    """Without a key a paid model is refused at construction, with the steps to a key; a free one is not."""
    with pytest.raises(MissingKeyError, match=r"app\.kilo\.ai.*KILOCODE_API_KEY"):
        KiloLLM(model="anthropic/claude-sonnet-4.6")
    assert KiloLLM(model="some/model:free").model == "kilocode/some/model:free"


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a key in the environment nothing else is needed: the default model at the default gateway."""
    monkeypatch.setenv("KILO_API_KEY", "key-of-environment")
    llm = KiloLLM()
    assert llm.model == "kilocode/kilo/auto"
    assert llm.base_url == llm.api_base == "https://api.kilo.ai/api/gateway/"
    assert llm.max_retries == 2
    assert llm.settings.describe()["api_key"] == {"value": "***", "from": "KILO_API_KEY"}


def test_environment_and_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings come from the environment, and arguments win over it."""
    monkeypatch.setenv("KILOCODE_API_KEY", "key-of-environment")
    monkeypatch.setenv("KILOCODE_BASE_URL", "https://gateway.example/api")
    monkeypatch.setenv("KILOCODE_MODEL", "openai/gpt-5.2")
    monkeypatch.setenv("KILOCODE_MAX_RETRIES", "5")
    llm = KiloLLM()
    assert (llm.base_url, llm.model, llm.max_retries) == (
        "https://gateway.example/api/",
        "kilocode/openai/gpt-5.2",
        5,
    )
    other = KiloLLM(api_base="https://other.example", model="kilocode/a/b", max_retries=0)
    assert (other.base_url, other.model, other.max_retries) == ("https://other.example/", "kilocode/a/b", 0)


def test_headers_reach_the_wire(gateway: EmbeddedGateway, make_llm: MakeLlm, ask: Any) -> None:
    """Key, organization, feature, task, mode, version and own headers are sent; a call may add more."""
    llm = make_llm(
        feature="direct-gateway",
        task_id="task-1",
        mode="code",
        client_version="1.2.3",
        session="s-1",
        project_id="p-1",
        editor="My App/1.2",
        machine_id="m-1",
        default_headers={"X-Own": "1", "X-Both": "constructor"},
    )
    ask.chat(llm, "hi", extra_headers={"X-Both": "call"}, request_id="r-1")
    headers = gateway.requests[-1].headers
    assert headers["Authorization"] == f"Bearer {gateway.api_key}"
    assert headers["X-KILOCODE-FEATURE"] == "direct-gateway"
    assert headers["X-KiloCode-TaskId"] == "task-1"
    assert headers["x-kilocode-mode"] == "code"
    assert headers["X-KiloCode-Version"] == "1.2.3"
    assert (headers["x-kilo-session"], headers["X-KiloCode-ProjectId"]) == ("s-1", "p-1")
    assert (headers["x-kilocode-editorname"], headers["x-kilocode-machineid"]) == ("My App/1.2", "m-1")
    assert headers["x-kilo-request"] == "r-1"
    assert (headers["X-Own"], headers["X-Both"]) == ("1", "call")


def test_a_call_may_name_another_model(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """The argument `model` of a call, with or without prefix, is asked instead of the object's."""
    ask.chat(llm, "hi", model="kilocode/openai/gpt-5.2")
    assert gateway.requests[-1].body["model"] == "openai/gpt-5.2"
    ask.chat(llm, "hi")
    assert gateway.requests[-1].body["model"] == "anthropic/claude-sonnet-4.6"


def test_fields_may_be_changed(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Options and settings that are assigned later count from the next call on."""
    llm.temperature = 0.5
    llm.model = "openai/gpt-5.2"
    llm.default_headers = {"X-Own": "later"}
    llm.max_retries = 0
    ask.chat(llm, "hi")
    request = gateway.requests[-1]
    assert (request.body["temperature"], request.body["model"]) == (0.5, "openai/gpt-5.2")
    assert request.headers["X-Own"] == "later"
    assert llm.settings.max_retries == 0


def test_a_wrong_change_is_refused(llm: KiloLLM) -> None:
    """A setting that cannot work is refused when it is assigned, and the old one stays."""
    before = llm.base_url
    with pytest.raises(InvalidSettingError):
        llm.base_url = "nonsense"
    assert llm.base_url == llm.api_base == before
    llm.api_base = "https://gateway.example"
    assert llm.settings.base_url == "https://gateway.example/"


@pytest.mark.parametrize("timeout", [5, (1, 5), {"read": 5}, Timeouts(read=5.0), httpx.Timeout(5.0)])
def test_timeouts_of_every_form(timeout: Any) -> None:
    """Every form of a timeout is understood, and a dump of it can be written as JSON and read again."""
    llm = KiloLLM(api_key="test-key", timeout=timeout)
    assert llm.settings.timeout.read == 5
    assert KiloLLM.from_json(llm.to_json(), api_key="test-key").settings.timeout == llm.settings.timeout


def test_completion_to_prompt(gateway: EmbeddedGateway, make_llm: MakeLlm, ask: Any) -> None:
    """A prompt is rewritten by completion_to_prompt unless it is said to be formatted already."""
    llm = make_llm(completion_to_prompt=lambda prompt: f"<{prompt}>")
    ask.complete(llm, "hi")
    assert gateway.requests[-1].body["messages"][0]["content"] == "<hi>"
    ask.complete(llm, "hi", formatted=True)
    assert gateway.requests[-1].body["messages"][0]["content"] == "hi"


def test_discovery_at_startup(gateway: EmbeddedGateway, make_llm: MakeLlm) -> None:
    """The model list is fetched by the constructor when that is asked for, and never otherwise."""
    make_llm()
    assert gateway.requests == []
    llm = make_llm(discover="startup", model="google/gemma-3-27b-it")
    assert [request.path.rpartition("/")[2] for request in gateway.requests] == ["models"]
    assert llm.metadata.context_window == next(
        entry["context_length"] for entry in gateway.catalog if entry["id"] == "google/gemma-3-27b-it"
    )
