"""What a server echoes, and what a traceback shows: never the key."""

from __future__ import annotations

import json
import pickle
import traceback
from typing import Any

import pytest

from kilo_gateway import AsyncKiloClient, ConnectionFailedError, KiloClient, SetupError
from kilo_gateway.testing import Fault, Reply

KEY = "sk-kilo-0123456789-secret"
MODEL = "openai/gpt-4.1-mini"


def _everything(error: BaseException) -> str:
    frames = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join([*frames.format(), repr(error), repr(vars(error)), repr(pickle.dumps(error))])


def _echo(place: str) -> dict[str, Any]:
    """Return an event that holds the key in an error, at the top or in the choice."""
    error = {"code": 502, "message": f"no {KEY}", "metadata": {"raw": KEY}}
    choice: dict[str, Any] = {"index": 0, "delta": {"content": "more"}, "finish_reason": None}
    if place == "choice":
        return {"id": "g", "choices": [{**choice, "error": error}]}
    return {"id": "g", "choices": [choice], "error": error}


@pytest.mark.parametrize("place", ["top", "choice"])
def test_an_error_in_mid_stream_that_echoes_the_key(gateway: Any, open_session: Any, place: str) -> None:
    """The partial answer of an error holds the text that had arrived, and nothing of the error's own text."""
    session = open_session(base_url=gateway.base_url, api_key=gateway.api_key, model=MODEL, max_retries=0)
    event = json.dumps(_echo(place)).replace(KEY, gateway.api_key)
    first = {"id": "g", "choices": [{"index": 0, "delta": {"content": "some "}, "finish_reason": None}]}
    gateway.enqueue(Reply(events=[first, f"data: {event}\n\n"]))
    error = session.fail(stream=True)
    assert error.partial.text == "some more"
    assert gateway.api_key not in repr(error) + repr(vars(error)) + repr(error.partial) + repr(pickle.dumps(error))


def test_an_error_in_a_choice_that_echoes_the_key(gateway: Any, open_session: Any) -> None:
    """The same holds for an answer that was not streamed."""
    session = open_session(base_url=gateway.base_url, api_key=gateway.api_key, model=MODEL, max_retries=0)
    error_body = {"code": 502, "message": f"no {gateway.api_key}"}
    message = {"role": "assistant", "content": "some"}
    gateway.enqueue(Reply(body={"choices": [{"index": 0, "message": message, "error": error_body}]}))
    error = session.fail()
    assert error.partial.text == "some"
    assert gateway.api_key not in repr(vars(error)) + repr(error.partial) + repr(pickle.dumps(error))


@pytest.mark.parametrize("client", [KiloClient, AsyncKiloClient])
@pytest.mark.parametrize(
    "arguments", [{"timeout": -1}, {"base_url": "ftp://x"}, {"max_retries": "many"}, {"misspelt": 1}], ids=repr
)
def test_a_constructor_that_fails_shows_no_key(client: Any, arguments: dict[str, Any], monkeypatch: Any) -> None:
    """A traceback with local variables shows no key, given as an argument or in the environment."""
    monkeypatch.setenv("KILO_API_KEY", f"{KEY}-of-the-environment")
    with pytest.raises(SetupError) as caught:
        client(api_key=KEY, **arguments)
    trace = caught.value.__traceback__
    ours = traceback.StackSummary.extract(traceback.walk_tb(trace.tb_next if trace else None), capture_locals=True)
    assert KEY not in "".join(ours.format())


def test_an_error_of_the_network_names_the_model(open_session: Any) -> None:
    """What could not be reached is told with the model that was asked for."""
    error = open_session(base_url="http://127.0.0.1:9/", api_key=KEY, model=MODEL, max_retries=0).fail()
    assert isinstance(error, ConnectionFailedError)
    assert "127.0.0.1:9" in str(error)
    assert f"kilocode/{MODEL}" in str(error)
    assert KEY not in _everything(error)


def test_an_answer_of_another_success_names_its_status(gateway: Any, open_session: Any) -> None:
    """An empty 204 is said to be one."""
    session = open_session(base_url=gateway.base_url, api_key=gateway.api_key, model=MODEL, max_retries=0)
    gateway.enqueue(Fault(status=204))
    assert "is empty (HTTP 204)" in str(session.fail())


def test_a_number_too_large_spoils_no_list(gateway: Any, open_session: Any) -> None:
    """A model list with a number that no float holds is read all the same."""
    rows = json.dumps({"data": gateway.catalog}).replace('"context_length": 200000', '"context_length": 1e400')
    gateway.enqueue(Fault(status=200, body=rows, headers={"content-type": "application/json"}), endpoint="models")
    session = open_session(base_url=gateway.base_url, api_key=gateway.api_key, model=MODEL)
    catalog = session.discover()
    assert catalog.is_live
    assert len(catalog) >= len(gateway.catalog)
