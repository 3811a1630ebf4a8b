"""The body that a provider would see: what the gateway adds, replaces and removes. Returns copies; sends nothing."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.gateway.checks import routing
from kilo_gateway.testing.gateway.identity import header_value
from kilo_gateway.testing.gateway.model_ids import is_hosted_free

if TYPE_CHECKING:
    from kilo_gateway.testing.gateway.checks import ChatRequest

_REMOVED = ("models", "usage", "description", "reasoningEffort")


def forwarded_body(request: ChatRequest) -> dict[str, Any]:
    """Return the body after the gateway's changes; the request's own body stays as it is."""
    body = {key: value for key, value in request.body.items() if key not in _REMOVED}
    incoming, state = request.incoming, request.incoming.state
    if request.resolved != request.model:
        body["model"] = request.resolved
    if body.get("stream"):
        given = body.get("stream_options")
        body["stream_options"] = {**(given if isinstance(given, dict) else {}), "include_usage": True}
    body["user"] = body["safety_identifier"] = sha256(f"kilo-embedded-user{incoming.user_id}".encode()).hexdigest()
    task_id = header_value(incoming.received.headers, "x-kilocode-taskid")
    if task_id is not None:
        body["prompt_cache_key"] = _cache_key(incoming.user_id, task_id)
    provider = routing(request)
    if is_hosted_free(request.resolved, state):
        body["model"] = request.resolved.removesuffix(":free")
        provider = {"only": [state.hosting[request.resolved]]}
    if provider:
        body["provider"] = provider
    if request.model == "kilo-auto/frontier":
        body.pop("reasoning_effort", None)
        body.update(reasoning={"effort": "medium"}, verbosity="medium")
    return body


def _cache_key(user_id: str, task_id: str) -> str:
    """Return the 44-character `prompt_cache_key` of a user's task."""
    return base64.b64encode(sha256(f"kilo-embedded{user_id}{task_id}".encode()).digest()).decode()
