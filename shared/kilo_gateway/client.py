"""KiloClient: the calls a user makes. Every rule is decided elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, Unpack

from kilo_gateway import lookups
from kilo_gateway.catalog import discovery
from kilo_gateway.clock import monotonic
from kilo_gateway.embeddings import Embeddings
from kilo_gateway.model_list import fetch_models
from kilo_gateway.settings.auth import with_request_id
from kilo_gateway.sync_loop import CallLoop
from kilo_gateway.sync_stream import ChatStream

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


class KiloClient(CallLoop):
    """A client that blocks. Safe to share between threads and across a fork; holds no connection of its own.

    Arguments are the settings of `kilo_gateway.Settings`, which says what each does, or one such object; an HTTP client
    of your own is `http_client`. What is not given comes from the environment: `KILOCODE_API_KEY` and its like.

    Example:
        ```python
        answer = KiloClient().complete([{"role": "user", "content": "Hello"}])
        print(answer.text, answer.usage.cost)
        ```
    """

    def complete(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        model: str | None = None,
        timeout: Any = None,
        extra_headers: Mapping[str, str] | None = None,
        request_id: str | None = None,
        on_retry: OnRetry | None = None,
        **options: Unpack[RequestOptions],
    ) -> Completion:
        """Return the whole answer to the messages.

        `options` are those of `kilo_gateway.RequestOptions`; an unknown name is refused. `request_id` is your name for
        this one request, sent as `x-kilo-request` and kept with what the gateway books. `on_retry` is called with a
        `kilo_gateway.errors.waits.Retry` before the request is sent again.

        Raises:
            SetupError: the call cannot be made as it is; nothing was sent.
            TransportError: no answer arrived.
            GatewayError: the gateway answered with an error.
            AnswerError: the answer cannot be trusted.
        """
        headers = with_request_id(extra_headers, request_id)
        given = {"model": model, "timeout": timeout, "extra_headers": headers, "on_retry": on_retry}
        call = self._call(messages, options, **given)
        return self._ask(call)

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
    ) -> ChatStream:
        """Return the answer as a stream of deltas; the request is sent when the first one is asked for.

        Takes and raises what `complete` does. Errors of the network and the gateway come out of the iteration, after
        the deltas that had arrived, which the error's `partial` holds as well.
        """
        headers = with_request_id(extra_headers, request_id)
        given = {"model": model, "timeout": timeout, "extra_headers": headers, "on_retry": on_retry}
        return ChatStream(self, self._call(messages, options, **given, stream=True))

    def embed(
        self,
        inputs: Sequence[str],
        *,
        model: str,
        timeout: Any = None,
        extra_headers: Mapping[str, str] | None = None,
        request_id: str | None = None,
        **options: Unpack[EmbeddingOptions],
    ) -> Embeddings:
        """Return the vectors of the texts, in their order.

        All texts go in one request; no text, no request. `model` is the ref of an embedding model; there is no default,
        and the model list does not show them. `options` are those of `kilo_gateway.EmbeddingOptions`.

        Raises what `complete` does.
        """
        headers = with_request_id(extra_headers, request_id)
        call = self._embedding_call(inputs, options, model=model, timeout=timeout, extra_headers=headers)
        return self._ask(call) if call.count else Embeddings(requested_model=call.model_id)

    def discover(self, *, refresh: bool = False) -> Catalog:
        """Return the models that this account can use, over the bundled ones; fetched at most every ten minutes.

        Never raises for what the network or the gateway does: after about five seconds at the most the bundled
        catalog stands in, with one warning in the log.
        """
        known = None if refresh else discovery.fresh_catalog(self.settings, now=monotonic())
        if known is not None:
            return known
        return fetch_models(self.settings, self._carrier())

    def list_models(self, *, refresh: bool = False) -> list[ModelInfo]:
        """Return the models of `discover`: the gateway's, in its order, then bundled ones that it did not list."""
        return list(self.discover(refresh=refresh).models)

    def fill_in(
        self,
        prompt: str,
        suffix: str = "",
        *,
        model: str | None = None,
        max_tokens: int = 256,
        min_tokens: int | None = None,
        stop: Sequence[str] | str | None = None,
        timeout: Any = None,
        request_id: str | None = None,
    ) -> Completion:
        """Return the text that stands between prompt and suffix, as code editors ask for it; always needs a key.

        `model` is `mistralai/codestral-2508` unless given; few models can do this. `max_tokens` is 1 to 1000.
        Source: POST /api/fim/completions of the server, 2026-02 and newer. Raises what `complete` does.
        """
        options: dict[str, Any] = {"max_tokens": max_tokens, "min_tokens": min_tokens, "stop": stop}
        headers = with_request_id(None, request_id)
        call = self._fim_call(prompt, suffix, model=model, timeout=timeout, extra_headers=headers, **options)
        return self._ask(call)

    def balance(self) -> Balance:
        """Return what is left, of the organization where one is set; needs a key.

        Source: GET /api/profile/balance, servers of 2026-02 and newer. On an older one a NotFoundError says so.
        """
        return self._ask(self._lookup_call(lookups.balance_lookup(self.settings)))

    def defaults(self) -> Defaults:
        """Return the models that the account, or the organization, is meant to begin with.

        Source: GET /api/defaults and /api/organizations/{id}/defaults, servers of 2026-02. Where a server does not
        have them, a NotFoundError says so.
        """
        return self._ask(self._lookup_call(lookups.defaults_lookup(self.settings)))

    def model_endpoints(self, model: str) -> tuple[ModelEndpoint, ...]:
        """Return who hosts a model, with prices and limits.

        Source: GET /models/{id}/endpoints, servers of 2026-07 and newer. On an older one a NotFoundError says so.
        """
        return self._ask(self._lookup_call(lookups.endpoints_lookup(self.settings, model)))

    def providers(self) -> tuple[Provider, ...]:
        """Return everybody who hosts models, without their models.

        Source: GET /providers, servers of 2026-02 and newer. On an older one a NotFoundError says so.
        """
        return self._ask(self._lookup_call(lookups.providers_lookup(self.settings)))

    def models_by_provider(self) -> tuple[Provider, ...]:
        """Return everybody who hosts models, with the ids of their models.

        Source: GET /models-by-provider, servers of 2026-02 and newer. On an older one a NotFoundError says so.
        """
        return self._ask(self._lookup_call(lookups.models_by_provider_lookup(self.settings)))

    def embedding_models(self) -> EmbeddingCatalog:
        """Return the embedding models: ids, dimensions, the default, short names.

        Source: GET /embedding-models, servers of 2026-07 and newer. On an older one a NotFoundError says so.
        """
        return self._ask(self._lookup_call(lookups.embedding_models_lookup(self.settings)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing: connections belong to the process, or to the httpx client that was passed in."""
