"""What the gateway tells when it is asked: where each thing is asked for, and how its answer is read. Never sends.

Some of it is told by newer servers only. A server that does not know the path answers 404 or 405, the one of 2026-02
also 400 "Invalid path": each is one clear error.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

from kilo_gateway.account.balance import Balance, parse_balance
from kilo_gateway.account.defaults import Defaults, parse_defaults
from kilo_gateway.answer.body import parse_json
from kilo_gateway.call import GatewayCall, is_unknown_path, missing_path
from kilo_gateway.catalog.embedding_models import EmbeddingCatalog, parse_embedding_catalog
from kilo_gateway.catalog.providers import ModelEndpoint, Provider, parse_endpoints, parse_providers
from kilo_gateway.errors import (
    GET_A_KEY,
    KiloError,
    MalformedAnswerError,
    MissingKeyError,
    ModelNotFoundError,
)
from kilo_gateway.errors.bodies import find_error, parse_error, parse_error_object
from kilo_gateway.refs import parse_model_id, render_ref
from kilo_gateway.settings.auth import has_credential
from kilo_gateway.settings.base_url import api_root

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kilo_gateway.settings.headers import HeaderList
    from kilo_gateway.settings.settings import Settings

Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class Lookup(Generic[Told]):
    """One thing that the gateway tells."""

    what: str
    """What messages call it."""
    url: str
    parse: Callable[[Any], Told]
    """Returns what the parsed JSON says. Raises ValueError, whose text continues "The answer ..."."""
    model: str | None = None
    """The model that is asked about."""


class LookupCall(GatewayCall[Told]):
    """A GET that asks for one thing. No model answers it, and none is charged."""

    path = ""
    method = "GET"
    is_listed = False

    def __init__(self, settings: Settings, lookup: Lookup[Told], *, headers: HeaderList) -> None:
        super().__init__(settings, {"model": lookup.model or ""}, headers=headers)
        self.content = None
        self.costs = self.span = None
        self._lookup = lookup

    @property
    def url(self) -> str:
        """Where the request goes."""
        return self._lookup.url

    def parse_answer(self, body: bytes) -> Told:
        """Return what was asked for.

        Raises:
            GatewayError: the body is an error.
            MalformedAnswerError: it does not tell.
        """
        answer = parse_json(body, model=self._lookup.model)
        if isinstance(answer, dict) and find_error(answer) is not None:
            raise parse_error_object(answer, model=self._lookup.model, headers=self.answer_headers)
        try:
            return self._lookup.parse(answer)
        except ValueError as flaw:
            raise MalformedAnswerError(
                f"The gateway's answer about {self._lookup.what} {flaw}. Check base_url, or try again later.",
                status=self.answer_status,
            ) from None

    def parse_error(self, status: int, headers: Mapping[str, str], body: bytes) -> KiloError:
        """Return the error of another status; for a path that the server does not know, one that says so."""
        error = parse_error(status, headers, body, model=self._lookup.model, now=datetime.now(UTC))
        if is_unknown_path(error, status):
            return missing_path(f"does not tell {self._lookup.what}", status, headers, model=self._lookup.model)
        if status == HTTPStatus.NOT_FOUND and self._lookup.model is not None:
            message = f"The gateway lists no model {self._lookup.model!r} (HTTP 404). See `kilo-gateway models`."
            return ModelNotFoundError(
                message, model=self._lookup.model, status=status, http_status=status, headers=headers
            )
        return error

    def name_model(self, error: KiloError) -> None:
        """Leave the error as it is: the model that was asked about is in it, and none answered."""


def balance_lookup(settings: Settings) -> Lookup[Balance]:
    """Return how the balance is asked for.

    Raises:
        MissingKeyError: there is no key; nothing was sent.
    """
    _check_key("The balance", settings)
    organization_id = settings.organization_id
    return Lookup(
        "the balance",
        f"{api_root(settings.base_url)}profile/balance",
        lambda body: parse_balance(body, organization_id=organization_id),
    )


def defaults_lookup(settings: Settings) -> Lookup[Defaults]:
    """Return how the default models are asked for: the organization's where one is set.

    Raises:
        MissingKeyError: an organization is set and there is no key; nothing was sent.
    """
    organization_id = settings.organization_id
    if organization_id is not None:
        _check_key("An organization's defaults", settings)
    scope = "" if organization_id is None else f"organizations/{quote(organization_id, safe='')}/"
    return Lookup(
        "default models",
        f"{api_root(settings.base_url)}{scope}defaults",
        lambda body: parse_defaults(body, organization_id=organization_id),
    )


def endpoints_lookup(settings: Settings, model: str) -> Lookup[tuple[ModelEndpoint, ...]]:
    """Return how the providers of one model are asked for. Raises: InvalidModelError for a ref that names none."""
    model_id = parse_model_id(model)
    url = f"{settings.base_url}models/{quote(model_id, safe='/:')}/endpoints"
    return Lookup("the providers of a model", url, parse_endpoints, render_ref(model_id))


def providers_lookup(settings: Settings) -> Lookup[tuple[Provider, ...]]:
    """Return how all providers are asked for."""
    return Lookup("its providers", f"{settings.base_url}providers", parse_providers)


def models_by_provider_lookup(settings: Settings) -> Lookup[tuple[Provider, ...]]:
    """Return how the models of each provider are asked for."""
    return Lookup("its models by provider", f"{settings.base_url}models-by-provider", parse_providers)


def embedding_models_lookup(settings: Settings) -> Lookup[EmbeddingCatalog]:
    """Return how the embedding models are asked for."""
    return Lookup("its embedding models", f"{settings.base_url}embedding-models", parse_embedding_catalog)


def _check_key(what: str, settings: Settings) -> None:
    if not has_credential(settings):
        raise MissingKeyError(f"{what} needs a Kilo API key and there is none. {GET_A_KEY}")
