"""Recognises the prompts that frameworks wrap around a question: context with a query, refinement, summary."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Prompt:
    """What a wrapped prompt asks."""

    task: str
    """`answer`, `refine`, `summarise` or `condense`."""
    context: str
    question: str = ""
    existing: str = ""
    """Refinement: the answer so far."""


_RULE = r"\n[ \t]*-{5,}[ \t]*\n"
_FORMS: tuple[tuple[str, str, re.Pattern[str]], ...] = (
    (
        "existing answer:",
        "refine",
        re.compile(
            r"original query is as follows:\s*(?P<question>.*?)\s*\n.*?existing answer:\s*(?P<existing>.*?)\s*\n"
            rf"We have the opportunity.*?{_RULE}(?P<context>.*?){_RULE}",
            re.DOTALL,
        ),
    ),
    (
        "New Context:",
        "refine",
        re.compile(
            r"New Context:\s*(?P<context>.*?)\s*\nQuery:\s*(?P<question>.*?)\s*\n"
            r"Original Answer:\s*(?P<existing>.*?)\s*\nNew Answer:",
            re.DOTALL,
        ),
    ),
    (
        "Context information",
        "answer",
        re.compile(
            rf"Context information[^\n]* below\.?[ \t]*{_RULE}(?P<context>.*){_RULE}.*?\n(?:Query|Question):[ \t]*"
            r"(?P<question>.*?)\s*\n?Answer:",
            re.DOTALL,
        ),
    ),
    (
        " the following",
        "summarise",
        re.compile(r"(?:Write a (?:concise )?summary of|Summari[sz]e) the following.*?\n(?P<context>.*)", re.DOTALL),
    ),
    (
        "tandalone question",
        "condense",
        re.compile(
            r"standalone question.*?Chat History[:>]\s*(?P<context>.*?)\s*<?(?:Follow Up (?:Message|Input)|question)"
            r"[:>]\s*(?P<question>.*?)\s*<?Standalone question",
            re.DOTALL | re.IGNORECASE,
        ),
    ),
)  # fmt: skip
_SUMMARY_LABEL = re.compile(r"\s*(?:CONCISE )?SUMMARY\s*:?[\s\"]*$", re.IGNORECASE)


def recognise(text: str) -> Prompt | None:
    """Return what a wrapped prompt asks, or None for ordinary text."""
    for mark, task, pattern in _FORMS:
        match = pattern.search(text) if mark in text else None
        if match is None:
            continue
        fields = {name: value.strip() for name, value in match.groupdict().items()}
        if task == "summarise":
            fields["context"] = _SUMMARY_LABEL.sub("", fields["context"])
        return Prompt(task, **fields)
    return None
