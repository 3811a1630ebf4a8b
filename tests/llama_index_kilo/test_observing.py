"""What observers see of a call: one span, its events in order, exact tokens, and one turn of the rate limiter."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler, TokenCountingHandler
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.span_handlers import SimpleSpanHandler
from llama_index.core.prompts import PromptTemplate
from llama_index.core.rate_limiter import BaseRateLimiter
from pydantic import BaseModel, PrivateAttr

from kilo_gateway.errors import AuthenticationError
from kilo_gateway.testing import Fault, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kilo_gateway.testing import EmbeddedGateway
    from llama_index_kilo import KiloLLM

ENTRY_POINTS = ("chat", "stream", "complete", "stream_complete")
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


class _Events(BaseEventHandler):
    _seen: list[Any] = PrivateAttr(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        return "Events"

    def handle(self, event: Any, **kwargs: Any) -> None:
        self._seen.append(event)

    @property
    def names(self) -> list[str]:
        """The names of the events, in progress once."""
        names = [event.class_name() for event in self._seen]
        return [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]


@pytest.fixture
def events() -> Iterator[_Events]:
    """Return a handler that sees every event of a test."""
    root, handler = get_dispatcher(), _Events()
    root.add_event_handler(handler)
    yield handler
    root.event_handlers.remove(handler)


@pytest.fixture
def spans() -> Iterator[SimpleSpanHandler]:
    """Return a handler that sees every span of a test."""
    root, handler = get_dispatcher(), SimpleSpanHandler()
    root.add_span_handler(handler)
    yield handler
    root.span_handlers.remove(handler)


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_one_span_a_call(
    gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, entry_point: str, spans: SimpleSpanHandler
) -> None:
    """Each entry point is one span."""
    gateway.enqueue(Reply(text="fine"))
    getattr(ask, entry_point)(llm, "hi")
    name = {"stream": "stream_chat"}.get(entry_point, entry_point)
    name = f"a{name}" if ask.is_async else name
    assert [span.id_.partition("-")[0] for span in spans.completed_spans] == [f"KiloLLM.{name}"]


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_events_of_a_call(gateway: EmbeddedGateway, llm: KiloLLM, ask: Any, entry_point: str, events: _Events) -> None:
    """A call emits its start and its end, with its progress between when it streams; the end has the tokens."""
    gateway.enqueue(Reply(text="fine", usage=USAGE))
    getattr(ask, entry_point)(llm, "hi")
    kind = "LLMCompletion" if "complete" in entry_point else "LLMChat"
    progress = [f"{kind}InProgressEvent"] if "stream" in entry_point else []
    assert [name for name in events.names if name.startswith("LLM")] == [
        f"{kind}StartEvent",
        *progress,
        f"{kind}EndEvent",
    ]
    assert events._seen[-1].response.raw["usage"] == USAGE


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_token_counting_handler_is_exact(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any, entry_point: str
) -> None:
    """LlamaIndex's own token counter reports what the gateway counted, streamed too."""
    gateway.enqueue(Reply(text="fine", usage=USAGE))
    counter = TokenCountingHandler()
    getattr(ask, entry_point)(make_llm(callback_manager=CallbackManager([counter])), "hi " * 100)
    assert (counter.prompt_llm_token_count, counter.completion_llm_token_count) == (11, 7)


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_callbacks_of_a_call(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any, entry_point: str
) -> None:
    """A callback handler sees one LLM event a call, and no key in it."""
    gateway.enqueue(Reply(text="fine"))
    handler = LlamaDebugHandler(print_trace_on_end=False)
    getattr(ask, entry_point)(make_llm(callback_manager=CallbackManager([handler])), "hi")
    pairs = handler.get_event_pairs(CBEventType.LLM)
    assert len(pairs) == 1
    assert gateway.api_key not in repr([event.payload for event in pairs[0]])


def test_failures_are_observed(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any, events: _Events
) -> None:
    """An error in a stream is an event of its own, and comes out as itself."""
    gateway.enqueue(Fault(status=401, body={"error": {"message": "no", "code": 401}}))
    with pytest.raises(AuthenticationError):
        ask.stream(make_llm(max_retries=0), "hi")
    assert "ExceptionEvent" in events.names


class _Limiter(BaseRateLimiter):
    def __init__(self) -> None:
        self.turns = 0

    def acquire(self, num_tokens: int = 0) -> None:
        self.turns += 1

    async def async_acquire(self, num_tokens: int = 0) -> None:
        self.turns += 1


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_rate_limiter_counts_once(
    gateway: EmbeddedGateway, make_llm: Callable[..., KiloLLM], ask: Any, entry_point: str
) -> None:
    """Each entry point takes one turn of the rate limiter."""
    gateway.enqueue(Reply(text="fine"))
    limiter = _Limiter()
    getattr(ask, entry_point)(make_llm(rate_limiter=limiter), "hi")
    assert limiter.turns == 1


class Answer(BaseModel):
    """An answer."""

    text: str


@pytest.mark.parametrize("variant", ["structured_predict", "stream_structured_predict"])
@pytest.mark.parametrize("model", ["openai/gpt-5.2", "kilo-auto/balanced"])
def test_structured_events(
    gateway: EmbeddedGateway,
    make_llm: Callable[..., KiloLLM],
    ask: Any,
    variant: str,
    model: str,
    events: _Events,
) -> None:
    """A structured prediction emits its own start and end around those of the chat, whichever way it takes."""
    llm, prompt = make_llm(model=model), PromptTemplate("hi")
    gateway.enqueue(Reply(text='{"text": "x"}'))
    if variant == "structured_predict":
        ask.call(llm, variant, Answer, prompt)
    else:
        ask.collect(llm, variant, Answer, prompt)
    assert events.names[0] == "LLMStructuredPredictStartEvent"
    assert events.names[-1] == "LLMStructuredPredictEndEvent"
    assert events.names.count("LLMStructuredPredictStartEvent") == 1
    assert events._seen[-1].output == Answer(text="x")


@pytest.mark.parametrize("name", ["chat", "achat", "stream_chat", "astream_chat", "complete", "astream_complete"])
def test_signatures_made_once_are_those_made_anew(name: str, llm: KiloLLM) -> None:
    """What LlamaIndex is told of a method's arguments is what Python would say of the method that it decorated."""
    bound = getattr(llm, name)
    decorated = inspect.unwrap(bound.__func__, stop=lambda one: hasattr(one, "__signature__"))
    assert inspect.signature(decorated) == inspect.signature(decorated.__wrapped__)
    assert next(iter(inspect.signature(bound).parameters)) in ("messages", "args")
