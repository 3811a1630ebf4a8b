"""What a client does for the sake of its gates: a permit of each for every try, given back afterwards. Never waits.

While all is well this costs a handful of calls and no lock: `tests/kilo_gateway/gate/test_ordinary_calls.py` counts.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from kilo_gateway.gate.entering import may_try_again
from kilo_gateway.gate.gate import gate_of

if TYPE_CHECKING:
    from kilo_gateway.call import GatewayCall
    from kilo_gateway.errors import KiloError
    from kilo_gateway.gate.gate import Gate
    from kilo_gateway.settings.settings import Settings


class GatePassing:
    """The part of a client that passes gates."""

    settings: Settings

    @cached_property
    def _gate(self) -> Gate | None:
        """The pause that this client shares with others; None where it shares none."""
        return gate_of(self.settings) if self.settings.shared_pause else None

    def _takes_free_permit(self, call: GatewayCall[Any]) -> bool:
        """Take the gate's permit that everybody has while all is well; False where the call may have to wait."""
        gate = self._gate
        if gate is None:
            return True
        permit = gate.free
        if permit is None or call.model_id in gate.of_models:
            return False
        call.permits = ((gate, permit),)
        return True

    def _gates(self, call: GatewayCall[Any]) -> list[Gate]:
        """Return the gates that a call has to pass: first that of its model, where its provider refused something."""
        if self._gate is None:
            return []
        of_model = self._gate.of_models.get(call.model_id)
        return [self._gate] if of_model is None else [of_model, self._gate]

    def _note_success(self, call: GatewayCall[Any]) -> None:
        """Tell the gates that the request was taken; a look at each while all is well."""
        for gate, permit in call.permits:
            if gate.free is not permit:
                gate.note_success(permit)
        if self._gate is not None and not self._gate.retries.is_full:
            self._gate.retries.add()

    def _note_abandoned(self, call: GatewayCall[Any]) -> None:
        """Give back what a try holds that ended without showing anything, such as one that was cancelled."""
        call.note_abandoned()
        self._return_permits(call)

    def _return_permits(self, call: GatewayCall[Any]) -> None:
        for gate, permit in call.permits:
            if gate.free is not permit:
                gate.note_abandoned(permit)
        call.permits = ()

    def _may_try_again(self, call: GatewayCall[Any], error: KiloError, wait: float | None) -> bool:
        permits, call.permits = call.permits, ()
        if self._gate is None:
            return True
        return may_try_again(self._gate, permits, error, model_id=call.model_id, wait_seconds=wait)
