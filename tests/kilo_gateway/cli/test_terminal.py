"""What is seen at a terminal: decoration that leaves no trace, controls shown, tables and help that fit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway.testing import Fault, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing import EmbeddedGateway

ALL = ("stdin", "stdout", "stderr")
ESCAPE = "\x1b"


def test_a_sign_of_life_leaves_no_trace(gateway: EmbeddedGateway, show: Callable[..., Any]) -> None:
    """Something is seen until the first byte; what remains is the answer and one line about it."""
    gateway.enqueue(Reply(text="Hello.", delay_seconds=0.3, usage={"prompt_tokens": 3, "completion_tokens": 4}))
    done = show("chat", "Hi")
    assert "waiting" in done.shown
    assert done.screen().splitlines() == ["Hello.", "kilo-embedded/scripted-1 · Kilo Embedded · tokens 3/4"]


@pytest.mark.parametrize("words", [("check",), ("balance",), ("models", "gpt"), ("models", "show", "openai/gpt-5")])
def test_every_command_that_waits_shows_it(words: tuple[str, ...], show: Callable[..., Any]) -> None:
    """Whatever asks the gateway shows a sign of life, which leaves no trace; with `--json` there is none."""
    done = show(*words)
    assert done.shown.startswith("waiting")
    assert "waiting" not in done.screen()
    assert "waiting" not in show(*words, "--json").shown


def test_reasoning_is_dim_and_before_the_answer(gateway: EmbeddedGateway, show: Callable[..., Any]) -> None:
    """Reasoning is on the terminal, dim, with its controls shown; `-R` hides it, NO_COLOR takes the dimness."""
    reply = Reply(text="Yes.", reasoning="They \x1b[31mask.", usage={"prompt_tokens": 1, "completion_tokens": 1})
    gateway.enqueue(reply, reply, reply)
    done = show("chat", "Hi")
    assert f"{ESCAPE}[2mThey \\x1b[31mask.\r\n{ESCAPE}[0m" in done.shown
    assert done.screen().splitlines()[:2] == ["They \\x1b[31mask.", "Yes."]
    assert "They" not in show("chat", "Hi", "-R").shown
    plain = show("chat", "Hi", variables={"NO_COLOR": "1"})
    assert "They" in plain.shown
    assert ESCAPE not in plain.shown


def test_late_reasoning_waits_for_the_end(gateway: EmbeddedGateway, show: Callable[..., Any]) -> None:
    """Reasoning that comes after the answer began never stands between two of its pieces."""
    deltas = ['{"content":"one "}', '{"reasoning":"hm"}', '{"content":"two"}']
    events = [f'data: {{"choices":[{{"index":0,"delta":{delta}}}]}}\n\n' for delta in deltas]
    end = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    gateway.enqueue(Reply(events=[*events, end]))
    assert show("chat", "Hi").screen().splitlines()[:2] == ["one two", "hm"]


@pytest.mark.parametrize("pieces", [None, [1]])
def test_controls_are_shown_not_obeyed(
    pieces: list[int] | None, gateway: EmbeddedGateway, show: Callable[..., Any]
) -> None:
    """C0, DEL, C1 and a lone carriage return are spelt out, wherever the answer is cut; newline and tab stay."""
    text = "a\x1b]0;title\x07 b\x7f c\x9b2J d\re\tf\r\ng \x00\u200b\n"
    gateway.enqueue(Reply(text=text, pieces=pieces))
    shown = show("chat", "Hi", "-R").shown
    assert "a\\x1b]0;title\\x07 b\\x7f c\\x9b2J d\\x0de\tf\r" in shown
    assert "g \\x00\u200b\r\n" in shown
    for raw in ("\x1b]", "\x07", "\x7f", "\x9b", "\x00"):
        assert raw not in shown


def test_a_carriage_return_at_the_end_of_a_piece(gateway: EmbeddedGateway, show: Callable[..., Any]) -> None:
    """A carriage return is judged by what follows it, be it in the next piece, or nothing."""
    deltas = ["one\\r", "\\ntwo\\r", "three\\r"]
    events = [f'data: {{"choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}\n\n' for text in deltas]
    end = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    gateway.enqueue(Reply(events=[*events, end]))
    assert show("chat", "Hi").screen().splitlines()[:2] == ["one", "two\\x0dthree\\x0d"]


def test_a_retry_is_told(gateway: EmbeddedGateway, show: Callable[..., Any]) -> None:
    """The wait before another try is told on the terminal, with its reason."""
    gateway.enqueue(Fault(status=503, body={"error": {"message": "busy"}}), Reply(text="Here."))
    screen = show("chat", "Hi").screen().splitlines()
    assert re.fullmatch(r"retrying in \d s: busy .*", screen[0])
    assert "Here." in screen


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": "dumb", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}])
def test_a_dumb_terminal_gets_lines(
    variables: dict[str, str], gateway: EmbeddedGateway, show: Callable[..., Any]
) -> None:
    """With TERM=dumb there is no decoration and no escape."""
    gateway.enqueue(Reply(text="Hello \x1b[1m.", reasoning="Hm."))
    assert show("chat", "Hi", variables=variables).shown == "Hello \\x1b[1m.\r\n"


def test_nothing_forces_color(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """No variable brings an escape into a pipe."""
    gateway.enqueue(Reply(text="Hello."))
    forced = {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "PY_COLORS": "1", "GITHUB_ACTIONS": "true", "CI": "true"}
    for words in (("chat", "Hi"), ("--help",), ("models",), ("settings",)):
        done = run(*words, variables=forced)
        assert ESCAPE not in done.stdout + done.stderr


def test_only_stderr_is_a_terminal(gateway: EmbeddedGateway, start: Callable[..., Any]) -> None:
    """Each stream is asked on its own: stdout is the bytes of the answer while stderr is decorated."""
    gateway.enqueue(Reply(text="a\x1b[0m", reasoning="Hm."))
    running = start("chat", "Hi", terminal=("stdin", "stderr"))
    assert running.wait() == 0
    assert running.stdout == "a\x1b[0m\n"
    assert "Hm." in running.shown


def test_json_at_a_terminal_is_alone(gateway: EmbeddedGateway, show: Callable[..., Any]) -> None:
    """`--json` is one line, even at a terminal."""
    gateway.enqueue(Reply(text="Hello.", reasoning="Hm.", delay_seconds=0.1))
    shown = show("chat", "Hi", "--json").shown
    assert shown.startswith("{")
    assert shown.count("\n") == 1


def test_errors_are_one_line(gateway: EmbeddedGateway, show: Callable[..., Any]) -> None:
    """At a terminal too an error is one line, not wrapped, its controls spelt out."""
    gateway.enqueue(Fault(status=400, body={"error": {"message": "bad \x1b[2J thing " + "very " * 30}}))
    shown = show("chat", "Hi", status=1, size=(24, 60)).shown
    line = shown[shown.index("error: ") :]
    assert line.count("\n") == 1
    assert ESCAPE not in line


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("chat", "-h"),
        ("models", "--help"),
        ("models", "show", "-h"),
        ("check", "-h"),
        ("logs", "-h"),
        ("cassettes", "-h"),
        ("serve", "-h"),
        ("batch", "-h"),
    ],
)
def test_help_fits(words: tuple[str, ...], show: Callable[..., Any]) -> None:
    """Help is no wider than the terminal, and splits no option."""
    for width in (60, 80, 140):
        lines = show(*words, size=(24, width)).shown.replace("\r", "").splitlines()
        assert max(map(len, lines)) <= width
        assert not [line for line in lines if re.search(r"(?:^|\s)-{1,2}[\w-]*-$", line)]


@pytest.mark.parametrize("width", [30, 60, 100, 200])
def test_tables_fit(width: int, show: Callable[..., Any]) -> None:
    """A table is no wider than the terminal; columns go first, then a second line comes; no id is cut."""
    shown = re.sub(r"^waiting.*?\r +\r", "", show("models", size=(24, width)).shown).replace("\r", "")
    lines = shown.splitlines()
    assert max(map(len, lines)) <= max(width, 40)
    for model_id in ("kilo-auto/balanced", "anthropic/claude-sonnet-4.6", "google/gemini-3.1-flash-lite"):
        assert any(line.split() and line.split()[0] == model_id for line in lines) == (model_id in shown)
    assert re.fullmatch(r"\d+ of \d+ models", lines[-1])
    if width >= 60:
        assert lines[0].startswith("id ")


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize(
    ("words", "word"),
    [
        (("settings",), "KILOCODE_BASE_URL"),
        (("check",), "openai/gpt-4.1-mini"),
        (("models", "show", "anthropic/claude-sonnet-4.6"), "include_reasoning"),
        (("models", "show", "anthropic/claude-sonnet-4.6"), "kilo-embedded"),
    ],
)
def test_facts_fit(words: tuple[str, ...], word: str, width: int, show: Callable[..., Any]) -> None:
    """Settings, the verdict and a model's page are wrapped between words only."""
    shown = show(*words, size=(24, width)).shown.replace("\r", "")
    assert max(map(len, shown.splitlines())) <= width
    assert word in shown or width < 100


def test_width_without_a_terminal(run: Callable[..., Any]) -> None:
    """Help is as wide as COLUMNS says, else 80; data has no limit."""
    narrow = run("chat", "-h", variables={"COLUMNS": "50"}).stdout.splitlines()
    assert max(map(len, narrow)) <= 50
    assert max(map(len, run("chat", "-h").stdout.splitlines())) <= 80
    assert run("models", variables={"COLUMNS": "20"}).stdout == run("models").stdout


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("whats", "the", "weather"), "chat"),
        (("chta", "Hi"), "kilo-gateway chat"),
        (("modles",), "kilo-gateway models"),
        (("what is the weather?",), "kilo-gateway chat"),
        (("-m", "a/b", "Hi"), "kilo-gateway chat -m"),
        (("--vresion",), "--version"),
        (("models", "show"), "ID"),
        (("logs", "clera"), "kilo-gateway logs clear"),
        (("models", "shwo", "openai/gpt-5"), "kilo-gateway models show"),
        (("balance", "now"), "options only"),
        (("cassettes", "chek"), "check"),
    ],
)
def test_a_mistyped_command_sends_nothing(
    words: tuple[str, ...], names: str, gateway: EmbeddedGateway, run: Callable[..., Any]
) -> None:
    """A word that is no command is wrong usage that names the nearest, and never a question."""
    done = run(*words, status=2)
    assert names in done.stderr
    assert done.stderr.count("\n") == 1
    assert not gateway.requests


def test_bare_is_help(run: Callable[..., Any]) -> None:
    """Without a command help is shown, with 0."""
    assert run().stdout == run("--help").stdout == run("-h").stdout
    assert run("cassettes").stdout == run("cassettes", "-h").stdout


def test_a_question_without_anybody(start: Callable[..., Any]) -> None:
    """Without a prompt and with stdout in a pipe it ends at once, although stdin is a terminal."""
    running = start("chat", terminal=("stdin", "stderr"))
    assert running.wait() == 2


def test_ctrl_c_at_the_terminal(gateway: EmbeddedGateway, start: Callable[..., Any]) -> None:
    """The key itself ends an answer with 130; the line is ended, and nothing more is said."""
    gateway.enqueue(Fault(stall_after_events=4, stall_seconds=30, reply=Reply(text="one two three four")))
    running = start("chat", "Hi", terminal=ALL)
    running.wait_for("one")
    running.type("\x03")
    assert running.wait() == 130
    assert "Traceback" not in running.shown
    assert re.fullmatch(r"one.*(\^C)?", running.screen(), re.DOTALL)
    assert running.shown.endswith("\n")
