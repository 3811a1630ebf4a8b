"""Settings -> the headers of a request: who calls, for which organization, from which feature. Sends nothing.

Source: the gateway's header rules; names are compared without case, the spelling is the official client's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kilo_gateway._version import __version__
from kilo_gateway.errors import GET_A_KEY, InvalidSettingError, MissingKeyError
from kilo_gateway.settings import key_policy
from kilo_gateway.settings.base_url import check_cleartext, keeps_keys_private, parse_proxies
from kilo_gateway.settings.headers import HeaderList, check_header, merge_headers, parse_headers
from kilo_gateway.settings.settings import ROWS
from kilo_gateway.settings.values import LEFT_BEHIND, parse_feature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.settings.settings import Settings

FEATURE_HEADER = "X-KILOCODE-FEATURE"
DEFAULT_FEATURE = "direct-gateway"
"""The gateway's own word for callers like us; a word it does not know would be stored as nothing."""

REQUEST_HEADER = "x-kilo-request"

ANONYMOUS = "anonymous"
"""The bearer that means "no credential"; good for free models only."""

USER_AGENT = f"kilo-gateway-python/{__version__}"
"""Never begins with `Kilo-Code/`, which would switch legacy behaviour on; names no machine and no user."""

_OPTIONAL = {row.header: name for name, row in ROWS.items() if row.header is not None}
"""Header -> the setting that it carries."""


def render_headers(
    settings: Settings, *, environ: Mapping[str, str], extra: Mapping[str, str] | None = None, has_body: bool = True
) -> HeaderList:
    """Return the headers of one request.

    The caller's own headers come first and `extra`, those of one call, over them; the feature header and the key win
    over both, compared without case.

    Raises:
        InvalidSettingError: a value of `extra` or of `KILOCODE_FEATURE` cannot be a header value, or a credential
            would cross a network unencrypted.
    """
    named = {header: getattr(settings, name) for header, name in _OPTIONAL.items()}
    call = {} if extra is None else parse_headers(extra, origin="extra_headers")
    standard = {"Accept": "application/json", "User-Agent": USER_AGENT}
    if has_body:
        standard["Content-Type"] = "application/json"
    return merge_headers(
        standard,
        settings.default_headers,
        {header: value for header, value in named.items() if value is not None},
        call,
        {FEATURE_HEADER: resolve_feature(settings, environ)},
        _render_authorization(settings, call, environ),
    )


def with_request_id(headers: Mapping[str, str] | None, request_id: str | None) -> Mapping[str, str] | None:
    """Return the headers of one call with the caller's id of this request, under the gateway's name for it.

    Raises:
        InvalidSettingError: an id that cannot be a header's value; both an id and the header.
    """
    if request_id is None:
        return headers
    own = {} if headers is None else parse_headers(headers, origin="extra_headers")
    if any(name.lower() == REQUEST_HEADER for name in own):
        raise InvalidSettingError(f"extra_headers holds {REQUEST_HEADER}, and so does request_id; give only one.")
    value = check_header(REQUEST_HEADER, request_id, origin="request_id")[1]
    if not value:
        raise InvalidSettingError("request_id is blank: give it a value, or leave it out.")
    return {**own, REQUEST_HEADER: value}


def resolve_feature(settings: Settings, environ: Mapping[str, str]) -> str:
    """Return the feature word: the setting, else `KILOCODE_FEATURE`, else `direct-gateway`; blank counts as unset."""
    return settings.feature or parse_feature(environ.get("KILOCODE_FEATURE", ""), "KILOCODE_FEATURE") or DEFAULT_FEATURE


def _render_authorization(settings: Settings, call: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    is_own = settings.has_own_authorization or any(name.lower() == "authorization" and call[name] for name in call)
    if settings.api_key is None and not is_own:
        return {"Authorization": f"Bearer {ANONYMOUS}"}
    if not keeps_keys_private(settings.base_url):
        check_cleartext(settings.base_url, proxies=parse_proxies(environ))
    return {} if settings.api_key is None else {"Authorization": f"Bearer {settings.api_key.get_secret_value()}"}


def has_credential(settings: Settings) -> bool:
    """Return whether requests carry more than the anonymous bearer."""
    if key_policy.is_no_key_needed():
        return True
    if settings.api_key is not None:
        return settings.api_key.get_secret_value() != ANONYMOUS
    return settings.has_own_authorization


def check_key(settings: Settings, *, model: str, is_free: bool, at_call: bool = False) -> None:
    """Refuse a model that is not free when there is no key; `at_call`, even where objects may be made without one.

    Raises:
        MissingKeyError: says how to get a key.
    """
    if is_free or has_credential(settings) or (key_policy.is_check_deferred() and not at_call):
        return
    if settings.origins.get("api_key") == LEFT_BEHIND:
        raise MissingKeyError(
            f"Model {model!r} needs a Kilo API key, and this object came from another process without one: keys are "
            "never pickled. Set KILOCODE_API_KEY in the environment, where worker processes find it too.",
            model=model,
        )
    raise MissingKeyError(
        f"Model {model!r} needs a Kilo API key and there is none. {GET_A_KEY} "
        "Free models (ids ending in :free) work without one; for one that only the live list marks free, set "
        'discover="startup".',
        model=model,
    )
