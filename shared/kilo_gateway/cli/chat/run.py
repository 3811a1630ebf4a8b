"""From what was typed to an answer: every check first, then the question, then what is printed and recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kilo_gateway.cli.chat.asking import Asker, ChatState
from kilo_gateway.cli.chat.attachments import read_attachments
from kilo_gateway.cli.chat.prompt import read_prompt, wants_conversation
from kilo_gateway.cli.chat.recording import Recorder, find_conversation
from kilo_gateway.cli.chat.request_options import read_options
from kilo_gateway.cli.chat.schema import read_schema, render_format
from kilo_gateway.cli.chat.screen import ChatScreen
from kilo_gateway.cli.chat.single import answer_once
from kilo_gateway.cli.chat.tool_calls import ToolRunner
from kilo_gateway.cli.chat.toolbox import load_toolbox
from kilo_gateway.cli.chat.turn import Turn
from kilo_gateway.cli.options import open_client
from kilo_gateway.cli.statuses import DONE, wrong_usage
from kilo_gateway.cli.streams import can_ask, stderr, stdout

if TYPE_CHECKING:
    from pathlib import Path

    from kilo_gateway.cli.log.store import LogEntry


@dataclass(slots=True)
class Typed:
    """What was typed beside the prompt."""

    no_stdin: bool
    model: str | None
    system: str | None
    level: str | None
    hide_reasoning: bool
    options: tuple[str, ...]
    attachments: tuple[str, ...]
    schema: str | None
    schema_multi: str | None
    tools: tuple[str, ...]
    yes: bool
    chain_limit: int
    extract: bool
    extract_last: bool
    no_stream: bool
    usage: bool
    goes_on: bool
    conversation: str | None
    log: bool
    no_log: bool
    database: Path | None
    base_url: str | None
    as_json: bool

    @property
    def reads_stdin(self) -> bool:
        """Whether stdin may be the prompt."""
        return not self.no_stdin and "-" not in {word.partition("\0")[0] for word in self.attachments}

    @property
    def prints_later(self) -> bool:
        """Whether the text is printed when it is whole, and changed."""
        return bool(self.as_json or self.extract or self.extract_last or self.schema or self.schema_multi)


def run_chat(prompt: str | None, typed: Typed) -> int:
    """Return the exit status of a question or a conversation.

    Raises:
        CommandError, KiloError: it failed.
    """
    _check_combinations(typed)
    is_conversation = wants_conversation(prompt, reads_stdin=typed.reads_stdin)
    if is_conversation and typed.prints_later:
        raise wrong_usage("--json, --schema and --extract answer one question. Give it as PROMPT.")
    client = open_client(model=typed.model, base_url=typed.base_url)
    schema = _schema_of(typed)
    options = read_options(typed.options, level=typed.level, has_schema=schema is not None, has_tools=bool(typed.tools))
    toolbox = load_toolbox(typed.tools)
    if toolbox is not None and not typed.yes and not can_ask():
        raise wrong_usage("Tools are run after a question, and nobody is there to be asked. Say --yes.")
    past = find_conversation(typed.database, typed.conversation) if typed.goes_on or typed.conversation else []
    if schema is not None:
        options["response_format"] = render_format(schema)
    state = _state(typed, options, past)
    recorder = Recorder(
        typed.database,
        client.settings,
        wants=True if typed.log else False if typed.no_log else None,
        conversation=past[-1].conversation if past else None,
    )
    screen = _screen(typed)
    asker = Asker(client, screen, None if toolbox is None else ToolRunner(toolbox, asks=not typed.yes))
    if not typed.reads_stdin:
        read_prompt(prompt, reads_stdin=False)  # a missing one is told before stdin is waited for
    attachments = read_attachments(typed.attachments)
    if is_conversation:
        from kilo_gateway.cli.chat.conversation import Conversation  # noqa: PLC0415 - for conversations only

        Conversation(asker, state, recorder, screen, attachments, client.settings.model).run()
        return DONE
    text = read_prompt(prompt, reads_stdin=typed.reads_stdin)
    return answer_once(asker, state, recorder, screen, Turn.of(text, attachments), typed, schema)


def _check_combinations(typed: Typed) -> None:
    pairs = (
        (typed.schema is not None and typed.schema_multi is not None, "--schema and --schema-multi"),
        (typed.extract and typed.extract_last, "--extract and --extract-last"),
        (typed.log and typed.no_log, "--log and --no-log"),
        (typed.goes_on and typed.conversation is not None, "--continue and --conversation"),
        ((typed.extract or typed.extract_last) and bool(typed.schema or typed.schema_multi), "--extract and --schema"),
    )
    for is_given, names in pairs:
        if is_given:
            raise wrong_usage(f"{names} cannot be given together. Give one of them.")


def _schema_of(typed: Typed) -> dict[str, Any] | None:
    if typed.schema is not None:
        return read_schema(typed.schema)
    return None if typed.schema_multi is None else read_schema(typed.schema_multi, is_multi=True)


def _state(typed: Typed, options: dict[str, Any], past: list[LogEntry]) -> ChatState:
    """Return the state; what was not typed is as it was in the past."""
    last = past[-1] if past else None
    state = ChatState(typed.model, typed.system, typed.level, options, not typed.no_stream, typed.chain_limit)
    if last is not None:
        state.model = state.model or last.ref
        state.system = last.system if state.system is None else state.system
        if not {"reasoning", "reasoning_effort"} & options.keys():
            state.level = state.level or last.level
        state.history = [message for entry in past for message in entry.messages]
    return state


def _screen(typed: Typed) -> ChatScreen:
    return ChatScreen(
        stdout(),
        stderr(),
        is_quiet=typed.as_json,
        streams=not typed.prints_later,
        shows_reasoning=not typed.hide_reasoning,
        shows_usage=typed.usage and not typed.as_json,
    )
