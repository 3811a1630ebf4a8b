"""Pydantic models -> JSON schemas as gateways take them, and answers -> instances. Decides; asks nobody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from llama_index.core.base.llms.types import ToolCallBlock
from llama_index.core.program.utils import create_flexible_model
from pydantic import BaseModel, ValidationError

from kilo_gateway.errors import AnswerError
from llama_index_kilo.tools import parse_partial_object

if TYPE_CHECKING:
    from llama_index.core.base.llms.types import ChatResponse

M = TypeVar("M", bound=BaseModel)

_LONGEST_NAME = 64
"""Characters of a schema's name."""


class StructuredAnswerError(AnswerError, ValueError):
    """The answer is not an instance of the model class that was asked for; `snippet` holds what it was."""


def render_object_schema(output_cls: type[BaseModel]) -> dict[str, Any] | None:
    """Return the schema of a class with an object at its root; None for any other root, which cannot be asked for."""
    schema = output_cls.model_json_schema()
    root = schema.get("$ref")
    if isinstance(root, str):  # a class that refers to itself
        schema = {**schema["$defs"][root.rpartition("/")[2]], "$defs": schema["$defs"]}
    return schema if schema.get("type") == "object" else None


def render_response_format(output_cls: type[BaseModel], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the `response_format` that asks for the schema, strictly where strictness can express it."""
    name = re.sub(r"[^a-zA-Z0-9_-]", "_", str(schema.get("title") or output_cls.__name__))[:_LONGEST_NAME]
    closed = _close(schema)
    wanted = {"name": name, "strict": closed is not None, "schema": schema if closed is None else closed}
    return {"type": "json_schema", "json_schema": wanted}


_FORMS = frozenset({"type", "anyOf", "$ref", "enum", "const", "allOf"})
"""Keys of which one says what a value may be; a schema without any allows everything."""
_OPEN = frozenset({"oneOf", "discriminator", "patternProperties"})
"""Keys that strictness knows no form of."""


def _close(schema: dict[str, Any]) -> dict[str, Any] | None:
    """Return the schema with every object closed and every property required; None where something must stay open.

    Providers take a schema strictly in this form only. Defaults go: what is required has none.
    """
    if _is_open(schema):
        return None
    if "$ref" in schema:
        return {"$ref": schema["$ref"]} | ({"$defs": schema["$defs"]} if "$defs" in schema else {})
    closed = {key: value for key, value in schema.items() if key != "default"}
    for key in ("properties", "$defs", "anyOf", "allOf", "items"):
        if key in closed:
            closed[key] = _close_under(closed[key], is_schema=key == "items")
            if closed[key] is None:
                return None
    if "properties" in closed:
        closed |= {"required": list(closed["properties"]), "additionalProperties": False}
    return closed


def _is_open(schema: dict[str, Any]) -> bool:
    if schema.get("additionalProperties") or (schema.get("type") == "object" and not schema.get("properties")):
        return True
    return _FORMS.isdisjoint(schema) or not _OPEN.isdisjoint(schema)


def _close_under(value: Any, *, is_schema: bool) -> Any:
    """Return a schema, a list of them or a mapping of names to them, closed; None where one cannot be."""
    if is_schema:
        return _close(value)
    if isinstance(value, list):
        items = [_close(item) for item in value]
        return None if None in items else items
    named = {name: _close(item) for name, item in value.items()}
    return None if None in named.values() else named


def parse_structured(output_cls: type[M], response: ChatResponse, *, model: str) -> M:
    """Return the instance that an answer describes, in its tool call or in its text.

    Raises:
        StructuredAnswerError: refused, cut off, or not what the class demands.
    """
    answer = _find_answer(response)
    try:
        if isinstance(answer, dict):
            return output_cls.model_validate(answer)
        return output_cls.model_validate_json(_trim(answer))
    except ValidationError as error:
        raise StructuredAnswerError(
            f"Model {model!r} was asked for a {output_cls.__name__} and {_explain(response, error)}",
            model=model,
            snippet=str(answer)[:300],
        ) from error


def _explain(response: ChatResponse, error: ValidationError) -> str:
    if response.additional_kwargs.get("refusal"):
        return f"refused: {response.additional_kwargs['refusal']}"
    if response.additional_kwargs.get("finish_reason") == "length":
        return "its answer was cut off. Raise max_tokens."
    problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:5])
    return f"its answer does not fit ({problems}). Try again, or choose another model."


def _find_answer(response: ChatResponse) -> dict[str, Any] | str:
    """Return the arguments of the first tool call, else the text."""
    for block in response.message.blocks:
        if isinstance(block, ToolCallBlock):
            return block.tool_kwargs
    return response.message.content or ""


def _trim(text: str) -> str:
    """Return the text without what some models put around JSON."""
    begin, end = text.find("{"), text.rfind("}")
    return text[begin : end + 1] if begin >= 0 and end > begin else text


class Partials:
    """What is there of an object while its answer arrives: instances of the class, or of a loose twin until it fits."""

    def __init__(self, output_cls: type[BaseModel]) -> None:
        self._output_cls = output_cls
        self._loose = create_flexible_model(output_cls)
        self._latest: dict[str, Any] | None = None

    def add(self, response: ChatResponse) -> BaseModel | None:
        """Return the object so far; None when the response adds nothing to it."""
        answer = _find_answer(response)
        known = answer if isinstance(answer, dict) else parse_partial_object(answer[max(answer.find("{"), 0) :])
        if known is None or known == self._latest:
            return None
        self._latest = known
        for cls in (self._output_cls, self._loose):
            try:
                return cls.model_validate(known)
            except ValidationError:
                continue
        return None
