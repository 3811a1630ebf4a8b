"""Words, light stems and sentences of English text. Pure and quick enough for megabytes."""

from __future__ import annotations

import re

from kilo_gateway.testing.data_files import load_table

_WORD = re.compile(r"[^\W_]+(?:'[a-z]+)?")
_SUFFIXES = (
    "ations", "ation", "ments", "ment", "ingly", "edly", "ings", "ing", "ies", "ied", "ers", "er", "ors", "or", "ed",
    "es", "ly", "s", "e", "y",
)  # fmt: skip
_SHORTEST_STEM = 3
_SENTENCE_END = re.compile(r"[.!?][\"')\]]*\s+|\n\s*\n|\n(?!\s*[a-z])")
_ABBREVIATIONS = ("Dr", "Mr", "Mrs", "Ms", "St", "e.g", "i.e", "vs", "Prof", "No")

STOP_WORDS: frozenset[str] = frozenset(load_table("words")["stop"])
WEAK_WORDS: frozenset[str] = frozenset(load_table("words")["weak"])


def words(text: str) -> list[str]:
    """Return the text's words in lower case."""
    return _WORD.findall(text.lower())


def stem(word: str) -> str:
    """Return the word without its ending; always a beginning of the word itself, in lower case."""
    word = word.lower().split("'")[0]
    if not word.isalpha():
        return word
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM:
            word = word[: -len(suffix)]
            break
    if len(word) > _SHORTEST_STEM and word[-1] == word[-2]:
        word = word[:-1]
    return word


def content_stems(text: str) -> list[str]:
    """Return the stems of the words that carry meaning, each once, in order."""
    return list(dict.fromkeys(stem(word) for word in words(text) if word not in STOP_WORDS))


def sentences(text: str) -> list[str]:
    """Return the text's sentences and lines, each on one line."""
    parts: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        at = match.start()
        if text[at] == "." and _is_abbreviation(text[max(start, at - 5) : at]):
            continue
        parts.append(text[start : match.end()])
        start = match.end()
    parts.append(text[start:])
    stripped = (part.strip() for part in parts)
    return [" ".join(part.split()) if "\n" in part else part for part in stripped if part]


def _is_abbreviation(tail: str) -> bool:
    """Return whether a full stop after these characters ends no sentence: a title, or an initial."""
    return tail.endswith(_ABBREVIATIONS) or (len(tail) > 1 and tail[-2] in " (" and tail[-1].isupper())


def proper_stems(text: str) -> set[str]:
    """Return the stems of names and numbers in a question: capitalised words but the first of a sentence, digits."""
    found: set[str] = set()
    for sentence in sentences(text):
        for number, match in enumerate(_WORD.finditer(sentence)):
            word = match.group()
            is_name = word[0].isupper() and number > 0 and word.lower() not in STOP_WORDS
            if is_name or word.isdigit():
                found.add(stem(word))
    return found
