"""Objects of a framework's as copies of one that its constructor made, where only known fields differ.

The constructor validates what is valid already, most of what a chunk or a message costs here. A field that a framework
adds is in the object that is copied. `test_copied_chunks.py` and `test_copied_messages.py` of both adapters hold copies
equal to what the constructors make of the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from pydantic import BaseModel

M = TypeVar("M", bound="BaseModel")

_set = object.__setattr__  # pydantic's own would look at each attribute


class Copies(Generic[M]):
    """Makes objects like one, which share no container with it."""

    def __init__(self, model: M) -> None:
        self._class = type(model)
        self._fields = model.__dict__
        self._containers = [name for name, value in self._fields.items() if isinstance(value, (list, dict))]
        self._set_fields = model.__pydantic_fields_set__
        self._extra = model.__pydantic_extra__
        self._private = model.__pydantic_private__

    def make(self, said: dict[str, Any]) -> M:
        """Return a copy with other values in some of the fields that were given to the constructor."""
        fields = self._fields.copy()
        fields.update(said)
        for name in self._containers:
            if name not in said:
                fields[name] = fields[name].copy()
        made = object.__new__(self._class)
        extra, private = self._extra, self._private
        _set(made, "__dict__", fields)
        _set(made, "__pydantic_fields_set__", self._set_fields.copy())
        _set(made, "__pydantic_extra__", None if extra is None else extra.copy())
        _set(made, "__pydantic_private__", None if private is None else private.copy())
        return made
