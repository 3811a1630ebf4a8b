"""Objects of a framework's as copies of one that its constructor made, where only known fields differ.

The constructor validates what is valid already, most of what a chunk or a message costs here. A field that a framework
adds is in the object that is copied. `test_copied_chunks.py` and `test_copied_messages.py` of both adapters hold copies
equal to what the constructors make of the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Callable

M = TypeVar("M", bound=BaseModel)

# Pydantic's own `__setattr__` would look at each attribute.
_SETTERS = {
    "set_fields": BaseModel.__dict__["__dict__"].__set__,
    "set_names": BaseModel.__dict__["__pydantic_fields_set__"].__set__,
    "set_extra": BaseModel.__dict__["__pydantic_extra__"].__set__,
    "set_private": BaseModel.__dict__["__pydantic_private__"].__set__,
}


def copier(model: M, *names: str) -> Callable[..., M]:
    """Return a function of the values of some fields, in this order, that makes objects like one with these values.

    The fields are among those that were given to the constructor. No two objects share a container of the others.
    The function is compiled from source, as those of dataclasses are: a dict whose items are written out is made in
    half the time that copying and changing one takes.
    """
    values: dict[str, Any] = {
        "new": object.__new__,
        "model_class": type(model),
        "extra": model.__pydantic_extra__,
        "names_set": model.__pydantic_fields_set__,
        "private": model.__pydantic_private__,
        **_SETTERS,
    }
    items = []
    for place, (name, value) in enumerate(model.__dict__.items()):
        values[f"field_{place}"] = value
        items.append(f"{name!r}: {name if name in names else _fresh(f'field_{place}', value)}")
    lines = (
        f"def make({', '.join(names)}):",
        "made = new(model_class)",
        f"set_fields(made, {{{', '.join(items)}}})",
        "set_names(made, names_set.copy())",
        f"set_extra(made, {_fresh('extra', values['extra'])})",
        f"set_private(made, {_fresh('private', values['private'])})",
        "return made",
    )
    exec("\n    ".join(lines), values)  # noqa: S102 - of names of fields only
    make: Callable[..., M] = values["make"]
    return make


def _fresh(name: str, value: Any) -> str:
    """Return the expression of a value, or of a copy of a container."""
    if not isinstance(value, (dict, list)):
        return name
    return f"{name}.copy()" if value else repr(value)
