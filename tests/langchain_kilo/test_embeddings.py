"""KiloEmbeddings over HTTP: order, batches, options, errors, copies, and search in a vector store."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from langchain_core.exceptions import ModelError, ModelRateLimitError
from langchain_core.vectorstores import InMemoryVectorStore
from pydantic import SecretStr

from kilo_gateway import AuthenticationError, InvalidRequestError, MissingKeyError, RateLimitError
from kilo_gateway.testing import Fault
from langchain_kilo import KiloEmbeddings

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway

KEY = "sk-very-secret-0123456789"
HEADERS = {"X-Plain": "plain", "X-Api-Key": "header-secret-0123456789"}

MakeEmbeddings = "Callable[..., KiloEmbeddings]"


@pytest.fixture
def make_embeddings(gateway: EmbeddedGateway) -> Callable[..., KiloEmbeddings]:
    """Return a function that makes embeddings at the embedded gateway."""

    def make(**arguments: Any) -> KiloEmbeddings:
        given = {"api_key": gateway.api_key, "base_url": gateway.base_url, "max_retries": 0, "dimensions": 32}
        return KiloEmbeddings(**{**given, **arguments})

    return make


class Embedder:
    """Embeds, blocking or awaited."""

    def __init__(self, *, is_async: bool) -> None:
        self.is_async = is_async

    def documents(self, embeddings: KiloEmbeddings, texts: Any) -> list[list[float]]:
        """Return the vectors of documents."""
        if self.is_async:
            return asyncio.run(embeddings.aembed_documents(texts))
        return embeddings.embed_documents(texts)

    def query(self, embeddings: KiloEmbeddings, text: Any) -> list[float]:
        """Return the vector of a query."""
        return asyncio.run(embeddings.aembed_query(text)) if self.is_async else embeddings.embed_query(text)


@pytest.fixture(params=["sync", "async"])
def embed(request: pytest.FixtureRequest) -> Embedder:
    """Return the embedder; a test that takes it runs twice."""
    return Embedder(is_async=request.param == "async")


def test_a_thousand_texts_go_in_batches(
    make_embeddings: MakeEmbeddings, gateway: EmbeddedGateway, embed: Embedder
) -> None:
    """A thousand texts are four requests of 256 at the most, each text once, and the vectors are in order."""
    texts = [f"text number {number}" for number in range(1000)]
    embeddings = make_embeddings()
    vectors = embed.documents(embeddings, texts)
    assert [len(request.body["input"]) for request in gateway.requests] == [256, 256, 256, 232]
    assert [text for request in gateway.requests for text in request.body["input"]] == texts
    assert len(vectors) == 1000
    for place in (0, 255, 256, 999):
        assert vectors[place] == embed.query(embeddings, texts[place])


def test_each_batch_is_put_in_order(make_embeddings: MakeEmbeddings, gateway: EmbeddedGateway, embed: Embedder) -> None:
    """A gateway that answers in another order changes nothing."""
    for first in (1.0, 3.0):
        data = [{"index": 1, "embedding": [first + 1, 0.5]}, {"index": 0, "embedding": [first, 0.5]}]
        gateway.enqueue(Fault(status=200, body={"data": data}), endpoint="embeddings")
    vectors = embed.documents(make_embeddings(batch_size=2), list("abcd"))
    assert vectors == [[1.0, 0.5], [2.0, 0.5], [3.0, 0.5], [4.0, 0.5]]


def test_what_is_sent(make_embeddings: MakeEmbeddings, gateway: EmbeddedGateway, embed: Embedder) -> None:
    """Texts go as they are, options under their names, and queries and documents say what they are."""
    embeddings = make_embeddings(
        model="qwen/qwen3-embedding-8b",
        dimensions=9,
        document_input_type="search_document",
        query_input_type="search_query",
        provider={"only": ["x"]},
        user="u",
        extra_body={"truncate": True},
    )
    assert [len(vector) for vector in embed.documents(embeddings, ["one\ntwo"])] == [9]
    assert len(embed.query(embeddings, "three\n")) == 9
    shared = {"model": "qwen/qwen3-embedding-8b", "dimensions": 9, "provider": {"only": ["x"]}, "user": "u"}
    assert [request.body for request in gateway.requests] == [
        {**shared, "truncate": True, "input": ["one\ntwo"], "input_type": "search_document"},
        {**shared, "truncate": True, "input": ["three\n"], "input_type": "search_query"},
    ]


def test_no_text_no_request(make_embeddings: MakeEmbeddings, gateway: EmbeddedGateway, embed: Embedder) -> None:
    """An empty list is answered without the gateway."""
    assert embed.documents(make_embeddings(), []) == []
    assert gateway.requests == []


def test_all_texts_are_looked_at_first(
    make_embeddings: MakeEmbeddings, gateway: EmbeddedGateway, embed: Embedder
) -> None:
    """A text that cannot be embedded is named by its place in the whole list, and nothing was sent before it."""
    for texts, said in (
        (["a", "b", "c", ""], r"inputs\[3\] is empty"),
        (["a", "b", None], r"inputs\[2\] must be text"),
    ):
        with pytest.raises(InvalidRequestError, match=said) as caught:
            embed.documents(make_embeddings(batch_size=2), texts)
        assert isinstance(caught.value, ModelError)
    with pytest.raises(InvalidRequestError, match=r"inputs\[0\]"):
        embed.query(make_embeddings(), None)
    assert gateway.requests == []


def test_errors_are_langchains_too(make_embeddings: MakeEmbeddings, gateway: EmbeddedGateway, embed: Embedder) -> None:
    """An error of the second batch is caught by the core's class and by LangChain's, with its facts."""
    fault = Fault(status=429, body={"error": {"message": "Slow down", "code": 429}})
    embeddings = make_embeddings(batch_size=1)
    embed.query(embeddings, "a")
    gateway.enqueue(fault, fault, endpoint="embeddings")
    for kind in (RateLimitError, ModelRateLimitError):
        with pytest.raises(kind, match="Slow down") as caught:
            embed.documents(embeddings, ["a", "b"])
        assert caught.value.status_code == 429
        assert caught.value.is_retryable


def test_retries_are_the_cores(make_embeddings: MakeEmbeddings, gateway: EmbeddedGateway, embed: Embedder) -> None:
    """A failure that passes is tried again, exactly as often as `max_retries` says; then no wrapper should."""
    down = {"error": {"message": "Down", "code": 503}}
    gateway.enqueue(Fault(status=503, body=down), endpoint="embeddings")
    assert len(embed.query(make_embeddings(max_retries=1), "a")) == 32
    gateway.enqueue(Fault(status=503, body=down, times=2), endpoint="embeddings")
    with pytest.raises(ModelError) as caught:
        embed.query(make_embeddings(max_retries=1), "a")
    assert not caught.value.is_retryable
    assert len(gateway.requests) == 4


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
        ({"dimension": 8}, "KiloEmbeddings has no argument 'dimension'. Did you mean 'dimensions'"),
        ({"batch_size": 0}, "greater than or equal to 1"),
        ({"max_retries": -1}, "max_retries"),
        ({"model": 3}, "model"),
    ],
)
def test_arguments_that_cannot_work(make_embeddings: MakeEmbeddings, arguments: dict[str, Any], said: str) -> None:
    """The constructor names what is wrong."""
    with pytest.raises(ValueError, match=said):
        make_embeddings(**arguments)


def test_settings_are_resolved_as_elsewhere(gateway: EmbeddedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """Key and address come from the environment, the chat model of the environment is not taken, None is not given."""
    monkeypatch.setenv("KILOCODE_API_KEY", gateway.api_key)
    monkeypatch.setenv("KILOCODE_BASE_URL", gateway.base_url)
    monkeypatch.setenv("KILOCODE_MODEL", "openai/gpt-5.2")
    embeddings = KiloEmbeddings(model=None, dimensions=None, user=None)
    assert embeddings.model == "kilocode/openai/text-embedding-3-small"
    assert len(embeddings.embed_query("a")) == 1536
    assert KiloEmbeddings(model_name="baai/bge-m3").model == "kilocode/baai/bge-m3"


def test_a_missing_key_is_said_at_construction() -> None:
    """Without a key there is an error that is LangChain's, too, and says how to get one."""
    with pytest.raises(MissingKeyError, match=r"app\.kilo\.ai") as caught:
        KiloEmbeddings()
    assert isinstance(caught.value, ModelError)


def test_a_changed_field_counts(make_embeddings: MakeEmbeddings, gateway: EmbeddedGateway) -> None:
    """Fields may be changed; the next call uses them, and a key is never shown."""
    embeddings = make_embeddings()
    embeddings.embed_query("a")
    embeddings.api_key = KEY
    embeddings.dimensions = 5
    assert KEY not in repr(embeddings)
    with pytest.raises(AuthenticationError):
        embeddings.embed_query("a")
    assert gateway.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    assert gateway.requests[-1].body["dimensions"] == 5


def test_a_key_function_is_asked_at_each_call(
    make_embeddings: MakeEmbeddings, gateway: EmbeddedGateway, embed: Embedder
) -> None:
    """A function as `api_key` gives the key of a call, once a call and not once a batch."""
    asked: list[int] = []

    def key() -> str:
        asked.append(1)
        return gateway.api_key

    embed.documents(make_embeddings(api_key=key, batch_size=1), ["a", "b"])
    assert (len(asked), len(gateway.requests)) == (1, 2)


def test_secrets_are_nowhere() -> None:
    """Neither the key nor a header is in a text, a dump or a pickle."""
    embeddings = KiloEmbeddings(api_key=KEY, default_headers=HEADERS)
    shown = (
        repr(embeddings),
        str(embeddings),
        repr(embeddings.model_dump()),
        embeddings.model_dump_json(),
        repr(pickle.dumps(embeddings)),
    )
    for text in shown:
        assert KEY not in text
        assert HEADERS["X-Api-Key"] not in text
    assert isinstance(embeddings.api_key, SecretStr)


def test_copies_work_after_use(
    make_embeddings: MakeEmbeddings, gateway: EmbeddedGateway, monkeypatch: pytest.MonkeyPatch, embed: Embedder
) -> None:
    """A used object is copied and pickled; the copies give the same vectors, the pickled one with its own key."""
    monkeypatch.setenv("KILOCODE_API_KEY", gateway.api_key)
    with httpx.Client() as client:
        embeddings = make_embeddings(http_client=client, extra_body={"one": [1]})
        vector = embed.query(embeddings, "a")
        twin, restored = copy.deepcopy(embeddings), pickle.loads(pickle.dumps(embeddings))
        assert twin.http_client is client
        twin.extra_body["one"].append(2)
        assert embeddings.extra_body == {"one": [1]}
        assert embed.query(twin, "a") == embed.query(restored, "a") == embed.query(copy.copy(embeddings), "a") == vector
        assert restored.http_client is None


def test_search_in_a_vector_store(make_embeddings: MakeEmbeddings, embed: Embedder) -> None:
    """LangChain's own vector store finds the text that speaks of what is asked."""
    texts = [
        "The Suez Canal joins the Mediterranean and the Red Sea.",
        "Honey bees dance to tell each other where flowers are.",
        "The night train to Vienna leaves Hamburg in the evening.",
    ]
    store = InMemoryVectorStore(make_embeddings(dimensions=256))

    async def search() -> list[Any]:
        await store.aadd_texts(texts)
        return [(await store.asimilarity_search(question, k=1))[0] for question in questions]

    questions = ["Which bees dance?", "When does the train leave for Vienna?", "Which sea does the canal join?"]
    if embed.is_async:
        found = asyncio.run(search())
    else:
        store.add_texts(texts)
        found = [store.similarity_search(question, k=1)[0] for question in questions]
    assert [document.page_content for document in found] == [texts[1], texts[2], texts[0]]
