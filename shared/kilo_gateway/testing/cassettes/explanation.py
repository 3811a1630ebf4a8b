"""The words for a request that no recorded answer fits: what changed, and how to record again. Decides nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from difflib import unified_diff
from itertools import islice
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.cassettes.difference import ABSENT, find_differences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vcr.request import Request

    from kilo_gateway.testing.cassettes.difference import Difference
    from kilo_gateway.testing.cassettes.matching import Matcher

_SHOWN_DIFFERENCES = 8
_SHOWN_LINES = 16
_SHOWN_CHARACTERS = 160
_AROUND = 40
"""Characters shown before and after the place where a long text changed."""


@dataclass(frozen=True)
class Situation:
    """All that the words depend on."""

    path: str
    exists: bool
    """Whether there is a cassette on disk."""
    how_to_record: str
    """The command that records again."""
    stored: Sequence[Request]
    is_used: Sequence[bool]
    """For each stored request, whether its answer was given already."""


def explain_mismatch(request: Request, situation: Situation, matcher: Matcher) -> str:
    """Return why no recorded answer fits, and what to do."""
    asked = f"{request.method} {request.path}"
    if not situation.exists:
        return (
            f"There is no cassette {situation.path} yet, and nothing is recorded in this mode ({asked}).\n"
            f"Record it:\n    {situation.how_to_record}"
        )
    lines = [f"No recorded answer in {situation.path} fits this request: {asked}", ""]
    lines += _reason(request, situation, matcher)
    return "\n".join([*lines, "", "If the change is meant, record again:", f"    {situation.how_to_record}"])


def _reason(request: Request, situation: Situation, matcher: Matcher) -> list[str]:
    rivals = [at for at, stored in enumerate(situation.stored) if matcher.is_same_call(request, stored)]
    if not rivals:
        held = dict.fromkeys(f"{stored.method} {stored.path}" for stored in situation.stored)
        return [f"The cassette holds {', '.join(held) or 'no request at all'}."]
    now = matcher.body(request)
    found = [(at, list(find_differences(matcher.body(situation.stored[at]), now))) for at in rivals]
    equal = [at for at, differences in found if not differences]
    if equal:
        times = "once" if len(equal) == 1 else f"{len(equal)} times"
        return [f"The very same request was recorded {times}, and its answer was used already; now it is made again."]
    at, differences = min(found, key=lambda pair: (len(pair[1]), situation.is_used[pair[0]]))
    lines = [f"It comes closest to request {at + 1} of {len(situation.stored)}. What differs:"]
    for difference in islice(differences, _SHOWN_DIFFERENCES):
        lines += _render_difference(difference)
    if len(differences) > _SHOWN_DIFFERENCES:
        lines.append(f"  and {len(differences) - _SHOWN_DIFFERENCES} more")
    return lines


def _render_difference(difference: Difference) -> list[str]:
    label = f" ({difference.label})" if difference.label else ""
    heading = f"  {difference.path or 'the body'}{label}"
    old, new = difference.recorded, difference.now
    if isinstance(old, str) and isinstance(new, str) and ("\n" in old or "\n" in new):
        return [f"{heading}:", *(f"    {line}" for line in _changed_lines(old, new))]
    before, after = _excerpts(old, new) if isinstance(old, str) and isinstance(new, str) else (_show(old), _show(new))
    return [f"{heading}:", f"    recorded: {before}", f"    now:      {after}"]


def _changed_lines(old: str, new: str) -> list[str]:
    changed = unified_diff(old.splitlines(), new.splitlines(), "recorded", "now", n=1, lineterm="")
    lines = [_clip(line) for line in changed if not line.startswith("@@")]
    if len(lines) <= 2:  # noqa: PLR2004 - the two file names: only line ends differ
        return [f"recorded: {_show(old)}", f"now:      {_show(new)}"]
    return lines if len(lines) <= _SHOWN_LINES else [*lines[:_SHOWN_LINES], f"... {len(lines) - _SHOWN_LINES} more"]


def _excerpts(old: str, new: str) -> tuple[str, str]:
    """Return both texts around the place where they part."""
    shorter = min(len(old), len(new))
    parted = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    start = max(parted - _AROUND, 0)
    return _excerpt(old, start), _excerpt(new, start)


def _excerpt(text: str, start: int) -> str:
    end = start + _SHOWN_CHARACTERS
    shown = f"{'...' if start else ''}{text[start:end]}{'...' if end < len(text) else ''}"
    return repr(shown)


def _show(value: Any) -> str:
    if value is ABSENT:
        return "(absent)"
    if isinstance(value, bytes):
        return _clip(repr(value))
    return _clip(json.dumps(value, ensure_ascii=False, default=repr))


def _clip(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
