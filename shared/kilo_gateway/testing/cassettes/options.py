"""The arguments of the marker and of `use_cassette`, checked. Decides from plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kilo_gateway.errors.nearest import nearest_name
from kilo_gateway.testing.cassettes.errors import CassetteError
from kilo_gateway.testing.cassettes.pieces import Pieces, parse_pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

_LISTS = ("ignore", "hosts", "models")
_NAMES = frozenset({*_LISTS, "repeats", "pieces", "network", "strict"})
_OF_CALLERS = frozenset({"name", "record"})
"""Arguments that whoever makes a session of a cassette reads itself."""


@dataclass(frozen=True)
class CassetteOptions:
    """How a cassette is used."""

    ignore: tuple[str, ...] = ()
    """Fields of the body that may change, such as `messages[0].content` or `metadata`."""
    hosts: tuple[str, ...] = ()
    """Further hosts whose httpx traffic goes into the cassette."""
    repeats: bool = False
    """Whether an answer may be given more than once."""
    pieces: Pieces = field(default_factory=Pieces)
    network: bool | tuple[str, ...] = False
    """What may be reached while replaying, beside this machine: nothing, these hosts, or (True) everything."""
    models: tuple[str, ...] = ()
    """The entries that are kept of a model list when it is recorded; empty keeps all."""
    strict: bool = False
    """Whether answers that nobody asked for are an error."""


def parse_options(given: Mapping[str, Any]) -> CassetteOptions:
    """Return how a cassette is to be used.

    Raises:
        CassetteError: an option that does not exist, or a value that it cannot have.
    """
    for name in sorted(given.keys() - _NAMES):
        known = sorted(_NAMES | _OF_CALLERS)
        near = nearest_name(name, known)
        hint = f" Did you mean {near}?" if near else ""
        raise CassetteError(f"A cassette has no option {name}.{hint} There are {', '.join(known)}.")
    values: dict[str, Any] = dict(given)
    for name in _LISTS:
        values[name] = _texts(name, given.get(name) or ())
    network = given.get("network") or False
    values["network"] = True if network is True else _texts("network", network or ())
    return CassetteOptions(**{**values, "pieces": parse_pieces(given.get("pieces"))})


def _texts(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple, set, frozenset)) or not all(isinstance(one, str) for one in value):
        raise CassetteError(f"{name} must be a list of texts, not {value!r}.")
    return tuple(value)
