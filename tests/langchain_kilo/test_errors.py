"""What goes wrong is raised as the core's class and LangChain's at once, with every fact, in calls and in streams."""

from __future__ import annotations

import asyncio
import inspect
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)

from kilo_gateway import errors as core
from kilo_gateway.testing import Fault, Reply
from langchain_kilo import errors
from langchain_kilo.errors import ChatKiloError, chat_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.outputs import LLMResult

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo

CORE_CLASSES = [
    value
    for value in vars(core).values()
    if inspect.isclass(value)
    and issubclass(value, core.KiloError)
    and not issubclass(value, core.BatchStoppedError)  # ends a batch, never a call of a chat model
]


@pytest.mark.parametrize("cls", CORE_CLASSES, ids=lambda cls: cls.__name__)
def test_every_core_error_has_its_langchain_twin(cls: type[core.KiloError]) -> None:
    """No error of the core leaves ChatKilo without being LangChain's `ModelError` too; message and facts stay."""
    error = cls("It failed.", model="kilocode/a/b")
    typed = chat_error(error)
    assert isinstance(typed, ModelError)
    assert isinstance(typed, cls)
    assert (str(typed), typed.model, typed.retry) == ("It failed.", "kilocode/a/b", error.retry)
    assert chat_error(typed) is typed


@pytest.mark.parametrize(
    ("status", "body", "langchain", "kilo"),
    [
        (400, {"error": {"message": "bad", "code": 400}}, ModelInvalidRequestError, core.BadRequestError),
        (
            400,
            {"error": {"message": "This endpoint's maximum context length is 8192 tokens.", "code": 400}},
            ContextOverflowError,
            core.ContextLengthError,
        ),
        (
            400,
            {"error": {"message": "Provider error", "code": 400, "metadata": {"raw": "prompt is too long: 9 > 8"}}},
            ContextOverflowError,
            core.ContextLengthError,
        ),
        (401, {"error": {"code": "INVALID_TOKEN", "message": "x"}}, ModelAuthenticationError, core.AuthenticationError),
        (402, {"error": {"title": "Credits", "message": "x", "balance": 0}}, ModelError, core.InsufficientCreditsError),
        (403, {"error": "Forbidden", "message": "x"}, ModelPermissionDeniedError, core.PermissionDeniedError),
        (404, {"error": {"message": "No such thing", "code": 404}}, ModelNotFoundError, core.NotFoundError),
        (408, {"error": {"message": "Timeout", "code": 408}}, ModelTimeoutError, core.ServiceUnavailableError),
        (409, {"error": "Conflict"}, ModelAPIError, core.ConflictError),
        (413, "Too large", ModelInvalidRequestError, core.RequestTooLargeError),
        (422, {"error": {"message": "x", "code": 422}}, ModelInvalidRequestError, core.BadRequestError),
        (429, {"error": "Rate limit", "message": "x"}, ModelRateLimitError, core.RateLimitError),
        (500, {"error": "Internal"}, ModelAPIError, core.ServerError),
        (502, "<html>Bad gateway</html>", ModelAPIError, core.ServiceUnavailableError),
        (504, {"error": {"message": "x", "code": 504}}, ModelTimeoutError, core.ServiceUnavailableError),
        (524, "", ModelTimeoutError, core.ServiceUnavailableError),
        (529, {"error": {"message": "Overloaded", "code": 529}}, ModelAPIError, core.ServiceUnavailableError),
    ],
)
def test_statuses_become_langchains_classes(
    status: int,
    body: Any,
    langchain: type[ModelError],
    kilo: type[core.KiloError],
    gateway: EmbeddedGateway,
    make: Callable[..., ChatKilo],
) -> None:
    """Each status is the class that LangChain's middleware acts on, in a call and in a stream."""
    gateway.enqueue(Fault(status=status, body=body, times=2))
    for attempt in (lambda: make().invoke("x"), lambda: list(make().stream("x"))):
        with pytest.raises(langchain) as caught:
            attempt()
        error = caught.value
        assert isinstance(error, kilo)
        assert isinstance(error, ChatKiloError)
        assert error.status_code == status
        assert error.response.status_code == status


def test_credits_are_no_reason_to_retry(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """402 is a `ModelError` that no retry middleware repeats."""
    gateway.enqueue(Fault(status=402, body={"error": {"title": "t", "message": "m", "balance": -1.5}}))
    with pytest.raises(core.InsufficientCreditsError) as caught:
        make().invoke("x")
    assert caught.value.is_retryable is False
    assert caught.value.balance == -1.5


@pytest.mark.parametrize(("max_retries", "requests", "is_retryable"), [(0, 1, True), (1, 2, False)])
def test_retries_are_not_multiplied(
    max_retries: int, requests: int, is_retryable: bool, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """After the core's own tries LangChain's middleware is told not to add more; without them it may."""
    gateway.enqueue(Fault(status=503, body={"error": {"message": "x", "code": 503}}, times=9))
    with pytest.raises(ModelAPIError) as caught:
        make(max_retries=max_retries).invoke("x")
    assert len(gateway.requests) == requests
    assert caught.value.is_retryable is is_retryable
    assert caught.value.retry == "soon"


def test_misuse_of_a_call_is_not_retryable(make: Callable[..., ChatKilo]) -> None:
    """An unknown argument of a call is a typed error that middleware does not repeat."""
    with pytest.raises(ModelInvalidRequestError, match="Did you mean 'temperature'") as caught:
        make().invoke("x", temprature=1)
    assert isinstance(caught.value, core.InvalidRequestError)
    assert caught.value.is_retryable is False


@pytest.mark.parametrize(
    ("fault", "langchain"),
    [
        (Fault(cut_before_headers=True), ModelConnectionError),
        (Fault(cut_after_events=2), ModelConnectionError),
        (Fault(end_after_events=2), ModelAPIError),
        (Fault(malformed_after_events=1), ModelAPIError),
        (Fault(error_event={"error": {"code": 502, "message": "died"}, "choices": []}, after_events=2), ModelAPIError),
        (Fault(error_event={"error": {"code": 429, "message": "slow"}}, after_events=2), ModelRateLimitError),
    ],
    ids=["no answer", "cut", "no finish reason", "broken event", "error with choices", "bare error"],
)
def test_broken_streams_raise(
    fault: Fault, langchain: type[ModelError], gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """A stream that breaks is never a success, sync or async; what had come is kept as a message."""
    fault.reply = Reply(text="one two three four five")
    fault.times = 2
    gateway.enqueue(fault)

    async def run() -> None:
        async for _ in make().astream("x"):
            pass

    for attempt in (lambda: list(make().stream("x")), lambda: asyncio.run(run())):
        with pytest.raises(langchain) as caught:
            attempt()
        error = caught.value
        assert isinstance(error, ChatKiloError)
        if not fault.cut_before_headers:
            assert error.partial_message is not None
            assert "one two three".startswith(error.partial_message.text.strip()[:7])


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": 502, "message": "died"}},
        {"choices": [{"index": 0, "finish_reason": "error", "error": {"code": 502, "message": "died"}, "message": {}}]},
        {"choices": []},
        {"choices": None},
        {},
        "<html></html>",
    ],
    ids=["error", "choice error", "no choice", "null choices", "nothing", "page"],
)
def test_errors_inside_a_200_raise(body: Any, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A status of 200 alone is no success."""
    gateway.enqueue(Fault(status=200, body=body))
    with pytest.raises(ModelAPIError):
        make().invoke("x")


def test_silence_is_a_timeout(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A gateway that says nothing, or nothing but comments, is a `ModelTimeoutError`."""
    gateway.enqueue(Fault(delay_seconds=30), Fault(keepalive_seconds=30, keepalive_every_seconds=0.02))
    with pytest.raises(ModelTimeoutError):
        make().invoke("x", timeout=0.05)
    with pytest.raises(ModelTimeoutError):
        list(make().stream("x", timeout={"silence": 0.1, "read": 5}))


class _Seen(BaseCallbackHandler):
    """Keeps what a tracer is told about a failure."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {}

    def on_llm_error(self, error: BaseException, *, response: LLMResult, **_: Any) -> None:
        self.metadata = response.generations[-1][0].message.response_metadata  # type: ignore[attr-defined]


def test_traces_show_the_gateways_answer(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A failed run records body, status and headers of the answer, in calls and in streams."""
    body = {"error": {"message": "bad", "code": 400}}
    gateway.enqueue(Fault(status=400, body=body, headers={"x-vercel-id": "req-1"}, times=2))
    for attempt in (make().invoke, lambda *args, **kwargs: list(make().stream(*args, **kwargs))):
        seen = _Seen()
        with pytest.raises(ModelError):
            attempt("x", config={"callbacks": [seen]})
        assert seen.metadata["status_code"] == 400
        assert seen.metadata["body"] == body
        assert seen.metadata["request_id"] == "req-1"
        assert "content-type" in seen.metadata["headers"]


def test_pages_are_traced_as_text(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A body that is no JSON is recorded as its text."""
    gateway.enqueue(Fault(status=503, body="html"))
    with pytest.raises(ChatKiloError) as caught:
        make().invoke("x")
    assert caught.value.response.text.startswith("<!DOCTYPE html>")
    with pytest.raises(ValueError, match="not JSON"):
        caught.value.response.json()


def test_missing_tool_support_names_the_other_methods(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """The router's refusal of tools says how to get structured output without them."""
    body = {"error": {"message": "No endpoints found that support tool use.", "code": 404}}
    gateway.enqueue(Fault(status=404, body=body))
    with pytest.raises(ModelNotFoundError, match="method='json_schema'"):
        make().invoke("x")


def test_errors_survive_a_process_pool() -> None:
    """Pickled and read again, an error has its class, its message and its facts."""
    error = chat_error(core.RateLimitError("slow", status=429, retry="soon", retry_after_seconds=2.0))
    revived = pickle.loads(pickle.dumps(error))
    assert type(revived) is errors.KiloRateLimitError
    assert (str(revived), revived.status, revived.retry_after_seconds, revived.is_retryable) == ("slow", 429, 2.0, True)


def test_the_key_is_in_no_error(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A gateway that repeats the key in its error does not get it into ours."""
    gateway.enqueue(Fault(status=401, body={"error": {"message": f"bad key {gateway.api_key}", "code": 401}}))
    with pytest.raises(ModelAuthenticationError) as caught:
        make().invoke("x")
    shown = f"{caught.value!r} {caught.value} {caught.value.response.json()} {vars(caught.value)}"
    assert gateway.api_key not in shown
