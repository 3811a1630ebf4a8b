"""Which path leads where. Matches exactly; a trailing or doubled slash is another path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.routing import Match, Route

from kilo_gateway.testing.gateway import account_routes, catalog_routes, chat, embeddings, fim
from kilo_gateway.testing.gateway.answer import Answer
from kilo_gateway.testing.gateway.incoming import IncomingRequest
from kilo_gateway.testing.options import VERSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

    from kilo_gateway.testing.options import Version

AnswerCall = Callable[[IncomingRequest], Awaitable[Answer]]

_BASES = ("/api/gateway", "/api/openrouter", "/api/gateway/v1", "/api/openrouter/v1", "/api/v1")


async def _invalid_path(incoming: IncomingRequest) -> Answer:
    return incoming.refusal("invalid_path")


async def _wrong_method(_: IncomingRequest) -> Answer:
    return Answer(status=405)


async def _not_found(_: IncomingRequest) -> Answer:
    return Answer("<!DOCTYPE html><html><body>404: This page could not be found.</body></html>", status=404)


_ROUTES: tuple[tuple[str, str, str, AnswerCall], ...] = (
    ("chat", "POST", "{base}/chat/completions", chat.answer_chat),
    ("embeddings", "POST", "{base}/embeddings", embeddings.answer_embeddings),
    ("models", "GET", "{base}/models", catalog_routes.answer_models),
    ("profile", "GET", "/api/profile", account_routes.answer_profile),
    ("balance", "GET", "/api/profile/balance", account_routes.answer_balance),
    ("defaults", "GET", "/api/defaults", account_routes.answer_defaults),
    ("fim", "POST", "/api/fim/completions", fim.answer_fim),
    ("fim", "POST", "/api/v1/fim/completions", fim.answer_fim),
    ("organization-defaults", "GET", "/api/organizations/{id}/defaults", account_routes.answer_organization_defaults),
    ("embedding-models", "GET", "{base}/embedding-models", embeddings.answer_embedding_models),
    ("model-endpoints", "GET", "{base}/models/{lab}/{name}/endpoints", catalog_routes.answer_model_endpoints),
    ("models-by-provider", "GET", "{base}/models-by-provider", catalog_routes.answer_models_by_provider),
    ("providers", "GET", "{base}/providers", catalog_routes.answer_providers),
)
ENDPOINTS = tuple(dict.fromkeys(endpoint for endpoint, *_ in _ROUTES))
"""The names under which answers can be scripted."""
_NEWEST_ONLY = ("embeddings", "embedding-models", "model-endpoints")


def _expanded(version: Version) -> list[tuple[Route, str, AnswerCall]]:
    return [
        (Route(path.replace("{base}", base), answer_call, methods=[method]), endpoint, answer_call)
        for endpoint, method, path, answer_call in _ROUTES
        if version == "newest" or endpoint not in _NEWEST_ONLY
        for base in (_BASES if path.startswith("{base}") else ("",))
    ]


_TABLE = {version: _expanded(version) for version in VERSIONS}


def find_route(scope: Scope, version: Version) -> tuple[str, AnswerCall, Mapping[str, str]]:
    """Return the endpoint's name, what answers it, and what the path named; unknown paths lead to a refusal."""
    best = Match.NONE
    for route, endpoint, answer_call in _TABLE[version]:
        match, found = route.matches(scope)
        if match is Match.FULL:
            return endpoint, answer_call, found["path_params"]
        best = max(best, match, key=lambda one: one.value)
    if best is Match.PARTIAL:
        return "wrong-method", _wrong_method, {}
    if scope["method"] == "POST" and scope["path"].startswith(tuple(f"{base}/" for base in _BASES)):
        return "invalid-path", _invalid_path, {}
    return "not-found", _not_found, {}
