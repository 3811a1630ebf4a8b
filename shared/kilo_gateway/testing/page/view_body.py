"""What was asked, as HTML: headers, options, tools, messages, and the body as it came. Renders; keeps nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from kilo_gateway.testing.page.elements import Html, element, join, long_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kilo_gateway.testing.page.watched import WatchedRequest

_APART = frozenset({"model", "messages", "tools", "input", "prompt", "suffix"})
"""Fields that are shown in a way of their own."""
_MAX_MESSAGES = 200
_MAX_ITEMS = 100
_LONGEST_OPTION = 2000
_ONE_LINE = 60
"""Bytes of JSON that are shown on one line."""
_PARTS = {"image_url": "image", "input_audio": "sound", "file": "file", "video_url": "video"}


def render_body_html(request: WatchedRequest) -> Iterator[Html | None]:
    """Yield the parts of the request."""
    body = request.body if isinstance(request.body, dict) else {}
    yield element("h3", "Request")
    yield _facts(
        {"asked": f"{request.method} {request.path}", "credential": request.credential, **dict(request.headers)}
    )
    options = {name: _json(value, _LONGEST_OPTION) for name, value in body.items() if name not in _APART}
    if options:
        yield join([element("h4", "Options"), _facts(options)])
    yield _tools(body.get("tools"))
    yield _messages(body.get("messages"))
    yield _texts(body)
    if request.body is None and request.body_bytes:
        yield element("p", f"{request.body_bytes:,} bytes that are no JSON, or too many to show.", class_="note")
    if request.body is not None:
        title = element("summary", f"The body as it came, {request.body_bytes:,} bytes")
        yield element("details", title, element("pre", _json(request.body, 100_000)), class_="raw")


def _tools(tools: Any) -> Html | None:
    if not isinstance(tools, list) or not tools:
        return None
    return join([element("h4", f"Tools ({len(tools)})"), *(_tool(tool) for tool in tools[:_MAX_ITEMS])])


def _tool(tool: Any) -> Html:
    tool = tool if isinstance(tool, dict) else {}
    function = tool.get("function")
    function = function if isinstance(function, dict) else {}
    name = element("b", str(function.get("name") or tool.get("type") or "?"))
    description = function.get("description")
    title = element("summary", name, f" {long_text(description, 300)}" if isinstance(description, str) else None)
    return element("details", title, element("pre", _json(function.get("parameters") or tool, 20_000)), class_="tool")


def _messages(messages: Any) -> Html | None:
    if not isinstance(messages, list):
        return None
    shown = [_message(message) for message in messages[-_MAX_MESSAGES:]]
    left_out = len(messages) - len(shown)
    note = element("p", f"{left_out} earlier messages are not shown.", class_="note") if left_out else None
    return join([element("h4", f"Messages ({len(messages)})"), note, *shown])


def _message(message: Any) -> Html:
    if not isinstance(message, dict):
        return element("div", element("pre", _json(message)), class_="message")
    role = str(message.get("role") or "?")
    answered = message.get("tool_call_id")
    title = [element("b", role), element("span", f" to {answered}", class_="id") if answered else None]
    details = message.get("reasoning_details")
    calls = message.get("tool_calls")
    parts: list[Html | None] = [
        element("div", *title, class_="role"),
        _labelled("reasoning", message.get("reasoning")),
        _labelled("reasoning details", _json(details) if details else None),
        *_content(message.get("content")),
        *(_call(call) for call in (calls if isinstance(calls, list) else [])),
    ]
    known = role if role in ("system", "user", "assistant", "tool") else "other"
    return element("div", *parts, class_=f"message {known}")


def _content(content: Any) -> Iterator[Html | None]:
    if isinstance(content, str):
        yield element("pre", long_text(content), dir="auto") if content else None
    elif isinstance(content, list):
        for part in content[:_MAX_ITEMS]:
            yield _part(part)
    elif content is not None:
        yield element("pre", _json(content))


def _part(part: Any) -> Html:
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        rest = {name: value for name, value in part.items() if name not in ("type", "text")}
        more = element("pre", _json(rest), class_="more") if rest else None
        return join([element("pre", long_text(part["text"]), dir="auto"), more])
    kind = part.get("type") if isinstance(part, dict) else None
    return join([_labelled(_PARTS.get(str(kind), str(kind or "part")), _json(_shortened(part)))])


def _shortened(value: Any, depth: int = 0) -> Any:
    """Return the value with long texts, such as pictures in base64, cut to their beginning and length."""
    if isinstance(value, str) and len(value) > 200:  # noqa: PLR2004 - a line or two
        return f"{value[:80]} … {len(value):,} characters"
    if isinstance(value, dict) and depth < 5:  # noqa: PLR2004 - deeper than any part
        return {name: _shortened(one, depth + 1) for name, one in value.items()}
    return value


def _call(call: Any) -> Html:
    call = call if isinstance(call, dict) else {}
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    rest = {name: value for name, value in call.items() if name not in ("id", "type", "function", "index")}
    rest |= {name: value for name, value in function.items() if name not in ("name", "arguments")}
    title = element(
        "div",
        element("b", str(function.get("name") or "?")),
        " ",
        element("span", str(call.get("id") or ""), class_="id"),
    )
    arguments = function.get("arguments")
    shown = arguments if isinstance(arguments, str) else _json(arguments)
    more = element("pre", _json(rest), class_="more") if rest else None
    return element("div", title, element("pre", long_text(shown)), more, class_="tool-call")


def _texts(body: dict[str, Any]) -> Html | None:
    """Return what an embedding or a gap is asked for."""
    given = body.get("input")
    texts = given if isinstance(given, list) else [given] if given is not None else []
    shown = [element("pre", long_text(one if isinstance(one, str) else _json(one), 2000)) for one in texts[:_MAX_ITEMS]]
    if texts:
        return join([element("h4", f"Texts ({len(texts)})"), *shown])
    around = [_labelled(name, body[name]) for name in ("prompt", "suffix") if isinstance(body.get(name), str)]
    return join(around) if around else None


def _labelled(label: str, text: Any) -> Html | None:
    if not isinstance(text, str) or not text:
        return None
    return element("div", element("span", label, class_="label"), element("pre", long_text(text), dir="auto"))


def _facts(facts: dict[str, str]) -> Html:
    rows = [element(name, text) for pair in facts.items() for name, text in zip(("dt", "dd"), pair, strict=True)]
    return element("dl", *rows)


def _json(value: Any, limit: int = 20_000) -> str:
    try:
        short = orjson.dumps(value)
        is_short = len(short) <= _ONE_LINE
        text = (short if is_short else orjson.dumps(value, option=orjson.OPT_INDENT_2)).decode()
    except TypeError:  # whole numbers of more than 64 bits, or nesting without end
        text = repr(value)
    return long_text(text, limit)
