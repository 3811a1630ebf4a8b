"""YAML as cassettes use it: block text for several lines, no anchors, and JSON's own kinds of values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from yaml.nodes import Node, ScalarNode

_TAG = "tag:yaml.org,2002:"
_JSON_SCALARS = {
    "int": (r"-?(?:0|[1-9][0-9]*)$", "-0123456789"),
    "float": (r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)$", "-0123456789"),
    "bool": (r"(?:true|false)$", "tf"),
    "null": (r"null$", "n"),
}
"""What is no text when it stands unquoted: YAML's own dates, octal numbers and words such as `no` stay texts."""

_CHANGED_BY_YAML = re.compile("[\x85\u2028\u2029]")
"""Characters that YAML takes for line ends outside of double quotes."""

_ENDLESS = 1 << 30
"""Columns: a value is never folded."""

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc] # PyYAML has no types
    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 - PyYAML's own protocol: filled below


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out: a reader must not look for anchors."""
        return True


def _represent_text(dumper: _Dumper, text: str) -> ScalarNode:
    style = '"' if _CHANGED_BY_YAML.search(text) else "|" if "\n" in text else None
    return dumper.represent_scalar(f"{_TAG}str", text, style=style)


def _represent_float(dumper: _Dumper, number: float) -> ScalarNode:
    return dumper.represent_scalar(f"{_TAG}float", repr(number))


def _represent_list(dumper: _Dumper, items: list[Any]) -> Node:
    is_vector = bool(items) and all(type(item) in {int, float} for item in items)
    return dumper.represent_sequence(f"{_TAG}seq", items, flow_style=is_vector)


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(float, _represent_float)
_Dumper.add_representer(list, _represent_list)
_Dumper.add_implicit_resolver(f"{_TAG}float", re.compile(_JSON_SCALARS["float"][0]), list(_JSON_SCALARS["float"][1]))
for _name, (_pattern, _first) in _JSON_SCALARS.items():
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(_pattern), list(_first))
_Loader.add_constructor(f"{_TAG}float", lambda _, node: float(node.value))
_Loader.add_constructor(f"{_TAG}int", lambda _, node: int(node.value))


def dump(document: Any) -> str:
    """Return the YAML of a document of dicts, lists and plain values; a list of numbers takes one line."""
    text: str = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_ENDLESS, default_flow_style=False
    )
    return text


def load(text: str) -> Any:
    """Return the document of a YAML text.

    Raises:
        ValueError: it is no YAML, or holds what cassettes never hold; says where.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from the safe loader
    except yaml.MarkedYAMLError as error:
        where = "" if error.problem_mark is None else f"line {error.problem_mark.line + 1}: "
        raise ValueError(f"{where}{error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ValueError(str(error).replace("\n", " ")) from error
    except (TypeError, RecursionError) as error:
        raise ValueError(f"it is not the YAML of a cassette ({error})") from error
