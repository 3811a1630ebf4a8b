"""What both embedding classes do with their fields: check them, and make them the options of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from kilo_gateway.embeddings import check_inputs, render_embedding_options
from kilo_gateway.refs import parse_model_id
from kilo_gateway.request.options import EMBEDDING_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULT_EMBEDDING_MODEL", "check_embedding_fields", "check_inputs", "options_of_texts"]

DEFAULT_EMBEDDING_MODEL: Final = "openai/text-embedding-3-small"

_FIELDS = tuple(name for name in (*EMBEDDING_OPTIONS, "extra_body") if name != "input_type")
"""Options that are fields; what the texts are differs by the method that is called."""


def options_of_texts(fields: Mapping[str, Any], input_type: str | None) -> dict[str, Any]:
    """Return the options of a request for texts of that type."""
    return {"input_type": input_type, **{name: fields.get(name) for name in _FIELDS}}


def check_embedding_fields(given: Mapping[str, Any], *, model: str | None, input_types: tuple[str, ...]) -> None:
    """Refuse values that the wire cannot take, before pydantic would bend them.

    `input_types` are the fields that say what texts are.

    Raises:
        InvalidModelError: a model ref that cannot be read.
        InvalidRequestError: a value of the wrong kind.
    """
    model_id = parse_model_id(DEFAULT_EMBEDDING_MODEL if model is None else model)
    for field in input_types:
        render_embedding_options(options_of_texts(given, given.get(field)), model_id=model_id)
