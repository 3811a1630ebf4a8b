"""Chunks of a streamed answer -> deltas as they come, and the whole answer. Error keys are kept, never raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from kilo_gateway.answer.choice import parse_word
from kilo_gateway.answer.completion import Completion, parse_completion
from kilo_gateway.answer.fragments import parse_index
from kilo_gateway.answer.metadata import BODY_KEYS
from kilo_gateway.answer.usage import merge_usages
from kilo_gateway.stream.choice import ChoiceAccumulator, states_something
from kilo_gateway.stream.delta import Delta

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.wire import Chunk, CompletionBody


class Accumulator:
    """The state of one streamed answer.

    A fact stated by several chunks (id, model, provider, finish reason, usage, …) counts once; the last statement wins,
    and null or "" states nothing, nor does an empty list or object behind another value.
    """

    __slots__ = ("_call_seed", "_choices", "_facts", "_requested_model", "_usage")

    def __init__(self, *, requested_model: str | None = None, call_seed: Callable[[], str] | None = None) -> None:
        self._requested_model = requested_model
        self._call_seed = call_seed
        self._facts: dict[str, Any] = {}
        self._usage: dict[str, Any] | None = None
        self._choices: dict[int, ChoiceAccumulator] = {}

    def add(self, chunk: dict[str, Any]) -> list[Delta]:
        """Return what a chunk adds: one delta for each choice that gained text, reasoning or pieces of tool calls."""
        facts = self._facts
        for key, value in chunk.items():
            if value or (value is not None and states_something(value, facts, key)):  # null, as most are, is no call
                facts[key] = value
        deltas: list[Delta] = []
        choices = chunk.get("choices")
        if isinstance(choices, list):
            for position, choice in enumerate(choices):
                if isinstance(choice, dict):
                    index = choice.get("index")
                    state = self._choices.get(index) if index.__class__ is int else None
                    delta = (state or self._find_choice(index, position)).add(choice, chunk)
                    if delta is not None:
                        deltas.append(delta)
                    if "usage" in choice:
                        self._take_usage(choice["usage"])
        if "usage" in chunk:
            self._take_usage(chunk["usage"])
        return deltas

    def add_text(self, index: int, text: str, chunk: Chunk) -> Delta:
        """Return what `add` does for a chunk that says what the last one said, but for its text."""
        self._choices[index].add_text(text)
        return Delta(index, text, "", [], chunk)

    def finish(self) -> list[Delta]:
        """Return what only the end of the stream shows: the ids made up for tool calls that never got one."""
        deltas: list[Delta] = []
        for choice in self._choices.values():
            calls = choice.tools.finish(self._id)
            if calls:
                deltas.append(Delta(choice.index, "", "", calls, cast("Chunk", {})))
        return deltas

    @property
    def is_complete(self) -> bool:
        """Whether there is a choice, and every choice has a finish reason."""
        choices = self._choices.values()
        return bool(choices) and all(choice.finish_reason is not None for choice in choices)

    @property
    def has_content(self) -> bool:
        """Whether anything of an answer has arrived."""
        return any(choice.has_content for choice in self._choices.values())

    @property
    def unknown_facts(self) -> dict[str, Any]:
        """What chunks stated that is no part of an answer: the words of a server that gives none."""
        return {key: value for key, value in self._facts.items() if key not in BODY_KEYS}

    def body(self) -> CompletionBody:
        """Return the answer so far, in the shape of one that was not streamed."""
        choices = [self._choices[index].render(self._id) for index in sorted(self._choices)]
        body = {**self._facts, "object": "chat.completion", "choices": choices}
        if self._usage is not None:
            body["usage"] = self._usage
        elif not body.get("usage"):
            body.pop("usage", None)
        return cast("CompletionBody", body)

    def completion(self) -> Completion:
        """Return the answer so far, read."""
        return parse_completion(self.body(), requested_model=self._requested_model)

    @property
    def _id(self) -> str | None:
        return parse_word(self._facts.get("id"))

    def _find_choice(self, sent_index: Any, position: int) -> ChoiceAccumulator:
        """Return the choice of this index, or of this place in the list when it has none."""
        index = parse_index(sent_index)
        if index is None:
            index = position
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = ChoiceAccumulator(index, call_seed=self._call_seed)
        return state

    def _take_usage(self, usage: Any) -> None:
        if not isinstance(usage, dict) or not usage:
            return
        if self._usage is None:
            self._usage = usage
        elif any(usage.values()):  # one of zeros alone, behind another, is a filler
            self._usage = merge_usages(self._usage, usage)
