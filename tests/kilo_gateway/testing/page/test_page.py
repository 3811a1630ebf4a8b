"""What the page shows: requests, answers, tokens, cost and changes as they arrive, escaped, and never a key."""

from __future__ import annotations

import gc
import re
from contextlib import suppress
from html import unescape
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kilo_gateway import KiloError
from kilo_gateway.testing.page.board import MAX_REQUESTS, Board
from kilo_gateway.testing.page.view import render_request_html
from kilo_gateway.testing.page.watched import WatchedRequest
from tests.kilo_gateway.testing.page.conftest import HELLO

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.kilo_gateway.testing.page.conftest import Served

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CHAT = "/api/gateway/chat/completions"


def newest(served: Served, mark: str = "details") -> str:
    """Return the text of the newest request on the page."""
    shown = re.split(r'<details class="request"', served.page())[1]
    return unescape(re.sub(r"<[^>]*>", " ", shown)) if mark == "details" else shown


def is_done(event: dict[str, Any]) -> bool:
    """Return whether an event tells that a request has ended."""
    return event["event"] == "request" and "running" not in str(event["data"])


def test_a_question_and_its_answer(module_served: Served) -> None:
    """Messages, options, model, status, text, tokens and cost of a call are there once it is over."""
    answer = module_served.client(task_id="task-7").complete(HELLO, temperature=0.25, seed=7)
    shown = newest(module_served)
    usage = answer.usage
    assert usage is not None
    for text in ("POST /api/gateway/chat/completions", "task-7", "temperature", "0.25", "user", "Hello", answer.text):
        assert text in shown
    assert answer.model is not None
    assert answer.model in shown
    assert f"{usage.input_tokens} in, {usage.output_tokens} out" in shown
    assert f"${usage.cost:.6f}" in shown
    assert "200 OK" in shown


def test_tools_and_their_calls(module_served: Served) -> None:
    """Offered tools, calls of them with their arguments, and their results are shown, whole or streamed."""
    ask = [{"role": "user", "content": "How is the weather in Oslo?"}]
    client = module_served.client(model="anthropic/claude-sonnet-4.6")
    (call,) = client.complete(ask, tools=[TOOL]).tool_calls
    shown = newest(module_served)
    assert "Tools (1)" in shown
    assert "Tell the weather." in shown
    assert call["id"] in shown
    assert call["function"]["arguments"] in shown
    history = [*ask, {"role": "assistant", "content": None, "tool_calls": [call]}]
    stream = client.stream([*history, {"role": "tool", "tool_call_id": call["id"], "content": "sunny"}], tools=[TOOL])
    assert list(stream)
    shown = newest(module_served)
    assert f"to {call['id']}" in shown
    assert "sunny" in shown
    assert " stream " in shown


def test_reasoning_pictures_and_other_parts(module_served: Served) -> None:
    """Reasoning has its own place, and a picture is named with its size in place of its bytes."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 5000}}
    content = [{"type": "text", "text": "What is it?"}, picture]
    client = module_served.client(model="google/gemini-3-flash-preview")
    answer = client.complete([{"role": "user", "content": content}], reasoning="low")
    shown = newest(module_served)
    assert answer.reasoning
    assert answer.reasoning in shown
    assert "image" in shown
    assert "5,022 characters" in shown


@pytest.mark.parametrize(
    ("ask", "texts"),
    [
        (
            lambda client: client.embed(["one", "two"], model="text-embedding-3-small"),
            ["Texts (2)", "one", "2 vectors of"],
        ),
        (lambda client: client.fill_in("a = ", "\n"), ["prompt", "suffix", "fim"]),
        (lambda client: client.balance(), ["GET /api/profile/balance", "balance"]),
        (
            lambda client: client.complete(HELLO, model="no/such"),
            ["404 Not Found", "does not exist", "List the models"],
        ),
        (lambda client: client.complete(HELLO, model="x/y:free"), ["404"]),
    ],
)
def test_other_calls_and_errors(module_served: Served, ask: Callable[[Any], Any], texts: list[str]) -> None:
    """Embeddings, gaps and lookups are shown too; an error with this package's words for it."""
    with suppress(KiloError):
        ask(module_served.client())
    shown = newest(module_served)
    assert [text for text in texts if text not in shown] == []


def test_what_the_client_changed_is_told_with_its_reason(module_served: Served) -> None:
    """A level that became the gateway's field, one that is not sent, a role, and a signature that was taken out."""
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    call["thought_signature"] = "msg_0123456789"
    messages = [
        {"role": "developer", "content": "Be brief."},
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
    ]
    module_served.client(model="google/gemini-3-flash-preview").complete(messages, reasoning_effort="high")
    shown = newest(module_served)
    assert "Changed by the client before it was sent" in shown
    assert re.search(r"messages\[2\]\.tool_calls\[0\]\.thought_signature\s+removed", shown)
    assert "Gemini decodes every signature" in shown
    assert re.search(r'reasoning\s+added\s+\{"effort": "high"\}', shown)
    assert re.search(r'messages\[0\]\.role\s+replaced\s+"developer" → "system"', shown)
    module_served.client(model="kilo-auto/balanced").complete(HELLO, reasoning="high")
    assert "not sent to an auto id" in newest(module_served)


def test_what_the_gateway_changed_is_told_with_its_reason(module_served: Served) -> None:
    """Fields that the gateway drops or replaces before a provider sees the request are named."""
    client = module_served.client(model="kilo-auto/frontier", task_id="task-1")
    client.complete(HELLO, models=["a/b"], user="me", prompt_cache_key="mine", verbosity="low")
    shown = newest(module_served)
    assert "Changed by the gateway before a provider sees it" in shown
    for place in (r"models\s+removed", r"user\s+replaced", r"prompt_cache_key\s+replaced", r"model\s+replaced"):
        assert re.search(place, shown)
    assert "Lists of fallback models do not work" in shown


def test_what_another_client_did_not_change_is_advised(module_served: Served) -> None:
    """A request of any other client is shown with what a Kilo client would have changed, and passes as it is."""
    parts = [{"type": "text", "text": "a", "thought_signature": "not base64!"}]
    messages = [{"role": "assistant", "content": parts}, *HELLO]
    body = {"model": "google/gemini-3-flash-preview", "messages": messages, "reasoning_effort": "low"}
    headers = {"authorization": f"Bearer {module_served.serving.api_key}"}
    assert module_served.http.post(CHAT, json=body, headers=headers).status_code == 200
    shown = newest(module_served)
    assert "Not changed, but a Kilo client would" in shown
    assert re.search(r"messages\[0\]\.content\[0\]\.thought_signature\s+removed", shown)
    assert re.search(r"reasoning_effort\s+removed", shown)
    assert "not base64!" in shown


EVIL = "</pre></details><script>alert(1)</script><img src=x onerror=alert(1)>\"'&\r\n\0\u202e"


def test_contents_are_escaped_everywhere(module_served: Served) -> None:
    """Markup in a message, a name, an option, a header, a path, an answer or an error stays text."""
    text = EVIL.replace("\r\n\0\u202e", "")
    mark = module_served.mark()
    tool = {"type": "function", "function": {"name": text, "description": EVIL, "parameters": {EVIL: EVIL}}}
    call = {"id": EVIL, "type": "function", "function": {"name": EVIL, "arguments": EVIL}, EVIL: EVIL}
    messages: list[Any] = [
        {"role": EVIL, "content": EVIL, "reasoning": EVIL},
        {"role": "assistant", "content": [{"type": EVIL, EVIL: EVIL}, EVIL], "tool_calls": [call]},
        {"role": "tool", "tool_call_id": EVIL, "content": EVIL},
        {"role": "user", "content": EVIL},
    ]
    body = {"model": "openai/gpt-5-mini", "messages": messages, "tools": [tool], EVIL: EVIL, "user": EVIL}
    headers = {"authorization": f"Bearer {module_served.serving.api_key}", "x-kilocode-taskid": text}
    headers["x-kilo-changes"] = '[["<script>alert(1)</script>","removed","<img>",null]]'
    module_served.http.post(CHAT, json=body, headers=headers)
    module_served.http.post(CHAT, json={**body, "model": "<script>alert(1)</script>"}, headers=headers)
    module_served.http.get("/<script>alert(1)</script>?<script>alert(1)</script>")
    page = module_served.page()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    told = module_served.events(after=mark, until=lambda event: event["event"] == "totals")
    for html in (page, *(str(event["data"]) for event in told)):
        assert "<script>alert" not in html
        assert not re.search(r"<[^>]*\son\w+\s*=", html)
        assert "<img" not in html
    with module_served.http.stream("GET", "/_page/events", params={"after": mark}) as response:
        assert b"<" not in next(response.iter_bytes())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["model", "messages", "tools", "role", "content", "tool_calls", "function", "reasoning_effort", "input", "stream"]
)
BODIES = st.recursive(
    JSON, lambda inner: st.dictionaries(NAMES, inner | st.lists(inner, max_size=3), max_size=6), max_leaves=12
)


ODD = {
    "messages": ["text", None, {"content": 5}, {"content": [1, {"type": "text"}], "tool_calls": [None, {}]}],
    "tools": [None, {"function": []}],
}


@settings(max_examples=30, deadline=None)
@example(body=ODD, answer=[["model", "removed", None, None]], status=200, is_stream=False)
@given(body=BODIES, answer=BODIES, status=st.sampled_from([200, 200, 404, 503]), is_stream=st.booleans())
def test_whatever_passes_can_be_shown(body: Any, answer: Any, status: int, is_stream: bool) -> None:
    """No request and no answer, however odd, makes the page fail."""
    import orjson

    try:
        raw, back = orjson.dumps(body), orjson.dumps(answer)
    except TypeError:  # whole numbers of more than 64 bits
        return
    request, spellings = Board("").add("POST", CHAT, [("x-kilo-changes", back.decode("ascii", "replace"))], raw)
    kind = "text/event-stream" if is_stream else "application/json"
    request.begin_answer(status, {"content-type": kind}, spellings)
    assert request.reader is not None
    request.reader.feed(b"data: " + back + b"\n\n" if is_stream else back)
    assert render_request_html(request)
    request.take_snapshot()
    request.end(is_whole=True)
    assert render_request_html(request).count("<details") == render_request_html(request).count("</details>")


def test_a_key_is_neither_shown_nor_kept(start: Callable[..., Served]) -> None:
    """The bearer is in no page, event or object, not even where a chain put it into a prompt or a header."""
    served = start()
    key, other = "k3y-very-secret-4711-abcdef", "0ther-secret-4711-abcdef"
    mark = served.mark()
    body = {"model": f"model-{key}", "messages": [{"role": "user", "content": f"My key is {key}."}], "user": key}
    headers = {"authorization": f"Bearer {key}", "x-api-key": other, "x-note": f"a {key}", "cookie": f"a={other}"}
    headers["x-kilo-changes"] = f'[["user","replaced","{key}",null]]'
    assert served.http.post(CHAT, json=body, headers=headers).status_code == 401
    served.http.get(f"/api/{key}?key={key}", headers=headers)
    told = served.events(after=mark, until=lambda event: event["event"] == "totals")
    for text in (served.page(), str(told)):
        assert key not in text
        assert other not in text
        assert "[redacted]" in text
    boards = [one for one in gc.get_objects() if isinstance(one, WatchedRequest)]
    assert boards
    assert not [one for one in boards if key in repr(vars(one)) or other in repr(vars(one))]


def test_the_page_is_told_as_it_happens(module_served: Served) -> None:
    """Who watches is told of a request when it comes and when its answer ends; a mark seen before misses nothing."""
    mark = module_served.mark()
    module_served.client().complete([{"role": "user", "content": "first of two"}])
    seen = module_served.events(after=mark, until=lambda event: event["event"] == "totals")
    assert "first of two" in str(seen[0]["data"]["whole"])
    module_served.client().complete([{"role": "user", "content": "second of two"}])
    later = module_served.events(after=seen[-1]["id"], until=lambda event: event["event"] == "totals")
    assert "second of two" in str(later)
    assert "first of two" not in str(later)
    headers = {"last-event-id": seen[-1]["id"]}
    with module_served.http.stream("GET", f"/_page/events?after={mark}", headers=headers) as response:
        text = b""
        for piece in response.iter_bytes():
            text += piece
            if b"event: totals" in text:
                break
    assert b"second of two" in text
    assert b"first of two" not in text


@pytest.mark.parametrize("mark", ["", "x", "0123456789abcdef-1", "-1", "0123456789abcdef-" + "9" * 40])
def test_a_mark_of_another_run_means_to_load_anew(module_served: Served, mark: str) -> None:
    """A page that is older than the server is told to load itself again."""
    assert [event["event"] for event in module_served.events(after=mark, until=lambda _: True)] == ["reload"]


def test_only_the_newest_requests_are_kept() -> None:
    """The page's memory is bounded by number and by size."""
    board = Board("")
    for _ in range(MAX_REQUESTS + 50):
        board.add("POST", CHAT, [], b"{}")
    assert (len(board.requests), board.total) == (MAX_REQUESTS, MAX_REQUESTS + 50)
    assert [one.number for one in board.changed_since(0)] == list(board.requests)
    for _ in range(10):
        board.add("POST", CHAT, [], b" " * (16 * 1024 * 1024))
    assert len(board.requests) <= 4


def test_a_client_that_leaves_and_an_answer_that_never_came(start: Callable[..., Served]) -> None:
    """A call whose client goes away is shown as cut, and the server serves on."""
    served = start(delay_ms=50)
    headers = {"authorization": f"Bearer {served.serving.api_key}"}
    body = {"model": "kilo-embedded/repeat", "messages": HELLO, "stream": True, "max_tokens": 500}
    mark = served.mark()
    with httpx.stream("POST", f"{served.serving.page}api/gateway/chat/completions", json=body, headers=headers) as left:
        assert next(left.iter_bytes())
    events = served.events(after=mark, until=lambda event: "was cut" in str(event["data"]))
    assert "was cut before the answer was whole" in str(events[-1]["data"])
    assert served.client().complete(HELLO).text
