"""One request that passes, as it is shown: what was asked, what became of it on the way, what came back.

Holds no key: headers that sound like secrets are masked, and the key's own text is taken out of everything.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from kilo_gateway.errors.redaction import clean, spellings_of
from kilo_gateway.request.changes import CHANGES_HEADER
from kilo_gateway.settings.auth import ANONYMOUS
from kilo_gateway.settings.headers import MASK, mask_header
from kilo_gateway.testing.page.answers import AnswerReader, ShownAnswer
from kilo_gateway.testing.page.changes import ShownChange, changes_before

if TYPE_CHECKING:
    from collections.abc import Sequence

_KINDS = (("/chat/completions", "chat"), ("/embeddings", "embeddings"), ("/fim/completions", "fim"))
_MAX_BODY = 8 * 1024 * 1024
"""Bytes of a body that are read for the page; more passes, unread."""
_UNINTERESTING = frozenset(
    {"authorization", "host", "connection", "accept", "accept-encoding", "content-length", "content-type"}
)


@dataclass
class WatchedRequest:
    """A request and its answer."""

    number: int
    method: str
    path: str
    headers: list[tuple[str, str]]
    """Those that tell something, secrets masked."""
    body: Any
    """The parsed JSON; None where there is none, or it is too large."""
    body_bytes: int
    credential: str
    """What is known of the key: `a key (not shown)`, `anonymous` or `none`."""
    began: float = field(default_factory=time.time)
    """Unix time in seconds."""
    seconds: float | None = None
    """How long it took; None while it runs."""
    status: int | None = None
    problem: str | None = None
    """What went wrong besides the answer, such as a connection that was cut."""
    changes: list[ShownChange] = field(default_factory=list)
    reader: AnswerReader | None = None
    """Reads the answer while it arrives; None before and after."""
    answer: ShownAnswer = field(default_factory=ShownAnswer)
    revision: int = 0
    """The board's revision in which it came."""

    @property
    def kind(self) -> str:
        """Return `chat`, `embeddings`, `fim`, or `other`."""
        return next((kind for end, kind in _KINDS if self.path.endswith(end) and self.method == "POST"), "other")

    @property
    def model(self) -> str:
        """The model that was asked for; empty where none was."""
        model = self.body.get("model") if isinstance(self.body, dict) else None
        return model if isinstance(model, str) else ""

    @property
    def is_running(self) -> bool:
        """Whether the answer is not whole yet."""
        return self.seconds is None

    def begin_answer(self, status: int, headers: dict[str, str], secrets: Sequence[str]) -> None:
        """Take note of the answer's head."""
        self.status = status
        self.reader = AnswerReader(self.kind, self.model, status, headers, secrets)

    def take_snapshot(self) -> None:
        """Read what has arrived of the answer so far."""
        if self.reader is not None:
            self.answer = self.reader.snapshot()

    def end(self, *, is_whole: bool) -> None:
        """Take the last look at the answer, and forget what is needed only while it arrives."""
        self.seconds = time.time() - self.began
        if self.reader is not None:
            self.reader.finish(is_whole=is_whole)
            self.answer = self.reader.snapshot()
            self.reader = None
        elif not is_whole:
            self.problem = "The connection was closed without an answer."

    def give_up(self) -> None:
        """Read no more of an answer that cannot be read."""
        self.reader = None
        self.problem = "This page cannot read the answer; it passed all the same."


def watch_request(
    number: int, method: str, path: str, headers: Sequence[tuple[str, str]], raw: bytes
) -> tuple[WatchedRequest, tuple[str, ...]]:
    """Return a request as it is shown, and the spellings of its key, to be held only while its answer arrives."""
    lowered = {name.lower(): value for name, value in headers}
    key = lowered.get("authorization", "").partition(" ")[2].strip()
    secrets = [value for name, value in headers if mask_header(name, value) == MASK]
    spellings = spellings_of([*secrets, key])
    body = clean(_parsed(raw), spellings)
    shown = [
        (name, clean(mask_header(name, value), spellings))
        for name, value in headers
        if name.lower() not in _UNINTERESTING and name.lower() != CHANGES_HEADER
    ]
    request = WatchedRequest(
        number=number,
        method=method,
        path=clean(path, spellings),
        headers=shown,
        body=body,
        body_bytes=len(raw),
        credential="none" if not key else ANONYMOUS if key == ANONYMOUS else "a key (not shown)",
    )
    if request.kind == "chat":
        request.changes = clean_changes(changes_before(lowered.get(CHANGES_HEADER), body), spellings)
    return request, spellings


def clean_changes(changes: list[ShownChange], spellings: tuple[str, ...]) -> list[ShownChange]:
    """Return the changes without secrets."""
    return [one.without(lambda text: clean(text, spellings)) for one in changes]


def _parsed(raw: bytes) -> Any:
    if not raw or len(raw) > _MAX_BODY:
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
