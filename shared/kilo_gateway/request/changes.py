"""What the rules of this room changed of a request, and why: for somebody who looks at it. Changes nothing.

While `KILOCODE_TELL_CHANGES` is set, a gateway on this machine is told in the header `x-kilo-changes`, so that the page
of `kilo-gateway serve` can show it; no other gateway ever is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from kilo_gateway.request.families import rules_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CHANGES_HEADER = "x-kilo-changes"
TELL_CHANGES = "KILOCODE_TELL_CHANGES"
"""The variable that makes a client tell; `kilo-gateway serve` prints it beside the others."""

Kind = Literal["removed", "added", "replaced"]
"""What became of a field."""

_MAX_HEADER = 4000
"""Characters of the header; changes beyond are not told. Many servers take 8 KiB of headers in all."""
_LONGEST_VALUE = 80
"""Characters of a value's JSON that are told; a longer one is left out."""
_MAX_DEPTH = 40
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Change:
    """One field that is not as it was given."""

    place: str
    """Where, such as `messages[1].tool_calls[0].thought_signature`."""
    kind: Kind
    before: str | None = None
    """The JSON of what was given; None where there was nothing, or it is too long to tell."""
    after: str | None = None


def find_changes(before: Any, after: Any, place: str = "", depth: int = 0) -> Iterator[Change]:
    """Yield what differs between two JSON values, the deepest places that can be named."""
    if before is after or depth > _MAX_DEPTH:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        keys = dict.fromkeys([*before, *after])
        pairs = ((_below(place, key), before.get(key, _NOTHING), after.get(key, _NOTHING)) for key in keys)
    elif _is_list(before) and _is_list(after) and len(before) == len(after):
        pairs = ((f"{place}[{at}]", *pair) for at, pair in enumerate(zip(before, after, strict=True)))
    else:
        if before != after:
            yield Change(place, "replaced", _shown_value(before), _shown_value(after))
        return
    for where, old, new in pairs:
        if old is _NOTHING:
            yield Change(where, "added", None, _shown_value(new))
        elif new is _NOTHING:
            yield Change(where, "removed", _shown_value(old))
        else:
            yield from find_changes(old, new, where, depth + 1)


def changes_of_request(
    messages: Sequence[Mapping[str, Any]], options: Mapping[str, Any], body: Mapping[str, Any]
) -> list[Change]:
    """Return how a rendered body differs from what the caller gave; that a stream asks for its usage is no change."""
    given = {name: value for name, value in options.items() if value is not None and name != "extra_body"}
    given |= options.get("extra_body") or {}
    asked = {"model": body["model"], "messages": messages, **given}
    asked |= {name: body[name] for name in ("stream", "stream_options") if name in body}
    return list(find_changes(asked, body))


def add_changes(headers: list[tuple[str, str]], changes: Iterable[Change]) -> None:
    """Add the changes to those that the headers of a request tell; none, no header."""
    earlier = next((value for name, value in headers if name == CHANGES_HEADER), None)
    both = [*parse_changes(earlier), *changes]
    if both:
        headers[:] = [pair for pair in headers if pair[0] != CHANGES_HEADER]
        headers.append((CHANGES_HEADER, render_changes(both)))


def render_changes(changes: Sequence[Change]) -> str:
    """Return the header's value: JSON in ASCII, `[[place, kind, before, after], ...]`, as far as it has room."""
    rows: list[str] = []
    room = _MAX_HEADER
    for one in changes:
        row = json.dumps([one.place, one.kind, one.before, one.after], separators=(",", ":"))
        room -= len(row) + 1
        if room < 0:
            break
        rows.append(row)
    return f"[{','.join(rows)}]"


def parse_changes(value: str | None) -> list[Change]:
    """Return the changes that a header tells; odd rows are left out, never an error."""
    try:
        rows = json.loads(value or "[]")
    except (ValueError, RecursionError):
        return []
    return [change for row in rows if (change := _parse_row(row)) is not None] if isinstance(rows, list) else []


def _parse_row(row: Any) -> Change | None:
    if not isinstance(row, list) or len(row) != 4 or row[1] not in get_args(Kind):  # noqa: PLR2004 - as rendered
        return None
    if not isinstance(row[0], str) or not all(isinstance(text, str | None) for text in row[2:]):
        return None
    return Change(*row)


def reason_for_change(change: Change, *, model_id: str) -> str:
    """Return why the rules of this room make such a change; an empty text for one that they do not make."""
    for place, kind, why in _REASONS:
        if kind == change.kind and re.fullmatch(place, change.place):
            return why if isinstance(why, str) else why[_family(model_id)]
    return ""


def _family(model_id: str) -> str:
    rules = rules_for(model_id)
    if rules.injects_reasoning:
        return rules.signature_rule
    return "auto" if rules.is_auto else "x-ai"


_NO_LEVEL = {
    "auto": "A level is not sent to an auto id: which model answers is unknown until it is routed.",
    "x-ai": "A level is not sent to x-ai models, which refuse it.",
}
_OFF = "`off` asks for nothing, so nothing is sent."
_LEVEL = "The gateway's field for a level is `reasoning.effort`."
_NOT_BASE64 = "Gemini decodes every signature: one that is no base64, or a Claude message id, fails the whole request."
_MESSAGE_ID = "A Claude message id stood in the place of a signature; the model behind the gateway cannot decode it."
_SIGNATURE = {"base64": _NOT_BASE64, "msg_prefix": _MESSAGE_ID, "auto": _MESSAGE_ID, "x-ai": _MESSAGE_ID}

_REASONS: tuple[tuple[str, Kind, str | dict[str, str]], ...] = (
    (r"messages\[\d+\]\..*(?:thought_signature|thoughtSignature)", "removed", _SIGNATURE),
    (r"messages\[\d+\]\.role", "replaced", "The gateway's word for `developer` is `system`."),
    (r"reasoning_effort", "removed", {"base64": _LEVEL, "msg_prefix": _LEVEL, **_NO_LEVEL}),
    (r"reasoning(?:\.effort)?", "added", _LEVEL),
    (r"reasoning", "replaced", _LEVEL),
    (r"reasoning", "removed", {"base64": _OFF, "msg_prefix": _OFF, **_NO_LEVEL}),
    (r"stop", "replaced", "Some providers insist on a list."),
    (r"stop", "removed", "An empty list stops nothing."),
    (r"stream_options", "removed", "Options of a stream are refused where nothing is streamed."),
    (r"stream_options\.include_usage", "added", "A stream counts its tokens only when it is asked to."),
    (r"model", "replaced", "The gateway has retired `kilo/auto`; this id stands in for it."),
    (r"tools", "removed", "There is no tool in it."),
    (r"tool_choice|parallel_tool_calls", "removed", "Without tools, some providers refuse it."),
)
"""What is said of a change, the first row that fits: by the family of the model where it is a mapping."""


def _below(place: str, key: Any) -> str:
    return f"{place}.{key}" if place else str(key)


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _shown_value(value: Any) -> str | None:
    """Return a value's JSON, or None when it is too long, or none."""
    if isinstance(value, str) and len(value) > _LONGEST_VALUE:
        return None
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return None
    return text if len(text) <= _LONGEST_VALUE else None
