"""Whether somebody stands in front of httpx: a tracer, a mock or a cassette must see every request.

Sentry and ddtrace wrap `httpx.Client.send`, OpenTelemetry, pytest-httpx and respx the transports, vcrpy httpcore's
pools. They do so before this module is loaded or at any time after; ddtrace and New Relic wait for its import.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

_LIBRARIES = ("httpx", "httpcore")

_ON_THE_WAY = (
    "__init__",
    "build_request",
    "send",
    "_send_handling_auth",
    "_send_handling_redirects",
    "_send_single_request",
    "_transport_for_url",
)
"""Methods of a client through which a request of ours would go."""


@cache
def _libraries() -> tuple[ModuleType, ModuleType]:
    # One of the two is loaded already, else nobody stands in front of it.
    import httpcore  # noqa: PLC0415
    import httpx  # noqa: PLC0415

    return httpx, httpcore


@cache
def _places() -> tuple[tuple[Any, tuple[str, ...]], ...]:
    httpx, httpcore = _libraries()
    return (
        (httpx, ("Client", "AsyncClient", "HTTPTransport", "AsyncHTTPTransport")),
        (httpx.Client, _ON_THE_WAY),
        (httpx.AsyncClient, _ON_THE_WAY),
        (httpx.HTTPTransport, ("__init__", "handle_request")),
        (httpx.AsyncHTTPTransport, ("__init__", "handle_async_request")),
        (httpcore.ConnectionPool, ("handle_request",)),
        (httpcore.AsyncConnectionPool, ("handle_async_request",)),
    )


@cache
def _homes() -> tuple[str, ...]:
    return tuple(str(Path(module.__file__ or "").parent) for module in _libraries())


def _is_genuine(found: Any) -> bool:
    """Return whether a class or function is httpx's or httpcore's own, not a wrapper of somebody's."""
    if isinstance(found, type):
        return found.__module__.partition(".")[0] in _LIBRARIES
    return type(found) is FunctionType and found.__code__.co_filename.startswith(_homes())


def _look() -> tuple[tuple[dict[str, Any], str, Any], ...]:
    """Return each place with what stands there; something that equals nothing where it is not genuine."""
    seen = []
    for holder, names in _places():
        for name in names:
            found = vars(holder).get(name)
            seen.append((vars(holder), name, found if found is None or _is_genuine(found) else object()))
    return tuple(seen)


_OWN_LOADERS = frozenset({"_frozen_importlib_external", "zipimport", "pyimod02_importers"})
"""Where the loaders of Python, of zip files and of PyInstaller are defined; any other finder may wait for an import."""

_finders: list[Any] = []
"""What was last seen to find modules."""

_is_awaited = False
"""Whether one of them wraps the loader of httpx."""


def _awaits_import() -> bool:
    """Return whether somebody will stand in front of httpx as soon as it is imported."""
    global _finders, _is_awaited  # noqa: PLW0603 - finders come and go
    if sys.meta_path != _finders:
        _finders = list(sys.meta_path)
        spec = find_spec("httpx")
        _is_awaited = spec is not None and type(spec.loader).__module__ not in _OWN_LOADERS
    return _is_awaited


_genuine: tuple[tuple[dict[str, Any], str, Any], ...] = ()
"""What was last seen; empty until one of the libraries is loaded."""


def is_patched() -> bool:
    """Return whether a request that passes httpx's public client by would be missed by somebody. Takes about 1 us.

    In front of a library that is not loaded stands nobody, and it is not loaded to find that out, unless somebody waits
    for that.
    """
    global _genuine  # noqa: PLW0603 - what was patched at first may be taken off later
    if not _genuine:
        if not any(name in sys.modules for name in _LIBRARIES) and not _awaits_import():
            return False
        _genuine = _look()
    for attributes, name, own in _genuine:
        if attributes.get(name) is not own:  # by identity: wrapt's wrappers claim equality
            _genuine = _look()
            return any(attributes.get(name) is not own for attributes, name, own in _genuine)
    return False
