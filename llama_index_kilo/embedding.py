"""KiloEmbedding: LlamaIndex's embeddings over the core's client. Translates; holds no rule of the gateway."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from typing import TYPE_CHECKING, Any, ClassVar

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined] # not in its __all__
from pydantic import ConfigDict, Field, PrivateAttr

from kilo_gateway import DEFAULT_BASE_URL
from kilo_gateway.adapters.embedding import DEFAULT_EMBEDDING_MODEL, check_embedding_fields, options_of_texts
from kilo_gateway.adapters.fields import EmbeddingFields
from kilo_gateway.adapters.shown_costs import describe_usage, openinference_span
from llama_index_kilo.costs import counting
from llama_index_kilo.embedding_event import EmbeddingUsageEvent, event_fields

if TYPE_CHECKING:
    from kilo_gateway import Embeddings
    from kilo_gateway.adapters.client_pair import ClientPair

dispatcher = get_dispatcher(__name__)


class KiloEmbedding(EmbeddingFields, BaseEmbedding):
    """Any embedding model of Kilo Gateway, for indices and retrievers.

    Vectors come in the order of the texts, whatever the order of the answer. Texts are sent as they are, line breaks
    included. What each request used and cost is told by an `EmbeddingUsageEvent` to LlamaIndex's instrumentation.

    Examples:
        `pip install "kilo-gateway[llama-index]"`

        ```python
        from llama_index.core import Settings
        from llama_index_kilo import KiloEmbedding

        Settings.embed_model = KiloEmbedding(model="openai/text-embedding-3-large")  # the key: KILOCODE_API_KEY
        ```
    """

    model_config = ConfigDict(defer_build=True)

    _aliases: ClassVar[dict[str, str]] = {"api_base": "base_url", "model": "model_name"}
    _model_field: ClassVar[str] = "model_name"
    _default_model: ClassVar[str | None] = DEFAULT_EMBEDDING_MODEL
    _current_clients: tuple[tuple[Any, ...], ClientPair] | None = PrivateAttr(default=None)

    model_name: str = DEFAULT_EMBEDDING_MODEL
    """Ref of the model, `kilocode/` being optional; `model` is another name for it. `KILOCODE_MODEL` names a chat model
    and is not read."""
    embed_batch_size: int = Field(default=256, gt=0, le=2048)
    """How many texts go in one request at the most."""
    text_input_type: str | None = None
    """Sent as `input_type` with documents, such as `search_document`, to models that make a difference."""
    query_input_type: str | None = None
    """Sent as `input_type` with queries, such as `search_query`."""
    api_base: str | None = Field(default=DEFAULT_BASE_URL, exclude=True, repr=False)
    """`base_url` under LlamaIndex's name; always the same."""
    default_headers: Mapping[str, str] | None = Field(default=None, repr=False)
    """Sent with every request; those that are secrets by their name are in no dump or pickle."""
    async_http_client: Any = Field(default=None, exclude=True, repr=False)
    """An `httpx.AsyncClient` of yours for async calls in one event loop, used as it is and never closed."""

    @classmethod
    def class_name(cls) -> str:
        """Return the name that dumps carry."""
        return "Kilo_Embedding"

    @classmethod
    def _check_arguments(cls, given: dict[str, Any]) -> dict[str, Any]:
        types = ("text_input_type", "query_input_type")
        check_embedding_fields(given, model=given.get("model_name"), input_types=types)
        return given

    @property
    def model(self) -> str:
        """`model_name` under KiloLLM's name."""
        return self.model_name

    def to_payload(self) -> dict[str, Any]:
        """Return what traces may show of this model; nothing secret."""
        return {**super().to_payload(), "model": self.model_name, "dimensions": self.dimensions}

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._embed([query], self.query_input_type)[0]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._embed([text], self.text_input_type)[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._embed(texts, self.text_input_type)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return (await self._aembed([query], self.query_input_type))[0]

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return (await self._aembed([text], self.text_input_type))[0]

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await self._aembed(texts, self.text_input_type)

    def _embed(self, texts: list[str], input_type: str | None) -> list[list[float]]:
        with counting(self.callback_manager):
            return _report(self._clients().client.embed(texts, **self._options(input_type)))

    async def _aembed(self, texts: list[str], input_type: str | None) -> list[list[float]]:
        clients = await self._async_clients()
        with counting(self.callback_manager):
            return _report(await clients.async_client.embed(texts, **self._options(input_type)))

    def _options(self, input_type: str | None) -> dict[str, Any]:
        return {"model": self.model_name, **options_of_texts(self.__dict__, input_type)}


def _report(embeddings: Embeddings) -> list[list[float]]:
    """Return the vectors, after telling what they used and cost."""
    dispatcher.event(EmbeddingUsageEvent(**event_fields(embeddings)))
    describe_usage(openinference_span(), embeddings.usage)
    return embeddings.vectors
