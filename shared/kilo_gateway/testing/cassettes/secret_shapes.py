"""What keys look like, whoever's they are, and where in a text they stand. Never keeps one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_START = r"(?<![A-Za-z0-9])"
"""Below, repetitions that may fail are bounded: a hostile text must not cost the square of its length."""

_PARAMETER = r"(?P<secret>(?!redacted\b)[^\s&\"'<>\[\]]{8,})"

_LONG = r"(?=[A-Za-z_-]{0,200}[0-9])[A-Za-z0-9_-]{24,}"
_NAME = (
    r"(?i:(?:api|access|account|auth|client|private|secret|signing)[-_ ]?(?:key|token|secret)|passw(?:or)?d)"
    r"[\\\"']{0,3}(?: provided)?(?:\s{0,3}[:=>]|\r?\n\r?\n)[\s\\\"']{0,4}"
)
"""A name in a text, a form, XML or JSON inside of a text, and what stands between it and its value."""

_SHAPES: tuple[tuple[str, str, str], ...] = (
    ("an API key", "sk-", r"sk-(?=[A-Za-z_-]{0,200}[0-9])[A-Za-z0-9_-]{16,}"),
    ("an API key", "sk-", r"sk-[A-Za-z0-9_-]{0,200}?[A-Za-z0-9]{20,}[A-Za-z0-9_-]*"),
    ("an API key", "gsk hf r8 npm kilo pplx fw", r"(?:gsk|hf|r8|npm|kilo|pplx|fw)[_-][A-Za-z0-9]{20,}"),
    ("an API key", "xai- tvly- pypi- glpat- csk-", r"(?:xai|tvly|pypi|glpat|csk)-[A-Za-z0-9_-]{16,}"),
    ("an API key", "k_live_ k_test_", r"(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,}"),
    ("an API key", "lsv2_", r"lsv2_(?:pt|sk)_[A-Za-z0-9_]{20,}"),
    (
        "an API key",
        "nvapi- shp dop_v1_ tgp_v1_ jina_ pa- whsec_ lin_api_ ntn_ figd_",
        r"(?:nvapi-|shp(?:at|ca|pa|ss)_|dop_v1_|tgp_v1_|jina_|pa-|whsec_|lin_api_|ntn_|figd_)" + _LONG,
    ),
    (
        "an API key",
        "dckr_pat_ pscale_tkn_ sbp_ hvs. dp. PMAK- ATATT3x secret_ AQ.",
        r"(?:dckr_pat_|pscale_tkn_|sbp_|hvs\.|dp\.[a-z]{2,5}\.|PMAK-|ATATT3x|secret_|AQ\.)" + _LONG,
    ),
    ("an API key", "SG.", r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("an API key", "SK", r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    ("a bot's token", ":", r"[0-9]{8,10}:[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    ("a bot's token", ".", r"[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}"),
    ("a Google key", "AIza", r"AIza[A-Za-z0-9_-]{35}"),
    ("a Google token", "ya29.", r"ya29\.[A-Za-z0-9_-]{20,}"),
    ("an AWS key id", "AKIA ASIA", r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("an AWS token", "FwoGZXIvYXdzE IQoJb3JpZ2lu", r"(?:FwoGZXIvYXdzE|IQoJb3JpZ2lu)[A-Za-z0-9/+=]{20,}"),
    ("a GitHub token", "gho_ ghp_ ghu_ ghs_ ghr_ github_pat_", r"(?:gh[opusr]_|github_pat_)[A-Za-z0-9_]{20,}"),
    ("a Slack token", "xox xapp-", r"(?:xox[abeprs]|xapp)-[A-Za-z0-9-]{10,}"),
    ("a signed token", "eyJ", r"eyJ[A-Za-z0-9_-]{8,8000}+\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"),
    ("a bearer token", "earer", r"[Bb]earer +(?P<secret>(?=[^\s\"']{0,400}[0-9])[A-Za-z0-9._~+/=-]{16,})"),
    ("a password", "asic", r"[Bb]asic +(?P<secret>[A-Za-z0-9+/]{12,}={0,2})(?![A-Za-z0-9+/=])"),
    (
        "a private key",
        "-----BEGIN",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    ),
    ("a password in an address", "://", r"://(?P<secret>[^\s/:@\"'<>\[\]]*:[^\s/@\"'<>\[\]]+)@"),
    ("a token in an address", "://", r"://(?P<secret>(?=[^\s/@]{0,200}[0-9])[^\s/:@\"'<>\[\]]{8,})@"),
    (
        "a secret parameter",
        "key= token= secret= password=",
        r"(?i:(?:api|access|account|auth|client)[-_]?(?:key|token|secret)|password)=" + _PARAMETER,
    ),
    (
        "a secret parameter",
        "=",
        r"[?&;](?i:key|token|sig|[a-z-]{0,20}(?:signature|credential|security-token))=" + _PARAMETER,
    ),
    (
        "a named secret",
        "key token secret passw",
        _NAME + r"(?P<secret>(?=[^\s\"'<]{0,400}[0-9])(?!redacted\b)[A-Za-z0-9._~+/=!@#$%^*-]{8,})",
    ),
)
"""What it is, clues of which one stands in each text that fits (in any case: in small letters), and the pattern."""

_PATTERNS = tuple(
    (kind, frozenset(clues.split()), re.compile(_START + shape if shape[0].isalpha() else shape))
    for kind, clues, shape in _SHAPES
)
_CLUES = tuple(sorted(frozenset[str]().union(*(clues for _, clues, _ in _PATTERNS))))
_ADDRESS = "://"
_SHORTEST = 13
"""Characters: no shape outside of an address is shorter."""


@dataclass(frozen=True, order=True)
class Span:
    """A place in a text that holds a secret."""

    start: int
    end: int
    kind: str


def find_shapes(text: str) -> Iterator[Span]:
    """Yield each place that looks like a key, be they overlapping.

    Searching for plain texts first saves nearly all searches for a pattern; the plain way, all patterns, finds the
    same (test_scrubbing.py: test_a_quick_look_overlooks_nothing).
    """
    if len(text) < _SHORTEST and _ADDRESS not in text:
        return
    both = f"{text}\n{text.casefold()}"
    seen = [clue for clue in _CLUES if clue in both]
    for kind, clues, pattern in _PATTERNS if seen else ():
        if not clues.isdisjoint(seen):
            group = "secret" if "secret" in pattern.groupindex else 0
            for match in pattern.finditer(text):
                yield Span(match.start(group), match.end(group), kind)


def find_secrets(text: str, spellings: Sequence[str] = ()) -> list[Span]:
    """Return the places of the known secrets and of all that looks like a key, in order, none overlapping."""
    known = (
        Span(match.start(), match.end(), "a secret of this session")
        for spelling in spellings
        if spelling in text
        for match in re.finditer(re.escape(spelling), text)
    )
    return _merged([*known, *find_shapes(text)])


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start < merged[-1].end:
            last = merged.pop()
            span = Span(last.start, max(last.end, span.end), last.kind)  # noqa: PLW2901 - grown, not replaced
        merged.append(span)
    return merged


def replace_spans(text: str, spans: Iterable[Span], placeholder: str) -> str:
    """Return the text with each of the places, which do not overlap, written over."""
    parts: list[str] = []
    position = 0
    for span in spans:
        parts += [text[position : span.start], placeholder]
        position = span.end
    return "".join([*parts, text[position:]])
