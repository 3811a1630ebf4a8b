"""Asks the model: one request a round, tools between the rounds, everything that arrives shown at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kilo_gateway.cli.statuses import NOT_AS_ASKED, CommandError, TerminatedError
from kilo_gateway.cli.streams import ReaderGoneError
from kilo_gateway.errors import KiloError

if TYPE_CHECKING:
    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.cli.chat.screen import ChatScreen
    from kilo_gateway.cli.chat.tool_calls import ToolRunner
    from kilo_gateway.cli.chat.turn import Turn
    from kilo_gateway.client import KiloClient


@dataclass(slots=True)
class ChatState:
    """What the next question of a conversation is asked with."""

    model: str | None = None
    """A ref; None is the settings'."""
    system: str | None = None
    level: str | None = None
    """How much to reason."""
    options: dict[str, Any] = field(default_factory=dict)
    streams: bool = True
    most_rounds: int = 5
    """Rounds of tool calls; 0 has no bound."""
    history: list[dict[str, Any]] = field(default_factory=list)
    """The messages so far, without the system prompt."""

    def messages(self, turn: Turn) -> list[dict[str, Any]]:
        """Return what is sent."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, *self.history, *turn.messages]

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the call beside the messages."""
        level = {} if self.level is None else {"reasoning": self.level}
        return {"model": self.model, **level, **self.options}


class Asker:
    """Asks, and shows what comes."""

    def __init__(self, client: KiloClient, screen: ChatScreen, tools: ToolRunner | None) -> None:
        self._client = client
        self._screen = screen
        self._tools = tools

    def ask(self, state: ChatState, turn: Turn) -> None:
        """Fill the turn with the answers; what had arrived is in it even when this raises.

        Raises:
            KiloError: the question cannot be asked, or failed.
            CommandError: the rounds of tools are used up.
        """
        rounds = 0
        while True:
            self._ask_once(state, turn)
            calls = turn.last.tool_calls if turn.last is not None else []
            if not calls or self._tools is None:
                turn.tool_calls += [_call_object(call) for call in calls]
                return
            if state.most_rounds and rounds >= state.most_rounds:
                raise CommandError(
                    f"The model wants to call tools again after {rounds} rounds. Allow more with --chain-limit.",
                    NOT_AS_ASKED,
                    partial=turn.text,
                )
            rounds += 1
            for call in calls:
                result = self._tools.run(call)
                turn.tool_calls.append({**_call_object(call), "result": result})
                turn.messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})

    def known_models(self) -> Catalog:
        """Return the models that could be asked."""
        return self._client.discover()

    def _ask_once(self, state: ChatState, turn: Turn) -> None:
        self._screen.wait()
        try:
            if state.streams:
                self._stream(state, turn)
            else:
                self._complete(state, turn)
        except KiloError as error:
            if error.partial is not None:
                turn.ending = "error"
                turn.add(error.partial)
            raise
        finally:
            self._screen.end()

    def _complete(self, state: ChatState, turn: Turn) -> None:
        messages, arguments = state.messages(turn), self._arguments(state)
        answer = self._client.complete(messages, on_retry=self._screen.retrying, **arguments)
        turn.add(answer)
        self._screen.reasoning(answer.reasoning)
        self._screen.text(answer.text)

    def _stream(self, state: ChatState, turn: Turn) -> None:
        messages, arguments = state.messages(turn), self._arguments(state)
        with self._client.stream(messages, on_retry=self._screen.retrying, **arguments) as stream:
            try:
                for delta in stream:
                    if delta.choice:
                        continue
                    if delta.reasoning:
                        self._screen.reasoning(delta.reasoning)
                    if delta.text:
                        self._screen.text(delta.text)
            except (KeyboardInterrupt, TerminatedError, ReaderGoneError, OSError):
                turn.ending = "interrupted"
                turn.add(stream.completion)
                raise
            turn.add(stream.completion)

    def _arguments(self, state: ChatState) -> dict[str, Any]:
        tools = {} if self._tools is None else {"tools": self._tools.descriptions}
        return {**state.arguments(), **tools}


def _call_object(call: Any) -> dict[str, Any]:
    function = call["function"]
    return {"id": call["id"], "name": function["name"], "arguments": function["arguments"], "result": None}
