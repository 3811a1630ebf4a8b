"""Small talk, and turning what the user said about himself round. Fixed phrases; never pretends to be more."""

from __future__ import annotations

import re

_ANY_CASE = re.IGNORECASE
ABOUT = (
    "I am a small built-in model of the embedded gateway, made for tests and demos: I quote from the text of this "
    "conversation, call tools and fill schemas by fixed rules. I am not a language model."
)
NOT_IN_TEXT = "The given text does not answer that."
NO_TEXT = (
    "I cannot answer that: I am a small built-in test model that only quotes from the text of this conversation, and "
    "it holds no answer."
)
_HELLO = "Hello! How can I help?"
_PHRASES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\W*(?:hello|hi|hey|good (?:morning|evening|day)|greetings)\b[^?]{0,24}", _ANY_CASE), _HELLO),
    (re.compile(r"\W*(?:thank you|thanks|thx|cheers)\b.{0,30}", _ANY_CASE), "You are welcome."),
    (re.compile(r"\W*(?:good ?bye|bye|see you|farewell)\b.{0,30}", _ANY_CASE), "Goodbye!"),
    (re.compile(r".{0,20}\bhow are you\b.{0,20}", _ANY_CASE), "I am a program and work as I should."),
    (re.compile(r".{0,20}\b(?:who|what) are you\b.{0,20}", _ANY_CASE), ABOUT),
    (re.compile(r".{0,20}\bwhat can you do\b.{0,20}", _ANY_CASE), ABOUT),
    (re.compile(r"\W*(?:tell me a joke|write (?:me )?a (?:poem|story)).*", _ANY_CASE | re.DOTALL), "No. " + ABOUT),
)  # fmt: skip
_SAY = re.compile(
    r"\b(?:say|reply|respond|answer|repeat|output|write|print)(?: (?:back|only|exactly|just|with|me|the|this|word|"
    r"words|single|following))*\s*:?\s*(?:[\"'`“](.+?)[\"'`”]|([A-Za-z]+)\W*$)",
    _ANY_CASE | re.DOTALL,
)
_MAX_REQUEST = 2000
_SAY_EXACT = re.compile(r"\b(?:only|exactly|just|word|words|repeat|say)\b", _ANY_CASE)


def small_talk(text: str) -> str | None:
    """Return the fixed answer to a greeting and the like, or None."""
    stripped = text.strip()
    if len(stripped) > _MAX_REQUEST:
        return None
    return next((answer for pattern, answer in _PHRASES if pattern.fullmatch(stripped)), None)


def requested_words(text: str) -> str | None:
    """Return the words that the user asks to hear ("Reply with exactly 'pong'"), or None."""
    match = _SAY.search(text.strip()) if len(text) <= _MAX_REQUEST else None
    if match is None or not _SAY_EXACT.search(match.group()):
        return None
    return match.group(1) or match.group(2)


_TURNS = {
    "i am": "you are", "i'm": "you are", "i was": "you were", "i": "you", "me": "you", "my": "your", "mine": "yours",
    "myself": "yourself", "we": "you", "our": "your", "us": "you", "am": "are",
}  # fmt: skip
_TURN = re.compile(r"\b(" + "|".join(sorted(_TURNS, key=len, reverse=True)) + r")\b", _ANY_CASE)


def turned(sentence: str) -> str:
    """Return what the user said of himself as said to him: "My name is Bob" -> "Your name is Bob"."""
    text = _TURN.sub(lambda match: _TURNS[match.group().lower()], sentence.strip())
    return text[:1].upper() + text[1:]
