"""What an error says to a person: what the gateway said, about which model, and what to do."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kilo_gateway.errors import GET_A_KEY
from kilo_gateway.errors.text import one_line
from kilo_gateway.errors.waits import render_wait

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.errors.facts import ErrorFacts
    from kilo_gateway.errors.outcomes import Verdict

CREDITS_URL = "https://app.kilo.ai/profile"
"""Where credits are added; the gateway's own errors name it."""
_LIST_MODELS = "List the models with KiloClient().list_models() or `kilo-gateway models`."
_LONGEST_QUOTE = 500
_LONGEST_MODEL = 200
_LOOSE_ENDS = ".,:; "
"""What a quoted sentence must not end with inside another one."""

_REMEDIES = {
    "add_own_key": "Add your own key for this provider (BYOK) in the Kilo settings, or choose another model.",
    "billing": (
        "The allowance of the account that was charged is used up: {wait}, or see to its plan and its billing."
    ),
    "base_url": "Check what was asked for, and base_url (https://api.kilo.ai/api/gateway/ unless you have your own).",
    "conflict": "Something else stands in its way: see what was said, and try again when that has changed.",
    "context": "Shorten the messages, or choose a model with a larger context.",
    "credits": "Add credits at {credits_url}, or use a free model.",
    "data_collection": "Allow data collection in the provider routing options, or choose another model.",
    "edge": (
        "This was said by a firewall or an edge on the way rather than by the gateway: ask who runs it, or try from "
        "another network.{report}"
    ),
    "filtered": "A content filter refused the input or the answer: change the input, or choose another model.",
    "forbidden": (
        "The key may not do this: choose another model, or ask the owner of the account or organization to allow it."
    ),
    "forced_tool": (
        "This model does not think and obey a forced tool at once: turn reasoning off, leave tool_choice at 'auto', or "
        "ask for an object by JSON schema (method='json_schema' of with_structured_output)."
    ),
    "gateway_credits": (
        "The account without credits may be the gateway's own rather than yours: look at your balance at {credits_url};"
        " if it is enough, choose another model or report this.{report}"
    ),
    "gateway_key": (
        "The refused key may be the gateway's own at its provider. If every model refuses it, the key is yours. "
        + GET_A_KEY
    ),
    "https": "This port speaks TLS: begin base_url with https://.",
    "key": GET_A_KEY,
    "model": _LIST_MODELS,
    "moderation": "Moderation refused the input ({reasons}): change it, or choose another model.",
    "no_free_model": "Try again in some minutes, or choose another model. " + _LIST_MODELS,
    "organization": "Check the organization id, or ask the owner of the organization to change its settings.",
    "own_provider_key": (
        "This is about your own key at the provider (BYOK), not the Kilo key: check it there and in the Kilo settings."
    ),
    "policy": "Ask the owner of the organization or account to allow this, or choose another model.",
    "portal": "This network wants a sign-in of its own first: open a web page in a browser, then try again.",
    "promotion": "The limit is for requests without a key and lasts a day. " + GET_A_KEY,
    "quota": "The quota is counted by the hour or the day: {wait}, or choose a paid model.",
    "rate": "Slow down: {wait} and try again.",
    "redirect": ("Redirects are refused, so that the key goes to no other host: set base_url to the final address."),
    "report": "Report this if it goes on.{report}",
    "request": "Change the request; the same one will be refused again.",
    "routing": "Change the provider routing options (provider.only, provider.ignore, ...) or choose another model.",
    "server": "{again}; if it goes on, choose another model or report it.{report}",
    "sign_in": (
        "A missing, wrong or expired key and a wrong organization id look alike here: check both. " + GET_A_KEY
    ),
    "size": "It is counted in bytes, not tokens: send fewer or smaller images, files and messages in one request.",
    "support": "Contact Kilo support.{report}",
    "tokens_per_minute": (
        "This request alone needs more tokens than a minute allows: shorten the messages, lower max_tokens, or choose "
        "another model."
    ),
    "top_up": "The payment is being processed: {wait} and try again.",
}


_RELAYED = {"credits": "gateway_credits", "key": "gateway_key"}
"""What changes when OpenRouter said it: its customer is the gateway, so its 401 and 402 are not about the user."""


def render_error_message(facts: ErrorFacts, verdict: Verdict, *, model: str | None, status: int | None) -> str:
    """Return `str(error)`: one line of at most about 2,000 characters, without anything that was sent."""
    said = _describe_redirect(facts) if verdict.remedy == "redirect" else one_line(facts.said, _LONGEST_QUOTE)
    wait = render_wait(facts.retry_after_seconds) if facts.retry_after_seconds else ""
    remedy = _REMEDIES[_remedy(facts, verdict, status)].format(
        credits_url=facts.buy_credits_url or CREDITS_URL,
        reasons=facts.reasons,
        report=f" Name the request id '{facts.request_id}'." if facts.request_id else "",
        wait=f"wait at least {wait.removeprefix('about ')}" if wait else "wait",
        again=f"Try again in {wait}" if wait else "Try again",
    )
    return f"{said.rstrip(_LOOSE_ENDS)} ({', '.join(_details(facts, model))}). {remedy}"


def redirect_target(headers: Mapping[str, str]) -> str | None:
    """Return scheme and host of the `location` header, without user, path or query; None when it names no host."""
    try:
        url = urlsplit(headers.get("location", ""))
        host, port = url.hostname, url.port
    except ValueError:
        return None
    return one_line(f"{url.scheme or 'https'}://{host}{f':{port}' if port else ''}", _LONGEST_MODEL) if host else None


def _describe_redirect(facts: ErrorFacts) -> str:
    target = redirect_target(facts.headers)
    return f"The gateway redirects to {target or 'another path'}"


def _details(facts: ErrorFacts, model: str | None) -> list[str]:
    said = [f"model '{one_line(model, _LONGEST_MODEL)}'"] if model else []
    said.append(f"HTTP {facts.http_status}")
    if facts.code is not None and str(facts.code) != str(facts.http_status):
        said.append(f"code {facts.code}")
    if facts.error_type and facts.error_type.lower() not in {"error", "none", "null", str(facts.code).lower()}:
        said.append(facts.error_type)
    upstream = facts.upstream_said if facts.upstream_said and facts.upstream_said not in facts.said else None
    if facts.provider or upstream:
        quote = f": {one_line(upstream, _LONGEST_QUOTE).rstrip(_LOOSE_ENDS)}" if upstream else ""
        said.append(f"provider {facts.provider or 'unnamed'}{quote}")
    return said


def _remedy(facts: ErrorFacts, verdict: Verdict, status: int | None) -> str:
    """Return the verdict's row, unless the body shows whose fault it is."""
    if facts.is_own_provider_key:
        return "own_provider_key"
    if facts.reasons and status == HTTPStatus.FORBIDDEN:
        return "moderation"
    if facts.is_relayed and not facts.buy_credits_url:
        return _RELAYED.get(verdict.remedy, verdict.remedy)
    return verdict.remedy
