"""Which path of which version leads where. Matches exactly; a trailing or doubled slash is another path."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from kilo_gateway.testing.gateway import account_routes, catalog_routes, chat, embeddings, fim
from kilo_gateway.testing.gateway.errors import render_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from kilo_gateway.testing.gateway.sending import Exchange
    from kilo_gateway.testing.options import Version

    Answer = Callable[[Exchange, Mapping[str, str]], Awaitable[None]]

BASES: dict[Version, tuple[str, ...]] = {
    "newest": ("/api/gateway", "/api/openrouter", "/api/gateway/v1", "/api/openrouter/v1", "/api/v1"),
    "2026-02": ("/api/gateway", "/api/openrouter"),
}
_BOTH: tuple[Version, ...] = ("newest", "2026-02")
_NEW: tuple[Version, ...] = ("newest",)


@dataclass(frozen=True)
class Route:
    """Where a request goes: the endpoint's name, its answer, and what the path named."""

    endpoint: str
    answer: Answer
    parameters: Mapping[str, str] = field(default_factory=dict)


async def _invalid_path(exchange: Exchange, _: Mapping[str, str]) -> None:
    error = render_error("invalid_path", exchange.version)
    await exchange.send_answer(error.status, error.body)


async def _wrong_method(exchange: Exchange, _: Mapping[str, str]) -> None:
    await exchange.send_answer(405, None)


async def _not_found(exchange: Exchange, _: Mapping[str, str]) -> None:
    await exchange.send_answer(404, "<!DOCTYPE html><html><body>404: This page could not be found.</body></html>")


ROUTES: tuple[tuple[str, str, str, tuple[Version, ...], Answer], ...] = (
    ("chat", "POST", "{base}/chat/completions", _BOTH, chat.answer_chat),
    ("responses", "POST", "{base}/responses", _NEW, chat.answer_responses),
    ("messages", "POST", "{base}/messages", _NEW, chat.answer_messages),
    ("embeddings", "POST", "{base}/embeddings", _NEW, embeddings.answer_embeddings),
    ("embedding-models", "GET", "{base}/embedding-models", _NEW, embeddings.answer_embedding_models),
    ("models", "GET", "{base}/models", _BOTH, catalog_routes.answer_models),
    ("model-endpoints", "GET", "{base}/models/{lab}/{name}/endpoints", _NEW, catalog_routes.answer_model_endpoints),
    ("models-by-provider", "GET", "{base}/models-by-provider", _BOTH, catalog_routes.answer_models_by_provider),
    ("providers", "GET", "{base}/providers", _BOTH, catalog_routes.answer_providers),
    ("fim", "POST", "/api/fim/completions", _BOTH, fim.answer_fim),
    ("fim", "POST", "/api/v1/fim/completions", _NEW, fim.answer_fim),
    ("profile", "GET", "/api/profile", _BOTH, account_routes.answer_profile),
    ("balance", "GET", "/api/profile/balance", _BOTH, account_routes.answer_balance),
    ("defaults", "GET", "/api/defaults", _BOTH, account_routes.answer_defaults),
    ("organization-models", "GET", "/api/organizations/{id}/models", _BOTH, account_routes.answer_organization_models),
    (
        "organization-defaults",
        "GET",
        "/api/organizations/{id}/defaults",
        _BOTH,
        account_routes.answer_organization_defaults,
    ),
)


def _pattern(template: str, bases: tuple[str, ...]) -> re.Pattern[str]:
    escaped = re.escape(template).replace(r"\{base\}", "(?:" + "|".join(map(re.escape, bases)) + ")")
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", escaped))


_TABLE: dict[Version, tuple[tuple[str, str, re.Pattern[str], Answer], ...]] = {
    version: tuple(
        (endpoint, method, _pattern(template, BASES[version]), answer)
        for endpoint, method, template, versions, answer in ROUTES
        if version in versions
    )
    for version in _BOTH
}


def find_route(method: str, path: str, version: Version) -> Route:
    """Return the route of a request; unknown ones lead to the version's refusal."""
    is_known = False
    for endpoint, wanted, pattern, answer in _TABLE[version]:
        match = pattern.fullmatch(path)
        if match is None:
            continue
        if method == wanted:
            return Route(endpoint, answer, {name: unquote(value) for name, value in match.groupdict().items()})
        is_known = True
    if is_known:
        return Route("wrong-method", _wrong_method)
    if method == "POST" and path.startswith(tuple(f"{base}/" for base in BASES[version])):
        return Route("invalid-path", _invalid_path)
    return Route("not-found", _not_found)
