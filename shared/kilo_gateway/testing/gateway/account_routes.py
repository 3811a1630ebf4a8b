"""Profile, balance, defaults and an organization's own lists. Reads accounts; never changes them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.gateway.catalog_routes import listed_models, refuse
from kilo_gateway.testing.gateway.errors import render_error
from kilo_gateway.testing.gateway.identity import Identity, identify

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.testing.accounts import Account, Organization
    from kilo_gateway.testing.gateway.sending import Exchange

_DEFAULT_FREE = "minimax/minimax-m2.5:free"


async def signed_in(exchange: Exchange) -> Identity | None:
    """Return the caller, or None after refusing one who is not signed in."""
    identity = identify(exchange.received.headers, exchange.state.accounts)
    if identity.account is not None:
        return identity
    await refuse(exchange, render_error(identity.problem or "auth_result_5", exchange.version))
    return None


async def answer_profile(exchange: Exchange, _: Mapping[str, str]) -> None:
    """Answer GET /api/profile."""
    identity = await signed_in(exchange)
    if identity is None or identity.account is None:
        return
    account = identity.account
    body: dict[str, Any] = {
        "user": {"id": account.user_id, "email": account.email, "name": account.name, "image": None}
    }
    if account.organizations:
        body["organizations"] = [{"id": one.id, "name": one.name, "role": one.role} for one in account.organizations]
    await exchange.send_answer(200, body)


async def answer_balance(exchange: Exchange, _: Mapping[str, str]) -> None:
    """Answer GET /api/profile/balance."""
    identity = await signed_in(exchange)
    if identity is not None:
        await exchange.send_answer(200, {"balance": identity.balance, "isDepleted": identity.balance <= 0})


def _default_model(exchange: Exchange) -> str:
    return "kilo/auto" if exchange.version == "2026-02" else "kilo-auto/balanced"


async def answer_defaults(exchange: Exchange, _: Mapping[str, str]) -> None:
    """Answer GET /api/defaults."""
    body = {"defaultModel": _default_model(exchange), "defaultFreeModel": _DEFAULT_FREE}
    await exchange.send_answer(200, body)


async def _member(exchange: Exchange, organization_id: str) -> tuple[Account | None, Organization | None]:
    account = identify(exchange.received.headers, exchange.state.accounts).account
    return account, None if account is None else account.organization(organization_id)


async def answer_organization_models(exchange: Exchange, parameters: Mapping[str, str]) -> None:
    """Answer GET /api/organizations/{id}/models; 401 also for one who is not a member."""
    account, organization = await _member(exchange, parameters["id"])
    if account is None or organization is None:
        problem = "org_models_unauthenticated" if account is None else "org_models_unauthorized"
        await refuse(exchange, render_error(problem, "2026-02"))
        return
    identity = Identity(account=account, organization=organization, presented=True)
    await exchange.send_answer(200, {"data": listed_models(exchange.state, identity)})


async def answer_organization_defaults(exchange: Exchange, parameters: Mapping[str, str]) -> None:
    """Answer GET /api/organizations/{id}/defaults; 409 when the organization allows no model."""
    identity = await signed_in(exchange)
    if identity is None or identity.account is None:
        return
    organization = identity.account.organization(parameters["id"])
    if organization is None:
        await exchange.send_answer(404, {"error": "Organization not found"})
        return
    models = listed_models(exchange.state, replace(identity, organization=organization))
    if not models:
        await refuse(exchange, render_error("org_defaults_409", "2026-02"))
        return
    ids = [str(row.get("id")) for row in models]
    wanted = _default_model(exchange)
    free = next((one for one in ids if one.endswith(":free")), _DEFAULT_FREE)
    await exchange.send_answer(200, {"defaultModel": wanted if wanted in ids else ids[0], "defaultFreeModel": free})
