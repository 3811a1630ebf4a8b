"""How calls are awaited, try after try, until one is answered. The call and the client's base decide."""

from __future__ import annotations

from abc import abstractmethod
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

import anyio

from kilo_gateway.client_base import ClientBase
from kilo_gateway.clock import monotonic
from kilo_gateway.errors import KiloError
from kilo_gateway.errors.waits import Retry
from kilo_gateway.gate.entering import wait_in_queue_async
from kilo_gateway.transport.connections import async_carrier
from kilo_gateway.transport.exchange import AsyncExchange
from kilo_gateway.transport.given_client import AsyncHttpClient

if TYPE_CHECKING:
    from kilo_gateway.call import Answer, GatewayCall
    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.stream.reader import StreamReader
    from kilo_gateway.transport.carrier import AsyncCarrier


class AsyncCallLoop(ClientBase[AsyncHttpClient]):
    """The part of an asynchronous client that sends and sleeps."""

    _is_async = True

    @abstractmethod
    async def discover(self, *, refresh: bool = False) -> Catalog:
        """Return the models that this account can use."""

    async def _carrier(self) -> AsyncCarrier:
        return await async_carrier(self._route, self._http_client)

    async def _ask(self, call: GatewayCall[Answer]) -> Answer:
        await self._prepare(call)
        while True:
            await self._acquire_permits(call)
            exchange = AsyncExchange(self._outgoing(call))
            try:
                await self._open(exchange, call)
                answer = call.parse_answer(await exchange.read())
            except KiloError as error:
                wait = await self._wait_after(call, error)
            else:
                call.note_answer(answer)
                return answer
            finally:
                exchange.abort()
                self._note_abandoned(call)
            await anyio.sleep(wait)

    async def _acquire_permits(self, call: GatewayCall[Any]) -> None:
        call.note_start()
        if not call.has_budget and self._takes_free_permit(call):
            return
        try:
            while call.has_budget and (wait := call.reserve(await self.discover(), now=monotonic())) is not None:  # noqa: ASYNC110 - see reserve
                await anyio.sleep(wait)
            for gate in self._gates(call):
                permit = gate.free or await wait_in_queue_async(gate, deadline=self._deadline(call), model=call.ref)
                call.permits = (*call.permits, (gate, permit))
        except BaseException as error:
            call.note_unsent(error)
            self._return_permits(call)
            raise

    async def _open(self, exchange: AsyncExchange, call: GatewayCall[Any]) -> None:
        await exchange.open(await self._carrier())
        if not call.accepts(exchange.status, exchange.headers):
            raise call.parse_error(exchange.status, exchange.headers, await exchange.read_refusal())
        self._note_success(call)

    async def _prepare(self, call: GatewayCall[Any]) -> None:
        if self._needs_live_list(call):
            await self.discover()
        self._check_key(call)

    async def _wait_after(self, call: GatewayCall[Any], error: KiloError, reader: StreamReader | None = None) -> float:
        wait = self._seconds_to_wait(call, error, reader)
        if wait is None:
            self._use_successor(call, error, await self.discover(refresh=True))
            return 0.0
        if call.on_retry is not None and isawaitable(noted := call.on_retry(Retry(error, call.attempt, wait))):
            await noted
        return wait
