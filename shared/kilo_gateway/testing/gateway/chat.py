"""Chat completions: the checks, the transformation, then a scripted or a built-in answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from kilo_gateway.testing.fault import Fault
from kilo_gateway.testing.gateway.answering import PreparedAnswer, prepare_answer
from kilo_gateway.testing.gateway.ask import Ask
from kilo_gateway.testing.gateway.checks import first_refusal
from kilo_gateway.testing.gateway.completion import FEBRUARY_PADDING
from kilo_gateway.testing.gateway.errors import ErrorAnswer, render_error, render_upstream_error
from kilo_gateway.testing.gateway.faulting import send_fault
from kilo_gateway.testing.gateway.identity import identify, resolve_feature, resolve_mode
from kilo_gateway.testing.gateway.steps import cut_at, json_bytes, merge_writes, plan_steps, recut
from kilo_gateway.testing.gateway.transform import forwarded_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.testing.gateway.sending import Exchange
    from kilo_gateway.testing.reply import Reply

_LONG_BODY = 100_000


def make_ask(exchange: Exchange, *, api_kind: str = "chat_completions") -> Ask:
    """Return the request with what its headers resolve to."""
    received = exchange.received
    state = exchange.state
    problem = None
    try:
        body = orjson.loads(received.raw_body)
    except orjson.JSONDecodeError as error:
        body, problem = None, str(error)
    identity = identify(received.headers, state.accounts)
    mode = resolve_mode(received.headers, exchange.version)
    ask = Ask(state, received.headers, body, identity, problem, mode, api_kind=api_kind)
    received.facts.update(
        feature=resolve_feature(received.headers, exchange.version),
        mode=mode,
        user_id=identity.account.user_id if identity.account else None,
        organization_id=identity.organization.id if identity.organization else None,
    )
    return ask


async def answer_chat(exchange: Exchange, _: Mapping[str, str]) -> None:
    """Answer POST /chat/completions."""
    state = exchange.state
    ask = make_ask(exchange)
    scripted = state.take("chat")
    refusal = first_refusal(ask)
    if refusal is None:
        exchange.received.forwarded = forwarded_body(ask)
        exchange.received.facts["resolved_model"] = ask.resolved
    fault = scripted if isinstance(scripted, Fault) else None
    if fault is not None and not await send_fault(exchange, fault):
        return
    if refusal is not None:
        if scripted is not None and fault is None:
            state.put_back(scripted, "chat")
        await _refuse(exchange, refusal)
        return
    reply = fault.reply if fault is not None else scripted
    await _send(exchange, ask, fault, reply if not isinstance(reply, Fault) else None)


async def _refuse(exchange: Exchange, refusal: ErrorAnswer) -> None:
    await exchange.send_answer(refusal.status, refusal.body, headers=refusal.headers)


async def _send(exchange: Exchange, ask: Ask, fault: Fault | None, reply: Reply | None) -> None:
    if reply is not None and reply.delay_seconds > 0 and not await exchange.connection.pause(reply.delay_seconds):
        return
    if len(exchange.received.raw_body) > _LONG_BODY:
        prepared = await asyncio.to_thread(prepare_answer, ask, reply, exchange.number)
    else:
        prepared = prepare_answer(ask, reply, exchange.number)
    wants_stream = bool(ask.body.get("stream"))
    if reply is not None and reply.stream is not None:
        wants_stream = reply.stream
    if prepared.events is None or (fault is not None and fault.as_json):
        wants_stream = False
    elif prepared.body is None:
        wants_stream = True
    if wants_stream:
        await _send_stream(exchange, prepared, fault, reply)
    else:
        await _send_json(exchange, prepared.body, fault)


async def _send_stream(exchange: Exchange, prepared: PreparedAnswer, fault: Fault | None, reply: Reply | None) -> None:
    options = exchange.state.options
    delay = reply.event_delay_seconds if reply is not None else options.event_delay_seconds
    steps = plan_steps(prepared.events or [], exchange.version, fault=fault, event_delay=delay)
    if fault is not None and fault.cut_after_bytes is not None:
        steps = cut_at(steps, fault.cut_after_bytes, reset=fault.reset)
    if reply is not None and reply.pieces:
        steps = recut(steps, reply.pieces, reply.piece_delay_seconds)
    elif fault is None and reply is None:
        steps = merge_writes(steps, max(options.events_per_write, prepared.events_per_write))
    headers = exchange.relayed_headers("text/event-stream")
    headers.update({name.lower(): value for name, value in (fault.headers if fault is not None else {}).items()})
    await exchange.send_steps(steps, headers)


async def _send_json(exchange: Exchange, body: Any, fault: Fault | None) -> None:
    """Send the unstreamed body; a fault's cuts apply to its bytes."""
    data = body if isinstance(body, bytes) else json_bytes(body)
    if exchange.version == "2026-02" and isinstance(body, dict) and "choices" in body:
        data = FEBRUARY_PADDING + data
    headers = exchange.relayed_headers("application/json")
    cut = None if fault is None else fault.cut_after_bytes
    if fault is not None and fault.cut_after_events is not None:
        cut = len(data) // 2
    if cut is not None and fault is not None:
        steps = cut_at(plan_steps([data], exchange.version, fault=None, event_delay=0), cut, reset=fault.reset)
        await exchange.send_steps(steps, headers)
        return
    await exchange.send_answer(200, data, base=headers, headers=fault.headers if fault is not None else None)


async def answer_responses(exchange: Exchange, _: Mapping[str, str]) -> None:
    """Answer POST /responses: the checks of the gateway, and no model behind them."""
    await _answer_other_api(exchange, "responses")


async def answer_messages(exchange: Exchange, _: Mapping[str, str]) -> None:
    """Answer POST /messages: the checks of the gateway, and no model behind them."""
    await _answer_other_api(exchange, "messages")


async def _answer_other_api(exchange: Exchange, api_kind: str) -> None:
    ask = make_ask(exchange, api_kind=api_kind)
    if isinstance(ask.body, dict) and api_kind == "responses":
        ask.body = {**ask.body, "messages": ask.body.get("messages", [])}
    refusal = first_refusal(ask)
    if refusal is None and api_kind == "responses" and (ask.body.get("store") or ask.body.get("previous_response_id")):
        refusal = render_error("responses_store", exchange.version)
    await _refuse(
        exchange, refusal or render_upstream_error(404, f"The embedded gateway has no model behind /{api_kind}.")
    )
