"""What the gateway refuses before it asks a model, in the order of each version. First refusal wins; nothing is sent.

Source of the order: the public server source of each generation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.gateway.errors import ErrorAnswer, render_error, render_upstream_error
from kilo_gateway.testing.gateway.identity import header_value
from kilo_gateway.testing.gateway.models import is_auto, is_free, is_hosted_free, resolve_auto
from kilo_gateway.testing.gateway.policy import (
    check_balance,
    check_data_collection,
    check_exclusive_provider,
    check_policy,
)
from kilo_gateway.testing.gateway.state import SECONDS_PER_DAY, SECONDS_PER_HOUR

if TYPE_CHECKING:
    from collections.abc import Callable

    from kilo_gateway.testing.gateway.ask import Ask
    from kilo_gateway.testing.options import Version

MAX_TOKENS_LIMIT = 99_999_999_999
UNHANDLED = ErrorAnswer(500, "Internal Server Error", {"content-type": "text/plain; charset=utf-8"})


def first_refusal(ask: Ask) -> ErrorAnswer | None:
    """Return the first refusal in the version's order, or None; sets `ask.model` and `ask.resolved` on the way."""
    for check in CHECKS[ask.version]:
        refusal = check(ask)
        if refusal is not None:
            return refusal
    return None


def _check_account_limit(ask: Ask) -> ErrorAnswer | None:
    limit = ask.state.options.account_requests
    if limit is None:
        return None
    before = ask.state.count_within(f"account:{ask.user_id}", SECONDS_PER_HOUR, add=True)
    return render_error("account_rate_limit", ask.version) if before >= limit else None


def _check_json(ask: Ask) -> ErrorAnswer | None:
    if ask.parse_problem is not None:
        return render_error("malformed_json", ask.version, fill={"<parser detail>": ask.parse_problem})
    if not isinstance(ask.body, dict):
        return render_error("model_missing", ask.version)
    return None


def _check_provider_options(ask: Ask) -> ErrorAnswer | None:
    return render_error("provider_options", ask.version) if ask.body.get("providerOptions") is not None else None


def _check_model_present(ask: Ask) -> ErrorAnswer | None:
    model = ask.body.get("model")
    if not isinstance(model, str) or not model.strip():
        return render_error("model_missing", ask.version)
    ask.model = ask.resolved = model.strip().lower()
    return None


def _check_messages(ask: Ask) -> ErrorAnswer | None:
    if isinstance(ask.body.get("messages"), list):
        return None
    return UNHANDLED if ask.version == "2026-02" else render_error("invalid_request", ask.version)


def _check_privacy_types(ask: Ask) -> ErrorAnswer | None:
    provider = ask.body.get("provider")
    if provider is None:
        return None
    ok = (
        isinstance(provider, dict)
        and isinstance(provider.get("zdr"), bool | None)
        and provider.get("data_collection") in (None, "allow", "deny")
    )
    return None if ok else render_error("invalid_request", ask.version)


def _check_auto(ask: Ask) -> ErrorAnswer | None:
    if not is_auto(ask.model, ask.state):
        return None
    organization = ask.identity.organization
    seed = header_value(ask.headers, "x-kilocode-taskid") or ask.user_id
    found = resolve_auto(
        ask.model,
        ask.state,
        mode=ask.mode,
        seed=seed,
        balance=ask.identity.balance,
        org_model=organization.auto_model if organization else None,
    )
    if isinstance(found, ErrorAnswer):
        return found
    ask.resolved = found
    return None


def _check_client_ip(ask: Ask) -> ErrorAnswer | None:
    return None if ask.state.options.client_ip else render_error("missing_client_ip", ask.version)


def _check_free_limit(ask: Ask) -> ErrorAnswer | None:
    if not is_hosted_free(ask.resolved, ask.state):
        return None
    options = ask.state.options
    before = ask.state.count_within(f"free:{options.client_ip}", SECONDS_PER_HOUR, add=True)
    if before >= options.free_requests_per_hour:
        return render_error("free_model_rate_limit", ask.version)
    return None


def _check_bearer(ask: Ask) -> ErrorAnswer | None:
    identity = ask.identity
    if identity.presented and identity.account is None:
        return render_error("invalid_token", ask.version)
    return None


def _check_paid_needs_account(ask: Ask) -> ErrorAnswer | None:
    if ask.identity.account is not None:
        return None
    is_classified = ask.model in ("kilo-auto/balanced", "kilo-auto/efficient")
    if is_classified or not is_free(ask.resolved, ask.state):
        return render_error("paid_model_auth_required", ask.version)
    return None


def _check_promotion(ask: Ask) -> ErrorAnswer | None:
    if ask.identity.account is not None:
        return None
    options = ask.state.options
    before = ask.state.count_within(f"anonymous:{options.client_ip}", SECONDS_PER_DAY, add=True)
    return render_error("promotion_limit", ask.version) if before >= options.anonymous_requests_per_day else None


def _check_api_kind(ask: Ask) -> ErrorAnswer | None:
    kinds = ask.state.hosting.get(ask.resolved, {}).get("api_kinds")
    if not kinds or ask.api_kind in kinds:
        return None
    return render_error("api_kind", ask.version)


def _check_max_tokens(ask: Ask) -> ErrorAnswer | None:
    for name in ("max_tokens", "max_completion_tokens"):
        value = ask.body.get(name)
        if isinstance(value, int | float) and value > MAX_TOKENS_LIMIT:
            return render_error("temporarily_unavailable", ask.version)
    return None


def _check_available(ask: Ask) -> ErrorAnswer | None:
    if not ask.state.hosting.get(ask.resolved, {}).get("is_disabled"):
        return None
    return render_error("alpha_ended" if ask.version == "2026-02" else "model_unavailable", ask.version)


def _check_known(ask: Ask) -> ErrorAnswer | None:
    if ask.state.entry(ask.resolved) is not None or ask.resolved in ask.state.hosting:
        return None
    requested = str(ask.body["model"]).strip()
    if ask.version == "2026-02":
        return render_upstream_error(400, f"{requested} is not a valid model ID")
    return render_error("model_unknown_openrouter", ask.version, fill={"<id>": requested})


def _check_reasoning_details(ask: Ask) -> ErrorAnswer | None:
    messages: list[Any] = ask.body["messages"]
    for message in messages:
        if isinstance(message, dict) and isinstance(message.get("reasoning_details"), str):
            return UNHANDLED
    return None


CHECKS: dict[Version, tuple[Callable[[Ask], ErrorAnswer | None], ...]] = {
    "newest": (
        _check_account_limit,
        _check_json,
        _check_provider_options,
        _check_model_present,
        _check_messages,
        _check_privacy_types,
        _check_auto,
        _check_client_ip,
        _check_free_limit,
        _check_bearer,
        _check_paid_needs_account,
        _check_promotion,
        _check_api_kind,
        _check_max_tokens,
        _check_available,
        check_balance,
        check_policy,
        check_data_collection,
        check_exclusive_provider,
        _check_known,
        _check_reasoning_details,
    ),
    "2026-02": (
        _check_json,
        _check_model_present,
        _check_auto,
        _check_client_ip,
        _check_free_limit,
        _check_paid_needs_account,
        _check_promotion,
        _check_max_tokens,
        _check_available,
        check_balance,
        check_policy,
        check_data_collection,
        _check_messages,
        _check_known,
        _check_reasoning_details,
    ),
}
