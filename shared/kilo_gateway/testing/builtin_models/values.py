"""Finds values for named fields in a text: numbers, names, places, dates, lists. Each value is given out once."""

from __future__ import annotations

import re

from kilo_gateway.testing.builtin_models.words import STOP_WORDS
from kilo_gateway.testing.data_files import load_table

_COMMANDS: frozenset[str] = frozenset(load_table("words")["commands"])
_AFTER_COMMAND: frozenset[str] = frozenset(load_table("words")["after_command"])
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})*(?:\.\d+)?(?![\w]*[A-Za-z]*-\d)")
_NUMBER_WORDS: dict[str, int] = {word: number for number, word in enumerate(load_table("words")["numbers"])}
_QUOTED = re.compile(r"\"([^\"\n]+)\"|“([^”\n]+)”|`([^`\n]+)`|(?<!\w)'([^'\n]+)'(?!\w)")
_CAPITAL = r"[A-Z][\w'.-]*[\w]|[A-Z]"
_PHRASE = re.compile(rf"(?:{_CAPITAL})(?:\s+(?:(?:of|de|la|von|van|der)\s+)?(?:{_CAPITAL}))*")
_PLACE = re.compile(
    rf"\b(?:in|at|to|for|from|near|of|lives in|based in)\s+(?:the\s+)?((?:{_CAPITAL})(?:\s+(?:{_CAPITAL}))*)"
)
_LOWER_PLACE = re.compile(r"\b(?:in|for|at|near)\s+([a-z]{3,}(?:\s[a-z]{3,})?)\s*(?:[?.!,]|$|\band\b|\btoday\b)")
_LIST_GLUE = re.compile(r"(?:\s*,\s*(?:and\s+|or\s+)?|\s+and\s+|\s+or\s+|\s*&\s*)(?:(?:in|for|at|of|to|from)\s+)?")
_ISO_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_MONTH = r"(?:Jan|Febr)uary|March|April|May|June|July|August|(?:Septem|Octo|Novem|Decem)ber"
_WORD_DATE = re.compile(
    r"\b(?:today|tomorrow|tonight|yesterday|(?:next |this )?(?:mon|tues|wednes|thurs|fri|satur|sun)day|"
    rf"(?:\d{{1,2}} )?(?:{_MONTH})(?: \d{{1,2}})?(?:,? \d{{4}})?)\b",
    re.IGNORECASE,
)
_TIME = re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]m)?\b|\b\d{1,2}\s?[ap]m\b", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")
_URL = re.compile(r"https?://[^\s\"'<>)\]]+")
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE)
_PATH = re.compile(
    r"(?<!\w)(?:~?/|\./)?[\w-]+(?:/[\w.-]+)+|\b[\w-]+\.(?:py|txt|md|json|csv|toml|yaml|yml|js|ts|html)\b"
)
_EXPRESSION = re.compile(r"[-(]*\d[\d\s.()+*/^%-]*[+*/^%-][\d\s.()+*/^%-]*\d\)*")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_AGE = re.compile(r"\b(\d{1,3})[- ]years?[- ]old\b|\baged? (\d{1,3})\b", re.IGNORECASE)

SHAPES: dict[str, re.Pattern[str]] = {
    "date": _ISO_DATE,
    "date-time": re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?(?:Z|[+-]\d\d:\d\d)?"),
    "email": _EMAIL,
    "uri": _URL,
    "url": _URL,
    "uuid": _UUID,
    "day": _WORD_DATE,
    "time": _TIME,
    "path": _PATH,
    "expression": _EXPRESSION,
}
"""What a text of some format looks like inside running text."""


def name_words(name: str) -> list[str]:
    """Return the words of a field or tool name in snake, kebab or camel case, in lower case."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word.lower() for word in re.split(r"[\W_]+", spaced) if word]


class Finder:
    """A text whose values are taken one after the other."""

    def __init__(self, text: str, *, number: float | None = None) -> None:
        self.text = text
        self.numbers: list[float] = ([] if number is None else [number]) + _numbers(text)
        self.quoted = [next(filter(None, groups)) for groups in _QUOTED.findall(text)]
        self.phrases = _phrases(text)
        self.places = _places(text, self.phrases)

    def keyed(self, name: str, value: str) -> str | None:
        """Return what follows the field's name in the text ("age is 30", "title: X"), when it has that form."""
        key = r"[\s_-]+".join(map(re.escape, name_words(name)))
        glue = r"(?:\s*[:=]\s*|\s+(?:is|are|was|of|to|be|called|named|=)\s+|\s+(?=[\"“]))"
        match = re.search(rf"\b{key}[\"']?{glue}[\"'“]?({value})", self.text, re.IGNORECASE) if key else None
        return match.group(1).strip() if match else None

    def take_number(self, name: str) -> float | None:
        """Return the number that belongs to the field, or the next one that nobody took."""
        named = _AGE.search(self.text) if "age" in name_words(name) else None
        text = next(filter(None, named.groups())) if named else self.keyed(name, r"-?\d+(?:\.\d+)?")
        if text is not None:
            value = float(text)
            if value in self.numbers:
                self.numbers.remove(value)
            return value
        return self.numbers.pop(0) if self.numbers else None

    def take_quoted(self) -> str | None:
        """Return the next quoted text."""
        return self.quoted.pop(0) if self.quoted else None

    def take_place(self) -> str | None:
        """Return the next place: a name after a preposition, else any name."""
        if self.places:
            place = self.places.pop(0)
            if place in self.phrases:
                self.phrases.remove(place)
            return place
        match = _LOWER_PLACE.search(self.text)
        if match and match.group(1).split()[0] not in STOP_WORDS:
            return match.group(1)
        return self.take_phrase()

    def take_phrase(self) -> str | None:
        """Return the next capitalised phrase, people before places."""
        others = [phrase for phrase in self.phrases if phrase not in self.places]
        choice = next(iter(others or self.phrases), None)
        if choice is not None:
            self.phrases.remove(choice)
            if choice in self.places:
                self.places.remove(choice)
        return choice

    def shaped(self, shape: str) -> str | None:
        """Return the first part of the text that has the shape; see `SHAPES`."""
        match = SHAPES[shape].search(self.text)
        return match.group().strip() if match else None

    def several(self) -> list[str]:
        """Return the quoted texts when there are several, else the names when there are several."""
        return next((found for found in (self.quoted, self.phrases) if len(found) > 1), [])


def _numbers(text: str) -> list[float]:
    swapped = re.search(r"subtract (-?[\d.]+) from (-?[\d.]+)", text, re.IGNORECASE)
    found: list[tuple[int, float]] = [
        (match.start(), float(match.group().replace(",", "")))
        for match in _NUMBER.finditer(_ISO_DATE.sub(lambda date: " " * len(date.group()), text))
    ]
    if not found:
        words = re.finditer(r"\b[a-z]+\b", text.lower())
        found = [
            (match.start(), float(_NUMBER_WORDS[match.group()])) for match in words if match.group() in _NUMBER_WORDS
        ]
    numbers = [number for _, number in sorted(found)]
    return [numbers[1], numbers[0], *numbers[2:]] if swapped and len(numbers) > 1 else numbers


def _phrases(text: str) -> list[str]:
    found: list[str] = []
    for match in _PHRASE.finditer(text):
        parts = match.group().split()
        while parts and (parts[0].lower() in STOP_WORDS or parts[0].lower() in _COMMANDS or parts[0] == "I"):
            parts.pop(0)
        phrase = " ".join(parts)
        if len(parts) == 1 and _is_command(text, match):
            continue
        if phrase and phrase.lower() not in _WEEKDAYS and phrase not in found:
            found.append(phrase)
    return found


def _is_command(text: str, match: re.Match[str]) -> bool:
    """Return whether a lone capitalised word is the verb that a sentence begins with ("Paint the wall")."""
    before = text[: match.start()].rstrip()
    after = re.match(r"\s+(\w+)", text[match.end() :])
    return (not before or before[-1] in ".!?\n:") and after is not None and after.group(1) in _AFTER_COMMAND


def _places(text: str, phrases: list[str]) -> list[str]:
    places: list[str] = []
    for match in _PLACE.finditer(text):
        place = match.group(1).rstrip(".")
        if place not in places and place.lower() not in STOP_WORDS and place.lower() not in _WEEKDAYS:
            places.append(place)
            places.extend(one for one in _followers(text[match.end(1) :], phrases) if one not in places)
    return places


def _followers(rest: str, phrases: list[str]) -> list[str]:
    """Return the names that go on a list: ", Rome and Berlin"."""
    found: list[str] = []
    while (glue := _LIST_GLUE.match(rest)) and (phrase := _PHRASE.match(rest, glue.end())):
        if phrase.group() not in phrases:
            break
        found.append(phrase.group())
        rest = rest[phrase.end() :]
    return found


def entity_list(text: str) -> list[str]:
    """Return the names that stand in one list in the text ("Paris, Rome and Berlin"); empty without such a list."""
    phrases = _phrases(text)
    best: list[str] = []
    for phrase in phrases:
        at = text.find(phrase)
        found = [phrase, *_followers(text[at + len(phrase) :], phrases)]
        best = found if len(found) > len(best) else best
    return best if len(best) > 1 else []
