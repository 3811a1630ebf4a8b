"""Answers in words by quoting: the best sentence of the given text, or of what the user said before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kilo_gateway.testing.brain.conversation import split_question
from kilo_gateway.testing.brain.prompts import Prompt, recognise
from kilo_gateway.testing.brain.search import find_answer
from kilo_gateway.testing.brain.talk import NO_TEXT, NOT_IN_TEXT, requested_words, small_talk, turned
from kilo_gateway.testing.brain.words import content_stems, sentences, stem, words

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing.brain.conversation import Conversation

_LENIENT = 0.34
_STRICT = 0.5
_SUMMARY_SENTENCES = 2
_FIRST_PERSON = frozenset(["i", "i'm", "my", "me", "mine", "we", "our", "us", "myself"])
_SELF = frozenset(("i", "i'm", "my", "we", "our"))
_LONG_TEXT = 80
_MAX_SUMMARY_TEXT = 200_000


def answer_text(conversation: Conversation) -> str:
    """Return the answer in words to the last user message."""
    prompt = recognise(conversation.last)
    if prompt is not None:
        return _PROMPTS[prompt.task](prompt)
    spoken = _answer_talk(conversation.last)
    if spoken is not None:
        return spoken
    given, question = split_question(conversation.last)
    texts = [text for text in (given, *conversation.tool_texts, conversation.system) if text]
    texts.extend(text for role, text in conversation.earlier if role == "user")
    own = len(texts) - len(conversation.user_texts)
    least = _LENIENT if given else _STRICT
    found = find_answer(question, texts, least_coverage=least)
    if not found:
        found = find_answer(_follow_up(question, conversation), texts, least_coverage=least)
    if not found:
        return _without_answer(question, conversation, has_text=bool(given) or len(conversation.system) > _LONG_TEXT)
    said = [
        turned(one.sentence) if one.source >= own and _is_about_user(one.sentence) else one.sentence for one in found
    ]
    return " ".join(said)


def _answer_talk(text: str) -> str | None:
    return small_talk(text) or requested_words(text)


def _is_about_user(sentence: str) -> bool:
    return bool(_FIRST_PERSON & set(words(sentence)))


def _follow_up(question: str, conversation: Conversation) -> str:
    """Return the question with the words of the one before, when it is too short to stand alone ("And Rome?")."""
    if len(content_stems(question)) > 1 or not conversation.user_texts:
        return question
    is_reference = question.lower().startswith(("and ", "what about", "how about"))
    return f"{split_question(conversation.user_texts[-1])[1]} {question}" if is_reference else question


def _without_answer(question: str, conversation: Conversation, *, has_text: bool) -> str:
    is_question = question.rstrip().endswith("?") or stem(question.split(" ", maxsplit=1)[0]) in _ASKING
    if not is_question and _SELF & set(words(question)):
        return f"Noted: {turned(question)}"
    return NOT_IN_TEXT if has_text or conversation.tool_texts else NO_TEXT


_ASKING = frozenset(("what", "who", "when", "wher", "where", "why", "how", "which", "is", "are", "do", "can", "tel"))
"""Stems of words that begin a question."""


def _answer_from(prompt: Prompt) -> str | None:
    found = find_answer(prompt.question, [prompt.context], least_coverage=_LENIENT)
    return " ".join(one.sentence for one in found) or None


def _answer_context(prompt: Prompt) -> str:
    spoken = small_talk(prompt.question)
    return spoken or _answer_from(prompt) or NOT_IN_TEXT


def _refine(prompt: Prompt) -> str:
    """Return the better of the answer so far and the one that the new context gives."""
    fresh = _answer_from(prompt)
    if fresh is None:
        return prompt.existing
    existing = find_answer(prompt.question, [prompt.existing], least_coverage=_LENIENT)
    if not existing or prompt.existing == NOT_IN_TEXT:
        return fresh
    best = find_answer(prompt.question, [prompt.context], least_coverage=_LENIENT)[0]
    return fresh if best.coverage > existing[0].coverage else prompt.existing


def _summarise(prompt: Prompt) -> str:
    """Return the sentences that hold most of the text's frequent words, in their order."""
    rows = sentences(prompt.context[:_MAX_SUMMARY_TEXT])
    counts: dict[str, int] = {}
    held = [content_stems(row) for row in rows]
    for stems in held:
        for one in stems:
            counts[one] = counts.get(one, 0) + 1
    ranked = sorted(range(len(rows)), key=lambda at: (-sum(counts[one] for one in held[at]), at))
    return " ".join(rows[at] for at in sorted(ranked[:_SUMMARY_SENTENCES])) or NOT_IN_TEXT


def _condense(prompt: Prompt) -> str:
    """Return the follow-up as a question of its own, with the names it leans on."""
    return prompt.question or NOT_IN_TEXT


_PROMPTS: dict[str, Callable[[Prompt], str]] = {
    "answer": _answer_context,
    "refine": _refine,
    "summarise": _summarise,
    "condense": _condense,
}
