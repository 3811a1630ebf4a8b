"""POST fim/completions: the gateway's own checks and a minimal completion. Unknown request fields are dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.brain.limits import cut_at_stop
from kilo_gateway.testing.brain.tokens import count_tokens, pieces
from kilo_gateway.testing.gateway.account_routes import signed_in
from kilo_gateway.testing.gateway.catalog_routes import refuse
from kilo_gateway.testing.gateway.errors import ErrorAnswer, render_error
from kilo_gateway.testing.gateway.events import DONE, render_event
from kilo_gateway.testing.gateway.policy import credits_refusal
from kilo_gateway.testing.gateway.steps import Write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.testing.gateway.identity import Identity
    from kilo_gateway.testing.gateway.sending import Exchange
    from kilo_gateway.testing.options import Version

MAX_TOKENS = 1000
SUPPORTED = ("mistralai/codestral-2508", "inception/mercury-edit-2")


def _schema_refusal(body: Any, version: Version) -> ErrorAnswer | None:
    is_good = (
        isinstance(body, dict)
        and isinstance(body.get("model"), str)
        and isinstance(body.get("prompt"), str)
        and isinstance(body.get("suffix"), str | None)
        and isinstance(body.get("stop"), list | None)
    )
    return None if is_good else render_error("invalid_request", version)


def _model_refusal(body: dict[str, Any], version: Version) -> ErrorAnswer | None:
    model = body["model"]
    if version == "newest":
        return None if model in SUPPORTED else render_error("fim_56", version, fill={"<model>": model})
    provider = body.get("provider", "mistral")
    if provider != "mistral":
        return render_error("fim_54", version, fill={"<provider>": str(provider)})
    return None if model.startswith("mistralai/") else render_error("fim_55", version, fill={"<model>": model})


def _refusal(body: Any, identity: Identity, version: Version) -> ErrorAnswer | None:
    refusal = _schema_refusal(body, version) or _model_refusal(body, version)
    if refusal is not None:
        return refusal
    limit = body.get("max_tokens")
    if not isinstance(limit, int) or not 0 < limit <= MAX_TOKENS:
        return render_error("temporarily_unavailable", version)
    account = identity.account
    if account is not None and identity.balance <= 0 and not account.byok:
        return render_error("fim_insufficient", version) if version == "newest" else credits_refusal(identity, version)
    return None


def _fill(body: dict[str, Any]) -> tuple[str, str]:
    """Return the middle and its finish reason: the shortest honest fill, the name of an enclosing thing's end."""
    prompt = body["prompt"].rstrip()
    text = "pass" if prompt.endswith(":") else "return None" if prompt.startswith("def ") else "..."
    text = cut_at_stop(text, body.get("stop"))
    cut = pieces(text)[: body["max_tokens"]]
    return "".join(cut), "length" if len(cut) < len(pieces(text)) else "stop"


async def answer_fim(exchange: Exchange, _: Mapping[str, str]) -> None:
    """Answer POST fim/completions; it always needs a signed-in caller."""
    identity = await signed_in(exchange)
    if identity is None:
        return
    body = exchange.received.body
    refusal = _refusal(body, identity, exchange.version)
    if refusal is not None:
        await refuse(exchange, refusal)
        return
    text, reason = _fill(body)
    created = int(exchange.state.options.clock_seconds)
    prompt_tokens, tokens = count_tokens(body["prompt"] + (body.get("suffix") or "")), count_tokens(text)
    usage = {"prompt_tokens": prompt_tokens, "completion_tokens": tokens, "total_tokens": prompt_tokens + tokens}
    name = body["model"].partition("/")[2]
    head = {"id": f"fim-{exchange.number}", "model": name, "created": created}
    if not body.get("stream"):
        choice = {"index": 0, "text": text, "finish_reason": reason}
        answer = {**head, "object": "fim.completion", "usage": usage, "choices": [choice]}
        await exchange.send_answer(200, answer, base=exchange.relayed_headers("application/json"))
        return
    head["object"] = "fim.completion.chunk"
    parts = pieces(text) or [""]
    events = [_chunk(head, part, None) for part in parts[:-1]]
    events.append(_chunk({**head, "usage": usage}, parts[-1], reason))
    steps = [Write(event) for event in [*events, DONE]]
    await exchange.send_steps(steps, exchange.relayed_headers("text/event-stream"))


def _chunk(head: dict[str, Any], text: str, reason: str | None) -> bytes:
    return render_event({**head, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]})
