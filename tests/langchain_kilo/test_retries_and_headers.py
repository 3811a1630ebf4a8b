"""What shows of a call's way: retries told to callbacks and traces, headers of the answer, query parameters."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

from kilo_gateway.errors import ServiceUnavailableError
from kilo_gateway.testing import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo

BUSY: dict[str, Any] = {"status": 503, "body": {"error": {"message": "busy"}}, "headers": {"retry-after-ms": "1"}}


class Listener(BaseCallbackHandler):
    """Keeps what it is told of retries."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def on_retry(self, retry_state: Any, **_: Any) -> None:
        self.told.append(retry_state)


class AsyncListener(AsyncCallbackHandler):
    """Keeps what it is told of retries, after having let others run."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    async def on_retry(self, retry_state: Any, **_: Any) -> None:
        await asyncio.sleep(0)
        self.told.append(retry_state)


def whole(model: ChatKilo, config: Any) -> None:
    """Ask for a whole answer."""
    model.invoke("Hello", config)


def awaited(model: ChatKilo, config: Any) -> None:
    """Ask for a whole answer, async."""
    asyncio.run(model.ainvoke("Hello", config))


def as_events(model: ChatKilo, config: Any) -> None:
    """Ask for the events of a stream."""
    assert list(model.stream_events("Hello", config, version="v3"))


@pytest.mark.filterwarnings("ignore:.*:langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize(("ask", "kind"), [(whole, Listener), (awaited, AsyncListener), (as_events, Listener)])
def test_callbacks_are_told_of_each_retry(
    ask: Any, kind: Any, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """`on_retry` is called once for each further request, with the error, the number of the try and the wait."""
    gateway.enqueue(Fault(**BUSY, times=2))
    listener = kind()
    ask(make(max_retries=3), {"callbacks": [listener]})
    assert [state.attempt_number for state in listener.told] == [1, 2]
    assert all(isinstance(state.outcome.exception(), ServiceUnavailableError) for state in listener.told)
    assert all(0 < state.upcoming_sleep < 0.1 for state in listener.told)
    assert len(gateway.requests) == 3


def test_traces_show_retries(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A traced run has an event for the try that failed, with the error and without the key."""
    gateway.enqueue(Fault(**BUSY))
    collector = RunCollectorCallbackHandler()
    model = make(max_retries=1)
    model.invoke("Hello", {"callbacks": [collector]})
    events = [event for event in collector.traced_runs[0].events if event["name"] == "retry"]
    assert [event["kwargs"]["attempt"] for event in events] == [1]
    assert "busy" in events[0]["kwargs"]["exception"]
    assert gateway.api_key not in str(events)


def test_no_retry_nothing_told(make: Callable[..., ChatKilo]) -> None:
    """A call that succeeds at once tells no retry."""
    listener = Listener()
    make(max_retries=3).invoke("Hello", {"callbacks": [listener]})
    assert listener.told == []


def test_streams_without_a_run_retry_silently(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Plain `stream`, to which LangChain gives no run, is tried again all the same."""
    gateway.enqueue(Fault(**BUSY))
    assert "".join(chunk.text for chunk in make(max_retries=1).stream("Hello"))
    assert len(gateway.requests) == 2


def answers(model: ChatKilo) -> list[Any]:
    """Return the answers of the four ways to ask, streams added up."""

    async def collect() -> list[Any]:
        return [chunk async for chunk in model.astream("Hello")]

    sync_chunks, async_chunks = list(model.stream("Hello")), asyncio.run(collect())
    whole = [model.invoke("Hello"), asyncio.run(model.ainvoke("Hello"))]
    return [*whole, sync_chunks[0] + sync_chunks[1:], async_chunks[0] + async_chunks[1:]]


def test_headers_of_the_answer_are_shown_when_asked_for(
    gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """With `include_response_headers` the request id and the other headers are in the metadata, cookies masked."""
    gateway.enqueue(Fault(headers={"X-Vercel-Id": "iad1::7", "Set-Cookie": "session=hush"}, times=4))
    found = [answer.response_metadata["headers"] for answer in answers(make(include_response_headers=True))]
    assert [one["x-vercel-id"] for one in found] == ["iad1::7"] * 4
    assert [one["set-cookie"] for one in found] == ["***"] * 4
    assert all("date" in one and type(one) is dict for one in found)


def test_headers_are_not_shown_unasked(make: Callable[..., ChatKilo]) -> None:
    """Messages are stored and compared: without the wish nothing in them changes from call to call."""
    assert all("headers" not in answer.response_metadata for answer in answers(make()))


def test_headers_are_those_of_the_try_that_answered(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """After a retry the headers are the answer's, not those of the failure before it."""
    gateway.enqueue(Fault(**BUSY), Fault(headers={"X-Vercel-Id": "iad1::8"}))
    answer = make(max_retries=1, include_response_headers=True).invoke("Hello")
    assert answer.response_metadata["headers"]["x-vercel-id"] == "iad1::8"


def test_query_parameters_by_an_http_client(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A client of the caller's adds query parameters to every request, sync and async."""
    with httpx.Client(params={"tenant": "7"}) as http_client:
        make(http_client=http_client).invoke("Hello")

    async def ask() -> None:
        async with httpx.AsyncClient(params={"tenant": "8"}) as http_async_client:
            await make(http_async_client=http_async_client).ainvoke("Hello")

    asyncio.run(ask())
    assert [request.query for request in gateway.requests] == ["tenant=7", "tenant=8"]
