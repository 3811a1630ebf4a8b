"""Arguments of the constructors that were once taken for something else, and keys in tracebacks of refusals."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from pydantic import Field

from kilo_gateway.errors import InvalidModelError, InvalidSettingError, KiloError, MissingKeyError
from kilo_gateway.testing import EmbeddedGateway
from llama_index_kilo import KiloEmbedding, KiloLLM

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = "sk-very-secret-0123456789"
SECRET = "header-secret-0123456789"


@pytest.mark.parametrize("kind", [KiloLLM, KiloEmbedding])
@pytest.mark.parametrize("model", ["", "   "])
def test_an_empty_model_is_not_the_default_model(kind: Any, model: str) -> None:
    """Only None takes the default model; an empty name is refused."""
    with pytest.raises(InvalidModelError):
        kind(api_key=KEY, model=model)
    assert kind(api_key=KEY, model=None).model == kind(api_key=KEY).model


def test_a_model_that_only_the_live_list_marks_free_is_found_at_startup() -> None:
    """`discover="startup"` asks the list before a key is missed; without it the error says so; paid ones need a key."""
    row = {"id": "zz/free-one", "name": "Free", "isFree": True, "pricing": {"prompt": "1", "completion": "1"}}
    with EmbeddedGateway() as own:
        own.catalog.append(row)
        given = {"base_url": own.base_url}
        with pytest.raises(MissingKeyError, match='live list marks free, set discover="startup"'):
            KiloLLM(**given, model="zz/free-one")
        assert own.requests == []
        KiloLLM(**given, model="zz/free-one", discover="startup")
        assert [request.path for request in own.requests] == ["/api/gateway/models"]
        with pytest.raises(MissingKeyError):
            KiloLLM(**given, model="openai/gpt-5", discover="startup")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"temperature": float("nan")}, "temperature.*finite"),
        ({"timeout": float("nan")}, "timeout"),
        ({"api_base": "http://127.0.0.1:1/", "base_url": "http://127.0.0.1:2/"}, "api_base and base_url are two names"),
        ({"base_url": "http://127.0.0.1:1/", "api_base": "http://127.0.0.1:2/"}, "base_url and api_base are two names"),
        ({"metadata": {"a": "1"}, "request_metadata": {}}, "metadata and request_metadata are two names"),
    ],
)
def test_two_names_are_said_of_two_names_only(arguments: dict[str, Any], said: str) -> None:
    """The error names both spellings that were given; a value that is not equal to itself has an error of its own."""
    with pytest.raises(KiloError, match=said) as caught:
        KiloLLM(api_key=KEY, **arguments)
    assert ("two names" in str(caught.value)) == ("two names" in said)


@pytest.mark.parametrize("kind", [KiloLLM, KiloEmbedding])
@pytest.mark.parametrize("wrong", [{"temprature": 1}, {"timeout": -1}, {"max_retries": -1}, {"model": ""}])
def test_a_refusal_keeps_the_key_out_of_its_frames(kind: Any, wrong: dict[str, Any]) -> None:
    """A traceback that shows local variables shows no key in the frames of this package."""
    given = {"model": "lab/model"} | wrong
    with pytest.raises(KiloError) as caught:
        kind(api_key=KEY, **given)
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = [frame for frame in shown.stack if "llama_index_kilo" in frame.filename]
    assert frames
    assert KEY not in "".join(repr(frame.locals) for frame in frames)


class _Events(BaseEventHandler):
    """Keeps what is told, as text."""

    told: list[str] = Field(default_factory=list)

    def handle(self, event: Any, **kwargs: Any) -> None:
        """Keep the event in both of its forms."""
        self.told += [repr(event), event.model_dump_json()]


def test_secret_headers_of_a_call_are_in_no_event(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A header that is secret by its name reaches the wire, and neither events nor callbacks; others reach all."""
    events, payloads = _Events(), []
    dispatcher = get_dispatcher()
    monkeypatch.setattr(dispatcher, "event_handlers", [*dispatcher.event_handlers, events])
    llm = make_llm(callback_manager=CallbackManager([]))
    monkeypatch.setattr(
        llm.callback_manager, "on_event_start", lambda *_, payload=None, **__: payloads.append(repr(payload)) or "id"
    )
    headers = {"X-Api-Key": SECRET, "X-Plain": "plain"}
    ask.chat(llm, [ChatMessage(content="hi")], extra_headers=headers)
    ask.stream(llm, "hi", extra_headers=headers)
    ask.complete(llm, "hi", extra_headers=headers)
    ask.stream_complete(llm, "hi", extra_headers=headers)
    assert [request.headers["x-api-key"] for request in gateway.requests] == [SECRET] * 4
    text = "".join([*events.told, *payloads])
    assert SECRET not in text
    assert "X-Plain" in "".join(events.told)
    assert "X-Plain" in "".join(payloads)
    assert headers["X-Api-Key"] == SECRET


def test_a_model_without_its_name_says_what_to_write() -> None:
    """`KiloLLM("x")` is told the argument's name."""
    with pytest.raises(InvalidSettingError, match=r"write KiloLLM\(model='z-ai/glm-5'\)"):
        KiloLLM("z-ai/glm-5")
