"""What became of a chat request on its way, each change with its reason: by the client, by the gateway, or not yet.

The client tells its own in a header. The embedded gateway's are the difference between the body that came and the one
that it would send on; another gateway does not tell. What a Kilo client would still have changed is worked out from
the body, for chains that use another client.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kilo_gateway.errors import KiloError
from kilo_gateway.request.changes import Change, find_changes, parse_changes, reason_for_change
from kilo_gateway.request.families import rules_for
from kilo_gateway.request.reasoning import apply_reasoning, parse_level
from kilo_gateway.request.thought_signatures import sanitize_signatures

By = Literal["client", "gateway", "advice"]
_MAX_SHOWN = 60
_USUAL = frozenset({"user", "safety_identifier"})


@dataclass(frozen=True, slots=True)
class ShownChange:
    """One change, or one that is advised, with its reason."""

    by: By
    place: str
    kind: str
    before: str | None
    after: str | None
    why: str

    @property
    def is_usual(self) -> bool:
        """Whether the gateway does so with every request."""
        return self.by == "gateway" and self.kind == "added" and self.place in _USUAL

    def without(self, cleaned: Callable[[str], str]) -> ShownChange:
        """Return it with every text cleaned."""
        texts = (None if text is None else cleaned(text) for text in (self.place, self.before, self.after))
        place, before, after = texts
        return ShownChange(self.by, place or "", self.kind, before, after, self.why)


def changes_before(header: str | None, body: Any) -> list[ShownChange]:
    """Return what the client says that it changed, and what a Kilo client would have changed of the body as it came."""
    model_id = _model_of(body)
    by_client = [_shown("client", one, reason_for_change(one, model_id=model_id)) for one in parse_changes(header)]
    return (by_client + _advice(body, model_id))[:_MAX_SHOWN]


def changes_of_gateway(body: Any, forwarded: Any) -> list[ShownChange]:
    """Return what the gateway makes of a body before a provider sees it."""
    found = find_changes(body, forwarded)
    return [_shown("gateway", one, _reason_of_gateway(one)) for one in found][:_MAX_SHOWN]


def _shown(by: By, change: Change, why: str) -> ShownChange:
    return ShownChange(by, change.place, change.kind, change.before, change.after, why)


def _model_of(body: Any) -> str:
    model = body.get("model") if isinstance(body, Mapping) else None
    return model if isinstance(model, str) else ""


def _advice(body: Any, model_id: str) -> list[ShownChange]:
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        return []
    rules = rules_for(model_id)
    messages = sanitize_signatures(body["messages"], rule=rules.signature_rule)
    shaped = {**body, "messages": [_as_system(message) for message in messages]}
    try:
        level = parse_level(body["reasoning_effort"]) if "reasoning_effort" in body else None
        shaped = apply_reasoning(
            shaped, level=level if rules.injects_reasoning else None, injects=rules.injects_reasoning
        )
    except KiloError:
        shaped.pop("reasoning_effort", None)
    found = find_changes(body, shaped)
    return [_shown("advice", one, reason_for_change(one, model_id=model_id)) for one in found]


def _as_system(message: Any) -> Any:
    is_developer = isinstance(message, dict) and message.get("role") == "developer"
    return {**message, "role": "system"} if is_developer else message


def _reason_of_gateway(change: Change) -> str:
    for place, kind, why in _REASONS:
        if kind in ("any", change.kind) and re.fullmatch(place, change.place):
            return why
    return "The gateway's own rule."


_DROPPED = "The gateway drops this field."
_FRONTIER = "`kilo-auto/frontier` sets this itself."
_REASONS: tuple[tuple[str, str, str], ...] = (
    ("models", "removed", "Lists of fallback models do not work through the gateway."),
    ("usage|description|reasoningEffort", "removed", _DROPPED),
    ("model", "any", "The id stands for another model: an auto id is resolved, a hosted one has its own name."),
    (r"stream_options(?:\..*)?", "any", "A stream always ends with its usage."),
    ("user|safety_identifier", "any", "Providers see an id of your account in place of your own."),
    ("prompt_cache_key", "any", "The cache key is made from your account and the task id."),
    (r"provider(?:\..*)?", "any", "The organization's policy, or who hosts the model, decides the routing."),
    (r"reasoning_effort|reasoning(?:\..*)?|verbosity", "any", _FRONTIER),
)
"""Source: the gateway's public server source, https://github.com/Kilo-Org/cloud."""
