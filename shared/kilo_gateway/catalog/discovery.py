"""What this process knows of each gateway: its model list, with an age limit, and the successor of `kilo/auto`.

Remembers and decides; never fetches. A failed fetch leaves the bundled catalog in place and says so once.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from kilo_gateway.catalog.catalog import Catalog, bundled_catalog, merge_catalogs, parse_catalog
from kilo_gateway.forks import call_in_child
from kilo_gateway.jsontext import loads_answer
from kilo_gateway.request.families import is_free_id
from kilo_gateway.settings.auth import has_credential
from kilo_gateway.settings.timeouts import Timeouts

if TYPE_CHECKING:
    from kilo_gateway.errors import KiloError
    from kilo_gateway.settings.settings import Settings

logger = logging.getLogger("kilo_gateway")

DISCOVERY_TIMEOUTS = Timeouts(connect=1.5, read=4.5, silence=5.0, total=5.0)
"""Together at most about five seconds, which is what the provider page allows discovery."""

MAX_AGE_SECONDS = 600.0
"""How long a fetched list is used before it is fetched anew."""

MAX_FAILURE_AGE_SECONDS = 60.0
"""How long a failed fetch is not repeated."""

MOST_KEPT: Final = 100
"""How many lists are remembered; a server whose users bring keys of their own would fill its memory with them."""

Account = tuple[str, str | None, str]
"""Base URL, organization, and a digest of the key: lists differ by account."""


@dataclass(frozen=True, slots=True)
class _Known:
    catalog: Catalog
    fetched_at: float
    is_live: bool


_known: dict[Account, _Known] = {}
_successors: dict[str, str] = {}
_warned: set[Account] = set()
_lock = threading.Lock()


def account_of(settings: Settings) -> Account:
    """Return the key under which a model list is remembered."""
    key = "" if settings.api_key is None else settings.api_key.get_secret_value()
    digest = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
    return settings.base_url, settings.organization_id, digest


def known_catalog(settings: Settings) -> Catalog:
    """Return the catalog as known now: the live list, of whatever age, over the bundled one. No I/O."""
    known = _known.get(account_of(settings))
    return bundled_catalog() if known is None else known.catalog


def was_asked(settings: Settings) -> bool:
    """Return whether this process has asked for this account's list before, with or without success."""
    return account_of(settings) in _known


def fresh_catalog(settings: Settings, *, now: float) -> Catalog | None:
    """Return the catalog when it needs no new fetch yet; None when it does. `now` is of the monotonic clock."""
    known = _known.get(account_of(settings))
    if known is None:
        return None
    limit = MAX_AGE_SECONDS if known.is_live else MAX_FAILURE_AGE_SECONDS
    return known.catalog if now - known.fetched_at < limit else None


def read_catalog(body: bytes) -> Catalog:
    """Return the merged catalog of a `/models` answer.

    Raises:
        MalformedAnswerError: no usable model list.
    """
    try:
        parsed = loads_answer(body)
    except ValueError:
        parsed = None
    models, skipped = parse_catalog(parsed)
    if skipped:
        logger.warning("The gateway's model list has %d unusable rows: %s", len(skipped), "; ".join(skipped[:5]))
    return merge_catalogs(models, bundled_catalog(), skipped=skipped)


def remember_catalog(settings: Settings, catalog: Catalog, *, now: float) -> Catalog:
    """Keep a fetched catalog and return it."""
    with _lock:
        account = account_of(settings)
        _keep(account, _Known(catalog, now, is_live=True))
        _warned.discard(account)
    return catalog


def remember_failure(settings: Settings, error: KiloError, *, now: float) -> Catalog:
    """Keep what is known, warn once, and return it: discovery never fails its caller."""
    account = account_of(settings)
    with _lock:
        known = _known.get(account)
        catalog = bundled_catalog() if known is None else known.catalog
        _keep(account, _Known(catalog, now, is_live=False))
        is_first = account not in _warned
        _warned.add(account)
    if is_first:
        logger.warning("Model discovery failed, the bundled catalog is used: %s", error)
    return catalog


def _keep(account: Account, known: _Known) -> None:
    """Remember a list as the newest, and forget the oldest where there are too many. Needs the lock."""
    _known.pop(account, None)
    _known[account] = known
    if len(_known) > MOST_KEPT:
        oldest = next(iter(_known))
        del _known[oldest]
        _warned.discard(oldest)


def known_to_be_free(settings: Settings, model_id: str) -> bool:
    """Return whether a model is free by its id, or by the catalog as known now."""
    return is_free_id(model_id) or known_catalog(settings).is_free(model_id) is True


def needs_live_list(settings: Settings, model_id: str) -> bool:
    """Return whether only the live list can tell that a model may be used without a key."""
    return not has_credential(settings) and not known_to_be_free(settings, model_id)


def successor_of_auto(settings: Settings) -> str | None:
    """Return the remembered successor of `kilo/auto` at this gateway."""
    return _successors.get(settings.base_url)


def remember_successor(settings: Settings, model_id: str) -> None:
    """Keep the successor of `kilo/auto` for this gateway and log the choice once."""
    with _lock:
        is_new = _successors.get(settings.base_url) != model_id
        _successors[settings.base_url] = model_id
    if is_new:
        logger.warning("%s no longer knows kilo/auto; %s is asked instead.", settings.base_url, model_id)


def forget() -> None:
    """Forget everything, as at the start of a process. For tests, and after switching accounts."""
    with _lock:
        _known.clear()
        _successors.clear()
        _warned.clear()


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603 - a thread that held it may not exist in the child
    _lock = threading.Lock()


call_in_child(_renew_lock)
