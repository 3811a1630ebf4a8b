"""From a request and an optional script to the answer in both shapes. Pure but for the models' text."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.brain.limits import apply_limits, completion_tokens
from kilo_gateway.testing.brain.reply import answer
from kilo_gateway.testing.brain.tokens import count_prompt
from kilo_gateway.testing.draft import CallDraft, Draft
from kilo_gateway.testing.gateway.completion import PROVIDER, Envelope, render_completion
from kilo_gateway.testing.gateway.events import render_events
from kilo_gateway.testing.gateway.models import REPEAT_MODEL, family, is_hosted_free
from kilo_gateway.testing.gateway.steps import event_bytes, json_bytes
from kilo_gateway.testing.gateway.usage import render_usage

if TYPE_CHECKING:
    from kilo_gateway.testing.gateway.ask import Ask
    from kilo_gateway.testing.reply import Reply

SCRIPTED_MODEL = "kilo-embedded/scripted-1"
_REPEAT_EVENTS_PER_WRITE = 32
_DEFAULT_REPEAT = 256
_MAX_CHOICES = 16
_FEBRUARY_COMMENT = b": OPENROUTER PROCESSING"


@dataclass
class PreparedAnswer:
    """An answer ready to be sent in the shape that is wanted; None where a script gives only the other."""

    body: Any
    events: list[bytes] | None
    events_per_write: int = 1


def prepare_answer(ask: Ask, reply: Reply | None, number: int) -> PreparedAnswer:
    """Return the answer to a request that passed the checks; `number` makes its id."""
    if reply is not None and (reply.body is not None or reply.events is not None):
        return _raw_answer(ask, reply)
    drafts = _drafts(ask, reply, number)
    envelope = _envelope(ask, reply, drafts, number)
    prepared = PreparedAnswer(None, render_events(drafts, envelope, ask.state.options))
    if not drafts[0].repeat:
        prepared.body = render_completion(drafts, envelope)
        return prepared
    prepared.events_per_write = _REPEAT_EVENTS_PER_WRITE
    if not ask.body.get("stream"):
        whole = Draft(text=" kilo" * drafts[0].repeat, finish_reason="length", model=drafts[0].model)
        prepared.body = render_completion([whole], envelope)
    return prepared


def _raw_answer(ask: Ask, reply: Reply) -> PreparedAnswer:
    events = None if reply.events is None else [event_bytes(event) for event in reply.events]
    if events is not None and reply.rewrite_comments and ask.version == "newest":
        events = [event.replace(_FEBRUARY_COMMENT, b": KILO PROCESSING") for event in events]
    return PreparedAnswer(reply.body, events)


def _drafts(ask: Ask, reply: Reply | None, number: int) -> list[Draft]:
    model_family = family(ask.resolved)
    if reply is None and ask.resolved == REPEAT_MODEL:
        count = ask.body.get("max_tokens") or ask.body.get("max_completion_tokens") or _DEFAULT_REPEAT
        return [Draft(repeat=int(count), finish_reason="length", model=REPEAT_MODEL)]
    wanted = ask.body.get("n")
    count = min(wanted, _MAX_CHOICES) if isinstance(wanted, int) and wanted > 1 else 1
    if reply is not None:
        drafts = [_scripted(reply)]
    else:
        draft = answer(ask.body, model_family)
        drafts = [draft] if count == 1 else [_copied(draft) for _ in range(count)]
    for index, draft in enumerate(drafts):
        _name_calls(draft, f"{number}-{index}", model_family)
        if reply is None or reply.apply_limits:
            apply_limits(draft, ask.body)
    return drafts


def _copied(draft: Draft) -> Draft:
    calls = [CallDraft(call.name, call.arguments, call.id) for call in draft.tool_calls]
    return Draft(**{**vars(draft), "tool_calls": calls})


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
        annotations=list(reply.annotations),
        images=list(reply.images),
        model=reply.model or SCRIPTED_MODEL,
    )


def _arguments_text(arguments: Any) -> str:
    if isinstance(arguments, str):
        return arguments
    return json_bytes(arguments if arguments is not None else {}).decode()


_ID_SHAPES = {"claude": ("toolu_", 22), "openai": ("call_", 24), "gemini": ("tool_", 16), "other": ("call_", 20)}


def _name_calls(draft: Draft, seed: str, model_family: str) -> None:
    """Give each call without an id one in the family's manner; the same request number gives the same id."""
    prefix, length = _ID_SHAPES.get(model_family, _ID_SHAPES["other"])
    for index, call in enumerate(draft.tool_calls):
        if not call.id:
            call.id = prefix + sha256(f"{seed}-{index}".encode()).hexdigest()[:length]


def _envelope(ask: Ask, reply: Reply | None, drafts: list[Draft], number: int) -> Envelope:
    created = int(ask.state.options.clock_seconds)
    provider = PROVIDER if reply is None or reply.provider is None else reply.provider
    usage = reply.usage if reply is not None and reply.usage is not None else _usage(ask, drafts)
    return Envelope(
        id=f"gen-{created}-{sha256(str(number).encode()).hexdigest()[:20]}",
        created=created,
        model=drafts[0].model,
        provider=provider,
        family=family(ask.resolved),
        version=ask.version,
        usage=usage,
    )


def _usage(ask: Ask, drafts: list[Draft]) -> dict[str, Any]:
    account = ask.identity.account
    counted = [completion_tokens(draft) for draft in drafts]
    options = ask.state.options
    is_free_for_user = is_hosted_free(ask.resolved, ask.state) and not options.keep_usage_cost_of_free_models
    return render_usage(
        prompt_tokens=count_prompt(ask.body),
        completion_tokens=sum(total for total, _ in counted),
        reasoning_tokens=sum(reasoning for _, reasoning in counted),
        entry=ask.state.entry(ask.resolved),
        is_byok=account is not None and (account.byok or account.is_byok_upstream),
        hides_cost=is_free_for_user and ask.version == "newest",
    )
