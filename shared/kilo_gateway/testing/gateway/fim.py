"""POST fim/completions: the gateway's own checks and a minimal completion. Unknown request fields are dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.builtin_models.limits import cut_at_stop
from kilo_gateway.testing.builtin_models.tokens import count_tokens, split_tokens
from kilo_gateway.testing.gateway.account_routes import not_signed_in
from kilo_gateway.testing.gateway.answer import Answer, render_event
from kilo_gateway.testing.gateway.events import DONE

if TYPE_CHECKING:
    from kilo_gateway.testing.gateway.incoming import IncomingRequest

_MAX_TOKENS = 1000
_MODELS = ("mistralai/codestral-2508", "inception/mercury-edit-2")


async def answer_fim(incoming: IncomingRequest) -> Answer:
    """Answer POST fim/completions; it always needs a signed-in caller."""
    body = incoming.received.body
    refusal = not_signed_in(incoming) or _refusal(incoming, body)
    if refusal is not None:
        return refusal
    text, reason = _fill(body)
    prompt_tokens, tokens = count_tokens(body["prompt"] + (body.get("suffix") or "")), count_tokens(text)
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": tokens, "total_tokens": prompt_tokens + tokens}
    head = {
        "id": f"fim-{incoming.number}",
        "model": body["model"].partition("/")[2],
        "created": int(incoming.state.options.clock_seconds),
    }
    choice = {"index": 0, "text": text, "finish_reason": reason}
    return Answer(
        {**head, "object": "fim.completion", "usage": usage, "choices": [choice]},
        events=_events({**head, "object": "fim.completion.chunk"}, text, reason, usage),
        is_streamed=bool(body.get("stream")),
        is_relayed=True,
    )


def _refusal(incoming: IncomingRequest, body: Any) -> Answer | None:
    is_valid = (
        isinstance(body, dict)
        and isinstance(body.get("model"), str)
        and isinstance(body.get("prompt"), str)
        and isinstance(body.get("suffix"), str | None)
        and isinstance(body.get("stop"), list | None)
    )
    if not is_valid:
        return incoming.refusal("invalid_request")
    if body["model"] not in _MODELS:
        return incoming.refusal("fim_56", fill={"<model>": body["model"]})
    limit, account = body.get("max_tokens"), incoming.identity.account
    if not isinstance(limit, int) or not 0 < limit <= _MAX_TOKENS:
        return incoming.refusal("temporarily_unavailable")
    needs_credits = account is not None and incoming.identity.balance <= 0 and not account.byok
    return incoming.refusal("fim_insufficient") if needs_credits else None


def _fill(body: dict[str, Any]) -> tuple[str, str]:
    """Return a fixed middle that is valid Python there, and its finish reason."""
    text = cut_at_stop("pass" if body["prompt"].rstrip().endswith(":") else "...", body.get("stop"))
    cut = split_tokens(text)[: body["max_tokens"]]
    return "".join(cut), "length" if len(cut) < len(split_tokens(text)) else "stop"


def _events(head: dict[str, Any], text: str, reason: str, usage: dict[str, Any]) -> list[bytes]:
    *parts, last = split_tokens(text) or [""]
    chunks = [_chunk(head, part, None) for part in parts]
    return [*chunks, _chunk({**head, "usage": usage}, last, reason), DONE]


def _chunk(head: dict[str, Any], text: str, reason: str | None) -> bytes:
    return render_event({**head, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]})
