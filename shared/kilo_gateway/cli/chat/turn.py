"""One turn of a conversation: what was asked, every answer to it, what they cost together."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kilo_gateway.answer.completion import Completion
    from kilo_gateway.answer.usage import Usage
    from kilo_gateway.cli.chat.attachments import Attachment


@dataclass(slots=True)
class Turn:
    """A question, and what came of it."""

    prompt: str
    attachments: list[Attachment] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    """As they went over the wire: the question, answers, tool calls and their results."""
    answers: list[Completion] = field(default_factory=list)
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    """`{"id", "name", "arguments", "result"}` each; the result is null for a call that nobody ran."""
    ending: str | None = None
    """Why it ended early: `interrupted` or `error`; None for a whole answer."""
    began: float = field(default_factory=monotonic)
    seconds: float | None = None

    @classmethod
    def of(cls, prompt: str, attachments: list[Attachment]) -> Turn:
        """Return the turn that asks this."""
        parts = [*(one.part for one in attachments), {"type": "text", "text": prompt}]
        message = {"role": "user", "content": parts if attachments else prompt}
        return cls(prompt, attachments, [message])

    def add(self, answer: Completion) -> None:
        """Add an answer, be it a part of one."""
        self.answers.append(answer)
        self.seconds = monotonic() - self.began
        message: dict[str, Any] = dict(answer.message)
        message.setdefault("role", "assistant")
        self.messages.append(message)

    @property
    def last(self) -> Completion | None:
        """The answer that counts."""
        return self.answers[-1] if self.answers else None

    @property
    def text(self) -> str:
        """The text of the last answer."""
        return self.last.text if self.last is not None else ""

    @property
    def reasoning(self) -> str:
        """The reasoning of all answers."""
        return "\n\n".join(answer.reasoning for answer in self.answers if answer.reasoning)

    @property
    def finish_reason(self) -> str | None:
        """Why the last answer ended."""
        return self.ending or (self.last.finish_reason if self.last is not None else None)

    @property
    def has_arrived(self) -> bool:
        """Whether anything of an answer came."""
        return any(answer.text or answer.reasoning or answer.tool_calls for answer in self.answers)

    @property
    def cost(self) -> float | None:
        """What all answers cost in USD; None when one did not say."""
        costs = [usage.cost for usage in self._usages()]
        if not costs or len(costs) < len(self.answers) or None in costs:
            return None
        return sum(cost for cost in costs if cost is not None)

    def usage(self) -> dict[str, int | None] | None:
        """Return the tokens of all answers; None when nobody counted."""
        usages = self._usages()
        if not usages:
            return None
        return {
            "input_tokens": sum(usage.input_tokens for usage in usages),
            "output_tokens": sum(usage.output_tokens for usage in usages),
            "cached_tokens": _sum_known([usage.cached_tokens for usage in usages]),
            "reasoning_tokens": _sum_known([usage.reasoning_tokens for usage in usages]),
        }

    def whole_messages(self) -> list[dict[str, Any]]:
        """Return the messages, with a result for every tool call, as the next question needs them."""
        answered = {message.get("tool_call_id") for message in self.messages}
        missing = [call["id"] for message in self.messages for call in message.get("tool_calls") or ()]
        results = [
            {"role": "tool", "tool_call_id": call_id, "content": "This call was not run."}
            for call_id in missing
            if call_id not in answered
        ]
        return [*self.messages, *results]

    def facts(self) -> list[str]:
        """Return what the summary says: model, provider, tokens, cost; what is unknown is left out."""
        usage = self.usage()
        tokens = None if usage is None else f"tokens {usage['input_tokens']}/{usage['output_tokens']}"
        last = self.last
        named = (last.model, last.provider) if last is not None else ()
        cost = None if self.cost is None else render_cost(self.cost)
        return [fact for fact in (*named, tokens, cost) if fact]

    def _usages(self) -> list[Usage]:
        return [answer.usage for answer in self.answers if answer.usage is not None]


def render_cost(usd: float) -> str:
    """Return a small sum: `$0.000123`, `$0`."""
    text = f"{usd:.6f}".rstrip("0").rstrip(".")
    return f"${text}" if usd == 0 or float(text) else f"${usd:.2g}"


def _sum_known(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
