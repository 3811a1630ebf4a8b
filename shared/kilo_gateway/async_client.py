"""AsyncKiloClient: the calls a user awaits, driven over the network on an event loop. Rules are decided elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, Unpack

from kilo_gateway import lookups
from kilo_gateway.async_loop import AsyncCallLoop
from kilo_gateway.async_stream import AsyncChatStream
from kilo_gateway.catalog import discovery
from kilo_gateway.clock import monotonic
from kilo_gateway.embeddings import Embeddings
from kilo_gateway.errors import KiloError
from kilo_gateway.model_list import known_models_after, read_models, request_of_models
from kilo_gateway.settings.auth import with_request_id
from kilo_gateway.transport.exchange import AsyncExchange

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from kilo_gateway.account.balance import Balance
    from kilo_gateway.account.defaults import Defaults
    from kilo_gateway.answer.completion import Completion
    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.catalog.embedding_models import EmbeddingCatalog
    from kilo_gateway.catalog.models import ModelInfo
    from kilo_gateway.catalog.providers import ModelEndpoint, Provider
    from kilo_gateway.errors.waits import OnRetry
    from kilo_gateway.request.options import EmbeddingOptions, RequestOptions


class AsyncKiloClient(AsyncCallLoop):
    """A client that is awaited. One object may be used from any number of event loops, one after another or at once.

    Arguments are those of `KiloClient`.

    Example:
        ```python
        async for delta in AsyncKiloClient().stream([{"role": "user", "content": "Hello"}]):
            print(delta.text, end="")
        ```
    """

    async def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        model: str | None = None,
        timeout: Any = None,  # noqa: ASYNC109 - seconds for the bytes on the wire
        extra_headers: Mapping[str, str] | None = None,
        request_id: str | None = None,
        on_retry: OnRetry | None = None,
        **options: Unpack[RequestOptions],
    ) -> Completion:
        """Return the whole answer to the messages; takes and raises what `KiloClient.complete` does."""
        headers = with_request_id(extra_headers, request_id)
        given = {"model": model, "timeout": timeout, "extra_headers": headers, "on_retry": on_retry}
        call = self._call(messages, options, **given)
        return await self._ask(call)

    def stream(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        model: str | None = None,
        timeout: Any = None,
        extra_headers: Mapping[str, str] | None = None,
        request_id: str | None = None,
        on_retry: OnRetry | None = None,
        **options: Unpack[RequestOptions],
    ) -> AsyncChatStream:
        """Return the answer as a stream of deltas to iterate with `async for`; as `KiloClient.stream`."""
        headers = with_request_id(extra_headers, request_id)
        given = {"model": model, "timeout": timeout, "extra_headers": headers, "on_retry": on_retry}
        return AsyncChatStream(self, self._call(messages, options, **given, stream=True))

    async def embed(
        self,
        inputs: Sequence[str],
        *,
        model: str,
        timeout: Any = None,  # noqa: ASYNC109 - seconds for the bytes on the wire
        extra_headers: Mapping[str, str] | None = None,
        request_id: str | None = None,
        **options: Unpack[EmbeddingOptions],
    ) -> Embeddings:
        """Return the vectors of the texts, in their order; takes and raises what `KiloClient.embed` does."""
        headers = with_request_id(extra_headers, request_id)
        call = self._embedding_call(inputs, options, model=model, timeout=timeout, extra_headers=headers)
        return await self._ask(call) if call.count else Embeddings(requested_model=call.model_id)

    async def discover(self, *, refresh: bool = False) -> Catalog:
        """Return the models that this account can use, over the bundled ones; as `KiloClient.discover`."""
        known = None if refresh else discovery.fresh_catalog(self.settings, now=monotonic())
        if known is not None:
            return known
        exchange = AsyncExchange(request_of_models(self.settings))
        try:
            await exchange.open(await self._carrier())
            return read_models(self.settings, exchange.status, exchange.headers, await exchange.read())
        except KiloError as error:
            return known_models_after(self.settings, error)
        finally:
            exchange.abort()

    async def list_models(self, *, refresh: bool = False) -> list[ModelInfo]:
        """Return the models of `discover`: the gateway's, in its order, then bundled ones that it did not list."""
        return list((await self.discover(refresh=refresh)).models)

    async def fill_in(
        self,
        prompt: str,
        suffix: str = "",
        *,
        model: str | None = None,
        max_tokens: int = 256,
        min_tokens: int | None = None,
        stop: Sequence[str] | str | None = None,
        timeout: Any = None,  # noqa: ASYNC109 - seconds for the bytes on the wire
        request_id: str | None = None,
    ) -> Completion:
        """Return the text that stands between prompt and suffix; takes and raises what `KiloClient.fill_in` does."""
        options: dict[str, Any] = {"max_tokens": max_tokens, "min_tokens": min_tokens, "stop": stop}
        headers = with_request_id(None, request_id)
        call = self._fim_call(prompt, suffix, model=model, timeout=timeout, extra_headers=headers, **options)
        return await self._ask(call)

    async def balance(self) -> Balance:
        """Return what is left, of the organization where one is set; needs a key; as `KiloClient.balance`."""
        return await self._ask(self._lookup_call(lookups.balance_lookup(self.settings)))

    async def defaults(self) -> Defaults:
        """Return the models that the account, or the organization, is meant to begin with; as `KiloClient.defaults`."""
        return await self._ask(self._lookup_call(lookups.defaults_lookup(self.settings)))

    async def model_endpoints(self, model: str) -> tuple[ModelEndpoint, ...]:
        """Return who hosts a model, with prices and limits; as `KiloClient.model_endpoints`."""
        return await self._ask(self._lookup_call(lookups.endpoints_lookup(self.settings, model)))

    async def providers(self) -> tuple[Provider, ...]:
        """Return everybody who hosts models, without their models; as `KiloClient.providers`."""
        return await self._ask(self._lookup_call(lookups.providers_lookup(self.settings)))

    async def models_by_provider(self) -> tuple[Provider, ...]:
        """Return everybody who hosts models, with the ids of their models; as `KiloClient.models_by_provider`."""
        return await self._ask(self._lookup_call(lookups.models_by_provider_lookup(self.settings)))

    async def embedding_models(self) -> EmbeddingCatalog:
        """Return the embedding models: ids, dimensions, the default, short names; as `KiloClient.embedding_models`."""
        return await self._ask(self._lookup_call(lookups.embedding_models_lookup(self.settings)))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Do nothing: connections belong to the event loop, or to the httpx client that was passed in."""
