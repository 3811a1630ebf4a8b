"""What LangChain's traces, counters and middleware learn about a model and its answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from langchain.chat_models import init_chat_model
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, get_usage_metadata_callback
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, trim_messages
from langchain_core.messages.ai import add_usage

from kilo_gateway.catalog import discovery
from kilo_gateway.testing import Reply
from langchain_kilo import ChatKilo, __version__
from langchain_kilo.tools import render_tools
from langchain_kilo.tracing import mask_arguments

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway


def test_langsmith_parameters(make: Callable[..., ChatKilo]) -> None:
    """Traces name provider, model and sampling; what a call says counts."""
    model = make(temperature=0.5, max_tokens=10, stop="END")
    assert model._get_ls_params() == {
        "ls_provider": "kilo",
        "ls_model_type": "chat",
        "ls_model_name": "anthropic/claude-sonnet-4.6",
        "ls_temperature": 0.5,
        "ls_max_tokens": 10,
        "ls_stop": ["END"],
    }
    changed = model._get_ls_params(
        stop=["X"], model="kilocode/a/b", temperature=0, max_completion_tokens=5, max_tokens=None
    )
    assert (changed["ls_model_name"], changed["ls_temperature"], changed["ls_max_tokens"]) == ("a/b", 0, 5)
    assert changed["ls_stop"] == ["X"]


@pytest.mark.parametrize("stop", [None, ["X"]])
@pytest.mark.parametrize("given", [{}, {"temperature": 0, "tools": [{"type": "mcp", "authorization": "a"}]}])
def test_invocation_parameters_are_those_of_langchain(
    make: Callable[..., ChatKilo], stop: list[str] | None, given: dict[str, Any]
) -> None:
    """What callbacks are told of a call is what LangChain makes itself, more slowly, of the identifying parameters."""
    model = make(temperature=0.5, default_headers={"X-Team": "t"})
    own = BaseChatModel._get_invocation_params(model, stop, **mask_arguments(given))
    assert model._get_invocation_params(stop, **given) == own
    stopping = make(stop=["END"])
    assert stopping._get_invocation_params()["stop"] == ["END"]


def test_trace_and_message_agree_on_the_provider(make: Callable[..., ChatKilo]) -> None:
    """`ls_provider` is the `model_provider` of messages, by which middleware matches the two."""
    model = make()
    assert model.invoke("Hello").response_metadata["model_provider"] == model._get_ls_params()["ls_provider"]


def test_versions_are_in_the_trace(make: Callable[..., ChatKilo]) -> None:
    """The trace says which version of this package answered; `metadata` of the caller stays."""
    model = make(metadata={"own": 1})
    assert model.metadata["lc_versions"]["langchain-kilo"] == __version__
    assert "langchain-core" in model.metadata["lc_versions"]
    assert model.metadata["own"] == 1


def test_identity_holds_everything_that_changes_answers(make: Callable[..., ChatKilo]) -> None:
    """What identifies a model object is its model, its gateway and every option that is set."""
    params = make(seed=3, provider={"sort": "price"}, reasoning="low", extra_body={"x": 1}).asdict()
    assert (params["_type"], params["model"], params["seed"]) == (
        "kilo-chat",
        "kilocode/anthropic/claude-sonnet-4.6",
        3,
    )
    assert (params["provider"], params["reasoning"], params["extra_body"]) == ({"sort": "price"}, "low", {"x": 1})
    assert "temperature" not in params


class _Started(BaseCallbackHandler):
    """Keeps what a tracer is told at the start of a call, and the result at its end."""

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self.result: Any = None

    def on_chat_model_start(self, serialized: Any, messages: Any, **facts: Any) -> None:
        self.params = facts["invocation_params"]

    def on_llm_end(self, response: Any, **_: Any) -> None:
        self.result = response


def test_invocation_parameters_hide_secrets(make: Callable[..., ChatKilo], gateway: EmbeddedGateway) -> None:
    """The parameters of a call are traced, its key and secret headers are not."""
    seen = _Started()
    make(stop=["END"]).invoke(
        "Hello",
        temperature=0.25,
        tools=[{"type": "mcp", "server_url": "https://m.example", "authorization": "secret"}],
        api_key=gateway.api_key,
        extra_headers={"X-Api-Token": "hidden", "X-Plain": "seen"},
        config={"callbacks": [seen]},
    )
    assert (seen.params["temperature"], seen.params["stop"]) == (0.25, ["END"])
    assert seen.params["tools"] == [{"type": "mcp", "server_url": "https://m.example", "authorization": "***"}]
    assert seen.params["api_key"] == "***"
    assert seen.params["extra_headers"] == {"X-Api-Token": "***", "X-Plain": "seen"}


def test_usage_is_whole_numbers_and_cost_stands_beside(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Tokens are in `usage_metadata`, the cost in USD in `response_metadata`, so that adding messages works."""
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 15,
        "cost": 0.5,
        "is_byok": True,
        "cost_details": {"upstream_inference_cost": 0.75},
        "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3, "audio_tokens": 2, "video_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 3, "image_tokens": 1, "audio_tokens": 1},
    }
    gateway.enqueue(Reply(text="x", usage=usage))
    message = make().invoke("Hello")
    assert message.usage_metadata == {
        "input_tokens": 10,
        "output_tokens": 5,
        "total_tokens": 15,
        "input_token_details": {"cache_read": 4, "cache_creation": 3, "audio": 2, "video": 1},
        "output_token_details": {"reasoning": 3, "image": 1, "audio": 1},
    }
    facts = message.response_metadata
    assert (facts["cost"], facts["billed_cost"], facts["is_byok"], facts["usage"]) == (0.5, 0.75, True, usage)


def test_answers_without_usage_have_none(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Nothing is counted that the gateway did not count."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": "x"}}
    gateway.enqueue(Reply(body={"choices": [choice]}))
    message = make().invoke("Hello")
    assert message.usage_metadata is None
    assert message.response_metadata["model_name"] == "anthropic/claude-sonnet-4.6"
    assert "cost" not in message.response_metadata


def test_unknown_facts_of_an_answer_are_kept(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """Keys that nobody knows yet are in `extra`, wherever the gateway put them."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": "x", "mood": "good"}, "rank": 1}
    gateway.enqueue(Reply(body={"choices": [choice], "weather": "fine"}))
    assert make().invoke("Hello").response_metadata["extra"] == {"mood": "good", "rank": 1, "weather": "fine"}


def test_usage_callback_counts_by_model(make: Callable[..., ChatKilo]) -> None:
    """LangChain's own counter adds up calls and streams under the model that answered."""
    with get_usage_metadata_callback() as counter:
        answer = make().invoke("Hello")
        list(make().stream("Hello"))
    [(name, counted)] = counter.usage_metadata.items()
    assert name == answer.response_metadata["model_name"]
    assert counted["total_tokens"] == 2 * answer.usage_metadata["total_tokens"]


def test_batches_add_up_their_usage(make: Callable[..., ChatKilo]) -> None:
    """`generate` over several prompts tells the tokens and the cost of all of them."""
    result = make().generate([[HumanMessage("Hello")], [HumanMessage("Hello")]])
    one = result.generations[0][0].message
    assert result.llm_output["token_usage"]["total_tokens"] == 2 * one.usage_metadata["total_tokens"]
    assert result.llm_output["model_name"] == one.response_metadata["model_name"]


def test_finish_reason_is_in_generation_info(make: Callable[..., ChatKilo]) -> None:
    """Callbacks that look beside the message find why the answer ended, called and streamed."""
    for run in (lambda model, **given: model.invoke(**given), lambda model, **given: list(model.stream(**given))):
        seen = _Started()
        run(make(), input="Hello", config={"callbacks": [seen]})
        assert seen.result.generations[0][0].generation_info["finish_reason"] == "stop"


def test_profile_comes_from_the_catalog_without_asking(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """The bundled catalog knows `kilo/auto`; a model that it does not know has no profile."""
    assert make(model="kilo/auto").profile["max_input_tokens"] == 1_000_000
    assert make(model="kilo/auto").profile["image_inputs"] is True
    assert make(model="nobody/knows-me").profile is None
    assert gateway.requests == []


def test_listing_models_renews_the_profile(gateway: EmbeddedGateway, make: Callable[..., ChatKilo]) -> None:
    """The live list tells more; a profile that the caller wrote stays his."""
    discovery.forget()
    model = make(model="typesafe/jev-router")
    assert model.profile is None
    listed = model.list_models()
    assert model.profile["max_input_tokens"] > 0
    assert "structured_output" not in model.profile
    assert model.model.removeprefix("kilocode/") in {one.id for one in listed}
    own = make(model="typesafe/jev-router", profile={"max_input_tokens": 5})
    assert asyncio.run(own.alist_models()) == listed
    assert own.profile == {"max_input_tokens": 5}


def test_tokens_are_counted_without_asking(make: Callable[..., ChatKilo], gateway: EmbeddedGateway) -> None:
    """Counting needs no tokenizer, no download and no request; with a tokenizer of the caller's it is exact."""
    model = make()
    messages = [HumanMessage("Hello there, how are you?"), AIMessage("Fine, thank you.")]
    tool = render_tools([{"name": "f", "description": "d" * 400, "parameters": {}}])
    counted = model.get_num_tokens_from_messages(messages)
    assert 8 < counted < 30
    assert model.get_num_tokens_from_messages(messages, tools=tool) > counted + 90
    assert model.get_num_tokens("日本語のテキスト") > 4
    assert trim_messages(messages, max_tokens=12, token_counter=model, strategy="last") == messages[1:]
    exact = make(custom_get_token_ids=lambda text: [ord(letter) for letter in text])
    assert exact.get_num_tokens("abc") == 3
    assert exact.get_num_tokens_from_messages([HumanMessage("abc")]) == 3
    with pytest.raises(NotImplementedError, match="custom_get_token_ids"):
        model.get_token_ids("abc")
    assert gateway.requests == []


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("streaming", [None, True])
def test_a_cached_answer_costs_nothing_and_says_so(
    is_async: bool, streaming: Any, gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """Summing the costs of messages and of traced runs counts an answer once, however often a cache gives it."""
    details = {"upstream_inference_cost": 0.75}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.5, "cost_details": details}
    gateway.enqueue(Reply(text="x", usage={**usage, "is_byok": True}))
    model = make(cache=InMemoryCache(), streaming=streaming)
    seen = _Started()
    first, second, third = (
        asyncio.run(model.ainvoke("Hello", config={"callbacks": [seen]}))
        if is_async
        else model.invoke("Hello", config={"callbacks": [seen]})
        for _ in range(3)
    )
    assert len(gateway.requests) == 1
    assert (first.response_metadata["cost"], first.response_metadata["billed_cost"]) == (0.5, 0.75)
    assert "cached" not in first.response_metadata
    for again in (second, third, seen.result.generations[0][0].message):
        facts = again.response_metadata
        assert (facts["cached"], facts["cost"], facts["billed_cost"]) == (True, 0, 0)
        assert "cost_details" not in facts
        assert facts["usage"] == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0} | {
            "is_byok": True
        }
        assert again.usage_metadata == {**first.usage_metadata, "total_cost": 0}
        assert (again.text, facts["model"]) == (first.text, first.response_metadata["model"])


def test_a_cached_answer_without_a_cost_says_that_it_is_one(
    gateway: EmbeddedGateway, make: Callable[..., ChatKilo]
) -> None:
    """Nothing is made up for an answer whose cost nobody knew."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": "x"}}
    gateway.enqueue(Reply(body={"choices": [choice]}))
    model = make(cache=InMemoryCache())
    model.invoke("Hello")
    facts = model.invoke("Hello").response_metadata
    assert facts["cached"] is True
    assert facts.keys() & {"cost", "billed_cost", "usage"} == set()


def test_langchain_refuses_a_cost_in_the_usage(make: Callable[..., ChatKilo]) -> None:
    """Why the cost is not in `usage_metadata`, where LangSmith would find it: adding up two answers would fail."""
    one: Any = {**(make().invoke("Hello").usage_metadata or {}), "total_cost": 0.5}
    with pytest.raises(ValueError, match="Only dict and int values are supported"):
        add_usage(one, one)


def test_langchains_own_factory_knows_no_kilo() -> None:
    """LangChain's list of providers is closed; the README says what to write instead."""
    with pytest.raises(ValueError, match="kilo"):
        init_chat_model("kilo:anthropic/claude-sonnet-4.6")
