"""The words and numbers by which servers name an error -> what it is. Tables; words are compared by `key_of_word`.

The words are open sets: one that no row names falls through to the text and the status.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from kilo_gateway.errors import outcomes
from kilo_gateway.errors.message_text import key_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kilo_gateway.errors.outcomes import Verdict

_ENDINGS = ("exception", "error")


def key_of_word(word: str) -> str:
    """Return what the spellings of one word have in common: `rate_limit_error`, `RateLimitError`, `RATE_LIMIT`."""
    key = key_of(word)
    for ending in _ENDINGS:
        key = key.removesuffix(ending) or key
    return key


def _rows(verdict: Verdict, words: str) -> Iterable[tuple[str, Verdict]]:
    return ((key_of_word(word), verdict) for word in words.split())


BY_WORD: dict[str, Verdict] = dict(
    row
    for verdict, words in (
        # The gateway's own.
        (outcomes.RESTRICTED, "abuse_blocked account_restricted"),
        (outcomes.BAD_REQUEST, "api_kind_not_supported missing_client_ip"),
        (outcomes.BAD_REQUEST, "unsupported_edit_model unsupported_field unsupported_fim_model"),
        (outcomes.BYOK_REQUIRED, "byok_key_required"),
        (outcomes.DATA_COLLECTION, "data_collection_required"),
        (outcomes.ORGANIZATION_REFUSED, "organization_auto_configuration"),
        (outcomes.PATH, "invalid_path"),
        (outcomes.SIGN_IN, "paid_model_auth_required"),
        (outcomes.KEY, "authentication_required invalid_token"),
        (outcomes.CREDITS, "insufficient_credits usage_limit_exceeded"),
        (outcomes.POLICY, "model_not_allowed"),
        (outcomes.ROUTING_FORBIDDEN, "provider_not_allowed"),
        (outcomes.PROMOTION, "promotion_limit_reached promotion_model_limit_reached"),
        (outcomes.NO_FREE_MODEL, "no_free_models_available"),
        (outcomes.TOP_UP, "top_up_in_progress"),
        # `temporarily_unavailable` is also what an absurd max_tokens gets, for which trying again is useless; nothing
        # tells the two apart.
        (outcomes.UNAVAILABLE, "temporarily_unavailable timeout upstream_disconnect"),
        # Its own, and those of providers, relays and local servers.
        (outcomes.CONTEXT, "context_length_exceeded context_window_exceeded exceed_context_size prompt_too_long"),
        (outcomes.CONTEXT, "model_context_window_exceeded model_max_prompt_tokens_exceeded tokens_limit_reached"),
        (outcomes.CONTEXT, "max_context_length_exceeded input_too_long max_tokens_per_request"),
        (outcomes.SIZE, "request_too_large payload_too_large function_payload_too_large request_entity_too_large"),
        (outcomes.SIZE, "entity.too.large entity_too_large body_too_large content_too_large request_body_too_large"),
        (outcomes.SIZE, "fst_err_ctp_body_too_large message_too_large"),
        (outcomes.MODEL, "model_not_found unavailable_model discontinued_free_model deployment_not_found"),
        (outcomes.MODEL, "unknown_model invalid_model invalid_model_id model_not_supported model_decommissioned"),
        (outcomes.MODEL, "model_not_available model_not_exist model_does_not_exist no_such_model model_deprecated"),
        (outcomes.KEY, "invalid_api_key api_key_invalid expired_token token_expired missing_api_key"),
        (outcomes.KEY, "unrecognized_client invalid_authentication incorrect_api_key"),
        (outcomes.POLICY, "key_model_access_denied team_model_access_denied user_model_access_denied"),
        (
            outcomes.CREDITS,
            "billing_hard_limit_reached arrearage insufficient_balance insufficient_funds budget_exceeded",
        ),
        (outcomes.FILTERED, "content_filter content_policy_violation moderation_blocked data_inspection_failed"),
        (outcomes.RATE, "rate_limit_exceeded rate_limit_reached throttling too_many_requests rate_limited"),
        (outcomes.CONTEXT, "string_above_max_length"),
        (outcomes.CREDITS, "insufficient_user_quota pre_consume_token_quota_failed"),  # New API
        # Zhipu's numbers.
        (outcomes.RATE, "1302 1303 1305"),
        (outcomes.QUOTA, "1304 1308"),
        (outcomes.FILTERED, "1301"),
        (outcomes.CREDITS, "1113"),
        (outcomes.CONTEXT, "1261"),
        (outcomes.MODEL, "1211"),
    )
    for row in _rows(verdict, words)
)

BY_WORD_AND_STATUS: dict[tuple[str, int], Verdict] = {
    ("providernotallowed", 404): outcomes.ROUTING_NOT_FOUND,
    ("cancelled", 499): outcomes.UNAVAILABLE._replace(status=499),  # Google, on its side
    ("insufficientquota", 429): outcomes.BILLING,
    ("exceededcurrentquota", 429): outcomes.BILLING,
    ("billingnotactive", 429): outcomes.BILLING,
}

BY_STATUS: dict[int, Verdict] = {
    304: outcomes.PATH._replace(status=304),  # a cache's answer; no redirect
    401: outcomes.KEY,
    402: outcomes.CREDITS,
    403: outcomes.FORBIDDEN,
    404: outcomes.NOT_FOUND,
    405: outcomes.PATH,
    # The gateway's or a provider's own deadline, not the client's: what 504 says, by another number.
    408: outcomes.UNAVAILABLE._replace(status=408),
    409: outcomes.CONFLICT,
    410: outcomes.NOT_FOUND._replace(status=410),
    413: outcomes.SIZE,
    # How text-generation-inference and Bedrock say that the model failed.
    424: outcomes.UNAVAILABLE._replace(status=424),
    425: outcomes.UNAVAILABLE._replace(status=425),
    429: outcomes.RATE,
    498: outcomes.UNAVAILABLE._replace(status=498),  # Groq: its flexible tier has no capacity left
    501: outcomes.NOT_IMPLEMENTED,
    505: outcomes.NOT_IMPLEMENTED._replace(status=505),
    511: outcomes.PORTAL,
    # 520 to 524 and 529 are how edges and providers say 502, 504 and 503.
    **dict.fromkeys((502, 503, 504, 520, 521, 522, 523, 524, 529), outcomes.UNAVAILABLE),
}

_WORDS_OF_STATUS: dict[int, str] = {
    400: "invalid_request validation invalid_argument failed_precondition out_of_range invalid_parameter",
    401: "authentication unauthenticated",
    402: "billing insufficient_quota exceeded_current_quota",
    403: "permission access_denied permission_denied",
    404: "resource_not_found",
    413: "too_large",
    429: "rate_limit resource_exhausted service_quota_exceeded",
    500: "api server internal internal_failure generation incomplete_generation unknown data_loss",
    502: "bad_gateway upstream bad_response_status_code bad_response do_request_failed",
    503: "unavailable model_not_ready engine_overloaded",
    504: "deadline_exceeded model_timeout",
    529: "overloaded",
}

STATUS_OF_WORD: dict[str, int] = {
    **{key_of_word(status.name): status.value for status in HTTPStatus if status >= HTTPStatus.BAD_REQUEST},
    **{key_of_word(word): status for status, words in _WORDS_OF_STATUS.items() for word in words.split()},
}
"""Words of providers. They give a status to an error that has none and never overrule one."""
