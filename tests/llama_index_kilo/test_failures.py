"""What goes wrong on the way: the core's typed errors come out of every entry point, and nothing is sent twice."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway.errors import (
    AuthenticationError,
    ContextLengthError,
    GatewayError,
    InsufficientCreditsError,
    MalformedAnswerError,
    ModelNotFoundError,
    RateLimitError,
    ServerError,
    TruncatedStreamError,
)
from kilo_gateway.testing import Fault, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from llama_index_kilo import KiloLLM

ENTRY_POINTS = ("chat", "stream", "complete", "stream_complete")
DOWN = {"error": {"message": "down", "code": 503}}


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds that were to be waited between tries; nothing waits, and the gate's clock goes on by them."""
    seconds: list[float] = []
    monkeypatch.setattr("kilo_gateway.gate.entering.monotonic", lambda: time.monotonic() + sum(seconds))

    async def note(delay: float) -> None:
        seconds.append(delay)

    # Patched where the clients look: other threads of the process, such as a tracer's, sleep on.
    for module in ("sync_loop", "sync_stream"):
        monkeypatch.setattr(f"kilo_gateway.{module}.time", SimpleNamespace(sleep=seconds.append))
    for module in ("async_loop", "async_stream"):
        monkeypatch.setattr(f"kilo_gateway.{module}.anyio", SimpleNamespace(sleep=note))
    return seconds


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": {"message": "bad key", "code": 401}}, AuthenticationError),
        (402, {"error": {"message": "no credits", "code": 402}}, InsufficientCreditsError),
        (404, {"error": {"message": "No endpoints found for x", "code": 404}}, ModelNotFoundError),
        (400, {"error": {"message": "maximum context length is 10 tokens", "code": 400}}, ContextLengthError),
        (429, {"error": {"message": "slow down", "code": 429}}, RateLimitError),
        (500, "html", ServerError),
    ],
)
def test_status_errors(
    gateway: EmbeddedGateway,
    make_llm: Callable[..., KiloLLM],
    ask: Any,
    status: int,
    body: Any,
    kind: type[GatewayError],
) -> None:
    """Each status comes out of all eight entry points as its own class, with the model in it."""
    llm = make_llm(max_retries=0)
    for entry_point in ENTRY_POINTS:
        gateway.enqueue(Fault(status=status, body=body))
        with pytest.raises(kind) as caught:
            getattr(ask, entry_point)(llm, "hi")
        assert caught.value.status == status, entry_point
        assert "anthropic/claude-sonnet-4.6" in (caught.value.model or ""), entry_point


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_error_in_a_200(gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any, entry_point: str) -> None:
    """An error inside an answer of status 200 is raised with the gateway's message and code."""
    body = {"error": {"message": "Provider fell over", "code": 502, "metadata": {"provider_name": "Host"}}}
    gateway.enqueue(Fault(status=200, body=body))
    with pytest.raises(GatewayError, match="Provider fell over") as caught:
        getattr(ask, entry_point)(make_llm(max_retries=0), "hi")
    assert (caught.value.code, caught.value.provider) == (502, "Host")


@pytest.mark.parametrize("entry_point", ["chat", "complete"])
@pytest.mark.parametrize("body", [{"id": "g", "choices": []}, {"id": "g", "choices": None}, {"id": "g"}, []])
def test_no_choices(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any, entry_point: str, body: Any
) -> None:
    """An answer without choices is a typed error, not an IndexError."""
    gateway.enqueue(Fault(status=200, body=body))
    with pytest.raises(MalformedAnswerError):
        getattr(ask, entry_point)(make_llm(max_retries=0), "hi")


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_finish_reason_error(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any, entry_point: str
) -> None:
    """An answer whose finish reason is an error is raised, not returned half empty."""
    choice = {"index": 0, "finish_reason": "error", "error": {"code": 502, "message": "upstream broke"}}
    if entry_point.startswith("stream"):
        events = [{"id": "g", "model": "m", "choices": [{**choice, "delta": {"content": "half"}}]}]
        gateway.enqueue(Reply(events=events))
    else:
        body = {"id": "g", "model": "m", "choices": [{**choice, "message": {"role": "assistant", "content": "half"}}]}
        gateway.enqueue(Reply(body=body))
    with pytest.raises(GatewayError, match="upstream broke"):
        getattr(ask, entry_point)(make_llm(max_retries=0), "hi")


def test_refusal_is_surfaced(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any) -> None:
    """A refusal is the text of the answer and marked as one, streamed or not."""
    message = {"role": "assistant", "content": None, "refusal": "I will not."}
    body = {"id": "g", "model": "m", "choices": [{"index": 0, "finish_reason": "stop", "message": message}]}
    chunk = {"id": "g", "model": "m"}
    events = [
        {**chunk, "choices": [{"index": 0, "delta": {"content": None, "refusal": "I will "}}]},
        {**chunk, "choices": [{"index": 0, "delta": {"refusal": "not."}, "finish_reason": "stop"}]},
    ]
    gateway.enqueue(Reply(body=body), Reply(events=events))
    streamed = ask.chat(llm, "hi"), ask.stream(llm, "hi")[-1]
    for response in streamed:
        assert response.message.content == "I will not."
        assert response.additional_kwargs["refusal"] == "I will not."
        assert response.additional_kwargs["text_source"] == "refusal"


@pytest.mark.parametrize("max_retries", [0, 2])
@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_requests_are_one_plus_max_retries(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any, entry_point: str, max_retries: int
) -> None:
    """A gateway that stays down is asked once and max_retries times more, streamed or not."""
    gateway.enqueue(Fault(status=503, body=DOWN, times=10))
    with pytest.raises(ServerError):
        getattr(ask, entry_point)(make_llm(max_retries=max_retries), "hi")
    assert len(gateway.requests) == 1 + max_retries


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_a_retry_succeeds(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any, entry_point: str
) -> None:
    """After one failure the answer of the second try is returned."""
    gateway.enqueue(Fault(status=503, body=DOWN), Reply(text="fine"))
    response = getattr(ask, entry_point)(make_llm(max_retries=1), "hi")
    last = response[-1] if isinstance(response, list) else response
    assert str(last).endswith("fine")
    assert len(gateway.requests) == 2


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_retry_after_is_honoured(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any, entry_point: str, waits: list[float]
) -> None:
    """The wait between two tries is what Retry-After asks for."""
    gateway.enqueue(Fault(status=429, body=DOWN, headers={"Retry-After": "7"}), Reply(text="fine"))
    getattr(ask, entry_point)(make_llm(max_retries=1, shared_pause=False), "hi")
    assert len(waits) == 1
    assert 7 <= waits[0] < 9


def test_nothing_is_retried_once_text_was_shown(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any
) -> None:
    """A stream that breaks after its first text is not begun again; the error holds what had arrived."""
    gateway.enqueue(Fault(reply=Reply(text="one two three four"), cut_after_events=3))
    seen: list[Any] = []
    with pytest.raises(Exception, match=r".") as caught:
        ask.stream(make_llm(max_retries=3), "hi", note=seen.append)
    assert len(gateway.requests) == 1
    assert seen
    assert caught.value.partial.text == seen[-1].message.content  # type: ignore[attr-defined]


def test_truncated_stream_is_an_error(gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any) -> None:
    """A stream that ends without a finish reason is an error, not a short success."""
    gateway.enqueue(Fault(reply=Reply(text="one two three four"), end_after_events=2))
    with pytest.raises(TruncatedStreamError):
        ask.stream(make_llm(max_retries=0), "hi")


def test_error_in_mid_stream(gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any) -> None:
    """An error event in the middle of a stream is raised after the text that came before it."""
    event = {"id": "g", "error": {"code": 429, "message": "too fast"}, "choices": []}
    gateway.enqueue(Fault(reply=Reply(text="one two three four"), error_event=event, after_events=3))
    seen: list[Any] = []
    with pytest.raises(RateLimitError, match="too fast"):
        ask.stream(make_llm(max_retries=0), "hi", note=seen.append)
    assert seen
