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

_SHAPES: tuple[tuple[str, str], ...] = (
    ("an API key", r"sk-(?=[A-Za-z_-]{0,200}[0-9])[A-Za-z0-9_-]{16,}"),
    ("an API key", r"sk-[A-Za-z0-9_-]{0,200}?[A-Za-z0-9]{20,}[A-Za-z0-9_-]*"),
    ("an API key", r"(?:gsk|hf|r8|npm|kilo|pplx|fw)[_-][A-Za-z0-9]{20,}"),
    ("an API key", r"(?:xai|tvly|pypi|glpat|csk)-[A-Za-z0-9_-]{16,}"),
    ("an API key", r"(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,}"),
    ("an API key", r"lsv2_(?:pt|sk)_[A-Za-z0-9_]{20,}"),
    ("an API key", r"(?:nvapi-|shp(?:at|ca|pa|ss)_|dop_v1_|tgp_v1_|jina_|pa-|whsec_|lin_api_|ntn_|figd_)" + _LONG),
    ("an API key", r"(?:dckr_pat_|pscale_tkn_|sbp_|hvs\.|dp\.[a-z]{2,5}\.|PMAK-|ATATT3x|secret_|AQ\.)" + _LONG),
    ("an API key", r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    ("an API key", r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    ("a bot's token", r"[0-9]{8,10}:[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    ("a bot's token", r"[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}"),
    ("a Google key", r"AIza[A-Za-z0-9_-]{35}"),
    ("a Google token", r"ya29\.[A-Za-z0-9_-]{20,}"),
    ("an AWS key id", r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("an AWS token", r"(?:FwoGZXIvYXdzE|IQoJb3JpZ2lu)[A-Za-z0-9/+=]{20,}"),
    ("a GitHub token", r"(?:gh[opusr]_|github_pat_)[A-Za-z0-9_]{20,}"),
    ("a Slack token", r"(?:xox[abeprs]|xapp)-[A-Za-z0-9-]{10,}"),
    ("a signed token", r"eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"),
    ("a bearer token", r"[Bb]earer +(?P<secret>(?=[^\s\"']{0,400}[0-9])[A-Za-z0-9._~+/=-]{16,})"),
    ("a password", r"[Bb]asic +(?P<secret>[A-Za-z0-9+/]{12,}={0,2})(?![A-Za-z0-9+/=])"),
    ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"),
    ("a password in an address", r"://(?P<secret>[^\s/:@\"'<>\[\]]*:[^\s/@\"'<>\[\]]+)@"),
    ("a token in an address", r"://(?P<secret>(?=[^\s/@]{0,200}[0-9])[^\s/:@\"'<>\[\]]{8,})@"),
    ("a secret parameter", r"(?i:(?:api|access|account|auth|client)[-_]?(?:key|token|secret)|password)=" + _PARAMETER),
    (
        "a secret parameter",
        r"[?&;](?i:key|token|sig|[a-z-]{0,20}(?:signature|credential|security-token))=" + _PARAMETER,
    ),
    ("a named secret", _NAME + r"(?P<secret>(?=[^\s\"'<]{0,400}[0-9])(?!redacted\b)[A-Za-z0-9._~+/=!@#$%^*-]{8,})"),
)

_PATTERNS = tuple((kind, re.compile(_START + shape if shape[0].isalpha() else shape)) for kind, shape in _SHAPES)


@dataclass(frozen=True, order=True)
class Span:
    """A place in a text that holds a secret."""

    start: int
    end: int
    kind: str


def find_shapes(text: str) -> Iterator[Span]:
    """Yield each place that looks like a key, be they overlapping."""
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            group = "secret" if "secret" in pattern.groupindex else 0
            yield Span(match.start(group), match.end(group), kind)


def find_secrets(text: str, spellings: Sequence[str] = ()) -> list[Span]:
    """Return the places of the known secrets and of all that looks like a key, in order, none overlapping."""
    known = (
        Span(match.start(), match.end(), "a secret of this session")
        for spelling in spellings
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
