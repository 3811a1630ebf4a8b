"""Makes a short string that a simple regular expression matches. Knows literals, classes, groups and repeats only."""

from __future__ import annotations

import re

_CLASS = {"d": "0", "w": "a", "s": " ", "D": "a", "W": "-", "S": "a", "b": "", "B": "", "A": "", "Z": ""}
_ALPHABET = "a0A-_ .Zz9"
_REPEAT = re.compile(r"\{(\d*)(?:,(\d*))?\}")


def sample(pattern: str) -> str | None:
    """Return a string that matches, or None when the pattern is beyond this reader."""
    try:
        text, _ = _alternatives(pattern, 0)
        return text if re.search(pattern, text) else None
    except (re.error, IndexError, ValueError, RecursionError):
        return None


def _alternatives(pattern: str, at: int) -> tuple[str, int]:
    """Return (first alternative's sample, index after the group)."""
    first: str | None = None
    text = ""
    while at < len(pattern) and pattern[at] != ")":
        if pattern[at] == "|":
            first = text if first is None else first
            text = ""
            at += 1
            continue
        piece, at = _atom(pattern, at)
        count, at = _repeat(pattern, at)
        text += piece * count
    return (text if first is None else first), at


def _atom(pattern: str, at: int) -> tuple[str, int]:
    char = pattern[at]
    if char == "(":
        if pattern.startswith(("(?=", "(?!", "(?<=", "(?<!"), at):
            raise ValueError("look-around")
        start = at + 1
        prefix = re.match(r"\?(?::|P?<\w+>)", pattern[start:])
        text, end = _alternatives(pattern, start + (prefix.end() if prefix else 0))
        return text, end + 1
    if char == "[":
        end = at + 1 + pattern[at + 1].startswith("^")
        end = pattern.index("]", end + 1)
        allowed = re.compile(pattern[at : end + 1])
        return next(one for one in _candidates(pattern[at + 1 : end]) if allowed.fullmatch(one)), end + 1
    if char == "\\":
        return _CLASS.get(pattern[at + 1], pattern[at + 1]), at + 2
    return {"^": "", "$": "", ".": "a"}.get(char, char), at + 1


def _candidates(inside: str) -> str:
    return inside.replace("^", "").replace("\\", "") + _ALPHABET + "".join(map(chr, range(33, 127)))


def _repeat(pattern: str, at: int) -> tuple[int, int]:
    if at >= len(pattern):
        return 1, at
    counts = {"*": 0, "?": 0, "+": 1}
    if pattern[at] in counts:
        end = at + 1
        return counts[pattern[at]], end + (end < len(pattern) and pattern[end] in "?+")
    match = _REPEAT.match(pattern, at)
    if match is None:
        return 1, at
    return int(match.group(1) or 0), match.end() + pattern[match.end() :].startswith("?")
