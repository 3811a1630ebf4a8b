"""Agents of `langchain.agents.create_agent` over ChatKilo: tools, streams, structured answers and middleware."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    ModelCallLimitMiddleware,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
    SummarizationMiddleware,
    ToolRetryMiddleware,
)
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.exceptions import ContextOverflowError, ModelAPIError, ModelAuthenticationError
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from kilo_gateway.testing import Fault, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway
    from langchain_kilo import ChatKilo

QUESTION: Any = {"messages": [{"role": "user", "content": "How is the weather in Paris?"}]}
TWO_CITIES: Any = {"messages": [{"role": "user", "content": "How is the weather in Paris and in Rome?"}]}
MODES = ["values", "updates", "messages", "custom", "tasks", "debug"]


@tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is sunny in {city}."


class Weather(BaseModel):
    """The weather in a city."""

    city: str
    is_sunny: bool


def sent(gateway: EmbeddedGateway, place: int = -1) -> dict[str, Any]:
    """Return the body of a request."""
    body: dict[str, Any] = gateway.requests[place].body
    return body


def run_of(agent: Any, way: str, asked: Any = QUESTION) -> Any:
    """Return the messages at the end of a run, made in one of LangChain's ways."""
    if way == "invoke":
        return agent.invoke(asked)["messages"]
    if way == "ainvoke":
        return asyncio.run(agent.ainvoke(asked))["messages"]
    if way == "stream":
        return list(agent.stream(asked, stream_mode="values"))[-1]["messages"]

    async def last() -> Any:
        return [state async for state in agent.astream(asked, stream_mode="values")][-1]

    return asyncio.run(last())["messages"]


@pytest.mark.parametrize("way", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize("streaming", [None, True], ids=["whole", "streaming inside"])
def test_an_agent_calls_its_tool_and_answers(
    way: str, streaming: Any, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """The agent asks the tool, tells its result, and spends two requests on it, whichever way it is run."""
    messages = run_of(create_agent(make(streaming=streaming), [get_weather]), way)
    assert [type(message) for message in messages] == [HumanMessage, AIMessage, ToolMessage, AIMessage]
    assert messages[1].tool_calls[0]["args"] == {"city": "Paris"}
    assert messages[2].tool_call_id == messages[1].tool_calls[0]["id"]
    assert "sunny in Paris" in messages[3].text
    assert len(gateway.requests) == 2
    assert all(request.body.get("stream", False) is bool(streaming) for request in gateway.requests)


def test_parallel_calls_are_answered_together(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Two calls of one answer are both run, and both results go back before the next answer."""
    messages = run_of(create_agent(make(), [get_weather]), "invoke", TWO_CITIES)
    assert [call["args"]["city"] for call in messages[1].tool_calls] == ["Paris", "Rome"]
    roles = [message["role"] for message in sent(gateway)["messages"]]
    assert roles == ["user", "assistant", "tool", "tool"]
    assert [message["tool_call_id"] for message in sent(gateway)["messages"][2:]] == [
        call["id"] for call in messages[1].tool_calls
    ]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("mode", MODES)
def test_every_stream_mode_tells_the_answer(mode: str, is_async: bool, make: Callable[..., ChatKilo]) -> None:
    """Each of LangGraph's stream modes works, and those that carry messages end with the same answer."""
    agent: Any = create_agent(make(), [get_weather])
    told: list[Any]
    if is_async:

        async def collect() -> list[Any]:
            return [part async for part in agent.astream(QUESTION, stream_mode=mode)]

        told = asyncio.run(collect())
    else:
        told = list(agent.stream(QUESTION, stream_mode=mode))
    assert bool(told) is (mode != "custom")
    if mode == "values":
        assert "sunny in Paris" in told[-1]["messages"][-1].text
    elif mode == "updates":
        assert [next(iter(part)) for part in told] == ["model", "tools", "model"]
        assert "sunny in Paris" in told[-1]["model"]["messages"][-1].text
    elif mode == "messages":
        texts = [message.text for message, _ in told if isinstance(message, AIMessageChunk)]
        assert "sunny in Paris" in "".join(texts)
        assert len([text for text in texts if text]) > 1


@pytest.mark.filterwarnings("ignore:.*:langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_events_of_an_agent_tell_every_step(make: Callable[..., ChatKilo]) -> None:
    """`astream_events` tells the model's pieces, the tool's run and the whole answers."""

    async def collect() -> list[Any]:
        agent = create_agent(make(), [get_weather])
        return [event async for event in agent.astream_events(QUESTION, version="v2")]

    events = asyncio.run(collect())
    names = [event["event"] for event in events]
    assert names.count("on_chat_model_end") == 2
    assert names.count("on_tool_end") == 1
    pieces = [event["data"]["chunk"].text for event in events if event["event"] == "on_chat_model_stream"]
    assert "sunny in Paris" in "".join(pieces)


@pytest.mark.filterwarnings("ignore:.*:langchain_core._api.beta_decorator.LangChainBetaWarning")
def test_v3_streams_of_an_agent(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Event streams of version 3 give each answer's text, reasoning and calls, and reasoning goes back whole."""
    agent: Any = create_agent(make(reasoning="low"), [get_weather])
    run = agent.stream_events(QUESTION, version="v3")
    first, second = [(str(one.text), str(one.reasoning), one.output) for one in run.messages]
    assert first[1]
    assert [call["args"] for call in first[2].tool_calls] == [{"city": "Paris"}]
    assert "sunny in Paris" in second[0]
    details = first[2].response_metadata["reasoning_details"]
    assert json.dumps(sent(gateway)["messages"][1]["reasoning_details"]) == json.dumps(details)
    assert all(request.body["stream"] for request in gateway.requests)


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_reasoning_goes_back_inside_an_agents_run(
    way: str, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """What the model thought before it called the tool is sent with the tool's result, signatures and all."""
    agent = create_agent(make(reasoning="low", streaming=way == "stream"), [get_weather])
    messages = run_of(agent, way)
    thought = messages[1].response_metadata["reasoning_details"]
    assert thought[0]["signature"]
    assert json.dumps(sent(gateway)["messages"][1]["reasoning_details"]) == json.dumps(thought)


def test_tokens_of_a_run_are_added_up(make: Callable[..., ChatKilo]) -> None:
    """LangChain's counter sees both answers of a run."""
    counter = UsageMetadataCallbackHandler()
    agent: Any = create_agent(make(), [get_weather])
    messages = agent.invoke(QUESTION, config={"callbacks": [counter]})["messages"]
    spent = [message.usage_metadata["total_tokens"] for message in messages if message.type == "ai"]
    assert sum(usage["total_tokens"] for usage in counter.usage_metadata.values()) == sum(spent)


ANSWER = '{"city": "Paris", "is_sunny": true}'


@pytest.mark.parametrize("tools", [[], [get_weather]], ids=["alone", "beside tools"])
def test_structured_answers_by_the_provider(
    tools: list[Any], gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """With ProviderStrategy the schema is sent and the answer is an object; no empty list of tools is sent."""
    gateway.enqueue(Reply(text=ANSWER))
    result = create_agent(make(), tools, response_format=ProviderStrategy(Weather)).invoke(QUESTION)
    assert result["structured_response"] == Weather(city="Paris", is_sunny=True)
    assert sent(gateway)["response_format"]["type"] == "json_schema"
    assert ("tools" in sent(gateway)) is bool(tools)


def test_structured_answers_by_a_tool(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """With ToolStrategy the object is the arguments of a call; a bad one is corrected on the next turn."""
    bad, good = {"city": "Paris", "is_sunny": "perhaps"}, json.loads(ANSWER)
    gateway.enqueue(*(Reply(tool_calls=[{"name": "Weather", "arguments": arguments}]) for arguments in (bad, good)))
    result = create_agent(make(), [], response_format=ToolStrategy(Weather)).invoke(QUESTION)
    assert result["structured_response"] == Weather(city="Paris", is_sunny=True)
    assert sent(gateway)["tool_choice"] == "required"
    assert len(gateway.requests) == 2


@pytest.mark.parametrize(
    ("profile", "by_provider"), [({"structured_output": True}, True), ({"structured_output": False}, False)]
)
def test_the_profile_chooses_the_strategy(
    profile: Any, by_provider: bool, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """Given only a schema, the agent asks the provider where the catalog says that it can, else a tool."""
    gateway.enqueue(Reply(text=ANSWER) if by_provider else Reply(tool_calls=[{"name": "Weather", "arguments": ANSWER}]))
    model = make(model="deepseek/deepseek-v3.2", profile=profile)
    result = create_agent(model, [], response_format=Weather).invoke(QUESTION)
    assert result["structured_response"] == Weather(city="Paris", is_sunny=True)
    assert ("response_format" in sent(gateway)) is by_provider


def test_retry_middleware_does_not_repeat_what_is_hopeless(
    gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """A wrong key costs one request, not one for each try of the middleware."""
    retry = ModelRetryMiddleware(max_retries=2, initial_delay=0, on_failure="error")
    agent = create_agent(make(api_key="wrong"), [get_weather], middleware=[retry])
    with pytest.raises(ModelAuthenticationError):
        agent.invoke(QUESTION)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(("max_retries", "requests"), [(0, 3), (1, 2)])
def test_retries_of_middleware_and_model_do_not_multiply(
    max_retries: int, requests: int, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """Either the middleware tries again or the model does; where the model has, the middleware lets go."""
    busy = Fault(status=503, body={"error": {"message": "busy"}}, headers={"retry-after-ms": "1"}, times=5)
    gateway.enqueue(busy)
    retry = ModelRetryMiddleware(max_retries=2, initial_delay=0, jitter=False, on_failure="error")
    agent = create_agent(make(max_retries=max_retries), [], middleware=[retry])
    with pytest.raises(ModelAPIError, match="busy"):
        agent.invoke(QUESTION)
    assert len(gateway.requests) == requests


def test_fallback_middleware_takes_another_model(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """When the first model fails the second one answers, with the tools that were bound."""
    gateway.enqueue(Fault(status=503, body={"error": {"message": "busy"}}))
    fallback = ModelFallbackMiddleware(make(model="openai/gpt-5.2"))
    messages = run_of(create_agent(make(), [get_weather], middleware=[fallback]), "invoke")
    assert "sunny in Paris" in messages[-1].text
    assert gateway.requests[1].body["model"] == "openai/gpt-5.2"
    assert gateway.requests[1].body["tools"] == gateway.requests[0].body["tools"]


def test_tool_retry_middleware_repeats_the_tool_only(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A tool that fails once is run again without asking the model."""
    calls: list[str] = []

    @tool
    def get_weather_slowly(city: str) -> str:
        """Tell the weather in a city."""
        calls.append(city)
        if len(calls) == 1:
            raise RuntimeError("not yet")
        return f"It is sunny in {city}."

    retry = ToolRetryMiddleware(max_retries=1, initial_delay=0)
    messages = run_of(create_agent(make(), [get_weather_slowly], middleware=[retry]), "invoke")
    assert "sunny in Paris" in messages[-1].text
    assert calls == ["Paris", "Paris"]
    assert len(gateway.requests) == 2


def test_call_limits_end_a_run(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """A limit of one model call stops the agent after its tools."""
    limit = ModelCallLimitMiddleware(run_limit=1, exit_behavior="end")
    run_of(create_agent(make(), [get_weather], middleware=[limit]), "invoke")
    assert len(gateway.requests) == 1


LONG: list[Any] = [
    HumanMessage("Tell me about ships. " * 40),
    AIMessage("Ships float. " * 40),
    HumanMessage("How is the weather in Paris?"),
]


def test_summaries_are_made_by_the_share_of_the_models_window(
    gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """The profile's window makes fractions work: a long history is summed up before the model is asked."""
    model = make(profile={"max_input_tokens": 400})
    summarize = SummarizationMiddleware(model, trigger=("fraction", 0.5), keep=("messages", 1))
    gateway.enqueue(Reply(text="They spoke of ships."))
    messages = create_agent(model, [get_weather], middleware=[summarize]).invoke({"messages": LONG})["messages"]
    assert "They spoke of ships." in messages[0].text
    assert "tools" not in sent(gateway, 0)
    assert "They spoke of ships." in json.dumps(sent(gateway, 1)["messages"])


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_summaries_shrink_when_they_do_not_fit(
    is_async: bool, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """The gateway's word for a prompt that is too long is LangChain's ContextOverflowError: the summary is cut."""
    gateway.enqueue(Fault.named("context_upstream"), Reply(text="They spoke of ships."))
    model = make(profile={"max_input_tokens": 400})
    summarize = SummarizationMiddleware(
        model, trigger=("messages", 2), keep=("messages", 1), trim_tokens_to_summarize=None
    )
    agent = create_agent(model, [], middleware=[summarize])
    result = asyncio.run(agent.ainvoke({"messages": LONG})) if is_async else agent.invoke({"messages": LONG})
    assert "They spoke of ships." in result["messages"][0].text
    assert len(json.dumps(sent(gateway, 1))) < len(json.dumps(sent(gateway, 0)))


def test_overflow_without_middleware_is_told(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Without a summary the agent raises LangChain's own error."""
    gateway.enqueue(Fault.named("context_upstream"))
    with pytest.raises(ContextOverflowError):
        create_agent(make(), []).invoke(QUESTION)


BROKEN = {"name": "get_weather", "arguments": '{"city": "Os', "id": "c1"}


@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke", "astream"])
@pytest.mark.parametrize("calls", [[BROKEN], [{**BROKEN, "arguments": {"city": "Rome"}, "id": "c2"}, BROKEN]])
def test_a_run_goes_on_after_a_cut_off_call(
    way: str, calls: list[dict[str, Any]], gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """No tool runs with half its arguments; the model is told why, and the history can be sent again."""
    runs: list[str] = []

    @tool
    def get_weather(city: str = "everywhere") -> str:
        """Tell the weather in a city."""
        runs.append(city)
        return f"It is sunny in {city}."

    gateway.enqueue(Reply(tool_calls=calls, finish_reason="length"), Reply(text="Fine.", times=2))
    agent = create_agent(make(), [get_weather])
    history = run_of(agent, way)
    assert runs == [call["arguments"]["city"] for call in calls if call is not BROKEN]
    run_of(agent, way, {"messages": [*history, HumanMessage("And?")]})
    body = sent(gateway)["messages"]
    assert "truncated" in {one["tool_call_id"]: one["content"] for one in body if one["role"] == "tool"}["c1"]
    [said] = [call for one in body for call in one.get("tool_calls") or () if call["id"] == "c1"]
    assert json.loads(said["function"]["arguments"]) == {"invalid_arguments": '{"city": "Os'}
