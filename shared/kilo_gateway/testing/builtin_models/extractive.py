"""Answers in words by quoting: the best sentence of the given text, or of what the user said before."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from kilo_gateway.testing.builtin_models.conversation import split_question
from kilo_gateway.testing.builtin_models.prompts import Prompt, recognise
from kilo_gateway.testing.builtin_models.search import find_answer
from kilo_gateway.testing.builtin_models.words import content_stems, sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from kilo_gateway.testing.builtin_models.conversation import ReadConversation
    from kilo_gateway.testing.builtin_models.search import RatedSentence

NOT_IN_TEXT = "The given text does not answer that."
NO_TEXT = (
    "I cannot answer that: I am a small built-in test model that only quotes from the text of this conversation, and "
    "it holds no answer."
)
_REQUESTED = re.compile(
    r"\b(?:say|(?:reply|respond|answer)(?: with)?(?: only| exactly| just))(?: the)?(?: words?)?:?\s+"
    r"(?:[\"'`](?P<quoted>.+?)[\"'`]|(?P<word>\w+)\W*$)",
    re.IGNORECASE | re.DOTALL,
)
_MAX_REQUEST = 2000
_LENIENT = 0.34
_STRICT = 0.5
"""Which share of a question's words an answer must hold: less where a text is given to answer from."""
_SUMMARY_SENTENCES = 2
_LONG_TEXT = 80
_MAX_SUMMARY_TEXT = 200_000


def answer_text(conversation: ReadConversation) -> str:
    """Return the answer in words to the last user message; `Say "x"` and `Reply with exactly: x` get their x."""
    prompt = recognise(conversation.last)
    if prompt is not None:
        return _PROMPTS[prompt.task](prompt)
    requested = _REQUESTED.search(conversation.last) if len(conversation.last) <= _MAX_REQUEST else None
    if requested is not None:
        return requested["quoted"] or requested["word"]
    given, question = split_question(conversation.last)
    texts = [text for text in (given, *conversation.tool_texts, conversation.system) if text]
    texts.extend(conversation.user_texts)
    least = _LENIENT if given else _STRICT
    for asked in (question, _follow_up(question, conversation)):
        found = find_answer(asked, texts, least_coverage=least)
        if found:
            return _joined(found)
    has_text = given or conversation.tool_texts or len(conversation.system) > _LONG_TEXT
    return NOT_IN_TEXT if has_text else NO_TEXT


def _follow_up(question: str, conversation: ReadConversation) -> str:
    """Return the question with the words of the one before, when it is too short to stand alone ("And Rome?")."""
    if len(content_stems(question)) > 1 or not conversation.user_texts:
        return question
    is_reference = question.lower().startswith(("and ", "what about", "how about"))
    return f"{split_question(conversation.user_texts[-1])[1]} {question}" if is_reference else question


def _answer_context(prompt: Prompt) -> str:
    return _joined(find_answer(prompt.question, [prompt.context], least_coverage=_LENIENT)) or NOT_IN_TEXT


def _refine(prompt: Prompt) -> str:
    """Return the better of the answer so far and the one that the new context gives."""
    fresh, existing = (
        find_answer(prompt.question, [text], least_coverage=_LENIENT) for text in (prompt.context, prompt.existing)
    )
    if not fresh:
        return prompt.existing
    is_better = not existing or prompt.existing == NOT_IN_TEXT or fresh[0].coverage > existing[0].coverage
    return _joined(fresh) if is_better else prompt.existing


def _joined(found: Iterable[RatedSentence]) -> str:
    return " ".join(one.sentence for one in found)


def _summarise(prompt: Prompt) -> str:
    """Return the sentences that hold most of the text's frequent words, in their order."""
    rows = sentences(prompt.context[:_MAX_SUMMARY_TEXT])
    held = [content_stems(row) for row in rows]
    counts = Counter(chain.from_iterable(held))
    ranked = sorted(range(len(rows)), key=lambda at: (-sum(counts[one] for one in held[at]), at))
    return " ".join(rows[at] for at in sorted(ranked[:_SUMMARY_SENTENCES])) or NOT_IN_TEXT


_PROMPTS: dict[str, Callable[[Prompt], str]] = {
    "answer": _answer_context,
    "refine": _refine,
    "summarise": _summarise,
    "condense": lambda prompt: prompt.question or NOT_IN_TEXT,
}
