"""KiloEmbedding over HTTP: order, batches, options, events, secrets, and retrieval from an index."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler
from llama_index.core.callbacks.schema import EventPayload
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.event_handlers.base import BaseEventHandler
from llama_index.core.rate_limiter import TokenBucketRateLimiter
from llama_index.core.storage.kvstore import SimpleKVStore
from pydantic import PrivateAttr

from kilo_gateway.errors import AuthenticationError, InvalidSettingError, MissingKeyError, RateLimitError, SetupError
from kilo_gateway.testing import Fault
from llama_index_kilo import EmbeddingUsageEvent, KiloEmbedding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kilo_gateway.testing import EmbeddedGateway

SMALL = "kilocode/openai/text-embedding-3-small"
KEY = "sk-very-secret-0123456789"
HEADERS = {"X-Plain": "plain", "X-Api-Key": "header-secret-0123456789"}
FACTS = [
    "The Suez Canal joins the Mediterranean and the Red Sea.",
    "Honey bees dance to tell each other where flowers are.",
    "The night train to Vienna leaves Hamburg in the evening.",
]
MakeEmbedding = "Callable[..., KiloEmbedding]"


@pytest.fixture
def make_embedding(gateway: EmbeddedGateway) -> Callable[..., KiloEmbedding]:
    """Return a maker of embedding models that talk to the embedded gateway.

    LlamaIndex runs loops of its own and never shuts them down, so connections end with each answer.
    """

    def make(**arguments: Any) -> KiloEmbedding:
        given = {"base_url": gateway.base_url, "api_key": gateway.api_key, "dimensions": 32, "timeout": 10}
        return KiloEmbedding(**(given | {"default_headers": {"Connection": "close"}} | arguments))

    return make


class Embedder:
    """Calls the entry points of a model, the sync ones or the async ones."""

    def __init__(self, *, is_async: bool) -> None:
        self.is_async = is_async

    def _call(self, model: KiloEmbedding, name: str, *args: Any) -> Any:
        if not self.is_async:
            return getattr(model, f"get_{name}")(*args)

        async def call() -> Any:
            return await getattr(model, f"aget_{name}")(*args)

        return asyncio.run(call())

    def texts(self, model: KiloEmbedding, texts: list[str]) -> list[list[float]]:
        """Return the vectors of texts."""
        vectors: list[list[float]] = self._call(model, "text_embedding_batch", texts)
        return vectors

    def text(self, model: KiloEmbedding, text: str) -> list[float]:
        """Return the vector of one text."""
        vector: list[float] = self._call(model, "text_embedding", text)
        return vector

    def query(self, model: KiloEmbedding, text: str) -> list[float]:
        """Return the vector of a query."""
        vector: list[float] = self._call(model, "query_embedding", text)
        return vector


@pytest.fixture(params=["sync", "async"])
def embed(request: pytest.FixtureRequest) -> Embedder:
    """Return the embedder; a test that takes it runs twice."""
    return Embedder(is_async=request.param == "async")


class Events(BaseEventHandler):
    """Keeps what is told."""

    _seen: list[Any] = PrivateAttr(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        """Return a name."""
        return "Events"

    def handle(self, event: Any, **_: Any) -> None:
        """Keep one event."""
        self._seen.append(event)

    def named(self, name: str) -> list[Any]:
        """Return the events of a class."""
        return [event for event in self._seen if event.class_name() == name]


@pytest.fixture
def events() -> Iterator[Events]:
    """Return a handler of all events."""
    handler, root = Events(), get_dispatcher()
    root.add_event_handler(handler)
    yield handler
    root.event_handlers.remove(handler)


def test_a_thousand_texts_go_in_batches(
    make_embedding: MakeEmbedding, gateway: EmbeddedGateway, embed: Embedder
) -> None:
    """A thousand texts are four requests of 256 at the most, each text once, and the vectors are in order."""
    texts = [f"text number {number}" for number in range(1000)]
    model = make_embedding()
    vectors = embed.texts(model, texts)
    sent = [request.body["input"] for request in gateway.requests]
    assert sorted(map(len, sent)) == [232, 256, 256, 256]
    assert sorted(text for batch in sent for text in batch) == sorted(texts)
    assert len(vectors) == 1000
    for place in (0, 255, 256, 999):
        assert vectors[place] == embed.text(model, texts[place])


def test_each_answer_is_put_in_order(make_embedding: MakeEmbedding, gateway: EmbeddedGateway, embed: Embedder) -> None:
    """Vectors are told by their index, not by their place in the answer."""
    data = [{"index": index, "embedding": [index + 0.5, 1]} for index in (2, 0, 1)]
    gateway.enqueue(Fault(status=200, body={"data": data}), endpoint="embeddings")
    assert embed.texts(make_embedding(), list("abc")) == [[0.5, 1.0], [1.5, 1.0], [2.5, 1.0]]


def test_what_is_sent(make_embedding: MakeEmbedding, gateway: EmbeddedGateway, embed: Embedder) -> None:
    """Texts go as they are, options under their names, and queries and texts say what they are."""
    model = make_embedding(
        model="qwen/qwen3-embedding-8b",
        dimensions=9,
        text_input_type="search_document",
        query_input_type="search_query",
        provider={"only": ["x"]},
        user="u",
        extra_body={"truncate": True},
    )
    assert len(embed.query(model, "one\ntwo")) == 9
    assert len(embed.text(model, "three")) == 9
    assert [len(vector) for vector in embed.texts(model, ["four\n"])] == [9]
    shared = {"model": "qwen/qwen3-embedding-8b", "dimensions": 9, "provider": {"only": ["x"]}, "user": "u"}
    assert [request.body for request in gateway.requests] == [
        {**shared, "truncate": True, "input": ["one\ntwo"], "input_type": "search_query"},
        {**shared, "truncate": True, "input": ["three"], "input_type": "search_document"},
        {**shared, "truncate": True, "input": ["four\n"], "input_type": "search_document"},
    ]


def test_no_text_no_request(make_embedding: MakeEmbedding, gateway: EmbeddedGateway, embed: Embedder) -> None:
    """An empty list is answered without the gateway."""
    assert embed.texts(make_embedding(), []) == []
    assert gateway.requests == []


def test_usage_and_cost_are_told(
    make_embedding: MakeEmbedding, gateway: EmbeddedGateway, embed: Embedder, events: Events
) -> None:
    """Each request tells its model, tokens and cost, beside LlamaIndex's own events, and shows no key."""
    embed.texts(make_embedding(embed_batch_size=2), FACTS)
    told = events.named("EmbeddingUsageEvent")
    assert all(isinstance(event, EmbeddingUsageEvent) for event in told)
    assert sorted(event.texts for event in told) == [1, 2]
    assert {event.model for event in told} == {"openai/text-embedding-3-small"}
    assert all(event.total_tokens == event.input_tokens == event.usage["prompt_tokens"] > 0 for event in told)
    assert all(event.cost == event.billed_cost == event.usage["cost"] > 0 for event in told)
    assert len(events.named("EmbeddingStartEvent")) == len(events.named("EmbeddingEndEvent")) == 2
    assert gateway.api_key not in repr([event.model_dump() for event in events._seen])


def test_an_answer_without_usage_is_told_as_such(
    make_embedding: MakeEmbedding, gateway: EmbeddedGateway, embed: Embedder, events: Events
) -> None:
    """No usage is no tokens and no cost, not a failure."""
    gateway.enqueue(Fault(status=200, body={"data": [{"index": 0, "embedding": [1]}]}), endpoint="embeddings")
    assert embed.query(make_embedding(), "a") == [1.0]
    (event,) = events.named("EmbeddingUsageEvent")
    assert (event.model, event.total_tokens, event.cost, event.usage) == (SMALL.partition("/")[2], 0, None, None)


def test_callbacks_see_the_call(make_embedding: MakeEmbedding, embed: Embedder) -> None:
    """A callback handler gets texts, vectors, and a description without secrets."""
    handler = LlamaDebugHandler(print_trace_on_end=False)
    vector = embed.query(make_embedding(callback_manager=CallbackManager([handler])), "a")
    (start, end) = handler.get_event_pairs(CBEventType.EMBEDDING)[0]
    assert (end.payload[EventPayload.CHUNKS], end.payload[EventPayload.EMBEDDINGS]) == (["a"], [vector])
    assert start.payload[EventPayload.SERIALIZED] == {
        "class_name": "Kilo_Embedding",
        "model_name": SMALL,
        "model": SMALL,
        "embed_batch_size": 256,
        "dimensions": 32,
    }


def test_a_cache_is_asked_first(make_embedding: MakeEmbedding, gateway: EmbeddedGateway, embed: Embedder) -> None:
    """With a cache a text is embedded once."""
    model = make_embedding(embeddings_cache=SimpleKVStore())
    assert embed.text(model, "a") == embed.text(model, "a")
    assert len(gateway.requests) == 1


def test_retrieval_from_an_index(make_embedding: MakeEmbedding, embed: Embedder) -> None:
    """An index over KiloEmbedding finds the text that speaks of what is asked."""
    model = make_embedding(dimensions=256)
    index = VectorStoreIndex.from_documents([Document(text=text) for text in FACTS], embed_model=model)
    retriever = index.as_retriever(similarity_top_k=1)
    found = []
    for question in ("Which bees dance?", "When does the train leave for Vienna?", "Which sea does the canal join?"):
        nodes = asyncio.run(retriever.aretrieve(question)) if embed.is_async else retriever.retrieve(question)
        found.append(nodes[0].text)
    assert found == [FACTS[1], FACTS[2], FACTS[0]]


def test_errors_are_the_cores(make_embedding: MakeEmbedding, gateway: EmbeddedGateway, embed: Embedder) -> None:
    """Refusals have their class; what passes is tried again; a text that is empty is named."""
    slow = Fault(status=429, body={"error": {"message": "Slow down", "code": 429}})
    gateway.enqueue(slow, endpoint="embeddings")
    with pytest.raises(RateLimitError, match="Slow down"):
        embed.query(make_embedding(max_retries=0), "a")
    gateway.enqueue(slow, endpoint="embeddings")
    assert len(embed.query(make_embedding(max_retries=1), "a")) == 32
    with pytest.raises(SetupError, match=r"inputs\[1\] is empty"):
        embed.texts(make_embedding(), ["a", ""])
    assert len(gateway.requests) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"dimensions": "8"}, "dimensions='8'"),
        ({"dimensions": 0}, "dimensions=0"),
        ({"encoding_format": "int8"}, "float or base64"),
        ({"query_input_type": 3}, "must be text"),
        ({"extra_body": [1]}, "extra_body must be a mapping"),
        ({"extra_body": {"input": ["b"]}}, "extra_body holds 'input'"),
        ({"provider": {"max_price": float("nan")}}, "max_price=nan"),
        ({"dimension": 8}, "Did you mean 'dimensions'"),
        ({"embed_batch_size": 0}, "embed_batch_size"),
        ({"embed_batch_size": 4096}, "embed_batch_size"),
        ({"max_retries": -1}, "max_retries"),
        ({"model": "a/b", "model_name": "c/d"}, "two names of one argument"),
        ({"base_url": "http://127.0.0.1:1/", "api_base": "http://127.0.0.1:2/"}, "two names of one argument"),
    ],
)
def test_arguments_that_cannot_work(make_embedding: MakeEmbedding, arguments: dict[str, Any], said: str) -> None:
    """The constructor names what is wrong."""
    with pytest.raises(SetupError, match=said):
        make_embedding(**arguments)


def test_settings_are_resolved_as_elsewhere(gateway: EmbeddedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and address come from the environment, the chat model of the environment is not taken."""
    monkeypatch.setenv("KILOCODE_API_KEY", gateway.api_key)
    monkeypatch.setenv("KILOCODE_BASE_URL", gateway.base_url)
    monkeypatch.setenv("KILOCODE_MODEL", "openai/gpt-5.2")
    model = KiloEmbedding(model_name=None, dimensions=None)
    assert (model.model_name, model.model, model.api_base) == (SMALL, SMALL, gateway.base_url)
    assert len(model.get_query_embedding("a")) == 1536
    assert KiloEmbedding(model="baai/bge-m3", api_base="http://127.0.0.1:9/x").base_url == "http://127.0.0.1:9/x/"


def test_a_missing_key_is_said_at_construction() -> None:
    """Without a key there is an error that says how to get one."""
    with pytest.raises(MissingKeyError, match=r"app\.kilo\.ai"):
        KiloEmbedding()


def test_a_changed_field_counts(make_embedding: MakeEmbedding, gateway: EmbeddedGateway) -> None:
    """Fields may be changed, the model under both its names; the next call uses them."""
    model = make_embedding()
    model.get_query_embedding("a")
    model.api_key = KEY
    model.model = "baai/bge-m3"
    model.dimensions = None
    with pytest.raises(AuthenticationError):
        model.get_query_embedding("a")
    assert gateway.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    assert gateway.requests[-1].body == {"model": "baai/bge-m3", "input": ["a"]}
    with pytest.raises(InvalidSettingError):
        model.max_retries = -1


def test_secrets_are_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the key nor a secret header is in a text, a dump or a pickle; copies take the environment's key."""
    model = KiloEmbedding(api_key=KEY, default_headers=HEADERS, dimensions=5)
    shown = (repr(model), str(model), repr(model.to_dict()), model.to_json(), repr(model.to_payload()))
    for text in (*shown, repr(model.model_dump()), model.model_dump_json(), repr(pickle.dumps(model))):
        assert KEY not in text
        assert HEADERS["X-Api-Key"] not in text
    monkeypatch.setenv("KILOCODE_API_KEY", "key-of-environment")
    for restored in (
        KiloEmbedding.from_dict(model.to_dict()),
        KiloEmbedding.from_json(model.to_json()),
        pickle.loads(pickle.dumps(model)),
    ):
        assert (restored.dimensions, restored.model_name) == (5, SMALL)
        assert restored.settings.api_key.get_secret_value() == "key-of-environment"


def test_copies_work_after_use(
    make_embedding: MakeEmbedding, gateway: EmbeddedGateway, monkeypatch: pytest.MonkeyPatch, embed: Embedder
) -> None:
    """A used model is copied and pickled; the copies give the same vectors and share only what cannot be copied."""
    monkeypatch.setenv("KILOCODE_API_KEY", gateway.api_key)
    with httpx.Client() as client:
        cache = SimpleKVStore()
        assert copy.deepcopy(make_embedding(embeddings_cache=cache)).embeddings_cache is cache
        limiter = TokenBucketRateLimiter(requests_per_minute=6000)
        model = make_embedding(http_client=client, rate_limiter=limiter, extra_body={"one": [1]})
        vector = embed.query(model, "a")
        twin, restored = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
        assert (twin.http_client, twin.rate_limiter) == (client, limiter)
        twin.extra_body["one"].append(2)
        assert model.extra_body == {"one": [1]}
        assert embed.query(twin, "a") == embed.query(restored, "a") == embed.query(model.model_copy(), "a") == vector
        assert restored.http_client is None
