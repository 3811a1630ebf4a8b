"""The model list of an account: what is asked for, and what is known afterwards, also when nothing came."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from kilo_gateway.catalog import discovery
from kilo_gateway.clock import monotonic
from kilo_gateway.errors import KiloError
from kilo_gateway.errors.bodies import parse_error
from kilo_gateway.errors.redaction import redact_error
from kilo_gateway.settings.auth import render_headers
from kilo_gateway.transport.exchange import Exchange, Outgoing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.catalog.catalog import Catalog
    from kilo_gateway.settings.settings import Settings
    from kilo_gateway.transport.carrier import Carrier


def request_of_models(settings: Settings) -> Outgoing:
    """Return the request for the list, which is given up after about five seconds."""
    bounds = discovery.DISCOVERY_TIMEOUTS
    headers = render_headers(settings, environ=os.environ, has_body=False)
    deadline = monotonic() + (bounds.total or 0)
    return Outgoing("GET", f"{settings.base_url}models", headers, None, bounds, deadline=deadline)


def read_models(settings: Settings, status: int, headers: Mapping[str, str], body: bytes) -> Catalog:
    """Return the catalog of an answer, which is remembered.

    Raises:
        KiloError: the answer holds no list.
    """
    if status != 200:  # noqa: PLR2004 - the one status of a list
        raise parse_error(status, headers, body, now=datetime.now(UTC))
    return discovery.remember_catalog(settings, discovery.read_catalog(body), now=monotonic())


def known_models_after(settings: Settings, error: KiloError) -> Catalog:
    """Return what is known of the models when the list could not be had; the failure is remembered."""
    redact_error(error, settings.secrets())
    return discovery.remember_failure(settings, error, now=monotonic())


def fetch_models(settings: Settings, carrier: Carrier) -> Catalog:
    """Return the catalog after asking the gateway, blocking: a constructor cannot await. Raises for no failure."""
    exchange = Exchange(request_of_models(settings))
    try:
        exchange.open(carrier)
        return read_models(settings, exchange.status, exchange.headers, exchange.read())
    except KiloError as error:
        return known_models_after(settings, error)
    finally:
        exchange.close()
