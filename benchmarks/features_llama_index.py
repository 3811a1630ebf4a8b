"""Trials of LlamaIndex LLMs: each uses one feature as an application would, and looks at what came of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from benchmarks.trials import CUT_STREAM, ERROR, ERROR_IN_A_STREAM, QUESTION, Contender, Trial, copy_both_ways, refused
from kilo_gateway.testing import Fault, Reply

if TYPE_CHECKING:
    from benchmarks.trials import Found


OURS = Contender("KiloLLM", "kilo-gateway", "llama_index_kilo", base_url="api_base")
CONTENDERS = (
    OURS,
    Contender(
        "OpenRouter",
        "llama-index-llms-openrouter",
        "llama_index.llms.openrouter",
        base_url="api_base",
        options={"is_function_calling_model": True},
    ),
    Contender(
        "OpenAILike",
        "llama-index-llms-openai-like",
        "llama_index.llms.openai_like",
        base_url="api_base",
        options={"is_chat_model": True, "is_function_calling_model": True},
    ),
)


def _messages(*texts: str) -> list[Any]:
    from llama_index.core.llms import ChatMessage

    return [ChatMessage(role="user", content=text) for text in texts]


def _thought(response: Any) -> str:
    blocks = [block for block in response.message.blocks if block.block_type == "thinking"]
    return "".join(block.content or "" for block in blocks)


def _last(responses: Any) -> Any:
    last = None
    for response in responses:
        last = response
    return last


def agents(c: Contender) -> Found:
    """A FunctionAgent calls a tool and answers with its result."""
    from llama_index.core.agent.workflow import FunctionAgent

    def get_temperature(city: str) -> str:
        """Get the temperature in a city, in degrees Celsius."""
        return f"It is 21 degrees in {city}."

    async def run() -> str:
        agent = FunctionAgent(llm=c.make(), tools=[get_temperature])
        return str(await agent.run(user_msg="What is the temperature in Paris?"))

    return "21" in asyncio.run(run())


def query_engine(c: Contender) -> Found:
    """A query engine answers from documents, in a stream."""
    from llama_index.core import Document, SummaryIndex

    index = SummaryIndex.from_documents([Document(text="The night train leaves at 20:29.")])
    engine = index.as_query_engine(llm=c.make(), streaming=True)
    return "20:29" in "".join(engine.query("When does the night train leave?").response_gen)


def structured(c: Contender) -> Found:
    """A sentence becomes an object, called and streamed."""
    from llama_index.core.prompts import PromptTemplate
    from pydantic import BaseModel

    class Person(BaseModel):
        """Somebody."""

        name: str
        age: int

    prompt = PromptTemplate("My name is Ann and I am 41 years old.")
    called = c.make().structured_predict(Person, prompt)
    streamed = _last(c.make().stream_structured_predict(Person, prompt))
    if isinstance(streamed, Person) and streamed.age == 41:
        return called.age == 41
    return "called; a stream ends with an empty object" if called.age == 41 else False


def reasoning(c: Contender) -> Found:
    """The reasoning is a ThinkingBlock, called and streamed."""
    c.gateway.enqueue(Reply(text="20:29", reasoning="I look."), Reply(text="20:29", reasoning="I look."))
    called = _thought(c.make().chat(_messages(QUESTION)))
    streamed = _thought(_last(c.make().stream_chat(_messages(QUESTION))))
    return called == streamed == "I look."


def reasoning_goes_back(c: Contender) -> Found:
    """Signed reasoning goes back as it came."""
    details = {"text": "I look it up, word by word.", "format": "anthropic-claude-v1", "type": "reasoning.text"}
    c.gateway.enqueue(Reply(text="20:29", reasoning=details["text"]))
    answer = _last(c.make().stream_chat(_messages(QUESTION))).message
    c.make().chat([*_messages(QUESTION), answer, *_messages("Sure?")])
    sent = c.body()["messages"][1].get("reasoning_details") or []
    return len(sent) == 1 and sent[0].items() >= details.items() and bool(sent[0].get("signature"))


def cost(c: Contender) -> Found:
    """What an answer cost is in `additional_kwargs`, called and streamed."""
    responses = [c.make().chat(_messages(QUESTION)), _last(c.make().stream_chat(_messages(QUESTION)))]
    if all("cost" in response.additional_kwargs for response in responses):
        return True
    in_raw = ["cost=" in str(response.raw) or "'cost'" in str(response.raw) for response in responses]
    return "somewhere in `raw`" if all(in_raw) else "in `raw`, of calls only" if in_raw[0] else False


def stream_usage(c: Contender) -> Found:
    """A stream has its tokens without being asked for them."""
    last = _last(c.make().stream_chat(_messages(QUESTION)))
    return bool(last.additional_kwargs.get("total_tokens"))


def window(c: Contender) -> Found:
    """`metadata` has the model's real window, without an argument."""
    found = c.make().metadata.context_window
    return found >= 200_000 or f"{found:,}, unless you say it"


def knows_tools(c: Contender) -> Found:
    """Whether a model calls tools is known without an argument."""
    c.options = {name: value for name, value in c.options.items() if name != "is_function_calling_model"}
    return bool(c.make().metadata.is_function_calling_model) or "where you say so"


def max_tokens(c: Contender) -> Found:
    """`max_tokens` is sent only when it was set."""
    c.make().chat(_messages(QUESTION))
    sent = c.body().get("max_tokens")
    return sent is None or f"sends {sent}"


def routing(c: Contender) -> Found:
    """The gateway's options of routing have names."""
    wanted = {"order": ["anthropic"]}
    for options in ({"provider": wanted}, {"order": ["anthropic"]}):
        with refused(Exception):
            c.make(**options).chat(_messages(QUESTION))
            if (c.body().get("provider") or {}).get("order") == ["anthropic"]:
                return True
    c.make(additional_kwargs={"extra_body": {"provider": wanted}}).chat(_messages(QUESTION))
    return "by `additional_kwargs`" if c.body().get("provider") == wanted else False


def reasoning_level(c: Contender) -> Found:
    """A level of reasoning is an argument."""
    for name in ("reasoning", "reasoning_effort"):
        with refused(Exception):
            c.make(**{name: "high"}).chat(_messages(QUESTION))
            body = c.body()
            if (body.get("reasoning") or {}).get("effort") == "high" or body.get("reasoning_effort") == "high":
                return True
    c.make(additional_kwargs={"reasoning_effort": "high"}).chat(_messages(QUESTION))
    return "by `additional_kwargs`" if c.body().get("reasoning_effort") == "high" else False


def unknown_arguments(c: Contender) -> Found:
    """A misspelt argument is refused."""
    with refused(Exception) as errors:
        c.make(temprature=0)
    return bool(errors)


def no_retries(c: Contender) -> Found:
    """`max_retries=0` is one request."""
    c.gateway.enqueue(Fault(status=503, body={"error": {"message": "Busy", "code": 503}}))
    with refused(Exception):
        c.make(max_retries=0).chat(_messages(QUESTION))
    return len(c.gateway.requests) == 1


def retries(c: Contender) -> Found:
    """`max_retries=1` is two requests while the gateway fails."""
    c.gateway.enqueue(Fault(status=503, body={"error": {"message": "Busy", "code": 503}}, times=9))
    with refused(Exception):
        c.make(max_retries=1).chat(_messages(QUESTION))
    return len(c.gateway.requests) == 2 or f"{len(c.gateway.requests)} requests"


def error_in_a_200(c: Contender) -> Found:
    """An error inside a 200 is that error, by its words."""
    c.gateway.enqueue(Reply(body=ERROR, times=3))
    with refused(Exception) as errors:
        c.make(max_retries=0).chat(_messages(QUESTION))
    return bool(errors) and ("fell over" in str(errors[0]) or f"{type(errors[0]).__name__}, without the words")


def error_in_a_stream(c: Contender) -> Found:
    """An error in mid-stream, as the gateway sends it, is an error."""
    c.gateway.enqueue(ERROR_IN_A_STREAM)
    with refused(Exception) as errors:
        _last(c.make(max_retries=0).stream_chat(_messages(QUESTION)))
    return bool(errors) and ("fell over" in str(errors[0]) or "an error, without the gateway's words")


def cut_streams(c: Contender) -> Found:
    """A stream that ends before the answer does is an error."""
    c.gateway.enqueue(CUT_STREAM)
    with refused(Exception) as errors:
        _last(c.make(max_retries=0).stream_chat(_messages(QUESTION)))
    return bool(errors)


def cut_calls(c: Contender) -> Found:
    """A tool call that was cut off runs no tool, not even one whose arguments are all optional."""
    from llama_index.core.tools import FunctionTool

    paid: list[Any] = []

    def pay(to: str = "nobody", usd: int = 0) -> str:
        """Pay somebody."""
        paid.append((to, usd))
        return "paid"

    call = {"name": "pay", "arguments": '{"to": "Ann", "usd": 1'}
    c.gateway.enqueue(Reply(tool_calls=[call], finish_reason="length"))
    with refused(Exception):
        c.make().predict_and_call([FunctionTool.from_defaults(pay)], user_msg="Pay Ann 100.")
    return paid == [] or "the tool ran with what had come"


def event_loops(c: Contender) -> Found:
    """One object serves several `asyncio.run`, one after the other, and sends each question once."""
    model = c.make(max_retries=0)
    for _ in range(3):
        asyncio.run(model.achat(_messages(QUESTION)))
    return len(c.gateway.requests) == 3


def copies(c: Contender) -> Found:
    """A used object can be pickled and copied deeply."""
    model = c.make()
    model.chat(_messages(QUESTION))
    return copy_both_ways(model)


def secrets(c: Contender) -> Found:
    """The key is in no dump of the object."""
    model = c.make(api_key="sk-very-secret")
    return "sk-very-secret" not in f"{model!r} {model.to_dict()} {model.to_json()}"


def own_http_client(c: Contender) -> Found:
    """An HTTP client of the caller's carries the calls."""
    import httpx

    seen: list[Any] = []
    with httpx.Client(event_hooks={"request": [seen.append]}) as client:
        c.make(http_client=client).chat(_messages(QUESTION))
    return len(seen) == 1


def images(c: Contender) -> Found:
    """A picture that the model made is a block of the message."""
    url = {"url": "data:image/png;base64,iVBORw0KGgo="}
    c.gateway.enqueue(Reply(text="Here.", images=[{"type": "image_url", "image_url": url, "index": 0}]))
    return any(block.block_type == "image" for block in c.make().chat(_messages("Draw a dot.")).message.blocks)


def embeddings(c: Contender) -> Found:
    """The package has embeddings for the same gateway."""
    if c.name == OURS.name:
        from llama_index_kilo import KiloEmbedding

        where = {"api_base": c.gateway.base_url, "api_key": c.gateway.api_key}
        return len(KiloEmbedding(**where).get_text_embedding("bees")) > 1
    return "in a package of its own" if c.name == "OpenAILike" else False


def legacy_completions(c: Contender) -> Found:
    """The old completions endpoint, which servers of base models have, can be asked."""
    with refused(Exception):
        c.make(is_chat_model=False, max_retries=0).complete(QUESTION)
    return (
        bool(c.gateway.requests)
        and c.gateway.requests[-1].path.endswith("/completions")
        and not (c.gateway.requests[-1].path.endswith("/chat/completions"))
    )


TRIALS = (
    Trial("a FunctionAgent that calls a tool", agents),
    Trial("a query engine that streams", query_engine),
    Trial("`structured_predict`, called and streamed", structured),
    Trial("the reasoning as a ThinkingBlock, called and streamed", reasoning),
    Trial("signed reasoning goes back unchanged", reasoning_goes_back),
    Trial("cost in `additional_kwargs`, called and streamed", cost),
    Trial("tokens of a stream, unasked", stream_usage),
    Trial("pictures that the model made", images),
    Trial("`metadata` knows the model's window", window),
    Trial("`metadata` knows whether the model calls tools", knows_tools),
    Trial("`max_tokens` is sent only when it was set", max_tokens),
    Trial("the gateway's routing by name", routing),
    Trial("a level of reasoning by name", reasoning_level),
    Trial("a misspelt argument is refused", unknown_arguments),
    Trial("`max_retries=0` is one request", no_retries),
    Trial("`max_retries=1` is two", retries),
    Trial("an error inside a 200 is raised, with the gateway's words", error_in_a_200),
    Trial("an error in mid-stream is raised", error_in_a_stream),
    Trial("a stream that ends too early is an error", cut_streams),
    Trial("a tool call that was cut off is not run", cut_calls),
    Trial("one object in several `asyncio.run`", event_loops),
    Trial("pickle and deepcopy after use", copies),
    Trial("the key is in no dump of the object", secrets),
    Trial("an HTTP client of your own", own_http_client),
    Trial("embeddings for the same gateway", embeddings),
    Trial("the old completions endpoint of base models", legacy_completions),
)
