"""Chat completions: the checks, what would be forwarded, then a scripted or a built-in answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.builtin_models.draft import CallDraft, Draft
from kilo_gateway.testing.builtin_models.limits import apply_limits, completion_tokens
from kilo_gateway.testing.builtin_models.models import draft_answer
from kilo_gateway.testing.builtin_models.tokens import count_prompt
from kilo_gateway.testing.gateway.answer import Answer, json_bytes
from kilo_gateway.testing.gateway.checks import ChatRequest, first_refusal
from kilo_gateway.testing.gateway.completion import PROVIDER, ChatAnswer, render_completion
from kilo_gateway.testing.gateway.delivery import scripted_answer
from kilo_gateway.testing.gateway.events import REPEATED_TEXT, render_events
from kilo_gateway.testing.gateway.forwarding import forwarded_body
from kilo_gateway.testing.gateway.model_ids import REPEAT_MODEL, family, is_hosted_free
from kilo_gateway.testing.gateway.usage import render_usage

if TYPE_CHECKING:
    from kilo_gateway.testing.gateway.incoming import IncomingRequest
    from kilo_gateway.testing.reply import Reply

SCRIPTED_MODEL = "kilo-embedded/scripted-1"
_LONG_BODY_BYTES = 100_000
_MAX_CHOICES = 16
_REPEATS = 256
_REPEATS_PER_WRITE = 32


async def answer_chat(incoming: IncomingRequest) -> Answer:
    """Answer POST /chat/completions."""
    request, received = ChatRequest(incoming, incoming.received.body), incoming.received
    refusal = first_refusal(request)
    if refusal is not None:
        return refusal
    received.forwarded = forwarded_body(request)
    if incoming.fault is not None and incoming.fault.is_answer:
        return Answer()
    reply = incoming.take_reply()
    if len(received.raw_body) > _LONG_BODY_BYTES:
        answer = await asyncio.to_thread(_answer, request, reply)
    else:
        answer = _answer(request, reply)
    answer.is_streamed = bool(request.body.get("stream")) if reply is None or reply.stream is None else reply.stream
    delays = reply if reply is not None else incoming.state.options
    answer.event_delay_seconds = delays.event_delay_seconds
    return answer


def _answer(request: ChatRequest, reply: Reply | None) -> Answer:
    """Return the answer to a request that passed the checks, whole and as events."""
    scripted = None if reply is None else scripted_answer(request.incoming, reply)
    if scripted is not None:
        return scripted
    chat_answer = _complete(request, reply)
    answer = Answer(events=render_events(chat_answer, request.incoming.state.options), is_relayed=True)
    repeated = chat_answer.drafts[0].repeat
    if repeated:
        answer.events_per_write = _REPEATS_PER_WRITE
        chat_answer.drafts = [replace(chat_answer.drafts[0], text=REPEATED_TEXT * repeated)]
    answer.body = render_completion(chat_answer)
    return answer


def _complete(request: ChatRequest, reply: Reply | None) -> ChatAnswer:
    incoming = request.incoming
    drafts = [_scripted(reply)] if reply is not None else _drafts(request)
    for index, draft in enumerate(drafts):
        _name_calls(draft, f"{incoming.number}-{index}", family(request.resolved))
        if reply is None or reply.apply_limits:
            apply_limits(draft, request.body)
    created = int(incoming.state.options.clock_seconds)
    return ChatAnswer(
        id=f"gen-{created}-{sha256(str(incoming.number).encode()).hexdigest()[:20]}",
        created=created,
        model=drafts[0].model,
        provider=reply.provider if reply is not None and reply.provider is not None else PROVIDER,
        family=family(request.resolved),
        drafts=drafts,
        usage=reply.usage if reply is not None and reply.usage is not None else _usage(request, drafts),
    )


def _drafts(request: ChatRequest) -> list[Draft]:
    """Return what the built-in models say, once for each choice."""
    body = request.body
    if request.resolved == REPEAT_MODEL:
        count = body.get("max_tokens") or body.get("max_completion_tokens") or _REPEATS
        return [Draft(repeat=int(count), finish_reason="length", model=REPEAT_MODEL)]
    wanted = body.get("n")
    count = min(wanted, _MAX_CHOICES) if isinstance(wanted, int) and wanted > 1 else 1
    draft = draft_answer(body)
    return [replace(draft, tool_calls=[replace(one) for one in draft.tool_calls]) for _ in range(count)]


def _scripted(reply: Reply) -> Draft:
    calls = [
        CallDraft(str(call.get("name", "")), _arguments_text(call.get("arguments")), str(call.get("id") or ""))
        for call in reply.tool_calls
    ]
    return Draft(
        text=reply.text if reply.text is not None or calls else "",
        reasoning=reply.reasoning,
        details=None if reply.reasoning_details is None else list(reply.reasoning_details),
        tool_calls=calls,
        finish_reason=reply.finish_reason or ("tool_calls" if calls else "stop"),
        native_finish_reason=reply.native_finish_reason,
        plain_fields=reply.plain_fields,
        model=reply.model or SCRIPTED_MODEL,
    )


def _arguments_text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json_bytes({} if arguments is None else arguments).decode()


_ID_SHAPES = {"claude": ("toolu_", 22), "openai": ("call_", 24), "gemini": ("tool_", 16)}


def _name_calls(draft: Draft, seed: str, model_family: str) -> None:
    """Give each call without an id one in the family's form; the same request number gives the same id."""
    prefix, length = _ID_SHAPES.get(model_family, ("call_", 20))
    for index, call in enumerate(draft.tool_calls):
        call.id = call.id or prefix + sha256(f"{seed}-{index}".encode()).hexdigest()[:length]


def _usage(request: ChatRequest, drafts: list[Draft]) -> dict[str, Any]:
    incoming, options = request.incoming, request.incoming.state.options
    account = incoming.identity.account
    counted = [completion_tokens(draft) for draft in drafts]
    return render_usage(
        prompt_tokens=count_prompt(request.body),
        completion_tokens=sum(total for total, _ in counted),
        reasoning_tokens=sum(reasoning for _, reasoning in counted),
        entry=incoming.state.entry(request.resolved),
        is_byok=account is not None and (account.byok or account.is_byok_upstream),
        hides_cost=is_hosted_free(request.resolved, incoming.state) and not options.keep_usage_cost_of_free_models,
    )
