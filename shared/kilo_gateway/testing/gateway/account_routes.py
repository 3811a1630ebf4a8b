"""The caller's profile, balance and defaults, and an organization's own lists. Reads accounts; never changes them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.gateway.answer import Answer
from kilo_gateway.testing.gateway.catalog_routes import listed_models

if TYPE_CHECKING:
    from kilo_gateway.testing.gateway.identity import Identity
    from kilo_gateway.testing.gateway.incoming import IncomingRequest
    from kilo_gateway.testing.options import Version

_DEFAULT_MODELS: dict[Version, str] = {"newest": "kilo-auto/balanced", "2026-02": "kilo/auto"}
_DEFAULT_FREE = "minimax/minimax-m2.5:free"


def not_signed_in(incoming: IncomingRequest) -> Answer | None:
    """Return the refusal of a caller without an account, or None."""
    identity = incoming.identity
    return None if identity.account is not None else incoming.refusal(identity.problem or "auth_result_5")


async def answer_profile(incoming: IncomingRequest) -> Answer:
    """Answer GET /api/profile."""
    account = incoming.identity.account
    if account is None:
        return not_signed_in(incoming) or Answer()
    user = {"id": account.user_id, "email": account.email, "name": account.name, "image": None}
    body: dict[str, Any] = {"user": user}
    if account.organizations:
        body["organizations"] = [{"id": one.id, "name": one.name, "role": one.role} for one in account.organizations]
    return Answer(body)


async def answer_balance(incoming: IncomingRequest) -> Answer:
    """Answer GET /api/profile/balance."""
    balance = incoming.identity.balance
    return not_signed_in(incoming) or Answer({"balance": balance, "isDepleted": balance <= 0})


async def answer_defaults(incoming: IncomingRequest) -> Answer:
    """Answer GET /api/defaults."""
    return Answer({"defaultModel": _DEFAULT_MODELS[incoming.version], "defaultFreeModel": _DEFAULT_FREE})


def _member(incoming: IncomingRequest) -> Identity | None:
    """Return the caller as a member of the organization that the path names, or None."""
    account = incoming.identity.account
    organization = None if account is None else account.organization(incoming.parameters["id"])
    return None if organization is None else replace(incoming.identity, organization=organization)


async def answer_organization_defaults(incoming: IncomingRequest) -> Answer:
    """Answer GET /api/organizations/{id}/defaults; 409 when the organization allows no model."""
    refusal = not_signed_in(incoming)
    if refusal is not None:
        return refusal
    member = _member(incoming)
    if member is None:
        return Answer({"error": "Organization not found"}, status=404)
    ids = [str(row.get("id")) for row in listed_models(incoming.state, member)]
    if not ids:
        return incoming.refusal("org_defaults_409")
    wanted = _DEFAULT_MODELS[incoming.version]
    free = next((one for one in ids if one.endswith(":free")), _DEFAULT_FREE)
    return Answer({"defaultModel": wanted if wanted in ids else ids[0], "defaultFreeModel": free})
