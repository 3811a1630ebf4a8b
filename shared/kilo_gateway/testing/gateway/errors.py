"""The errors that the gateway itself writes: id -> status, headers, body for each version. Renders; never decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kilo_gateway.testing.data_files import load_table
from kilo_gateway.testing.gateway.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kilo_gateway.testing.options import Version


def error_ids(version: Version | None = None) -> tuple[str, ...]:
    """Return the ids of the gateway's own errors, all or those that the version has."""
    errors = load_table("errors")["errors"]
    return tuple(name for name, row in errors.items() if version is None or version in row["bodies"])


def render_error(
    error_id: str, version: Version, *, status: int | None = None, fill: Mapping[str, str] | None = None
) -> Answer:
    """Return the error as that version writes it; `fill` names values for places such as `<id>`.

    Raises: ValueError when the version has no such error.
    """
    table = load_table("errors")
    row = table["errors"].get(error_id)
    if row is None or version not in row["bodies"]:
        raise ValueError(f"the {version} gateway has no error {error_id!r}; it has {', '.join(error_ids(version))}")
    values = {**table["fill"], **(fill or {})}
    headers = row.get("headers", {}).get(version, {})
    return Answer(
        _filled(row["bodies"][version], values), status=status or row["status"], headers=_filled(headers, values)
    )


def render_refusal(error_id: str, version: Version, *, fill: Mapping[str, str] | None = None) -> Answer:
    """Return an error as that version writes it, or as the other one does when only that one knows it."""
    bodies = load_table("errors")["errors"][error_id]["bodies"]
    return render_error(error_id, version if version in bodies else next(iter(bodies)), fill=fill)


def _filled(value: Any, values: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, values) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, values) for one in value]
    if isinstance(value, str) and "<" in value:
        for place, text in values.items():
            value = value.replace(place, text)
    return value
