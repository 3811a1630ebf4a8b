"""What the rules changed of a request: found, told to a gateway on this machine, explained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kilo_gateway import KiloClient
from kilo_gateway.request.body import render_request
from kilo_gateway.request.changes import (
    CHANGES_HEADER,
    TELL_CHANGES,
    Change,
    changes_of_request,
    find_changes,
    parse_changes,
    reason_for_change,
    render_changes,
)

if TYPE_CHECKING:
    from kilo_gateway.testing import EmbeddedGateway

HELLO = {"role": "user", "content": "Hello"}
GEMINI = "google/gemini-3-pro"


def changed(model_id: str, messages: list[Any], **options: Any) -> list[tuple[str, str, str | None, str | None]]:
    """Return what the rules change of a request, row by row; every row has a reason."""
    body = render_request(messages, model_id=model_id, stream=True, options=options)
    found = changes_of_request(messages, options, body)
    assert all(reason_for_change(one, model_id=model_id) for one in found), found
    return [(one.place, one.kind, one.before, one.after) for one in found]


def test_a_request_that_is_sent_as_it_was_given_has_no_changes() -> None:
    """Options that stay, `extra_body` and the usage of a stream are no changes."""
    own = {"reasoning": {"effort": "low"}, "temperature": 0, "extra_body": {"x": 1, "temperature": 1}, "tools": [{}]}
    assert changed("openai/gpt-5.2", [HELLO], **own) == []


@pytest.mark.parametrize(
    ("model_id", "options", "expected"),
    [
        (
            "openai/gpt-5.2",
            {"reasoning_effort": "low"},
            [("reasoning_effort", "removed", '"low"', None), ("reasoning", "added", None, '{"effort": "low"}')],
        ),
        ("openai/gpt-5.2", {"reasoning": "max"}, [("reasoning", "replaced", '"max"', '{"effort": "xhigh"}')]),
        ("openai/gpt-5.2", {"reasoning": "off"}, [("reasoning", "removed", '"off"', None)]),
        ("kilo/auto", {"reasoning": "high"}, [("reasoning", "removed", '"high"', None)]),
        ("x-ai/grok-4", {"reasoning_effort": "high"}, [("reasoning_effort", "removed", '"high"', None)]),
        ("openai/gpt-5.2", {"stop": "END"}, [("stop", "replaced", '"END"', '["END"]')]),
        ("openai/gpt-5.2", {"tool_choice": "auto", "stop": []}, None),
    ],
)
def test_what_becomes_of_options(model_id: str, options: dict[str, Any], expected: Any) -> None:
    """Levels, `stop` and tool options that are shaped or left out are told, with what they were."""
    wanted = expected or [("tool_choice", "removed", '"auto"', None), ("stop", "removed", "[]", None)]
    assert changed(model_id, [HELLO], **options) == wanted


def test_what_becomes_of_messages() -> None:
    """A signature that is taken out and a role that is told otherwise are named with their place."""
    call = {
        "id": "1",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "thought_signature": "no base64!",
    }
    parts = [{"type": "text", "text": "a", "thoughtSignature": "*" * 500}]
    messages = [
        {"role": "developer", "content": "Be brief."},
        HELLO,
        {"role": "assistant", "content": parts, "tool_calls": [call]},
    ]
    assert changed(GEMINI, messages) == [
        ("messages[0].role", "replaced", '"developer"', '"system"'),
        ("messages[2].content[0].thoughtSignature", "removed", None, None),
        ("messages[2].tool_calls[0].thought_signature", "removed", '"no base64!"', None),
    ]


def test_only_a_gateway_on_this_machine_is_told(gateway: EmbeddedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """The header goes to loopback, when it is asked for and something changed; never to another gateway."""
    unasked = KiloClient(base_url=gateway.base_url, api_key=gateway.api_key, model="openai/gpt-5.2")
    unasked.complete([HELLO], reasoning="low")
    assert CHANGES_HEADER not in gateway.requests[-1].headers
    gateway.clear()
    monkeypatch.setenv(TELL_CHANGES, "1")
    client = KiloClient(base_url=gateway.base_url, api_key=gateway.api_key, model="openai/gpt-5.2")
    client.complete([HELLO])
    client.complete([HELLO], reasoning="low")
    plain, shaped = (request.headers.get(CHANGES_HEADER) for request in gateway.requests)
    assert plain is None
    assert parse_changes(shaped) == [Change("reasoning", "replaced", '"low"', '{"effort": "low"}')]
    away = KiloClient(base_url="https://gateway.example/", api_key="k" * 20, model="openai/gpt-5.2")
    given = {"model": None, "timeout": None, "extra_headers": None}
    names = {name for name, _ in away._call([HELLO], {"reasoning": "low"}, **given).headers}
    assert CHANGES_HEADER not in names


def test_the_successor_of_the_retired_auto_model_is_told(
    gateway: EmbeddedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call that was pointed from `kilo/auto` at its successor says so, at once and in later calls."""
    monkeypatch.setenv(TELL_CHANGES, "1")
    client = KiloClient(base_url=gateway.base_url, api_key=gateway.api_key, model="kilo/auto")
    for _ in range(2):
        client.complete([HELLO], stop="END")
    asked = [request for request in gateway.requests if request.path.endswith("/completions")]
    pairs = [(one.body["model"], parse_changes(one.headers.get(CHANGES_HEADER))[-1].place) for one in asked]
    assert pairs == [("kilo/auto", "stop"), *[("kilo-auto/balanced", "model")] * 2]
    (*_, change) = parse_changes(asked[-1].headers.get(CHANGES_HEADER))
    assert (change.before, change.after) == ('"kilo/auto"', '"kilo-auto/balanced"')
    assert "retired" in reason_for_change(change, model_id="kilo-auto/balanced")


def test_the_header_stays_small_and_is_read_tolerantly() -> None:
    """Thousands of changes make a short header in ASCII; what is no list of changes is no change."""
    many = list(find_changes({f"ä{at}": "é" * 50 for at in range(5000)}, {}))
    text = render_changes(many)
    assert len(text) < 4100
    assert text.isascii()
    assert parse_changes(text) == many[: len(parse_changes(text))] != []
    for odd in (
        None,
        "",
        "{",
        "7",
        "{}",
        '[1,["a"],["a","moved",null,null],[1,"added",null,null],["a","added",{},1]]',
        "[" * 9999,
    ):
        assert parse_changes(odd) == []


def test_differences_of_lists_and_depth() -> None:
    """Lists of another length are told as a whole, and nesting without end is no error."""
    assert [one.place for one in find_changes({"a": [1, 2]}, {"a": [1]})] == ["a"]
    assert [one.place for one in find_changes({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]})] == ["a[1].b"]
    before: Any = 1
    after: Any = 2
    for _ in range(2000):
        before, after = [before], [after]
    assert list(find_changes(before, after)) == []
