"""A request as HTML: one line that opens, and in it the request, its changes and its answer. Renders; keeps nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kilo_gateway.errors.text import status_phrase
from kilo_gateway.testing.page.elements import Html, element, join, long_text
from kilo_gateway.testing.page.view_body import render_body_html

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kilo_gateway.answer.usage import Usage
    from kilo_gateway.testing.page.changes import By, ShownChange
    from kilo_gateway.testing.page.watched import WatchedRequest

_FIRST_REFUSAL = 400
_LONGEST_VALUE = 48
"""Characters of a value beside a change."""
_HEADINGS: dict[By, str] = {
    "client": "Changed by the client before it was sent",
    "gateway": "Changed by the gateway before a provider sees it",
    "advice": "Not changed, but a Kilo client would",
}
_SIGNS = {"removed": "-", "added": "+", "replaced": "→"}


def render_request_html(request: WatchedRequest, *, is_open: bool = False) -> Html:
    """Return the whole request."""
    mark = f"r{request.number}"
    parts = [
        element("section", *render_body_html(request), class_="asked"),
        element("section", render_answer_html(request), class_="answered", id=f"{mark}-answer"),
        element("section", render_changes_html(request), class_="changed", id=f"{mark}-changes"),
    ]
    return element(
        "details",
        element("summary", render_head_html(request), id=f"{mark}-head"),
        element("div", *parts, class_="parts"),
        class_="request",
        id=mark,
        open=is_open,
        data_kind=request.kind,
    )


def render_head_html(request: WatchedRequest) -> Html:
    """Return the line that is seen while the request is closed."""
    answer, usage = request.answer, request.answer.usage
    is_stream = isinstance(request.body, dict) and request.body.get("stream") is True
    made = sum(one.by != "advice" and not one.is_usual for one in request.changes)
    advised = sum(one.by == "advice" for one in request.changes)
    what = request.kind if request.kind != "other" else f"{request.method} {request.path}"
    facts: list[Html | None] = [
        _badge(f"#{request.number}", "number"),
        _badge(time.strftime("%H:%M:%S", time.localtime(request.began)), "time"),
        _badge(what, "kind"),
        _badge(request.model, "model") if request.model else None,
        _badge(f"→ {answer.model}", "answering") if answer.model and answer.model != request.model else None,
        _badge("stream", "plain") if is_stream else None,
        _status_badge(request),
        _badge(_tokens(usage), "plain") if usage is not None else None,
        _badge(_cost(usage), "plain") if usage is not None and usage.cost is not None else None,
        _badge(f"{request.seconds:.2f} s", "plain") if request.seconds is not None else None,
        _badge(_count(made, "change"), "change") if made else None,
        _badge(f"{advised} to change", "advice") if advised else None,
    ]
    return join(facts)


def render_answer_html(request: WatchedRequest) -> Html:
    """Return what came back so far."""
    answer = request.answer
    problem = answer.error or request.problem
    shown = [
        element("h3", "Answer"),
        element("p", problem, class_="problem") if problem else None,
        _text("Reasoning", answer.reasoning, "reasoning"),
        _text(None, answer.text, "text"),
        *(_tool_call(*call) for call in answer.tool_calls),
        element("p", answer.note, class_="note") if answer.note else None,
        _facts_of_answer(request),
    ]
    if request.is_running and not any(shown[1:-1]):
        shown.insert(1, element("p", "Waiting …", class_="note"))
    return join(shown)


def render_changes_html(request: WatchedRequest) -> Html:
    """Return what was changed on the way, and why."""
    if request.kind != "chat":
        return Html("")
    groups = {by: [one for one in request.changes if one.by == by] for by in _HEADINGS}
    shown = [
        join([element("h4", _HEADINGS[by]), element("ul", *(_change(one) for one in changes))])
        for by, changes in groups.items()
        if changes
    ]
    nothing = element("p", "Nothing that this page can see.", class_="note")
    return join([element("h3", "Changed on the way"), *(shown or [nothing])])


def render_totals_html(requests: Iterable[WatchedRequest], total: int) -> Html:
    """Return the sums over all that is shown."""
    usages = [one.answer.usage for one in requests if one.answer.usage is not None]
    costs = [usage.cost for usage in usages if usage.cost is not None]
    facts = [
        _count(total, "request"),
        f"{sum(usage.input_tokens for usage in usages):,} tokens in",
        f"{sum(usage.output_tokens for usage in usages):,} out",
        f"${sum(costs):.6f}" if costs else "no cost told",
    ]
    return join(element("span", fact) for fact in facts)


def _change(change: ShownChange) -> Html:
    values = None
    if change.before is not None or change.after is not None:
        pair = [text for text in (change.before, change.after) if text is not None]
        values = element("span", " ", element("code", " → ".join(_short(text) for text in pair)), class_="values")
    head = [element("b", _SIGNS.get(change.kind, "?")), " ", element("code", change.place), f" {change.kind}", values]
    return element(
        "li", *head, element("div", _with_code(change.why), class_="why"), class_=f"change {change.by} {change.kind}"
    )


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _with_code(text: str) -> Html:
    """Return a sentence with what stands between backticks as code."""
    pieces = text.split("`")
    return join(element("code", piece) if at % 2 else piece for at, piece in enumerate(pieces))


def _facts_of_answer(request: WatchedRequest) -> Html | None:
    answer, usage = request.answer, request.answer.usage
    facts: dict[str, Any] = {
        "status": None if request.status is None else status_phrase(request.status),
        "model": answer.model,
        "provider": answer.provider,
        "finish reason": answer.finish_reason,
        "tokens": None if usage is None else _token_details(usage),
        "cost": None if usage is None or usage.cost is None else _cost_details(usage),
        "bytes": f"{answer.size:,}" if answer.size else None,
    }
    rows = [element(name, text) for key, value in facts.items() if value for name, text in (("dt", key), ("dd", value))]
    return element("dl", *rows) if rows else None


def _tool_call(call_id: str, name: str, arguments: str) -> Html:
    title = element("div", element("b", name or "?"), " ", element("span", call_id, class_="id"))
    return element("div", title, element("pre", long_text(arguments)), class_="tool-call")


def _text(heading: str | None, text: str, class_: str) -> Html | None:
    if not text:
        return None
    title = element("h4", heading) if heading else None
    return join([title, element("pre", long_text(text), class_=class_, dir="auto")])


def _status_badge(request: WatchedRequest) -> Html:
    failed = bool(request.answer.error or request.problem)
    if request.is_running:
        return _badge("running" if not failed else "failed", "bad" if failed else "running")
    if request.status is None:
        return _badge("no answer", "bad")
    is_bad = failed or request.status >= _FIRST_REFUSAL
    return _badge(
        f"{request.status}" + (" failed" if is_bad and request.status < _FIRST_REFUSAL else ""), _tone(is_bad)
    )


def _tone(is_bad: bool) -> str:
    return "bad" if is_bad else "good"


def _badge(text: str, class_: str) -> Html:
    return element("span", text, class_=f"badge {class_}")


def _count(count: int, word: str) -> str:
    return f"{count} {word}{'s' * (count != 1)}"


def _tokens(usage: Usage) -> str:
    return f"{usage.input_tokens:,} + {usage.output_tokens:,} tokens"


def _cost(usage: Usage) -> str:
    return f"${usage.cost or 0:.6f}"


def _token_details(usage: Usage) -> str:
    details = {
        "cached": usage.cached_tokens,
        "written to cache": usage.cache_write_tokens,
        "reasoning": usage.reasoning_tokens,
    }
    more = ", ".join(f"{count:,} {word}" for word, count in details.items() if count)
    return f"{usage.input_tokens:,} in, {usage.output_tokens:,} out" + (f" ({more})" if more else "")


def _cost_details(usage: Usage) -> str:
    billed = usage.billed_cost
    differs = billed is not None and billed != usage.cost
    return _cost(usage) + (f", billed ${billed:.6f}" if differs else "")
