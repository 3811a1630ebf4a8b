"""What the gateway refuses before it asks a model. The first refusal wins; nothing is sent.

Source of the order: the gateway's public server source, https://github.com/Kilo-Org/cloud.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from kilo_gateway.testing.gateway.identity import header_value
from kilo_gateway.testing.gateway.model_ids import CLASSIFIED, is_auto, is_free, is_hosted_free, resolve_auto

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing.gateway.answer import Answer
    from kilo_gateway.testing.gateway.incoming import IncomingRequest

_HOUR_SECONDS = 3600
_DAY_SECONDS = 86_400
_NO_AUTO_MODEL = {"kilo-auto/free": "no_free_models", "kilo-auto/org": "org_auto"}


@dataclass
class ChatRequest:
    """A chat request on its way through the checks, which set its models; `body` is never changed."""

    incoming: IncomingRequest
    body: Any
    model: str = ""
    """The requested id, trimmed and in lower case; empty when there is none."""
    resolved: str = ""
    """The id that the auto ids stand for."""

    @property
    def provider(self) -> dict[str, Any]:
        """The request's routing object, empty when it has none."""
        found = self.body.get("provider")
        return found if isinstance(found, dict) else {}


def first_refusal(request: ChatRequest) -> Answer | None:
    """Return the first refusal, or None; sets the request's models on the way."""
    return next((refusal for check in _CHECKS if (refusal := check(request)) is not None), None)


def _check_account_limit(request: ChatRequest) -> Answer | None:
    incoming = request.incoming
    limit = incoming.state.options.account_requests
    if limit is None:
        return None
    before = incoming.state.count_within(f"account:{incoming.user_id}", _HOUR_SECONDS)
    return incoming.refusal("account_rate_limit") if before >= limit else None


def _check_json(request: ChatRequest) -> Answer | None:
    if isinstance(request.body, dict):
        return None
    try:
        orjson.loads(request.incoming.received.raw_body)
    except orjson.JSONDecodeError as error:
        return request.incoming.refusal("malformed_json", fill={"<parser detail>": str(error)})
    return request.incoming.refusal("model_missing")


def _check_fields(request: ChatRequest) -> Answer | None:
    body, refusal = request.body, request.incoming.refusal
    if body.get("providerOptions") is not None:
        return refusal("provider_options")
    model = body.get("model")
    if not isinstance(model, str) or not model.strip():
        return refusal("model_missing")
    request.model = request.resolved = model.strip().lower()
    given = body.get("provider")
    is_routing = given is None or (
        isinstance(given, dict)
        and isinstance(given.get("zdr"), bool | None)
        and given.get("data_collection") in (None, "allow", "deny")
    )
    return None if isinstance(body.get("messages"), list) and is_routing else refusal("invalid_request")


def _check_auto(request: ChatRequest) -> Answer | None:
    incoming = request.incoming
    if not is_auto(request.model, incoming.state):
        return None
    headers, organization = incoming.received.headers, incoming.identity.organization
    found = resolve_auto(
        request.model,
        incoming.state,
        mode=header_value(headers, "x-kilocode-mode"),
        seed=header_value(headers, "x-kilocode-taskid") or incoming.user_id,
        balance=incoming.identity.balance,
        organization_model=organization.auto_model if organization else None,
    )
    if found is None:
        return incoming.refusal(_NO_AUTO_MODEL[request.model])
    request.resolved = found
    return None


def _check_free_limit(request: ChatRequest) -> Answer | None:
    incoming, options = request.incoming, request.incoming.state.options
    if not options.client_ip:
        return incoming.refusal("missing_client_ip")
    if not is_hosted_free(request.resolved, incoming.state):
        return None
    before = incoming.state.count_within(f"free:{options.client_ip}", _HOUR_SECONDS)
    return incoming.refusal("free_model_rate_limit") if before >= options.free_requests_per_hour else None


def _check_caller(request: ChatRequest) -> Answer | None:
    incoming, options = request.incoming, request.incoming.state.options
    if incoming.identity.account is not None:
        return None
    if incoming.identity.is_presented:
        return incoming.refusal("invalid_token")
    if request.model in CLASSIFIED or not is_free(request.resolved, incoming.state):
        return incoming.refusal("paid_model_auth_required")
    before = incoming.state.count_within(f"anonymous:{options.client_ip}", _DAY_SECONDS)
    return incoming.refusal("promotion_limit") if before >= options.anonymous_requests_per_day else None


def check_credits(incoming: IncomingRequest) -> Answer | None:
    """Refuse a paid model to a caller without balance."""
    account, balance = incoming.identity.account, incoming.identity.balance
    if account is None or account.byok or balance > 0:
        return None
    if account.top_up_in_progress:
        return incoming.refusal("top_up_in_progress")
    refusal = incoming.refusal("usage_limit" if account.has_paid else "usage_limit_never_paid")
    refusal.body["error"]["balance"] = balance
    return refusal


def _check_balance(request: ChatRequest) -> Answer | None:
    return None if is_free(request.resolved, request.incoming.state) else check_credits(request.incoming)


def _check_policy(request: ChatRequest) -> Answer | None:
    organization = request.incoming.identity.organization
    allowed = organization.allowed_models if organization is not None else None
    if allowed is None or request.resolved in allowed:
        return None
    return request.incoming.refusal("efficient_pool_blocked" if request.model in CLASSIFIED else "model_not_allowed")


def _check_known(request: ChatRequest) -> Answer | None:
    if request.incoming.state.entry(request.resolved) is not None:
        return None
    return request.incoming.refusal("model_unknown_openrouter", fill={"<id>": str(request.body["model"]).strip()})


_CHECKS: tuple[Callable[[ChatRequest], Answer | None], ...] = (
    _check_account_limit,
    _check_json,
    _check_fields,
    _check_auto,
    _check_free_limit,
    _check_caller,
    _check_balance,
    _check_policy,
    _check_known,
)


def routing(request: ChatRequest) -> dict[str, Any]:
    """Return the routing object after the organization's policy, which replaces the request's own but for privacy."""
    organization, given = request.incoming.identity.organization, request.provider
    if organization is None or (organization.allowed_providers is None and organization.data_collection is None):
        return dict(given)
    replaced: dict[str, Any] = {key: given[key] for key in ("data_collection", "zdr") if key in given}
    if organization.allowed_providers is not None:
        replaced["only"] = list(organization.allowed_providers)
    if organization.data_collection is not None:
        replaced["data_collection"] = organization.data_collection
    return replaced
