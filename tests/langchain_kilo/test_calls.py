"""Arguments of calls, whose request they make, and the loops, threads and wrappers that calls are made from."""

from __future__ import annotations

import asyncio
import gc
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.rate_limiters import InMemoryRateLimiter
from pydantic import SecretStr

from kilo_gateway.errors import InvalidRequestError, InvalidSettingError
from kilo_gateway.request.options import FIELD_OF
from kilo_gateway.testing import Fault, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo

VALUES: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 3,
    "top_a": 0.1,
    "min_p": 0.1,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.1,
    "repetition_penalty": 1.1,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "top_logprobs": 2,
    "seed": 7,
    "n": 1,
    "max_tokens": 50,
    "max_completion_tokens": 60,
    "stop": ["END"],
    "response_format": {"type": "text"},
    "structured_outputs": True,
    "verbosity": "low",
    "modalities": ["text"],
    "audio": {"voice": "alloy"},
    "image_config": {"aspect_ratio": "1:1"},
    "prediction": {"type": "content", "content": "x"},
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "provider": {"sort": "price"},
    "plugins": [{"id": "web"}],
    "transforms": ["middle-out"],
    "models": ["a/b"],
    "route": "fallback",
    "user": "u",
    "metadata": {"a": "b"},
    "session_id": "s",
    "safety_identifier": "i",
    "prompt_cache_key": "k",
    "service_tier": "flex",
    "store": False,
    "include_reasoning": True,
    "web_search_options": {"search_context_size": "low"},
    "cache_control": {"type": "ephemeral"},
    "reasoning": {"max_tokens": 100},
    "extra_body": {"own": {"x": 1}},
}


def test_every_option_reaches_the_wire_both_ways(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Each option is sent as given, as a field of the model and as an argument of a call, streamed or not."""
    wrong = []
    for name in sorted(set(FIELD_OF) - {"reasoning_effort"}):
        field, value = FIELD_OF[name], VALUES[name]
        beside = {"tools": VALUES["tools"]} if name in ("tool_choice", "parallel_tool_calls") else {}
        gateway.clear()
        make(**beside, **{field: value}).invoke("Hello")
        make(**beside).invoke("Hello", **{field: value})
        list(make(**beside).stream("Hello", **{field: value}))
        expected = {"own": value["own"]} if name == "extra_body" else {name: value}
        wrong += [(name, one.body) for one in gateway.requests if not expected.items() <= one.body.items()]
        assert len(gateway.requests) == 3
    assert wrong == []


def test_nothing_is_sent_that_nobody_asked_for(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A plain call carries model and messages, a plain stream the wish for usage beside them."""
    make().invoke("Hello")
    list(make().stream("Hello"))
    call, stream = (request.body for request in gateway.requests)
    assert call.keys() == {"model", "messages"}
    assert stream.keys() == {"model", "messages", "stream", "stream_options"}


@pytest.mark.parametrize(
    ("fields", "arguments", "expected"),
    [
        ({"temperature": 1.0}, {"temperature": 0.0}, {"temperature": 0.0}),
        ({"temperature": 1.0}, {"temperature": None}, {"temperature": 1.0}),
        ({"stop": ["a"]}, {"stop": ["b"]}, {"stop": ["b"]}),
        ({"stop": ["a"]}, {"stop": []}, {"stop": None}),
        ({"stop": "a"}, {}, {"stop": ["a"]}),
        ({"reasoning": "low"}, {"reasoning_effort": "high"}, {"reasoning": {"effort": "high"}}),
        ({"reasoning_effort": "high"}, {"reasoning": {"max_tokens": 5}}, {"reasoning": {"max_tokens": 5}}),
        ({"max_tokens": 5}, {"max_completion_tokens": 6}, {"max_tokens": None, "max_completion_tokens": 6}),
        ({"extra_body": {"a": 1, "b": 1}}, {"extra_body": {"b": 2}}, {"a": 1, "b": 2}),
        ({"request_metadata": {"a": "b"}}, {"request_metadata": {"c": "d"}}, {"metadata": {"c": "d"}}),
        ({"model": "a/b"}, {"model": "kilocode/openai/gpt-5.2"}, {"model": "openai/gpt-5.2"}),
    ],
)
def test_what_a_call_says_beats_the_model_object(
    fields: dict[str, Any],
    arguments: dict[str, Any],
    expected: dict[str, Any],
    gateway: EmbeddedGateway,
    make: Callable[..., ChatKilo],
) -> None:
    """A call's argument replaces the field, and its other spelling; None says nothing; `bind` does the same."""
    model = make(**fields)
    asked = {"model": "openai/gpt-5.2", **arguments}
    model.invoke("Hello", **asked)
    stop = {"stop": asked["stop"]} if "stop" in asked else {}
    model.bind(**{name: value for name, value in asked.items() if name != "stop"}).invoke("Hello", **stop)
    for request in gateway.requests:
        assert {name: request.body.get(name) for name in expected} == expected


def test_headers_and_settings_of_one_call(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """`extra_headers` and every setting can be given to one call, and the next call is as before."""
    model = make(default_headers={"X-Own": "model", "x-other": "model"})
    named = {"session": "s-1", "project_id": "p-1", "editor": "My App/1.2", "machine_id": "m-1", "request_id": "r-1"}
    usual_settings = {"feature": "cli", "task_id": "t", "mode": "plan", "client_version": "1.2.3"}
    model.invoke("Hello", extra_headers={"x-own": "call"}, **usual_settings, **named)
    model.invoke("Hello")
    changed, usual = (request.headers for request in gateway.requests)
    assert (changed["x-own"], changed["x-other"], changed["x-kilocode-feature"]) == ("call", "model", "cli")
    assert (changed["x-kilocode-taskid"], changed["x-kilocode-mode"]) == ("t", "plan")
    assert [changed[name] for name in ("x-kilo-session", "x-kilocode-projectid", "x-kilo-request")] == [
        *("s-1", "p-1", "r-1")
    ]
    assert (changed["x-kilocode-editorname"], changed["x-kilocode-machineid"]) == ("My App/1.2", "m-1")
    assert "x-kilo-request" not in usual
    assert changed["authorization"] == f"Bearer {gateway.api_key}"
    assert (usual["x-own"], usual["x-kilocode-feature"]) == ("model", "direct-gateway")
    assert "x-kilocode-taskid" not in usual


def test_max_retries_is_exact(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A call's own count of retries is the number of requests less one."""
    gateway.enqueue(Fault(status=503, body={"error": {"message": "x", "code": 503}}, times=2))
    assert make().invoke("Hello", max_retries=2).text
    assert len(gateway.requests) == 3


def test_key_functions_are_asked_at_each_call(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A key that changes is read when a request is made, by a plain function or an async one."""
    keys = iter(["first", SecretStr("second"), "third"])

    async def later() -> Any:
        return next(keys)

    gateway.enqueue(Reply(text="ok", times=3))
    for key in ("first", "second", "third"):
        gateway.accounts.adjust(gateway.api_key)
        gateway.accounts.by_key.setdefault(key, gateway.accounts[gateway.api_key])
    plain, awaited = make(api_key=lambda: next(keys)), make(api_key=later)
    plain.invoke("Hello")
    list(plain.stream("Hello"))
    asyncio.run(awaited.ainvoke("Hello"))
    assert [request.headers["authorization"] for request in gateway.requests] == [
        "Bearer first",
        "Bearer second",
        "Bearer third",
    ]
    with pytest.raises(InvalidSettingError, match="async"):
        awaited.invoke("Hello")


def test_own_http_clients_are_used_and_left_open(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A client of the caller's carries the requests, sync and async, and stays open."""
    seen: list[str] = []

    async def note(request: httpx.Request) -> None:
        seen.append("async")

    client = httpx.Client(event_hooks={"request": [lambda request: seen.append("sync")]})
    make(http_client=client).invoke("Hello")

    async def run() -> None:
        own = httpx.AsyncClient(event_hooks={"request": [note]})
        await make(http_async_client=own).ainvoke("Hello")
        assert not own.is_closed
        await own.aclose()

    asyncio.run(run())
    assert seen == ["sync", "async"]
    assert not client.is_closed
    client.close()


def test_one_object_serves_many_loops_and_threads(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """`asyncio.run` after `asyncio.run`, and a loop in each thread, use one model object without trouble or leak."""
    model = make()

    async def ask() -> str:
        chunks = [chunk.text async for chunk in model.astream("Hello")]
        return "".join(chunks) + (await model.ainvoke("Hello")).text

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answers = {asyncio.run(ask()) for _ in range(3)}
        with ThreadPoolExecutor(4) as pool:
            answers |= set(pool.map(lambda _: asyncio.run(ask()), range(4)))
        gc.collect()
    assert len(answers) == 1
    assert len(gateway.requests) == 14


def test_batches_keep_their_order(make: Callable[..., ChatKilo]) -> None:
    """`batch` and `abatch` answer each input in its place."""
    model = make(temperature=0)
    inputs = [f"Repeat: number {number}." for number in range(6)]
    expected = [model.invoke(one).text for one in inputs]
    assert [one.text for one in model.batch(inputs)] == expected
    assert [one.text for one in asyncio.run(model.abatch(inputs))] == expected


def test_several_answers_come_from_generate(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """`n` gives so many generations; a stream, which can carry one, refuses it."""
    result = make().generate([[HumanMessage("Hello")]], n=3)
    assert len(result.generations[0]) == 3
    assert all(one.message.response_metadata["finish_reason"] == "stop" for one in result.generations[0])
    with pytest.raises(InvalidRequestError, match="n must be 1"):
        list(make(n=2).stream("Hello"))


def test_chains_stream_through(make: Callable[..., ChatKilo]) -> None:
    """In a chain of prompt, model and parser the text arrives piece by piece."""
    chain = ChatPromptTemplate.from_messages([("human", "{text}")]) | make() | StrOutputParser()
    pieces = list(chain.stream({"text": "Hello"}))
    assert len([piece for piece in pieces if piece]) > 1
    assert "".join(pieces) == chain.invoke({"text": "Hello"})


def test_the_cache_answers_the_same_question(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A cached answer costs no request; any option that could change it makes another question of it."""
    model = make(cache=InMemoryCache())
    first = model.invoke("Hello")
    assert model.invoke("Hello").text == first.text
    assert len(gateway.requests) == 1
    model.invoke("Hello", temperature=0.3)
    model.model_copy(update={"seed": 3}).invoke("Hello")
    assert len(gateway.requests) == 3


def test_the_rate_limiter_is_asked(make: Callable[..., ChatKilo]) -> None:
    """Each call, streamed or not, waits for its turn."""

    class Counting(InMemoryRateLimiter):
        turns = 0

        def acquire(self, *, blocking: bool = True) -> bool:
            type(self).turns += 1
            return True

    model = make(rate_limiter=Counting())
    model.invoke("Hello")
    list(model.stream("Hello"))
    assert Counting.turns == 2


def test_tokens_are_told_to_callbacks(make: Callable[..., ChatKilo]) -> None:
    """Callbacks see each piece of a stream once, also when `invoke` streams inside."""
    pieces: list[str] = []

    class Seen(BaseCallbackHandler):
        def on_llm_new_token(self, token: Any, **_: Any) -> None:
            pieces.append(token)

    text = make().invoke("Hello").text
    list(make().stream("Hello", config={"callbacks": [Seen()]}))
    assert "".join(pieces) == text
    pieces.clear()
    make(streaming=True).invoke("Hello", config={"callbacks": [Seen()]})
    assert "".join(pieces) == text


@pytest.mark.filterwarnings("ignore:astream_events version='v1' is deprecated")
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_events_of_the_older_kinds(version: str, make: Callable[..., ChatKilo]) -> None:
    """`astream_events` tells the start, each piece, and the whole message at the end."""

    async def run() -> list[dict[str, Any]]:
        return [event async for event in make().astream_events("Hello", version=version)]

    events = asyncio.run(run())
    assert (events[0]["event"], events[-1]["event"]) == ("on_chat_model_start", "on_chat_model_end")
    pieces = [event["data"]["chunk"].text for event in events if event["event"] == "on_chat_model_stream"]
    assert "".join(pieces) == make().invoke("Hello").text


def test_fallbacks_take_over(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A model that fails hands over to the next one."""
    gateway.enqueue(Fault(status=500, body={"error": "Internal"}))
    assert make().with_fallbacks([make(model="openai/gpt-5.2")]).invoke("Hello").text
    assert [request.body["model"] for request in gateway.requests] == ["anthropic/claude-sonnet-4.6", "openai/gpt-5.2"]


def test_cancelled_calls_close_their_connection(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Cancelling a task that streams leaves nothing running at the gateway."""
    gateway.enqueue(Reply(text="word " * 200, event_delay_seconds=0.02))

    async def run() -> None:
        started = asyncio.Event()

        async def consume() -> None:
            async for _ in make().astream("Hello"):
                started.set()

        task = asyncio.create_task(consume())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
    assert gateway.wait_until(lambda: gateway.open_streams == 0)


def test_stream_may_be_named_beside_a_stream(make: Callable[..., ChatKilo]) -> None:
    """`stream=True`, which other code binds or passes on, is no obstacle to a stream."""
    model = make()

    async def read() -> list[Any]:
        return [chunk async for chunk in model.bind(stream=True).astream("Hello")]

    assert list(model.stream("Hello", stream=True))
    assert list(model.bind(stream=True).stream("Hello"))
    assert asyncio.run(read())
