"""What OpenTelemetry's GenAI conventions call the options of a request and the usage of an answer. Renders values.

Source: https://github.com/open-telemetry/semantic-conventions-genai (2026-11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.answer.usage import Usage

_REQUEST: Final = {
    "max_tokens": "gen_ai.request.max_tokens",
    "max_completion_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "seed": "gen_ai.request.seed",
    "n": "gen_ai.request.choice.count",
    "dimensions": "gen_ai.embeddings.dimension.count",
}
_USAGE: Final = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "billed_cost": "gen_ai.usage.cost",
}
_OUTPUT_TYPES: Final = {"json_object": "json", "json_schema": "json", "text": "text"}
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


def request_attributes(operation: str, body: Mapping[str, Any], url: str) -> dict[str, Any]:
    """Return the attributes of a request, which hold nothing of what was said."""
    place = urlsplit(url)
    found: dict[str, Any] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": "kilo",
        "gen_ai.request.model": body["model"],
        "server.address": place.hostname or "",
        "server.port": place.port or _DEFAULT_PORTS.get(place.scheme, 443),
    }
    found |= {name: body[key] for key, name in _REQUEST.items() if isinstance(body.get(key), (int, float))}
    if body.get("stream"):
        found["gen_ai.request.stream"] = True
    if body.get("n") == 1:
        del found["gen_ai.request.choice.count"]  # told where it is not the usual one
    if stop := body.get("stop"):
        found["gen_ai.request.stop_sequences"] = [stop] if isinstance(stop, str) else list(stop)
    if isinstance(encoding := body.get("encoding_format"), str):
        found["gen_ai.request.encoding_formats"] = [encoding]
    wanted = body.get("response_format")
    if isinstance(wanted, dict) and (kind := _OUTPUT_TYPES.get(str(wanted.get("type")))) is not None:
        found["gen_ai.output.type"] = kind
    return found


def usage_attributes(usage: Usage | None, *, has_output: bool) -> dict[str, Any]:
    """Return the attributes of what an answer used and cost; vectors have no output tokens."""
    if usage is None:
        return {}
    return {name: getattr(usage, field) for field, name in _USAGE.items() if has_output or "output" not in field}
