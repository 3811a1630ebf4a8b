"""Trials of LangChain chat models: each uses one feature as an application would, and looks at what came of it."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any

from benchmarks.trials import CUT_STREAM, ERROR, ERROR_IN_A_STREAM, QUESTION, Contender, Trial, copy_both_ways, refused
from kilo_gateway.testing import Fault, Reply

if TYPE_CHECKING:
    from benchmarks.trials import Found


OURS = Contender("ChatKilo", "kilo-gateway", "langchain_kilo")
CONTENDERS = (
    OURS,
    Contender("ChatOpenAI", "langchain-openai", "langchain_openai"),
    Contender("ChatOpenRouter", "langchain-openrouter", "langchain_openrouter"),
)


def _whole(chunks: Any) -> Any:
    total = None
    for chunk in chunks:
        total = chunk if total is None else total + chunk
    return total


def _reasoning_of(message: Any) -> str:
    blocks = [block.get("reasoning") or "" for block in message.content_blocks if block["type"] == "reasoning"]
    return "".join(blocks)


def agents(c: Contender) -> Found:
    """An agent calls a tool and answers with its result."""
    from langchain.agents import create_agent
    from langchain_core.tools import tool

    @tool
    def get_temperature(city: str) -> str:
        """Get the temperature in a city, in degrees Celsius."""
        return f"It is 21 degrees in {city}."

    question = "What is the temperature in Paris?"
    told = create_agent(c.make(), [get_temperature]).invoke({"messages": [("user", question)]})
    return "21" in told["messages"][-1].text


def structured(c: Contender) -> Found:
    """A sentence becomes an object, without naming a method."""
    from pydantic import BaseModel

    class Person(BaseModel):
        """Somebody."""

        name: str
        age: int

    return bool(c.make().with_structured_output(Person).invoke("My name is Ann and I am 41 years old.").age == 41)


def structured_list(c: Contender) -> Found:
    """`list[...]` is a schema too."""
    return isinstance(c.make().with_structured_output(list[str]).invoke("Two rivers: Elbe, Main."), list)


def reasoning(c: Contender) -> Found:
    """The text of the reasoning is a block of the message, called and streamed."""
    c.gateway.enqueue(Reply(text="20:29", reasoning="I look."), Reply(text="20:29", reasoning="I look."))
    called, streamed = _reasoning_of(c.make().invoke(QUESTION)), _reasoning_of(_whole(c.make().stream(QUESTION)))
    return called == streamed == "I look."


def reasoning_goes_back(c: Contender) -> Found:
    """What a stream brought of signed reasoning goes back as it came."""
    details = {"text": "I look it up, word by word.", "format": "anthropic-claude-v1", "type": "reasoning.text"}
    c.gateway.enqueue(Reply(text="20:29", reasoning=details["text"]))  # its signature comes in a piece of its own
    answer = _whole(c.make().stream(QUESTION))
    c.make().invoke([("user", QUESTION), answer, ("user", "Sure?")])
    sent = c.body()["messages"][1].get("reasoning_details") or []
    if len(sent) == 1 and sent[0].items() >= details.items() and sent[0].get("signature"):
        return True
    return "sent, but changed by adding up the chunks" if sent else False


def cost(c: Contender) -> Found:
    """What an answer cost is in the message, called and streamed."""
    called, streamed = c.make().invoke(QUESTION), _whole(c.make().stream(QUESTION))
    has = ["cost" in str(message.response_metadata) for message in (called, streamed)]
    return all(has) or ("of calls, not of streams" if has[0] else False)


def provider(c: Contender) -> Found:
    """Who hosted the model, and the finish reason in its own words, are in the message."""
    told = str(c.make().invoke(QUESTION).response_metadata)
    has = ["Kilo Embedded" in told, "native_finish_reason" in told]
    return all(has) or ("one of the two" if any(has) else False)


def stream_usage(c: Contender) -> Found:
    """A stream has its usage without being asked for it."""
    return _whole(c.make().stream(QUESTION)).usage_metadata is not None


def routing(c: Contender) -> Found:
    """The gateway's options of routing have names."""
    wanted = {"order": ["anthropic"]}
    for name in ("provider", "openrouter_provider"):
        with refused(Exception):
            c.make(**{name: wanted}).invoke(QUESTION)
            if c.body().get("provider") == wanted:
                return True
    c.make(extra_body={"provider": wanted}).invoke(QUESTION)
    return "by `extra_body`" if c.body().get("provider") == wanted else False


def unknown_arguments(c: Contender) -> Found:
    """A misspelt argument is refused where the object is made."""
    with refused(Exception) as errors:
        c.make(temprature=0)
    if errors:
        return True
    with refused(Exception) as errors:
        c.make(temprature=0).invoke(QUESTION)
    return "a warning, then an error at the first call" if errors else False


def no_retries(c: Contender) -> Found:
    """`max_retries=0` is one request."""
    c.gateway.enqueue(Fault(status=503, body={"error": {"message": "Busy", "code": 503}}))
    with refused(Exception):
        c.make(max_retries=0).invoke(QUESTION)
    return len(c.gateway.requests) == 1


def rate_limits(c: Contender) -> Found:
    """A 429 is tried again."""
    c.gateway.enqueue(
        Fault(status=429, body={"error": {"message": "Slow", "code": 429}}, headers={"retry-after": "0.1"})
    )
    with refused(Exception):
        c.make().invoke(QUESTION)
    return len(c.gateway.requests) == 2


def typed_errors(c: Contender) -> Found:
    """An error of the gateway is one of langchain-core's `ModelError`."""
    from langchain_core.exceptions import ModelError

    found = []
    for status in (401, 402, 422, 429, 502):
        c.gateway.enqueue(Fault(status=status, body={"error": {"message": "No", "code": status}}))
        with refused(Exception) as errors:
            c.make(max_retries=0).invoke(QUESTION)
        found += [(status, error) for error in errors]
    others = [str(status) for status, error in found if not isinstance(error, ModelError)]
    return not others or (f"not {', '.join(others)}" if len(others) < len(found) else False)


def error_in_a_200(c: Contender) -> Found:
    """An error inside a 200 is that error, by its words."""
    c.gateway.enqueue(Reply(body=ERROR, times=3))
    with refused(Exception) as errors:
        c.make(max_retries=0).invoke(QUESTION)
    return bool(errors) and ("fell over" in str(errors[0]) or "an error, without the gateway's words")


def error_in_a_stream(c: Contender) -> Found:
    """An error in mid-stream, as the gateway sends it, is an error."""
    c.gateway.enqueue(ERROR_IN_A_STREAM)
    with refused(Exception) as errors:
        _whole(c.make(max_retries=0).stream(QUESTION))
    return bool(errors) and ("fell over" in str(errors[0]) or "an error, without the gateway's words")


def cut_streams(c: Contender) -> Found:
    """A stream that ends before the answer does is an error."""
    c.gateway.enqueue(CUT_STREAM)
    with refused(Exception) as errors:
        _whole(c.make(max_retries=0).stream(QUESTION))
    return bool(errors)


def cut_calls(c: Contender) -> Found:
    """A tool call that was cut off is no call."""
    call = {"name": "pay", "arguments": '{"to": "Ann", "usd": 1'}
    c.gateway.enqueue(Reply(tool_calls=[call], finish_reason="length"))
    message = _whole(c.make().stream("Pay Ann 100."))
    return not message.tool_calls and bool(message.invalid_tool_calls)


def event_loops(c: Contender) -> Found:
    """One object serves several `asyncio.run`, one after the other, and sends each question once."""
    model = c.make(max_retries=0)
    for _ in range(3):
        asyncio.run(model.ainvoke(QUESTION))
    return len(c.gateway.requests) == 3


def copies(c: Contender) -> Found:
    """A used object can be pickled and copied deeply."""
    model = c.make()
    model.invoke(QUESTION)
    return copy_both_ways(model)


def secrets(c: Contender) -> Found:
    """A secret among the headers is not in the repr."""
    return "sk-very-secret" not in repr(c.make(default_headers={"x-api-key": "sk-very-secret"}))


def own_http_client(c: Contender) -> Found:
    """An HTTP client of the caller's carries the calls."""
    import httpx

    seen: list[Any] = []
    with httpx.Client(event_hooks={"request": [seen.append]}) as client:
        c.make(http_client=client).invoke(QUESTION)
    return len(seen) == 1


def counting(c: Contender) -> Found:
    """Tokens of messages are counted without a download."""
    from langchain_core.messages import HumanMessage

    with refused(ImportError, OSError, NotImplementedError):
        return c.make().get_num_tokens_from_messages([HumanMessage(QUESTION)]) > 5
    return False


def window(c: Contender) -> Found:
    """The window of the model is known without asking."""
    if (c.make().profile or {}).get("max_input_tokens"):
        return True
    return "of OpenAI's own ids" if c.make(model="gpt-5-mini").profile else False


def images(c: Contender) -> Found:
    """A picture that the model made is a block of the message."""
    url = {"url": "data:image/png;base64,iVBORw0KGgo="}
    c.gateway.enqueue(Reply(text="Here.", images=[{"type": "image_url", "image_url": url, "index": 0}]))
    return any(block["type"] == "image" for block in c.make().invoke("Draw a dot.").content_blocks)


def embeddings(c: Contender) -> Found:
    """The package has embeddings for the same gateway."""
    package = import_module(c.module)
    classes = [getattr(package, name) for name in ("KiloEmbeddings", "OpenAIEmbeddings") if hasattr(package, name)]
    if not classes:
        return False
    (cls,) = classes
    where = {"base_url": c.gateway.base_url, "api_key": c.gateway.api_key}
    try:
        return len(cls(model="openai/text-embedding-3-small", **where).embed_query("bees")) > 1
    except Exception:  # noqa: BLE001 - its default sends token ids, which the gateway refuses
        plain = cls(model="openai/text-embedding-3-small", check_embedding_ctx_length=False, **where)
        return "with `check_embedding_ctx_length=False`" if plain.embed_query("bees") else False


def init_chat_model(c: Contender) -> Found:
    """LangChain's `init_chat_model` makes it by a word."""
    from langchain.chat_models import init_chat_model as init

    word = {"ChatOpenAI": "openai", "ChatOpenRouter": "openrouter", "ChatKilo": "kilo"}[c.name]
    where = {"base_url": c.gateway.base_url, "api_key": c.gateway.api_key}
    try:
        return bool(init(f"{word}:{c.model}", **where).invoke(QUESTION).text)
    except ValueError:  # LangChain's list of providers is closed
        return False


def responses_api(c: Contender) -> Found:
    """OpenAI's Responses API can be asked instead of chat completions."""
    with refused(Exception):
        c.make(use_responses_api=True, max_retries=0).invoke(QUESTION)
    return bool(c.gateway.requests) and c.gateway.requests[-1].path.endswith("/responses")


TRIALS = (
    Trial("an agent (`create_agent`) that calls a tool", agents),
    Trial("`with_structured_output` of a class", structured),
    Trial("`with_structured_output` of `list[str]`", structured_list),
    Trial("text of the reasoning, called and streamed", reasoning),
    Trial("signed reasoning goes back unchanged after a stream", reasoning_goes_back),
    Trial("cost in the message, called and streamed", cost),
    Trial("provider and native finish reason in the message", provider),
    Trial("usage of a stream, unasked", stream_usage),
    Trial("pictures that the model made", images),
    Trial("the gateway's routing (`provider`) by name", routing),
    Trial("a misspelt argument is refused at once", unknown_arguments),
    Trial("`max_retries=0` is one request", no_retries),
    Trial("a 429 is tried again", rate_limits),
    Trial("errors are langchain-core's `ModelError` (401, 402, 422, 429, 502)", typed_errors),
    Trial("an error inside a 200 is raised, with the gateway's words", error_in_a_200),
    Trial("an error in mid-stream is raised", error_in_a_stream),
    Trial("a stream that ends too early is an error", cut_streams),
    Trial("a streamed tool call that was cut off is not run", cut_calls),
    Trial("one object in several `asyncio.run`", event_loops),
    Trial("pickle and deepcopy after use", copies),
    Trial("secret headers are not in the repr", secrets),
    Trial("an HTTP client of your own", own_http_client),
    Trial("tokens counted without a download", counting),
    Trial("the model's window is known without asking", window),
    Trial("embeddings in the same package", embeddings),
    Trial('`init_chat_model("...")`', init_chat_model),
    Trial("OpenAI's Responses API", responses_api),
)
