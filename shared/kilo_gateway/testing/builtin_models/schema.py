"""Fills a JSON schema from a text: values of the text where they fit, else the smallest valid ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped]

from kilo_gateway.testing.builtin_models.bounds import plain, within
from kilo_gateway.testing.builtin_models.strings import find_string, is_sentence_field, least_string, topic
from kilo_gateway.testing.builtin_models.values import name_words

if TYPE_CHECKING:
    from kilo_gateway.testing.builtin_models.values import Finder

MISSING: Any = object()
_MAX_DEPTH = 8
_FORMATS = jsonschema.FormatChecker()
_YES = ("true", "yes", "enabled", "on")


def fill_schema(schema: Any, finder: Finder | None, *, fallback: str = "", takes_optional: bool = True) -> Any:
    """Return a value that is valid against the schema; `fallback` is the text for strings that nothing was found for.

    `takes_optional` says whether optional fields that the text does not mention get a value too.
    """
    root = schema if isinstance(schema, dict) else {}
    value = _Filler(root, finder, fallback, takes_optional=takes_optional).value(root, "", is_required=True, depth=0)
    if _is_valid(value, root):
        return value
    return _Filler(root, None, "", takes_optional=False).value(root, "", is_required=True, depth=0)


def _is_valid(value: Any, schema: dict[str, Any]) -> bool:
    try:
        return bool(jsonschema.validators.validator_for(schema)(schema, format_checker=_FORMATS).is_valid(value))
    except Exception:  # noqa: BLE001 - a schema that is broken itself cannot be held against the value
        return True


class _Filler:
    """Walks one schema; without a finder every value is the smallest valid one."""

    def __init__(self, root: dict[str, Any], finder: Finder | None, fallback: str, *, takes_optional: bool) -> None:
        self._root = root
        self._finder = finder
        self._fallback = fallback
        self._takes_optional = takes_optional

    def value(self, schema: Any, name: str, *, is_required: bool, depth: int) -> Any:
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self._enum(schema, name, is_required=is_required)
        branches = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(branches, list) and branches:
            return self._branch(schema, branches, name, is_required=is_required, depth=depth)
        kind = self._kind(schema)
        if kind == "object":
            return self._object(schema, name, is_required=is_required, depth=depth)
        if kind == "array":
            return self._array(schema, name, is_required=is_required, depth=depth)
        found = self._scalar(schema, kind, name, is_required=is_required)
        if found is not MISSING:
            return found
        if "default" in schema:
            return schema["default"] if is_required else MISSING
        return self._least(schema, kind, name) if is_required else MISSING

    def _resolved(self, given: Any) -> dict[str, Any]:
        """Return the schema with its reference followed and its `allOf` merged."""
        schema: Any = given
        for _ in range(_MAX_DEPTH):
            reference = schema.get("$ref") if isinstance(schema, dict) else None
            if not isinstance(reference, str) or not reference.startswith("#"):
                break
            target: Any = self._root
            for part in reference.lstrip("#/").split("/") if reference != "#" else []:
                target = target.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(target, dict) else {}
            schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
        resolved: dict[str, Any] = schema if isinstance(schema, dict) else {}
        parts = resolved.get("allOf")
        if not isinstance(parts, list):
            return resolved
        merged = {key: value for key, value in resolved.items() if key != "allOf"}
        for merging in map(self._resolved, parts):
            properties = {**merged.get("properties", {}), **merging.get("properties", {})}
            required = [*merged.get("required", []), *merging.get("required", [])]
            merged = {**merging, **merged, "properties": properties, "required": required}
        return {key: value for key, value in merged.items() if value or key not in ("properties", "required")}

    @staticmethod
    def _kind(schema: dict[str, Any]) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        if isinstance(kind, str):
            return kind
        marks = {"properties": "object", "items": "array", "minimum": "number", "maximum": "number"}
        return next((value for key, value in marks.items() if key in schema), "string")

    def _enum(self, schema: dict[str, Any], name: str, *, is_required: bool) -> Any:
        text = self._finder.text.lower() if self._finder else ""
        for choice in schema["enum"]:
            words = str(choice).lower().replace("_", " ")
            if isinstance(choice, str) and words and (f" {words}" in f" {text}" or f" {choice.lower()}" in f" {text}"):
                return choice
        if not is_required:
            return MISSING
        return schema.get("default", schema["enum"][0])

    def _branch(self, schema: dict[str, Any], branches: list[Any], name: str, *, is_required: bool, depth: int) -> Any:
        resolved = [self._resolved(one) for one in branches]
        useful = [one for one in resolved if one.get("type") != "null" and one.get("const", 0) is not None]
        is_nullable = len(useful) < len(resolved)
        outer = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf", "default")}
        if is_nullable and depth >= _MAX_DEPTH:
            return None
        for one in useful:
            found = self.value({**outer, **one}, name, is_required=not is_nullable, depth=depth + 1)
            if found is not MISSING:
                return found
        if not is_required:
            return MISSING
        return (
            schema.get("default") if is_nullable else self.value(branches[0], name, is_required=True, depth=depth + 1)
        )

    def _object(self, schema: dict[str, Any], name: str, *, is_required: bool, depth: int) -> Any:
        properties = schema.get("properties")
        required = [key for key in schema.get("required") or [] if isinstance(key, str)]
        if depth > _MAX_DEPTH and not is_required:
            return MISSING
        rows: dict[str, Any] = properties if isinstance(properties, dict) else {}
        filled: dict[str, Any] = {}
        for key in [*required, *(key for key in rows if key not in required)]:
            needs = key in required
            if not needs and depth > _MAX_DEPTH // 2:
                continue
            found = self.value(rows.get(key, {}), key, is_required=needs, depth=depth + 1)
            if found is not MISSING:
                filled[key] = found
        if not filled and not is_required:
            return MISSING
        extra = schema.get("additionalProperties")
        for number in range(len(filled), int(schema.get("minProperties") or 0)):
            filled[f"key{number}"] = self.value(extra, "", is_required=True, depth=depth + 1)
        return {key: filled[key] for key in [*(k for k in rows if k in filled), *(k for k in filled if k not in rows)]}

    def _array(self, schema: dict[str, Any], name: str, *, is_required: bool, depth: int) -> Any:
        least = int(schema.get("minItems") or 0)
        most = schema.get("maxItems")
        items = self._resolved(schema.get("items", {}))
        first = schema.get("prefixItems") or []
        values = [self.value(one, "", is_required=True, depth=depth + 1) for one in first]
        values.extend(self._found_items(items))
        if isinstance(most, int):
            values = values[:most]
        wants_more = is_required and not values and self._finder is not None and depth < _MAX_DEPTH
        if self._kind(items) == "object" and wants_more and most != 0:
            values.append(self.value(items, name, is_required=True, depth=depth + 1))
        if not values and not is_required:
            return MISSING
        if schema.get("uniqueItems"):
            values = [value for at, value in enumerate(values) if value not in values[:at]]
        while len(values) < least:
            values.append(self._another(items, name, values, is_unique=bool(schema.get("uniqueItems")), depth=depth))
        return values

    def _found_items(self, items: dict[str, Any]) -> list[Any]:
        kind = self._kind(items)
        if self._finder is None:
            return []
        if isinstance(items.get("enum"), list):
            text = self._finder.text.lower()
            return [one for one in items["enum"] if str(one).lower() in text]
        if kind in ("number", "integer"):
            numbers, self._finder.numbers = self._finder.numbers, []
            return [int(one) if kind == "integer" else plain(one) for one in numbers]
        return list(self._finder.several()) if kind == "string" else []

    def _another(self, items: dict[str, Any], name: str, values: list[Any], *, is_unique: bool, depth: int) -> Any:
        value = self.value(items, name, is_required=True, depth=depth + 1)
        if not is_unique or value not in values:
            return value
        choices = items.get("enum") or []
        others = [one for one in choices if one not in values]
        if others:
            return others[0]
        return len(values) + int(items.get("minimum", 0)) if isinstance(value, int | float) else f"{value}{len(values)}"

    def _scalar(self, schema: dict[str, Any], kind: str, name: str, *, is_required: bool) -> Any:
        if self._finder is None:
            return MISSING
        if kind in ("number", "integer"):
            number = self._finder.take_number(name)
            return MISSING if number is None else within(number, schema, kind)
        if kind == "boolean":
            return _find_boolean(self._finder.text, name, is_required=is_required)
        if kind == "null":
            return None
        found = find_string(self._finder, name, schema, is_required=is_required or self._takes_optional)
        if found is None and is_required and not {"format", "pattern"} & set(schema):
            found = self._prose(name)
        return MISSING if found is None else found[: schema.get("maxLength", len(found))]

    def _prose(self, name: str) -> str | None:
        """Return the fallback where a whole sentence fits, else what the text is about."""
        wants_all = is_sentence_field(name) or not name or not self._takes_optional
        text = self._fallback if wants_all or self._finder is None else topic(self._finder.text)
        return text or None

    @staticmethod
    def _least(schema: dict[str, Any], kind: str, name: str) -> Any:
        if kind in ("number", "integer"):
            return within(0, schema, kind)
        return {"boolean": False, "null": None}[kind] if kind in ("boolean", "null") else least_string(schema, name)


def _find_boolean(text: str, name: str, *, is_required: bool) -> Any:
    words = [
        word for word in name_words(name) if word not in ("is", "has", "include", "use", "with", "enable", "should")
    ]
    lowered = text.lower()
    mentioned = next((word for word in words if word in lowered), None)
    if mentioned is None:
        return False if is_required else MISSING
    before = lowered[: lowered.find(mentioned)].split()[-3:]
    return not any(word in ("no", "not", "without", "don't", "never", "disable", "isn't") for word in before)
