"""Finds the sentences of a text that answer a question best: BM25 over stems. Quotes; never invents."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from kilo_gateway.testing.builtin_models.words import WEAK_WORDS, content_stems, proper_stems, sentences, stem

if TYPE_CHECKING:
    from collections.abc import Sequence

_ANY_CASE = re.IGNORECASE
_SATURATION = 1.2
_LENGTH_SHARE = 0.5
_WEAK_WEIGHT = 0.3
_SECOND_SHARE = 0.75
_PRONOUN_START = re.compile(r"(?:[\w, ]{0,40}\b)?(?:he|she|it|they|this|these|his|her|its|their)\b", _ANY_CASE)
_SIGNS = (
    (re.compile(r"\b(when|what year|which year|what date)\b", _ANY_CASE), re.compile(r"\b\d{3,4}\b|\d:\d\d\b|\bday\b")),
    (re.compile(r"\bhow (many|much|tall|high|old|long|far|fast|big|deep|heavy)\b", _ANY_CASE), re.compile(r"\d")),
    (re.compile(r"\b(who|whose)\b", _ANY_CASE), re.compile(r"\b[A-Z][a-z]+ [A-Z][a-z]+|\bby [A-Z]|^[A-Z][a-z]+ ")),
    (re.compile(r"\bwhere\b", _ANY_CASE), re.compile(r"\b(?:in|at|on|near|from) (?:the )?[A-Z]")),
    (re.compile(r"\bwhy\b", _ANY_CASE), re.compile(r"\b(because|since|due to|so that|reason)\b", _ANY_CASE)),
)  # fmt: skip
_SIGN_BONUS = 1.25
_HOW = re.compile(r"\bhow (tall|high|old|long|far|fast|big|deep|heavy|wide|large)\b", _ANY_CASE)
_MEASURE_BONUS = 5.0
"""For a sentence that measures just what is asked, such as "193 kilometres long"."""


@dataclass(frozen=True)
class RatedSentence:
    """A sentence that may answer, and how well."""

    sentence: str
    score: float
    coverage: float
    """Which share of the question's words it holds, 0 to 1."""
    source: int
    """Index of the text that it comes from."""


def find_answer(question: str, texts: Sequence[str], *, least_coverage: float) -> list[RatedSentence]:
    """Return the one or two sentences that answer the question, best first; empty when the texts hold no answer."""
    stems = content_stems(question)
    if not stems:
        return []
    found = _scored(question, stems, texts)
    names = proper_stems(question) & set(stems)
    good = [one for one, held in found if one.coverage >= least_coverage and (not names or names & held)]
    good.sort(key=lambda one: -one.score)
    if not good:
        return []
    best = good[0]
    second = next((one for one in good[1:] if one.sentence != best.sentence), None)
    if second is not None and second.score >= best.score * _SECOND_SHARE and second.coverage >= best.coverage:
        return [best, second]
    return [best]


def _scored(question: str, stems: list[str], texts: Sequence[str]) -> list[tuple[RatedSentence, set[str]]]:
    rows = [(number, said) for number, text in enumerate(texts) for said in map(_said, sentences(text)) if said]
    held = _held_stems([sentence for _, sentence in rows], stems)
    frequency = {one: sum(1 for counts in held if one in counts) for one in stems}
    average = sum(len(sentence) for _, sentence in rows) / max(len(rows), 1)
    weights = {one: _weight(one, frequency[one], len(rows)) for one in stems}
    total = sum(0.3 if one in _WEAK_STEMS else 1.0 for one in stems)
    sign = next((want for ask, want in _SIGNS if ask.search(question)), None)
    found: list[tuple[RatedSentence, set[str]]] = []
    for index, (source, sentence) in enumerate(rows):
        counts = held[index]
        if not counts:
            continue
        inherited = set(held[index - 1]) if index and _PRONOUN_START.match(sentence) else set()
        length = 1 - _LENGTH_SHARE + _LENGTH_SHARE * len(sentence) / average
        score = sum(weights[one] * n * (_SATURATION + 1) / (n + _SATURATION * length) for one, n in counts.items())
        score += sum(weights[one] / 2 for one in inherited - set(counts))
        score *= _bonus(question, sentence, sign)
        score *= 0.5 if sentence.endswith("?") else 1.0
        everything = set(counts) | inherited
        coverage = sum(0.3 if one in _WEAK_STEMS else 1.0 for one in everything) / total
        found.append((RatedSentence(sentence, score, coverage, source), everything))
    return found


def _bonus(question: str, sentence: str, sign: re.Pattern[str] | None) -> float:
    asked = _HOW.search(question)
    if asked is not None and re.search(rf"\d[\w ,.]{{0,40}}\b{asked.group(1)}\b", sentence, _ANY_CASE):
        return _MEASURE_BONUS
    return _SIGN_BONUS if sign is not None and sign.search(sentence) else 1.0


_WEAK_STEMS = frozenset(stem(word) for word in WEAK_WORDS)


def _weight(one: str, frequency: int, rows: int) -> float:
    idf = math.log(1 + (rows - frequency + 0.5) / (frequency + 0.5))
    return idf * (_WEAK_WEIGHT if one in _WEAK_STEMS else 1.0)


_METADATA = re.compile(r"\w+_\w+: \S+$")
"""A fact about a document that frameworks write before its text."""
_HEADING = re.compile(r"#{1,6} [^.!?]*\Z")
_LABEL = re.compile(
    r"[^:.!?\d]{0,40}\b(?:answer|use|using|given|context|notes?|text|document|information|following|below|facts?)\b"
    r"[^:.!?\d]{0,40}:\s+(?=\S)",
    _ANY_CASE,
)


def _said(sentence: str) -> str:
    """Return what a sentence tells: nothing for a heading or for `file_path: ...`, and no label of a prompt."""
    if _HEADING.match(sentence) or _METADATA.match(sentence):
        return ""
    label = _LABEL.match(sentence)
    return sentence[label.end() :] if label else sentence


def _held_stems(rows: list[str], stems: list[str]) -> list[Counter[str]]:
    """Return for each sentence how often it holds each stem; looks at no other word, so that long texts are quick."""
    pattern = re.compile(
        r"\b(?:" + "|".join(re.escape(one) for one in sorted(stems, key=len, reverse=True)) + r")\w{0,8}"
    )
    root_of = cache(stem)
    wanted = set(stems)
    return [Counter(root for root in map(root_of, pattern.findall(row.lower())) if root in wanted) for row in rows]
