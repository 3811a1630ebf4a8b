"""Where keys must not be, and what copies of a model are: dumps, pickles, deep copies."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from llama_index.core.callbacks import CallbackManager
from llama_index.core.rate_limiter import TokenBucketRateLimiter

from kilo_gateway.errors import AuthenticationError, MissingKeyError
from kilo_gateway.testing import Fault
from llama_index_kilo import KiloLLM

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway

KEY = "sk-very-secret-0123456789"
HEADERS = {"X-Plain": "plain", "X-Api-Key": "header-secret-0123456789"}


@pytest.fixture
def secretive() -> KiloLLM:
    """Return a model with a key and a secret header."""
    return KiloLLM(api_key=KEY, default_headers=HEADERS, temperature=0.5, model="lab/model")


def test_secrets_are_in_no_text(secretive: KiloLLM) -> None:
    """Neither the key nor a secret header is in repr, str, to_dict, to_json, the payload, a pickle or a schema."""
    shown = (
        repr(secretive),
        str(secretive),
        repr(secretive.to_dict()),
        secretive.to_json(),
        repr(secretive.to_payload()),
        repr(secretive.model_dump()),
        secretive.model_dump_json(),
        repr(pickle.dumps(secretive)),
        repr(secretive.settings),
        repr(secretive.settings.describe()),
    )
    for text in shown:
        assert KEY not in text
        assert HEADERS["X-Api-Key"] not in text


def test_from_dict_takes_the_key_of_the_environment(secretive: KiloLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model read from a dump or a pickle has its options, and the key of its own environment."""
    monkeypatch.setenv("KILOCODE_API_KEY", "key-of-environment")
    copies = (
        KiloLLM.from_dict(secretive.to_dict()),
        KiloLLM.from_json(secretive.to_json()),
        pickle.loads(pickle.dumps(secretive)),
    )
    for restored in copies:
        assert (restored.temperature, restored.model) == (0.5, "kilocode/lab/model")
        assert restored.default_headers == {"X-Plain": "plain"}
        assert restored.settings.api_key.get_secret_value() == "key-of-environment"


def test_a_dump_without_a_key_anywhere(secretive: KiloLLM) -> None:
    """Without a key in the environment a dump is refused; a pickle is loaded, and its calls are refused."""
    with pytest.raises(MissingKeyError):
        KiloLLM.from_dict(secretive.to_dict())
    restored = pickle.loads(pickle.dumps(secretive))
    with pytest.raises(MissingKeyError):
        restored.complete("hi")


def test_errors_hold_no_key(gateway: EmbeddedGateway, ask: Any) -> None:
    """An error that quotes the key back does not show it."""
    gateway.enqueue(Fault(status=401, body={"error": {"message": f"Invalid key {KEY}", "code": 401}}, times=2))
    llm = KiloLLM(api_key=KEY, base_url=gateway.base_url, max_retries=0)
    with pytest.raises(AuthenticationError) as caught:
        ask.chat(llm, "hi")
    assert KEY not in str(caught.value) + repr(caught.value) + repr(vars(caught.value))


def test_deep_copy_after_use(gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any) -> None:
    """A used model can be copied deeply; the copy answers, and is changed without changing the original."""
    manager = CallbackManager([])
    with httpx.Client() as client:
        llm = make_llm(
            http_client=client,
            callback_manager=manager,
            rate_limiter=TokenBucketRateLimiter(requests_per_minute=6000),
            extra_body={"one": 1},
        )
        ask.chat(llm, "hi")
        twin = copy.deepcopy(llm)
        twin.extra_body["one"] = 2
        assert llm.extra_body == {"one": 1}
        assert twin.http_client is client
        assert twin.callback_manager is manager
        ask.chat(twin, "hi")
    assert [request.body["one"] for request in gateway.requests] == [1, 2]


def test_a_used_model_can_be_pickled(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], monkeypatch: pytest.MonkeyPatch, ask: Any
) -> None:
    """A model that was used, with clients of its caller's, is pickled without them and answers when restored."""
    monkeypatch.setenv("KILOCODE_API_KEY", gateway.api_key)
    with httpx.Client() as client:
        llm = make_llm(http_client=client)
        ask.chat(llm, "hi")
        restored = pickle.loads(pickle.dumps(llm))
    assert restored.http_client is None
    assert ask.complete(restored, "Hello").text
    assert llm.http_client is client


def test_shallow_copy_and_model_copy(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """Shallow copies answer too, and an option changed in a copy stays there."""
    twin = llm.model_copy(update={"temperature": 0.75})
    ask.chat(twin, "hi")
    assert gateway.requests[-1].body["temperature"] == 0.75
    assert copy.copy(llm).temperature is None
    stranger = llm.model_copy(update={"api_key": "another-key", "max_retries": 0})
    with pytest.raises(AuthenticationError):
        ask.chat(stranger, "hi")
    ask.chat(llm, "hi")
