"""The errors that the gateway itself writes: id -> status, headers, body. Renders; never decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.data_files import load_table
from kilo_gateway.testing.gateway.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping


def error_ids() -> tuple[str, ...]:
    """Return the ids of the gateway's own errors."""
    return tuple(load_table("errors")["errors"])


def render_error(error_id: str, *, status: int | None = None, fill: Mapping[str, str] | None = None) -> Answer:
    """Return the error as the gateway writes it; `fill` names values for places such as `<id>`.

    Raises: ValueError when there is no such error.
    """
    table = load_table("errors")
    row = table["errors"].get(error_id)
    if row is None:
        raise ValueError(f"the gateway has no error {error_id!r}; it has {', '.join(error_ids())}")
    values = {**table["fill"], **(fill or {})}
    headers = _filled(row.get("headers", {}), values)
    return Answer(_filled(row["body"], values), status=status or row["status"], headers=headers)


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, values) for key, one in value.items()}
    if isinstance(value, str) and "<" in value:
        for place, text in values.items():
            value = value.replace(place, text)
    return value
