"""How a batch asks the gateway: through a client whose own retries are off. The one file here that knows clients."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kilo_gateway.async_client import AsyncKiloClient
from kilo_gateway.batch.results import Result
from kilo_gateway.call import ChatCall, EmbeddingCall
from kilo_gateway.clock import monotonic
from kilo_gateway.costs.prices import listed_price
from kilo_gateway.costs.tracker import held_by_caller
from kilo_gateway.errors import InvalidSettingError
from kilo_gateway.jsontext import dumps, loads_answer
from kilo_gateway.settings.auth import render_headers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from kilo_gateway.batch.requests import PreparedRequest
    from kilo_gateway.batch.spending import PriceOf
    from kilo_gateway.catalog.prices import Pricing
    from kilo_gateway.client import KiloClient
    from kilo_gateway.costs.budget import Budget
    from kilo_gateway.settings.settings import Settings


_ENVELOPES = (b'"result"', b'"data"', b'"response"', b'"body"')
"""What an answer may stand under; it is kept without."""


class _ChatRow(ChatCall):
    """A chat request that keeps its answer as it came."""

    answer_body = b""

    def parse_answer(self, body: bytes) -> Any:
        answer = super().parse_answer(body)
        is_bare = body.lstrip()[:1] == b"{" and not any(key in body for key in _ENVELOPES)
        self.answer_body = _strict_json(body) if is_bare else dumps(answer.body)
        return answer


class _EmbeddingRow(EmbeddingCall):
    """An embeddings request that keeps its answer as it came."""

    answer_body = b""

    def parse_answer(self, body: bytes) -> Any:
        answer = super().parse_answer(body)
        self.answer_body = _strict_json(body)
        return answer


def _strict_json(body: bytes) -> bytes:
    """Return a body that was read as it is, unless others could not read it: NaN and infinity become null."""
    try:
        body.decode()
        is_strict = b"NaN" not in body and b"Infinity" not in body
    except UnicodeDecodeError:
        is_strict = False
    return body if is_strict else dumps(loads_answer(body))


def chosen_model(settings: Settings) -> str | None:
    """Return the model that somebody has chosen for all calls; None where it is the default, which has no price."""
    return settings.model if "model" in settings.origins else None


def client_without_retries(client: AsyncKiloClient | KiloClient | None) -> AsyncKiloClient:
    """Return an asynchronous client with the settings of the caller's, whose own retries and pauses are off.

    Raises:
        InvalidSettingError: a blocking client that has an HTTP client of its caller's.
    """
    client = AsyncKiloClient() if client is None else client
    settings = client.settings.model_copy(update={"max_retries": 0, "shared_pause": False})
    http_client = client._http_client
    if isinstance(client, AsyncKiloClient):
        return AsyncKiloClient(settings, http_client=http_client)
    if http_client is not None:
        raise InvalidSettingError("A batch sends asynchronously: give an AsyncKiloClient with an async http_client.")
    return AsyncKiloClient(settings)


def ask_with(client: AsyncKiloClient, budget: Budget | None) -> Callable[[PreparedRequest, float], Awaitable[Result]]:
    """Return what sends a prepared request once, within a number of seconds.

    The run itself keeps to `budget`; that a tracker around it has the same one is no second limit.
    """
    given = client.settings.timeout

    async def ask(request: PreparedRequest, seconds: float) -> Result:
        began = monotonic()
        row = _ChatRow if request.endpoint == "chat" else _EmbeddingRow
        with held_by_caller(budget):
            call: Any = row(
                client.settings,
                request.body,
                headers=render_headers(client.settings, environ=os.environ),
                timeout=replace(given, total=seconds, silence=given.silence and max(given.silence, seconds)),
            )
        answer = await client._ask(call)
        return Result(
            request.custom_id,
            request,
            answer,
            body=call.answer_body,
            status=call.answer_status,
            request_id=call.answer_headers.get("x-request-id", "") or answer.id or "",
            seconds=monotonic() - began,
        )

    return ask


def prices_of(client: AsyncKiloClient, stated: Pricing | None) -> PriceOf:
    """Return what tells the prices of a model: those stated, else those of the live list, fetched once."""
    lock = asyncio.Lock()

    async def price_of(model_id: str) -> Pricing | None:
        if stated is not None:
            return stated
        async with lock:
            return listed_price(await client.discover(), model_id)

    return price_of
