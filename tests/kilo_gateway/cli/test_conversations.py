"""Conversations at a pseudo-terminal: the line editor, the commands, and what happens when something goes wrong."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway.testing import Fault, Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kilo_gateway.testing import EmbeddedGateway

ALL = ("stdin", "stdout", "stderr")
LEAVE = "\x04"


@pytest.fixture
def talk(start: Callable[..., Any], gateway: EmbeddedGateway) -> Callable[..., Any]:
    """Begin a conversation, and wait for its first prompt."""

    def begin(*words: str, **how: Any) -> Any:
        running = start("chat", *words, terminal=ALL, **how)
        running.wait_for_prompt()
        return running

    return begin


def contents(gateway: EmbeddedGateway) -> list[Any]:
    """Return the contents of the last request's messages."""
    return [message["content"] for message in gateway.requests[-1].body["messages"]]


def ask(running: Any, gateway: EmbeddedGateway, text: str) -> None:
    """Type a message, send it, wait until it arrives."""
    running.wait_for_prompt()
    count = len(gateway.requests)
    running.type(f"{text}\r")
    assert gateway.wait_until(lambda: len(gateway.requests) > count)


def leave(running: Any) -> str:
    """Leave, and return what was seen."""
    running.wait_for_prompt()
    running.type(LEAVE)
    assert running.wait() == 0
    return running.screen()


def test_what_was_said_is_sent_again(gateway: EmbeddedGateway, talk: Callable[..., Any]) -> None:
    """Each message goes with all before it; Ctrl-D on an empty line leaves with 0."""
    gateway.enqueue(Reply(text="Hello Ann."), Reply(text="You are Ann."))
    running = talk("-s", "Be brief.")
    ask(running, gateway, "I am Ann.")
    running.wait_for("Hello Ann.")
    ask(running, gateway, "Who am I?")
    running.wait_for("You are Ann.")
    assert contents(gateway) == ["Be brief.", "I am Ann.", "Hello Ann.", "Who am I?"]
    assert "You are Ann." in leave(running)


def test_a_pasted_block_is_one_message(gateway: EmbeddedGateway, talk: Callable[..., Any]) -> None:
    """What is pasted is sent as one message, and only after Enter."""
    running = talk()
    ask(running, gateway, "\x1b[200~one\ntwo\nthree\x1b[201~")
    assert contents(gateway) == ["one\ntwo\nthree"]


def test_arrows_and_history(gateway: EmbeddedGateway, talk: Callable[..., Any]) -> None:
    """The line can be edited, and earlier ones fetched."""
    gateway.enqueue(Reply(text="First."), Reply(text="Second."))
    running = talk()
    ask(running, gateway, "helo\x1b[Dl")
    assert contents(gateway) == ["hello"]
    running.wait_for("First.")
    running.wait_for("tokens")
    ask(running, gateway, "\x1b[A!")
    assert contents(gateway)[-1] == "hello!"


def test_more_lines(gateway: EmbeddedGateway, talk: Callable[..., Any]) -> None:
    """A backslash at the end of a line, or `/multi` to `/end`, make one message of several lines."""
    gateway.enqueue(Reply(text="First."), Reply(text="Second."))
    running = talk()
    ask(running, gateway, "one\\\rtwo")
    assert contents(gateway) == ["one\ntwo"]
    running.wait_for("tokens")
    running.wait_for_prompt()
    running.type("/multi\r")
    running.wait_for_prompt(".")
    running.type("/help\ra\r\rb\r/end\r")
    assert gateway.wait_until(lambda: len(gateway.requests) == 2)
    assert contents(gateway)[-1] == "/help\na\n\nb"


def test_commands_are_never_sent(gateway: EmbeddedGateway, talk: Callable[..., Any]) -> None:
    """Commands change what follows; an unknown one is told, two slashes send one."""
    gateway.enqueue(Reply(text="First.", usage={"prompt_tokens": 2, "completion_tokens": 3, "cost": 0.5}))
    running = talk()
    for line, answer in (
        ("/help", "/reasoning [LEVEL]"),
        ("/model anthropic/claude-sonnet-4.6", "model: anthropic/claude-sonnet-4.6"),
        ("/system Be brief.", "system: Be brief."),
        ("/reasoning high", "reasoning: high"),
        ("/reasoning lots", "Unknown reasoning level"),
        ("/modle", "Did you mean /model?"),
    ):
        running.wait_for_prompt()
        running.type(f"{line}\r")
        running.wait_for(answer)
    assert not gateway.requests
    ask(running, gateway, "//usr is a folder")
    body = gateway.requests[-1].body
    assert body["model"] == "anthropic/claude-sonnet-4.6"
    assert body["reasoning"] == {"effort": "high"}
    assert contents(gateway) == ["Be brief.", "/usr is a folder"]
    running.wait_for("tokens 2/3")
    running.type("/cost\r")
    running.wait_for("1 answer, tokens 2/3, $0.5")
    running.type("/exit\r")
    assert running.wait() == 0


def test_saving(gateway: EmbeddedGateway, talk: Callable[..., Any], tmp_path: Path) -> None:
    """`/save` writes the conversation, readable by its owner; it overwrites nothing without a yes."""
    running = talk()
    (tmp_path / "old").write_text("kept")
    gateway.enqueue(Reply(text="Hello."))
    ask(running, gateway, "Hi")
    running.wait_for("tokens")
    running.type("/save new\r")
    running.wait_for("saved in new")
    assert (tmp_path / "new").read_text() == "# user\n\nHi\n\n# assistant\n\nHello.\n"
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600
    running.type("/save old\r")
    running.wait_for("[y/N]")
    running.type("n\r")
    running.wait_for("not saved")
    assert (tmp_path / "old").read_text() == "kept"
    running.type("/save no/such/folder\r")
    running.wait_for("error: no/such/folder cannot be written")
    leave(running)


def test_ctrl_c_ends_the_turn(gateway: EmbeddedGateway, talk: Callable[..., Any]) -> None:
    """It stops an answer and keeps the part, or clears the line; it never ends the conversation."""
    gateway.enqueue(Fault(stall_after_events=4, stall_seconds=30, reply=Reply(text="one two three")), Reply(text="Go."))
    running = talk()
    ask(running, gateway, "Count.")
    running.wait_for("one")
    running.type("\x03")
    assert gateway.wait_until(lambda: gateway.open_streams == 0)
    running.wait_for_prompt()
    running.type("never sent\x03")
    ask(running, gateway, "Go on.")
    said = contents(gateway)
    assert said[0] == "Count."
    assert said[1].startswith("one")
    assert said[2] == "Go on."
    running.wait_for("Go.")
    leave(running)


def test_an_error_ends_the_turn(gateway: EmbeddedGateway, talk: Callable[..., Any]) -> None:
    """An error is one line; its question is not sent again with the next."""
    gateway.enqueue(Fault(status=400, body={"error": {"message": "no"}}), Reply(text="Hello."))
    running = talk()
    ask(running, gateway, "Bad.")
    running.wait_for("error: no")
    ask(running, gateway, "Good.")
    assert contents(gateway) == ["Good."]
    running.wait_for("Hello.")
    leave(running)


def test_a_dumb_terminal(gateway: EmbeddedGateway, talk: Callable[..., Any]) -> None:
    """With TERM=dumb the conversation is plain lines, without any escape."""
    gateway.enqueue(Reply(text="Hello."))
    running = talk(variables={"TERM": "dumb"})
    running.type("one\\\ntwo\n")
    running.wait_for("Hello.")
    assert contents(gateway) == ["one\ntwo"]
    running.type("/exit\n")
    assert running.wait() == 0
    assert "\x1b" not in running.shown


def test_it_is_recorded_and_gone_on_with(gateway: EmbeddedGateway, talk: Callable[..., Any], run: Any) -> None:
    """With `--log` a conversation is recorded, interrupted parts too; `-c` goes on with it."""
    gateway.enqueue(Reply(text="Hello."), Fault(stall_after_events=4, stall_seconds=30, reply=Reply(text="one two")))
    running = talk("--log", "-m", "anthropic/claude-sonnet-4.6")
    ask(running, gateway, "First.")
    running.wait_for("tokens")
    ask(running, gateway, "Second.")
    running.wait_for("one")
    running.type("\x03")
    leave(running)
    gateway.enqueue(Reply(text="Third."))
    run("chat", "-c", "More.")
    said = contents(gateway)
    assert said[:3] == ["First.", "Hello.", "Second."]
    assert said[3].startswith("one")
    assert said[4] == "More."
    assert gateway.requests[-1].body["model"] == "anthropic/claude-sonnet-4.6"


@pytest.mark.parametrize(("number", "status"), [(15, 143), (1, 129)])
def test_a_signal_gives_the_terminal_back(number: int, status: int, talk: Callable[..., Any]) -> None:
    """SIGTERM and SIGHUP at the prompt end with their status and leave no traceback."""
    running = talk()
    os.kill(running.pid, number)
    assert running.wait() == status
    assert "Traceback" not in running.shown


@pytest.mark.parametrize("option", [("--json",), ("--schema", "a"), ("-x",)])
def test_what_needs_a_question(option: tuple[str, ...], show: Callable[..., Any]) -> None:
    """Options that shape one answer are wrong usage without a prompt."""
    assert "PROMPT" in show("chat", *option, status=2).shown
