"""KiloEmbeddings: LangChain's embeddings over the core's client. Translates; never retries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.embeddings import Embeddings
from pydantic import ConfigDict, Field, PrivateAttr

from kilo_gateway.adapters.embedding import (
    DEFAULT_EMBEDDING_MODEL,
    check_embedding_fields,
    check_inputs,
    options_of_texts,
)
from kilo_gateway.adapters.fields import EmbeddingFields
from kilo_gateway.errors import KiloError
from langchain_kilo.errors import chat_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kilo_gateway.adapters.client_pair import ClientPair


class KiloEmbeddings(EmbeddingFields, Embeddings):
    """Embedding models of the Kilo Gateway, any of them, behind one key.

    Vectors come in the order of the texts, whatever the order of the answer. Texts are sent as they are, line breaks
    included; an empty text is refused before anything is sent. Errors and retries are those of `ChatKilo`.

    Example:
        ```python
        from langchain_core.vectorstores import InMemoryVectorStore
        from langchain_kilo import KiloEmbeddings

        store = InMemoryVectorStore.from_texts(["Bees dance.", "Trains run."], KiloEmbeddings())
        print(store.similarity_search("Which insects dance?", k=1))
        ```
    """

    model_config = ConfigDict(extra="forbid", defer_build=False)

    _default_model: ClassVar[str | None] = DEFAULT_EMBEDDING_MODEL
    _async_client_field: ClassVar[str] = "http_async_client"
    _current_clients: tuple[tuple[Any, ...], ClientPair] | None = PrivateAttr(default=None)

    model: str = DEFAULT_EMBEDDING_MODEL
    """The ref of an embedding model; `kilocode/` is optional. `KILOCODE_MODEL` names a chat model and is not read."""
    batch_size: int = Field(default=256, ge=1)
    """How many texts go in one request at the most; the batches of a call follow one another."""
    document_input_type: str | None = None
    """Sent as `input_type` with documents, such as `search_document`, to models that make a difference."""
    query_input_type: str | None = None
    """Sent as `input_type` with queries, such as `search_query`."""
    http_async_client: Any = Field(default=None, exclude=True, repr=False)
    """An `httpx.AsyncClient` of yours for async calls, used as it is and never closed."""

    def _set_up(self, arguments: Mapping[str, Any], *unnamed: Any) -> None:
        try:
            super()._set_up(arguments, *unnamed)
        except KiloError as error:
            raise chat_error(error) from error.__cause__

    @classmethod
    def _check_arguments(cls, given: dict[str, Any]) -> dict[str, Any]:
        types = ("document_input_type", "query_input_type")
        check_embedding_fields(given, model=given.get("model"), input_types=types)
        return given

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text."""
        return self._embed(texts, self.document_input_type)

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a text that is searched for."""
        return self._embed([text], self.query_input_type)[0]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return what `embed_documents` does."""
        return await self._aembed(texts, self.document_input_type)

    async def aembed_query(self, text: str) -> list[float]:
        """Return what `embed_query` does."""
        return (await self._aembed([text], self.query_input_type))[0]

    def _embed(self, texts: Sequence[str], input_type: str | None) -> list[list[float]]:
        clients: ClientPair | None = None
        vectors: list[list[float]] = []
        try:
            options = self._options(input_type)
            for batch in self._batches(texts):
                clients = clients or self._clients()
                vectors += clients.client.embed(batch, **options).vectors
        except KiloError as error:
            raise chat_error(error) from error.__cause__
        return vectors

    async def _aembed(self, texts: Sequence[str], input_type: str | None) -> list[list[float]]:
        clients: ClientPair | None = None
        vectors: list[list[float]] = []
        try:
            options = self._options(input_type)
            for batch in self._batches(texts):
                clients = clients or await self._async_clients()
                vectors += (await clients.async_client.embed(batch, **options)).vectors
        except KiloError as error:
            raise chat_error(error) from error.__cause__
        return vectors

    def _options(self, input_type: str | None) -> dict[str, Any]:
        return {"model": self.model, **options_of_texts(self.__dict__, input_type)}

    def _batches(self, texts: Sequence[str]) -> Iterator[Sequence[str]]:
        """Yield the texts batch by batch, after all of them were looked at, so that nothing is sent in vain."""
        check_inputs(texts, model=self.model)
        for start in range(0, len(texts), self.batch_size):
            yield texts[start : start + self.batch_size]
