"""Which class an error is, and whether trying again helps: by word, then by text, then by status."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from kilo_gateway.errors import outcomes
from kilo_gateway.errors.codes import BY_STATUS, BY_WORD, BY_WORD_AND_STATUS, STATUS_OF_WORD, key_of_word
from kilo_gateway.errors.wordings import WORDINGS

if TYPE_CHECKING:
    from kilo_gateway.errors.outcomes import Verdict


def decide_status(http_status: int, numeric_code: int | None, words: tuple[str, ...]) -> int | None:
    """Return the status that counts: that of an HTTP error, else the code's, else the word's; None when unknown."""
    if http_status >= HTTPStatus.MULTIPLE_CHOICES:
        return http_status
    if numeric_code is not None:
        return numeric_code
    keys = [key_of_word(word) for word in words]
    usual = (BY_WORD[key].status if key in BY_WORD else STATUS_OF_WORD.get(key) for key in keys)
    return next((status for status in usual if status is not None), None)


def classify(status: int | None, words: tuple[str, ...], text: str) -> Verdict:
    """Return the verdict on an error. A text may narrow what a word said, and never contradicts it."""
    by_word = _by_word(status, words)
    by_text = next(
        (row.verdict for row in WORDINGS if (not row.statuses or status in row.statuses) and row.pattern.search(text)),
        None,
    )
    if by_word is None:
        return by_text or _by_status(status)
    if by_text is not None and issubclass(by_text.cls, by_word.cls):
        return by_text
    return by_word


def _by_word(status: int | None, words: tuple[str, ...]) -> Verdict | None:
    for word in words:
        key = key_of_word(word)
        verdict = BY_WORD_AND_STATUS.get((key, status or 0)) or BY_WORD.get(key)
        if verdict is not None:
            return verdict
    return None


def _by_status(status: int | None) -> Verdict:
    if status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return BY_STATUS.get(status or 0, outcomes.SERVER)
    if status < HTTPStatus.BAD_REQUEST and status != HTTPStatus.NOT_MODIFIED:
        return outcomes.REDIRECT
    return BY_STATUS.get(status, outcomes.BAD_REQUEST)
