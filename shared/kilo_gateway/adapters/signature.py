"""The arguments of a model object as `?`, completion and `help` show them: its fields, by name. Made when asked for."""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel


class _DefaultFactory:
    """A default that is made anew for each object."""

    def __repr__(self) -> str:
        return "<factory>"


_FACTORY = _DefaultFactory()


class FieldSignature:
    """The `__signature__` of a class that pydantic has not built yet: it would show those of a base instead."""

    def __get__(self, instance: object, owner: type[BaseModel]) -> Signature:
        parameters = []
        for name, field in owner.model_fields.items():
            default: Any = Parameter.empty if field.is_required() else field.default
            if field.default_factory is not None:
                default = _FACTORY
            shown = field.annotation or Any
            parameters.append(Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=shown))
        return Signature(parameters)
