"""Messages + options + family rules -> the body of a chat request, in the proxy style of an OpenAI-compatible gateway.

Nothing native to OpenAI is added: no `store`, `service_tier`, `prompt_cache_key`, `reasoning_effort` or `strict`,
no `developer` role, no cache markers. What the caller wrote is kept. Decides; never sends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kilo_gateway.errors import InvalidRequestError
from kilo_gateway.jsontext import find_non_finite
from kilo_gateway.request.families import rules_for
from kilo_gateway.request.history import settle_history
from kilo_gateway.request.option_checks import check_extra_body, check_options
from kilo_gateway.request.options import SHAPED
from kilo_gateway.request.reasoning import apply_reasoning, effective_level, parse_level, split_reasoning
from kilo_gateway.request.thought_signatures import sanitize_signatures

if TYPE_CHECKING:
    from kilo_gateway.wire import Message

_RESERVED = ("model", "messages", "stream")
"""What `extra_body` may not hold."""


def render_request(
    messages: Sequence[Mapping[str, Any]], *, model_id: str, stream: bool, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the body: `{model, messages, stream, ...}`; new where it differs, sharing what it does not change.

    `options` are those of `kilo_gateway.request.options`, with `reasoning` (a level word, or an object sent as it is),
    `reasoning_effort` (another spelling of the level) and `extra_body` (merged over everything). A `reasoning` in
    `extra_body` is the caller's own object, to which a level is added as to any other; a `reasoning_effort` in it is
    the level where no other is given, and never goes out. A `stop` that is text is sent as a list, which some providers
    insist on.

    Raises:
        InvalidRequestError: no messages, a message that is none, an unknown option, NaN or infinity.
    """
    given = dict(options)
    own = {name: given.pop(name, None) for name in SHAPED}
    level, reasoning = split_reasoning(own["reasoning"], own["reasoning_effort"])
    extra = check_extra_body(own["extra_body"], reserved=_RESERVED, model=model_id)
    effort = extra.pop("reasoning_effort", None)
    level = parse_level(effort) if level is None and effort is not None else level
    rules = rules_for(model_id)
    body: dict[str, Any] = {
        "model": model_id,
        "messages": sanitize_signatures(settle_history(render_messages(messages, model_id)), rule=rules.signature_rule),
        **_render_options(check_options(given, also=SHAPED, model=model_id), extra),
    }
    if stream:
        body["stream"] = True
    if reasoning is not None:
        body["reasoning"] = reasoning
    body |= _without_idle(extra, stream=stream)
    body = apply_reasoning(body, level=effective_level(model_id, level), injects=rules.injects_reasoning)
    if isinstance(body.get("stop"), str):
        body["stop"] = [body["stop"]]
    if place := find_non_finite(body):
        raise InvalidRequestError(
            f"{place} cannot be sent as JSON, which carries finite numbers and limited nesting only.", model=model_id
        )
    return body


def render_messages(messages: Sequence[Mapping[str, Any]], model_id: str) -> list[Message]:
    """Return the messages with role `developer` told as `system`, which is the gateway's word for it.

    Raises:
        InvalidRequestError: not a list, empty, or an entry without a role.
    """
    if isinstance(messages, (str, Mapping)) or not isinstance(messages, Sequence):
        raise InvalidRequestError(
            f"messages must be a list of messages, not a {type(messages).__name__}.", model=model_id
        )
    if not messages:
        raise InvalidRequestError(
            f"There are no messages to send to model {model_id!r}; give at least one, such as "
            '{"role": "user", "content": "Hello"}.',
            model=model_id,
        )
    return [_render_message(message, place, model_id) for place, message in enumerate(messages)]


def _render_message(message: Any, place: int, model_id: str) -> Message:
    if not isinstance(message, (dict, Mapping)) or not isinstance(role := message.get("role"), str) or not role:
        raise InvalidRequestError(f"messages[{place}] is not a message: it needs a role and content.", model=model_id)
    if role == "developer":
        return {**message, "role": "system"}  # type: ignore[typeddict-item] # a Mapping is spread, not a TypedDict
    return message if isinstance(message, dict) else {**message}  # type: ignore[return-value, typeddict-item] # a Mapping


def _without_idle(extra: dict[str, Any], *, stream: bool) -> dict[str, Any]:
    """Return `extra_body` as sent: `stream_options` with streams only, which always ask for usage; no empty `tools`."""
    own = extra.pop("stream_options", None)
    if not extra.get("tools", True):
        del extra["tools"]
    if not stream:
        return extra
    options = {"include_usage": True, **own} if isinstance(own, Mapping) else {"include_usage": True}
    return {"stream_options": options, **extra}


def _render_options(given: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options as sent: no empty `stop`, and no tool options where there are no tools."""
    stop, tools = given.get("stop"), extra.get("tools", given.get("tools"))
    idle: set[str] = set()
    if isinstance(stop, (list, tuple)) and not stop:
        idle.add("stop")
    if not tools:
        idle |= {"tools", "tool_choice", "parallel_tool_calls"}
    return {name: value for name, value in given.items() if name not in idle}
