"""Carries out the faults that are an answer of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kilo_gateway.testing.gateway.errors import render_error

if TYPE_CHECKING:
    from kilo_gateway.testing.fault import Fault
    from kilo_gateway.testing.gateway.sending import Exchange


async def send_fault(exchange: Exchange, fault: Fault) -> bool:
    """Carry out a fault that is an answer of its own; return whether the ordinary answer is still wanted."""
    if fault.delay_seconds > 0 and not await exchange.connection.pause(fault.delay_seconds):
        return False
    if not fault.is_answer:
        return True
    if fault.raw is not None:
        await exchange.connection.write_raw(fault.raw)
    elif fault.cut_before_headers:
        await exchange.connection.cut(reset=fault.reset)
    elif fault.error_id is not None:
        error = render_error(fault.error_id, exchange.version, status=fault.status, fill=fault.fill)
        await exchange.send_answer(error.status, error.body, headers={**error.headers, **fault.headers})
    else:
        await exchange.send_answer(fault.status or 200, fault.body, headers=fault.headers)
    return False
