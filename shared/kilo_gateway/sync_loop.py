"""How calls are sent, try after try, until one is answered; blocks. The call and the client's base decide."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from kilo_gateway.client_base import ClientBase
from kilo_gateway.clock import monotonic
from kilo_gateway.errors import KiloError
from kilo_gateway.errors.waits import Retry
from kilo_gateway.gate.entering import wait_in_queue
from kilo_gateway.transport.connections import sync_carrier
from kilo_gateway.transport.exchange import Exchange
from kilo_gateway.transport.given_client import HttpClient

if TYPE_CHECKING:
    from kilo_gateway.call import Answer, GatewayCall
    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.stream.reader import StreamReader
    from kilo_gateway.transport.carrier import Carrier


class CallLoop(ClientBase[HttpClient]):
    """The part of a blocking client that sends and sleeps."""

    _is_async = False

    @abstractmethod
    def discover(self, *, refresh: bool = False) -> Catalog:
        """Return the models that this account can use."""

    def _carrier(self) -> Carrier:
        return sync_carrier(self._route, self._http_client)

    def _ask(self, call: GatewayCall[Answer]) -> Answer:
        self._prepare(call)
        while True:
            self._acquire_permits(call)
            exchange = Exchange(self._outgoing(call))
            try:
                self._open(exchange, call)
                answer = call.parse_answer(exchange.read())
            except KiloError as error:
                wait = self._wait_after(call, error)
            else:
                call.note_answer(answer)
                return answer
            finally:
                exchange.close()
                self._note_abandoned(call)
            time.sleep(wait)

    def _acquire_permits(self, call: GatewayCall[Any]) -> None:
        call.note_start()
        if not call.has_budget and self._takes_free_permit(call):
            return
        try:
            while call.has_budget and (wait := call.reserve(self.discover(), now=monotonic())) is not None:
                time.sleep(wait)
            for gate in self._gates(call):
                permit = gate.free or wait_in_queue(gate, deadline=self._deadline(call), model=call.ref)
                call.permits = (*call.permits, (gate, permit))
        except BaseException as error:
            call.note_unsent(error)
            self._return_permits(call)
            raise

    def _open(self, exchange: Exchange, call: GatewayCall[Any]) -> None:
        exchange.open(self._carrier())
        if not call.accepts(exchange.status, exchange.headers):
            raise call.parse_error(exchange.status, exchange.headers, exchange.read_refusal())
        self._note_success(call)

    def _prepare(self, call: GatewayCall[Any]) -> None:
        if self._needs_live_list(call):
            self.discover()
        self._check_key(call)

    def _wait_after(self, call: GatewayCall[Any], error: KiloError, reader: StreamReader | None = None) -> float:
        wait = self._seconds_to_wait(call, error, reader)
        if wait is None:
            self._use_successor(call, error, self.discover(refresh=True))
            return 0.0
        if call.on_retry is not None:
            call.on_retry(Retry(error, call.attempt, wait))
        return wait
