"""`chat --schema` and `chat --tool`: answers held to a schema, functions run after a question."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway.testing import Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kilo_gateway.testing import EmbeddedGateway

TOOLS = '''
"""Tools."""
import os
from os.path import join

print("loaded")

def weather(city: str, days: int = 1) -> dict:
    """Tell the weather."""
    print("looking", city)
    os.system("echo from a program")
    return {"city": city, "days": days}

async def later(word: str) -> str:
    """Say it later."""
    return word

def broken() -> str:
    """Fail."""
    raise RuntimeError("no luck")

def leaving() -> str:
    """Leave."""
    raise SystemExit(9)

def _hidden() -> str:
    """Not public."""
    return ""

def undocumented() -> str:
    return ""
'''


def call(name: str, **arguments: Any) -> Reply:
    """Return an answer that asks for a tool."""
    return Reply(tool_calls=[{"name": name, "arguments": arguments, "id": "call-1"}])


def told(gateway: EmbeddedGateway) -> str:
    """Return what the model was told of its last call."""
    message = gateway.requests[-1].body["messages"][-1]
    assert message["role"] == "tool"
    return message["content"]


@pytest.fixture
def tools(tmp_path: Path) -> str:
    """The file of tools."""
    (tmp_path / "tools.py").write_text(TOOLS)
    return "tools.py"


def test_the_answer_is_the_json_alone(gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """A schema is sent as strict, a fence around the answer is taken off, and `--json` has it parsed."""
    gateway.enqueue(*[Reply(text='```json\n{"name": "Ann", "age": 4}\n```\n')] * 2)
    done = run("chat", "Who?", "--schema", "name, age int")
    assert done.stdout == '{"name": "Ann", "age": 4}\n'
    asked = gateway.requests[-1].body["response_format"]["json_schema"]
    assert asked["strict"] is True
    assert asked["schema"]["properties"] == {"name": {"type": "string"}, "age": {"type": "integer"}}
    assert json.loads(run("chat", "Who?", "--schema", "name, age int", "--json").stdout)["json"]["age"] == 4


def test_a_list_of_answers(gateway: EmbeddedGateway, run: Callable[..., Any], tmp_path: Path) -> None:
    """`--schema-multi` asks for `items`; references of the schema still lead somewhere."""
    schema = {"type": "object", "properties": {"more": {"$ref": "#"}, "x": {"$ref": "#/$defs/x"}}}
    (tmp_path / "s.json").write_text(json.dumps({**schema, "$defs": {"x": {"type": "integer"}}}))
    gateway.enqueue(Reply(text='{"items": [{"more": {"x": 1}}]}'), Reply(text='{"items": [{"more": {"x": "1"}}]}'))
    assert run("chat", "Who?", "--schema-multi", "s.json").stdout == '{"items": [{"more": {"x": 1}}]}\n'
    run("chat", "Who?", "--schema-multi", "s.json", status=6)


@pytest.mark.parametrize(("text", "why"), [("Sorry.", "not JSON"), ('{"age": "x"}', "integer"), ("{} {}", "not JSON")])
def test_an_answer_that_does_not_fit(text: str, why: str, gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """What is not JSON or does not fit is on stdout, the reason on stderr, and the status is 6."""
    gateway.enqueue(Reply(text=text), Reply(text=text))
    done = run("chat", "Who?", "--schema", "age int", status=6)
    assert done.stdout == f"{text}\n"
    assert why in done.stderr
    error = json.loads(run("chat", "Who?", "--schema", "age int", "--json", status=6).stdout)["error"]
    assert error["partial"] == text


@pytest.mark.parametrize("schema", ["", "a text", "a, a", ": x", "none.json", "{", '{"type": "thing"}', "."])
def test_a_schema_that_is_none(schema: str, gateway: EmbeddedGateway, run: Callable[..., Any]) -> None:
    """Any other text is wrong usage, in one line, and nothing is sent."""
    done = run("chat", "Who?", "--schema", schema, status=2)
    assert done.stderr.count("\n") == 1
    assert not gateway.requests


def test_tools_run_when_all_are_allowed(gateway: EmbeddedGateway, run: Callable[..., Any], tools: str) -> None:
    """With `--yes` a call is run; what it prints goes to stderr, what it returns to the model."""
    gateway.enqueue(call("weather", city="Rome", days="2"), Reply(text="Sunny."))
    done = run("chat", "Weather?", "--tool", tools, "-y")
    assert done.stdout == "Sunny.\n"
    assert "looking Rome" in done.stderr
    assert "from a program" in done.stderr
    assert json.loads(told(gateway)) == {"city": "Rome", "days": 2}
    sent = {tool["function"]["name"]: tool["function"] for tool in gateway.requests[0].body["tools"]}
    assert set(sent) == {"weather", "later", "broken", "leaving"}
    assert sent["weather"]["description"] == "Tell the weather."
    assert sent["weather"]["parameters"]["required"] == ["city"]


@pytest.mark.parametrize(
    ("wanted", "word"),
    [
        (call("broken"), "no luck"),
        (call("leaving"), "SystemExit"),
        (call("later", word="soon"), "soon"),
        (call("weather", town="Rome"), "city"),
        (call("nothing"), "no tool 'nothing'"),
        (Reply(tool_calls=[{"name": "weather", "arguments": "{broken", "id": "call-1"}]), "Error"),
    ],
)
def test_what_a_model_is_told(
    wanted: Reply, word: str, gateway: EmbeddedGateway, run: Callable[..., Any], tools: str
) -> None:
    """What a function raises, and a call that fits no function, is told to the model, which goes on."""
    gateway.enqueue(wanted, Reply(text="I see."))
    assert run("chat", "Weather?", "--tool", tools, "--yes").stdout == "I see.\n"
    assert word in told(gateway)


def test_a_call_is_asked_about(gateway: EmbeddedGateway, start: Callable[..., Any], tools: str) -> None:
    """Each call is shown with its arguments; refused it is not run; `a` covers the function until the end."""
    wanted = call("weather", city="\x1b[31mRome")
    gateway.enqueue(wanted, call("weather", city="Oslo"), call("weather", city="Bern"), Reply(text="Done."))
    running = start("chat", "Weather?", "--tool", f"{tools}:weather", terminal=("stdin", "stdout", "stderr"))
    running.wait_for("[y/N/a]")
    assert 'tool weather {"city":"\\u001b[31mRome"}' in running.shown
    running.type("\n")
    running.wait_for("[y/N/a]", times=2)
    assert "does not allow" in told(gateway)
    running.type("a\n")
    running.wait_for("Done.")
    assert running.wait() == 0
    assert running.shown.count("[y/N/a]") == 2
    assert "looking Bern" in running.shown


def test_rounds_are_bounded(gateway: EmbeddedGateway, run: Callable[..., Any], tools: str) -> None:
    """When the rounds are used up it ends with 6; `--json` has every call that was run."""
    gateway.enqueue(*[call("later", word="x")] * 3)
    assert "--chain-limit" in run("chat", "Go.", "--tool", tools, "-y", "--cl", "2", status=6).stderr
    assert len(gateway.requests) == 3
    gateway.clear()
    gateway.enqueue(call("later", word="x"), Reply(text="Done."))
    answer = json.loads(run("chat", "Go.", "--tool", tools, "-y", "--json").stdout)
    assert [(one["name"], one["result"]) for one in answer["tool_calls"]] == [("later", "x")]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--tool", "tools.py"), "--yes"),
        (("--tool", "missing.py", "-y"), "missing.py"),
        (("--tool", "tools.py:nothing", "-y"), "nothing"),
        (("--tool", "bad.py", "-y"), "bad.py"),
        (("--tool", "empty.py", "-y"), "empty.py"),
        (("--tool", "leaves.py", "-y"), "leaves.py"),
        (("--tool", "tools.py", "--tool", "tools.py:later", "-y"), "later"),
        (("--tool", "words.txt", "-y"), "words.txt"),
    ],
)
def test_tools_that_cannot_be_used(
    words: tuple[str, ...], names: str, gateway: EmbeddedGateway, run: Callable[..., Any], tools: str, tmp_path: Path
) -> None:
    """A file that is missing, broken or without tools, or nobody to ask, is wrong usage; nothing is sent."""
    (tmp_path / "bad.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "empty.py").write_text("x = 1\n")
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)\n")
    (tmp_path / "words.txt").write_text("words\n")
    done = run("chat", "Go.", *words, status=2)
    assert names in done.stderr
    assert not gateway.requests
