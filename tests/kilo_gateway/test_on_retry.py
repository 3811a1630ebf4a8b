"""`on_retry`: what a caller is told before a request is sent again, by both clients over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_gateway import ServiceUnavailableError
from kilo_gateway.errors.waits import Retry
from kilo_gateway.testing import Fault

SHAPES = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
BUSY: dict[str, Any] = {"status": 503, "body": {"error": {"message": "busy"}}}


def ask(session: Any, *, stream: bool, on_retry: Any) -> Any:
    """Return the answer, whole or streamed."""
    return session.stream(on_retry=on_retry) if stream else session.complete(on_retry=on_retry)


@SHAPES
def test_each_retry_is_told_before_it_is_made(connect: Any, gateway: Any, waits: list[float], stream: bool) -> None:
    """The error, the number of the try that failed and the wait are told, once for each further request."""
    gateway.enqueue(Fault(**BUSY, times=2))
    told: list[tuple[Retry, int]] = []
    answer = ask(
        connect(max_retries=3), stream=stream, on_retry=lambda retry: told.append((retry, len(gateway.requests)))
    )
    assert answer.text
    assert [(retry.attempt, requests) for retry, requests in told] == [(1, 1), (2, 2)]
    assert all(isinstance(retry.error, ServiceUnavailableError) for retry, _ in told)
    assert [retry.wait_seconds for retry, _ in told] == waits


@SHAPES
def test_the_last_failure_is_raised_not_told(connect: Any, gateway: Any, waits: list[float], stream: bool) -> None:
    """A failure that nothing follows is an error and no retry."""
    gateway.enqueue(Fault(**BUSY, times=2))
    told: list[Retry] = []
    error = connect(max_retries=1).fail(stream=stream, on_retry=told.append)
    assert isinstance(error, ServiceUnavailableError)
    assert len(told) == len(waits) == 1


@SHAPES
def test_what_it_raises_ends_the_call(connect: Any, gateway: Any, waits: list[float], stream: bool) -> None:
    """A caller can give up by raising an error of his own; nothing more is sent."""
    gateway.enqueue(Fault(**BUSY, times=2))

    def give_up(retry: Retry) -> None:
        raise RuntimeError("enough") from retry.error

    with pytest.raises(RuntimeError, match="enough"):
        ask(connect(max_retries=3), stream=stream, on_retry=give_up)
    assert len(gateway.requests) == 1
    assert waits == []


@SHAPES
@pytest.mark.parametrize("mode", ["async"])
def test_an_async_listener_is_awaited(connect: Any, gateway: Any, waits: list[float], stream: bool) -> None:
    """In an async call the function may be async itself."""
    gateway.enqueue(Fault(**BUSY))
    told: list[Retry] = []

    async def tell(retry: Retry) -> None:
        told.append(retry)

    assert ask(connect(max_retries=1), stream=stream, on_retry=tell).text
    assert [retry.wait_seconds for retry in told] == waits


@SHAPES
def test_a_completion_has_the_headers_of_its_answer(connect: Any, gateway: Any, stream: bool) -> None:
    """The HTTP headers are beside the answer, in neither its repr nor what makes two answers equal."""
    gateway.enqueue(Fault(headers={"X-Vercel-Id": "iad1::7"}))
    session = connect()
    completion = session.stream().completion if stream else session.complete()
    assert completion.headers["x-vercel-id"] == "iad1::7"
    assert "iad1::7" not in repr(completion)
