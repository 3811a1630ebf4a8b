"""What an account's money and an organization's policies refuse. Decides from plain values; sends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.gateway.errors import ErrorAnswer, render_error
from kilo_gateway.testing.gateway.models import is_free, is_hosted_free

if TYPE_CHECKING:
    from kilo_gateway.testing.gateway.ask import Ask
    from kilo_gateway.testing.gateway.identity import Identity
    from kilo_gateway.testing.options import Version


def credits_refusal(identity: Identity, version: Version) -> ErrorAnswer | None:
    """Return the refusal of a paid model to a caller without balance, or None."""
    account = identity.account
    if account is None or account.byok or identity.balance > 0:
        return None
    if account.top_up_in_progress and version == "newest":
        return render_error("top_up_in_progress", version)
    answer = render_error("usage_limit" if account.has_paid else "usage_limit_never_paid", version)
    answer.body["error"]["balance"] = identity.balance
    return answer


def check_balance(ask: Ask) -> ErrorAnswer | None:
    """Refuse a paid model without balance."""
    return None if is_free(ask.resolved, ask.state) else credits_refusal(ask.identity, ask.version)


def check_policy(ask: Ask) -> ErrorAnswer | None:
    """Refuse a model that the organization does not allow."""
    organization = ask.identity.organization
    if organization is None or organization.allowed_models is None:
        return None
    if ask.resolved in organization.allowed_models:
        return None
    is_pool = ask.version == "newest" and ask.model in ("kilo-auto/balanced", "kilo-auto/efficient")
    return render_error("efficient_pool_blocked" if is_pool else "model_not_allowed", ask.version)


def check_data_collection(ask: Ask) -> ErrorAnswer | None:
    """Refuse a free model, whose provider logs prompts, to a request that forbids that."""
    if not is_free(ask.resolved, ask.state):
        return None
    provider = routing(ask.provider, ask)
    if provider.get("data_collection") == "deny" or provider.get("zdr") is True:
        return render_error("data_collection_required", ask.version)
    return None


def check_exclusive_provider(ask: Ask) -> ErrorAnswer | None:
    """Refuse a hosted model whose only provider the request excludes."""
    if not is_hosted_free(ask.resolved, ask.state):
        return None
    slug = ask.state.hosting[ask.resolved].get("provider", "")
    only, ignore = ask.provider.get("only"), ask.provider.get("ignore")
    is_excluded = (isinstance(only, list) and slug not in only) or (isinstance(ignore, list) and slug in ignore)
    return render_error("provider_not_allowed", ask.version, fill={"<slug>": slug}) if is_excluded else None


def routing(provider: dict[str, Any], ask: Ask) -> dict[str, Any]:
    """Return the routing object after the organization's policy, which replaces the request's own."""
    organization = ask.identity.organization
    if organization is None or (organization.allowed_providers is None and organization.data_collection is None):
        return dict(provider)
    kept: dict[str, Any] = {key: provider[key] for key in ("data_collection", "zdr") if key in provider}
    replaced = kept if ask.version == "newest" else {}
    if organization.allowed_providers is not None:
        replaced["only"] = list(organization.allowed_providers)
    if organization.data_collection is not None:
        replaced["data_collection"] = organization.data_collection
    return replaced
